//! One mux, its application, and a peer that says anything. After each step the mux has nothing more to say, so
//! that both ends know the same, and whatever the peer says next is right or wrong by the protocol.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use link_mux::{ChannelId, Config, DownReason, End, Event, Mux, OpenError, Queues, Refusal};

use super::channel::{Channel, Shared, contents};
use super::frame::{self, CREDIT, DATA, FIN, Frame, HEAD, HELLO, Hello, OPEN, PING, REFUSE, STOP};
use crate::input::{Input, cuts};

/// The most steps per input: enough to get anywhere, and no input is slow.
const STEPS: usize = 200;

/// A buffer for the mux's output.
const LARGEST: usize = 4096;

/// The mux's limits: small, so that they are reached.
fn config(choice: u8) -> Config {
    Config {
        max_frame: [64, 100, 256, 4000][usize::from(choice & 3)],
        max_channels: u16::from(choice >> 2 & 3) + 1,
        max_credit: [300, 100_000][usize::from(choice >> 4 & 1)],
        keep_alive: (choice & 0x20 == 0).then_some(Duration::from_secs(2)),
    }
}

pub fn run(input: &mut Input<'_>) {
    let config = config(input.byte());
    let mut play = Play {
        mux: Mux::new(config.clone(), input.long()).expect("limits in their ranges"),
        config,
        room: 64 + usize::from(input.short()) % (LARGEST - 63),
        cut: input.array(),
        now: Duration::ZERO,
        last_heard: Duration::ZERO,
        peer_id: 0,
        mux_id: 0,
        link: false,
        session: None,
        serial: 0,
        looped: false,
        hello_due: false,
        expected: Vec::new(),
    };
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        play.step(input);
    }
}

/// An event, as far as it is foretold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    Up(u64, u32, u16),
    Down(&'static str),
    Accepted(u16),
    Refused(u16, u8),
    Closed(u16),
}

/// A session, as both ends know it.
struct Session {
    channels: BTreeMap<u16, Channel>,
    /// The lowest bit of the numbers of the mux's channels.
    role: u16,
    /// The largest frame that the mux may send.
    max_frame: usize,
    /// How many channels the mux may open.
    max_channels: u16,
    keep_alive: Option<Duration>,
    /// What checks of frames to the mux, and from it, are mixed with.
    tags: (u16, u16),
    /// An open that was said just now, and its window.
    opening: Option<(u16, u32)>,
}

struct Play {
    mux: Mux<Shared>,
    config: Config,
    /// For the mux's output, at once.
    room: usize,
    /// How what the peer says is cut.
    cut: [u8; 4],
    now: Duration,
    last_heard: Duration,
    /// The ids of the peer's session, and of the mux's.
    peer_id: u64,
    mux_id: u64,
    link: bool,
    session: Option<Session>,
    /// Channels so far.
    serial: u64,
    /// The peer has said the mux's own id.
    looped: bool,
    /// The mux is to say hello again.
    hello_due: bool,
    expected: Vec<News>,
}

impl Play {
    fn step(&mut self, input: &mut Input<'_>) {
        if self.session.is_none() {
            self.begin(input);
        } else {
            match input.byte() % 24 {
                0 | 1 => self.open(input),
                2 | 3 => self.decide(input),
                4..9 => self.application(input),
                9 => self.now += Duration::from_millis(input.short().into()),
                10 => self.greet(input),
                11 => self.garbage(input),
                12 => self.cut_link(input),
                _ => self.say(input),
            }
        }
        self.settle();
    }

    fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("a session")
    }

    // Sessions.

    /// A session begins, after this and that.
    fn begin(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        if !self.link {
            self.link_up();
        }
        if choice & 1 == 1 {
            let text = input.text();
            self.deliver(text.as_bytes());
        }
        if choice & 2 == 2 {
            let mut foreign = self.hello(input);
            foreign.version = input.byte() | 0x20;
            self.deliver(&foreign.bytes(&[]));
        }
        if choice & 4 == 4 {
            let mut own = self.hello(input);
            own.own = self.mux_id;
            self.looped = true;
            self.deliver(&own.bytes(&[]));
        }
        if choice & 8 == 8 {
            // The beginning of a hello, or of a longer one.
            let (more, n) = (usize::from(input.byte()), usize::from(input.byte()));
            let mut cut = self.hello(input).bytes(&[0xF7; 88][..more % 89]);
            // The next hello begins with what completes this one only if one byte is missing, or by miracle.
            cut.truncate(n % (cut.len() - 3));
            self.deliver(&cut);
        }
        self.settle();
        self.now = self.mux.deadline().unwrap_or(self.now).max(self.now);
        self.settle();

        self.peer_id = self.peer_id.wrapping_add(2);
        let mut hello = self.hello(input);
        hello.own = match choice & 16 {
            0 => self.peer_id,
            _ => !self.peer_id,
        };
        hello.heard = self.mux_id;
        let more = &[0x55; 88][..usize::from(choice >> 5) * 12];
        hello.version |= u8::from(!more.is_empty());
        let (mine, theirs) = (hello.own, self.mux_id);
        let tags = (frame::tag(mine, theirs), frame::tag(theirs, mine));
        let role = u16::from(theirs > mine);
        let opening = (choice & 32 == 32).then_some((role ^ 1, u32::from(choice)));
        let mut bytes = hello.bytes(more);
        if let Some((id, window)) = opening {
            bytes.extend(Frame::new(OPEN, 0, id, window.to_be_bytes()).bytes(tags.0));
        }
        self.deliver(&bytes);
        // What came before may look like the beginning of a longer one: it shows once more has come.
        for _ in 0..16 {
            if !self.mux.is_up() {
                self.deliver(&Frame::new(PING, 0, 0, []).bytes(tags.0));
            }
        }
        assert!(self.mux.is_up(), "a hello is found wherever it stands");

        let patience = Duration::from_millis(hello.keep_alive.into());
        let keep_alive = self.config.keep_alive.filter(|_| !patience.is_zero());
        self.session = Some(Session {
            channels: BTreeMap::new(),
            role,
            max_frame: self.config.max_frame.min(hello.max_frame) as usize,
            max_channels: hello.max_channels,
            keep_alive: keep_alive.map(|ours| ours.max(patience)),
            tags,
            opening,
        });
        self.peer_id = mine;
        self.hello_due = true;
        let news = News::Up(mine, hello.max_frame, hello.max_channels);
        self.expected.push(news);
    }

    fn link_up(&mut self) {
        self.link = true;
        self.looped = false;
        self.mux.link_up(self.now);
    }

    /// What the peer might say of itself.
    fn hello(&self, input: &mut Input<'_>) -> Hello {
        let choice = input.byte();
        Hello {
            version: frame::VERSION,
            own: self.peer_id,
            heard: 0,
            max_frame: [64, 65, 128, 1 << 20][usize::from(choice & 3)],
            max_channels: u16::from(choice >> 2 & 3),
            up: u16::from(choice >> 6),
            keep_alive: [0, 1000, 3000, u32::MAX][usize::from(choice >> 4 & 3)],
        }
    }

    /// The session is over, as the mux has noticed.
    fn over(&mut self, why: &'static str) {
        assert!(!self.mux.is_up(), "{why}");
        let session = self.session.take().expect("a session");
        for channel in session.channels.into_values() {
            channel.lost();
        }
        self.expected.push(News::Down(why));
    }

    fn cut_link(&mut self, input: &mut Input<'_>) {
        if input.byte() & 1 == 0 {
            self.link = false;
            self.mux.link_down();
        } else {
            self.link_up();
        }
        self.over("link");
    }

    /// A hello in the middle of a session.
    fn greet(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let mut hello = self.hello(input);
        hello.heard = self.mux_id;
        match choice % 8 {
            0 => {
                // Who is in no session waits for an answer.
                self.hello_due = hello.up & 1 == 0;
                self.deliver(&hello.bytes(b"more"));
            }
            1 => {
                hello.heard = input.long();
                self.hello_due = hello.heard != self.mux_id || hello.up & 1 == 0;
                self.deliver(&hello.bytes(&[]));
            }
            2 => {
                hello.own = input.long();
                if hello.own == self.peer_id || hello.own == self.mux_id {
                    return;
                }
                self.deliver(&hello.bytes(&[]));
                self.over("restarted");
            }
            3 => {
                hello.own = self.mux_id;
                self.looped = true;
                self.deliver(&hello.bytes(&[]));
            }
            4 => {
                // No room for any frame: nobody's hello.
                hello.max_frame = u32::from(input.byte() % 64);
                hello.own = input.long();
                self.deliver(&hello.bytes(&[]));
            }
            5 => {
                hello.version = input.byte() | 0x20;
                self.deliver(&hello.bytes(&[]));
                self.over("violation");
            }
            6 => {
                let mut bytes = hello.bytes(&[]);
                let at = HEAD + usize::from(input.byte()) % (bytes.len() - HEAD);
                bytes[at] ^= 1 << (choice >> 5);
                self.deliver(&bytes);
                self.over("violation");
            }
            _ => {
                let body = vec![0; 32];
                let bytes = Frame::new(HELLO, frame::VERSION, !frame::MAGIC, body).bytes(0);
                self.deliver(&bytes);
                self.over("violation");
            }
        }
    }

    // What the peer says.

    fn deliver(&mut self, mut bytes: &[u8]) {
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
    fn garbage(&mut self, input: &mut Input<'_>) {
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
    fn say(&mut self, input: &mut Input<'_>) {
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
    fn took(&mut self, frame: &Frame) {
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
    fn frame(&mut self, input: &mut Input<'_>) -> Frame {
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

    // What the application does.

    fn streams(&mut self, input: &mut Input<'_>) -> (Shared, (u32, u32)) {
        let sizes = (1 + u32::from(input.byte()), 1 + u32::from(input.byte()));
        let queues = match sizes.0 & 1 {
            0 => Queues::new(sizes.0, sizes.1),
            _ => Queues::on_demand(sizes.0, sizes.1),
        };
        self.serial += 1;
        (Rc::new(RefCell::new(queues)), sizes)
    }

    fn credit_is_left(&mut self, more: u32) -> bool {
        let channels = self.session().channels.values();
        let sum: u64 = channels.map(|channel| u64::from(channel.inbound)).sum();
        sum + u64::from(more) <= self.config.max_credit
    }

    fn open(&mut self, input: &mut Input<'_>) {
        let (app, sizes) = self.streams(input);
        let (serial, fits) = (self.serial, self.credit_is_left(sizes.0));
        let result = self.mux.open(app.clone());
        let limit = self.config.max_credit;
        let session = self.session();
        let ours = session.channels.values().filter(|c| c.ours).count();
        match result {
            Ok(id) => {
                assert!(fits && ours < usize::from(session.max_channels));
                assert!(id.get() & 1 == session.role && id.get() >> 1 < session.max_channels);
                let mut channel = Channel::new(id, serial, true);
                channel.attach(app, sizes);
                channel.granted = sizes.0.into();
                assert!(session.channels.insert(id.get(), channel).is_none());
            }
            Err((OpenError::Credit { limit: said }, _)) => assert!(!fits && said == limit),
            Err((e, _)) => {
                let limit = session.max_channels;
                assert_eq!(e, OpenError::Channels { limit });
                assert!(ours == usize::from(limit));
            }
        }
    }

    /// Of channels that the peer has opened, or others: then nothing happens.
    fn decide(&mut self, input: &mut Input<'_>) {
        let (pick, choice) = (usize::from(input.byte()), input.byte());
        let waits = |c: &Channel| !c.ours && c.app.is_none() && c.refused.is_none();
        let channels = &self.session().channels;
        let waiting: Vec<_> = channels.values().filter(|c| waits(c)).collect();
        let picked = match waiting.len() {
            0 => channels.values().nth(pick % channels.len().max(1)),
            n => Some(waiting[pick % n]),
        };
        let Some(channel) = picked else {
            return;
        };
        let (id, waiting) = (channel.id, waits(channel));
        if choice & 3 == 0 {
            let why = Refusal::Other(choice);
            self.mux.refuse(id, why);
            if waiting {
                self.channel(id).refused = Some(choice);
            }
            return;
        }
        let (app, sizes) = self.streams(input);
        let (serial, fits) = (self.serial, self.credit_is_left(sizes.0));
        let result = self.mux.accept(id, app.clone());
        assert_eq!(result.is_ok(), waiting && fits);
        if result.is_ok() {
            let channel = self.channel(id);
            channel.attach(app, sizes);
            channel.serial = serial;
        } else if waiting {
            self.channel(id).refused = Some(2);
        }
    }

    fn channel(&mut self, id: ChannelId) -> &mut Channel {
        let channels = &mut self.session().channels;
        channels.get_mut(&id.get()).expect("a channel")
    }

    /// What an application does with a stream.
    fn application(&mut self, input: &mut Input<'_>) {
        let (pick, what, n) = (usize::from(input.byte()), input.byte(), input.byte());
        let channels = self.session().channels.values_mut();
        let mut channels: Vec<_> = channels.filter(|c| c.app.is_some()).collect();
        if channels.is_empty() {
            return;
        }
        let pick = pick % channels.len();
        let channel = &mut channels[pick];
        let app = channel.app.clone().expect("filtered");
        let end = match what & 0x80 {
            0 => End::Orderly,
            _ => End::Abort,
        };
        match what % 16 {
            0 => channel.end_writing(&app, end),
            1 => channel.end_reading(&app, end),
            2..9 => channel.write_some(&app, n.into()),
            _ => channel.read_some(&app, n.into()),
        }
        let id = channel.id;
        self.mux.touch(id);
    }

    // What the mux does.

    /// Takes what the mux says until it has nothing more to say, and compares what it knows.
    fn settle(&mut self) {
        let silence = self.session.as_ref().and_then(|session| session.keep_alive);
        let silent = silence.is_some_and(|interval| self.now >= self.last_heard + interval * 5);
        let mut out = [0; LARGEST];
        let mut first = true;
        loop {
            let n = self.mux.transmit(self.now, &mut out[..self.room]);
            if first && silent {
                self.over("silence");
            }
            first = false;
            if n == 0 {
                break;
            }
            let tag = self.session.as_ref().map_or(0, |session| session.tags.1);
            for frame in Frame::all(&out[..n], tag) {
                self.heard(&frame);
            }
        }
        self.close();
        self.events();
        self.check();
    }

    fn heard(&mut self, frame: &Frame) {
        if frame.kind == HELLO {
            let hello = Hello::of(frame);
            assert_eq!(hello.up, u16::from(self.session.is_some()));
            if self.session.is_some() {
                assert_eq!((hello.own, hello.heard), (self.mux_id, self.peer_id));
            }
            self.mux_id = hello.own;
            self.hello_due = false;
            assert_eq!(hello.max_frame, self.config.max_frame);
            assert_eq!(hello.max_channels, self.config.max_channels);
            return;
        }
        assert!(!self.hello_due, "the hello comes first");
        let session = self.session();
        assert!(HEAD + frame.body.len() <= session.max_frame);
        assert!(frame.is_well_formed());
        if frame.kind == PING {
            return assert!(session.keep_alive.is_some());
        }
        let channel = session.channels.get_mut(&frame.channel);
        channel.expect("a frame of a channel").sent(frame);
    }

    /// Channels of which both ends know all are gone.
    fn close(&mut self) {
        let Some(session) = &mut self.session else {
            return;
        };
        for (id, channel) in session.channels.extract_if(.., |_, c| c.is_over()) {
            if channel.app.is_some() {
                self.expected.push(News::Closed(id));
            }
        }
    }

    fn events(&mut self) {
        let mut news = Vec::new();
        while let Some(event) = self.mux.poll_event() {
            news.push(match event {
                Event::Up(peer) => News::Up(peer.session, peer.max_frame, peer.max_channels),
                Event::Down(DownReason::Violation(_)) => News::Down("violation"),
                Event::Down(DownReason::Link) => News::Down("link"),
                Event::Down(DownReason::Silence) => News::Down("silence"),
                Event::Down(DownReason::Restarted) => News::Down("restarted"),
                Event::Version { theirs } => {
                    assert_ne!(theirs >> 4, frame::VERSION >> 4);
                    continue;
                }
                Event::Loop => {
                    assert!(self.looped);
                    continue;
                }
                Event::Incoming(id) => {
                    let serial = self.serial;
                    let session = self.session();
                    let (opened, window) = session.opening.take().expect("an open");
                    assert_eq!(id.get(), opened);
                    let mut channel = Channel::new(id, serial, false);
                    channel.limit = window.into();
                    session.channels.insert(opened, channel);
                    continue;
                }
                Event::Accepted(id) => News::Accepted(id.get()),
                Event::Refused(id, why) => News::Refused(
                    id.get(),
                    match why {
                        Refusal::NobodyListens => 1,
                        Refusal::Limit => 2,
                        Refusal::Other(code) => code,
                        other => panic!("{other:?}"),
                    },
                ),
                Event::Closed(id) => News::Closed(id.get()),
                other => panic!("{other:?}"),
            });
        }
        news.sort();
        self.expected.sort();
        assert_eq!(news, self.expected);
        self.expected.clear();
    }

    fn check(&self) {
        assert_eq!(self.mux.is_up(), self.session.is_some());
        let Some(session) = &self.session else {
            return assert_eq!(self.mux.channels(), 0);
        };
        assert!(session.opening.is_none());
        assert_eq!(self.mux.channels(), session.channels.len());
        assert!(!self.hello_due);
        for channel in session.channels.values() {
            channel.check_rest();
            let stream = self.mux.stream(channel.id);
            assert_eq!(stream.is_some(), channel.app.is_some());
        }
    }
}
