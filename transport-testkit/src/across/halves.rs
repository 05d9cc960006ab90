//! One end of a channel that lives in the other process, as a connection of this one: each call is made
//! there, on a real channel, and what it says is said here.

use std::io::{self, IoSlice, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use channel::transport::{Sink, Source};
use channel::wire::hello::{HEAD_LEN, Message};

use super::peer::Peer;
use super::wire::{Ask, How, In, Out, Waits, strange};

/// A channel there.
pub(super) struct Far {
    pub(super) peer: Arc<Peer>,
    pub(super) number: u64,
}

impl Far {
    pub(super) fn new(peer: Arc<Peer>, number: u64) -> Arc<Far> {
        Arc::new(Far { peer, number })
    }

    pub(super) fn body(&self) -> Out {
        Out::default().number(self.number)
    }

    /// Asks what answers at once, with a result.
    pub(super) fn call(&self, ask: Ask, body: Out) -> io::Result<In> {
        let mut answer = self.peer.call(ask, body)?;
        match answer.byte()? {
            0 => Err(answer.error()?),
            _ => Ok(answer),
        }
    }

    /// Makes a call that may be pending.
    pub(super) fn poll(
        &self,
        cx: &mut Context<'_>,
        who: Waits,
        call: impl FnOnce(How) -> io::Result<Option<In>>,
    ) -> Poll<io::Result<In>> {
        self.peer.waits(self.number, who, cx.waker());
        match call(How::Poll).transpose() {
            Some(result) => {
                self.peer.forgets(self.number, who);
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }
}

/// What is left of a time limit.
fn block(until: Option<Instant>) -> How {
    How::Block(until.map(|until| until.saturating_duration_since(Instant::now())))
}

/// The answer of a call that may be pending.
pub(super) fn outcome(mut answer: In) -> io::Result<Option<In>> {
    match answer.byte()? {
        0 => Err(answer.error()?),
        1 => Ok(Some(answer)),
        _ => Ok(None),
    }
}

pub(super) struct FarSource {
    far: Arc<Far>,
    /// What was lent there, copied.
    lent: Vec<u8>,
    /// Whether that is the answer to a hello, which nobody has said there.
    greeting: bool,
}

impl FarSource {
    /// The answer to the hello comes first, if there is one.
    pub(super) fn new(far: Arc<Far>, greeting: Option<&Message>) -> FarSource {
        let mut lent = Vec::new();
        if let Some(message) = greeting {
            message.encode(&mut lent).expect("an answer fits");
        }
        let greeting = !lent.is_empty();
        FarSource {
            far,
            lent,
            greeting,
        }
    }

    fn do_fill(&mut self, how: How) -> io::Result<Option<usize>> {
        let body = self.far.body().how(how);
        let Some(mut answer) = outcome(self.far.peer.call(Ask::Fill, body)?)? else {
            return Ok(None);
        };
        let lent = answer.bytes()?;
        self.lent.clear();
        self.lent.extend_from_slice(lent);
        Ok(Some(self.lent.len()))
    }

    fn do_read(&mut self, out: &mut [IoSliceMut<'_>], how: How) -> io::Result<Option<usize>> {
        let mut body = self.far.body().how(how).number(out.len() as u64);
        for slice in out.iter() {
            body = body.number(slice.len() as u64);
        }
        let Some(mut answer) = outcome(self.far.peer.call(Ask::Read, body)?)? else {
            return Ok(None);
        };
        let mut bytes = answer.bytes()?;
        let n = bytes.len();
        for slice in out {
            let (front, rest) = bytes.split_at(slice.len().min(bytes.len()));
            slice[..front.len()].copy_from_slice(front);
            bytes = rest;
        }
        if !bytes.is_empty() {
            return Err(strange("more was read than there was room for"));
        }
        // What was lent comes first.
        self.lent.drain(..n.min(self.lent.len()));
        Ok(Some(n))
    }

    fn polled(
        &mut self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&mut Self, How) -> io::Result<Option<usize>>,
    ) -> Poll<io::Result<usize>> {
        let (peer, number) = (self.far.peer.clone(), self.far.number);
        peer.waits(number, Waits::Reader, cx.waker());
        match call(self, How::Poll).transpose() {
            Some(result) => {
                peer.forgets(number, Waits::Reader);
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }
}

/// A blocking call cannot be pending.
fn blocked<T>(result: io::Result<Option<T>>) -> io::Result<T> {
    result?.ok_or_else(|| strange("a blocking call is pending"))
}

impl Source for FarSource {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.greeting {
            return Poll::Ready(Ok(self.lent.len()));
        }
        self.polled(cx, |this, how| this.do_fill(how))
    }

    fn filled(&self) -> &[u8] {
        &self.lent
    }

    fn consume(&mut self, n: usize) {
        self.lent.drain(..n);
        if self.greeting {
            self.greeting = !self.lent.is_empty();
            return;
        }
        let body = self.far.body().number(n as u64);
        let _ = self.far.call(Ask::Consume, body);
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.polled(cx, |this, how| this.do_read(out, how))
    }

    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        blocked(self.do_read(out, block(until)))
    }

    fn fill(&mut self, until: Option<Instant>) -> io::Result<usize> {
        blocked(self.do_fill(block(until)))
    }
}

impl Drop for FarSource {
    fn drop(&mut self) {
        self.far.peer.forgets(self.far.number, Waits::Reader);
        let _ = self.far.call(Ask::DropSource, self.far.body());
    }
}

/// The messages of a connector that are for the acceptor there, and were said there already.
const SAID: u8 = 2;

pub(super) struct FarSink {
    far: Arc<Far>,
    /// How many messages of the handshake are still to come, and what there is of the first.
    greeting: (u8, Vec<u8>),
    /// The flush of the last one is still to come: it, too, is nothing to the channel there.
    greeted: bool,
}

impl FarSink {
    pub(super) fn new(far: Arc<Far>, greets: bool) -> FarSink {
        FarSink {
            far,
            greeting: (if greets { SAID } else { 0 }, Vec::new()),
            greeted: false,
        }
    }

    /// Swallows the handshake: how many bytes, none if it is over.
    fn greet(&mut self, bufs: &[IoSlice<'_>]) -> Option<usize> {
        let (left, message) = &mut self.greeting;
        if *left == 0 {
            return None;
        }
        let before = message.len();
        bufs.iter().for_each(|buf| message.extend_from_slice(buf));
        let taken = message.len() - before;
        let length = |head: &[u8]| HEAD_LEN + usize::from(u16::from_be_bytes([head[6], head[7]]));
        while *left > 0 && message.len() >= HEAD_LEN && message.len() >= length(message) {
            message.drain(..length(message));
            *left -= 1;
        }
        self.greeted = *left == 0;
        Some(taken)
    }

    fn do_write(&self, bufs: &[IoSlice<'_>], how: How) -> io::Result<Option<In>> {
        let mut body = self.far.body().how(how).number(bufs.len() as u64);
        for buf in bufs {
            body = body.bytes(buf);
        }
        outcome(self.far.peer.call(Ask::Write, body)?)
    }

    fn do_flush(&self, how: How) -> io::Result<Option<In>> {
        let body = self.far.body().how(how);
        outcome(self.far.peer.call(Ask::Flush, body)?)
    }
}

impl Sink for FarSink {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(n) = self.greet(bufs) {
            return Poll::Ready(Ok(n));
        }
        let written = |how| self.do_write(bufs, how);
        self.far
            .poll(cx, Waits::Writer, written)
            .map(|answer| Ok(answer?.number()? as usize))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.greeting.0 > 0 || std::mem::take(&mut self.greeted) {
            return Poll::Ready(Ok(()));
        }
        let flushed = |how| self.do_flush(how);
        self.far
            .poll(cx, Waits::Writer, flushed)
            .map(|answer| answer.map(drop))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.far.call(Ask::Finish, self.far.body()).map(drop)
    }

    fn write(&mut self, bufs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        Ok(blocked(self.do_write(bufs, block(until)))?.number()? as usize)
    }

    fn flush(&mut self, until: Option<Instant>) -> io::Result<()> {
        blocked(self.do_flush(block(until))).map(drop)
    }
}

impl Drop for FarSink {
    fn drop(&mut self) {
        self.far.peer.forgets(self.far.number, Waits::Writer);
        let _ = self.far.call(Ask::DropSink, self.far.body());
    }
}
