//! Connectors that say hello and never answer their welcome.

use std::time::{Duration, Instant};

use channel::wire::hello::Message;
use channel::{AcceptError, Broker};

use crate::scripted::{Script, Stranger};
use crate::support::{LONG, Task, eventually};
use crate::{listening, many, patient};

/// What counts as prompt, in `handshake`.
const PROMPT_ANSWER: Duration = Duration::from_millis(250);

fn in_line(server: &Broker, script: &Script, strangers: &[Stranger], count: usize) {
    script.arrive(strangers);
    eventually("they are in the line", || {
        server.waiting(7).connectors == count
    });
}

// shows B2, T3: a local connector is matched in the same instant, past strangers who are not.
#[test]
fn local_connectors_pass_silent_strangers() {
    let script = Script::default();
    let server = listening(patient(), &script);
    let silent = many(5, || Stranger::hello("server", 7));
    in_line(&server, &script, &silent, 5);
    let mut acceptor = server.acceptor(7);
    assert!(acceptor.try_accept().is_err());
    eventually("the first is welcomed", || silent[0].was_answered());
    let local = server.domain().broker("local").unwrap();
    let mut connecting = Task::new(async move { local.connect_async("server", 7).await });
    connecting.expect_ready("the local one").unwrap();
    assert_eq!(acceptor.try_accept().unwrap().handle().peer_name(), "local");
}

// shows T3: those behind silent strangers wait for a few prompt answers, not for one each, and not
// until a deadline.
#[test]
fn silent_strangers_hold_up_nobody_for_long() {
    let script = Script::default();
    let server = listening(patient(), &script);
    let silent = many(200, || Stranger::hello("server", 7));
    in_line(&server, &script, &silent, 200);
    let honest = Stranger::hello("server", 7);
    in_line(&server, &script, std::slice::from_ref(&honest), 201);
    let start = Instant::now();
    let mut accepting = Task::new({
        let server = server.clone();
        async move { server.accept_async(7).await }
    });
    assert!(accepting.poll().is_pending());
    eventually("it is welcomed", || honest.was_answered());
    // 1, 2, 4, ... at a time: eight rounds of a quarter second; one each would be 50 s.
    assert!(
        start.elapsed() < Duration::from_secs(25),
        "{:?}",
        start.elapsed()
    );
    honest.says(&Message::Go);
    eventually("it is matched", || server.waiting(7).matched == 1);
    accepting.expect_ready("accept").unwrap();
}

// shows B2: while they answer promptly, no more are welcomed than acceptors wait.
#[test]
fn no_more_are_welcomed_than_acceptors_wait() {
    // A machine that is busy elsewhere proves nothing: then once more.
    let limit = Instant::now() + LONG;
    while !four_are_welcomed_by_turns() {
        assert!(Instant::now() < limit, "never prompt");
    }
}

/// False if this program itself has not answered promptly.
fn four_are_welcomed_by_turns() -> bool {
    let script = Script::default();
    let server = listening(patient(), &script);
    let honest = many(4, || Stranger::hello("server", 7));
    in_line(&server, &script, &honest, 4);
    for (i, next) in honest.iter().enumerate() {
        let mut acceptor = server.acceptor(7);
        let start = Instant::now();
        assert!(acceptor.try_accept().is_err());
        eventually("the next is welcomed", || next.was_answered());
        let others = honest[i + 1..].iter().any(|s| s.was_answered());
        if start.elapsed() >= PROMPT_ANSWER {
            return false;
        }
        assert!(!others, "more than one is welcomed for one acceptor");
        next.says(&Message::Go);
        acceptor.accept_timeout(LONG).unwrap();
        if start.elapsed() >= PROMPT_ANSWER {
            return false;
        }
    }
    true
}

// shows B3: an answer that comes late counts: the next accept is for it.
#[test]
fn a_late_answer_keeps_its_place() {
    let script = Script::default();
    let server = listening(patient(), &script);
    let both = many(2, || Stranger::hello("server", 7));
    in_line(&server, &script, &both, 2);
    let mut acceptor = server.acceptor(7);
    assert!(acceptor.try_accept().is_err());
    eventually("the second has its turn", || both[1].was_answered());
    both[1].says(&Message::Go);
    acceptor.accept_timeout(LONG).unwrap();
    drop(acceptor);
    both[0].says(&Message::Go);
    server.accept_timeout(7, LONG).unwrap();
    let nobody = server.accept_timeout(7, Duration::ZERO);
    assert!(
        matches!(nobody, Err(AcceptError::TimedOut { .. })),
        "{nobody:?}"
    );
}
