//! A fault at each transfer of a link that carries channels, one after the other: messages arrive whole and in their
//! order up to the loss, both ends are told of it, and the next session knows nothing of this one.

mod support;

use std::panic::{catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use channel::{AcceptError, ConnectError, Receipt};
use message_queue::codec::Truncated;
use message_queue::{MessageQueue, ReceiveError, SendError};
use support::LIMIT;
use support::hand::bytes;
use support::memory::{End, Loss, WAYS};
use support::pair::{PATIENT, Pair};
use support::plug::{Cable, How};
use support::random::Random;
use support::strike::{Strike, What};
use transport_testkit::Leaks;
use transport_testkit::fault::seed;
use transport_usb::bulk::{Fault, Way};

/// Messages each way, and their length: more than a transfer carries.
const MESSAGES: u64 = 4;
const LENGTH: usize = 2500;

fn fates() -> [What; 8] {
    [
        // First, as it takes longest.
        What::Hangs,
        What::Fails(Fault::Gone),
        What::Fails(Fault::Pipe),
        What::Fails(Fault::Io),
        What::Fails(Fault::Overflow),
        What::Fails(Fault::Timeout),
        What::Short,
        What::Refused,
    ]
}

/// What became of one end.
#[derive(Debug)]
struct Ended {
    received: u64,
    /// The peer's stream has come to its end.
    orderly: bool,
    /// What became of the messages sent.
    receipt: Receipt,
}

/// Sends its messages and receives the other's, up to the end, or the loss.
fn exchange(queue: MessageQueue, ours: u64, theirs: u64) -> Ended {
    let (received, orderly) = thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..MESSAGES {
                match queue.send_timeout(&bytes(ours + number, LENGTH), LIMIT) {
                    Ok(()) => {}
                    Err(SendError::PeerLost(_)) => return,
                    Err(error) => panic!("message {number} is not sent: {error:?}"),
                }
            }
            match queue.finish_timeout(LIMIT) {
                Ok(()) | Err(SendError::PeerLost(_)) => {}
                Err(error) => panic!("the end is not sent: {error:?}"),
            }
        });
        let mut received = 0;
        loop {
            match queue.receive_timeout(LIMIT) {
                Ok(message) => assert!(
                    message == bytes(theirs + received, LENGTH),
                    "not message {received}"
                ),
                Err(ReceiveError::PeerClosed) => return (received, true),
                Err(ReceiveError::PeerLost(_)) => return (received, false),
                Err(ReceiveError::Truncated(what)) => {
                    if let Truncated::Message { expected, received } = what {
                        assert!(expected == LENGTH && received < LENGTH, "{what}");
                    }
                    let lost = queue.receive_timeout(LIMIT);
                    assert!(matches!(lost, Err(ReceiveError::PeerLost(_))), "{lost:?}");
                    return (received, false);
                }
                Err(error) => panic!("after {received} messages: {error:?}"),
            }
            received += 1;
        }
    });
    Ended {
        received,
        orderly,
        receipt: queue.close_timeout(LIMIT),
    }
}

/// One transfer of the first session goes wrong; whether it came to that.
fn run(strike: &Strike, seed: u64, keep_alive: Duration) -> bool {
    let mut how = How::new(seed);
    // Small transfers: many of them.
    (how.queue.transfers, how.queue.bytes) = (TRANSFERS, 1024);
    how.packet = [64, 512][strike.index % 2];
    let cable = Cable::new(how);
    cable.strike([strike.clone()]);
    let pair = Pair::new(cable, keep_alive);
    // The first one may be lost at any time, or not come to be; and the one that is hit may be the second.
    let mut lost = false;
    let ends = (1..=3).find_map(|attempt| {
        let ends = exchange_both(&pair, attempt);
        let ended = ends
            .iter()
            .all(|end| end.as_ref().is_some_and(|end| end.orderly));
        lost |= ends.iter().flatten().any(|end| !end.orderly);
        ended.then_some(ends)
    });
    assert!(ends.is_some(), "the next session is of no use");
    LOST.fetch_add(usize::from(lost), Ordering::Relaxed);
    // What hangs, hangs until then.
    pair.cable.unplug(Loss::Transfers);
    pair.cable.sessions().iter().any(|seen| seen.fired > 0)
}

/// Messages both ways, which nobody else has sent; `None` where an end got no channel.
fn exchange_both(pair: &Pair, attempt: u16) -> [Option<Ended>; 2] {
    let tags = [u64::from(attempt) << 32, u64::from(attempt) << 32 | 1 << 16];
    let (broker, host_is_over) = (pair.gadget.broker.clone(), AtomicBool::new(false));
    let ends = thread::scope(|scope| {
        let gadget = scope.spawn(|| {
            loop {
                // A host whose connect failed does not come.
                match broker.accept_timeout(attempt, Duration::from_millis(20)) {
                    Ok(channel) => {
                        return Some(exchange(MessageQueue::new(channel), tags[1], tags[0]));
                    }
                    Err(AcceptError::TimedOut { .. }) if host_is_over.load(Ordering::Acquire) => {
                        return None;
                    }
                    Err(AcceptError::TimedOut { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
        let host = pair.host.connect(attempt, LIMIT);
        let host = host.map(|channel| exchange(MessageQueue::new(channel), tags[0], tags[1]));
        host_is_over.store(true, Ordering::Release);
        let host = host.map_err(|error| match error {
            ConnectError::Lost { .. } => {}
            other => panic!("it is not connected: {other:?}"),
        });
        [host.ok(), gadget.join().unwrap()]
    });
    for (one, other) in [(0, 1), (1, 0)] {
        let Some(one) = &ends[one] else {
            continue;
        };
        assert!(
            !one.orderly || one.received == MESSAGES,
            "an end in the middle: {one:?}"
        );
        let all = ends[other]
            .as_ref()
            .is_some_and(|other| other.received == MESSAGES);
        assert!(
            one.receipt != Receipt::Complete || all,
            "a wrong receipt: {ends:?}"
        );
    }
    ends
}

/// Transfers in flight each way.
const TRANSFERS: usize = 3;

/// Runs in which the channels were lost: in others it was before they were there, or when all had been said.
static LOST: AtomicUsize = AtomicUsize::new(0);

/// One after the other, each `step`th transfer goes wrong; how many there were.
fn at_each(end: End, way: Way, what: &What, seed: u64) -> usize {
    let mut random = Random::new(seed);
    // A fate for which both ends have to wait.
    let hangs = *what == What::Hangs;
    let (step, keep_alive) = match hangs {
        true => (5, Duration::from_millis(200)),
        false => (1, PATIENT),
    };
    // A device that cannot be opened is told to whoever dials.
    let first = match (what, way) {
        (What::Refused | What::Fails(Fault::Pipe), Way::Receive) => TRANSFERS,
        _ => 0,
    };
    let all = (first..).step_by(step);
    let all = all.take_while(|&index| {
        let strike = Strike {
            end,
            way,
            index,
            after: random.below(3) as usize,
            what: what.clone(),
            runs_on: way == Way::Receive || random.below(2) == 0,
        };
        catch_unwind(|| run(&strike, seed, keep_alive)).unwrap_or_else(|panic| {
            eprintln!("{strike:?}");
            resume_unwind(panic)
        })
    });
    all.count()
}

// shows C6, C9, M7, T4
#[test]
fn a_fault_at_each_transfer() {
    let seed = seed("a_fault_at_each_transfer");
    // The thread of the process that waits for all is kept.
    channel::transport::background::run(async {});
    let before = Leaks::snapshot();
    let places = End::BOTH
        .into_iter()
        .flat_map(|end| WAYS.map(|way| (end, way)));
    let places: Vec<_> = places.collect();
    let jobs = fates().into_iter().flat_map(|what| {
        places
            .iter()
            .map(move |&(end, way)| (end, way, what.clone()))
    });
    let jobs: Vec<_> = jobs.collect();
    let next = AtomicUsize::new(0);
    let fired = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                // Relaxed: only uniqueness, and the sum, count.
                while let Some((end, way, what)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let count = at_each(*end, *way, what, seed);
                    fired.fetch_add(count, Ordering::Relaxed);
                }
            });
        }
    });
    let (fired, lost) = (fired.into_inner(), LOST.load(Ordering::Relaxed));
    println!("{fired} faults, {lost} of them with the loss of channels");
    assert!(lost > 100, "{lost} losses");
    before.check_within(LIMIT).unwrap();
}
