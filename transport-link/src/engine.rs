//! The driver of a link: its thread, which opens the device, moves bytes, and sleeps.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::device::{Device, is_absent};
use crate::link::Link;
use crate::registry::Seat;
use crate::shared::Shared;

/// An absent device is tried again after this time, and one that broke at the earliest so long after it was opened:
/// short for a person who plugs it in, and at 4 system calls a second no load.
pub const RETRY: Duration = Duration::from_millis(250);

/// A driver that nobody uses keeps its link so long: a program that opens channels one after the other does not pay
/// for a new session each time; and short for another program that wants the device.
const IDLE: Duration = Duration::from_millis(250);

/// And so long, if what it has to send last does not leave: the other end reads nothing, and nobody waits for it.
const STUCK: Duration = Duration::from_secs(10);

/// Bytes read from a link in one go: what a pipe holds, and more than a terminal gives at once.
const READ: usize = 64 * 1024;

/// A read that brought less than this has probably brought all there was: whether more came is found by the sleep,
/// which looks for other news as well.
const FEW: usize = 1024;

/// While there is always something to do in one direction, the other is tried so often: nobody is told by the sleep
/// then.
const TURNS: u32 = 8;

/// While the link takes nothing, it is looked so often whether the other end is there at all.
const BLOCKED: Duration = Duration::from_millis(500);

/// What a driver does with its link.
pub(crate) trait Load {
    /// Looks for what users did; whether they want something of the device.
    fn news(&mut self, now: Duration) -> bool;
    fn link_up(&mut self, now: Duration);
    fn link_down(&mut self);
    /// The device cannot be opened, and that will not pass by itself.
    fn cannot_open(&mut self, error: &Arc<io::Error>);
    /// How many bytes can be taken now. If that is 0, the driver is called when it changes.
    fn room(&mut self) -> usize {
        usize::MAX
    }
    fn receive(&mut self, now: Duration, bytes: &[u8]);
    /// The link has ended; whether it is of use all the same.
    fn end_of_input(&mut self) -> bool {
        false
    }
    /// What is to be sent.
    fn transmit(&mut self, now: Duration, out: &mut [u8]) -> usize;
    /// What was transmitted is out of this process; and nothing more is to be sent now, if `all`.
    fn sent(&mut self, all: bool);
    /// Nothing will be sent any more: asked once, after all was sent.
    fn is_finished(&mut self) -> bool {
        false
    }
    /// When `transmit` or `tick` is to be called although nothing happens.
    fn deadline(&self) -> Option<Duration>;
    fn tick(&mut self, now: Duration);
    /// Whether the link is to be open.
    fn wants_link(&mut self) -> bool;
    /// Whether nothing is under way.
    fn is_idle(&mut self) -> bool;
}

pub(crate) struct Engine<L> {
    seat: Seat,
    shared: Arc<Shared>,
    device: Box<dyn Device>,
    load: L,
    start: Instant,
    waker: Waker,
    line: Option<Line>,
    /// When the device may be tried again.
    retry: Duration,
    /// The device was found absent, or could not be opened: that was told.
    told: bool,
    /// When nobody had used this any more.
    idle: Option<Duration>,
    /// Somebody has called since the last look for news.
    called: bool,
    into: Box<[u8]>,
    out: Box<[u8]>,
}

/// A link that is open.
struct Line {
    link: Box<dyn Link>,
    /// It may have something to read.
    readable: bool,
    /// It may take something.
    writable: bool,
    /// No more will come.
    ended: bool,
    /// It was told that no more will be written.
    finished: bool,
    /// What of `out` is still to be written.
    from: usize,
    to: usize,
    /// What was written may be inside of the link yet.
    unflushed: bool,
    turns: u32,
}

impl<L: Load> Engine<L> {
    pub(crate) fn new(seat: Seat, device: Box<dyn Device>, load: L, chunk: usize) -> Engine<L> {
        let shared = seat.shared.clone();
        Engine {
            seat,
            device,
            load,
            start: Instant::now(),
            waker: Waker::from(shared.clone()),
            shared,
            line: None,
            retry: Duration::ZERO,
            told: false,
            idle: None,
            called: true,
            into: vec![0; READ].into(),
            out: vec![0; chunk.max(64)].into(),
        }
    }

    pub(crate) fn run(mut self) {
        self.shared.bell.mine();
        loop {
            let now = self.start.elapsed();
            // A link that panics costs its own session, not the driver.
            let busy = catch_unwind(AssertUnwindSafe(|| self.turn(now)));
            let busy = busy.unwrap_or_else(|_| Err(io::Error::other("the link panicked")));
            match busy {
                Ok(true) => self.idle = None,
                Ok(false) if self.is_over(now) => break,
                Ok(false) => self.sleep(),
                Err(error) => self.broke(&error),
            }
        }
        self.line = None;
        self.load.link_down();
        self.shared.close();
        tracing::debug!(target: "transport_link", link = %self.shared.name, "nobody uses the link: end");
    }

    /// Does what there is to do; whether that was something.
    fn turn(&mut self, now: Duration) -> io::Result<bool> {
        self.called |= self.shared.bell.hush();
        let called = std::mem::take(&mut self.called);
        // The link may have been who called.
        if called
            && let Some(line) = &mut self.line
            && !line.sleeps_itself()
        {
            (line.readable, line.writable) = (true, true);
        }
        let news = called && self.load.news(now);
        self.load.tick(now);
        self.open_or_close(now, news);
        self.move_bytes(now)
    }

    /// Whether nobody has used this for long enough; then nobody finds it any more.
    fn is_over(&mut self, now: Duration) -> bool {
        if self.shared.desk().users > 0 || !self.load.is_idle() {
            self.idle = None;
            return false;
        }
        let since = *self.idle.get_or_insert(now);
        let patience = match &self.line {
            None => Duration::ZERO,
            Some(line) if line.from == line.to && !line.unflushed => IDLE,
            Some(_) => STUCK,
        };
        now >= since + patience && self.seat.leave()
    }

    fn open_or_close(&mut self, now: Duration, news: bool) {
        let wanted = self.load.wants_link();
        if let Some(line) = &self.line {
            if !wanted && line.from == line.to && !line.unflushed {
                self.line = None;
                self.load.link_down();
                tracing::debug!(target: "transport_link", link = %self.shared.name, "close");
            }
            if news {
                self.shared.set_tried(Ok(()));
            }
            return;
        }
        let asked = self.shared.desk().tried.is_none();
        if !asked && (!wanted || now < self.retry) {
            return;
        }
        // For nobody, no device is taken.
        if self.shared.desk().users == 0 && self.load.is_idle() {
            return;
        }
        self.retry = now + RETRY;
        match self.device.open() {
            Ok(link) => {
                tracing::debug!(target: "transport_link", link = %self.shared.name, "open");
                self.told = false;
                self.line = Some(Line::new(link));
                self.load.link_up(now);
                self.shared.set_tried(Ok(()));
            }
            Err(error) => self.not_opened(error),
        }
    }

    fn not_opened(&mut self, error: io::Error) {
        let name = &self.shared.name;
        let told = std::mem::replace(&mut self.told, true);
        if is_absent(&error) {
            if !told {
                tracing::debug!(target: "transport_link", link = %name, %error, "absent: waiting for it");
            }
            return self.shared.set_tried(Ok(()));
        }
        if !told {
            tracing::warn!(target: "transport_link", link = %name, %error, "cannot be opened: trying again");
        }
        let error = Arc::new(error);
        self.load.cannot_open(&error);
        self.shared.set_tried(Err(error));
    }

    fn broke(&mut self, error: &io::Error) {
        tracing::debug!(target: "transport_link", link = %self.shared.name, %error, "link broken");
        self.line = None;
        self.load.link_down();
    }

    /// Moves what can be moved now; whether that was something.
    fn move_bytes(&mut self, now: Duration) -> io::Result<bool> {
        let Some(line) = &mut self.line else {
            return Ok(false);
        };
        let mut cx = Context::from_waker(&self.waker);
        let mut busy = false;
        line.turns += 1;
        if line.turns % TURNS == 0 {
            (line.readable, line.writable) = (true, true);
        }
        if line.readable && !line.ended {
            let most = self.load.room().min(self.into.len());
            if most > 0 {
                match line.link.poll_read(&mut cx, &mut self.into[..most]) {
                    Poll::Pending => line.readable = false,
                    Poll::Ready(Ok(0)) => {
                        line.ended = true;
                        if !self.load.end_of_input() {
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                        busy = true;
                    }
                    Poll::Ready(Ok(n)) => {
                        self.load.receive(now, &self.into[..n]);
                        busy = true;
                        if n < FEW.min(most) && line.sleeps_itself() {
                            line.readable = false;
                        }
                    }
                    Poll::Ready(Err(error)) => return Err(error),
                }
            }
        }
        if line.from == line.to {
            line.from = 0;
            line.to = self.load.transmit(now, &mut self.out);
        }
        if line.from < line.to && line.writable {
            match line.link.poll_write(&mut cx, &self.out[line.from..line.to]) {
                Poll::Pending => line.writable = false,
                Poll::Ready(Ok(n)) => {
                    line.from += n.min(line.to - line.from);
                    line.unflushed = true;
                    busy = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        if line.from == line.to {
            if line.unflushed && line.link.poll_flush(&mut cx)?.is_ready() {
                line.unflushed = false;
            }
            if !line.unflushed {
                let all = line.to == 0;
                self.load.sent(all);
                if all && !line.finished && self.load.is_finished() {
                    line.finished = true;
                    line.link.finish()?;
                    busy = true;
                }
            }
        }
        Ok(busy)
    }

    fn sleep(&mut self) {
        let deadline = |at: Option<Duration>| at.and_then(|at| self.start.checked_add(at));
        let now = self.start.elapsed();
        let idle = self.idle.map(|since| since + IDLE);
        let until = match &self.line {
            Some(line) if line.from == line.to && !line.unflushed => {
                [self.load.deadline(), idle].into_iter().flatten().min()
            }
            // The link takes nothing: what is due cannot be sent.
            Some(_) => Some(now + BLOCKED),
            None if self.load.wants_link() => Some(self.retry),
            None => idle,
        };
        let until = deadline(until);
        let Some(line) = &mut self.line else {
            self.called |= self.shared.bell.park(until);
            return;
        };
        #[cfg(unix)]
        if let Some(descriptors) = line.link.descriptors() {
            let wanted = crate::bell::Ready {
                read: !line.ended && self.load.room() > 0,
                write: line.from < line.to,
            };
            match self.shared.bell.sleep_on(descriptors, wanted, until) {
                Ok((ready, called)) => {
                    self.called |= called;
                    line.readable |= ready.read;
                    line.writable |= ready.write;
                }
                Err(error) => {
                    // No descriptor is left for the event, most likely.
                    tracing::warn!(target: "transport_link", link = %self.shared.name, %error, "cannot sleep on the link");
                    line.readable = true;
                    line.writable = true;
                    std::thread::sleep(RETRY);
                }
            }
            return;
        }
        self.called |= self.shared.bell.park(until);
        line.readable = true;
        line.writable = true;
    }
}

impl Line {
    fn new(link: Box<dyn Link>) -> Line {
        Line {
            link,
            readable: true,
            writable: true,
            ended: false,
            finished: false,
            from: 0,
            to: 0,
            unflushed: false,
            turns: 0,
        }
    }

    fn sleeps_itself(&self) -> bool {
        #[cfg(unix)]
        return self.link.descriptors().is_some();
        #[cfg(not(unix))]
        false
    }
}
