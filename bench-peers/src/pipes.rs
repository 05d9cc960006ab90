//! Ways for two threads to talk and wait for each other, behind one interface,
//! and what they are measured at.

use crate::machine::pin;
use crate::measure::{Sample, Watch};
use crate::rings::pattern;
use futures_lite::{AsyncReadExt, AsyncWriteExt, future::block_on};
use std::hint::black_box;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::unix::net::UnixStream;

/// One end of a full-duplex connection between two threads. All calls block.
pub trait End: Send + Sized + 'static {
    /// Sends all bytes.
    fn send(&mut self, bytes: &[u8]);

    /// Waits for bytes and says how many there were. Ends that pass pointers to
    /// whole messages may leave `out` alone if it is longer than
    /// [`SMALL`]; then [`last`](End::last) gives the message.
    fn receive(&mut self, out: &mut [u8]) -> usize;

    /// The message received last, of ends that pass pointers.
    fn last(&self) -> Option<&[u8]> {
        None
    }

    /// Receives as many bytes as `buffer` holds and sends them back.
    fn echo(&mut self, buffer: &mut [u8]) {
        let mut n = 0;
        while n < buffer.len() {
            n += self.receive(&mut buffer[n..]);
        }
        self.send(buffer);
    }
}

/// Makes the two ends, with room for that many bytes in writes of `slice` bytes.
pub trait Pair: 'static {
    /// Either end.
    type End: End;
    /// A new connection.
    fn pair(capacity: usize, slice: usize) -> (Self::End, Self::End);
}

/// Messages up to this size are copied out even where a pointer would do.
pub const SMALL: usize = 64;

/// This project's.
pub struct Ours;
impl End for channel::Channel {
    fn send(&mut self, bytes: &[u8]) {
        self.write_all(bytes).expect("the channel is open");
    }
    fn receive(&mut self, out: &mut [u8]) -> usize {
        self.read(out).expect("the channel is open")
    }
}
impl Pair for Ours {
    type End = channel::Channel;
    fn pair(capacity: usize, _slice: usize) -> (channel::Channel, channel::Channel) {
        let options = channel::Options::new().with_capacity(capacity);
        let domain = channel::Domain::new();
        let [server, client] =
            ["server", "client"].map(|name| domain.broker_with(name, options.clone()).unwrap());
        let connecting = std::thread::spawn(move || client.connect("server", 1).unwrap());
        let accepted = server.accept(1).unwrap();
        (connecting.join().unwrap(), accepted)
    }
}

/// Two operating system pipes.
pub struct OsPipe;
/// One end of [`OsPipe`].
pub struct OsPipeEnd(PipeReader, PipeWriter);
impl End for OsPipeEnd {
    fn send(&mut self, bytes: &[u8]) {
        self.1.write_all(bytes).expect("the pipe is open");
    }
    fn receive(&mut self, out: &mut [u8]) -> usize {
        self.0.read(out).expect("the pipe is open")
    }
}
impl Pair for OsPipe {
    type End = OsPipeEnd;
    fn pair(_capacity: usize, _slice: usize) -> (OsPipeEnd, OsPipeEnd) {
        let (read_a, write_b) = std::io::pipe().expect("a pipe");
        let (read_b, write_a) = std::io::pipe().expect("a pipe");
        (OsPipeEnd(read_a, write_a), OsPipeEnd(read_b, write_b))
    }
}

/// A pair of connected Unix stream sockets.
pub struct Unix;
impl End for UnixStream {
    fn send(&mut self, bytes: &[u8]) {
        self.write_all(bytes).expect("the socket is open");
    }
    fn receive(&mut self, out: &mut [u8]) -> usize {
        self.read(out).expect("the socket is open")
    }
}
impl Pair for Unix {
    type End = UnixStream;
    fn pair(_capacity: usize, _slice: usize) -> (UnixStream, UnixStream) {
        UnixStream::pair().expect("a socket pair")
    }
}

/// Two pipes of `piper`, driven by `futures_lite::future::block_on`.
pub struct Piper;
/// One end of [`Piper`].
pub struct PiperEnd(piper::Reader, piper::Writer);
impl End for PiperEnd {
    fn send(&mut self, bytes: &[u8]) {
        block_on(self.1.write_all(bytes)).expect("the pipe is open");
    }
    fn receive(&mut self, out: &mut [u8]) -> usize {
        block_on(self.0.read(out)).expect("the pipe is open")
    }
}
impl Pair for Piper {
    type End = PiperEnd;
    fn pair(capacity: usize, _slice: usize) -> (PiperEnd, PiperEnd) {
        let (read_a, write_b) = piper::pipe(capacity);
        let (read_b, write_a) = piper::pipe(capacity);
        (PiperEnd(read_a, write_a), PiperEnd(read_b, write_b))
    }
}

/// Messages that fit into so many bytes, so that all contestants may hold the
/// same number of bytes in flight.
fn messages(capacity: usize, slice: usize) -> usize {
    (capacity / slice).max(1)
}

macro_rules! message_channel {
    ($pair:ident, $end:ident, $sender:ty, $receiver:ty, $bounded:path, $doc:literal) => {
        #[doc = $doc]
        pub struct $pair;
        #[doc = concat!("One end of [`", stringify!($pair), "`].")]
        pub struct $end {
            receiver: $receiver,
            sender: $sender,
            last: Vec<u8>,
        }
        impl End for $end {
            fn send(&mut self, bytes: &[u8]) {
                self.sender
                    .send(bytes.to_vec())
                    .expect("the channel is open");
            }
            fn receive(&mut self, out: &mut [u8]) -> usize {
                let message = self.receiver.recv().expect("the channel is open");
                let n = message.len();
                if n <= SMALL {
                    out[..n].copy_from_slice(&message);
                }
                self.last = message;
                n
            }
            fn last(&self) -> Option<&[u8]> {
                Some(&self.last)
            }
            fn echo(&mut self, _buffer: &mut [u8]) {
                let message = self.receiver.recv().expect("the channel is open");
                self.sender.send(message).expect("the channel is open");
            }
        }
        impl Pair for $pair {
            type End = $end;
            fn pair(capacity: usize, slice: usize) -> ($end, $end) {
                let (send_a, receive_b) = $bounded(messages(capacity, slice));
                let (send_b, receive_a) = $bounded(messages(capacity, slice));
                let end = |sender, receiver| $end {
                    receiver,
                    sender,
                    last: Vec::new(),
                };
                (end(send_a, receive_a), end(send_b, receive_b))
            }
        }
    };
}
message_channel!(
    Crossbeam,
    CrossbeamEnd,
    crossbeam_channel::Sender<Vec<u8>>,
    crossbeam_channel::Receiver<Vec<u8>>,
    crossbeam_channel::bounded,
    "Two bounded channels of `crossbeam-channel` that carry a vector a write."
);
message_channel!(
    Kanal,
    KanalEnd,
    kanal::Sender<Vec<u8>>,
    kanal::Receiver<Vec<u8>>,
    kanal::bounded,
    "Two bounded channels of `kanal` that carry a vector a write."
);

/// Where the two threads run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// Each pinned to a core of its own.
    Two([usize; 2]),
    /// Both pinned to one core.
    One(usize),
    /// Where the operating system puts them.
    Free,
}

impl Place {
    fn take(self, thread: usize) {
        match self {
            Place::Two(cores) => pin(cores[thread]),
            Place::One(core) => pin(core),
            Place::Free => {}
        }
    }
    /// The share of its time that each thread can be expected to be on a core:
    /// unknown where threads sleep, so that no measurement counts as disturbed.
    fn share(self) -> f64 {
        1.0
    }
}

/// One thread asks with `slice` bytes and waits for the answer, the other
/// echoes, `times` times. Every answer is checked.
pub fn echo<P: Pair>(place: Place, capacity: usize, slice: usize, times: u64) -> Sample {
    let warm = (times / 4).clamp(50, 2_000);
    let (mut client, mut server) = P::pair(capacity, slice);
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            place.take(0);
            let mut question = pattern(slice);
            let mut answer = vec![0u8; slice];
            let mut lap = |times: u64| {
                for number in 0..times {
                    question[0] = number as u8;
                    client.send(black_box(&question));
                    let mut n = 0;
                    while n < slice {
                        n += client.receive(&mut answer[n..]);
                    }
                    assert_eq!(answer[0], question[0], "the answer to another question");
                }
                assert_eq!(answer, question, "the answer differs from the question");
            };
            lap(warm);
            let watch = Watch::start();
            lap(times);
            watch.stop()
        });
        scope.spawn(move || {
            place.take(1);
            let mut buffer = vec![0u8; slice];
            for _ in 0..warm + times {
                server.echo(&mut buffer);
            }
        });
        let sample = asking.join().expect("the asking thread");
        Sample {
            share: place.share(),
            ..sample
        }
    })
}

/// Adds the bytes of a stream from place `at` on to a sum of its 64-bit words:
/// it does not matter in what pieces they came.
#[inline]
pub(crate) fn look_at(sum: &mut u64, at: usize, bytes: &[u8]) {
    let one = |i: usize, byte: u8| u64::from(byte) << (8 * ((at + i) % 8));
    let ragged = (at.next_multiple_of(8) - at).min(bytes.len());
    let (before, rest) = bytes.split_at(ragged);
    let (words, after) = rest.as_chunks::<8>();
    for (i, byte) in before.iter().enumerate() {
        *sum = sum.wrapping_add(one(i, *byte));
    }
    for word in words {
        *sum = sum.wrapping_add(u64::from_le_bytes(*word));
    }
    for (i, byte) in after.iter().enumerate() {
        *sum = sum.wrapping_add(one(bytes.len() - after.len() + i, *byte));
    }
}

fn period(slice: usize) -> usize {
    slice.max(4096)
}

/// What a stream's length must be a multiple of.
pub fn stream_grain(slice: usize) -> u64 {
    period(slice) as u64
}

/// One thread sends `bytes` bytes in writes of `slice` bytes, the other receives
/// them with a buffer of the same size and looks at each (adds up its words),
/// as a program does that wants to know what it was sent: else those who pass
/// pointers would not move the bytes to the receiver's core at all. The clock
/// runs from when the receiver has had four capacities until it has the last
/// byte.
pub fn stream<P: Pair>(place: Place, capacity: usize, slice: usize, bytes: u64) -> Sample {
    stream_with::<P, true>(place, capacity, slice, bytes)
}

/// The same, but the receiver does not look at the bytes.
pub fn stream_unseen<P: Pair>(place: Place, capacity: usize, slice: usize, bytes: u64) -> Sample {
    stream_with::<P, false>(place, capacity, slice, bytes)
}

fn stream_with<P: Pair, const LOOK: bool>(
    place: Place,
    capacity: usize,
    slice: usize,
    bytes: u64,
) -> Sample {
    let (mut client, mut server) = P::pair(capacity, slice);
    let period = period(slice);
    let warm = (4 * capacity).max(256 * 1024).next_multiple_of(period) as u64;
    let source = pattern(period);
    let expected = source.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            place.take(0);
            let slice = black_box(slice);
            let (mut left, mut at) = (warm + bytes, 0);
            while left > 0 {
                client.send(&source[at..at + slice]);
                left -= slice as u64;
                at += slice;
                if at == period {
                    at = 0;
                }
            }
            client // stays open until the receiver has all
        });
        let receiving = scope.spawn(move || {
            place.take(1);
            let slice = black_box(slice);
            let mut target = vec![0u8; period];
            let (mut at, mut sum) = (0, 0_u64);
            let mut lap = |mut left: u64| {
                while left > 0 {
                    let end = (at + slice).min(period);
                    let n = server.receive(&mut target[at..end]);
                    assert!(n > 0, "the stream ended early");
                    if LOOK {
                        match server.last() {
                            Some(last) => look_at(&mut sum, at, last),
                            None => look_at(&mut sum, at, &target[at..at + n]),
                        }
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
            if LOOK {
                let mut once = 0;
                look_at(&mut once, 0, &expected);
                let all = once.wrapping_mul((warm + bytes) / period as u64);
                assert_eq!(sum, all, "not what was sent");
            }
            match server.last() {
                Some(last) => assert!(expected.ends_with(last), "not what was sent"),
                None => assert_eq!(target, expected, "not what was sent"),
            }
            sample
        });
        let sample = receiving.join().expect("the receiving thread");
        Sample {
            share: place.share(),
            ..sample
        }
    })
}
