//! What is received: heads, bodies, and what they mean.

use core::time::Duration;

use alloc::vec::Vec;

use crate::entry::{self, Entry, end_of};
use crate::event::{Event, Refusal};
use crate::frame::{HEAD, Head, Hello, Hunt, Kind, u32_at, u64_at};
use crate::mux::{ChannelId, Mux};
use crate::stream::{End, Stream};

/// Where in the stream of frames the next byte lies.
#[derive(Default)]
pub(super) struct Inbound {
    /// Before a session.
    hunt: Hunt,
    /// Of a head, or of a head and a body that is collected: what has come.
    held: Vec<u8>,
    /// The head of the frame whose body is being collected.
    head: Option<Head>,
    /// Of a DATA frame: the channel, and how many bytes are still to come.
    data: Option<(u16, usize)>,
}

/// What the peer did wrong.
type Violation = &'static str;

impl<S: Stream> Mux<S> {
    /// Takes bytes from the link, all of them, cut anywhere.
    pub fn receive(&mut self, now: Duration, mut bytes: &[u8]) {
        if !bytes.is_empty() {
            self.last_heard = now;
        }
        while self.link {
            if self.peer.is_none() {
                let (taken, hello) = self.inbound.hunt.feed(bytes);
                bytes = &bytes[taken..];
                let Some(hello) = hello else {
                    return;
                };
                self.hello(now, hello);
                if self.peer.is_some() {
                    let rest = self.inbound.hunt.rest();
                    self.receive(now, &rest);
                }
            } else if bytes.is_empty() {
                return;
            } else {
                let taken = self.frame(now, bytes);
                bytes = &bytes[taken..];
            }
        }
    }

    /// Takes bytes of at most one frame.
    fn frame(&mut self, now: Duration, bytes: &[u8]) -> usize {
        if let Some((id, left)) = self.inbound.data {
            let n = left.min(bytes.len());
            self.inbound.data = (left > n).then_some((id, left - n));
            self.data(id, &bytes[..n], left == n);
            return n;
        }
        let held = &mut self.inbound.held;
        let (head, taken) = match self.inbound.head {
            Some(head) => (head, 0),
            None => {
                let (whole, taken) = match bytes.first_chunk::<HEAD>() {
                    Some(whole) if held.is_empty() => (*whole, HEAD),
                    _ => {
                        let n = bytes.len().min(HEAD - held.len());
                        held.extend_from_slice(&bytes[..n]);
                        let Some(whole) = held.first_chunk::<HEAD>() else {
                            return n;
                        };
                        (*whole, n)
                    }
                };
                held.clear();
                let tag = self.peer.map(|peer| peer.tags.1).unwrap_or_default();
                let Some(head) = Head::parse(&whole, tag) else {
                    self.violated(now, "something that is no frame");
                    return taken;
                };
                (head, taken)
            }
        };
        let length = usize::from(head.length);
        if head.kind == Kind::Data {
            match self.expect(head.channel, length) {
                Ok(()) => self.inbound.data = Some((head.channel, length)),
                Err(what) => self.violated(now, what),
            }
            return taken;
        }
        // Short bodies are collected, unless they are here already.
        let rest = &bytes[taken..];
        let held = &mut self.inbound.held;
        if held.is_empty() && rest.len() >= length {
            self.inbound.head = None;
            self.dispatch(now, head, &rest[..length]);
            return taken + length;
        }
        let n = rest.len().min(length - held.len());
        held.extend_from_slice(&rest[..n]);
        if held.len() == length {
            let body = core::mem::take(held);
            self.inbound.head = None;
            self.dispatch(now, head, &body);
        } else {
            self.inbound.head = Some(head);
        }
        taken + n
    }

    fn dispatch(&mut self, now: Duration, head: Head, body: &[u8]) {
        let id = head.channel;
        let done = match head.kind {
            Kind::Open => self.opened(id, body),
            Kind::Credit => self.credit(id, body),
            Kind::Refuse => self.refused(id, body),
            Kind::Fin => self.finished(id, end_of(head.flags)),
            Kind::Stop => self.stopped(id, body, end_of(head.flags)),
            Kind::Ping | Kind::Data => Ok(()),
            Kind::Hello => {
                let mut whole = Vec::with_capacity(HEAD + body.len());
                whole.extend_from_slice(&head.bytes(Default::default()));
                whole.extend_from_slice(body);
                match Hello::parse(&whole) {
                    Some(hello) if hello.is_understood() => {
                        self.hello(now, hello);
                        Ok(())
                    }
                    _ => Err("a hello that is none"),
                }
            }
        };
        if let Err(what) = done {
            self.violated(now, what);
        }
    }

    fn known(&mut self, id: u16) -> Result<&mut Entry<S>, Violation> {
        self.table
            .get_mut(id)
            .ok_or("a frame for a channel that is not open")
    }

    /// The head of a DATA frame: whether that much may come.
    fn expect(&mut self, id: u16, length: usize) -> Result<(), Violation> {
        if length + HEAD > self.config.max_frame as usize {
            return Err("a frame that is larger than was agreed");
        }
        let entry = self.known(id)?;
        if entry.finished.is_some() {
            return Err("data behind the end of a channel");
        }
        entry.received += length as u64;
        if entry.received > entry.granted || !entry.accepted {
            return Err("more data than there is room for");
        }
        Ok(())
    }

    /// Bytes of a DATA frame; `last`: all of it is here.
    fn data(&mut self, id: u16, bytes: &[u8], last: bool) {
        let Some(entry) = self.table.get_mut(id) else {
            return;
        };
        // What comes after the application stopped is dropped.
        if let Some(stream) = &mut entry.stream
            && entry.stop.is_none()
        {
            stream.push(bytes);
            if last {
                entry.look();
                self.settle(id);
            }
        }
    }

    fn opened(&mut self, id: u16, body: &[u8]) -> Result<(), Violation> {
        if self.table.is_ours(id) {
            return Err("an open with a number of the other end's");
        }
        if id >> 1 >= self.config.max_channels {
            return Err("more channels than were agreed");
        }
        let mut entry = Entry::new(None, 0);
        entry.limit = u64::from(u32_at(body, 0).unwrap_or(0));
        if !self.table.insert(id, entry) {
            return Err("an open of a channel that is open");
        }
        self.events.push_back(Event::Incoming(ChannelId(id)));
        Ok(())
    }

    fn credit(&mut self, id: u16, body: &[u8]) -> Result<(), Violation> {
        let is_ours = self.table.is_ours(id);
        let entry = self.known(id)?;
        let limit = u64_at(body, 0).unwrap_or(0);
        if limit < entry.limit {
            return Err("credit that was taken back");
        }
        entry.limit = limit;
        if !entry.accepted {
            if !is_ours || entry.refusal != 0 {
                return Err("credit for a channel that is not accepted");
            }
            entry.accepted = true;
            self.events.push_back(Event::Accepted(ChannelId(id)));
        }
        self.touch(ChannelId(id));
        Ok(())
    }

    fn refused(&mut self, id: u16, body: &[u8]) -> Result<(), Violation> {
        let is_ours = self.table.is_ours(id);
        let entry = self.known(id)?;
        if !is_ours || entry.accepted || entry.finished.is_some() || entry.stopped.is_some() {
            return Err("a refusal of what is not refused any more");
        }
        entry.finished = Some(End::Abort);
        entry.stopped = Some((0, End::Abort));
        entry.end_stream(End::Abort);
        if entry.stop.is_none() {
            entry.stop = Some((0, End::Abort));
            entry.due |= entry::STOP;
        }
        if let Some(mut stream) = entry.stream.take() {
            stream.lost();
        }
        let why = Refusal::of(body.first().copied().unwrap_or(0));
        self.events.push_back(Event::Refused(ChannelId(id), why));
        self.settle(id);
        Ok(())
    }

    fn finished(&mut self, id: u16, end: End) -> Result<(), Violation> {
        let is_ours = self.table.is_ours(id);
        let entry = self.known(id)?;
        if entry.finished.is_some() || is_ours && !entry.accepted {
            return Err("a second end of a channel");
        }
        entry.finished = Some(end);
        if let Some(stream) = &mut entry.stream
            && entry.stop.is_none()
        {
            stream.finish(end);
        }
        entry.look();
        self.settle(id);
        Ok(())
    }

    fn stopped(&mut self, id: u16, body: &[u8], end: End) -> Result<(), Violation> {
        let is_ours = self.table.is_ours(id);
        let entry = self.known(id)?;
        let read = u64_at(body, 0).unwrap_or(0);
        if entry.stopped.is_some() || is_ours && !entry.accepted {
            return Err("a second receipt for a channel");
        }
        if read > entry.sent {
            return Err("a receipt for more than was sent");
        }
        entry.stopped = Some((read, end));
        if let Some(stream) = &mut entry.stream {
            stream.stopped(read, end);
            // Nothing more is read there: the stream ends here, in whatever way its writer goes on.
            entry.end_stream(End::Orderly);
        }
        self.settle(id);
        Ok(())
    }
}
