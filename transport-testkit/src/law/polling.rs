//! C3: waiting for any of many with a [`Poller`].

use channel::{Channel, Poller, ReadError, WriteError};

use crate::suite::streams::{BOUNDLESS, check, expect, fill};
use crate::suite::support::{bytes, go, left};
use crate::suite::world::World;

/// Waits for one key, and fails the test if none comes.
#[track_caller]
fn key(poller: &Poller, what: &str) -> Vec<u64> {
    let mut keys = Vec::new();
    let found = poller.wait_timeout(&mut keys, left());
    assert!(found.is_some(), "no key came: {what}");
    keys
}

pub(crate) fn c3_a_key_comes_at_registration(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    theirs.write_all(&bytes(1, 0, 3)).unwrap();
    let poller = Poller::new();
    ours.reader_mut().register(&poller, 5);
    assert_eq!(
        key(&poller, "bytes lie there at registration, or come"),
        [5]
    );
    let mut none = Vec::new();
    assert_eq!(poller.try_wait(&mut none), None, "it comes once: {none:?}");
    // The writer's comes too, room or not.
    let other = Poller::new();
    ours.writer_mut().register(&other, 6);
    assert_eq!(key(&other, "a writer registers"), [6]);
}

pub(crate) fn c3_a_key_comes_after_would_block(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let poller = Poller::new();
    ours.reader_mut().register(&poller, 5);
    let mut buf = [0; 64];
    for at in 0..200 {
        theirs.write_all(&bytes(1, at, 1)).unwrap();
        loop {
            key(&poller, "a byte came");
            match ours.try_read(&mut buf) {
                Ok(n) => {
                    assert_eq!(n, 1);
                    check(1, at, &buf[..1]);
                    break;
                }
                // A key may come although nothing is left to do.
                Err(ReadError::WouldBlock) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let nothing = ours.try_read(&mut buf);
        assert!(matches!(nothing, Err(ReadError::WouldBlock)), "{nothing:?}");
    }
}

pub(crate) fn c3_a_key_comes_when_there_is_room(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(256);
    let mut written = fill(theirs.writer_mut(), 1, 0);
    let poller = Poller::new();
    theirs.writer_mut().register(&poller, 9);
    let mut read = 0;
    for _ in 0..5 {
        // Until it says that there is no room.
        loop {
            match theirs.try_write(&bytes(1, written, 4096)) {
                Ok(n) => written += n,
                Err(WriteError::WouldBlock) => break,
                Err(error) => panic!("{error}"),
            }
            assert!(written < BOUNDLESS);
        }
        let mut none = Vec::new();
        let _ = poller.try_wait(&mut none);
        expect(ours.reader_mut(), 1, read, written - read);
        read = written;
        while theirs.try_write(&[]).is_ok() && written == read {
            match theirs.try_write(&bytes(1, written, 1)) {
                Ok(n) => written += n,
                Err(WriteError::WouldBlock) => drop(key(&poller, "there is room")),
                Err(error) => panic!("{error}"),
            }
        }
    }
    expect(ours.reader_mut(), 1, read, written - read);
}

pub(crate) fn c3_a_key_tells_of_the_end(w: &World) {
    for abort in [false, true] {
        let (mut ours, theirs) = w.pair();
        let poller = Poller::new();
        ours.reader_mut().register(&poller, 1);
        let nothing = ours.try_read(&mut [0; 8]);
        assert!(matches!(nothing, Err(ReadError::WouldBlock)), "{nothing:?}");
        match abort {
            true => theirs.handle().abort(),
            false => theirs.disconnect(),
        }
        let end = loop {
            key(&poller, "the stream has ended");
            match ours.try_read(&mut [0; 8]) {
                Err(ReadError::WouldBlock) => {}
                other => break other,
            }
        };
        match abort {
            true => assert!(matches!(end, Err(ReadError::PeerLost(_))), "{end:?}"),
            false => assert!(matches!(end, Ok(0)), "{end:?}"),
        }
    }
}

pub(crate) fn c3_a_key_tells_of_a_local_disconnect(w: &World) {
    let (mut ours, _theirs) = w.pair_of(256);
    let writer = ours.writer_mut();
    fill(writer, 1, 0);
    let (room, bytes) = (Poller::new(), Poller::new());
    writer.register(&room, 1);
    key(&room, "a writer registers");
    // A little room may have come since.
    while writer.try_write(&[0; 4096]).is_ok() {}
    writer.handle().disconnect();
    key(
        &room,
        "its own side disconnected a writer that waits for room",
    );

    let (mut ours, _theirs) = w.pair();
    ours.reader_mut().register(&bytes, 2);
    let nothing = ours.try_read(&mut [0; 8]);
    assert!(matches!(nothing, Err(ReadError::WouldBlock)), "{nothing:?}");
    ours.disconnect();
    key(
        &bytes,
        "its own side disconnected a reader that waits for bytes",
    );
}

/// What an echo still has to send.
struct Echo {
    channel: Channel,
    owed: Vec<u8>,
    over: bool,
}

impl Echo {
    /// Goes on until both halves say that they cannot.
    fn go_on(&mut self) {
        let mut buf = [0; 512];
        loop {
            if !self.owed.is_empty() {
                match self.channel.try_write(&self.owed) {
                    Ok(n) => drop(self.owed.drain(..n)),
                    Err(WriteError::WouldBlock) => return,
                    Err(error) => panic!("the echo writes: {error}"),
                }
                continue;
            }
            match self.channel.try_read(&mut buf) {
                Ok(0) => {
                    self.over = true;
                    return;
                }
                Ok(n) => self.owed.extend_from_slice(&buf[..n]),
                Err(ReadError::WouldBlock) => return,
                Err(error) => panic!("the echo reads: {error}"),
            }
        }
    }
}

pub(crate) fn c3_no_wake_up_is_lost_in_a_storm(w: &World) {
    let place = w.place_with(&channel::Options::new().with_capacity(1024));
    let poller = Poller::new();
    let (mut echoes, mut clients) = (Vec::new(), Vec::new());
    for i in 0..8 {
        let (mut ours, theirs) = place.meet(1);
        ours.register(&poller, i);
        echoes.push(Echo {
            channel: ours,
            owed: Vec::new(),
            over: false,
        });
        let (mut reader, mut writer) = theirs.split();
        let mut rng = w.rng(i);
        clients.push(go(move || {
            let mut at = 0;
            for _ in 0..150 {
                let n = 1 + rng.below(600);
                writer.write_all_timeout(&bytes(i, at, n), left()).unwrap();
                expect(&mut reader, i, at, n);
                at += n;
            }
        }));
    }
    // One thread for all of them.
    let echo = go(move || {
        while !echoes.iter().all(|echo| echo.over) {
            for i in key(&poller, "somebody speaks or leaves") {
                echoes[i as usize].go_on();
            }
        }
    });
    for client in clients {
        client.join("a client in the storm");
    }
    echo.join("the echo");
}

pub(crate) fn b2_an_acceptor_at_a_poller(w: &World) {
    let place = w.place();
    let poller = Poller::new();
    let mut acceptor = place.server.acceptor(7);
    acceptor.register(&poller, 3);
    for _ in 0..10 {
        let connecting = place.connect(7);
        let ours = loop {
            assert_eq!(key(&poller, "somebody connects"), [3]);
            match acceptor.try_accept() {
                Ok(channel) => break channel,
                Err(channel::AcceptError::WouldBlock { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        };
        connecting.join("the connect").unwrap();
        drop(ours);
        // As a program does: on until it is told that nobody is there.
        assert!(acceptor.try_accept().is_err());
    }
}
