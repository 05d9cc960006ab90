//! The rings, all behind one small interface, and what they are measured at.

use crate::machine::pin;
use crate::measure::{Sample, Watch};
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The writing half of a ring.
pub trait Put: Send {
    /// Takes what fits, which may be nothing.
    fn put(&mut self, bytes: &[u8]) -> usize;
}

/// The reading half of a ring.
pub trait Get: Send {
    /// Gives what is there, which may be nothing.
    fn get(&mut self, out: &mut [u8]) -> usize;
}

/// One contestant.
pub trait Ring: 'static {
    /// Its writing half.
    type Put: Put;
    /// Its reading half.
    type Get: Get;
    /// A new ring of that many bytes.
    fn ring(capacity: usize) -> (Self::Put, Self::Get);
}

/// This project's.
pub struct Ours;
/// `rtrb` by its slice calls, which move what fits.
pub struct RtrbSlices;
/// `rtrb` by chunks: the whole slice or nothing.
pub struct RtrbChunks;
/// `ringbuf`, its caching halves.
pub struct Ringbuf;

/// One half of [`Ours`].
pub struct OursHalf<T>(T);

impl Put for OursHalf<ringbuf_core::Producer<ringbuf_core::Heap>> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) -> usize {
        self.0
            .write(bytes)
            .expect("a ring on the heap is never corrupt")
    }
}
impl Get for OursHalf<ringbuf_core::Consumer<ringbuf_core::Heap>> {
    #[inline(always)]
    fn get(&mut self, out: &mut [u8]) -> usize {
        self.0
            .read(out)
            .expect("a ring on the heap is never corrupt")
    }
}
impl Ring for Ours {
    type Put = OursHalf<ringbuf_core::Producer<ringbuf_core::Heap>>;
    type Get = OursHalf<ringbuf_core::Consumer<ringbuf_core::Heap>>;
    fn ring(capacity: usize) -> (Self::Put, Self::Get) {
        let (producer, consumer) = ringbuf_core::ring(capacity).expect("a sane capacity");
        (OursHalf(producer), OursHalf(consumer))
    }
}

/// One half of [`RtrbSlices`].
pub struct Slices<T>(T);
impl Put for Slices<rtrb::Producer<u8>> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) -> usize {
        self.0.push_partial_slice(bytes).0.len()
    }
}
impl Get for Slices<rtrb::Consumer<u8>> {
    #[inline(always)]
    fn get(&mut self, out: &mut [u8]) -> usize {
        self.0.pop_partial_slice(out).0.len()
    }
}
impl Ring for RtrbSlices {
    type Put = Slices<rtrb::Producer<u8>>;
    type Get = Slices<rtrb::Consumer<u8>>;
    fn ring(capacity: usize) -> (Self::Put, Self::Get) {
        let (producer, consumer) = rtrb::RingBuffer::new(capacity);
        (Slices(producer), Slices(consumer))
    }
}

/// One half of [`RtrbChunks`].
pub struct Chunks<T>(T);
impl Put for Chunks<rtrb::Producer<u8>> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) -> usize {
        // This is `write_chunk_uninit`, a copy into its two slices, `commit_all`.
        match self.0.push_entire_slice(bytes) {
            Ok(()) => bytes.len(),
            Err(_) => 0,
        }
    }
}
impl Get for Chunks<rtrb::Consumer<u8>> {
    #[inline(always)]
    fn get(&mut self, out: &mut [u8]) -> usize {
        match self.0.read_chunk(out.len()) {
            Ok(chunk) => {
                let (one, two) = chunk.as_slices();
                out[..one.len()].copy_from_slice(one);
                out[one.len()..].copy_from_slice(two);
                chunk.commit_all();
                out.len()
            }
            Err(_) => 0,
        }
    }
}
impl Ring for RtrbChunks {
    type Put = Chunks<rtrb::Producer<u8>>;
    type Get = Chunks<rtrb::Consumer<u8>>;
    fn ring(capacity: usize) -> (Self::Put, Self::Get) {
        let (producer, consumer) = rtrb::RingBuffer::new(capacity);
        (Chunks(producer), Chunks(consumer))
    }
}

/// One half of [`Ringbuf`].
pub struct RingbufHalf<T>(T);
impl Put for RingbufHalf<ringbuf::HeapProd<u8>> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) -> usize {
        use ringbuf::traits::Producer;
        self.0.push_slice(bytes)
    }
}
impl Get for RingbufHalf<ringbuf::HeapCons<u8>> {
    #[inline(always)]
    fn get(&mut self, out: &mut [u8]) -> usize {
        use ringbuf::traits::Consumer;
        self.0.pop_slice(out)
    }
}
impl Ring for Ringbuf {
    type Put = RingbufHalf<ringbuf::HeapProd<u8>>;
    type Get = RingbufHalf<ringbuf::HeapCons<u8>>;
    fn ring(capacity: usize) -> (Self::Put, Self::Get) {
        use ringbuf::traits::Split;
        let (producer, consumer) = ringbuf::HeapRb::new(capacity).split();
        (RingbufHalf(producer), RingbufHalf(consumer))
    }
}

/// Plain copies in and out of a buffer, with nothing to synchronise: what a ring
/// cannot undercut on one thread.
pub struct Memcpy {
    buffer: Vec<u8>,
    at: usize,
}

impl Memcpy {
    fn new(capacity: usize) -> Self {
        Self {
            buffer: vec![0; capacity],
            at: 0,
        }
    }
    #[inline(always)]
    fn both(&mut self, bytes: &[u8], out: &mut [u8]) {
        let n = bytes.len();
        let place = &mut self.buffer[self.at..self.at + n];
        place.copy_from_slice(bytes);
        black_box(place.as_ptr());
        out.copy_from_slice(place);
        self.at += n;
        if self.at + n > self.buffer.len() {
            self.at = 0;
        }
    }
}

/// Writes and reads `slice` bytes `times` times on the calling thread, pinned.
pub fn one_thread<R: Ring>(core: usize, capacity: usize, slice: usize, times: u64) -> Sample {
    let (mut put, mut get) = R::ring(capacity);
    alone(core, slice, times, move |bytes, out| {
        let written = put.put(bytes);
        let read = get.get(out);
        written + read
    })
}

/// The same for plain copies.
pub fn one_thread_memcpy(core: usize, capacity: usize, slice: usize, times: u64) -> Sample {
    let mut memcpy = Memcpy::new(capacity);
    alone(core, slice, times, move |bytes, out| {
        memcpy.both(bytes, out);
        bytes.len() + out.len()
    })
}

fn alone<F>(core: usize, slice: usize, times: u64, mut both: F) -> Sample
where
    F: FnMut(&[u8], &mut [u8]) -> usize + Send,
{
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            pin(core);
            let source = pattern(slice);
            let mut target = vec![0u8; slice];
            // The length is not known to the compiler, as in most programs.
            let slice = black_box(slice);
            let mut lap = |times: u64| {
                let mut moved = 0;
                for _ in 0..times {
                    moved += both(black_box(&source[..slice]), black_box(&mut target[..slice]));
                }
                moved as u64
            };
            // Once through the whole ring and more, so that its pages are there.
            lap(20_000);
            let watch = Watch::start();
            let moved = lap(times);
            let sample = watch.stop();
            assert_eq!(moved, 2 * slice as u64 * times, "bytes were lost");
            assert_eq!(target, source, "bytes were changed");
            sample
        });
        thread.join().expect("the measuring thread")
    })
}

/// Bytes that differ from their neighbours at every distance that matters.
pub fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// Bytes of the repeating pattern that a stream consists of: its end is checked
/// against it, so that one byte lost, doubled or out of order shows.
fn period(slice: usize) -> usize {
    slice.max(1024)
}

/// What a stream's length must be a multiple of.
pub fn stream_grain(slice: usize) -> u64 {
    period(slice) as u64
}

/// Moves `bytes` bytes from one pinned thread to another in slices, both
/// spinning. The clock runs from when the reader has had four rings full until
/// it has the last byte.
pub fn two_threads<R: Ring>(
    cores: [usize; 2],
    capacity: usize,
    slice: usize,
    bytes: u64,
) -> Sample {
    let (mut put, mut get) = R::ring(capacity);
    let period = period(slice);
    let warm = (4 * capacity).max(256 * 1024).next_multiple_of(period) as u64;
    let source = pattern(period);
    let expected = source.clone();
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            pin(cores[0]);
            let slice = black_box(slice);
            let watch = Watch::start();
            let (mut left, mut at) = (warm + bytes, 0);
            while left > 0 {
                let n = put.put(&source[at..(at + slice).min(period)]);
                if n == 0 {
                    spin_loop();
                    continue;
                }
                left -= n as u64;
                at += n;
                if at == period {
                    at = 0;
                }
            }
            watch.stop()
        });
        let reader = scope.spawn(move || {
            pin(cores[1]);
            let slice = black_box(slice);
            let mut target = vec![0u8; period];
            let mut at = 0;
            let mut lap = |mut left: u64| {
                while left > 0 {
                    let end = (at + slice).min(period);
                    let n = get.get(&mut target[at..end]);
                    if n == 0 {
                        spin_loop();
                        continue;
                    }
                    left -= n as u64;
                    at += n;
                    if at == period {
                        at = 0;
                    }
                }
            };
            lap(warm);
            let watch = Watch::start();
            lap(bytes);
            let sample = watch.stop();
            assert_eq!(at, 0, "the stream ends with the pattern");
            assert_eq!(target, expected, "the stream is not what was written");
            sample
        });
        let writer = writer.join().expect("the writing thread");
        let reader = reader.join().expect("the reading thread");
        Sample {
            elapsed: reader.elapsed,
            share: reader.share.min(writer.share),
        }
    })
}

/// For comparison: `bytes` bytes copied into and out of a buffer of the ring's
/// size by one thread.
pub fn stream_memcpy(core: usize, capacity: usize, slice: usize, bytes: u64) -> Sample {
    one_thread_memcpy(core, capacity, slice, bytes / slice as u64)
}

/// Sends 8 bytes to the other thread and waits for them to come back, `times`
/// times, both sides spinning on pinned cores.
pub fn round_trip<R: Ring>(cores: [usize; 2], capacity: usize, times: u64) -> Sample {
    let (mut there_put, mut there_get) = R::ring(capacity);
    let (mut back_put, mut back_get) = R::ring(capacity);
    ping_pong(
        cores,
        times,
        move |number| {
            assert_eq!(there_put.put(&number.to_ne_bytes()), 8);
            let mut answer = [0u8; 8];
            while back_get.get(&mut answer) == 0 {
                spin_loop();
            }
            u64::from_ne_bytes(answer)
        },
        move |_| {
            let mut bytes = [0u8; 8];
            while there_get.get(&mut bytes) == 0 {
                spin_loop();
            }
            assert_eq!(back_put.put(&bytes), 8);
        },
    )
}

/// One cache line there and one back: two atomics, each on lines of its own
/// (two, since some processors fetch lines in pairs).
pub fn cache_line(cores: [usize; 2], times: u64) -> Sample {
    #[repr(align(128))]
    struct Line(AtomicU64);
    let there = &*Box::leak(Box::new(Line(AtomicU64::new(u64::MAX))));
    let back = &*Box::leak(Box::new(Line(AtomicU64::new(u64::MAX))));
    ping_pong(
        cores,
        times,
        move |number| {
            there.0.store(number, Ordering::Release);
            loop {
                let answer = back.0.load(Ordering::Acquire);
                if answer == number {
                    return answer;
                }
                spin_loop();
            }
        },
        move |number| {
            while there.0.load(Ordering::Acquire) != number {
                spin_loop();
            }
            back.0.store(number, Ordering::Release);
        },
    )
}

fn ping_pong<A, B>(cores: [usize; 2], times: u64, mut ask: A, mut answer: B) -> Sample
where
    A: FnMut(u64) -> u64 + Send,
    B: FnMut(u64) + Send,
{
    let warm = times.min(10_000);
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            pin(cores[0]);
            let mut lap = |from: u64, to: u64| {
                for number in from..to {
                    assert_eq!(ask(number), number, "the answer to another question");
                }
            };
            lap(0, warm);
            let watch = Watch::start();
            lap(warm, warm + times);
            watch.stop()
        });
        let answering = scope.spawn(move || {
            pin(cores[1]);
            let watch = Watch::start();
            for number in 0..warm + times {
                answer(number);
            }
            watch.stop()
        });
        let asking = asking.join().expect("the asking thread");
        let answering = answering.join().expect("the answering thread");
        Sample {
            elapsed: asking.elapsed,
            share: asking.share.min(answering.share),
        }
    })
}

/// How long the calling thread takes to get through a spin hint, in
/// nanoseconds: says how coarse everybody's waiting is on this machine.
pub fn spin_hint() -> f64 {
    let begun = Instant::now();
    for _ in 0..100_000 {
        spin_loop();
    }
    let took: Duration = begun.elapsed();
    took.as_secs_f64() * 1e9 / 100_000.0
}
