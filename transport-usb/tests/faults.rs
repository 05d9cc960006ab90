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

/// Sends both ways, and one transfer goes wrong; whether it came to that.
fn run(strike: &Strike, told: Told, packet: usize, seed: u64, send: &[Vec<u8>; 2]) -> bool {
    let wire = Wire::new(packet, seed);
    wire.burst(PACKETS as u64);
    wire.strike([strike.clone()]);
    let mut random = Random::new(seed);
    let mut how = Queue::default();
    (how.transfers, how.bytes) = (3, PACKETS * packet);
    let side = |end: End| Side::new(&wire, end, told, how.clone(), send[end as usize].clone());
    let [Ok(host), Ok(gadget)] = End::BOTH.map(side) else {
        assert!(strike.way == Way::Receive && strike.index < how.transfers);
        return true;
    };
    let mut sides = [host, gadget];
    drive(&mut sides, &mut random);
    let seen = wire.seen();
    let fired = seen.fired > 0;
    let fails = matches!(strike.what, What::Fails(_));
    for end in End::BOTH {
        let (side, sent) = (&sides[end as usize], &sides[end.other() as usize].send);
        assert!(
            sent.starts_with(&side.got),
            "{end:?}: {} bytes, not the beginning of what was sent",
            side.got.len()
        );
        if !fired || strike.is_survived() {
            assert!(side.error.is_none(), "{end:?}: {:?}", side.error);
            assert_eq!(side.got.len(), sent.len(), "{end:?}: it stands still");
        } else if fails && (strike.end, strike.way) == (end, Way::Receive) {
            let came = seen.received[end as usize];
            assert_eq!(side.got.len(), came, "{end:?}: what came before is lost");
        }
    }
    if fired && !strike.is_survived() && strike.what != What::Hangs {
        let told = sides[strike.end as usize].error.is_some();
        assert!(told, "{:?} is not told", strike.end);
    }
    fired
}

impl Strike {
    /// Whether the link goes on as if nothing had happened.
    fn is_survived(&self) -> bool {
        let short = matches!(self.what, What::Short | What::Fails(Fault::Timeout));
        self.way == Way::Receive && short
    }
}

/// All that can happen to the transfers of an end and a way.
fn at_each_transfer(end: End, way: Way) {
    let seed = seed("a_fault_at_each_transfer");
    let mut fired = 0;
    for packet in [64, 512] {
        let send = [1, 2].map(|of| bytes(of, TRANSFERS * PACKETS * packet));
        for what in fates() {
            for (after, runs_on) in WHEN {
                let strike = |index| Strike {
                    end,
                    way,
                    index,
                    after,
                    what: what.clone(),
                    runs_on: runs_on && way == Way::Receive,
                };
                if strike(0).is_survived() && !runs_on {
                    continue;
                }
                for &told in Told::ALL {
                    let all = (0..).map(strike);
                    let count = all.take_while(|strike| {
                        let run = || run(strike, told, packet, seed, &send);
                        catch_unwind(run).unwrap_or_else(|panic| {
                            eprintln!("{told:?}, packets of {packet} bytes: {strike:?}");
                            resume_unwind(panic)
                        })
                    });
                    fired += count.count();
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
