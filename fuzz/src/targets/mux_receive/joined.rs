//! Two muxes and the link between them, which is slow, is cut, and damages bytes now and then. As long as it does
//! not, every end of a channel reads what the other end has written, and is told the truth. In the end, the two
//! understand each other again, whatever has happened.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use link_mux::{ChannelId, Config, DownReason, End, Event, Mux, Queues, Refusal};

use super::channel::Shared;
use super::place::Place;
use crate::input::Input;

/// The most steps per input.
const STEPS: usize = 200;
/// The mux's output at once.
const LARGEST: usize = 1000;
/// Rounds until two ends at rest, or two that have lost each other, must have settled: a frame whose end was lost
/// swallows some hellos.
const ROUNDS: usize = 2000;

pub fn run(input: &mut Input<'_>) {
    let choice = input.byte();
    let mut play = Play {
        sides: [0, 1].map(|side| {
            let seed = 2 * u64::from(input.byte()) + side;
            Side::new(choice >> (4 * side), seed)
        }),
        pairs: Vec::new(),
        now: Duration::ZERO,
        serial: 0,
        sound: true,
    };
    play.link_up();
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        play.step(input);
    }
    play.end();
}

struct Side {
    mux: Mux<Shared>,
    /// Bytes on their way to the other side.
    line: VecDeque<u8>,
    /// Channels that wait to be accepted.
    waiting: Vec<ChannelId>,
}

impl Side {
    fn new(choice: u8, seed: u64) -> Self {
        let config = Config {
            max_frame: [64, 65, 200, 1000][usize::from(choice & 3)],
            max_channels: u16::from(choice >> 2 & 3) + 1,
            max_credit: 1000,
            ..Config::default()
        };
        Side {
            mux: Mux::new(config, seed).expect("limits in their ranges"),
            line: VecDeque::new(),
            waiting: Vec::new(),
        }
    }
}

/// A channel: its opener's end, and the other one once it is accepted.
struct Pair {
    id: ChannelId,
    opener: usize,
    ends: [Option<Place>; 2],
    /// Since it was opened, a session has ended.
    lost: bool,
}

struct Play {
    sides: [Side; 2],
    pairs: Vec<Pair>,
    now: Duration,
    serial: u64,
    /// Since the link came up, it has kept every byte.
    sound: bool,
}

impl Play {
    fn step(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let side = usize::from(choice >> 7);
        match choice & 31 {
            0..3 => self.open(side, input),
            3..6 => self.decide(side, input),
            6..16 => self.application(side, input),
            16 => self.now += Duration::from_millis(input.short().into()),
            17 if side == 0 => self.cut(input),
            17 => self.restart(usize::from(input.byte() & 1)),
            18 => self.damage(side, input),
            19..25 => self.transmit(side, 64 + usize::from(input.short()) % (LARGEST - 63)),
            _ => self.deliver(side, 1 + usize::from(input.short()) % LARGEST),
        }
        self.events();
        self.check();
    }

    fn link_up(&mut self) {
        for side in &mut self.sides {
            side.mux.link_up(self.now);
        }
        self.sound = true;
    }

    /// The link is broken, and back again; the end of what it carried comes after all.
    fn cut(&mut self, input: &mut Input<'_>) {
        for side in &mut self.sides {
            side.mux.link_down();
            let gone = side.line.len() - usize::from(input.byte()).min(side.line.len());
            side.line.drain(..gone);
        }
        self.events();
        self.check();
        self.pairs.clear();
        self.link_up();
    }

    /// One end begins anew, and the other one is not told but by its hello.
    fn restart(&mut self, side: usize) {
        self.sides[side].mux.link_up(self.now);
    }

    /// Bytes on their way are changed, lost, or come from nowhere.
    fn damage(&mut self, side: usize, input: &mut Input<'_>) {
        let (how, at, bits) = (input.byte(), usize::from(input.short()), input.byte());
        let line = &mut self.sides[side].line;
        let at = at % (line.len() + 1);
        match how % 3 {
            0 => line
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= bits),
            1 => drop(line.drain(at..(at + usize::from(bits)).min(line.len()))),
            _ => line.extend(input.text().into_bytes()),
        }
        self.sound = false;
    }

    fn transmit(&mut self, side: usize, room: usize) {
        let mut out = [0; LARGEST];
        let side = &mut self.sides[side];
        let n = side.mux.transmit(self.now, &mut out[..room]);
        side.line.extend(&out[..n]);
    }

    fn deliver(&mut self, from: usize, most: usize) {
        let line = &mut self.sides[from].line;
        let bytes: Vec<u8> = line.drain(..most.min(line.len())).collect();
        self.sides[1 - from].mux.receive(self.now, &bytes);
    }

    fn queues(&mut self, input: &mut Input<'_>) -> (Shared, u64) {
        let (inbound, outbound) = (1 + input.short() % 400, 1 + input.short() % 400);
        self.serial += 1;
        let queues = Queues::on_demand(inbound.into(), outbound.into());
        (Rc::new(RefCell::new(queues)), self.serial)
    }

    fn open(&mut self, side: usize, input: &mut Input<'_>) {
        let (app, serial) = self.queues(input);
        if let Ok(id) = self.sides[side].mux.open(app.clone()) {
            let mut ends = [None, None];
            ends[side] = Some(Place::new(app, serial));
            let opener = side;
            self.pairs.push(Pair {
                id,
                opener,
                ends,
                lost: false,
            });
        }
    }

    fn decide(&mut self, side: usize, input: &mut Input<'_>) {
        let choice = input.byte();
        let here = &mut self.sides[side];
        if here.waiting.is_empty() {
            return;
        }
        let id = here
            .waiting
            .remove(usize::from(choice) % here.waiting.len());
        if choice >= 230 {
            return here.mux.refuse(id, Refusal::NobodyListens);
        }
        let (app, serial) = self.queues(input);
        let accepted = self.sides[side].mux.accept(id, app.clone()).is_ok();
        let mut pairs = self.pairs.iter_mut();
        let pair = pairs.rfind(|pair| pair.id == id && pair.opener != side && !pair.lost);
        if accepted && let Some(pair) = pair {
            assert!(pair.ends[side].is_none() || !self.sound);
            pair.ends[side] = Some(Place::new(app, serial));
        }
    }

    fn application(&mut self, side: usize, input: &mut Input<'_>) {
        let (pick, what, n) = (usize::from(input.byte()), input.byte(), input.byte());
        let here = |pair: &&mut Pair| pair.ends[side].is_some();
        let mut pairs: Vec<_> = self.pairs.iter_mut().filter(here).collect();
        if pairs.is_empty() {
            return;
        }
        let pick = pick % pairs.len();
        let pair = &mut pairs[pick];
        let [first, second] = &mut pair.ends;
        let (own, other) = if side == 0 {
            (first, second)
        } else {
            (second, first)
        };
        let own = own.as_mut().expect("filtered");
        let end = [End::Orderly, End::Abort][usize::from(what >> 7)];
        match what % 16 {
            0 => own.finish(end),
            1 => own.stop(end),
            2..9 => own.write(n.into()),
            _ => own.read(other.as_ref(), n.into(), self.sound),
        }
        self.sides[side].mux.touch(pair.id);
    }

    fn events(&mut self) {
        for side in &mut self.sides {
            while let Some(event) = side.mux.poll_event() {
                match event {
                    Event::Incoming(id) => side.waiting.push(id),
                    Event::Down(why) => {
                        let broken = matches!(why, DownReason::Violation(_));
                        assert!(!(broken && self.sound), "{why}");
                        side.waiting.clear();
                        self.pairs.iter_mut().for_each(|pair| pair.lost = true);
                    }
                    Event::Loop | Event::Version { .. } => assert!(!self.sound, "{event:?}"),
                    _ => {}
                }
            }
        }
    }

    fn check(&self) {
        if !self.sound {
            return;
        }
        for pair in &self.pairs {
            let [a, b] = &pair.ends;
            for (own, other) in [(a, b), (b, a)] {
                if let Some(own) = own {
                    own.check(other.as_ref(), pair.lost);
                }
            }
        }
    }

    /// All applications end what they have in an orderly way: both sides come to rest. After damage, a session
    /// begins at least.
    fn end(mut self) {
        let mut rounds = 0;
        while !self.is_at_rest() {
            self.round();
            rounds += 1;
            assert!(rounds < ROUNDS, "they do not come to rest");
        }
        if !self.sound {
            // A damaged link keeps its promises again once it was replaced.
            self.cut(&mut Input::new(&[]));
            return self.end();
        }
        for pair in self.pairs.iter().filter(|pair| !pair.lost) {
            if let [Some(a), Some(b)] = &pair.ends {
                for (own, other) in [(a, b), (b, a)] {
                    assert!(own.gave_up || own.app.borrow().ended().is_some());
                    let receipt = own.app.borrow().receipt();
                    assert_eq!(receipt, Some(Some(other.read)));
                }
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        let rests = |side: &Side| side.mux.is_up() && (!self.sound || side.mux.channels() == 0);
        self.sides.iter().all(rests)
    }

    fn round(&mut self) {
        for side in [0, 1] {
            for id in self.sides[side].waiting.split_off(0) {
                self.sides[side].mux.refuse(id, Refusal::NobodyListens);
            }
            for pair in &mut self.pairs {
                let [first, second] = &mut pair.ends;
                let (own, other) = match side {
                    0 => (first, second),
                    _ => (second, first),
                };
                if let Some(own) = own {
                    own.read(other.as_ref(), LARGEST, self.sound);
                    own.finish(End::Orderly);
                    self.sides[side].mux.touch(pair.id);
                }
            }
            self.transmit(side, LARGEST);
        }
        if self.sides.iter().all(|side| side.line.is_empty()) {
            let deadlines = self.sides.iter().filter_map(|side| side.mux.deadline());
            self.now = deadlines.min().unwrap_or(self.now).max(self.now);
        }
        for side in [0, 1] {
            self.deliver(side, usize::MAX);
        }
        self.events();
        self.check();
    }
}
