//! What only two processes can show: one of them is killed, or exits with everything open.

use channel::transport::Receipt;
use channel::{Channel, Options, ReadError, State, WriteError};
use message_queue::codec::Truncated;
use message_queue::{MessageQueue, ReceiveError};

use crate::suite::streams::{check, expect, expect_all, fill, until_refused};
use crate::suite::support::{blocked, bytes, eventually, go, left};
use crate::suite::world::{World, connect, talk};

/// Reads what is left of stream 1 after `at` bytes, up to the loss: how many bytes there were in all.
#[track_caller]
fn until_lost(channel: &mut Channel, mut at: usize) -> usize {
    let mut buf = vec![0; 10_000];
    loop {
        match channel.read_timeout(&mut buf, left()) {
            Ok(0) => {
                panic!("an orderly end after {at} bytes, though the peer's process was killed")
            }
            Ok(n) => {
                check(1, at, &buf[..n]);
                at += n;
            }
            Err(ReadError::PeerLost(_)) => return at,
            Err(error) => panic!("another error than a loss, after {at} bytes: {error:?}"),
        }
    }
}

/// What was sent and has arrived for certain is read, then comes the loss; it stays.
#[track_caller]
fn is_lost(ours: &mut Channel, read: usize, arrived: usize, sent: usize) {
    let read = until_lost(ours, read);
    assert!(
        (arrived..=sent).contains(&read),
        "{read} bytes were read, {arrived} had arrived, {sent} were sent"
    );
    for again in [ours.read(&mut [0; 8]), ours.try_read(&mut [0; 8])] {
        assert!(matches!(again, Err(ReadError::PeerLost(_))), "{again:?}");
    }
    let error = until_refused(ours.writer_mut());
    assert!(matches!(error, WriteError::PeerLost(_)), "{error:?}");
    assert!(ours.disconnected());
    assert_eq!(ours.info().state, State::PeerLost);
}

/// A process of which 1000 of 5000 bytes were read leaves.
#[track_caller]
fn leaves(w: &World, leave: impl FnOnce()) {
    let (mut ours, mut theirs) = w.place().meet(1);
    theirs.write_all(&bytes(1, 0, 5000)).unwrap();
    expect(ours.reader_mut(), 1, 0, 1000);
    let arrived = ours.reader_mut().fill_buf().unwrap().len();
    leave();
    is_lost(&mut ours, 1000, 1000 + arrived, 5000);
}

pub(crate) fn c6_a_killed_peer_is_a_loss(w: &World) {
    let peer = w.peer();
    leaves(w, || peer.kill());
}

pub(crate) fn c6_an_exit_with_open_channels_is_a_loss(w: &World) {
    let peer = w.peer();
    leaves(w, || peer.exit());
}

pub(crate) fn c6_a_kill_in_a_flood_is_a_loss(w: &World) {
    let place = w.place();
    let mut rng = w.rng(0);
    for _ in 0..4 {
        let peer = w.another_peer();
        let client = w.client_at(&peer, "flood", &Options::new());
        let connecting = connect(&client, &place.at, 7);
        let mut ours = place.server.accept_timeout(7, left()).unwrap();
        let mut theirs = connecting.join("the connect").unwrap();
        let flood = go(move || {
            for at in (0..).step_by(5000) {
                if theirs.write_all(&bytes(1, at, 5000)).is_err() {
                    return;
                }
            }
        });
        let read = rng.below(200_000);
        expect(ours.reader_mut(), 1, 0, read);
        peer.kill();
        until_lost(&mut ours, read);
        flood.join("the flood of a process that was killed");
    }
}

pub(crate) fn c6_a_kill_wakes_a_read(w: &World) {
    let (mut ours, _theirs) = w.place().meet(1);
    let read = blocked(move || ours.read(&mut [0; 8]));
    w.peer().kill();
    let result = read.join("a read whose peer was killed");
    assert!(matches!(result, Err(ReadError::PeerLost(_))), "{result:?}");
}

pub(crate) fn c6_a_kill_wakes_a_write(w: &World) {
    let (mut ours, _theirs) = w.place().meet(1);
    fill(ours.writer_mut(), 1, 0);
    let write = blocked(move || until_refused(ours.writer_mut()));
    w.peer().kill();
    let error = write.join("a write whose peer was killed");
    assert!(matches!(error, WriteError::PeerLost(_)), "{error:?}");
}

pub(crate) fn c6_a_kill_after_the_end_is_no_loss(w: &World) {
    let (mut ours, mut theirs) = w.place().meet(1);
    theirs.write_all(&bytes(1, 0, 5000)).unwrap();
    theirs.finish().unwrap();
    expect_all(ours.reader_mut(), 1, 5000);
    w.peer().kill();
    let error = until_refused(ours.writer_mut());
    assert!(matches!(error, WriteError::PeerLost(_)), "{error:?}");
    let end = ours.read(&mut [0; 8]);
    assert!(matches!(end, Ok(0)), "{end:?}");
}

pub(crate) fn c8_who_closes_and_exits_costs_nothing(w: &World) {
    let (mut ours, mut theirs) = w.place().meet(1);
    // Bytes that it leaves unread must not cost any that it wrote.
    ours.write_all(&bytes(2, 0, 30_000)).unwrap();
    let filled = fill(theirs.writer_mut(), 1, 0);
    let peer = w.peer();
    let closing = go(move || {
        let receipt = theirs.close_timeout(left());
        peer.exit();
        receipt
    });
    expect_all(ours.reader_mut(), 1, filled);
    let receipt = closing.join("a close of one that exits then");
    assert_eq!(receipt, Receipt::Complete);
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
}

pub(crate) fn c9_a_killed_peer_is_never_complete(w: &World) {
    let (mut ours, mut theirs) = w.place().meet(1);
    ours.write_all(&bytes(1, 0, 5000)).unwrap();
    expect(theirs.reader_mut(), 1, 0, 1000);
    w.peer().kill();
    match ours.close_timeout(left()) {
        Receipt::Unknown => {}
        Receipt::Partial {
            read: 1000,
            unread: 4000,
        } => {}
        other => panic!("{other:?}, and the peer was killed after it had read 1000 of 5000 bytes"),
    }
}

pub(crate) fn c9_a_receipt_outlives_the_process(w: &World) {
    let (mut ours, mut theirs) = w.place().meet(1);
    ours.write_all(&bytes(1, 0, 5000)).unwrap();
    let handle = ours.handle();
    let closing = go(move || handle.close_timeout(left()));
    expect_all(theirs.reader_mut(), 1, 5000);
    drop(theirs);
    let receipt = closing.join("the close of a channel whose peer has read all");
    assert_eq!(receipt, Receipt::Complete);
    w.peer().exit();
    let again = ours.handle().receipt_timeout(left());
    assert_eq!(again, Receipt::Complete, "asked again");
}

pub(crate) fn b1_a_place_is_taken_once_by_two_processes(w: &World) {
    let place = w.place();
    let second = w.client_named("second");
    assert!(
        second.listen(&place.at).is_err(),
        "two processes listen at {}",
        place.at
    );
    place.serves(7);
}

pub(crate) fn b2_a_kill_ends_no_other(w: &World) {
    let place = w.place();
    let (mut ours, mut theirs) = place.meet(1);
    let other = w.another_peer();
    let client = w.client_at(&other, "other", &Options::new());
    let connecting = connect(&client, &place.at, 1);
    let mut lost = place.server.accept_timeout(1, left()).unwrap();
    let _theirs = connecting.join("the connect").unwrap();
    other.kill();
    until_lost(&mut lost, 0);
    talk(&mut ours, &mut theirs);
    talk(&mut theirs, &mut ours);
    place.serves(1);
}

pub(crate) fn b3_a_killed_connector_is_not_handed_out(w: &World) {
    let place = w.place();
    let other = w.another_peer();
    let killed = w.client_at(&other, "killed", &Options::new());
    let waiting = connect(&killed, &place.at, 7);
    eventually("it stands in the line", || {
        place.server.waiting(7).connectors == 1
    });
    other.kill();
    let result = waiting.join("a connect of a process that was killed");
    assert!(result.is_err(), "it is connected");
    eventually("its place in the line is free", || {
        place.server.waiting(7).connectors == 0
    });
    place.serves(7);
}

pub(crate) fn m7_a_killed_sender_is_truncated(w: &World) {
    let (ours, mut bare) = w.place().meet(1);
    let ours = MessageQueue::new(ours);
    bare.write_all(b"\0\0\0\x05whole\0\0\0\x64only this much")
        .unwrap();
    assert_eq!(ours.receive().unwrap(), b"whole");
    let nothing = ours.try_receive();
    assert!(
        matches!(nothing, Err(ReceiveError::WouldBlock)),
        "{nothing:?}"
    );
    w.peer().kill();
    match ours.receive() {
        Err(ReceiveError::Truncated(Truncated::Message {
            expected: 100,
            received,
        })) => assert!(received <= 14, "{received} bytes"),
        // On the way, where a kill may have overtaken it.
        Err(ReceiveError::Truncated(Truncated::Prefix { .. }) | ReceiveError::PeerLost(_)) => {}
        other => panic!("a message of 100 bytes of which 14 were sent: {other:?}"),
    }
}
