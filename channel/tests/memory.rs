//! What a channel costs in memory, counted by the allocator.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicIsize, Ordering};

use channel::{Domain, Options};
use support::meet;

struct Counting;

thread_local! {
    /// Of this thread alone: the test program's other threads allocate too.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static RECORD: Cell<bool> = const { Cell::new(false) };
}
/// Sizes of the blocks held, while recording: a fixed table, for it may not allocate itself.
static SIZES: [AtomicIsize; 8192] = [const { AtomicIsize::new(0) }; 8192];

fn note(size: usize, by: isize) {
    let _ = HELD.try_with(|held| held.set(held.get() + by * size as isize));
    if RECORD.try_with(Cell::get).unwrap_or(false) {
        SIZES[size.min(8191)].fetch_add(by, Ordering::Relaxed);
    }
}

// SAFETY: every call is handed on to the system's allocator unchanged; only counters are added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn held() -> isize {
    HELD.get()
}

/// Bytes that a pair of channels takes (both ends), without its two buffers; and its blocks.
fn overhead(capacity: usize) -> (usize, BTreeMap<usize, isize>) {
    const PAIRS: usize = 64;
    let domain = Domain::new();
    let options = Options::new().with_capacity(capacity);
    let server = domain.broker_with("server", options.clone()).unwrap();
    let client = domain.broker_with("client", options).unwrap();
    let mut pairs = Vec::with_capacity(PAIRS + 64);
    // Tables that grow do so before it counts.
    pairs.extend((0..64).map(|_| meet(&server, &client, 1)));
    for size in &SIZES {
        size.store(0, Ordering::Relaxed);
    }
    let before = held();
    RECORD.set(true);
    pairs.extend((0..PAIRS).map(|_| meet(&server, &client, 1)));
    RECORD.set(false);
    let each = (held() - before) as usize / PAIRS;
    let blocks = SIZES
        .iter()
        .enumerate()
        .map(|(size, count)| (size, count.load(Ordering::Relaxed)))
        .filter(|&(_, count)| count > 0)
        .collect();
    (each.saturating_sub(2 * capacity), blocks)
}

// shows C1: a channel (both its ends) costs its two buffers and at most 2 KiB.
#[test]
fn a_channel_costs_its_buffers_and_little_more() {
    for capacity in [256, 4096] {
        let (more, blocks) = overhead(capacity);
        println!("buffers of {capacity} bytes: {more} bytes more, both ends together");
        println!("blocks (size: how many for 64 channels): {blocks:?}");
        assert!(more <= 2048, "{more} bytes beside the two buffers");
    }
}

// shows B3: nothing is left of channels, waits and withdrawals that are over.
#[test]
fn nothing_is_left_behind() {
    let domain = Domain::new();
    let options = Options::new().with_capacity(256);
    let server = domain.broker_with("server", options.clone()).unwrap();
    let client = domain.broker_with("client", options).unwrap();
    let round = || {
        drop(meet(&server, &client, 1));
        server.try_accept(2).unwrap_err();
        client.try_connect("server", 3).unwrap_err();
        for _ in 0..2 {
            let mut accepting = support::Task::new(server.accept_async(4));
            assert!(accepting.poll().is_pending());
            let mut connecting = support::Task::new(client.connect_async("server", 5));
            assert!(connecting.poll().is_pending());
        }
        let poller = channel::Poller::new();
        let (mut ours, mut theirs) = meet(&server, &client, 6);
        ours.reader_mut().register(&poller, 1);
        theirs.write_all(b"x").unwrap();
        ours.handle().abort();
    };
    (0..50).for_each(|_| round());
    let before = held();
    (0..1000).for_each(|_| round());
    let grown = held() - before;
    assert!(grown < 1000, "{grown} bytes are left of 1000 rounds");
}
