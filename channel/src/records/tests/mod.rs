//! The record layer over pipes that stand in for sockets.

mod closing;
mod coalescing;
mod ends;
mod receipts;
mod stream;
mod waking;

use std::io::{self, IoSlice, IoSliceMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Instant;

use super::*;
use crate::pipe::{PipeControl, PipeReader, PipeWriter, pipe};
use crate::transport::{Disconnect, Receipt, Sink, Source, Totals};
use crate::wait::{self, Spin};

/// Long enough for any machine; only a failing test waits for it.
const LIMIT: Duration = Duration::from_secs(30);

fn limit() -> Option<Instant> {
    Some(Instant::now() + LIMIT)
}

/// Waits for something that another thread brings about.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        thread::yield_now();
    }
}

/// A socket's end, on top of two pipes. Takes and gives at most `chop` bytes at a time. Like TCP, a
/// side that closes with inbound bytes unread destroys what is on its way to the peer, and so do
/// bytes that reach a side that has closed.
struct Carried {
    inbound: PipeControl,
    outbound: PipeControl,
    /// Set by this end: the peer gets a reset, ahead of all bytes.
    resets: Arc<AtomicBool>,
    /// Set when this end was closed.
    closed: Arc<AtomicBool>,
    /// The same of the peer.
    peer_closed: Arc<AtomicBool>,
}

struct CarriedSource {
    pipe: PipeReader,
    chop: usize,
    reset: Arc<AtomicBool>,
    control: Arc<Carried>,
}

struct CarriedSink {
    pipe: PipeWriter,
    chop: usize,
    control: Arc<Carried>,
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl Source for CarriedSource {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.reset.load(Ordering::SeqCst) {
            return Poll::Ready(Err(reset()));
        }
        self.pipe.poll_fill(cx).map_ok(|n| n.min(self.chop))
    }

    fn filled(&self) -> &[u8] {
        let filled = self.pipe.filled();
        &filled[..filled.len().min(self.chop)]
    }

    fn consume(&mut self, n: usize) {
        self.pipe.consume(n);
    }
}

impl Drop for CarriedSource {
    fn drop(&mut self) {
        self.control.close();
    }
}

impl Sink for CarriedSink {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty()).expect("bytes");
        let given: usize = bufs.iter().map(|buf| buf.len()).sum();
        let poll = if given <= self.chop {
            self.pipe.poll_write(cx, bufs)
        } else {
            let first = &first[..first.len().min(self.chop)];
            self.pipe.poll_write(cx, &[IoSlice::new(first)])
        };
        if matches!(poll, Poll::Ready(Ok(_))) && self.control.peer_closed.load(Ordering::SeqCst) {
            self.control.resets.store(true, Ordering::SeqCst);
        }
        poll
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.poll_flush(cx)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.pipe.finish()
    }
}

impl Carried {
    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        if self.inbound.written() > self.inbound.read() {
            self.resets.store(true, Ordering::SeqCst);
        }
    }
}

impl Control for Carried {
    fn disconnect(&self, how: Disconnect) {
        self.close();
        if how == Disconnect::Abort {
            self.outbound.abort_writing();
            self.inbound.abort_reading();
        }
        self.outbound.finish();
        self.inbound.abandon();
    }

    fn peer_gone(&self) -> bool {
        self.inbound.is_writer_aborted()
    }

    fn totals(&self) -> Totals {
        Totals::default()
    }
}

/// The two ends of a bare byte stream, and what tells whether each was closed.
struct Wire {
    ends: (Connection, Connection),
    closed: (Arc<AtomicBool>, Arc<AtomicBool>),
}

fn wire(capacity: usize, chop: usize) -> Wire {
    let (to_b, at_b, a_to_b) = pipe(capacity, Spin::NEVER).unwrap();
    let (to_a, at_a, b_to_a) = pipe(capacity, Spin::NEVER).unwrap();
    let closed = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let resets = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let a = Arc::new(Carried {
        inbound: b_to_a.clone(),
        outbound: a_to_b.clone(),
        resets: resets.0.clone(),
        closed: closed.0.clone(),
        peer_closed: closed.1.clone(),
    });
    let b = Arc::new(Carried {
        inbound: a_to_b,
        outbound: b_to_a,
        resets: resets.1.clone(),
        closed: closed.1.clone(),
        peer_closed: closed.0.clone(),
    });
    let end = |sink, source, reset, control: Arc<Carried>| Connection {
        source: Box::new(CarriedSource {
            pipe: source,
            chop,
            reset,
            control: control.clone(),
        }),
        sink: Box::new(CarriedSink {
            pipe: sink,
            chop,
            control: control.clone(),
        }),
        control,
        peer: Endpoint::new("test", "peer").unwrap(),
        carrier: Carrier::Bytes,
    };
    Wire {
        ends: (end(to_b, at_a, resets.1, a), end(to_a, at_b, resets.0, b)),
        closed,
    }
}

/// Each write is a record of its own, so that what leaves does not depend on the clock.
fn lingering(limit: Duration) -> Options {
    Options::new()
        .with_linger(limit)
        .with_coalescing(Duration::ZERO)
}

/// Two connected ends with records.
fn pair(capacity: usize, chop: usize) -> (Connection, Connection) {
    let (a, b) = wire(capacity, chop).ends;
    (
        wrap(a, &lingering(LIMIT), Vec::new()),
        wrap(b, &lingering(LIMIT), Vec::new()),
    )
}

/// An end with records, and the bare end opposite.
fn half_bare(capacity: usize) -> (Connection, Connection) {
    let (a, b) = wire(capacity, usize::MAX).ends;
    (wrap(a, &lingering(LIMIT), Vec::new()), b)
}

fn now<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> io::ErrorKind {
    result.unwrap_err().kind()
}

fn write_all(sink: &mut dyn Sink, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = sink.write(&[IoSlice::new(bytes)], limit())?;
        bytes = &bytes[n..];
    }
    Ok(())
}

fn read(source: &mut dyn Source, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let n = source.read(&mut [IoSliceMut::new(&mut bytes)], limit())?;
    bytes.truncate(n);
    Ok(bytes)
}

/// Reads until the end (`Ok`) or the error; what came before it.
fn read_to_end(source: &mut dyn Source) -> (Vec<u8>, io::Result<usize>) {
    let mut all = Vec::new();
    loop {
        match read(source, 7) {
            Ok(bytes) if bytes.is_empty() => return (all, Ok(0)),
            Ok(bytes) => all.extend_from_slice(&bytes),
            Err(error) => return (all, Err(error)),
        }
    }
}

/// What a bare end receives until the stream ends.
fn received(source: &mut dyn Source) -> Vec<u8> {
    let (bytes, end) = read_to_end(source);
    assert_eq!(end.unwrap(), 0);
    bytes
}

fn receipt(control: &dyn Control) -> Receipt {
    wait::block_on(limit(), |cx| control.poll_receipt(cx)).expect("a receipt in time")
}

/// Bytes that tell where in the stream they are.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
}

/// DATA records of these payloads, as they go over the wire.
fn records(payloads: &[&[u8]]) -> Vec<u8> {
    payloads
        .iter()
        .flat_map(|p| [&crate::wire::record::encode_data(p.len())[..], p].concat())
        .collect()
}
