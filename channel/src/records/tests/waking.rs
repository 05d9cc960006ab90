//! Who is woken when several wait for one carrier: a carrier that gives each wake-up once, and takes
//! it back when a later call succeeds. And what its errors mean.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::wire::record::{encode_end, encode_receipt};

/// One direction of a carrier whose readiness the test sets, with or without a wake-up.
#[derive(Default)]
struct Line {
    /// Outbound: how much it takes now. Inbound: unused.
    room: usize,
    bytes: Vec<u8>,
    waker: Option<Waker>,
    broken: Option<io::ErrorKind>,
}

#[derive(Clone, Default)]
struct Manual {
    outbound: Arc<Mutex<Line>>,
    inbound: Arc<Mutex<Line>>,
}

struct ManualSource {
    line: Arc<Mutex<Line>>,
    filled: Vec<u8>,
}

impl Source for ManualSource {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut line = self.line.lock();
        if let Some(kind) = line.broken {
            return Poll::Ready(Err(kind.into()));
        }
        self.filled.append(&mut line.bytes);
        if self.filled.is_empty() {
            line.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        line.waker = None;
        Poll::Ready(Ok(self.filled.len()))
    }

    fn filled(&self) -> &[u8] {
        &self.filled
    }

    fn consume(&mut self, n: usize) {
        self.filled.drain(..n);
    }
}

struct ManualSink(Arc<Mutex<Line>>);

impl Sink for ManualSink {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut line = self.0.lock();
        if let Some(kind) = line.broken {
            return Poll::Ready(Err(kind.into()));
        }
        let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        let n = all.len().min(line.room);
        if n == 0 {
            line.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        line.waker = None;
        line.room -= n;
        line.bytes.extend_from_slice(&all[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Control for Manual {
    fn disconnect(&self, _: Disconnect) {}

    fn peer_gone(&self) -> bool {
        false
    }

    fn totals(&self) -> Totals {
        Totals::default()
    }
}

/// Breaks with its test, so that nothing of it lingers: others wait for that.
impl Drop for Manual {
    fn drop(&mut self) {
        for line in [&self.inbound, &self.outbound] {
            let mut line = line.lock();
            line.broken = Some(io::ErrorKind::ConnectionReset);
            let waker = line.waker.take();
            drop(line);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl Manual {
    fn connection(&self) -> Connection {
        self.connection_with(&lingering(LIMIT), Vec::new())
    }

    fn connection_with(&self, options: &Options, ahead: Vec<u8>) -> Connection {
        let connection = Connection {
            source: Box::new(ManualSource {
                line: self.inbound.clone(),
                filled: Vec::new(),
            }),
            sink: Box::new(ManualSink(self.outbound.clone())),
            control: Arc::new(self.clone()),
            peer: Endpoint::new("test", "peer").unwrap(),
            carrier: Carrier::Bytes,
        };
        wrap(connection, options, ahead)
    }

    fn arrive(&self, bytes: &[u8]) {
        self.inbound.lock().bytes.extend_from_slice(bytes);
    }

    fn make_room(&self, room: usize) {
        self.outbound.lock().room = room;
    }

    fn sent(&self) -> usize {
        self.outbound.lock().bytes.len()
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn is_woken(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

fn with<T>(count: &Arc<Count>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(&Waker::from(count.clone())))
}

// shows C1
#[test]
fn a_rest_leaves_also_when_the_job_that_waits_has_lost_its_wake_up() {
    let carrier = Manual::default();
    let mut a = carrier.connection();
    carrier.make_room(10);
    assert!(now(|cx| a.sink.poll_write(cx, &[IoSlice::new(&[1; 40])])).is_ready());
    eventually("the job waits for room", || {
        carrier.outbound.lock().waker.is_some()
    });
    // Room comes, and this write uses it before the carrier gets to say so.
    carrier.make_room(34 + 5);
    assert!(now(|cx| a.sink.poll_write(cx, &[IoSlice::new(&[2; 10])])).is_ready());
    let mut line = carrier.outbound.lock();
    line.room += 100;
    let waker = line.waker.take();
    drop(line);
    waker.into_iter().for_each(Waker::wake);
    eventually("the rest leaves", || carrier.sent() == 44 + 14);
}

// shows C8: nor does it wait, and the process with it, when somebody else has sent all there was.
#[test]
fn a_job_that_waits_ends_when_another_has_used_its_room() {
    for by_receipt in [false, true] {
        let carrier = Manual::default();
        let mut a = carrier.connection();
        carrier.make_room(10);
        assert!(now(|cx| a.sink.poll_write(cx, &[IoSlice::new(&[1; 40])])).is_ready());
        eventually("the job waits for room", || {
            carrier.outbound.lock().waker.is_some()
        });
        // Room comes, and is used before the carrier gets to say so.
        carrier.make_room(100);
        if by_receipt {
            drop(a.source);
        } else {
            assert!(now(|cx| a.sink.poll_write(cx, &[IoSlice::new(&[2; 10])])).is_ready());
        }
        assert!(carrier.sent() > 44);
        crate::linger(LIMIT).unwrap();
    }
}

// shows C2
#[test]
fn a_writer_is_woken_when_a_reader_used_the_room() {
    let carrier = Manual::default();
    let options = lingering(LIMIT).with_coalescing(LIMIT);
    let mut a = carrier.connection_with(&options, vec![0; 4]);
    let writer = Arc::new(Count::default());
    let write =
        |a: &mut Connection| with(&writer, |cx| a.sink.poll_write(cx, &[IoSlice::new(b"x")]));
    // Taken, together with what is ahead of it.
    assert!(write(&mut a).is_ready());
    assert!(write(&mut a).is_pending());
    eventually("the job waits for room", || {
        carrier.outbound.lock().waker.is_some()
    });
    writer.0.store(0, Ordering::SeqCst);
    // What is held leaves before this side waits for bytes.
    carrier.make_room(100);
    assert!(now(|cx| a.source.poll_fill(cx)).is_pending());
    assert_eq!(carrier.sent(), 4 + 5);
    assert!(writer.is_woken());
    crate::linger(LIMIT).unwrap();
}

// shows C4
#[test]
fn a_writer_is_woken_when_a_receipt_used_the_room() {
    let carrier = Manual::default();
    let mut a = carrier.connection();
    let writer = Arc::new(Count::default());
    assert!(with(&writer, |cx| a.sink.poll_write(cx, &[IoSlice::new(b"x")])).is_pending());
    carrier.make_room(100);
    drop(a.source);
    assert_eq!(carrier.sent(), encode_receipt(0).len());
    assert!(writer.is_woken());
}

// shows C4
#[test]
fn a_writer_is_woken_when_somebody_else_finds_the_news() {
    let carrier = Manual::default();
    let mut a = carrier.connection();
    let writer = Arc::new(Count::default());
    assert!(with(&writer, |cx| a.sink.poll_write(cx, &[IoSlice::new(b"x")])).is_pending());
    carrier.arrive(&encode_receipt(0));
    assert!(now(|cx| a.control.poll_receipt(cx)).is_ready());
    assert!(writer.is_woken());
}

// shows C2
#[test]
fn a_writer_that_finds_bytes_wakes_the_reader() {
    let carrier = Manual::default();
    let mut a = carrier.connection();
    let reader = Arc::new(Count::default());
    assert!(with(&reader, |cx| a.source.poll_fill(cx)).is_pending());
    carrier.arrive(&records(&[b"hi"]));
    assert!(now(|cx| a.sink.poll_write(cx, &[IoSlice::new(b"x")])).is_pending());
    assert!(reader.is_woken());
    assert_eq!(read(&mut *a.source, 9).unwrap(), b"hi");
}

// shows C4
#[test]
fn a_reader_that_takes_bytes_leaves_the_news_to_the_writer() {
    for lend in [false, true] {
        let carrier = Manual::default();
        let mut a = carrier.connection();
        let writer = Arc::new(Count::default());
        let write =
            |a: &mut Connection| with(&writer, |cx| a.sink.poll_write(cx, &[IoSlice::new(b"x")]));
        assert!(write(&mut a).is_pending());
        carrier.arrive(&records(&[b"hi"]));
        if lend {
            assert_eq!(a.source.fill(limit()).unwrap(), 2);
            a.source.consume(2);
        } else {
            assert_eq!(read(&mut *a.source, 9).unwrap(), b"hi");
        }
        // The carrier wakes for nobody now. So the writer looks again, and it does.
        assert!(writer.is_woken());
        assert!(write(&mut a).is_pending());
        writer.0.store(0, Ordering::SeqCst);
        carrier.arrive(&encode_receipt(0));
        let waker = carrier.inbound.lock().waker.take();
        waker.expect("the carrier was left armed").wake();
        assert!(writer.is_woken());
        let Poll::Ready(refused) = write(&mut a) else {
            panic!("the news has come");
        };
        assert_eq!(kind(refused), io::ErrorKind::BrokenPipe);
    }
}

// shows C3
#[test]
fn a_dropped_reader_lets_the_writer_look_past_unread_bytes() {
    let carrier = Manual::default();
    let mut a = carrier.connection();
    let writer = Arc::new(Count::default());
    carrier.arrive(&[&records(&[b"unread"])[..], &encode_receipt(0)].concat());
    let write = |a: &mut Box<dyn Sink>| with(&writer, |cx| a.poll_write(cx, &[IoSlice::new(b"x")]));
    assert!(write(&mut a.sink).is_pending());
    drop(a.source);
    assert!(writer.is_woken());
    let Poll::Ready(refused) = write(&mut a.sink) else {
        panic!("the news has come");
    };
    assert_eq!(kind(refused), io::ErrorKind::BrokenPipe);
}

// shows C4, C7
#[test]
fn many_bytes_to_discard_are_discarded_to_the_last() {
    for disconnects in [true, false] {
        let carrier = Manual::default();
        let a = carrier.connection();
        let small = vec![&b"x"[..]; 1000];
        carrier.arrive(&[&records(&small)[..], &encode_receipt(0)].concat());
        match disconnects {
            true => a.control.disconnect(Disconnect::Orderly),
            false => drop(a.source),
        }
        eventually("the job gets to the receipt", || a.control.peer_closed());
    }
}

// shows C6
#[test]
fn an_abort_is_not_written_into_a_record() {
    let carrier = Manual::default();
    let mut a = carrier.connection();
    carrier.make_room(10);
    assert!(now(|cx| a.sink.poll_write(cx, &[IoSlice::new(&[1; 40])])).is_ready());
    eventually("the job waits for room", || {
        carrier.outbound.lock().waker.is_some()
    });
    carrier.make_room(5);
    a.control.disconnect(Disconnect::Abort);
    // The job may have been first.
    assert_eq!(carrier.sent(), 15);
}

// shows C6
#[test]
fn what_the_carrier_says_is_a_loss_unless_the_peer_said_more() {
    let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::TimedOut];
    for broken in kinds {
        let carrier = Manual::default();
        let mut a = carrier.connection();
        carrier.inbound.lock().broken = Some(broken);
        assert_eq!(kind(a.source.fill(None)), io::ErrorKind::ConnectionReset);
        assert!(a.control.peer_gone());

        for stopped in [false, true] {
            let carrier = Manual::default();
            let mut a = carrier.connection();
            carrier.outbound.lock().broken = Some(broken);
            let expected = if stopped {
                carrier.arrive(&encode_receipt(0));
                io::ErrorKind::BrokenPipe
            } else {
                io::ErrorKind::ConnectionReset
            };
            for _ in 0..2 {
                let refused = a.sink.write(&[IoSlice::new(b"x")], None);
                assert_eq!(kind(refused), expected);
            }
        }
    }
}

/// A writer that is woken, finds no room, and sleeps again, all before the one who woke it goes on;
/// and then there is room.
struct Nap {
    sink: Mutex<Box<dyn Sink>>,
    carrier: Manual,
    asleep: Arc<Count>,
}

impl Wake for Nap {
    fn wake(self: Arc<Self>) {
        let poll = with(&self.asleep, |cx| {
            self.sink.lock().poll_write(cx, &[IoSlice::new(b"x")])
        });
        assert!(poll.is_pending());
        self.carrier.make_room(100);
    }
}

// shows C2, C4: a receipt that takes the room a writer sleeps for has taken the carrier's wake-up
// with it.
#[test]
fn a_writer_is_woken_when_an_answer_used_the_room() {
    let carrier = Manual::default();
    let a = carrier.connection();
    let nap = Arc::new(Nap {
        sink: Mutex::new(a.sink),
        carrier: carrier.clone(),
        asleep: Arc::default(),
    });
    let waker = Waker::from(nap.clone());
    let poll = nap
        .sink
        .lock()
        .poll_write(&mut Context::from_waker(&waker), &[IoSlice::new(b"x")]);
    assert!(poll.is_pending());
    // The peer's end: to be answered by this side's receipt.
    carrier.arrive(&encode_end(0));
    assert!(now(|cx| a.control.poll_receipt(cx)).is_pending());
    assert_eq!(carrier.sent(), encode_receipt(0).len());
    assert!(nap.asleep.is_woken());
}
