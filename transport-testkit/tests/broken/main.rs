//! The suite proves itself: transports that are broken in one way each, and the promise of the SPEC
//! that the suite must name for it.
//!
//! The flaws lie around `mem:`, or around Unix sockets where records, listeners or dials matter. A
//! flaw that makes calls hang costs its tests their whole time limit, which is short here; so such a
//! one is tried on the one or two tests that it must fail, the others on all tests of the promise that
//! they break, and the unbroken wrapper on the whole suite.
#![cfg(unix)]

mod control;
mod flaw;
mod sink;
mod source;
mod transport;
#[path = "../../../channel/tests/third_party/unix.rs"]
#[allow(dead_code)]
mod unix;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use channel::mem::Mem;
use channel::{Domain, Endpoint};
use flaw::Flaw;
use transport::Broken;
use transport_testkit::{Report, Subject, Suite, TESTS};

/// How long a test of a broken transport may take. Those that do not hang take a fraction of it.
const LIMIT: Duration = Duration::from_secs(2);

struct Memory(Flaw);

impl Subject for Memory {
    fn name(&self) -> &str {
        "broken mem"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Broken::new(Box::new(Mem::new()), None, self.0));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        Mem::endpoint(broker).unwrap()
    }
}

struct Sockets(Flaw, tempfile::TempDir);

impl Subject for Sockets {
    fn name(&self) -> &str {
        "broken unix"
    }

    fn add_to(&self, domain: &Domain) {
        let directory = self.1.path();
        let inner = Box::new(unix::Unix::new(directory));
        domain.add(Broken::new(inner, Some(directory.to_owned()), self.0));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let place = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        Endpoint::new("unix", &place)
            .unwrap()
            .with_broker(broker)
            .unwrap()
    }
}

fn sockets(flaw: Flaw) -> Sockets {
    Sockets(flaw, tempfile::tempdir().unwrap())
}

/// The suite must fail, name this promise, and say what was promised.
#[track_caller]
fn must_blame(promise: &str, report: &Report) {
    println!("{report}");
    assert!(report.blames(promise), "{promise} is not blamed:\n{report}");
    for failure in report.failures() {
        let text = report.to_string();
        let line = format!("{}  {}: ", failure.promise(), failure.name());
        assert!(text.contains(&line), "not in the report: {line}");
    }
}

/// One test for each flaw: the transport, the tests that are run, and the promise that is blamed.
macro_rules! broken {
    ($($name:ident: $subject:ident($flaw:ident), $only:expr => $promise:literal;)*) => {$(
        #[test]
        fn $name() {
            let suite = Suite::new($subject(Flaw::$flaw)).only($only).limit(LIMIT);
            must_blame($promise, &suite.jobs(2).run());
        }
    )*};
}

broken! {
    a_doubled_byte: Memory(DoublesAByte), ["C1"] => "C1";
    swapped_bytes: Memory(SwapsTwoBytes), ["C1"] => "C1";
    mixed_channels: Memory(MixesChannels), ["c1_channels_do_not_mix"] => "C1";
    bytes_that_do_not_fit: Memory(DropsWhatDoesNotFit), ["C2"] => "C2";
    the_last_byte: Memory(LosesTheLastByte), ["C4"] => "C4";
    an_early_end: Memory(EndsEarly), ["C4"] => "C4";
    a_reset_when_bytes_are_unread: Memory(ResetsWhenUnread), ["C8"] => "C8";
    an_early_read_limit: Memory(ReadsTimeOutEarly),
        ["c3_a_read_never_times_out_early"] => "C3";
    an_early_write_limit: Memory(WritesTimeOutEarly),
        ["c3_a_write_never_times_out_early"] => "C3";
    a_read_that_is_not_woken: Memory(ForgetsToWakeReads),
        ["c3_a_pending_read_is_woken", "c3_no_wake_up_is_lost_in_a_storm"] => "C3";
    a_write_that_is_not_woken: Memory(ForgetsToWakeWrites),
        ["c2_a_write_blocks_until_a_byte_fits", "c3_a_pending_write_is_woken"] => "C2";
    an_own_read_asleep: Memory(DisconnectLeavesOwnReadAsleep),
        ["c4_a_local_disconnect_wakes_a_read"] => "C4";
    a_far_read_asleep: Memory(DisconnectLeavesFarReadAsleep),
        ["c4_a_far_disconnect_wakes_a_read"] => "C4";
    an_own_write_asleep: Memory(DisconnectLeavesOwnWriteAsleep),
        ["c4_a_local_disconnect_wakes_a_write"] => "C4";
    a_hidden_loss: Memory(HidesALoss), ["C6"] => "C6";
    an_invented_loss: Memory(InventsALoss), ["C6"] => "C6";
    a_finish_that_closes_both: Memory(FinishClosesBoth), ["C5"] => "C5";
    writes_for_ever: Memory(WritesForEver), ["c4_writes_of_the_far_side_fail"] => "C4";
    a_hidden_drop_of_the_reader: Memory(HidesADroppedReader),
        ["c7_a_dropped_reader_refuses"] => "C7";
    a_receipt_that_is_always_complete: Memory(AlwaysComplete), ["C9"] => "C9";
    an_early_end_of_a_queue: Memory(EndsEarly), ["M7"] => "M7";
    a_stall_of_all: Memory(OneStallsAll), ["b2_a_stalled_channel_stalls_no_other"] => "B2";
    a_loss_that_is_not_known: Memory(NeverKnowsALoss),
        ["b3_a_lost_peer_is_not_handed_out"] => "B3";
    nothing_counted: Memory(CountsNothing), ["B7"] => "B7";
    a_leaked_descriptor: Memory(LeaksADescriptor),
        ["c7_channels_leave_nothing_behind"] => "C7";

    ends_of_a_bare_stream: sockets(ClaimsToBeNative), ["C6"] => "C6";
    a_listener_that_dies: sockets(ListenerDies), ["b2_the_connector_comes_first"] => "B2";
    a_dial_that_hangs: sockets(DialHangs), ["b3_nobody_listens_there"] => "B3";
    an_answer_for_any_broker: sockets(AnswersForAnyBroker),
        ["b3_an_unknown_broker_fails_at_once"] => "B3";
    a_place_that_is_kept: sockets(KeepsItsPlace),
        ["b4_a_closed_place_can_be_taken_again"] => "B4";
    a_place_taken_twice: sockets(TakesATakenPlace), ["B1"] => "B1";
}

// The wrapper itself is not what fails.
#[test]
fn nothing_is_broken_around_memory() {
    let report = Suite::new(Memory(Flaw::None)).jobs(4).run();
    report.assert_passed();
    assert_eq!(report.tests().len(), TESTS.len());
}

#[test]
fn nothing_is_broken_around_sockets() {
    Suite::new(sockets(Flaw::None))
        .jobs(4)
        .run()
        .assert_passed();
}
