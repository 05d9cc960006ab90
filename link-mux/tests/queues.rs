//! The built-in stream: what the mux and the application see of each other through it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use link_mux::{End, Pull, Queues, Reading, Stream};
use proptest::prelude::*;

fn over(read: u64, end: End) -> Reading {
    Reading::Over { read, end }
}

#[test]
fn takes_what_fits_and_gives_what_is_there() {
    let mut queues = Queues::on_demand(1, 4);
    assert_eq!(queues.write(b"abcdef"), 4);
    assert_eq!(queues.writable(), 0);
    let mut out = [0; 3];
    assert_eq!(queues.pull(&mut []), Pull::Bytes(0));
    assert_eq!(queues.pull(&mut out), Pull::Bytes(3));
    assert_eq!(&out, b"abc");
    assert_eq!(queues.write(b"ef"), 2);
    let mut out = [0; 8];
    assert_eq!(queues.pull(&mut out), Pull::Bytes(3));
    assert_eq!(&out[..3], b"def");
    assert_eq!(queues.pull(&mut out), Pull::Empty);
}

#[test]
fn a_capacity_is_at_least_one() {
    let mut queues = Queues::new(0, 0);
    assert_eq!(queues.capacity(), 1);
    assert_eq!(queues.write(b"ab"), 1);
}

#[test]
#[should_panic(expected = "more was pushed than was granted")]
fn a_push_beyond_the_capacity_is_a_mistake_of_the_mux() {
    Queues::new(4, 4).push(b"abcde");
}

#[test]
fn an_orderly_end_comes_behind_the_bytes() {
    let mut queues = Queues::new(4, 4);
    queues.write(b"ab");
    queues.finish_writing(End::Orderly);
    assert_eq!((queues.write(b"c"), queues.writable()), (0, 0));
    let mut out = [0; 8];
    assert_eq!(queues.pull(&mut out), Pull::Bytes(2));
    assert_eq!(queues.pull(&mut out), Pull::End(End::Orderly));

    queues.push(b"xy");
    queues.finish(End::Orderly);
    assert_eq!(queues.ended(), None);
    assert_eq!(queues.reading(None), Reading::On { read: 0 });
    assert_eq!(queues.read(&mut out), 2);
    assert_eq!(queues.ended(), Some(End::Orderly));
    assert_eq!(queues.reading(None), over(2, End::Orderly));
    // All was read: there is nothing to give up.
    queues.stop_reading(End::Abort);
    assert_eq!(queues.reading(None), over(2, End::Orderly));
}

#[test]
fn an_abort_drops_what_has_not_left() {
    let mut queues = Queues::new(4, 4);
    queues.write(b"ab");
    queues.finish_writing(End::Orderly);
    queues.finish_writing(End::Abort);
    assert_eq!(queues.pull(&mut [0; 8]), Pull::End(End::Abort));
    queues.finish_writing(End::Orderly);
    assert_eq!(queues.pull(&mut [0; 8]), Pull::End(End::Abort));
}

#[test]
fn who_stops_reading_is_given_no_more() {
    let mut queues = Queues::new(4, 4);
    queues.push(b"abcd");
    assert_eq!(queues.read(&mut [0; 3]), 3);
    queues.stop_reading(End::Abort);
    assert_eq!(queues.reading(None), over(3, End::Abort));
    // These were on their way.
    queues.push(b"efg");
    assert_eq!((queues.readable(), queues.read(&mut [0; 3])), (0, 0));
    queues.finish(End::Orderly);
    assert_eq!(queues.ended(), None);
    assert_eq!(queues.reading(None), over(3, End::Abort));
}

#[test]
fn the_receipt_says_how_far_the_peer_has_read() {
    let mut queues = Queues::new(4, 4);
    queues.write(b"abcd");
    assert_eq!((queues.receipt(), queues.refused()), (None, None));
    queues.stopped(3, End::Abort);
    assert_eq!((queues.write(b"e"), queues.writable()), (0, 0));
    queues.lost();
    assert_eq!(queues.receipt(), Some(Some(3)));
    assert_eq!(queues.refused(), Some(End::Abort));
}

#[test]
fn a_lost_session_is_an_abort_after_what_did_arrive() {
    let mut queues = Queues::new(4, 4);
    queues.push(b"ab");
    queues.write(b"c");
    queues.lost();
    assert_eq!(queues.ended(), None);
    assert_eq!(queues.read(&mut [0; 8]), 2);
    assert_eq!(queues.ended(), Some(End::Abort));
    assert_eq!(queues.receipt(), Some(None));
    assert_eq!(queues.write(b"d"), 0);

    // One whose end had come is whole.
    let mut queues = Queues::new(4, 4);
    queues.push(b"ab");
    queues.finish(End::Orderly);
    queues.lost();
    assert_eq!(queues.read(&mut [0; 8]), 2);
    assert_eq!(queues.ended(), Some(End::Orderly));
}

#[test]
fn a_shared_stream_outlives_its_channel() {
    let mine = Rc::new(RefCell::new(Queues::new(4, 4)));
    let mut theirs = Rc::clone(&mine);
    theirs.push(b"ab");
    theirs.finish(End::Orderly);
    theirs.stopped(0, End::Orderly);
    drop(theirs);
    assert_eq!(mine.borrow_mut().read(&mut [0; 8]), 2);
    assert_eq!(mine.borrow().receipt(), Some(Some(0)));
}

proptest! {
    /// Against the plainest model, in both directions, with capacities from 1 byte.
    #[test]
    fn both_queues_keep_every_byte_in_order(
        capacity in 1_u32..40,
        steps in prop::collection::vec((0_u8..4, 0_usize..50), 1..200),
    ) {
        let mut queues = Queues::on_demand(capacity, capacity);
        let (mut inbound, mut outbound) = (VecDeque::new(), VecDeque::new());
        let mut next = 0_u8;
        let mut out = [0; 50];
        for (what, size) in steps {
            let bytes: Vec<u8> = (0..size as u8).map(|i| next.wrapping_add(i)).collect();
            match what {
                0 => {
                    prop_assert_eq!(queues.writable(), capacity as usize - outbound.len());
                    let n = queues.write(&bytes);
                    prop_assert_eq!(n, size.min(capacity as usize - outbound.len()));
                    outbound.extend(&bytes[..n]);
                    next = next.wrapping_add(n as u8);
                }
                1 => {
                    let n = size.min(capacity as usize - inbound.len());
                    queues.push(&bytes[..n]);
                    inbound.extend(&bytes[..n]);
                    next = next.wrapping_add(n as u8);
                }
                2 => {
                    prop_assert_eq!(queues.readable(), inbound.len());
                    let n = queues.read(&mut out[..size]);
                    prop_assert_eq!(n, size.min(inbound.len()));
                    prop_assert_eq!(&out[..n], &inbound.drain(..n).collect::<Vec<u8>>());
                }
                _ if outbound.is_empty() => prop_assert_eq!(queues.pull(&mut out), Pull::Empty),
                _ => {
                    let n = size.min(outbound.len());
                    prop_assert_eq!(queues.pull(&mut out[..size]), Pull::Bytes(n));
                    prop_assert_eq!(&out[..n], &outbound.drain(..n).collect::<Vec<u8>>());
                }
            }
        }
    }
}
