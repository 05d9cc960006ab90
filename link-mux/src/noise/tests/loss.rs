//! What the sending half makes of acknowledgements: lost packets are sent again, when and in which order.

use super::played::{MS, Played};

/// A gap is known as soon as anything later was heard; nothing waits for a timer, not even when the repetition is lost.
#[test]
fn is_made_good_at_once() {
    let mut played = Played::up(100, 8);
    played.supply = 28;
    assert_eq!(played.data(), [(1, 0), (2, 1), (3, 2), (4, 3)]);
    // Packet 1 is lost.
    played.ack(3, 1, 0b1);
    played.supply = 7;
    assert_eq!(played.data(), [(5, 1), (6, 4)]);
    // Nothing new is known of it, and of packet 3 only that it came.
    played.ack(4, 1, 0b11);
    assert_eq!(played.data(), []);
    // Lost once more: packet 4 was sent behind it, and has come.
    played.ack(6, 1, 0b111);
    assert_eq!(played.data(), [(7, 1)]);
    played.ack(7, 5, 0);
    assert!(played.noise.is_settled());
}

/// What was heard but not taken, as nobody knew of the session there, is sent again as well.
#[test]
fn of_what_was_heard_too_early() {
    let mut played = Played::up(100, 8);
    played.supply = 14;
    assert_eq!(played.data(), [(1, 0), (2, 1)]);
    played.ack(2, 0, 0);
    assert_eq!(played.data(), [(3, 0), (4, 1)]);
}

/// The end of a burst is lost: the timer, with the first packet; its acknowledgement tells of all others.
#[test]
fn of_the_tail_is_found_by_the_timer() {
    let mut played = Played::up(100, 8);
    played.supply = 21;
    assert_eq!(played.data(), [(1, 0), (2, 1), (3, 2)]);
    let at = played.noise.deadline().expect("a timer");
    played.now = at - MS;
    assert_eq!(played.sent(), []);
    played.now = at;
    assert_eq!(played.data(), [(4, 0)]);
    played.ack(4, 1, 0);
    assert_eq!(played.data(), [(5, 1), (6, 2)]);
}

/// Stamps wrap often, and an answer may come after many of them.
#[test]
fn with_stamps_that_wrap() {
    let mut played = Played::up(100, 64);
    let mut next = 0u16;
    for round in 0..200u32 {
        played.supply = 7 * 50;
        let data = played.data();
        assert_eq!(data.len(), 50, "round {round}");
        let last = data[49].0;
        // The first of them is lost, once.
        played.ack(last, next, (1 << 49) - 1);
        assert_eq!(played.data(), [(last.wrapping_add(1), next)]);
        next = next.wrapping_add(50);
        played.ack(last.wrapping_add(1), next, 0);
        assert!(played.noise.is_settled());
    }
}

/// The whole window, in one acknowledgement, and all but the first.
#[test]
fn of_a_full_window() {
    let mut played = Played::up(100, 64);
    played.supply = 7 * 100;
    assert_eq!(played.data().len(), 64);
    played.ack(64, 0, u64::MAX >> 1);
    assert_eq!(played.data(), [(65, 0)]);
    played.ack(65, 64, 0);
    assert_eq!(played.data().len(), 36);
    played.ack(101, 100, 0);
    assert!(played.noise.is_settled());
}
