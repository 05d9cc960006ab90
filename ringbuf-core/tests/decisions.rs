//! What counts of a stream that a third party ends: where it ends, and where
//! its reading ended, decided from outside of both halves.
#![cfg(not(loom))]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{Pages, Random, STARTS, Shared, byte_at};
use ringbuf_core::{Closer, Consumer, Heap, Observer, Producer, Region, ring};

const CAPACITY: usize = 64;

// The header's layout, restated.
const END: usize = 256 + 28_usize.next_multiple_of(size_of::<usize>());
const DECIDED: usize = 1 << (usize::BITS - 1);

/// A ring that two processes could share, with third parties.
struct Parts {
    start: usize,
    pages: Arc<Pages>,
    producer: Producer<Shared>,
    consumer: Consumer<Shared>,
    closer: Closer<Shared>,
    observer: Observer<Shared>,
}

/// Runs a test with positions that begin anywhere.
fn from_everywhere(test: impl Fn(Parts)) {
    for start in STARTS {
        let pages = Arc::new(Pages::new(Region::required_len(CAPACITY)));
        let (ptr, len, keep) = (pages.ptr(), pages.len(), pages.clone());
        // SAFETY: the pages live as long as their `Arc`.
        let ring = unsafe { Region::create_starting_at(ptr, len, CAPACITY, keep, start) }.unwrap();
        let (closer, observer) = (ring.clone().into_closer(), ring.clone().into_observer());
        // SAFETY: each half is made once.
        let producer = unsafe { ring.clone().into_producer() }.unwrap();
        // SAFETY: as above.
        let consumer = unsafe { ring.into_consumer() }.unwrap();
        test(Parts {
            start,
            pages,
            producer,
            consumer,
            closer,
            observer,
        });
    }
}

impl Parts {
    /// A position by its distance from the start.
    fn at(&self, distance: usize) -> usize {
        self.start.wrapping_add(distance)
    }

    /// What another process decides by a head that it looked at earlier.
    fn decide_end_there(&self, distance: usize) {
        // SAFETY: in the header, aligned; the ring accesses it atomically.
        let end = unsafe { self.pages.ptr().add(END).cast::<AtomicUsize>().as_ref() };
        end.store(self.at(distance) | DECIDED, Ordering::Release);
    }

    fn counts(&self) -> (usize, usize) {
        let (written, read) = self.observer.counts();
        (
            written.wrapping_sub(self.start),
            read.wrapping_sub(self.start),
        )
    }
}

// shows C9
#[test]
fn nothing_is_decided_while_the_stream_goes_on() {
    from_everywhere(|mut ring| {
        assert_eq!(ring.producer.write(b"abc"), Ok(3));
        assert_eq!(ring.closer.settle_end(), None);
        assert_eq!(ring.closer.settle_read(), None);
        assert_eq!((ring.producer.settle(), ring.consumer.settle()), (0, 0));
        assert_eq!(ring.counts(), (3, 0));
        ring.closer.finish();
        assert_eq!(ring.closer.settle_read(), None, "it is still read");
        assert_eq!(ring.consumer.settle(), 0);
        assert_eq!(ring.consumer.read(&mut [0; 2]), Ok(2));
        assert_eq!(ring.counts(), (3, 2));
    });
}

/// How a write is given room that outlasts a flag, as a call does that is
/// going on: in memory that can be lent.
fn late_write(end: impl Fn(&Closer<Heap>)) -> usize {
    let (mut producer, consumer) = ring(CAPACITY).unwrap();
    let closer = consumer.closer();
    assert_eq!(producer.write(b"in time"), Ok(7));
    let late = producer.reserve().unwrap();
    end(&closer);
    late.commit(4);
    let _ = producer.signal();
    let lost = producer.settle();
    assert_eq!(closer.settle_end(), Some(11 - lost));
    assert_eq!(consumer.observer().counts(), (11 - lost, 0));
    lost
}

// shows C4, C9: a write counts if it was there when the end was decided, also
// after an abandonment.
#[test]
fn a_late_write_is_told_that_it_does_not_count() {
    assert_eq!(late_write(Closer::finish), 0);
    assert_eq!(late_write(Closer::abandon), 0);
    for flag in [Closer::finish, Closer::abandon] {
        let lost = late_write(|closer| {
            flag(closer);
            assert_eq!(closer.settle_end(), Some(7));
        });
        assert_eq!(lost, 4);
    }
}

// shows C4, C9
#[test]
fn a_look_shows_nothing_behind_the_end() {
    let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
    let closer = consumer.closer();
    assert_eq!(producer.write(b"in time"), Ok(7));
    let late = producer.reserve().unwrap();
    closer.finish();
    assert_eq!(consumer.read(&mut [0; 3]), Ok(3));
    assert_eq!(closer.settle_end(), Some(7));
    late.commit(4);
    // By a fresh look: clipped.
    assert_eq!(consumer.available(), Ok(4));
    assert_eq!(consumer.read(&mut [0; 8]), Ok(4));
    assert_eq!(consumer.settle(), 0);
    assert_eq!(consumer.at_end(), Ok(true));
    assert_eq!(consumer.observer().counts(), (7, 7));
    assert_eq!(producer.settle(), 4);
}

// shows C4, C9: the look came before the decision, which the other process
// took by an older head.
#[test]
fn a_reader_that_went_past_the_end_is_at_the_end() {
    from_everywhere(|mut ring| {
        assert_eq!(ring.producer.write(&[1; 10]), Ok(10));
        let mut out = [0; 16];
        assert_eq!(ring.consumer.copy(&mut out), Ok(10));
        assert_eq!(ring.consumer.free(2), 2);
        ring.closer.finish();
        ring.decide_end_there(4);
        assert_eq!(ring.consumer.free(5), 5, "from the last look");
        assert_eq!(ring.consumer.settle(), 3);
        assert_eq!(ring.consumer.settle(), 3);
        assert_eq!(ring.consumer.free(1), 0);
        assert_eq!(ring.consumer.copy(&mut out), Ok(0));
        assert_eq!(ring.consumer.available(), Ok(0));
        assert_eq!(ring.consumer.at_end(), Ok(true));
        assert_eq!(ring.closer.settle_end(), Some(ring.at(4)));
        assert_eq!(ring.counts(), (4, 4));
        assert_eq!(ring.producer.settle(), 6);
        // Whoever attaches anew finds the same.
        let (ptr, len, keep) = (ring.pages.ptr(), ring.pages.len(), ring.pages.clone());
        drop(ring.consumer);
        // SAFETY: the pages live as long as their `Arc`; the half before is gone.
        let mut consumer: Consumer<Shared> = unsafe {
            let ring = Region::attach(ptr, len, keep).unwrap();
            ring.into_consumer().unwrap()
        };
        assert_eq!(consumer.settle(), 3);
        assert_eq!(consumer.at_end(), Ok(true));
    });
}

// shows C9
#[test]
fn where_reading_ended_is_decided_once() {
    from_everywhere(|mut ring| {
        assert_eq!(ring.producer.write(&[1; 10]), Ok(10));
        let mut out = [0; 16];
        assert_eq!(ring.consumer.read(&mut out[..2]), Ok(2));
        assert_eq!(ring.consumer.copy(&mut out), Ok(8));
        ring.closer.abandon();
        assert_eq!(ring.closer.settle_read(), Some(ring.at(2)));
        // A call that was going on: it took bytes, and then finds the flag.
        assert_eq!(ring.consumer.free(3), 3);
        assert_eq!(ring.consumer.settle(), 3);
        assert_eq!(ring.closer.settle_read(), Some(ring.at(2)));
        assert_eq!(ring.closer.settle_end(), Some(ring.at(10)));
        assert_eq!(ring.counts(), (10, 2));
        assert_eq!(ring.consumer.copy(&mut out), Ok(0));
        assert_eq!(ring.consumer.free(1), 0);
    });
    from_everywhere(|mut ring| {
        assert_eq!(ring.producer.write(&[1; 10]), Ok(10));
        assert_eq!(ring.consumer.copy(&mut [0; 16]), Ok(10));
        ring.closer.abandon();
        assert_eq!(ring.consumer.free(3), 3);
        assert_eq!(ring.consumer.settle(), 0, "it was first");
        assert_eq!(ring.closer.settle_read(), Some(ring.at(3)));
        assert_eq!(ring.counts(), (10, 3), "the end is open");
    });
}

// shows C9: what lies behind the end counts neither as written nor as read.
#[test]
fn no_more_is_read_than_was_written() {
    from_everywhere(|mut ring| {
        assert_eq!(ring.producer.write(&[1; 10]), Ok(10));
        assert_eq!(ring.consumer.read(&mut [0; 8]), Ok(8));
        ring.closer.finish();
        ring.decide_end_there(5);
        ring.closer.abandon();
        assert_eq!(ring.closer.settle_read(), Some(ring.at(5)));
        assert_eq!(ring.closer.settle_end(), Some(ring.at(5)));
        assert_eq!(ring.consumer.settle(), 3);
    });
}

// shows C2: a copy takes nothing out, around the end of the memory as well.
#[test]
fn a_copy_stays_in_the_ring() {
    from_everywhere(|mut ring| {
        let mut out = [0; CAPACITY + 1];
        for turn in 0..CAPACITY as u8 {
            let bytes: Vec<u8> = (turn..).take(CAPACITY).collect();
            assert_eq!(ring.producer.write(&bytes), Ok(CAPACITY));
            assert_eq!(ring.consumer.copy(&mut out[..5]), Ok(5));
            assert_eq!(ring.consumer.copy(&mut out), Ok(CAPACITY));
            assert_eq!(out[..CAPACITY], bytes);
            assert_eq!(ring.producer.vacant(), Ok(0));
            let freed = ring.consumer.freed_unsignalled();
            assert_eq!(ring.consumer.free(7), 7);
            assert_eq!(ring.consumer.freed_unsignalled(), freed + 7);
            assert_eq!(ring.producer.vacant(), Ok(7));
            assert_eq!(ring.consumer.copy(&mut out), Ok(CAPACITY - 7));
            assert_eq!(out[..CAPACITY - 7], bytes[7..]);
            assert_eq!(ring.consumer.free(usize::MAX), CAPACITY - 7);
            assert_eq!(ring.producer.write(&bytes[..1]), Ok(1));
            assert_eq!(ring.consumer.read(&mut out), Ok(1));
        }
    });
}

/// What the consumer hands out of a checked stream: reads, or copies and
/// frees, each settled on its own.
fn hand_out(consumer: &mut Consumer<Shared>, random: &mut Random, place: usize) -> usize {
    let mut out = [0; 16];
    let len = random.below(out.len()) + 1;
    let taken = if random.below(2) == 0 {
        consumer.read(&mut out[..len]).unwrap()
    } else {
        let copied = consumer.copy(&mut out[..len]).unwrap();
        consumer.free(copied)
    };
    let count = if consumer.is_finished() || consumer.is_abandoned() {
        taken.saturating_sub(consumer.settle())
    } else {
        taken
    };
    for (i, byte) in out[..count].iter().enumerate() {
        assert_eq!(*byte, byte_at(place + i));
    }
    count
}

/// What the producer keeps of what it wrote until it is stopped.
fn write_until_stopped(producer: &mut Producer<Shared>, random: &mut Random) -> usize {
    let mut place = 0;
    loop {
        let len = random.below(8) + 1;
        let bytes: Vec<u8> = (place..place + len).map(byte_at).collect();
        let written = producer.write(&bytes).unwrap();
        let _ = producer.signal();
        if producer.is_finished() || producer.is_abandoned() {
            return place + written.saturating_sub(producer.settle());
        }
        if written == 0 {
            thread::yield_now();
        }
        place += written;
    }
}

/// How long a third party waits before it decides in a reader's stead.
const GRACE: Duration = Duration::from_millis(1);

// shows C4, C9: three threads, and none says anything else than the others.
#[test]
fn a_third_party_ends_a_stream_that_flows() {
    let rounds = if cfg!(miri) { 5 } else { 1000 };
    for seed in 0..rounds {
        let (finishes, start) = (seed % 3 != 0, STARTS[seed as usize % STARTS.len()]);
        let (mut producer, mut consumer) = common::region(16, start);
        let (closer, observer) = (producer.closer(), producer.observer());
        thread::scope(|scope| {
            let writer = scope.spawn(|| write_until_stopped(&mut producer, &mut Random::new(seed)));
            let reader = scope.spawn(|| {
                let (mut random, mut given) = (Random::new(!seed), 0);
                while !consumer.at_end().unwrap() {
                    match hand_out(&mut consumer, &mut random, given) {
                        0 => thread::yield_now(),
                        n => given += n,
                    }
                }
                consumer.settle();
                given
            });
            while observer.read() == start {
                thread::yield_now();
            }
            for _ in 0..seed % 64 {
                std::hint::spin_loop();
            }
            let (end, read) = if finishes {
                closer.finish();
                (closer.settle_end(), None)
            } else {
                closer.abandon();
                thread::sleep(GRACE);
                (closer.settle_end(), closer.settle_read())
            };
            let (kept, given) = (writer.join().unwrap(), reader.join().unwrap());
            assert_eq!(end, Some(start.wrapping_add(kept)), "seed {seed}");
            let read = read.map_or(kept, |read| read.wrapping_sub(start));
            assert_eq!(given, read, "seed {seed}");
            let counts = (end.unwrap(), start.wrapping_add(given));
            assert_eq!(observer.counts(), counts, "seed {seed}");
        });
    }
}
