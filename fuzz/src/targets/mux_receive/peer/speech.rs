//! What the peer says.

use super::super::channel::contents;
use super::super::frame::{CREDIT, DATA, FIN, Frame, HEAD, HELLO, OPEN, PING, REFUSE, STOP};
use super::{News, Play};
use crate::input::{Input, cuts};

impl Play {
    pub(super) fn deliver(&mut self, mut bytes: &[u8]) {
        let mut lengths = cuts(self.cut);
        while !bytes.is_empty() {
            let n = lengths.next().unwrap_or(1).min(bytes.len());
            let (piece, rest) = bytes.split_at(n);
            self.mux.receive(self.now, piece);
            self.last_heard = self.now;
            bytes = rest;
        }
    }

    /// What is no frame.
    pub(super) fn garbage(&mut self, input: &mut Input<'_>) {
        let mut bytes = input.array::<HEAD>().to_vec();
        let tag = self.session().tags.0;
        let len = u16::from_be_bytes([bytes[4], bytes[5]]);
        let right = Frame::new(
            bytes[0],
            bytes[1],
            u16::from_be_bytes([bytes[2], bytes[3]]),
            vec![0; len.into()],
        );
        if right.bytes(tag)[..HEAD] == bytes || bytes[0] == HELLO {
            return;
        }
        bytes.extend_from_slice(input.text().as_bytes());
        self.deliver(&bytes);
        self.over("violation");
    }

    /// A frame, right or wrong.
    pub(super) fn say(&mut self, input: &mut Input<'_>) {
        let frame = self.frame(input);
        let damage = input.byte();
        let max_frame = self.config.max_frame;
        let max_channels = self.config.max_channels;
        let session = self.session();
        let mut bytes = frame.bytes(session.tags.0);
        let mut allowed = frame.is_well_formed()
            && match (frame.kind, session.channels.get(&frame.channel)) {
                (PING, _) => true,
                (OPEN, Some(_)) => false,
                (OPEN, None) => {
                    frame.channel & 1 != session.role && frame.channel >> 1 < max_channels
                }
                (_, None) => false,
                (_, Some(channel)) => channel.allows(&frame, max_frame),
            };
        if damage >= 250 {
            bytes[usize::from(damage) % HEAD] ^= 1 << (input.byte() % 8);
            allowed = false;
        }
        self.deliver(&bytes);
        if !allowed {
            return self.over("violation");
        }
        match frame.kind {
            PING => {}
            OPEN => self.session().opening = Some((frame.channel, frame.word())),
            _ => self.took(&frame),
        }
    }

    /// A channel's frame that was allowed has its effect.
    pub(super) fn took(&mut self, frame: &Frame) {
        let id = frame.channel;
        let channel = self.session().channels.get_mut(&id).expect("a channel");
        let accepts = frame.kind == CREDIT && !channel.accepted;
        channel.took(frame);
        if accepts {
            self.expected.push(News::Accepted(id));
        }
        if frame.kind == REFUSE {
            self.expected.push(News::Refused(id, frame.body[0]));
        }
    }

    /// Something to say that is mostly sensible.
    pub(super) fn frame(&mut self, input: &mut Input<'_>) -> Frame {
        let (kind, target, choice) = (input.byte(), input.byte(), input.byte());
        let kind = match kind {
            250.. => input.byte() | 8,
            _ => [OPEN, CREDIT, REFUSE, DATA, FIN, STOP, PING, DATA][usize::from(kind & 7)],
        };
        let largest = u64::from(self.config.max_frame) - HEAD as u64;
        let theirs = self.session().role ^ 1;
        let flags = if kind == FIN || kind == STOP {
            choice & 1
        } else {
            choice
        };
        let wild = choice >= 240;
        let channels = &self.session().channels;
        let some = usize::from(target) % channels.len().max(1);
        let id = match channels.keys().nth(some) {
            Some(id) if kind != OPEN && target < 240 => *id,
            _ if target >= 250 => input.short(),
            _ => u16::from(target % 8) << 1 | theirs,
        };
        let known = channels.get(&id);
        let number = match (kind, known) {
            (CREDIT, Some(channel)) if !wild => channel.limit + u64::from(input.short()),
            (STOP, Some(channel)) if !wild => {
                channel.sent - u64::from(input.byte()) % (channel.sent + 1)
            }
            _ => input.long(),
        };
        let body = match kind {
            // Of the wrong length, now and then.
            DATA if choice == 255 => Vec::new(),
            OPEN..=PING if choice == 255 => vec![choice; input.byte().into()],
            OPEN => (number as u32).to_be_bytes().to_vec(),
            CREDIT | STOP => number.to_be_bytes().to_vec(),
            REFUSE => vec![choice],
            DATA => match known {
                Some(channel) => {
                    let room = channel.granted.saturating_sub(channel.received);
                    let room = room.min(largest) as usize;
                    let n = match (wild, room) {
                        (false, 1..) => 1 + usize::from(input.byte()) % room,
                        (false, 0) => 1,
                        (true, _) => 1 + usize::from(input.short()) % 5000,
                    };
                    contents(!channel.serial, channel.received, n)
                }
                None => vec![choice; 1 + usize::from(choice)],
            },
            _ => Vec::new(),
        };
        Frame::new(kind, flags, id, body)
    }
}
