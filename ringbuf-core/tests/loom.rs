//! Models of the ring for loom: every interleaving of two or three threads,
//! up to a bound of preemptions (`LOOM_MAX_PREEMPTIONS`, 2 unless told).
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release -p ringbuf-core --test loom
//! ```
//!
//! Data bytes are loom cells, so a missing ordering is a reported race. A lost
//! wake-up is a deadlock, which loom reports as well. `mutants_are_killed`
//! runs this binary again with one deliberate mistake at a time
//! (`RINGBUF_MUTANT`), and demands that the model named beside it fails.
#![cfg(loom)]

#[path = "loom/third_parties.rs"]
mod third_parties;

use std::process::{Command, Stdio};

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use ringbuf_core::{Consumer, Heap, Producer, Signal, Sleep, ring, ring_starting_at};

/// Runs a model under the bound.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(2);
    builder.check(model);
}

/// One thread of a model.
type Side<T> = Box<dyn FnOnce() -> T + Send>;

/// What must hold when both threads are done.
type After<L, R> = Box<dyn FnOnce(L, R)>;

/// Runs a model of two threads, once with each of them going first.
///
/// Loom remembers only the last access to an atomic. If a thread loads one
/// and then changes it, its own load hides an earlier load of the other
/// thread, and the order "change, then that load" is never tried (loom 0.7).
/// It is tried when the changing thread goes first; so both do.
fn check_both_ways<L: 'static, R: 'static>(model: fn() -> (Side<L>, Side<R>, After<L, R>)) {
    check(move || {
        let (left, right, after) = model();
        let right = thread::spawn(right);
        let left = left();
        after(left, right.join().unwrap());
    });
    check(move || {
        let (left, right, after) = model();
        let left = thread::spawn(left);
        let right = right();
        after(left.join().unwrap(), right);
    });
}

/// The bells of a ring: one to wake the consumer, one to wake the producer.
fn bells() -> [(Bell, Bell); 2] {
    let (data, room) = (Bell::new(), Bell::new());
    [(data.clone(), room.clone()), (data, room)]
}

/// What stands in for parking a thread.
#[derive(Clone)]
struct Bell(Arc<(Mutex<bool>, Condvar)>);

impl Bell {
    fn new() -> Self {
        Self(Arc::new((Mutex::new(false), Condvar::new())))
    }

    fn ring_if(&self, signal: Signal) {
        if signal == Signal::Wake {
            *self.0.0.lock().unwrap() = true;
            self.0.1.notify_one();
        }
    }

    fn wait(&self) {
        let mut rung = self.0.0.lock().unwrap();
        while !*rung {
            rung = self.0.1.wait(rung).unwrap();
        }
        *rung = false;
    }
}

/// Writes one byte, sleeping as long as there is no room; false when stopped.
fn write_sleeping(producer: &mut Producer<Heap>, byte: u8, (data, room): &(Bell, Bell)) -> bool {
    loop {
        if producer.write(&[byte]).unwrap() == 1 {
            data.ring_if(producer.signal());
            return true;
        }
        if producer.is_finished() || producer.is_abandoned() {
            return false;
        }
        if producer.prepare_sleep().unwrap() == Sleep::Asleep {
            room.wait();
        }
    }
}

/// Reads one byte, sleeping as long as there is none; `None` at the end.
fn read_sleeping(consumer: &mut Consumer<Heap>, (data, room): &(Bell, Bell)) -> Option<u8> {
    let mut byte = [0];
    loop {
        if consumer.read(&mut byte).unwrap() == 1 {
            room.ring_if(consumer.signal());
            return Some(byte[0]);
        }
        if consumer.at_end().unwrap() {
            return None;
        }
        if consumer.prepare_sleep().unwrap() == Sleep::Asleep {
            data.wait();
        }
    }
}

// shows R1
#[test]
fn transfer() {
    check_both_ways(|| {
        let (mut producer, mut consumer) = ring(4).unwrap();
        (
            Box::new(move || {
                assert_eq!(producer.write(&[1, 2]), Ok(2));
                assert_eq!(producer.write_vectored(&[&[3][..], &[4]]), Ok(2));
            }),
            Box::new(move || {
                let mut out = [0; 4];
                let mut got = consumer.read(&mut out[..3]).unwrap();
                got += consumer.read(&mut out[got..]).unwrap();
                assert_eq!(out[..got], [1, 2, 3, 4][..got]);
                (consumer, out, got)
            }),
            Box::new(|(), (mut consumer, mut out, mut got)| {
                got += consumer.read(&mut out[got..]).unwrap();
                assert_eq!((got, out), (4, [1, 2, 3, 4]));
            }),
        )
    });
}

// shows R1, R2, R5
#[test]
fn wrap() {
    check_both_ways(|| {
        let (mut producer, mut consumer) = ring_starting_at(2, usize::MAX).unwrap();
        assert_eq!(producer.write(&[1, 2]), Ok(2));
        (
            Box::new(move || {
                let first = producer.write(&[3]).unwrap();
                first + producer.write(&[4][..first]).unwrap()
            }),
            Box::new(move || {
                let mut out = [0; 4];
                let mut got = consumer.read(&mut out[..1]).unwrap();
                got += consumer.read(&mut out[got..got + 1]).unwrap();
                assert_eq!(got, 2);
                (consumer, out, got)
            }),
            Box::new(|written, (mut consumer, mut out, mut got)| {
                got += consumer.read_vectored(&mut [&mut out[got..]]).unwrap();
                assert_eq!(got, 2 + written);
                assert_eq!(out[..got], [1, 2, 3, 4][..got]);
            }),
        )
    });
}

// shows R6
#[test]
fn consumer_sleeps() {
    check_both_ways(|| {
        let (mut producer, mut consumer) = ring(2).unwrap();
        let [ours, theirs] = bells();
        (
            Box::new(move || {
                assert!(write_sleeping(&mut producer, 1, &ours));
                assert!(write_sleeping(&mut producer, 2, &ours));
            }),
            Box::new(move || {
                assert_eq!(read_sleeping(&mut consumer, &theirs), Some(1));
                assert_eq!(read_sleeping(&mut consumer, &theirs), Some(2));
            }),
            Box::new(|(), ()| ()),
        )
    });
}

// shows R6
#[test]
fn producer_sleeps() {
    check_both_ways(|| {
        let (mut producer, mut consumer) = ring(1).unwrap();
        let [ours, theirs] = bells();
        assert_eq!(producer.write(&[1]), Ok(1));
        (
            Box::new(move || assert!(write_sleeping(&mut producer, 2, &ours))),
            Box::new(move || {
                assert_eq!(read_sleeping(&mut consumer, &theirs), Some(1));
                consumer
            }),
            Box::new(|(), mut consumer| {
                let mut out = [0; 2];
                assert_eq!(consumer.read(&mut out), Ok(1));
                assert_eq!(out[0], 2);
            }),
        )
    });
}

// shows R6: one that has no use for less room is woken for each part, and sleeps again until there is enough.
#[test]
fn producer_sleeps_for_more() {
    check_both_ways(|| {
        let (mut producer, mut consumer) = ring(2).unwrap();
        let [(_, room), theirs] = bells();
        assert_eq!(producer.write(&[1, 2]), Ok(2));
        (
            Box::new(move || {
                while producer.vacant().unwrap() < 2 {
                    if producer.prepare_sleep_for(2).unwrap() == Sleep::Asleep {
                        room.wait();
                    }
                }
                assert_eq!(producer.write(&[3, 4]), Ok(2));
            }),
            Box::new(move || {
                assert_eq!(read_sleeping(&mut consumer, &theirs), Some(1));
                assert_eq!(read_sleeping(&mut consumer, &theirs), Some(2));
            }),
            Box::new(|(), ()| ()),
        )
    });
}

// shows R1, R6
#[test]
fn both_sleep_and_the_stream_ends() {
    check_both_ways(|| {
        let (mut producer, mut consumer) = ring_starting_at(1, usize::MAX).unwrap();
        let [ours, theirs] = bells();
        (
            Box::new(move || {
                assert!(write_sleeping(&mut producer, 1, &ours));
                assert!(write_sleeping(&mut producer, 2, &ours));
                producer.finish();
                ours.0.ring_if(producer.signal());
                assert_eq!(producer.settle(), 0);
            }),
            Box::new(move || {
                assert_eq!(read_sleeping(&mut consumer, &theirs), Some(1));
                assert_eq!(read_sleeping(&mut consumer, &theirs), Some(2));
                assert_eq!(read_sleeping(&mut consumer, &theirs), None);
            }),
            Box::new(|(), ()| ()),
        )
    });
}

// shows R6
#[test]
fn finish_comes_after_the_bytes() {
    check_both_ways(|| {
        let (mut producer, mut consumer) = ring(2).unwrap();
        (
            Box::new(move || {
                assert_eq!(producer.write(&[7]), Ok(1));
                producer.finish();
                assert_eq!(producer.settle(), 0);
                assert_eq!(producer.write(&[8]), Ok(0));
            }),
            Box::new(move || {
                if consumer.is_finished() {
                    let mut out = [0; 2];
                    assert_eq!(consumer.read(&mut out), Ok(1));
                    assert_eq!(out[0], 7);
                    assert_eq!(consumer.at_end(), Ok(true));
                }
            }),
            Box::new(|(), ()| ()),
        )
    });
}

// shows R6
#[test]
fn abandon_wakes_the_producer() {
    check_both_ways(|| {
        let (mut producer, mut consumer) = ring(1).unwrap();
        let [ours, theirs] = bells();
        assert_eq!(producer.write(&[1]), Ok(1));
        (
            Box::new(move || {
                assert!(!write_sleeping(&mut producer, 2, &ours));
                assert!(producer.is_abandoned());
                assert_eq!(producer.vacant(), Ok(0));
            }),
            Box::new(move || {
                consumer.abandon();
                theirs.1.ring_if(consumer.signal());
                assert_eq!(consumer.read(&mut [0]), Ok(0));
            }),
            Box::new(|(), ()| ()),
        )
    });
}

// shows R6: a byte whose write returned `Ok` is read, or counted by `settle`.
#[test]
fn closer_against_writes() {
    check(|| {
        let (mut producer, mut consumer) = ring(4).unwrap();
        let closer = producer.closer();
        let writer = thread::spawn(move || {
            let mut written = producer.write(&[1]).unwrap();
            let _ = producer.signal();
            written += producer.write(&[2]).unwrap();
            let _ = producer.signal();
            let lost = producer.is_finished().then(|| producer.settle());
            (written, lost, producer)
        });
        let reader = thread::spawn(move || {
            let mut out = [0; 4];
            let mut got = consumer.read(&mut out).unwrap();
            let ended = consumer.at_end().unwrap();
            let late = consumer.read(&mut out[got..]).unwrap();
            assert!(!ended || late == 0);
            got += late;
            (got, out, consumer)
        });
        closer.finish();
        let (written, lost, mut producer) = writer.join().unwrap();
        let (mut got, mut out, mut consumer) = reader.join().unwrap();
        while !consumer.at_end().unwrap() {
            got += consumer.read(&mut out[got..]).unwrap();
        }
        assert_eq!(out[..got], [1, 2][..got]);
        assert_eq!(got + lost.unwrap_or(0), written);
        assert_eq!(producer.settle(), lost.unwrap_or(0));
    });
}

// shows R6: the same with a writer that does one thing only.
#[test]
fn closer_against_a_write() {
    check(|| {
        let (mut producer, mut consumer) = ring(2).unwrap();
        let closer = producer.closer();
        let writer = thread::spawn(move || {
            let written = producer.write(&[1]).unwrap();
            let _ = producer.signal();
            let lost = if producer.is_finished() {
                producer.settle()
            } else {
                0
            };
            written - lost
        });
        let finisher = thread::spawn(move || closer.finish());
        let mut out = [0; 2];
        let mut got = 0;
        if consumer.at_end().unwrap() {
            assert_eq!(consumer.read(&mut out), Ok(0));
        }
        finisher.join().unwrap();
        let promised = writer.join().unwrap();
        while !consumer.at_end().unwrap() {
            got += consumer.read(&mut out[got..]).unwrap();
        }
        assert_eq!(got, promised);
    });
}

// shows R6
#[test]
fn closer_wakes_a_sleeping_consumer() {
    check_both_ways(|| {
        let (producer, mut consumer) = ring(1).unwrap();
        let closer = producer.closer();
        let [ours, theirs] = bells();
        (
            Box::new(move || {
                closer.finish();
                ours.0.ring_if(closer.take_wake_consumer());
            }),
            Box::new(move || assert_eq!(read_sleeping(&mut consumer, &theirs), None)),
            Box::new(|(), ()| ()),
        )
    });
}

// shows R6
#[test]
fn closer_wakes_a_sleeping_producer() {
    check_both_ways(|| {
        let (mut producer, consumer) = ring(1).unwrap();
        let closer = consumer.closer();
        let [ours, theirs] = bells();
        assert_eq!(producer.write(&[1]), Ok(1));
        (
            Box::new(move || {
                closer.finish();
                ours.1.ring_if(closer.take_wake_producer());
            }),
            Box::new(move || {
                assert!(!write_sleeping(&mut producer, 2, &theirs));
                assert!(producer.is_finished());
            }),
            Box::new(|(), ()| ()),
        )
    });
}

// shows R6
#[test]
fn one_sleep_is_woken_once() {
    check_both_ways(|| {
        let (mut producer, mut consumer) = ring(1).unwrap();
        let closer = consumer.closer();
        assert_eq!(consumer.prepare_sleep(), Ok(Sleep::Asleep));
        (
            Box::new(move || {
                let _ = producer.write(&[1]).unwrap();
                producer.signal()
            }),
            Box::new(move || {
                closer.finish();
                closer.take_wake_consumer()
            }),
            Box::new(|first, second| assert_ne!(first.is_wake(), second.is_wake())),
        )
    });
}

// shows R5
#[test]
fn observer() {
    check(|| {
        let (mut producer, mut consumer) = ring_starting_at(2, usize::MAX).unwrap();
        let observer = producer.observer();
        let start = observer.read();
        let writer = thread::spawn(move || {
            let _ = producer.write(&[1, 2]).unwrap();
            let _ = producer.write(&[3]).unwrap();
        });
        let reader = thread::spawn(move || {
            let _ = consumer.read(&mut [0; 2]).unwrap();
        });
        let read = observer.read();
        assert!(observer.fill() <= 2);
        assert!(observer.read().wrapping_sub(read) <= 2);
        assert!(observer.written().wrapping_sub(start) <= 3);
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

// shows R1: a copy takes nothing, and its bytes are the writer's once freed.
#[test]
fn copy_then_free() {
    check_both_ways(|| {
        let (mut producer, mut consumer) = ring(1).unwrap();
        assert_eq!(producer.write(&[1]), Ok(1));
        (
            Box::new(move || producer.write(&[2]).unwrap()),
            Box::new(move || {
                let mut out = [0; 1];
                assert_eq!((consumer.copy(&mut out), out), (Ok(1), [1]));
                assert_eq!((consumer.copy(&mut out), out), (Ok(1), [1]));
                assert_eq!(consumer.free(2), 1);
                consumer
            }),
            Box::new(|written, mut consumer| {
                let mut out = [2; 1];
                assert_eq!((consumer.copy(&mut out), out), (Ok(written), [2]));
            }),
        )
    });
}

/// Each deliberate mistake, and the model that must notice it.
const MUTANTS: &[(&str, &str)] = &[
    ("head-publish-relaxed", "transfer"),
    ("head-look-relaxed", "transfer"),
    ("publish-before-copy", "transfer"),
    ("tail-publish-relaxed", "wrap"),
    ("tail-look-relaxed", "wrap"),
    ("free-before-copy", "wrap"),
    ("signal-no-fence", "consumer_sleeps"),
    ("sleep-no-fence", "consumer_sleeps"),
    ("consumer-sleep-no-recheck", "consumer_sleeps"),
    ("producer-sleep-no-recheck", "producer_sleeps"),
    ("producer-sleep-no-recheck", "producer_sleeps_for_more"),
    ("signal-no-fence", "producer_sleeps_for_more"),
    (
        "consumer-sleep-ignores-state",
        "closer_wakes_a_sleeping_consumer",
    ),
    (
        "producer-sleep-ignores-state",
        "closer_wakes_a_sleeping_producer",
    ),
    ("signal-no-clear", "one_sleep_is_woken_once"),
    ("finish-relaxed", "finish_comes_after_the_bytes"),
    ("seal-no-fence", "closer_against_a_write"),
    ("seal-no-reread", "closer_against_a_write"),
    ("seal-no-fence", "third_parties::ends_against_a_write"),
    ("settle-no-cas", "third_parties::ends_against_a_write"),
    (
        "settle-not-abandoned",
        "third_parties::ends_against_a_write",
    ),
    ("settle-no-cas", "third_parties::ends_against_a_read"),
    ("head-look-acquire", "third_parties::ends_against_a_read"),
    ("settle-read-no-fence", "third_parties::ends_reading"),
    ("settle-no-cas", "third_parties::ends_reading"),
    (
        "counts-no-fence",
        "third_parties::counts_are_final_until_abandoned",
    ),
    ("tail-publish-relaxed", "copy_then_free"),
    ("settle-no-cas", "closer_against_a_write"),
    ("write-after-finish", "finish_comes_after_the_bytes"),
];

#[test]
fn mutants_are_killed() {
    let this = std::env::current_exe().unwrap();
    let survivors: Vec<_> = MUTANTS
        .iter()
        .filter(|(mutant, model)| {
            Command::new(&this)
                .args(["--exact", model, "--test-threads=1"])
                .env("RINGBUF_MUTANT", mutant)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .success()
        })
        .collect();
    assert!(survivors.is_empty(), "not noticed: {survivors:?}");
}
