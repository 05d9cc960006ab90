//! What links take that have nothing to do.

use super::{Linked, Mode, ToMaster};
use crate::machine::process_cpu;
use crate::sockets::Way;
use channel::{Broker, Domain};
use std::thread;
use std::time::Duration;
use transport_serial::Serial;

/// CPU time of this whole process in so much time, with a link whose two ends are here and a channel that somebody
/// waits at.
pub fn idle_link<M: Mode>(time: Duration) -> Duration {
    let (mut asleep, other) = <Linked<M, ToMaster> as Way>::connect();
    let handle = asleep.handle();
    let reader = thread::spawn(move || asleep.read(&mut [0; 16]).is_ok());
    let spent = spent_in(time);
    handle.disconnect();
    let _ = reader.join().expect("the reader");
    drop(other);
    spent
}

/// The same with a serial device that is not there, which somebody listens at and somebody dials.
pub fn absent_device(time: Duration) -> Duration {
    let at = "serial:///dev/ttyNowhere0".parse().expect("an endpoint");
    let broker = |name: &str| -> Broker {
        let domain = Domain::new();
        domain.add(Serial::new());
        domain.broker(name).expect("a new domain")
    };
    let server = broker("server");
    let _bound = server.listen(&at).expect("it may come");
    let client = broker("client");
    let dialling =
        thread::spawn(move || client.connect_at(&at, 1, Some(time + SETTLED * 2)).is_err());
    let spent = spent_in(time);
    assert!(dialling.join().expect("the thread that dials"), "no device");
    spent
}

/// What happens at the beginning is over.
const SETTLED: Duration = Duration::from_millis(500);

fn spent_in(time: Duration) -> Duration {
    thread::sleep(SETTLED);
    let before = process_cpu();
    thread::sleep(time);
    process_cpu() - before
}
