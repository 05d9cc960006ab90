//! One half used in all its forms in turn, while somebody waits for the receipt and a third thread ends it all:
//! nobody hangs, and all counts agree.

mod support;

use std::future::Future;
use std::io::{IoSlice, IoSliceMut};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel as queue};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use channel::transport::Receipt;
use channel::{
    Broker, Channel, Domain, Handle, Options, Poller, ReadError, Reader, Spin, WriteError, Writer,
};
use support::place;
use transport_shm::Shm;
use transport_testkit::fault::seed;

/// For whatever is sure to happen, on a machine however busy.
const LIMIT: Duration = Duration::from_secs(60);

/// Most that one call is given, at least.
const MOST: u64 = 700;

struct Rng(u64);

impl Rng {
    fn new(seed: u64, round: u64, who: u64) -> Rng {
        let mut rng = Rng(seed ^ round << 8 ^ who << 1 | 1);
        for _ in 0..4 {
            rng.next();
        }
        rng
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

fn pattern(at: usize) -> u8 {
    (at ^ at >> 8 ^ at >> 16) as u8
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park_timeout(LIMIT),
        }
    }
}

/// What a call that may have come to nothing came to.
enum Came {
    To(usize),
    /// Which nobody is told whether it still counted.
    Consumed(usize),
    Nothing,
    End,
}

/// Runs something on a thread of its own.
fn go<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (done, result) = queue();
    thread::spawn(move || done.send(call()));
    result
}

fn join<T>(result: Receiver<T>, what: &str) -> T {
    result
        .recv_timeout(2 * LIMIT)
        .unwrap_or_else(|error| panic!("{what}: {error}"))
}

fn write_once(
    writer: &mut Writer,
    bytes: &[u8],
    poller: &Poller,
    rng: &mut Rng,
) -> Result<usize, WriteError> {
    match rng.below(7) {
        0 => writer.write(bytes),
        1 => writer.write_timeout(bytes, Duration::from_micros(rng.below(1500))),
        2 => block_on(writer.write_async(bytes)),
        3 => {
            let half = bytes.len() / 2;
            writer.write_vectored(&[IoSlice::new(&bytes[..half]), IoSlice::new(&bytes[half..])])
        }
        4 => {
            let mut cx = Context::from_waker(Waker::noop());
            match writer.poll_write(&mut cx, bytes) {
                Poll::Ready(result) => result,
                Poll::Pending => Ok(0),
            }
        }
        5 => {
            writer.register(poller, 1);
            let result = by_poller(poller, || match writer.try_write(bytes) {
                Err(WriteError::WouldBlock) => None,
                result => Some(result),
            });
            if rng.below(2) == 0 {
                writer.deregister();
            }
            result
        }
        _ => writer.try_write(bytes),
    }
}

/// Tries whenever there is a key.
fn by_poller<T>(poller: &Poller, mut call: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = call() {
            return value;
        }
        let woken = poller.wait_timeout(&mut Vec::new(), LIMIT);
        assert!(woken.is_some(), "no key came");
    }
}

/// Writes until `length` or an error: how many bytes were taken, and what ended it.
fn write(
    writer: &mut Writer,
    length: usize,
    most: u64,
    rng: &mut Rng,
) -> (usize, Option<WriteError>) {
    let poller = Poller::new();
    let mut written = 0;
    while written < length {
        let n = (1 + rng.below(most) as usize).min(length - written);
        let bytes: Vec<_> = (written..written + n).map(pattern).collect();
        match write_once(writer, &bytes, &poller, rng) {
            Ok(n) => written += n,
            Err(WriteError::WouldBlock | WriteError::TimedOut) => thread::yield_now(),
            Err(error) => return (written, Some(error)),
        }
    }
    (written, None)
}

struct Read {
    /// Bytes that the application has taken.
    count: usize,
    /// Of these, some that it consumed when the end may have come already.
    late: usize,
    ended: Option<ReadError>,
}

fn read(reader: &mut Reader, most: u64, ending: &AtomicBool, rng: &mut Rng) -> Read {
    let poller = Poller::new();
    let (mut count, mut late) = (0, 0);
    let mut buf = vec![0; most as usize];
    let ended = loop {
        match read_once(reader, &mut buf, &poller, count, rng) {
            Ok(Came::To(n)) => count += n,
            Ok(Came::Consumed(n)) => {
                count += n;
                if ending.load(Ordering::SeqCst) {
                    late += n;
                }
            }
            Ok(Came::Nothing) | Err(ReadError::WouldBlock | ReadError::TimedOut) => {
                thread::yield_now();
            }
            Ok(Came::End) => break None,
            Err(error) => break Some(error),
        }
    };
    Read { count, late, ended }
}

fn checked(bytes: &[u8], at: usize) -> Came {
    for (i, &byte) in bytes.iter().enumerate() {
        assert_eq!(byte, pattern(at + i), "byte {}", at + i);
    }
    match bytes.len() {
        0 => Came::End,
        n => Came::To(n),
    }
}

fn read_once(
    reader: &mut Reader,
    buf: &mut [u8],
    poller: &Poller,
    at: usize,
    rng: &mut Rng,
) -> Result<Came, ReadError> {
    let n = 1 + rng.below(buf.len() as u64) as usize;
    let buf = &mut buf[..n];
    let n = match rng.below(8) {
        0 => reader.read(buf)?,
        1 => reader.read_timeout(buf, Duration::from_micros(rng.below(1500)))?,
        2 => block_on(reader.read_async(buf))?,
        3 => {
            let (a, b) = buf.split_at_mut(n / 2);
            reader.read_vectored(&mut [IoSliceMut::new(a), IoSliceMut::new(b)])?
        }
        4 => match reader.poll_read(&mut Context::from_waker(Waker::noop()), buf) {
            Poll::Ready(result) => result?,
            Poll::Pending => return Ok(Came::Nothing),
        },
        5 => {
            reader.register(poller, 1);
            let result = by_poller(poller, || match reader.try_read(buf) {
                Err(ReadError::WouldBlock) => None,
                result => Some(result),
            });
            if rng.below(2) == 0 {
                reader.deregister();
            }
            result?
        }
        6 => {
            let lent = match rng.below(3) {
                0 => reader.fill_buf()?,
                1 => reader.try_fill_buf()?,
                _ => block_on(reader.fill_buf_async())?,
            };
            let some = 1 + rng.below(lent.len().max(1) as u64) as usize;
            return Ok(match checked(&lent[..some.min(lent.len())], at) {
                Came::To(n) => {
                    reader.consume(n);
                    Came::Consumed(n)
                }
                other => other,
            });
        }
        _ => reader.try_read(buf)?,
    };
    Ok(checked(&buf[..n], at))
}

/// Both sides; what the brokers are needed for.
struct Place {
    server: Broker,
    client: Broker,
    at: channel::Endpoint,
    capacity: usize,
}

impl Place {
    fn new(capacity: usize, spin: Spin) -> Place {
        let [here, there] = [Domain::new(), Domain::new()];
        let options = Options::new().with_capacity(capacity).with_spin(spin);
        for domain in [&here, &there] {
            domain.add(Shm::new());
        }
        let server = here.broker_with("server", options.clone()).unwrap();
        let at = place("server");
        server.listen(&at).unwrap();
        let client = there.broker_with("client", options).unwrap();
        Place {
            server,
            client,
            at,
            capacity,
        }
    }

    fn meet(&self) -> (Channel, Channel) {
        let (client, at) = (self.client.clone(), self.at.clone());
        let connecting = thread::spawn(move || client.connect_at(&at, 7, Some(LIMIT)).unwrap());
        let ours = self.server.accept_timeout(7, LIMIT).unwrap();
        (ours, connecting.join().unwrap())
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Nobody,
    Writer,
    WriterAborts,
    Reader,
    ReaderAborts,
    Both,
}

fn receipts(handle: &Handle) -> [Receiver<Receipt>; 2] {
    let (one, other) = (handle.clone(), handle.clone());
    [
        go(move || one.receipt_timeout(LIMIT)),
        go(move || block_on(other.receipt_async())),
    ]
}

fn round(place: &Place, seed: u64, round: u64) {
    let mut rng = Rng::new(seed, round, 0);
    let who = rng.pick(&[
        Who::Nobody,
        Who::Writer,
        Who::WriterAborts,
        Who::Reader,
        Who::ReaderAborts,
        Who::Both,
    ]);
    let (ours, theirs) = place.meet();
    let (writing, reading) = match rng.below(2) {
        0 => (ours, theirs),
        _ => (theirs, ours),
    };
    let (at_writer, at_reader) = (writing.handle(), reading.handle());
    let ((_wr, mut writer), (mut reader, _rw)) = (writing.split(), reading.split());
    let length = rng.below((place.capacity as u64 * 40).clamp(200, 600_000)) as usize;
    let most = MOST.max(place.capacity as u64);
    let [mut a, mut b] = [1, 2].map(|who| Rng::new(seed, round, who));
    let early = (rng.below(2) == 0).then(|| receipts(&at_writer));
    let writing = go(move || {
        let result = write(&mut writer, length, most, &mut a);
        if result.1.is_none() && a.below(2) == 0 {
            writer.finish().ok();
        }
        (result, writer)
    });
    let ending = Arc::new(AtomicBool::new(false));
    let over = ending.clone();
    let reading = go(move || (read(&mut reader, most, &over, &mut b), reader));
    let until = Instant::now() + Duration::from_nanos(rng.below(400_000));
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    ending.store(true, Ordering::SeqCst);
    match who {
        Who::Nobody => {}
        Who::Writer => at_writer.disconnect(),
        Who::WriterAborts => at_writer.abort(),
        Who::Reader => at_reader.disconnect(),
        Who::ReaderAborts => at_reader.abort(),
        Who::Both => {
            at_writer.disconnect();
            at_reader.disconnect();
        }
    }
    let what = format!(
        "seed {seed}, round {round}, capacity {}, {who:?}",
        place.capacity
    );
    let ((written, failed), writer) = join(writing, &format!("{what}: the writer"));
    drop(writer);
    let (read, reader) = join(reading, &format!("{what}: the reader"));
    drop(reader);
    let waiting = early.unwrap_or_else(|| receipts(&at_writer));
    let [one, other] = waiting.map(|waiting| join(waiting, &format!("{what}: a receipt")));
    let Read { count, late, ended } = read;
    let what = format!(
        "{what}: {written} of {length} written ({failed:?}), {count} ({late} late) read ({ended:?}), {one:?}"
    );
    assert_eq!(one, other, "{what}");
    assert_eq!(one, at_writer.receipt(), "{what}");
    let told = match one {
        Receipt::Complete => written,
        Receipt::Partial { read, unread } => {
            assert!(unread > 0 && read + unread == written as u64, "{what}");
            read as usize
        }
        _ => panic!("{what}"),
    };
    assert!((count - late..=count).contains(&told), "{what}");
    let totals = (at_writer.totals(), at_reader.totals());
    assert_eq!(totals.0.written, written as u64, "{what}: {totals:?}");
    assert_eq!(totals.1.read, told as u64, "{what}: {totals:?}");
    if matches!(who, Who::Nobody | Who::Writer | Who::WriterAborts) {
        assert_eq!(count, written, "{what}");
    }
}

fn rounds(capacity: usize, spin: Spin) {
    let seed = seed("forms that are mixed");
    let rounds = std::env::var("ROUNDS").map_or(60, |n| n.parse().unwrap());
    let place = Place::new(capacity, spin);
    for number in 0..rounds {
        round(&place, seed, number);
    }
}

// shows C3, C4, C6, C9
#[test]
fn counts_agree_however_it_ends_with_a_buffer_of_one_byte() {
    rounds(1, Spin::default());
}

// shows C3, C4, C6, C9
#[test]
fn counts_agree_however_it_ends_with_a_small_buffer() {
    rounds(64, Spin::NEVER);
}

// shows C3, C4, C6, C9
#[test]
fn counts_agree_however_it_ends() {
    rounds(4096, Spin::default());
}

// shows C3, C4, C6, C9: calls that take long, so that the end often comes in the middle of one.
#[test]
fn counts_agree_however_it_ends_with_a_large_buffer() {
    rounds(1 << 18, Spin::default());
}
