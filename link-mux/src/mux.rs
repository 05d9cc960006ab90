//! The mux: the session, the state of all channels, and what is sent. What is received is in [`inbound`].

mod inbound;

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::config::{Config, ConfigError};
use crate::entry::{self, Entry};
use crate::event::{DownReason, Event, OpenError, PeerInfo, Refusal};
use crate::frame::{HEAD, HELLO_BODY, Head, Hello, Kind, Tag, VERSION};
use crate::greeting::{Greeting, Heard, Versions};
use crate::schedule::Schedule;
use crate::stream::{Pull, Stream};
use crate::table::Table;

use inbound::Inbound;

/// The least room that [`Mux::transmit`] can do with: any frame but a full DATA fits.
pub const MIN_TRANSMIT: usize = 64;

/// A frame of a busy channel that would be shorter than this, only because little room is left, is left for the next call.
const SHORT_FRAME: usize = 32;

/// A peer is missed after so many times the interval in which it would have said something.
const MISSED: u32 = 5;

/// After a violation the next session begins no sooner: an end that always breaks the protocol costs ten hellos a second.
const PENALTY: Duration = Duration::from_millis(100);

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

    fn begin(&mut self, now: Duration) {
        self.greeting.begin(now);
        self.inbound = Inbound::default();
    }

    /// The session is over, if there is one.
    fn end(&mut self, why: DownReason) {
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
    fn violated(&mut self, now: Duration, what: &'static str) {
        self.end(DownReason::Violation(what));
        self.begin(now + PENALTY);
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

    /// Puts what is to be sent into `out`, whole frames, as many as are due and fit; returns how many bytes. `out`
    /// should have room for [`Config::max_frame`], and must have some for [`MIN_TRANSMIT`]. Zero: nothing is to be sent until
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

    /// When the peer is missed, if nothing is heard before.
    pub(crate) fn silence(&self) -> Option<Duration> {
        self.patience().map(|patience| self.last_heard + patience)
    }

    /// How long the peer may be silent.
    fn patience(&self) -> Option<Duration> {
        Some(self.peer?.keep_alive? * MISSED)
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

/// As a HELLO says it.
fn millis(keep_alive: Option<Duration>) -> u32 {
    keep_alive.map_or(0, |interval| {
        u32::try_from(interval.as_millis())
            .unwrap_or(u32::MAX)
            .max(1)
    })
}

/// The more patient end's figure; 0 is endless patience.
fn agreed(ours: Option<Duration>, theirs: u32) -> Option<Duration> {
    let theirs = (theirs > 0).then(|| Duration::from_millis(u64::from(theirs)));
    Some(ours?.max(theirs?))
}

impl<S: Stream> Mux<S> {
    /// A hello was received.
    fn hello(&mut self, now: Duration, hello: Hello) {
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

/// What fits into a frame's number beside its lowest bit.
pub(crate) const MOST_CHANNELS: u16 = 1 << 15;
