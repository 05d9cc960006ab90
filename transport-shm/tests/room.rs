//! Writers that wait for room, and readers that make only a little of it.

mod support;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel as queue};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use channel::{Channel, Domain, Options, ReadError, WriteError};
use support::place;
use transport_shm::Shm;

/// For whatever is sure to happen, on a machine however busy.
const LIMIT: Duration = Duration::from_secs(60);
const CAPACITY: usize = 4096;

fn pair() -> (Channel, Channel) {
    let [here, there] = [Domain::new(), Domain::new()];
    for domain in [&here, &there] {
        domain.add(Shm::new());
    }
    let options = Options::new().with_capacity(CAPACITY);
    let server = here.broker_with("server", options.clone()).unwrap();
    let at = place("server");
    let _bound = server.listen(&at).unwrap();
    let client = there.broker_with("client", options).unwrap();
    let connecting = thread::spawn(move || client.connect_at(&at, 7, Some(LIMIT)).unwrap());
    let ours = server.accept_timeout(7, LIMIT).unwrap();
    (ours, connecting.join().unwrap())
}

struct Tells(std::sync::mpsc::Sender<()>);

impl Wake for Tells {
    fn wake(self: Arc<Self>) {
        self.0.send(()).ok();
    }
}

fn teller() -> (Receiver<()>, Waker) {
    let (told, news) = queue();
    (news, Arc::new(Tells(told)).into())
}

/// Lets so much time pass that whoever said that it sleeps has been looked after for the first time. (If it
/// has not, a test that needs this shows less.)
fn a_while(quiet: &mut Channel) {
    let nothing = quiet.read_timeout(&mut [0], Duration::from_millis(30));
    assert!(matches!(nothing, Err(ReadError::TimedOut)));
}

// shows C2, C3: the reader takes less than is worth a bell, and never comes back.
#[test]
fn a_writer_that_has_slept_for_long_hears_of_a_single_byte_of_room() {
    let (mut quiet, _quiet) = pair();
    let (mut ours, mut theirs) = pair();
    ours.write_all(&[1; CAPACITY]).unwrap();
    let (news, waker) = teller();
    let mut cx = Context::from_waker(&waker);
    assert!(ours.poll_write(&mut cx, b"x").is_pending());
    a_while(&mut quiet);
    while news.try_recv().is_ok() {}
    theirs.read_exact(&mut [0]).unwrap();
    news.recv_timeout(LIMIT).expect("it is woken");
    assert_eq!(ours.try_write(b"xy").unwrap(), 1);

    // And so does a blocked one.
    let writing = thread::spawn(move || {
        let written = ours.write(b"x");
        (written, ours)
    });
    a_while(&mut quiet);
    theirs.read_exact(&mut [0]).unwrap();
    assert_eq!(writing.join().unwrap().0.unwrap(), 1);
}

// shows C2, C3: two sides that both write before they read, and make room for each other only a little.
#[test]
fn two_sides_that_sleep_in_their_writes_hear_of_the_room_there_is() {
    let (ours, theirs) = pair();
    let side = |mut channel: Channel| {
        move || {
            let mut read = 0;
            for _ in 0..200 {
                channel.write_all(&[1; CAPACITY / 8 + 1]).unwrap();
                while let Err(WriteError::TimedOut) = channel.write_timeout(b"x", Duration::ZERO) {
                    // Less than a quarter.
                    read += channel.read(&mut [0; 100]).unwrap();
                }
                while let Ok(n @ 1..) = channel.try_read(&mut [0; 600]) {
                    read += n;
                }
            }
            channel.writer_mut().finish().unwrap();
            while let n @ 1.. = channel.read(&mut [0; CAPACITY]).unwrap() {
                read += n;
            }
            read
        }
    };
    let (done, read) = queue();
    for mut side in [side(ours), side(theirs)] {
        let done = done.clone();
        thread::spawn(move || done.send(side()));
    }
    for _ in 0..2 {
        let read = read.recv_timeout(LIMIT).expect("nobody hangs");
        assert_eq!(read, 200 * (CAPACITY / 8 + 2));
    }
}
