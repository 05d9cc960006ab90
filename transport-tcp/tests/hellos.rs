//! More strangers at once than may be in the middle of their hello.
mod support;

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use channel::wire::hello::{Hello, Message};
use channel::{Broker, Options};
use support::{LIMIT, at, domain, foreign};

const PLACES: usize = 4;
const STRANGERS: usize = 20;

fn server() -> (Broker, channel::Bound) {
    let options = Options::new().with_max_hellos(PLACES);
    let server = domain().broker_with("server", options).unwrap();
    let bound = server.listen(&at("tcp://127.0.0.1:0/server")).unwrap();
    (server, bound)
}

// shows T3: honest ones that come all at once are not dropped for each other.
#[test]
fn a_burst_of_honest_hellos_loses_none() {
    // A machine that is busy elsewhere proves nothing: then once more.
    let quick = Duration::from_millis(100);
    let limit = Instant::now() + LIMIT;
    loop {
        let (server, bound) = server();
        let start = Instant::now();
        let mut strangers: Vec<_> = (0..STRANGERS)
            .map(|_| foreign::dial(bound.endpoint()))
            .collect();
        for stranger in &mut strangers {
            foreign::say(stranger, &Message::Hello(Hello::new("server", 7)));
        }
        if start.elapsed() < quick {
            support::eventually("all of them wait", || {
                server.waiting(7).connectors == STRANGERS
            });
            return;
        }
        assert!(Instant::now() < limit, "never quick enough");
    }
}

// shows T3: silent ones are dropped, the oldest first, and keep nobody out for long.
#[test]
fn silent_ones_make_room() {
    let (server, bound) = server();
    let mut silent: Vec<_> = (0..STRANGERS)
        .map(|_| foreign::dial(bound.endpoint()))
        .collect();
    let _honest = foreign::wait_at(bound.endpoint(), 7);
    support::eventually("the honest one waits", || server.waiting(7).connectors == 1);
    silent[0].set_read_timeout(Some(LIMIT)).unwrap();
    match silent[0].read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("the oldest is still there: {other:?}"),
    }
}
