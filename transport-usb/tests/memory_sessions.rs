//! Sessions that begin and end with the cable, or with the programs at its ends: the next one knows nothing of the last.

mod support;

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use channel::Receipt;
use message_queue::codec::Truncated;
use message_queue::{MessageQueue, ReceiveError, SendError};
use support::hand::bytes;
use support::memory::{End, Loss};
use support::pair::{PATIENT, Program, meet};
use support::plug::{Cable, How};
use support::random::Random;
use support::{LIMIT, eventually};
use transport_link::Hold;
use transport_testkit::fault::seed;

/// More than a transfer, and than all that are in flight.
const LENGTH: usize = 30_000;

/// Messages that no other round, and no other end, has.
fn message(round: u64, end: End, number: u64) -> Vec<u8> {
    bytes(round << 32 | (end as u64) << 31 | number, LENGTH)
}

/// Sends until the other end is lost.
fn send_all(queue: &MessageQueue, round: u64, end: End) {
    for number in 0.. {
        match queue.send_timeout(&message(round, end, number), LIMIT) {
            Ok(()) => {}
            Err(SendError::PeerLost(_)) => return,
            Err(error) => panic!("{end:?}, message {number}: {error:?}"),
        }
    }
}

/// Receives the messages of these numbers, or as many as come before the other end is lost.
fn receive(queue: &MessageQueue, round: u64, from: End, numbers: Range<u64>) {
    for number in numbers {
        match queue.receive_timeout(LIMIT) {
            Ok(got) => assert!(
                got == message(round, from, number),
                "not message {number} of {from:?}"
            ),
            Err(ReceiveError::PeerLost(_)) => return,
            Err(ReceiveError::Truncated(what)) => {
                if let Truncated::Message { expected, received } = what {
                    assert!(expected == LENGTH && received < LENGTH, "{what}");
                }
                CUT.fetch_add(1, Ordering::Relaxed);
                let lost = queue.receive_timeout(LIMIT);
                assert!(matches!(lost, Err(ReceiveError::PeerLost(_))), "{lost:?}");
                return;
            }
            Err(error) => panic!("message {number} of {from:?}: {error:?}"),
        }
    }
}

/// Messages that were cut short.
static CUT: AtomicUsize = AtomicUsize::new(0);

/// How a session ends in the middle of messages.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Unplugged(Loss),
    Killed(End),
}

/// Sessions that end in the middle of messages, and then one that ends well.
struct Sessions {
    cable: Cable,
    random: Random,
    /// Whether the host sends, too.
    both_ways: bool,
    held: Option<Hold>,
}

impl Sessions {
    fn new(how: How, seed: u64) -> Sessions {
        Sessions {
            cable: Cable::new(how),
            random: Random::new(seed),
            both_ways: true,
            held: None,
        }
    }

    fn program(&self, end: End) -> Program {
        let program = Program::new(&self.cable, end, PATIENT);
        if end == End::Gadget {
            program.listen();
        }
        program
    }

    fn end_in_the_middle(mut self, rounds: u64, ending: impl Fn(u64) -> Ending) {
        let (mut gadget, mut host) = (self.program(End::Gadget), self.program(End::Host));
        for round in 1..=rounds {
            (gadget, host) = self.round(gadget, host, round, ending(round));
        }
        // Now all goes well.
        let [ours, theirs] = queues(&gadget, &host);
        ours.send(&message(0, End::Gadget, 0)).unwrap();
        receive(&theirs, 0, End::Gadget, 0..1);
        theirs.send(&message(0, End::Host, 0)).unwrap();
        receive(&ours, 0, End::Host, 0..1);
        let closing = thread::spawn(move || ours.close_timeout(LIMIT));
        assert_eq!(theirs.close_timeout(LIMIT), Receipt::Complete);
        assert_eq!(closing.join().unwrap(), Receipt::Complete);
    }

    /// One session, up to the loss, of which both ends are told; and the programs of the next.
    fn round(
        &mut self,
        gadget: Program,
        host: Program,
        round: u64,
        ending: Ending,
    ) -> (Program, Program) {
        let [ours, theirs] = queues(&gadget, &host);
        let (ours, theirs) = (&ours, &theirs);
        let some = self.random.below(4);
        thread::scope(|scope| {
            scope.spawn(move || send_all(ours, round, End::Gadget));
            scope.spawn(move || receive(ours, round, End::Host, 0..u64::MAX));
            if self.both_ways {
                scope.spawn(move || send_all(theirs, round, End::Host));
            }
            // What comes first of all is this session's.
            receive(theirs, round, End::Gadget, 0..some);
            let next = match ending {
                Ending::Unplugged(how) => {
                    self.cable.unplug(how);
                    self.cable.plug_in();
                    (gadget, host)
                }
                Ending::Killed(End::Gadget) => {
                    self.cable.kill(End::Gadget);
                    (self.program(End::Gadget), host)
                }
                Ending::Killed(End::Host) => {
                    self.cable.kill(End::Host);
                    let next = self.program(End::Host);
                    // Nobody tells the gadget, but the next host's program.
                    self.held = Some(next.hold());
                    (gadget, next)
                }
            };
            receive(theirs, round, End::Gadget, some..u64::MAX);
            next
        })
    }
}

/// The gadget's, and the host's.
fn queues(gadget: &Program, host: &Program) -> [MessageQueue; 2] {
    let (ours, theirs) = meet(gadget, host, 7);
    [ours, theirs].map(MessageQueue::new)
}

/// Drivers, and events, of this process. (Threads of tests that wait for their turn are none.)
fn held() -> [usize; 2] {
    let count = |list: &str, is: fn(&Path) -> bool| {
        let list = fs::read_dir(list).into_iter().flatten().flatten();
        list.filter(|entry| is(&entry.path())).count()
    };
    let driver =
        |task: &Path| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "link\n");
    let event =
        |fd: &Path| fs::read_link(fd).is_ok_and(|to| to.as_os_str() == "anon_inode:[eventfd]");
    [
        count("/proc/self/task", driver),
        count("/proc/self/fd", event),
    ]
}

/// No driver and no event is left, and some messages were cut short: else nothing was shown.
fn leaves_nothing(run: impl FnOnce()) {
    // What the whole process has is looked at: one after the other.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // The thread of the process that waits for all is kept.
    channel::transport::background::run(async {});
    let (before, cut) = (held(), CUT.load(Ordering::Relaxed));
    run();
    let cut = CUT.load(Ordering::Relaxed) - cut;
    println!("{cut} messages were cut short");
    assert!(cut > 0);
    eventually("all is given back", || {
        let now = held();
        now[0] <= before[0] && now[1] <= before[1]
    });
}

const ROUNDS: u64 = 20;

// shows T4, C6, M7
#[test]
fn a_cable_that_is_pulled_out_in_mid_message() {
    let seed = seed("a_cable_that_is_pulled_out_in_mid_message");
    leaves_nothing(|| {
        Sessions::new(How::new(seed), seed).end_in_the_middle(ROUNDS, |round| {
            let how = [Loss::Transfers, Loss::Endpoints][round as usize % 2];
            Ending::Unplugged(how)
        });
    });
}

// shows T4, C6, M7
#[test]
fn a_host_that_is_killed_in_mid_message() {
    let seed = seed("a_host_that_is_killed_in_mid_message");
    leaves_nothing(|| {
        Sessions::new(How::new(seed), seed)
            .end_in_the_middle(ROUNDS, |_| Ending::Killed(End::Host));
    });
}

// shows T4, C6, M7
#[test]
fn a_gadget_that_is_killed_in_mid_message() {
    let seed = seed("a_gadget_that_is_killed_in_mid_message");
    leaves_nothing(|| {
        Sessions::new(How::new(seed), seed)
            .end_in_the_middle(ROUNDS, |_| Ending::Killed(End::Gadget));
    });
}

// shows T4: a controller that keeps what it should forget costs a further session, and shows nobody what is not its.
#[test]
fn bytes_of_the_last_session_come_first() {
    let seed = seed("bytes_of_the_last_session_come_first");
    leaves_nothing(|| {
        let mut how = How::new(seed);
        how.keeps_old_bytes = true;
        Sessions::new(how, seed).end_in_the_middle(ROUNDS, |round| match round % 2 {
            0 => Ending::Killed(End::Gadget),
            _ => Ending::Killed(End::Host),
        });
    });
}

// shows T4: where the host does not begin its session as it should, the ids of the sessions keep them apart, if it was
// not in the middle of something itself.
#[test]
fn ids_alone_keep_sessions_apart() {
    let seed = seed("ids_alone_keep_sessions_apart");
    leaves_nothing(|| {
        let mut how = How::new(seed);
        how.sets_alternate = false;
        how.queue.numbered = false;
        let mut sessions = Sessions::new(how, seed);
        sessions.both_ways = false;
        sessions.end_in_the_middle(ROUNDS, |_| Ending::Killed(End::Host));
    });
}
