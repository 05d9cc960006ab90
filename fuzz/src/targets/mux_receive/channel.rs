//! What a plain reading of the protocol knows of one channel: counts and ends.

use std::cell::RefCell;
use std::rc::Rc;

use link_mux::{ChannelId, End, Queues};

use super::frame::{ABORTED, CREDIT, DATA, FIN, Frame, HEAD, OPEN, REFUSE, STOP};

/// A stream that the mux and the application hold.
pub type Shared = Rc<RefCell<Queues>>;

/// What byte `at` of a stream is.
pub fn content(serial: u64, at: u64) -> u8 {
    (at.wrapping_mul(167) ^ (at >> 8) ^ serial.wrapping_mul(59)) as u8
}

/// A run of them.
pub fn contents(serial: u64, from: u64, n: usize) -> Vec<u8> {
    (from..).take(n).map(|at| content(serial, at)).collect()
}

/// One channel, as mux and peer must both know it when nothing is on its way.
#[derive(Debug)]
pub struct Channel {
    pub id: ChannelId,
    /// Tells the bytes of different channels apart.
    pub serial: u64,
    /// Opened by the mux's application.
    pub ours: bool,
    /// OPEN was seen.
    pub opened: bool,
    pub accepted: bool,
    /// By the application, with this code.
    pub refused: Option<u8>,
    /// The application's end of it: there once it is open or accepted, until it is refused.
    pub app: Option<Shared>,
    pub inbound: u32,
    pub outbound: u32,

    // From the peer to the application.
    pub granted: u64,
    pub received: u64,
    pub read: u64,
    pub finished: Option<End>,
    /// The application stopped before it had read all.
    pub gave_up: Option<End>,
    /// STOP was seen.
    pub stop: bool,

    // From the application to the peer.
    pub limit: u64,
    pub written: u64,
    pub sent: u64,
    pub ended: Option<End>,
    pub stopped: Option<(u64, End)>,
    /// FIN was seen.
    pub fin: bool,
}

impl Channel {
    pub fn new(id: ChannelId, serial: u64, ours: bool) -> Self {
        Self {
            id,
            serial,
            ours,
            opened: !ours,
            accepted: false,
            refused: None,
            app: None,
            inbound: 0,
            outbound: 0,
            granted: 0,
            received: 0,
            read: 0,
            finished: None,
            gave_up: None,
            stop: false,
            limit: 0,
            written: 0,
            sent: 0,
            ended: None,
            stopped: None,
            fin: false,
        }
    }

    /// A stream for the application.
    pub fn attach(&mut self, app: Shared, (inbound, outbound): (u32, u32)) {
        self.app = Some(app);
        (self.inbound, self.outbound) = (inbound, outbound);
    }

    pub fn is_over(&self) -> bool {
        self.fin && self.stop && self.finished.is_some() && self.stopped.is_some()
    }

    /// Whether the peer may send this now.
    pub fn allows(&self, frame: &Frame, max_frame: u32) -> bool {
        // What this end has opened is the peer's once it has accepted it.
        let known = self.accepted || !self.ours;
        match frame.kind {
            CREDIT => (self.accepted || self.ours) && frame.long() >= self.limit,
            REFUSE => self.ours && !self.accepted,
            DATA => {
                let len = frame.body.len();
                len + HEAD <= max_frame as usize
                    && self.finished.is_none()
                    && self.accepted
                    && self.received + len as u64 <= self.granted
            }
            FIN => known && self.finished.is_none(),
            STOP => known && self.stopped.is_none() && frame.long() <= self.sent,
            _ => unreachable!("frames of channels"),
        }
    }

    /// The peer has sent this, and was allowed to.
    pub fn took(&mut self, frame: &Frame) {
        let end = end_of(frame);
        match frame.kind {
            CREDIT => {
                self.accepted = true;
                self.limit = frame.long();
            }
            REFUSE => {
                self.finished = Some(End::Abort);
                self.stopped = Some((0, End::Abort));
                if let Some(app) = self.app.take() {
                    assert_eq!(app.borrow().receipt(), Some(None), "refused is lost");
                }
            }
            DATA => self.received += frame.body.len() as u64,
            FIN => self.finished = Some(end),
            STOP => self.stopped = Some((frame.long(), end)),
            _ => unreachable!("frames of channels"),
        }
    }

    /// The mux has sent this. Panics if it must not.
    pub fn sent(&mut self, frame: &Frame) {
        assert!(self.opened || frame.kind == OPEN);
        match frame.kind {
            OPEN => {
                assert!(!self.opened && frame.word() == self.inbound);
                self.opened = true;
            }
            CREDIT => {
                assert!(self.app.is_some() && (self.accepted || !self.ours));
                let limit = frame.long();
                let room = self.read + u64::from(self.inbound);
                assert!((self.granted..=room).contains(&limit), "credit is room");
                self.granted = limit;
                self.accepted = true;
            }
            REFUSE => {
                assert_eq!(Some(frame.body[0]), self.refused);
                assert!(!self.fin && !self.stop);
                // Both ends at once.
                (self.fin, self.stop) = (true, true);
            }
            DATA => {
                assert!(self.accepted && !self.fin && self.stopped.is_none());
                let expected = contents(self.serial, self.sent, frame.body.len());
                assert_eq!(frame.body, expected, "what was written");
                self.sent += expected.len() as u64;
                assert!(self.sent <= self.limit, "credit is kept to");
                assert!(self.sent <= self.written);
            }
            FIN => {
                assert!(!self.fin && self.fin_is_due(), "{self:?}");
                if self.stopped.is_none() {
                    assert_eq!(Some(end_of(frame)), self.ended);
                }
                self.fin = true;
            }
            STOP => {
                assert!(!self.stop && self.stop_is_due(), "{self:?}");
                assert_eq!(frame.long(), if self.app.is_some() { self.read } else { 0 });
                let end = match self.app {
                    Some(_) => self.gave_up.unwrap_or(End::Orderly),
                    None => End::Abort,
                };
                assert_eq!(end_of(frame), end);
                self.stop = true;
            }
            _ => unreachable!("frames of channels"),
        }
    }

    /// Whether the application's stream is at its end.
    fn fin_is_due(&self) -> bool {
        let all_sent = self.sent == self.written;
        match self.app {
            // The peer has refused it.
            None => self.ours,
            Some(_) if self.accepted => self.stopped.is_some() || self.ended.is_some() && all_sent,
            Some(_) => self.gave_up.is_some() && self.ended.is_some() && all_sent,
        }
    }

    fn stop_is_due(&self) -> bool {
        match self.app {
            None => self.ours,
            Some(_) => {
                self.gave_up.is_some() || self.finished.is_some() && self.read == self.received
            }
        }
    }

    /// Nothing is on its way, and the mux has nothing to send: is that right?
    pub fn check_rest(&self) {
        assert!(self.opened);
        assert_eq!(
            self.fin,
            self.refused.is_some() || self.fin_is_due(),
            "{self:?}"
        );
        assert_eq!(
            self.stop,
            self.refused.is_some() || self.stop_is_due(),
            "{self:?}"
        );
        let Some(app) = &self.app else {
            assert!(self.refused.is_some() || !self.ours);
            return;
        };
        if self.accepted && !self.fin {
            assert_eq!(self.sent, self.written.min(self.limit), "{self:?}");
        }
        if self.accepted && !self.stop && self.finished.is_none() {
            let room = self.read + u64::from(self.inbound) - self.granted;
            assert!(room == 0 || self.granted > self.received, "{self:?}");
        }
        self.check_app(app, self.finished, self.stopped.map(|(read, _)| Some(read)));
    }

    /// The session is over. What has come can still be read.
    pub fn lost(mut self) {
        let finished = self.finished.unwrap_or(End::Abort);
        let receipt = self.stopped.map(|(read, _)| read);
        if let Some(app) = self.app.take() {
            self.read_some(&app, usize::MAX);
            self.check_app(&app, Some(finished), Some(receipt));
            assert_eq!(app.borrow_mut().write(b"x"), 0);
        }
    }

    /// The application's end says what is known here.
    fn check_app(&self, app: &Shared, finished: Option<End>, receipt: Option<Option<u64>>) {
        let app = app.borrow();
        let readable = match self.gave_up {
            Some(_) => 0,
            None => self.received - self.read,
        };
        assert_eq!(app.readable() as u64, readable);
        // Who has stopped before is not told of the end.
        let told = self.gave_up.is_none() && readable == 0;
        assert_eq!(app.ended(), finished.filter(|_| told));
        assert_eq!(app.receipt(), receipt);
    }

    /// The application reads.
    pub fn read_some(&mut self, app: &Shared, most: usize) {
        let readable = app.borrow().readable();
        let mut bytes = vec![0; readable.min(most)];
        assert_eq!(app.borrow_mut().read(&mut bytes), bytes.len());
        let expected = contents(!self.serial, self.read, bytes.len());
        assert_eq!(bytes, expected, "what was sent");
        self.read += bytes.len() as u64;
    }

    /// The application writes.
    pub fn write_some(&mut self, app: &Shared, n: usize) {
        let bytes = contents(self.serial, self.written, n);
        let open = self.ended.is_none() && self.stopped.is_none();
        let room = u64::from(self.outbound) - (self.written - self.sent);
        let expected = if open { room.min(n as u64) } else { 0 };
        assert_eq!(app.borrow_mut().write(&bytes) as u64, expected, "{self:?}");
        self.written += expected;
    }

    /// The application ends its stream.
    pub fn end_writing(&mut self, app: &Shared, end: End) {
        app.borrow_mut().finish_writing(end);
        match end {
            End::Orderly => {
                self.ended.get_or_insert(end);
            }
            End::Abort => {
                self.ended = Some(end);
                self.written = self.sent;
            }
        }
    }

    /// The application reads no more.
    pub fn end_reading(&mut self, app: &Shared, end: End) {
        app.borrow_mut().stop_reading(end);
        if self.finished.is_none() || self.read < self.received {
            self.gave_up.get_or_insert(end);
        }
    }
}

fn end_of(frame: &Frame) -> End {
    match frame.flags & ABORTED {
        0 => End::Orderly,
        _ => End::Abort,
    }
}
