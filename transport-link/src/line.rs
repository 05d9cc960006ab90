//! A link that is open: bytes between it and what its driver does with it, and the sleep until there are some.

#[cfg(test)]
mod tests;

use std::io;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use channel::Spin;
use channel::wait::Spinner;

use crate::bell::Bell;
use crate::link::Link;
use crate::load::Load;

/// Bytes read from a link in one go: what a pipe holds, and more than a terminal gives at once.
const READ: usize = 64 * 1024;

/// A read that brought less than this has probably brought all there was: whether more came is found by the sleep,
/// which looks for other news as well.
const FEW: usize = 1024;

/// While there is always something to do in one direction, the other is tried so often: nobody is told by the sleep
/// then.
const TURNS: u32 = 8;

pub(crate) struct Line {
    link: Box<dyn Link>,
    /// The most bytes that it is given in one write.
    chunk: usize,
    /// Without bytes where the link lends its own buffers.
    into: Box<[u8]>,
    out: Box<[u8]>,
    /// What of `out` is still to be written.
    from: usize,
    to: usize,
    /// It may have something to read.
    readable: bool,
    /// It may take something.
    writable: bool,
    /// Until then the line has enough to do, and nothing is sent.
    busy: Option<Instant>,
    /// No more will come.
    ended: bool,
    /// It was told that no more will be written, or takes no more.
    finished: bool,
    /// Why it takes no more: it is closed for that when what has come was read.
    failed: Option<io::Error>,
    /// What was written may be inside of the link yet.
    unflushed: bool,
    turns: u32,
    spinner: Spinner,
}

impl Line {
    /// `chunk`: the most bytes that are handed to the link in one write.
    pub(crate) fn new(mut link: Box<dyn Link>, chunk: usize) -> Line {
        // The least that the mux can do with.
        let chunk = chunk.max(link_mux::MIN_TRANSMIT);
        let (into, out) = match link.lends() {
            Some(_) => (0, 0),
            None => (READ, chunk),
        };
        Line {
            chunk,
            into: vec![0; into].into(),
            out: vec![0; out].into(),
            from: 0,
            to: 0,
            readable: true,
            writable: true,
            busy: None,
            ended: false,
            finished: false,
            failed: None,
            unflushed: false,
            turns: 0,
            spinner: match has_descriptors(&*link) {
                true => Spinner::of_calls(Spin::default()),
                false => Spinner::new(Spin::default()),
            },
            link,
        }
    }

    /// Whether all that was to be sent is out of this process.
    pub(crate) fn is_through(&self) -> bool {
        self.from == self.to && !self.unflushed && !self.is_blocked()
    }

    /// Whether it has taken nothing when it was asked last.
    fn is_blocked(&self) -> bool {
        !self.writable && !self.finished
    }

    /// The driver was called: it may have been by the link.
    pub(crate) fn called(&mut self) {
        if !has_halves(&*self.link) {
            (self.readable, self.writable) = (true, true);
        }
    }

    /// It is to be tried whether something has come.
    pub(crate) fn look(&mut self) {
        self.readable = true;
    }

    /// Takes what has come, a piece at most; whether that was something.
    pub(crate) fn hear(
        &mut self,
        load: &mut impl Load,
        waker: &Waker,
        now: Duration,
    ) -> io::Result<bool> {
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(TURNS) {
            (self.readable, self.writable) = (true, true);
        }
        self.read(load, &mut Context::from_waker(waker), now)
    }

    /// Hands on what is to be sent, a piece at most; whether that was something.
    pub(crate) fn say(
        &mut self,
        load: &mut impl Load,
        waker: &Waker,
        now: Duration,
    ) -> io::Result<bool> {
        if self.finished {
            return Ok(false);
        }
        let said = self.write_all(load, &mut Context::from_waker(waker), now);
        said.or_else(|error| {
            (self.from, self.to) = (0, 0);
            (self.finished, self.unflushed) = (true, false);
            if !load.end_of_output() {
                self.failed = Some(error);
            }
            self.readable = true;
            Ok(true)
        })
    }

    fn write_all(
        &mut self,
        load: &mut impl Load,
        cx: &mut Context<'_>,
        now: Duration,
    ) -> io::Result<bool> {
        let written = self.write(load, cx, now)?;
        // Of one that has no room, a flush could take note that it has some again: nobody would call for that.
        if self.from == self.to && !self.is_blocked() {
            if self.unflushed && self.link.poll_flush(cx)?.is_ready() {
                self.unflushed = false;
            }
            if !self.unflushed {
                load.sent();
                if self.to == 0 && load.is_finished() {
                    self.finished = true;
                    self.link.finish()?;
                    return Ok(true);
                }
            }
        }
        Ok(written)
    }

    fn read(
        &mut self,
        load: &mut impl Load,
        cx: &mut Context<'_>,
        now: Duration,
    ) -> io::Result<bool> {
        if !self.readable || self.ended {
            return self.failed.take().map_or(Ok(false), Err);
        }
        let most = load.room().min(READ);
        if most == 0 {
            return Ok(false);
        }
        match self.receive(load, cx, now, most) {
            Poll::Pending => {
                self.readable = false;
                return self.failed.take().map_or(Ok(false), Err);
            }
            Poll::Ready(Ok(0)) => {
                self.ended = true;
                if !load.end_of_input() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Poll::Ready(Ok(n)) => {
                if n < FEW.min(most) && has_halves(&*self.link) {
                    self.readable = false;
                }
            }
            Poll::Ready(Err(error)) => return Err(error),
        }
        Ok(true)
    }

    /// Takes at most so many bytes that have come.
    fn receive(
        &mut self,
        load: &mut impl Load,
        cx: &mut Context<'_>,
        now: Duration,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let Some(lent) = self.link.lends() else {
            let n = ready!(self.link.poll_read(cx, &mut self.into[..most]))?;
            if n > 0 {
                load.receive(now, &self.into[..n]);
            }
            return Poll::Ready(Ok(n));
        };
        let bytes = ready!(lent.poll_received(cx))?;
        let n = bytes.len().min(most);
        if n > 0 {
            load.receive(now, &bytes[..n]);
            lent.consume(n);
        }
        Poll::Ready(Ok(n))
    }

    fn write(
        &mut self,
        load: &mut impl Load,
        cx: &mut Context<'_>,
        now: Duration,
    ) -> io::Result<bool> {
        self.busy = self.link.busy_until().filter(|busy| Instant::now() < *busy);
        if self.busy.is_some() {
            return Ok(false);
        }
        if let Some(lent) = self.link.lends() {
            if !self.writable {
                return Ok(false);
            }
            // Only then it is chosen what is to be sent: an urgent frame waits for none that waits for room.
            let Poll::Ready(room) = lent.poll_room(cx) else {
                self.writable = false;
                return Ok(false);
            };
            let room = room?;
            let most = room.len().min(self.chunk);
            let n = load.transmit(now, &mut room[..most]);
            if n == 0 {
                return Ok(false);
            }
            lent.send(n)?;
            self.unflushed = true;
            return Ok(true);
        }
        if self.from == self.to {
            self.from = 0;
            self.to = load.transmit(now, &mut self.out);
        }
        if self.from == self.to || !self.writable {
            return Ok(false);
        }
        match self.link.poll_write(cx, &self.out[self.from..self.to]) {
            Poll::Pending => {
                self.writable = false;
                return Ok(false);
            }
            Poll::Ready(n) => self.from = self.to.min(self.from + n?),
        }
        self.unflushed = true;
        Ok(true)
    }

    /// Sleeps until there is something to do, or until `until`; whether somebody has called. `room`: bytes can be
    /// taken.
    pub(crate) fn sleep(&mut self, bell: &Bell, room: bool, until: Option<Instant>) -> bool {
        // What is due before that cannot be sent.
        let until = self.busy.or(until);
        if room && self.readable && !self.ended && !has_halves(&*self.link) {
            // There was none when it was to be read: nobody would wake this for it.
            return false;
        }
        #[cfg(unix)]
        if let Some(descriptors) = self.link.descriptors() {
            let wanted = crate::bell::Ready {
                read: !self.ended && room,
                write: self.is_blocked() && self.busy.is_none(),
            };
            let slept = bell.sleep_on(descriptors, wanted, until, &mut self.spinner);
            return match slept {
                Ok((ready, called)) => {
                    self.readable |= ready.read;
                    self.writable |= ready.write;
                    called
                }
                Err(error) => {
                    // No descriptor is left for the event, most likely. The link is looked at now and then.
                    tracing::warn!(target: "transport_link", %error, "cannot sleep on the link");
                    (self.readable, self.writable) = (true, true);
                    bell.park(Instant::now().checked_add(NO_EVENT))
                }
            };
        }
        let spinner = &mut self.spinner;
        if !spinner.spin(until, || bell.is_called()) {
            return spinner.sleep(|| bell.park(until));
        }
        false
    }
}

/// A link on which the driver cannot sleep is looked at so often.
#[cfg(unix)]
const NO_EVENT: Duration = Duration::from_millis(20);

fn has_descriptors(link: &dyn Link) -> bool {
    #[cfg(unix)]
    return link.descriptors().is_some();
    #[cfg(not(unix))]
    {
        let _ = link;
        false
    }
}

/// Whether the system says by itself, and again and again, which half is ready.
fn has_halves(link: &dyn Link) -> bool {
    #[cfg(unix)]
    return matches!(
        link.descriptors(),
        Some(crate::link::Descriptors::Halves { .. })
    );
    #[cfg(not(unix))]
    {
        let _ = link;
        false
    }
}
