//! A fault at each transfer of a link, one after the other, driven by hand over a cable in memory: what the other end
//! got is the beginning of what was sent, and whoever has the transfer is told.

mod support;

use std::panic::{catch_unwind, resume_unwind};

use support::hand::{Side, bytes, drive};
use support::memory::{End, Told, Wire};
use support::random::Random;
use support::strike::{Strike, What};
use transport_testkit::fault::seed;
use transport_usb::Queue;
use transport_usb::bulk::{Fault, Way};

/// What may become of a transfer.
fn fates() -> [What; 9] {
    [
        What::Fails(Fault::Gone),
        What::Fails(Fault::Pipe),
        What::Fails(Fault::Io),
        What::Fails(Fault::Overflow),
        What::Fails(Fault::Timeout),
        What::Fails(Fault::System("no such thing".into())),
        What::Short,
        What::Hangs,
        What::Refused,
    ]
}

/// Transfers each way, about.
const TRANSFERS: usize = 12;
/// Packets of a transfer.
const PACKETS: usize = 4;

/// After how many of its packets a transfer goes wrong, up to after all of them; and whether the ones behind it go on.
const WHEN: [(usize, bool); 6] = [
    (0, false),
    (0, true),
    (1, true),
    (3, false),
    (3, true),
    (9, true),
];

/// What the faults happen to.
#[derive(Clone, Copy, Debug)]
struct Bus<'a> {
    told: Told,
    numbered: bool,
    packet: usize,
    seed: u64,
    send: &'a [Vec<u8>; 2],
}

impl Bus<'_> {
    /// Sends both ways, and one transfer goes wrong; whether it came to that.
    fn run(self, strike: &Strike) -> bool {
        let wire = Wire::new(self.packet, self.seed);
        wire.burst(PACKETS as u64);
        wire.strike([strike.clone()]);
        let mut random = Random::new(self.seed);
        let mut how = Queue::default();
        (how.transfers, how.bytes) = (3, PACKETS * self.packet);
        how.numbered = self.numbered;
        let side = |end: End| {
            let send = self.send[end as usize].clone();
            Side::new(&wire, end, self.told, how.clone(), send)
        };
        let [Ok(host), Ok(gadget)] = End::BOTH.map(side) else {
            assert!(strike.way == Way::Receive && strike.index < how.transfers);
            return true;
        };
        let mut sides = [host, gadget];
        drive(&mut sides, &mut random);
        let seen = wire.seen();
        let survived = seen.fired == 0 || self.survives(strike);
        for end in End::BOTH {
            let (side, sent) = (&sides[end as usize], &sides[end.other() as usize].send);
            assert!(
                sent.starts_with(&side.got),
                "{end:?}: {} bytes, not the beginning of what was sent",
                side.got.len()
            );
            let fails = matches!(strike.what, What::Fails(_));
            if survived {
                assert!(side.error.is_none(), "{end:?}: {:?}", side.error);
                assert_eq!(side.got.len(), sent.len(), "{end:?}: it stands still");
            } else if fails && (strike.end, strike.way) == (end, Way::Receive) && !self.numbered {
                let came = seen.received[end as usize];
                assert_eq!(side.got.len(), came, "{end:?}: what came before is lost");
            }
        }
        if !survived && strike.what != What::Hangs {
            let told = sides[strike.end as usize].error.is_some();
            assert!(told, "{:?} is not told", strike.end);
        }
        seen.fired > 0
    }

    /// Whether the link goes on as if nothing had happened. A transfer that is numbered has to be whole.
    fn survives(self, strike: &Strike) -> bool {
        let survived = match strike.what {
            What::Short => !self.numbered || strike.after == 0,
            What::Fails(Fault::Timeout) => true,
            _ => false,
        };
        strike.way == Way::Receive && survived
    }

    /// One after the other, each transfer goes wrong.
    fn at_each(self, strike: &Strike) -> usize {
        // A first one that is not whole counts as an older session's; none ends early unless it was cut off.
        let all = usize::from(self.numbered && strike.what == What::Short)..;
        let all = all.take_while(|&index| {
            let strike = Strike {
                index,
                ..strike.clone()
            };
            catch_unwind(|| self.run(&strike)).unwrap_or_else(|panic| {
                let Bus {
                    told,
                    numbered,
                    packet,
                    ..
                } = self;
                eprintln!("{told:?}, numbered: {numbered}, packets of {packet} bytes: {strike:?}");
                resume_unwind(panic)
            })
        });
        all.count()
    }
}

/// All that can happen to the transfers of an end and a way.
fn at_each_transfer(end: End, way: Way) {
    let seed = seed("a_fault_at_each_transfer");
    let mut fired = 0;
    for packet in [64, 512] {
        let send = &[1, 2].map(|of| bytes(of, TRANSFERS * PACKETS * packet));
        for (numbered, &told) in [false, true]
            .into_iter()
            .flat_map(|numbered| Told::ALL.iter().map(move |told| (numbered, told)))
        {
            let bus = Bus {
                told,
                numbered,
                packet,
                seed,
                send,
            };
            for what in fates() {
                for (after, runs_on) in WHEN {
                    let strike = Strike {
                        end,
                        way,
                        index: 0,
                        after,
                        what: what.clone(),
                        runs_on,
                    };
                    // Only numbers tell that something is missing before what goes on.
                    let unseen = way == Way::Send && runs_on && !numbered;
                    let stands_still = bus.survives(&strike) && !runs_on;
                    if !unseen && !stands_still {
                        fired += bus.at_each(&strike);
                    }
                }
            }
        }
    }
    println!("{fired} faults");
    assert!(fired > 1000, "{fired} faults");
}

// shows C6, T4
#[test]
fn the_host_receives() {
    at_each_transfer(End::Host, Way::Receive);
}

// shows C6, T4
#[test]
fn the_host_sends() {
    at_each_transfer(End::Host, Way::Send);
}

// shows C6, T4
#[test]
fn the_gadget_receives() {
    at_each_transfer(End::Gadget, Way::Receive);
}

// shows C6, T4
#[test]
fn the_gadget_sends() {
    at_each_transfer(End::Gadget, Way::Send);
}
