//! What a message costs in allocations, counted by the allocator.
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::io::IoSlice;

use channel::Options;
use common::*;
use message_queue::{BATCH, MessageQueue, ReceiveError};

struct Counting;

thread_local! {
    /// Of this thread alone: the test program's other threads allocate too.
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static LARGE: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn note(count: usize, by: isize) {
    if count > 0 && by >= PIECE {
        let _ = LARGE.try_with(|c| c.set(c.get() + count));
    }
    let _ = COUNT.try_with(|c| c.set(c.get() + count));
    let _ = HELD.try_with(|held| held.set(held.get() + by));
}

// SAFETY: every call is handed on to the system's allocator unchanged; only counters are added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, -(layout.size() as isize));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size as isize - layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Memory for a message that flows through the buffer in pieces has at least so many bytes, and nothing
/// else here has.
const PIECE: isize = 4096;

/// Allocations of `work` that are large enough for messages, on this thread. Where two sides wait for each
/// other there are small ones too, and they are no message's: what a thread needs to sleep for the first
/// time, and a late look at a writer that sleeps, once in a millisecond at most.
fn large_allocations(work: impl FnOnce()) -> usize {
    let before = LARGE.get();
    work();
    LARGE.get() - before
}

/// Allocations of `work`, on this thread.
fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

const ROUNDS: usize = 1000;

/// Counts for many messages of `length` bytes, once messages have gone around the buffer's end a few
/// times (what is gathered then keeps its memory).
fn each(what: &str, length: usize, expected: usize, mut round: impl FnMut()) {
    let what = format!("{length} B, {what}");
    for _ in 0..10 + 200_000 / (length + 4) {
        round();
    }
    let counted = allocations(|| {
        for _ in 0..ROUNDS {
            round();
        }
    });
    println!("{what}: {} per message", counted as f64 / ROUNDS as f64);
    assert_eq!(counted, expected * ROUNDS, "{what}");
}

// shows M9: no allocation with `receive_into` and a borrowed receive, one with `receive`; none for
// sending, from one slice, from several, or in batches. Wrap-around of the buffer included.
#[test]
fn allocations_per_message() {
    for length in [0, 16, 256, 4096, 60_000] {
        let (a, b) = queues();
        let bytes = vec![1; length];
        let mut buf = vec![0; length];
        each("send, receive_into", length, 0, || {
            a.send(&bytes).unwrap();
            assert_eq!(b.receive_into(&mut buf).unwrap(), length);
        });
        // A message of no bytes needs no memory.
        each("send, receive", length, usize::from(length > 0), || {
            a.send(&bytes).unwrap();
            assert_eq!(b.receive().unwrap().len(), length);
        });
        each("send_vectored, try_receive_into", length, 0, || {
            let (x, y) = bytes.split_at(length / 2);
            a.send_vectored(&[IoSlice::new(x), IoSlice::new(y)])
                .unwrap();
            assert_eq!(b.try_receive_into(&mut buf).unwrap(), length);
        });
        each("feed, receive_into", length, 0, || {
            a.feed(&bytes).unwrap();
            a.flush().unwrap();
            assert_eq!(b.receive_into(&mut buf).unwrap(), length);
        });
        let (mut a, _a) = a.split();
        let (_b, mut b) = b.split();
        each("halves, receive_ref", length, 0, || {
            a.send(&bytes).unwrap();
            assert_eq!(b.receive_ref().unwrap().len(), length);
        });
    }
}

// shows M3, M9: none for a message that is larger than the buffer and flows through it in pieces.
#[test]
fn allocations_of_large_messages() {
    const LENGTH: usize = 1 << 20;
    within("large messages", || {
        let (a, b) = queues();
        let sending = std::thread::spawn(move || {
            let bytes = vec![1; LENGTH];
            for _ in 0..20 {
                a.send(&bytes).unwrap();
            }
        });
        let mut buf = vec![0; LENGTH];
        b.receive_into(&mut buf).unwrap();
        let counted = large_allocations(|| {
            for _ in 0..19 {
                b.receive_into(&mut buf).unwrap();
            }
        });
        assert_eq!(counted, 0);
        sending.join().unwrap();
    });
}

// shows M9: a large message that is like an earlier one costs one allocation too.
#[test]
fn allocations_of_large_vectors() {
    const LENGTH: usize = 2 << 20;
    within("large vectors", || {
        let (a, b) = queues();
        let sending = std::thread::spawn(move || {
            let bytes = vec![1; LENGTH];
            for _ in 0..11 {
                a.send(&bytes).unwrap();
            }
        });
        b.receive().unwrap();
        let counted = large_allocations(|| {
            for _ in 0..10 {
                b.receive().unwrap();
            }
        });
        assert_eq!(counted, 10);
        sending.join().unwrap();
    });
}

// shows M9: nor does waiting in a future allocate.
#[test]
fn allocations_of_a_future_that_waits() {
    let (a, b) = queues();
    let (_, waker) = counter();
    let mut cx = std::task::Context::from_waker(&waker);
    let mut buf = [0; 16];
    each("receive_into_async", 16, 0, || {
        let mut receiving = std::pin::pin!(b.receive_into_async(&mut buf));
        assert!(receiving.as_mut().poll(&mut cx).is_pending());
        a.send(&[1; 16]).unwrap();
        assert!(receiving.as_mut().poll(&mut cx).is_ready());
    });
}

// shows M4: a queue that is never empty holds a batch, however much goes through it.
#[test]
fn feeding_without_end() {
    let (a, b) = queues_of(64);
    let before = HELD.get();
    let (mut fed, mut got) = (0_u64, 0_u64);
    while got < 50_000 {
        while a.try_feed(&fed.to_be_bytes()).is_ok() {
            fed += 1;
        }
        if let Ok(message) = b.try_receive() {
            assert_eq!(message, got.to_be_bytes());
            got += 1;
        }
    }
    let held = HELD.get() - before;
    assert!(held < 8 * BATCH as isize, "{held} bytes");
}

// shows M4: memory for a message follows its bytes, whatever the prefix claims; and it is given back.
#[test]
fn memory_follows_arrival() {
    const CLAIM: usize = u32::MAX as usize;
    let (mut a, b) = pair_with(&Options::new().with_capacity(4096));
    let b = MessageQueue::with_max_message(b, CLAIM);
    let before = HELD.get();
    a.write_all(&[0xff; 4]).unwrap();
    assert!(matches!(b.try_receive(), Err(ReceiveError::WouldBlock)));
    assert!(HELD.get() - before < 100 << 10, "nothing has come yet");
    // Byte by byte, then faster.
    let mut arrived = 0;
    while arrived < 4 << 20 {
        let piece = if arrived < 5000 { 1 } else { 4096 };
        a.write_all(&vec![7; piece]).unwrap();
        arrived += piece;
        assert!(matches!(b.try_receive(), Err(ReceiveError::WouldBlock)));
        let held = usize::try_from(HELD.get() - before).unwrap();
        assert!(
            held <= 2 * arrived + (128 << 10),
            "{held} bytes held for {arrived} that came"
        );
    }
    drop(a);
    let lost = b.try_receive();
    assert!(
        matches!(&lost, Err(ReceiveError::Truncated(t))
            if t.to_string().contains(&CLAIM.to_string()) && t.to_string().contains(&arrived.to_string())),
        "{lost:?}"
    );
    assert!(HELD.get() - before < 100 << 10, "it is given back");
}

// shows M4: a claim over the limit allocates nothing.
#[test]
fn a_claim_over_the_limit_allocates_nothing() {
    let (mut a, b) = pair();
    let b = MessageQueue::new(b);
    a.write_all(&[0xff; 40]).unwrap();
    let mut refused = None;
    let counted = allocations(|| refused = Some(b.receive()));
    assert!(matches!(refused, Some(Err(ReceiveError::TooLarge(_)))));
    assert_eq!(counted, 0);
}

// shows M9: a large message leaves no large buffer behind.
#[test]
fn large_buffers_are_given_back() {
    let (a, b) = queues();
    // What is made once is made by now.
    a.send(b"x").unwrap();
    b.receive().unwrap();
    let before = HELD.get();
    let large = vec![1; 8 << 20];
    assert!(a.try_send(&large).is_err(), "unfinished");
    drop(large);
    let mut buf = vec![0; 8 << 20];
    loop {
        let _ = a.try_flush();
        match b.try_receive_into(&mut buf) {
            Ok(n) => break assert_eq!(n, 8 << 20),
            Err(ReceiveError::WouldBlock) => {}
            Err(error) => panic!("{error}"),
        }
    }
    drop(buf);
    assert!(
        HELD.get() - before < 1 << 20,
        "{} held",
        HELD.get() - before
    );
}
