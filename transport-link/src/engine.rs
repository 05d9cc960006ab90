//! The driver of a link: its thread, which opens the device, moves bytes, and sleeps.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::device::{Device, is_absent};
use crate::line::Line;
use crate::load::Load;
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

/// While the link takes nothing, it is looked so often whether the other end is there at all.
const BLOCKED: Duration = Duration::from_millis(500);

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
    chunk: usize,
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
            chunk,
        }
    }

    pub(crate) fn run(mut self) {
        self.shared.bell.mine();
        loop {
            // A link that panics, in whatever it does, costs its own session, not the driver.
            let goes_on = catch_unwind(AssertUnwindSafe(|| self.step()));
            if !goes_on.unwrap_or_else(|_| self.panicked()) {
                break;
            }
        }
        self.load.link_down();
        self.shared.close();
        self.shared.desk().lingering = None;
        tracing::debug!(target: "transport_link", link = %self.shared.name, "nobody uses the link: end");
    }

    /// Does what there is to do, or sleeps; `false`: it is over.
    fn step(&mut self) -> bool {
        let now = self.start.elapsed();
        match self.turn(now) {
            // Also while there is always something to do: what comes for nobody is no use of the link.
            Ok(_) if self.is_over(now) => return false,
            Ok(true) => {}
            Ok(false) => self.sleep(),
            Err(error) => self.broke(&error),
        }
        true
    }

    fn panicked(&mut self) -> bool {
        tracing::warn!(target: "transport_link", link = %self.shared.name, "the link panicked");
        // Its drop may panic as well.
        let line = self.line.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(line)));
        self.load.link_down();
        true
    }

    /// Does what there is to do; whether that was something.
    fn turn(&mut self, now: Duration) -> io::Result<bool> {
        self.called |= self.shared.bell.hush();
        let called = std::mem::take(&mut self.called);
        // The link may have been who called.
        if called && let Some(line) = &mut self.line {
            line.called();
        }
        let news = called && self.load.news(now);
        let heard = self.hear(now)?;
        self.load.tick(now);
        if self.load.is_silent() && self.line.is_some() {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "nothing was heard of the other end for too long",
            ));
        }
        self.open_or_close(now, news);
        Ok(self.say(now)? || heard)
    }

    /// Whether nobody has used this for long enough; then nobody finds it any more.
    fn is_over(&mut self, now: Duration) -> bool {
        if !self.load.is_idle() || self.shared.desk().users > 0 {
            self.idle = None;
            return false;
        }
        let since = *self.idle.get_or_insert(now);
        let patience = match &self.line {
            None => Duration::ZERO,
            Some(line) if line.is_through() => IDLE,
            Some(_) => STUCK,
        };
        if now < since + patience {
            return false;
        }
        // First, so that the next driver of the device finds it free.
        if self.line.take().is_some() {
            self.load.link_down();
        }
        let _ = catch_unwind(AssertUnwindSafe(|| self.device.close()));
        self.seat.leave()
    }

    fn open_or_close(&mut self, now: Duration, news: bool) {
        let wanted = self.load.wants_link();
        if let Some(line) = &self.line {
            if !wanted && (line.is_through() || self.load.gives_up()) {
                self.line = None;
                self.load.link_down();
                tracing::debug!(target: "transport_link", link = %self.shared.name, "close");
            }
            if news {
                self.shared.set_tried(Ok(()));
            }
            return;
        }
        let desk = self.shared.desk();
        let (users, asked) = (desk.users, desk.tried.is_none());
        let unwanted = asked && !wanted && desk.listening.is_some();
        drop(desk);
        if unwanted {
            // Whoever listens does not wait for it.
            self.shared.set_tried(Ok(()));
        }
        // For nobody, no device is taken.
        if !wanted || !asked && now < self.retry || users == 0 && self.load.is_idle() {
            return;
        }
        self.retry = now + RETRY;
        let device = &mut self.device;
        let opened = catch_unwind(AssertUnwindSafe(|| device.open()));
        let opened = opened.unwrap_or_else(|_| Err(io::Error::other("the device panicked")));
        match opened {
            Ok(link) => {
                tracing::debug!(target: "transport_link", link = %self.shared.name, "open");
                self.told = false;
                self.line = Some(Line::new(link, self.chunk));
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

    fn hear(&mut self, now: Duration) -> io::Result<bool> {
        let Some(line) = &mut self.line else {
            return Ok(false);
        };
        // Before anybody is missed: this thread may have been held up, and not the peer.
        if self.load.deadline().is_some_and(|due| due <= now) {
            line.look();
        }
        line.hear(&mut self.load, &self.waker, now)
    }

    fn say(&mut self, now: Duration) -> io::Result<bool> {
        match &mut self.line {
            None => Ok(false),
            Some(line) => line.say(&mut self.load, &self.waker, now),
        }
    }

    fn sleep(&mut self) {
        let idle = self.idle.map(|since| since + IDLE);
        let until = match &self.line {
            Some(line) if line.is_through() => {
                [self.load.deadline(), idle].into_iter().flatten().min()
            }
            // The link takes nothing: what is due cannot be sent.
            Some(_) => Some(self.start.elapsed() + BLOCKED),
            None if self.load.wants_link() => Some(self.retry),
            None => idle,
        };
        let until = until.and_then(|until| self.start.checked_add(until));
        let bell = &self.shared.bell;
        self.called |= match &mut self.line {
            None => {
                #[cfg(unix)]
                if self.load.wants_link()
                    && let Some(news) = self.device.news()
                {
                    match bell.watch(news, until) {
                        Ok((ready, called)) => {
                            if ready {
                                self.retry = Duration::ZERO;
                            }
                            self.called |= called;
                        }
                        // No descriptor is left for the event, most likely: the time for another try comes.
                        Err(_) => self.called |= bell.park(until),
                    }
                    return;
                }
                bell.park(until)
            }
            Some(line) => {
                let room = self.load.room() > 0;
                line.sleep(bell, room, until)
            }
        };
    }
}
