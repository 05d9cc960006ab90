//! The reception thread under strangers of every kind: it serves the others all the while, keeps its
//! deadlines, and holds a limited number of connections.

mod scripted;
#[path = "../support/mod.rs"]
mod support;
mod unanswered;

use std::time::Duration;

use channel::{Broker, Domain, Options};
use scripted::{CHUNK, Script, Stranger};
use support::{LONG, eventually};

/// What a refused connector may go on sending, in `handshake`.
const MOST_DRAINED: usize = 64 * 1024;

/// Deadlines that no test lives to see.
fn patient() -> Options {
    Options::new().with_hello_deadline(LONG * 10)
}

fn listening(options: Options, script: &Script) -> Broker {
    let domain = Domain::new();
    domain.add(script.clone());
    let server = domain.broker_with("server", options).unwrap();
    server.listen(&"script://here".parse().unwrap()).unwrap();
    server
}

fn many(count: usize, make: impl Fn() -> Stranger) -> Vec<Stranger> {
    (0..count).map(|_| make()).collect()
}

fn gone(strangers: &[Stranger]) -> usize {
    strangers.iter().filter(|s| s.is_gone()).count()
}

// shows T3: refused ones that never stop sending take turns with the others, and are given up after a
// limited number of bytes, long before their deadline.
#[test]
fn refused_strangers_that_never_stop_sending() {
    let script = Script::default();
    let server = listening(patient(), &script);
    let flood = many(2, || Stranger::hello("nobody", 7).flooding());
    let honest = Stranger::hello("server", 7);
    script.arrive(flood.iter().chain([&honest]));
    eventually("the honest one is in the line", || {
        server.waiting(7).connectors == 1
    });
    eventually("the others are gone", || gone(&flood) == 2);
    let log = script.log();
    let taken = log.len() * CHUNK;
    assert!(
        taken <= 2 * (MOST_DRAINED + CHUNK),
        "{taken} bytes were taken"
    );
    let first = log.iter().position(|&n| n == 1).unwrap();
    let last = log.iter().rposition(|&n| n == 0).unwrap();
    assert!(
        first < last,
        "the second had its turn after the first was through: {log:?}"
    );
}

// shows T3: a deadline is kept while other jobs are ready all the time.
#[test]
fn deadlines_are_kept_under_load() {
    let busy = Script::default().endless();
    let _other = listening(patient(), &busy);
    let script = Script::default();
    let deadline = Options::new().with_hello_deadline(Duration::from_millis(50));
    let _server = listening(deadline, &script);
    let stranger = Stranger::silent();
    script.arrive([&stranger]);
    eventually("it is dropped at its deadline", || stranger.is_gone());
}

// shows T3: refused ones are limited like those that have not said anything.
#[test]
fn refused_strangers_are_limited() {
    let script = Script::default();
    let _server = listening(patient().with_max_hellos(4), &script);
    let refused = many(40, || Stranger::hello("nobody", 7));
    script.arrive(&refused);
    eventually("all but four are dropped", || gone(&refused) >= 36);
    assert!(
        refused[36..].iter().all(|s| !s.is_gone()),
        "the newest stay"
    );
    eventually("each was told", || {
        refused.iter().all(Stranger::was_answered)
    });
}

// shows T3: whoever is refused out of the line keeps its place among the limited ones until it is
// gone.
#[test]
fn eager_strangers_are_limited() {
    let script = Script::default();
    let server = listening(patient().with_max_waiting(4), &script);
    let eager = many(40, || Stranger::hello("server", 7));
    script.arrive(&eager[..4]);
    eventually("they wait", || server.waiting(7).connectors == 4);
    for stranger in &eager[..4] {
        stranger.sends(b"too early");
    }
    eventually("they left the line", || server.waiting(7).connectors == 0);
    script.arrive(&eager[4..]);
    eventually("nobody else is let in", || {
        eager[4..].iter().all(Stranger::was_answered)
    });
    assert_eq!(server.waiting(7).connectors, 0);
}

// shows T3: those that have said their hello are read before anybody is dropped.
#[test]
fn a_burst_of_honest_ones_is_let_in() {
    let script = Script::default();
    let server = listening(patient().with_max_hellos(3), &script);
    let honest = many(100, || Stranger::hello("server", 7));
    script.arrive(&honest);
    eventually("they are in the line, or gone", || {
        server.waiting(7).connectors + gone(&honest) == 100
    });
    assert_eq!(gone(&honest), 0);
}

// shows B4: once `close` returned, the place where the broker listened can be taken again.
#[test]
fn a_closed_broker_listens_no_more() {
    let script = Script::default();
    let at = "script://here".parse().unwrap();
    let domain = Domain::new();
    domain.add(script.clone());
    for _ in 0..300 {
        let server = domain.broker("server").unwrap();
        let bound = server.listen(&at).unwrap();
        bound.close();
        assert!(!script.is_listening(), "after Bound::close");
        server.listen(&at).unwrap();
        server.close();
        assert!(!script.is_listening(), "after Broker::close");
    }
}
