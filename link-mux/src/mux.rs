//! The mux: the state of all channels, and what its user does with them. What is received is in [`inbound`], what is
//! sent in [`outbound`], how sessions begin and end in [`session`].

mod inbound;
mod outbound;
mod session;

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::config::{Config, ConfigError};
use crate::entry::{self, Entry};
use crate::event::{Event, OpenError, PeerInfo, Refusal};
use crate::frame::Tag;
use crate::greeting::{Greeting, Versions};
use crate::schedule::Schedule;
use crate::stream::{Pull, Stream};
use crate::table::Table;

use inbound::Inbound;

/// The least room that [`Mux::transmit`] can do with: any frame but a full DATA fits.
pub const MIN_TRANSMIT: usize = 64;

/// A channel of a link. Free again once it is [closed](Event::Closed) or [refused](Event::Refused).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub(crate) u16);

impl ChannelId {
    /// As a number, different for all channels that are open at one time.
    pub fn get(self) -> u16 {
        self.0
    }
}

/// What is known of the other end while a session lasts.
#[derive(Clone, Copy)]
struct Peer {
    info: PeerInfo,
    /// The largest frame that is sent to it.
    max_frame: usize,
    keep_alive: Option<Duration>,
    /// What frames to it are mixed with, and frames from it.
    tags: (Tag, Tag),
}

/// One end of a link that carries many channels.
///
/// Sans-IO: bytes that came from the link go into [`receive`](Mux::receive), bytes that are to be sent come from
/// [`transmit`](Mux::transmit). Time is what the caller says: how long it is since some moment of its choice; it
/// never decreases. The link must keep order and lose nothing while a session lasts (see
/// [`Noise`](crate::Noise) for one that does not); whatever it carried before is recognised and dropped.
/// Whoever drives it calls [`link_down`](Mux::link_down) or [`link_up`](Mux::link_up) when the other end may have been
/// replaced: without the noise layer, what a new program sends would be taken for the rest of a frame that the old one
/// had begun.
///
/// No method blocks, calls back except into [`Stream`]s, or looks at a clock.
pub struct Mux<S> {
    config: Config,
    greeting: Greeting,
    link: bool,
    peer: Option<Peer>,
    table: Table<S>,
    schedule: Schedule,
    /// Channels with frames that are due, each at most once.
    control: VecDeque<u16>,
    /// Bytes of such frames since the last DATA.
    ahead: usize,
    events: VecDeque<Event>,
    inbound: Inbound,
    last_sent: Duration,
    last_heard: Duration,
    /// The versions that were reported since the link came up, or a session began.
    foreign: Versions,
    looped: bool,
}

impl<S: Stream> Mux<S> {
    /// An end whose link is down. `seed` must be a number that no other run of either end's program has used (from
    /// the system's random numbers, say): session ids are made from it.
    ///
    /// # Errors
    /// A limit out of its range.
    pub fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Mux {
            greeting: Greeting::new(seed),
            link: false,
            peer: None,
            table: Table::new(),
            schedule: Schedule::new(config.max_frame),
            control: VecDeque::new(),
            ahead: 0,
            events: VecDeque::new(),
            inbound: Inbound::default(),
            last_sent: Duration::ZERO,
            last_heard: Duration::ZERO,
            foreign: Versions::default(),
            looped: false,
            config,
        })
    }

    /// What the layer below has found out.
    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Whether a session is established.
    pub fn is_up(&self) -> bool {
        self.peer.is_some()
    }

    /// The end's limits.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// After a change of a channel: what is due is queued, and what is over removed.
    fn settle(&mut self, id: u16) {
        let Some(entry) = self.table.get_mut(id) else {
            return;
        };
        if entry.due != 0 {
            if !entry.queued {
                entry.queued = true;
                self.control.push_back(id);
            }
        } else if entry.is_over()
            && let Some(entry) = self.table.remove(id)
        {
            self.schedule.remove(id, &entry.turn);
            // Whoever was refused knows.
            if entry.stream.is_some() {
                self.events.push_back(Event::Closed(ChannelId(id)));
            }
        }
    }

    /// When [`transmit`](Self::transmit) is to be called although nothing else happens; `None`: never.
    pub fn deadline(&self) -> Option<Duration> {
        let silence = self.silence();
        let keep_alive = self.peer.and_then(|peer| peer.keep_alive);
        let ping = keep_alive.map(|interval| self.last_sent + interval);
        [self.greeting.deadline(), silence, ping]
            .into_iter()
            .flatten()
            .min()
    }

    /// What happened. To be asked after every [`receive`](Self::receive) and [`transmit`](Self::transmit), until there is nothing.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Opens a channel: the peer will accept or refuse it ([`Event::Accepted`], [`Event::Refused`]). What the stream
    /// holds is sent once it is accepted. To withdraw, end the stream and its reading, and [`touch`](Self::touch).
    ///
    /// # Errors
    /// See [`OpenError`]; the stream is handed back.
    pub fn open(&mut self, stream: S) -> Result<ChannelId, (OpenError, S)> {
        let Some(peer) = self.peer else {
            return Err((OpenError::Down, stream));
        };
        let capacity = stream.capacity();
        if !self.has_credit(capacity) {
            let limit = self.config.max_credit;
            return Err((OpenError::Credit { limit }, stream));
        }
        let limit = peer.info.max_channels;
        let Some(id) = self.table.free_number(limit) else {
            return Err((OpenError::Channels { limit }, stream));
        };
        let mut entry = Entry::new(Some(stream), capacity);
        entry.due = entry::OPEN;
        self.table.insert(id, entry);
        self.settle(id);
        Ok(ChannelId(id))
    }

    fn has_credit(&self, capacity: u32) -> bool {
        self.table.capacity + u64::from(capacity) <= self.config.max_credit
    }

    /// Accepts an incoming channel. If its buffer does not fit into [`Config::max_credit`], it is refused instead.
    ///
    /// # Errors
    /// The stream, if there is no such channel to accept (any more), or if it was refused.
    pub fn accept(&mut self, id: ChannelId, stream: S) -> Result<(), S> {
        let id = id.0;
        let capacity = stream.capacity();
        let fits = self.has_credit(capacity);
        let is_ours = self.table.is_ours(id);
        let Some(entry) = self.table.get_mut(id) else {
            return Err(stream);
        };
        if is_ours || entry.stream.is_some() || entry.fin.is_some() {
            return Err(stream);
        }
        if !fits {
            self.refuse(ChannelId(id), Refusal::Limit);
            return Err(stream);
        }
        entry.accepted = true;
        entry.capacity = capacity;
        entry.granted = u64::from(capacity);
        entry.due |= entry::CREDIT;
        let stream = entry.stream.insert(stream);
        // The opener may have withdrawn meanwhile.
        if let Some(end) = entry.finished {
            stream.finish(end);
        }
        if let Some((read, end)) = entry.stopped {
            stream.stopped(read, end);
            entry.end_stream(end);
        }
        self.table.capacity += u64::from(capacity);
        self.touch(ChannelId(id));
        Ok(())
    }

    /// Refuses an incoming channel. Nothing happens if it is gone by now.
    pub fn refuse(&mut self, id: ChannelId, why: Refusal) {
        if self.table.is_ours(id.0) {
            return;
        }
        if let Some(entry) = self.table.get_mut(id.0)
            && entry.stream.is_none()
            && entry.fin.is_none()
        {
            entry.refuse(why);
            self.settle(id.0);
        }
    }

    /// Something changed at this channel's [`Stream`]: it is to be looked at. Nothing happens if there is no such
    /// channel.
    pub fn touch(&mut self, id: ChannelId) {
        let Some(entry) = self.table.get_mut(id.0) else {
            return;
        };
        entry.look();
        if entry.fin.is_none() && entry.stream.is_some() {
            if entry.accepted {
                self.schedule.add(id.0, &mut entry.turn);
            } else if let Some(stream) = &mut entry.stream
                && entry.stop.is_some()
                && let Pull::End(end) = stream.pull(&mut [])
            {
                // Both ended before the peer has accepted: withdrawn.
                entry.end_stream(end);
            }
        }
        self.settle(id.0);
    }

    /// The stream of a channel.
    pub fn stream(&self, id: ChannelId) -> Option<&S> {
        self.table.get(id.0)?.stream.as_ref()
    }

    /// The stream of a channel. [`touch`](Self::touch) is to be called after changes.
    pub fn stream_mut(&mut self, id: ChannelId) -> Option<&mut S> {
        self.table.get_mut(id.0)?.stream.as_mut()
    }

    /// Whether something is to be sent of this channel beside its bytes: its opening, credit, an end.
    pub fn has_due(&self, id: ChannelId) -> bool {
        self.table.get(id.0).is_some_and(|entry| entry.due != 0)
    }

    /// How many channels there are, in whatever state.
    pub fn channels(&self) -> usize {
        self.table.len
    }
}

/// What fits into a frame's number beside its lowest bit.
pub(crate) const MOST_CHANNELS: u16 = 1 << 15;
