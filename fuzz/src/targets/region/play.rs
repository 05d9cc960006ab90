//! Both halves of a ring in use, while the header is written by somebody else.

use ringbuf_core::{Consumer, Corrupt, Producer, Region, Sleep};

use super::place::{HEAD, Place, TAIL};
use crate::input::Input;

/// Both halves of a ring, and what they must do.
#[derive(Debug)]
pub struct Play<'a> {
    place: &'a Place,
    ring: Region<()>,
    pub capacity: usize,
    producer: Option<Producer<Region<()>>>,
    consumer: Option<Consumer<Region<()>>>,
    /// Each half's own position, which it never takes from the header again.
    head: usize,
    tail: usize,
    /// Whether the header is as the halves left it: then nothing may go wrong.
    honest: bool,
    finished: bool,
    abandoned: bool,
    /// Whether the consumer has said that the stream is over.
    over: bool,
    /// Room and bytes that a look has shown and that are still there: neither side takes back
    /// what it gave.
    shown_free: usize,
    shown_filled: usize,
}

impl<'a> Play<'a> {
    pub fn new(place: &'a Place, len: usize, honest: bool) -> Option<Self> {
        // SAFETY: as in `run`; foreign writes come between calls, as words.
        let ring = match unsafe { Region::attach(place.ptr(), len, ()) } {
            Ok(ring) => ring,
            Err(e) => {
                assert!(!honest && e.to_string().contains(';'), "{e}");
                return None;
            }
        };
        let capacity = ring.capacity();
        assert!(capacity.is_power_of_two() && Region::required_len(capacity) <= len);
        let mut play = Self {
            place,
            ring,
            capacity,
            producer: None,
            consumer: None,
            head: 0,
            tail: 0,
            honest,
            finished: false,
            abandoned: false,
            over: false,
            shown_free: 0,
            shown_filled: 0,
        };
        play.take_producer();
        play.take_consumer();
        Some(play)
    }

    fn take_producer(&mut self) {
        self.producer = None;
        // SAFETY: the half before, if there was one, is gone.
        self.producer = self.must(unsafe { self.ring.clone().into_producer() });
        self.head = self.place.word(HEAD);
        self.shown_free = 0;
    }

    fn take_consumer(&mut self) {
        self.consumer = None;
        // SAFETY: as above.
        self.consumer = self.must(unsafe { self.ring.clone().into_consumer() });
        self.tail = self.place.word(TAIL);
        self.over = false;
        self.shown_filled = 0;
    }

    /// An error is one that a hostile header explains, and can be shown.
    fn must<T>(&self, outcome: Result<T, Corrupt>) -> Option<T> {
        outcome
            .inspect_err(|e| {
                assert!(!self.honest, "{e}");
                assert!(e.to_string().contains("corrupt") && e.capacity() == self.capacity);
            })
            .ok()
    }

    fn fill(&self) -> usize {
        self.head.wrapping_sub(self.tail)
    }

    pub fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 16 {
            0..=2 => self.write(input),
            3..=5 => self.read(input),
            6 => self.look(),
            7 => self.at_end(),
            8 => self.sleep(),
            9 => self.end(input.byte()),
            10 => match input.byte() % 2 {
                0 => self.take_producer(),
                _ => self.take_consumer(),
            },
            _ => {
                self.honest = false;
                self.place.overwrite(input);
            }
        }
        let observer = self.ring.clone().into_observer();
        if observer.is_abandoned() || observer.is_finished() && !self.honest {
            // What was shown is discarded, or may lie behind the end.
            self.shown_filled = 0;
        }
        assert!(observer.fill() <= self.capacity);
        if self.honest {
            let seen = (observer.written(), observer.read(), observer.fill());
            assert_eq!(seen, (self.head, self.tail, self.fill()));
            assert_eq!(observer.counts(), (self.head, self.tail));
            let ends = (observer.is_finished(), observer.is_abandoned());
            assert_eq!(ends, (self.finished, self.abandoned));
        }
    }

    /// How much a call is about: up to a little more than fits.
    fn length(&self, input: &mut Input<'_>) -> usize {
        usize::from(input.short()) % (self.capacity + 100)
    }

    fn write(&mut self, input: &mut Input<'_>) {
        let (len, cut) = (self.length(input), input.short());
        let bytes: Vec<u8> = (0..len)
            .map(|i| byte_at(self.head.wrapping_add(i)))
            .collect();
        let (first, second) = bytes.split_at(usize::from(cut).min(len));
        let before = self.place.word(HEAD);
        let Some(producer) = &mut self.producer else {
            return;
        };
        let outcome = match cut % 2 {
            0 => producer.write(&bytes),
            _ => producer.write_vectored(&[first, &[], second]),
        };
        let moved = self.must(outcome).unwrap_or(0);
        assert!(moved <= len.min(self.capacity));
        if self.honest {
            let stopped = self.finished || self.abandoned;
            let room = if stopped {
                0
            } else {
                self.capacity - self.fill()
            };
            assert_eq!(moved, len.min(room));
        }
        self.head = self.head.wrapping_add(moved);
        self.shown_free = self.shown_free.saturating_sub(moved);
        let expected = if moved == 0 { before } else { self.head };
        assert_eq!(self.place.word(HEAD), expected, "the position is our own");
    }

    fn read(&mut self, input: &mut Input<'_>) {
        let (len, cut) = (self.length(input), input.short());
        let mut buffer = vec![0xEE; 16 + len + 16];
        let (first, second) = buffer[16..16 + len].split_at_mut(usize::from(cut).min(len));
        let before = self.place.word(TAIL);
        let Some(consumer) = &mut self.consumer else {
            return;
        };
        let outcome = match cut % 4 {
            0 => consumer.read(&mut buffer[16..16 + len]),
            2 => {
                let outcome = consumer.copy(&mut buffer[16..16 + len]);
                assert_eq!(self.place.word(TAIL), before, "nothing was taken out");
                outcome.map(|n| consumer.free(n))
            }
            _ => consumer.read_vectored(&mut [first, &mut [], second]),
        };
        assert!(!self.over || outcome == Ok(0), "{outcome:?}");
        let moved = self.must(outcome).unwrap_or(0);
        assert!(moved <= len.min(self.capacity));
        let rest = [&buffer[..16], &buffer[16 + moved..]].concat();
        assert!(rest.iter().all(|byte| *byte == 0xEE), "only what was read");
        if self.honest {
            let there = if self.abandoned { 0 } else { self.fill() };
            assert_eq!(moved, len.min(there));
            for (i, byte) in buffer[16..16 + moved].iter().enumerate() {
                assert_eq!(*byte, byte_at(self.tail.wrapping_add(i)));
            }
        }
        self.tail = self.tail.wrapping_add(moved);
        self.shown_filled = self.shown_filled.saturating_sub(moved);
        let expected = if moved == 0 { before } else { self.tail };
        assert_eq!(self.place.word(TAIL), expected, "the position is our own");
    }

    fn look(&mut self) {
        let vacant = self.producer.as_mut().map(Producer::vacant);
        let available = self.consumer.as_mut().map(Consumer::available);
        let vacant = vacant.and_then(|outcome| self.must(outcome));
        let available = available.and_then(|outcome| self.must(outcome));
        for n in [vacant, available].into_iter().flatten() {
            assert!(n <= self.capacity);
        }
        let closer = self.ring.clone().into_closer();
        if let (Some(n), false) = (vacant, closer.is_finished() || closer.is_abandoned()) {
            assert!(n >= self.shown_free);
            self.shown_free = n;
        }
        if let (Some(n), false) = (available, closer.is_abandoned()) {
            assert!(n >= self.shown_filled);
            self.shown_filled = n;
        }
        if self.honest {
            let stopped = self.finished || self.abandoned;
            let room = if stopped {
                0
            } else {
                self.capacity - self.fill()
            };
            let there = if self.abandoned { 0 } else { self.fill() };
            assert_eq!((vacant, available), (Some(room), Some(there)));
        }
    }

    fn at_end(&mut self) {
        let Some(consumer) = &mut self.consumer else {
            return;
        };
        let outcome = consumer.at_end();
        // A decision, whatever is written there afterwards; but who abandons decides nothing.
        assert!(!self.over || outcome == Ok(true));
        self.over |= outcome == Ok(true) && !consumer.is_abandoned();
        self.must(outcome);
        if self.honest {
            let expected = self.abandoned || self.finished && self.fill() == 0;
            assert_eq!(outcome, Ok(expected));
        }
    }

    fn sleep(&mut self) {
        let producer = self.producer.as_mut().map(Producer::prepare_sleep);
        let consumer = self.consumer.as_mut().map(Consumer::prepare_sleep);
        let told = [producer, consumer].map(|told| told.and_then(|told| self.must(told)));
        if self.honest {
            let open = !self.finished && !self.abandoned;
            let sleeps = |idle| {
                Some(if open && idle {
                    Sleep::Asleep
                } else {
                    Sleep::Ready
                })
            };
            let idle = [self.fill() == self.capacity, self.fill() == 0];
            assert_eq!(told, idle.map(sleeps));
        }
        // Who may not sleep has something to do, or would spin.
        let closer = self.ring.clone().into_closer();
        if !closer.is_finished() && !closer.is_abandoned() {
            let room = self.producer.as_mut().map(Producer::vacant);
            let there = self.consumer.as_mut().map(Consumer::available);
            for (told, left) in told.into_iter().zip([room, there]) {
                assert!(told != Some(Sleep::Ready) || left != Some(Ok(0)));
            }
        }
        // A sleeper is woken once.
        if let (Some(producer), Some(consumer)) = (&mut self.producer, &mut self.consumer) {
            let woken = [consumer.signal(), producer.signal()].map(|signal| signal.is_wake());
            let asleep = told.map(|told| told == Some(Sleep::Asleep));
            assert!(!self.honest || woken == asleep);
            assert!(!consumer.signal().is_wake() && !producer.signal().is_wake());
            producer.cancel_sleep();
            consumer.cancel_sleep();
        }
    }

    fn end(&mut self, choice: u8) {
        let closer = self.ring.clone().into_closer();
        match (choice % 8, &mut self.producer, &mut self.consumer) {
            (0, ..) => closer.finish(),
            (1, ..) => closer.abandon(),
            (2, Some(producer), _) => producer.finish(),
            (3, _, Some(consumer)) => consumer.abandon(),
            (4, Some(producer), _) => {
                let lost = producer.settle();
                assert!(lost <= self.capacity && (lost == 0 || !self.honest));
            }
            (5, _, Some(consumer)) => {
                let lost = consumer.settle();
                assert!(lost <= self.capacity && (lost == 0 || !self.honest));
            }
            (6, ..) => {
                let end = closer.settle_end();
                let stopped = self.finished || self.abandoned;
                assert!(!self.honest || end == stopped.then_some(self.head));
            }
            (7, ..) => {
                let read = closer.settle_read();
                assert!(!self.honest || read == self.abandoned.then_some(self.tail));
            }
            _ => (),
        }
        if self.honest {
            self.finished = closer.is_finished();
            self.abandoned = closer.is_abandoned();
        }
        let _ = (closer.take_wake_producer(), closer.take_wake_consumer());
    }
}

/// The byte at a position of the stream.
fn byte_at(position: usize) -> u8 {
    (position as u64)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .to_be_bytes()[0]
}
