//! A link in memory: bytes each way, as many at once as it holds.

use futures_util::io::{AsyncRead, AsyncWrite};
use ringbuf_core::{Consumer, Heap, Producer, ring};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Memory up to the ring's end that is shorter than this is not lent on its own.
const SCRAP: usize = 512;

const SOUND: &str = "a ring on the heap is never corrupt";

/// One end. Nobody is woken by it: whoever uses it polls it again.
pub struct DuplexEnd {
    outbound: Producer<Heap>,
    inbound: Consumer<Heap>,
}

/// Both ends of a link that holds so many bytes each way.
pub fn duplex(capacity: usize) -> [DuplexEnd; 2] {
    let [there, back] = [(); 2].map(|()| ring(capacity).expect("a sane capacity"));
    let end = |outbound, inbound| DuplexEnd { outbound, inbound };
    [end(there.0, back.1), end(back.0, there.1)]
}

impl DuplexEnd {
    /// Takes what fits, which may be nothing.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        self.outbound.write(bytes).expect(SOUND)
    }

    /// Has `with` fill the room that there is, or a part of it, if it is at least `least` bytes; says how much came.
    pub fn fill(&mut self, least: usize, mut with: impl FnMut(&mut [u8]) -> usize) -> usize {
        let mut room = self.outbound.reserve().expect(SOUND);
        let (front, back) = room.slices();
        let n = if front.len() >= SCRAP || back.is_empty() && front.len() >= least {
            with(front)
        } else if room.len() >= least {
            let (front, back) = room.slices();
            let mut scrap = [0; 2 * SCRAP];
            let whole = (front.len() + back.len()).min(scrap.len());
            let n = with(&mut scrap[..whole]);
            let here = n.min(front.len());
            front[..here].copy_from_slice(&scrap[..here]);
            back[..n - here].copy_from_slice(&scrap[here..n]);
            n
        } else {
            0
        };
        room.commit(n);
        n
    }

    /// Shows `with` all that is there, in its order, and drops it.
    pub fn drain(&mut self, mut with: impl FnMut(&[u8])) {
        let filled = self.inbound.peek().expect(SOUND);
        let (front, back) = filled.slices();
        with(front);
        with(back);
        let n = filled.len();
        filled.consume(n);
    }

    /// Gives what is there, which may be nothing.
    pub fn read(&mut self, out: &mut [u8]) -> usize {
        self.inbound.read(out).expect(SOUND)
    }
}

fn ready(n: usize, wanted: usize) -> Poll<io::Result<usize>> {
    match n {
        0 if wanted > 0 => Poll::Pending,
        n => Poll::Ready(Ok(n)),
    }
}

impl AsyncRead for DuplexEnd {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready(self.read(out), out.len())
    }
}

impl AsyncWrite for DuplexEnd {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready(self.write(bytes), bytes.len())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
