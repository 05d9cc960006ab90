//! The link over a pair of bulk endpoints, driven by hand over a cable in memory.

mod support;

use std::task::{Context, Poll, Waker};

use support::hand::{Side, bytes, drive};
use support::memory::{End, Loss, Told, Wire};
use support::random::Random;
use support::strike::{Strike, What};
use transport_link::Link;
use transport_testkit::fault::seed;
use transport_usb::bulk::{Fault, Way};
use transport_usb::{BulkLink, Ends, Queue};

/// The packets of full, high and super speed.
const PACKETS: [usize; 3] = [64, 512, 1024];

fn queue(transfers: usize, bytes: usize) -> Queue {
    let mut queue = Queue::default();
    (queue.transfers, queue.bytes) = (transfers, bytes);
    queue
}

/// Small and large queues; the two ends need not have the same.
fn queues(packet: usize) -> Vec<[Queue; 2]> {
    let small = queue(1, 1);
    let odd = queue(3, packet + 1);
    let usual = Queue::default();
    let numbered = |queue: &Queue| {
        let mut queue = queue.clone();
        queue.numbered = true;
        queue
    };
    vec![
        [numbered(&usual), numbered(&usual)],
        [numbered(&small), numbered(&small)],
        [numbered(&odd), numbered(&queue(2, packet))],
        [usual.clone(), usual.clone()],
        [small.clone(), small.clone()],
        [odd.clone(), usual.clone()],
        [usual, small],
    ]
}

// shows C1, T4: bytes arrive in order, all of them and once, both ways at once, whatever the packets and the queues.
#[test]
fn bytes_arrive_in_order() {
    let seed = seed("bytes_arrive_in_order");
    for &told in Told::ALL {
        for packet in PACKETS {
            for (which, queues) in queues(packet).into_iter().enumerate() {
                let mut random = Random::new(seed);
                let wire = Wire::new(packet, seed);
                wire.burst([3, 64][which % 2]);
                let [host, gadget] = queues;
                let length = |random: &mut Random| 60_000 + random.below(packet as u64) as usize;
                let lengths = [length(&mut random), length(&mut random)];
                let mut sides = [
                    Side::new(&wire, End::Host, told, host.clone(), bytes(1, lengths[0])).unwrap(),
                    Side::new(
                        &wire,
                        End::Gadget,
                        told,
                        gadget.clone(),
                        bytes(2, lengths[1]),
                    )
                    .unwrap(),
                ];
                drive(&mut sides, &mut random);
                let what = format!("{told:?}, packets of {packet}, queues {which}");
                let [host_side, gadget_side] = &sides;
                for (from, to) in [(host_side, gadget_side), (gadget_side, host_side)] {
                    assert!(from.error.is_none(), "{what}: {:?}", from.error);
                    assert_eq!(to.got.len(), from.send.len(), "{what}: it stands still");
                    assert!(to.got == from.send, "{what}");
                    assert!(from.is_flushed(), "{what}: not flushed");
                }
                let seen = wire.seen();
                assert_eq!(seen.whole, 0, "{what}: transfers without a short packet");
                // One more for the last byte of a lent buffer.
                assert!(seen.deepest <= host.transfers.max(gadget.transfers) + 1);
                wire.cut(&End::BOTH, Loss::Transfers);
            }
        }
    }
}

// shows C1, T4: what is sent from a lent buffer has no length that makes it wait: each ends with a short packet.
#[test]
fn a_lent_buffer_is_sent_whatever_its_length() {
    let seed = seed("a_lent_buffer_is_sent_whatever_its_length");
    for (packet, numbered, buffer) in [
        (64, false, 4),
        (64, true, 4),
        (512, true, 4),
        // The end of the number is alone in a buffer now and then.
        (512, true, 1),
    ] {
        for length in 1..=2 * packet + 1 {
            let wire = Wire::new(packet, seed);
            let mut sides = End::BOTH.map(|end| {
                let mut how = match end {
                    End::Host => queue(3, 4 * packet),
                    End::Gadget => queue(4, buffer * packet),
                };
                how.numbered = numbered;
                let send = bytes(end as u64, 5 * length);
                let mut side = Side::new(&wire, end, Told::BEST, how, send).unwrap();
                (side.lends, side.piece) = (Some(true), Some(length));
                side
            });
            drive(&mut sides, &mut Random::new(seed));
            let [host, gadget] = &sides;
            let what = format!("packets of {packet}, numbered: {numbered}, {length} bytes");
            assert!(host.got == gadget.send && gadget.got == host.send, "{what}");
            let seen = wire.seen();
            let tail = if numbered { 8 } else { 0 };
            // Those that would be whole packets are two.
            let each = 1 + usize::from((length + tail).is_multiple_of(packet));
            let sent = seen.submitted[End::Host as usize][Way::Send as usize];
            assert_eq!((seen.whole, sent), (0, 5 * each), "{what}");
        }
    }
}

fn ready<T>(poll: Poll<std::io::Result<T>>) -> T {
    match poll {
        Poll::Ready(result) => result.unwrap(),
        Poll::Pending => panic!("it is not ready"),
    }
}

// shows C1: a lent buffer goes as it was left, also if it was asked for again meanwhile; and what was received is there
// until it was consumed.
#[test]
fn a_lent_buffer_stays_as_it_is() {
    let seed = seed("a_lent_buffer_stays_as_it_is");
    let wire = Wire::new(64, seed);
    let mut cx = Context::from_waker(Waker::noop());
    let link = |end| BulkLink::new(wire.attach(end, Told::Waker), queue(2, 256)).unwrap();
    let mut host = link(End::Host);
    // The longest, so that it has one length for all.
    let lent = host.lends().unwrap();
    let length = ready(lent.poll_room(&mut cx)).len();
    assert_eq!(length, 255, "as much as one transfer carries");
    ready(lent.poll_room(&mut cx)).copy_from_slice(&[7; 255]);
    assert_eq!(ready(lent.poll_room(&mut cx)), [7; 255]);
    lent.send(length).unwrap();
    ready(lent.poll_room(&mut cx)).fill(8);
    lent.send(3).unwrap();
    assert!(lent.poll_room(&mut cx).is_pending(), "two are in flight");
    let mut got = Vec::new();
    let mut gadget = link(End::Gadget);
    let lent = gadget.lends().unwrap();
    while got.len() < 258 {
        // Others come meanwhile, and the first stays the first.
        if let Poll::Ready(bytes) = lent.poll_received(&mut cx) {
            let first = bytes.unwrap().to_vec();
            let again = lent
                .poll_received(&mut cx)
                .map(|bytes| bytes.unwrap().to_vec());
            assert_eq!(again, Poll::Ready(first.clone()));
            let n = first.len().min(100);
            got.extend_from_slice(&first[..n]);
            lent.consume(n);
        }
    }
    assert!(got[..255] == [7; 255] && got[255..] == [8; 3]);
    assert!(lent.poll_received(&mut cx).is_pending());
}

// shows C1: a link that has too little to lend, or is to show where writes end, lends nothing.
#[test]
fn what_cannot_be_lent_is_not() {
    let seed = seed("what_cannot_be_lent_is_not");
    let lends = |packet: usize, bytes: usize, ends: Ends, numbered: bool| {
        let wire = Wire::new(packet, seed);
        let mut how = queue(1, bytes);
        (how.ends, how.numbered) = (ends, numbered);
        let mut link = BulkLink::new(wire.attach(End::Host, Told::Waker), how).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        Some(ready(link.lends()?.poll_room(&mut cx)).len())
    };
    assert_eq!(lends(64, 64, Ends::Short, false), None);
    assert_eq!(lends(64, 64, Ends::Whole, false), Some(64));
    assert_eq!(lends(64, 65, Ends::Short, true), Some(128 - 8 - 1));
    assert_eq!(lends(512, 65536, Ends::Short, true), Some(65536 - 8 - 1));
    assert_eq!(lends(512, 65536, Ends::ZeroPacket, false), None);
}

// shows C1, T4: a half that is not told of what the other one has found would stand still, where nothing else happens.
#[test]
fn no_half_stands_still() {
    let first = seed("no_half_stands_still");
    for seed in first..first + 400 {
        let mut random = Random::new(seed);
        let wire = Wire::new(64, seed);
        wire.burst(1 + random.below(8));
        let told = Told::ALL[random.below(Told::ALL.len() as u64) as usize];
        let mut side = |end| {
            let mut how = queue(1 + random.below(2) as usize, 64);
            how.numbered = seed % 2 == 0;
            // One has a lot to say, the other next to nothing, or both.
            let length = [0, 1, 500, 5_000][random.below(4) as usize];
            Side::new(&wire, end, told, how, bytes(end as u64, length)).unwrap()
        };
        let mut sides = End::BOTH.map(&mut side);
        drive(&mut sides, &mut random);
        let [host, gadget] = &sides;
        for (from, to) in [(host, gadget), (gadget, host)] {
            assert_eq!(
                to.got.len(),
                from.send.len(),
                "seed {seed}: it stands still"
            );
            assert!(to.got == from.send && from.is_flushed(), "seed {seed}");
        }
    }
}

// shows T6: what programs that are not ours expect of a bare stream: whole packets as they are, and, where it is wanted,
// an empty packet behind them, which is not taken for an end here either.
#[test]
fn whole_packets_and_empty_ones() {
    let seed = seed("whole_packets_and_empty_ones");
    // An empty packet ends a transfer, or is one.
    for (ends, buffer, empty) in [
        (Ends::Whole, 256, 0),
        (Ends::ZeroPacket, 256, 2 * 100),
        (Ends::ZeroPacket, 128, 2 * 100),
    ] {
        let wire = Wire::new(64, seed);
        let mut sides = End::BOTH.map(|end| {
            let mut how = queue(3, buffer);
            how.ends = ends;
            let mut side =
                Side::new(&wire, end, Told::BEST, how, bytes(end as u64, 12_800)).unwrap();
            side.piece = Some(128);
            side
        });
        drive(&mut sides, &mut Random::new(seed));
        let [host, gadget] = &sides;
        assert!(
            host.got == gadget.send && gadget.got == host.send,
            "{ends:?}"
        );
        let seen = wire.seen();
        assert_eq!((seen.whole, seen.empty), (2 * 100, empty), "{ends:?}");
    }
}

// shows C1, M4: a numbered transfer that is larger than all buffers ends the link; nothing waits for its end.
#[test]
fn a_transfer_that_is_too_large_ends_the_link() {
    let seed = seed("a_transfer_that_is_too_large_ends_the_link");
    let wire = Wire::new(512, seed);
    let side = |end, told, transfers| {
        let mut how = queue(transfers, 1024);
        how.numbered = true;
        how.bytes *= transfers;
        Side::new(&wire, end, told, how, bytes(1, 10_000)).unwrap()
    };
    let mut sides = [
        side(End::Host, Told::BEST, 1),
        side(End::Gadget, Told::BEST, 8),
    ];
    drive(&mut sides, &mut Random::new(seed));
    let error = sides[0].error.as_ref().map(ToString::to_string);
    assert!(
        error
            .as_deref()
            .is_some_and(|text| text.contains("more came")),
        "{error:?}"
    );
}

// shows C4, C6: whoever only writes is told of the loss as well, though there is something to read before it.
#[test]
fn a_writer_that_does_not_read_is_told_of_the_loss() {
    let seed = seed("a_writer_that_does_not_read_is_told_of_the_loss");
    for &told in Told::ALL {
        for how in [Loss::Transfers, Loss::Endpoints] {
            let wire = Wire::new(512, seed);
            let side =
                |end| Side::new(&wire, end, told, queue(4, 1024), bytes(1, 100_000)).unwrap();
            let mut sides = [side(End::Host), side(End::Gadget)];
            let mut random = Random::new(seed);
            sides.iter_mut().for_each(|side| side.deaf = true);
            drive(&mut sides, &mut random);
            assert!(sides.iter().all(|side| !side.torn && side.sent < 100_000));
            wire.cut(&End::BOTH, how);
            drive(&mut sides, &mut random);
            for side in &mut sides {
                assert!(side.torn, "{told:?}, {how:?}");
                side.deaf = false;
            }
            drive(&mut sides, &mut random);
            for side in &sides {
                assert!(side.error.is_some() && side.send.starts_with(&side.got));
                assert!(!side.got.is_empty(), "{told:?}, {how:?}");
            }
        }
    }
}

// shows T4: a device that goes while it is opened is absent: whoever dials it waits for it.
#[test]
fn a_device_that_goes_while_it_is_opened_is_absent() {
    let wire = Wire::new(512, seed("a_device_that_goes_while_it_is_opened_is_absent"));
    wire.strike([Strike {
        end: End::Host,
        way: Way::Receive,
        index: 0,
        after: 0,
        what: What::Fails(Fault::Gone),
        runs_on: true,
    }]);
    let opened = Side::new(&wire, End::Host, Told::BEST, queue(2, 512), Vec::new());
    let error = opened.err().map(|error| error.kind());
    assert_eq!(error, Some(std::io::ErrorKind::NotConnected));
}
