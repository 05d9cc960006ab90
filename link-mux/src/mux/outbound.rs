//! What is sent: hellos, frames that are due, and data in turn.

use core::time::Duration;

use crate::frame::{HEAD, HELLO_BODY, Head, Hello, Kind, VERSION};
use crate::mux::{MIN_TRANSMIT, Mux, Peer};
use crate::stream::{Pull, Stream};

/// A frame of a busy channel that would be shorter than this, only because little room is left, is left for the next call.
const SHORT_FRAME: usize = 32;

impl<S: Stream> Mux<S> {
    /// Puts what is to be sent into `out`, whole frames, as many as are due and fit; returns how many bytes. `out`
    /// should have room for [`Config::max_frame`](crate::Config::max_frame), and must have some for [`MIN_TRANSMIT`]. Zero: nothing is to be sent until
    /// something is received or touched, or the deadline has come.
    pub fn transmit(&mut self, now: Duration, out: &mut [u8]) -> usize {
        debug_assert!(out.len() >= MIN_TRANSMIT);
        if !self.link {
            return 0;
        }
        self.tick(now);
        let mut at = 0;
        if out.len() >= HEAD + HELLO_BODY
            && let Some(ids) = self.greeting.hello(now)
        {
            let hello = Hello {
                version: VERSION,
                ids,
                max_frame: self.config.max_frame,
                max_channels: self.config.max_channels,
                up: self.peer.is_some(),
                keep_alive: millis(self.config.keep_alive),
            };
            out[..HEAD + HELLO_BODY].copy_from_slice(&hello.bytes());
            at = HEAD + HELLO_BODY;
        }
        let Some(peer) = self.peer else {
            return at;
        };
        if self.greeting.deadline().is_some() {
            // The peer takes frames behind this end's hello, which is still to be said.
            return at;
        }
        self.frames(&peer, out, &mut at);
        if at == 0
            && let Some(interval) = peer.keep_alive
            && now >= self.last_sent + interval
            && out.len() >= HEAD
        {
            out[..HEAD].copy_from_slice(&Head::new(Kind::Ping, 0, 0).bytes(peer.tags.0));
            at = HEAD;
        }
        if at > 0 {
            self.last_sent = now;
        }
        at
    }

    /// Frames of channels, as many as fit.
    fn frames(&mut self, peer: &Peer, out: &mut [u8], at: &mut usize) {
        loop {
            if !self.due_frames(peer, out, at) {
                return;
            }
            let Some(id) = self.schedule.head() else {
                return;
            };
            let Some(entry) = self.table.get_mut(id) else {
                // It cannot be: channels that go leave the schedule.
                self.schedule.drop_head(&mut Default::default());
                continue;
            };
            if entry.stream.is_none() || entry.fin.is_some() {
                self.schedule.drop_head(&mut entry.turn);
                continue;
            }
            // Data comes behind the acceptance of its channel, whoever's turn it is.
            if !entry.is_announced() && !entry.write_due(id, peer.tags.0, out, at) {
                return;
            }
            let Some(stream) = &mut entry.stream else {
                continue;
            };
            let room = (out.len() - *at).min(peer.max_frame);
            if room <= HEAD || room < SHORT_FRAME.min(peer.max_frame) && *at > 0 {
                return;
            }
            let credit = usize::try_from(entry.limit - entry.sent).unwrap_or(usize::MAX);
            let payload = &mut out[*at + HEAD..*at + room];
            let most = payload.len().min(credit);
            match stream.pull(&mut payload[..most]) {
                Pull::Bytes(0) | Pull::Empty => self.schedule.drop_head(&mut entry.turn),
                Pull::Bytes(n) => {
                    // A stream that says more than it was asked for would make a frame of somebody else's bytes.
                    let n = n.min(most);
                    let head = Head::new(Kind::Data, id, n).bytes(peer.tags.0);
                    out[*at..*at + HEAD].copy_from_slice(&head);
                    *at += HEAD + n;
                    entry.sent += n as u64;
                    self.ahead = 0;
                    self.schedule.sent(HEAD + n, &mut entry.turn);
                }
                Pull::End(end) => {
                    self.schedule.drop_head(&mut entry.turn);
                    entry.end_stream(end);
                    self.settle(id);
                }
            }
        }
    }

    /// Frames that are due, ahead of data: they are short, and free what others wait for. But where windows are
    /// tiny, credit without end could be due: after a frame's worth of them, data has its turn. `false` if some
    /// did not fit.
    fn due_frames(&mut self, peer: &Peer, out: &mut [u8], at: &mut usize) -> bool {
        while let Some(&id) = self.control.front() {
            if self.ahead >= peer.max_frame && !self.schedule.is_empty() {
                return true;
            }
            if let Some(entry) = self.table.get_mut(id) {
                let before = *at;
                let written = entry.write_due(id, peer.tags.0, out, at);
                self.ahead += *at - before;
                if !written {
                    return false;
                }
                entry.queued = false;
            }
            self.control.pop_front();
            self.settle(id);
        }
        true
    }
}

/// As a HELLO says it.
fn millis(keep_alive: Option<Duration>) -> u32 {
    keep_alive.map_or(0, |interval| {
        u32::try_from(interval.as_millis())
            .unwrap_or(u32::MAX)
            .max(1)
    })
}
