//! When a session begins and ends, and what it is about.

use core::time::Duration;

use crate::event::{DownReason, Event, PeerInfo};
use crate::frame::{Hello, Tag};
use crate::greeting::{Heard, Versions};
use crate::mux::inbound::Inbound;
use crate::mux::{MIN_TRANSMIT, MOST_CHANNELS, Mux, Peer};
use crate::schedule::Schedule;
use crate::stream::Stream;

/// A peer is missed after so many times the interval in which it would have said something.
const MISSED: u32 = 5;

/// After a violation the next session begins no sooner: an end that always breaks the protocol costs ten hellos a second.
const PENALTY: Duration = Duration::from_millis(100);

impl<S: Stream> Mux<S> {
    /// The link is there: a session is to begin. If one is under way, it ends.
    pub fn link_up(&mut self, now: Duration) {
        self.end(DownReason::Link);
        self.link = true;
        self.foreign = Versions::default();
        self.looped = false;
        self.begin(now);
    }

    /// The link is gone (unplugged, end of file): the session is over, and nothing is sent until
    /// [`link_up`](Self::link_up).
    pub fn link_down(&mut self) {
        self.end(DownReason::Link);
        self.link = false;
        self.greeting.end();
    }

    pub(super) fn begin(&mut self, now: Duration) {
        self.greeting.begin(now);
        self.inbound = Inbound::default();
    }

    /// The session is over, if there is one.
    pub(super) fn end(&mut self, why: DownReason) {
        for mut entry in self.table.drain() {
            if let Some(stream) = &mut entry.stream {
                stream.lost();
            }
        }
        self.schedule.clear();
        self.control.clear();
        if self.peer.take().is_some() {
            // What was to be said of its channels is of no use any more.
            self.events.retain(|event| {
                use Event::{Down, Loop, Up, Version};
                matches!(event, Up(_) | Down(_) | Version { .. } | Loop)
            });
            self.events.push_back(Event::Down(why));
        }
    }

    /// The peer has broken the protocol: the session is over, and the next one begins after a while.
    pub(super) fn violated(&mut self, now: Duration, what: &'static str) {
        self.end(DownReason::Violation(what));
        self.begin(now + PENALTY);
    }

    /// Time has passed. To be called now and then while the link takes nothing, and [`transmit`](Self::transmit), which
    /// does this as well, cannot be: a peer that is silent for too long is noticed.
    pub fn tick(&mut self, now: Duration) {
        if let Some(patience) = self.patience()
            && now >= self.last_heard + patience
        {
            self.end(DownReason::Silence);
            self.begin(now);
        }
    }

    /// When the peer is missed, if nothing is heard before.
    pub(crate) fn silence(&self) -> Option<Duration> {
        self.patience().map(|patience| self.last_heard + patience)
    }

    /// How long the peer may be silent.
    pub(super) fn patience(&self) -> Option<Duration> {
        Some(self.peer?.keep_alive? * MISSED)
    }

    /// A hello was received.
    pub(super) fn hello(&mut self, now: Duration, hello: Hello) {
        if !hello.is_understood() {
            if self.foreign.is_news(hello.version) {
                self.events.push_back(Event::Version {
                    theirs: hello.version,
                });
            }
            return;
        }
        if (hello.max_frame as usize) < MIN_TRANSMIT {
            return;
        }
        let mut heard = self.greeting.heard(now, hello.ids);
        if heard == Heard::Restarted {
            self.end(DownReason::Restarted);
            self.begin(now);
            heard = self.greeting.heard(now, hello.ids);
        }
        match heard {
            Heard::Established => {
                let (own, theirs) = self.greeting.ids();
                self.table.role = u16::from(own > theirs);
                self.last_heard = now;
                self.last_sent = now;
                self.foreign = Versions::default();
                let info = PeerInfo {
                    session: theirs,
                    max_frame: hello.max_frame,
                    max_channels: hello.max_channels.min(MOST_CHANNELS),
                };
                let max_frame = hello.max_frame.min(self.config.max_frame) as usize;
                self.peer = Some(Peer {
                    info,
                    max_frame,
                    keep_alive: agreed(self.config.keep_alive, hello.keep_alive),
                    tags: (Tag::new(own, theirs), Tag::new(theirs, own)),
                });
                self.schedule = Schedule::new(max_frame as u32);
                self.events.push_back(Event::Up(info));
            }
            Heard::Nothing if self.peer.is_some() && !hello.up => {
                self.greeting.say_again(now);
            }
            Heard::Loop if !self.looped => {
                self.looped = true;
                self.events.push_back(Event::Loop);
            }
            _ => {}
        }
    }
}

/// The more patient end's figure; 0 is endless patience.
fn agreed(ours: Option<Duration>, theirs: u32) -> Option<Duration> {
    let theirs = (theirs > 0).then(|| Duration::from_millis(u64::from(theirs)));
    Some(ours?.max(theirs?))
}
