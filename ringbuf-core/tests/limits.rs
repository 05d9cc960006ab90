//! Limits, wrong use, and what the small calls promise.
#![cfg(not(loom))]

use std::panic::{AssertUnwindSafe, catch_unwind};

use ringbuf_core::{
    CapacityError, Closer, Consumer, Heap, Inline, MAX_CAPACITY, Observer, Producer, Region,
    Signal, ring, rounded_capacity,
};

// shows R1: the capacity is rounded up, and says so.
#[test]
fn capacities() {
    assert_eq!(rounded_capacity(0), Err(CapacityError::Zero));
    let over = MAX_CAPACITY + 1;
    let too_large = CapacityError::TooLarge {
        requested: over,
        max: MAX_CAPACITY,
    };
    assert_eq!(rounded_capacity(over), Err(too_large));
    assert_eq!(rounded_capacity(usize::MAX).unwrap_err().to_string(), {
        let max = usize::MAX;
        format!("a capacity of {max} bytes is over the limit; ask for at most 1073741824")
    });
    assert!(CapacityError::Zero.to_string().contains("at least 1"));
    assert_eq!(ring(0).unwrap_err(), CapacityError::Zero);
    assert_eq!(ring(over).unwrap_err(), too_large);
    for (requested, rounded) in [(1, 1), (3, 4), (4096, 4096), (5000, 8192)] {
        let (mut producer, consumer) = ring(requested).unwrap();
        assert_eq!(producer.capacity(), rounded);
        assert_eq!(consumer.capacity(), rounded);
        assert_eq!(producer.vacant(), Ok(rounded));
        assert_eq!(producer.write(&vec![1; rounded + 1]), Ok(rounded));
    }
}

// shows R1: the largest ring costs no more than the pages it uses.
#[test]
#[cfg_attr(miri, ignore)]
fn the_largest_ring() {
    let (mut producer, mut consumer) = ring(MAX_CAPACITY).unwrap();
    assert_eq!(producer.write(&[1, 2, 3]), Ok(3));
    let mut out = [0; 4];
    assert_eq!(consumer.read(&mut out), Ok(3));
    assert_eq!(producer.vacant(), Ok(MAX_CAPACITY));
}

// shows R4
#[test]
fn inline_splits_once() {
    static RING: Inline<8> = Inline::new();
    {
        let halves = RING.split();
        assert!(halves.is_some());
        assert!(RING.split().is_none());
    }
    assert!(RING.split().is_none());
}

// shows R4: of many threads one gets the halves.
#[test]
fn inline_splits_once_among_threads() {
    for _ in 0..100 {
        let ring = Inline::<8>::new();
        let got = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| ring.split().is_some()))
                .collect();
            let got = threads.into_iter().map(|t| usize::from(t.join().unwrap()));
            got.sum::<usize>()
        });
        assert_eq!(got, 1);
    }
}

// shows R1: freed room is visible at once, byte by byte.
#[test]
fn freed_room_is_visible() {
    let (mut producer, mut consumer) = ring(64).unwrap();
    assert_eq!(producer.write(&[7; 100]), Ok(64));
    assert_eq!(producer.write(&[7]), Ok(0));
    for _ in 0..200 {
        assert_eq!(consumer.read(&mut [0]), Ok(1));
        assert_eq!(producer.write(&[7]), Ok(1));
        assert_eq!(producer.write(&[7]), Ok(0));
    }
}

// shows R2: nothing asked, nothing moved.
#[test]
fn empty_buffers() {
    let (mut producer, mut consumer) = ring(4).unwrap();
    assert_eq!(producer.write(&[]), Ok(0));
    assert_eq!(producer.write_vectored::<&[u8]>(&[]), Ok(0));
    assert_eq!(producer.write_vectored(&[&[][..], &[]]), Ok(0));
    assert_eq!(producer.write(b"ab"), Ok(2));
    assert_eq!(consumer.read(&mut []), Ok(0));
    assert_eq!(consumer.read_vectored::<&mut [u8]>(&mut []), Ok(0));
    assert_eq!(consumer.available(), Ok(2));
}

// shows R2: a loan that is dropped changes nothing; one over its length panics.
#[test]
fn loans() {
    let (mut producer, mut consumer) = ring(8).unwrap();
    {
        let mut free = producer.reserve().unwrap();
        assert_eq!(free.len(), 8);
        free.slices().0.fill(9);
    }
    assert_eq!(consumer.available(), Ok(0));

    producer.reserve().unwrap().commit(0);
    let mut free = producer.reserve().unwrap();
    free.slices().0[..5].copy_from_slice(b"hello");
    free.commit(5);
    let filled = consumer.peek().unwrap();
    assert_eq!((filled.len(), filled.slices().0), (5, &b"hello"[..]));
    assert_eq!(consumer.filled().0, b"hello");
    consumer.consume(4);
    assert_eq!(consumer.filled().0, b"o");

    let over = catch_unwind(AssertUnwindSafe(|| consumer.consume(2)));
    assert!(over.is_err());
    let over = catch_unwind(AssertUnwindSafe(|| producer.reserve().unwrap().commit(8)));
    assert!(over.is_err());
    assert_eq!(consumer.available(), Ok(1));

    producer.finish();
    assert!(producer.reserve().unwrap().is_empty());
    consumer.abandon();
    assert!(consumer.peek().unwrap().is_empty());
}

// shows R6: a commit that a finish overtakes is counted as lost.
#[test]
fn settle_counts_what_came_late() {
    let (mut producer, mut consumer) = ring(8).unwrap();
    assert_eq!(producer.write(b"ab"), Ok(2));
    let closer = consumer.closer();
    let late = producer.reserve().unwrap();
    closer.finish();
    assert_eq!(consumer.at_end(), Ok(false));
    assert_eq!(consumer.read(&mut [0; 8]), Ok(2));
    assert_eq!(consumer.at_end(), Ok(true));
    late.commit(3);
    assert_eq!(producer.signal(), Signal::Quiet);
    assert_eq!(producer.settle(), 3);
    assert_eq!(producer.settle(), 3);
    assert_eq!(consumer.read(&mut [0; 8]), Ok(0));
    assert_eq!(consumer.available(), Ok(0));
    assert_eq!(consumer.peek().unwrap().len(), 0);
    assert_eq!(consumer.at_end(), Ok(true));
}

// shows R6: the same, but the producer decides first.
#[test]
fn settle_keeps_what_came_in_time() {
    let (mut producer, mut consumer) = ring(8).unwrap();
    let closer = consumer.closer();
    let late = producer.reserve().unwrap();
    closer.finish();
    late.commit(3);
    assert_eq!(producer.settle(), 0);
    assert_eq!(consumer.at_end(), Ok(false));
    assert_eq!(consumer.read(&mut [0; 8]), Ok(3));
    assert_eq!(consumer.at_end(), Ok(true));
    assert_eq!(producer.settle(), 0);
}

// shows R4
#[test]
fn halves_can_be_sent() {
    fn send<T: Send>() {}
    fn share<T: Send + Sync + Clone>() {}
    send::<Producer<Heap>>();
    send::<Consumer<Heap>>();
    send::<Producer<&'static Inline<8>>>();
    send::<Consumer<Region<std::sync::Arc<()>>>>();
    share::<Observer<Heap>>();
    share::<Closer<Heap>>();
    share::<Closer<Region<std::sync::Arc<()>>>>();
}

// shows R5: every part has something to show in a log.
#[test]
fn debug_output() {
    let (producer, consumer) = ring(8).unwrap();
    let shown = format!(
        "{producer:?} {consumer:?} {:?} {:?}",
        producer.observer(),
        producer.closer()
    );
    assert!(shown.contains("capacity: 8") && shown.contains("is_finished: false"));
}
