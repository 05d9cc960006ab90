//! What the mux knows of one channel.

use crate::event::Refusal;
use crate::frame::{ABORTED, HEAD, Head, Kind, Tag};
use crate::schedule::Turn;
use crate::stream::{End, Reading, Stream};

/// A set of the constants below.
type Bits = u8;

/// Frames that are due.
pub(crate) const OPEN: Bits = 1;
pub(crate) const CREDIT: Bits = 2;
pub(crate) const REFUSE: Bits = 4;
pub(crate) const FIN: Bits = 8;
pub(crate) const STOP: Bits = 16;

/// How an end is said in the flags of a frame.
pub(crate) fn flags_of(end: End) -> u8 {
    match end {
        End::Orderly => 0,
        End::Abort => ABORTED,
    }
}

/// What the flags of a frame say of an end.
pub(crate) fn end_of(flags: u8) -> End {
    if flags & ABORTED == 0 {
        End::Orderly
    } else {
        End::Abort
    }
}

/// One channel. It lives until both ends have sent, and received, FIN and STOP.
pub(crate) struct Entry<S> {
    /// `None`: the peer has opened it, and it is not accepted yet; or it was refused.
    pub stream: Option<S>,
    /// The receive buffer's size, which counts against the sum of all.
    pub capacity: u32,
    /// Both ends have agreed to it.
    pub accepted: bool,
    /// Frames that are due, which the control queue will send.
    pub due: Bits,
    /// It stands in the control queue.
    pub queued: bool,
    pub turn: Turn,

    /// Bytes sent.
    pub sent: u64,
    /// Bytes that may be sent.
    pub limit: u64,
    /// This end's stream has ended, or is to be pulled no more: FIN is due or sent.
    pub fin: Option<End>,
    /// How far the peer's application has read, once it reads no more.
    pub stopped: Option<(u64, End)>,

    /// Bytes received.
    pub received: u64,
    /// Bytes that the peer may send.
    pub granted: u64,
    /// The peer's stream has ended.
    pub finished: Option<End>,
    /// How far the application has read, once it reads no more: STOP is due or sent.
    pub stop: Option<(u64, End)>,

    pub refusal: u8,
}

impl<S: Stream> Entry<S> {
    pub(crate) fn new(stream: Option<S>, capacity: u32) -> Self {
        Entry {
            stream,
            capacity,
            accepted: false,
            due: 0,
            queued: false,
            turn: Turn::default(),
            sent: 0,
            limit: 0,
            fin: None,
            stopped: None,
            received: 0,
            granted: u64::from(capacity),
            finished: None,
            stop: None,
            refusal: 0,
        }
    }

    /// Whether both ends know of all ends.
    pub(crate) fn is_over(&self) -> bool {
        self.fin.is_some()
            && self.stop.is_some()
            && self.finished.is_some()
            && self.stopped.is_some()
            && self.due == 0
    }

    /// The first CREDIT, by which it is accepted, does not wait to be sent.
    pub(crate) fn is_announced(&self) -> bool {
        self.due & CREDIT == 0 || self.granted > u64::from(self.capacity)
    }

    /// This end's stream ends here. Nothing is pulled any more.
    pub(crate) fn end_stream(&mut self, end: End) {
        if self.fin.is_none() {
            self.fin = Some(end);
            self.due |= FIN;
        }
    }

    fn end_reading(&mut self, read: u64, end: End) {
        if self.stop.is_none() {
            self.stop = Some((read, end));
            self.due |= STOP;
        }
    }

    /// It is not to be.
    pub(crate) fn refuse(&mut self, why: Refusal) {
        self.stream = None;
        self.refusal = why.code();
        self.due |= REFUSE;
        // A refusal is both ends at once.
        self.fin = Some(End::Abort);
        self.stop = Some((0, End::Abort));
    }

    /// Looks how far the application has read: whether there is room for a message to the peer, or its reading is over.
    pub(crate) fn look(&mut self) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        if self.stop.is_some() {
            return;
        }
        let half = (u64::from(self.capacity) / 2).max(1);
        let mut wanted = None;
        loop {
            let read = match stream.reading(wanted) {
                Reading::Over { read, end } => return self.end_reading(read, end),
                Reading::On { read } => read,
            };
            if self.finished.is_some() || !self.accepted {
                return;
            }
            let outstanding = self.granted - self.received;
            let room = (read + u64::from(self.capacity)).saturating_sub(self.granted);
            if room >= half || outstanding == 0 && room > 0 {
                self.granted += room;
                self.due |= CREDIT;
                wanted = None;
            } else if outstanding > half || wanted.is_some() {
                return;
            } else {
                // A peer that may send nothing waits for whatever there is.
                let more = if outstanding == 0 { 1 } else { half - room };
                wanted = Some(more as u32);
            }
        }
    }

    /// Writes the frames that are due, as far as they fit; `false` if some did not.
    pub(crate) fn write_due(&mut self, id: u16, tag: Tag, out: &mut [u8], at: &mut usize) -> bool {
        let mut write = |kind, flags, body: &[u8]| {
            let Some(room) = out.get_mut(*at..*at + HEAD + body.len()) else {
                return false;
            };
            let head = Head::new(kind, id, body.len()).flagged(flags);
            room[..HEAD].copy_from_slice(&head.bytes(tag));
            room[HEAD..].copy_from_slice(body);
            *at += room.len();
            true
        };
        // In this order: what a channel begins with comes first.
        while self.due != 0 {
            let bit = 1 << self.due.trailing_zeros();
            let written = match bit {
                OPEN => write(Kind::Open, 0, &self.capacity.to_be_bytes()),
                CREDIT => write(Kind::Credit, 0, &self.granted.to_be_bytes()),
                REFUSE => write(Kind::Refuse, 0, &[self.refusal]),
                FIN => write(Kind::Fin, self.fin.map_or(0, flags_of), &[]),
                _ => {
                    let (read, end) = self.stop.unwrap_or((0, End::Abort));
                    write(Kind::Stop, flags_of(end), &read.to_be_bytes())
                }
            };
            if !written {
                return false;
            }
            self.due &= !bit;
        }
        true
    }
}
