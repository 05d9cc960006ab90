//! The suite proves itself: transports that are broken in one way each, and the promise of the SPEC
//! that the suite must name for it.
//!
//! The flaws lie around `mem:`, or around Unix sockets where records, listeners or dials matter. A
//! flaw that makes calls hang costs its tests their whole time limit, which is very short for those; such
//! a one is tried on the one or two tests that it must fail, most others on all tests of the promise that
//! they break, and the unbroken wrapper on all of these. What leaks is told in a program of its own
//! (`tests/leaking.rs`), since threads of tests that hang hold things here.
#![cfg(unix)]

mod control;
mod end;
mod flaw;
mod sink;
mod source;
mod subjects;
mod transport;
#[path = "../../../channel/tests/third_party/unix.rs"]
#[allow(dead_code)]
mod unix;

use flaw::Flaw;
use subjects::{LIMIT, Memory, SOON, must_blame, sockets};
use transport_testkit::Suite;

/// One test for each flaw: the transport, the tests that are run, and the promise that is blamed.
macro_rules! broken {
    ($($name:ident: $subject:ident($flaw:ident), $only:expr => $promise:literal;)*) => {
        $(
            #[test]
            fn $name() {
                let suite = Suite::new($subject(Flaw::$flaw)).only($only).limit(LIMIT);
                must_blame($promise, &suite.jobs(2).run());
            }
        )*

        /// Which tests and promises are tried.
        const TRIED: &[&[&str]] = &[$(&$only),*];
    };
}

/// The same where something never comes: what the report must say of it.
macro_rules! hanging {
    ($($name:ident: $subject:ident($flaw:ident), $only:expr => $promise:literal, $said:literal;)*) => {
        $(
            #[test]
            fn $name() {
                // A busy machine may not come that far so soon: then once more, with more time.
                let found = [SOON, 10 * SOON].into_iter().any(|limit| {
                    let suite = Suite::new($subject(Flaw::$flaw)).only($only).limit(limit);
                    let report = suite.jobs(2).run();
                    must_blame($promise, &report);
                    let mut failures = report.failures().iter();
                    // It may be the suite that ends the test, or the call that hangs, whose limit is the same.
                    let reasons = [$said, "hangs: no end", "TimedOut", "within the time limit"];
                    let says = |text: &str| reasons.iter().any(|reason| text.contains(reason));
                    failures.any(|failure| says(failure.message()))
                });
                assert!(found, "it hangs: {}", $said);
            }
        )*

        /// Which tests hang.
        const HANGING: &[&[&str]] = &[$(&$only),*];
    };
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
    a_hidden_loss: Memory(HidesALoss), ["C6"] => "C6";
    an_invented_loss: Memory(InventsALoss), ["C6"] => "C6";
    a_finish_that_closes_both: Memory(FinishClosesBoth), ["C5"] => "C5";
    a_receipt_that_is_always_complete: Memory(AlwaysComplete), ["C9"] => "C9";
    an_early_end_of_a_queue: Memory(EndsEarly), ["M7"] => "M7";
    a_loss_that_is_not_known: Memory(NeverKnowsALoss),
        ["b3_a_lost_peer_is_not_handed_out"] => "B3";
    nothing_counted: Memory(CountsNothing), ["B7"] => "B7";
    the_last_of_many_slices: Memory(LosesTheLastOfManySlices),
        ["c1_many_slices_are_written_in_order"] => "C1";
    swapped_slices: Memory(SwapsTheLastOfManySlices),
        ["c1_many_slices_are_filled_in_order"] => "C1";
    a_hidden_rest: Memory(HidesTheRest), ["c1_what_was_not_consumed_stays_lent"] => "C1";
    a_long_stream: Memory(SpoilsLongStreams), ["c1_a_very_long_stream_stays_whole"] => "C1";
    an_end_that_fails: Memory(EndsThenFails), ["c2_an_end_is_an_end_for_everybody"] => "C2";
    an_early_read_limit_of_one_end: Memory(DiallersReadsTimeOutEarly),
        ["c3_a_read_never_times_out_early"] => "C3";
    an_early_write_limit_of_one_end: Memory(AcceptorsWritesTimeOutEarly),
        ["c3_a_write_never_times_out_early"] => "C3";
    late_limits: Memory(LimitsAreLate), ["c3_no_limit_is_over_late"] => "C3";
    limits_that_are_cut_down: Memory(LimitsAreCutDown), ["c3_a_long_limit_is_kept"] => "C3";
    polls_that_block: Memory(PollsBlock), ["c3_a_try_is_fast"] => "C3";
    wakes_for_nothing: Memory(WakesForNothing), ["c3_what_waits_is_left_in_peace"] => "C3";
    a_disconnect_that_waits: Memory(DisconnectBlocks),
        ["c4_a_disconnect_returns_at_once"] => "C4";
    a_finish_that_waits: Memory(FinishBlocks), ["c5_a_finish_returns_at_once"] => "C5";
    an_end_ahead_of_bytes: Memory(HasEndedTooEarly),
        ["c5_nothing_has_ended_while_bytes_are_unread"] => "C5";
    a_loss_that_becomes_an_end: Memory(LosesThenEnds),
        ["c6_a_loss_is_a_loss_for_everybody"] => "C6";
    a_drop_that_waits: Memory(DropBlocks), ["c7_a_drop_returns_at_once"] => "C7";
    a_receipt_of_one_end: Memory(AlwaysCompleteForTheDialler),
        ["c9_partial_tells_how_far_the_peer_came"] => "C9";
    a_receipt_of_nothing: Memory(NothingIsUnknown), ["c9_an_empty_stream_is_complete"] => "C9";
    a_receipt_that_is_forgotten: Memory(PartialOnlyOnce), ["c9_partial_stays"] => "C9";
    a_receipt_after_a_finish: Memory(CompleteAfterAFinish),
        ["c9_partial_after_a_finish"] => "C9";
    the_end_after_hundreds: Memory(DiesAfterHundreds), ["b2_hundreds_come_and_go"] => "B2";
    what_was_offered: Memory(CountsWhatIsOffered), ["b7_totals_are_what_calls_told"] => "B7";
    what_is_lent: Memory(CountsWhatIsLent), ["b7_totals_are_what_calls_told"] => "B7";
    forgotten_counts: Memory(ForgetsItsCounts), ["b7_totals_are_what_calls_told"] => "B7";
    another_scheme: Memory(NamesAnotherScheme),
        ["b7_the_peer_is_of_the_same_scheme"] => "B7";
    ends_of_a_bare_stream: sockets(ClaimsToBeNative), ["C6"] => "C6";
    a_place_that_is_kept: sockets(KeepsItsPlace),
        ["b4_a_closed_place_can_be_taken_again"] => "B4";
    a_place_taken_twice: sockets(TakesATakenPlace), ["B1"] => "B1";
}

hanging! {
    a_read_that_is_not_woken: Memory(ForgetsToWakeReads),
        ["c3_a_pending_read_is_woken", "c3_no_wake_up_is_lost_in_a_storm"]
        => "C3", "hangs: a client in the storm";
    a_write_that_is_not_woken: Memory(ForgetsToWakeWrites),
        ["c2_a_write_blocks_until_a_byte_fits", "c3_a_pending_write_is_woken"]
        => "C2", "hangs: a write for which there is room";
    an_own_read_asleep: Memory(DisconnectLeavesOwnReadAsleep),
        ["c4_a_local_disconnect_wakes_a_read"]
        => "C4", "hangs: a read whose own side disconnected";
    a_far_read_asleep: Memory(DisconnectLeavesFarReadAsleep),
        ["c4_a_far_disconnect_wakes_a_read"]
        => "C4", "hangs: a read whose peer disconnected";
    an_own_write_asleep: Memory(DisconnectLeavesOwnWriteAsleep),
        ["c4_a_local_disconnect_wakes_a_write"]
        => "C4", "hangs: a write whose own side disconnected";
    writes_for_ever: Memory(WritesForEver),
        ["c4_writes_of_the_far_side_fail"]
        => "C4", "writes never failed";
    a_hidden_drop_of_the_reader: Memory(HidesADroppedReader),
        ["c7_a_dropped_reader_refuses"]
        => "C7", "writes never failed";
    a_stall_of_all: Memory(OneStallsAll),
        ["b2_a_stalled_channel_stalls_no_other"]
        => "B2", "cut short after 0 of 1048576 bytes";
    a_write_of_one_end_that_is_not_woken: Memory(ForgetsToWakeTheAcceptorsWrites),
        ["c3_a_pending_write_is_woken"]
        => "C3", "swapped: never came true: a pending write is woken by room";
    a_lock_around_a_readers_wake: Memory(WakesUnderALock),
        ["c3_a_waker_may_ask_about_its_channel"]
        => "C3", "a byte wakes a read, whose waker asks";
    a_lock_around_a_writers_wake: Memory(WakesUnderALock),
        ["c3_a_writers_waker_may_ask_about_its_channel"]
        => "C3", "room wakes a write, whose waker asks";
    an_own_read_of_one_end_asleep: Memory(DiallersDisconnectLeavesItsReadAsleep),
        ["c4_a_local_disconnect_wakes_a_read"]
        => "C4", "swapped: hangs: a read whose own side disconnected";
    a_small_room: Memory(ServesEight),
        ["b2_a_crowd_before_the_first_accept"]
        => "B2", "never came true: all of them stand in the line";
    a_small_room_of_sockets: sockets(ServesEight),
        ["b2_a_crowd_before_the_first_accept"]
        => "B2", "never came true: all of them stand in the line";
    one_that_closes_all: Memory(OneThatClosesEndsAll),
        ["b4_one_that_closes_ends_no_other"]
        => "B4", "after another broker was closed: nobody connected";
    snapshots_that_wait: Memory(ReadsUnderALock),
        ["b7_a_snapshot_waits_for_nobody"]
        => "B7", "hangs: a snapshot";
    bytes_underway: Memory(InventsBytesUnderway),
        ["b7_nothing_is_underway_when_all_was_read"]
        => "B7", "never came true: nothing is unread, nothing unsent";
    a_listener_that_dies: sockets(ListenerDies),
        ["b2_the_connector_comes_first"]
        => "B2", "never came true: the connector waits";
    a_dial_that_hangs: sockets(DialHangs),
        ["b3_nobody_listens_there"]
        => "B3", "hangs: a connect";
    an_answer_for_any_broker: sockets(AnswersForAnyBroker),
        ["b3_an_unknown_broker_fails_at_once"]
        => "B3", "hangs: a connect";
}

/// What is tried on broken transports passes on one that is not: the wrapper is not what fails.
#[track_caller]
fn passes_what_is_tried(subject: impl transport_testkit::Subject) {
    let tried = TRIED.iter().chain(HANGING).flat_map(|tests| tests.iter());
    let suite = Suite::new(subject).only(tried.copied());
    suite.jobs(4).run().assert_passed();
}

#[test]
fn nothing_is_broken_around_memory() {
    passes_what_is_tried(Memory(Flaw::None));
}

#[test]
fn nothing_is_broken_around_sockets() {
    passes_what_is_tried(sockets(Flaw::None));
}
