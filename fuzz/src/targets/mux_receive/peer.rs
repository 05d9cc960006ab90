//! One mux, its application, and a peer that says anything. After each step the mux has nothing more to say, so
//! that both ends know the same, and whatever the peer says next is right or wrong by the protocol.

#[path = "peer/application.rs"]
mod application;
#[path = "peer/settle.rs"]
mod settle;
#[path = "peer/speech.rs"]
mod speech;

use std::collections::BTreeMap;
use std::time::Duration;

use link_mux::{Config, Mux};

use super::channel::{Channel, Shared};
use super::frame::{self, Frame, HEAD, HELLO, Hello, OPEN, PING};
use crate::input::Input;

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
}
