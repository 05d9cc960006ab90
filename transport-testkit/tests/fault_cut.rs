//! A cut looks exactly like a lost peer: what was before it arrives, then `PeerLost`, on both sides,
//! at whatever byte it comes.
#![cfg(unix)]

mod fault_support;

use std::thread;
use std::time::Duration;

use channel::{Channel, ReadError, State, WriteError};
use fault_support::{BOTH, LONG, Over, World, block_on, drain, pattern_bytes, within};
use transport_testkit::fault::Plan;

const LENGTH: usize = 24;

fn is_loss(error: &ReadError) -> bool {
    matches!(error, ReadError::PeerLost(_))
}

/// Writes it all, the end too; what was written before an error.
fn send(channel: &mut Channel, bytes: &[u8]) -> Result<(), WriteError> {
    for piece in bytes.chunks(5) {
        channel.write_all(piece).map_err(|error| error.error)?;
    }
    channel.finish()
}

#[track_caller]
fn expect_lost_writes(channel: &mut Channel) {
    let error = channel.write(b"x").unwrap_err();
    assert!(matches!(error, WriteError::PeerLost(_)), "{error}");
}

// shows T7, C6: over memory, exactly k bytes arrive that were written before the cut.
#[test]
fn memory_is_cut_at_each_byte_written() {
    within("cuts of writes", || {
        for k in 0..LENGTH {
            let world = World::new(Over::Mem, Plan::new(1));
            let (mut theirs, mut ours) = world.pair(&[("cut-write", &k.to_string())]);
            let sent = pattern_bytes(0, LENGTH);
            // On its way when the cut comes: it may arrive here or not.
            theirs.write_all(b"back").unwrap();
            let error = send(&mut ours, &sent).unwrap_err();
            assert!(matches!(error, WriteError::PeerLost(_)), "{k}: {error}");
            assert_eq!(world.fired().cuts, 1);
            assert_eq!(ours.handle().info().state, State::PeerLost);
            let (got, end) = drain(theirs.reader_mut());
            assert_eq!(got, sent[..k]);
            assert!(is_loss(&end.unwrap_err()), "{k}");
            expect_lost_writes(&mut theirs);
            let (got, end) = drain(ours.reader_mut());
            assert!(b"back".starts_with(&got), "{got:?}");
            assert!(is_loss(&end.unwrap_err()), "{k}");
            expect_lost_writes(&mut ours);
            // It stays so.
            assert!(is_loss(&ours.read(&mut [0]).unwrap_err()));
        }
        // A cut behind the last byte never comes.
        let world = World::new(Over::Mem, Plan::new(1));
        let (mut theirs, mut ours) = world.pair(&[("cut-write", &LENGTH.to_string())]);
        send(&mut ours, &pattern_bytes(0, LENGTH)).unwrap();
        let (got, end) = drain(theirs.reader_mut());
        assert!(end.is_ok() && got == pattern_bytes(0, LENGTH));
        assert_eq!(world.fired().faults(), 0);
    });
}

// shows T7, C6: the same where they are read; by copying and by lending calls.
#[test]
fn memory_is_cut_at_each_byte_read() {
    within("cuts of reads", || {
        for k in 0..=LENGTH {
            let world = World::new(Over::Mem, Plan::new(1));
            let (mut theirs, mut ours) = world.pair(&[("cut-read", &k.to_string())]);
            let sent = pattern_bytes(0, LENGTH);
            send(&mut theirs, &sent).unwrap();
            let mut got = Vec::new();
            let error = loop {
                let one = if k % 2 == 0 {
                    ours.reader_mut().fill_buf().map(<[u8]>::to_vec)
                } else {
                    let mut buf = [0; 7];
                    ours.read(&mut buf).map(|n| buf[..n].to_vec())
                };
                match one {
                    Ok(bytes) if bytes.is_empty() => panic!("{k}: an end"),
                    Ok(bytes) => {
                        if k % 2 == 0 {
                            ours.reader_mut().consume(bytes.len());
                        }
                        got.extend(bytes);
                    }
                    Err(error) => break error,
                }
            };
            assert!(is_loss(&error), "{k}: {error}");
            assert_eq!(got, sent[..k]);
            expect_lost_writes(&mut ours);
            let (got, end) = drain(theirs.reader_mut());
            assert!(got.is_empty() && is_loss(&end.unwrap_err()), "{k}");
            assert_eq!(world.fired().cuts, 1);
        }
    });
}

/// How many bytes of the carrier the handshake takes, in the direction of an option.
fn handshake_bytes(option: &str) -> u64 {
    for k in 0.. {
        let world = World::new(Over::Unix, Plan::new(1));
        let at = world.at(&[(option, &k.to_string())]);
        let server = world.server.clone();
        let accepting = thread::spawn(move || server.accept(1).map(drop));
        let connected = world.client.connect_at(&at, 1, Some(LONG));
        world.server.close();
        let _ = accepting.join().unwrap();
        if connected.is_ok() {
            return k;
        }
    }
    unreachable!()
}

// shows T7, C6: over a socket with records the cut may hit a header, the end or the receipt: a
// prefix arrives, and it is a loss unless all of it had arrived before.
#[test]
fn sockets_are_cut_at_each_byte() {
    within("cuts over unix", || {
        for option in ["cut-write", "cut-read"] {
            let hello = handshake_bytes(option);
            println!("{option}: {hello} bytes of handshake");
            let (mut losses, mut whole) = (0, 0);
            for k in hello.. {
                let world = World::new(Over::Unix, Plan::new(1));
                let (mut theirs, mut ours) = world.pair(&[(option, &k.to_string())]);
                let sent = pattern_bytes(0, LENGTH);
                let expected = sent.clone();
                let other = thread::spawn(move || {
                    let wrote = send(&mut theirs, &expected);
                    let (got, end) = drain(theirs.reader_mut());
                    if let Err(error) = &wrote {
                        // The other side may have got everything and left.
                        let right =
                            matches!(error, WriteError::PeerLost(_) | WriteError::PeerClosed);
                        assert!(right, "{k}: {error}");
                    }
                    (got, end)
                });
                if let Err(error) = send(&mut ours, &sent) {
                    assert!(matches!(error, WriteError::PeerLost(_)), "{k}: {error}");
                }
                let here = drain(ours.reader_mut());
                drop(ours);
                let there = other.join().unwrap();
                let mut lost = 0;
                for (got, end) in [here, there] {
                    assert_eq!(got, sent[..got.len()], "{option} {k}");
                    match end {
                        Ok(()) => assert_eq!(got.len(), LENGTH, "{option} {k}: a short end"),
                        Err(error) => {
                            assert!(is_loss(&error), "{option} {k}: {error}");
                            lost += 1;
                        }
                    }
                }
                losses += u64::from(lost > 0);
                whole += u64::from(lost == 0);
                if lost > 0 {
                    assert_eq!(world.fired().cuts, 1);
                } else if world.fired().cuts == 0 {
                    break;
                }
            }
            println!("{option}: {losses} losses, {whole} came too late to matter");
            assert!(losses >= LENGTH as u64);
        }
    });
}

// shows T7, C6: whoever hears of the cut and drops its writer at once has not ended in an orderly way.
#[test]
fn a_drop_after_a_cut_is_no_end() {
    within("drops", || {
        for one_way in ["0", "1"] {
            for _ in 0..50 {
                let world = World::new(Over::Mem, Plan::new(1));
                let (theirs, ours) = world.pair(&[("cut-write", "3"), ("one-way", one_way)]);
                let (_reader, mut writer) = ours.split();
                let (mut their_reader, _their_writer) = theirs.split();
                let there = thread::spawn(move || drain(&mut their_reader));
                let error = block_on(writer.write_all_async(b"12345")).unwrap_err();
                assert_eq!(error.written, 3);
                drop(writer);
                let (got, end) = there.join().unwrap();
                assert_eq!(got, b"123");
                assert!(is_loss(&end.expect_err("an orderly end")));
            }
        }
    });
}

// shows T7: a cut of one direction leaves the other one alone, until this side leaves.
#[test]
fn one_direction_can_be_cut() {
    within("one way", || {
        // What is written here is cut; reading goes on.
        let world = World::new(Over::Mem, Plan::new(1));
        let (mut theirs, mut ours) = world.pair(&[("cut-write", "3"), ("one-way", "1")]);
        assert!(ours.write_all(b"12345").is_err());
        theirs.write_all(b"still there").unwrap();
        ours.read_exact(&mut [0; 11]).unwrap();
        let mut got = [0; 3];
        theirs.read_exact(&mut got).unwrap();
        let error = theirs
            .read_timeout(&mut [0], Duration::from_millis(5))
            .unwrap_err();
        assert!(matches!(error, ReadError::TimedOut), "{error}");
        // It is no orderly end for the peer, however politely this side leaves.
        ours.disconnect();
        assert!(is_loss(&theirs.read(&mut [0]).unwrap_err()));

        // What is read here is cut; writing goes on.
        let world = World::new(Over::Mem, Plan::new(1));
        let (mut theirs, mut ours) = world.pair(&[("cut-read", "3"), ("one-way", "1")]);
        theirs.write_all(b"12345").unwrap();
        let (got, end) = drain(ours.reader_mut());
        assert_eq!(got, b"123");
        assert!(is_loss(&end.unwrap_err()));
        ours.write_all(b"still there").unwrap();
        theirs.read_exact(&mut [0; 11]).unwrap();
        drop(ours);
        assert!(is_loss(&theirs.read(&mut [0]).unwrap_err()));
    });
}

/// A connection that is cut by the second write of 10 bytes here.
fn about_to_be_cut(over: Over) -> (World, Channel, Channel) {
    let byte = match over {
        Over::Mem => 10,
        // Behind the handshake and the first record.
        Over::Unix => handshake_bytes("cut-write") + 14,
    };
    let world = World::new(over, Plan::new(1));
    let (theirs, ours) = world.pair(&[("cut-write", &byte.to_string())]);
    (world, theirs, ours)
}

// shows T7, C4: a cut wakes whoever is blocked, on both sides, in both halves.
#[test]
fn a_cut_wakes_everybody() {
    for over in BOTH {
        within("a cut wakes the readers", move || {
            let (_world, theirs, ours) = about_to_be_cut(over);
            let (mut reader, mut writer) = ours.split();
            let (mut their_reader, _their_writer) = theirs.split();
            let here = thread::spawn(move || reader.read(&mut [0]).unwrap_err());
            let (tell, told) = std::sync::mpsc::channel();
            let there = thread::spawn(move || {
                their_reader.read_exact(&mut [0; 10]).unwrap();
                tell.send(()).unwrap();
                their_reader.read(&mut [0]).unwrap_err()
            });
            writer.write_all(&[1; 10]).unwrap();
            told.recv().unwrap();
            while writer.write(&[2; 10]).is_ok() {}
            assert!(is_loss(&here.join().unwrap()));
            assert!(is_loss(&there.join().unwrap()));
        });
        within("a cut wakes the writers", move || {
            let (_world, mut theirs, mut ours) = about_to_be_cut(over);
            // Full, so that the next write waits.
            let mut written = 0;
            while let Ok(n) = theirs.write_timeout(&[0; 4096], Duration::from_millis(50)) {
                written += n;
            }
            assert!(written > 0);
            let there = thread::spawn(move || {
                loop {
                    if let Err(error) = theirs.write(&[0; 4096]) {
                        return error;
                    }
                }
            });
            ours.write_all(&[1; 10]).unwrap();
            while ours.write(&[2; 10]).is_ok() {}
            let error = there.join().unwrap();
            // A bare socket says that nobody reads there any more; that it was a loss lies behind
            // bytes that were not read yet.
            let right = match over {
                Over::Mem => matches!(error, WriteError::PeerLost(_)),
                Over::Unix => matches!(error, WriteError::PeerLost(_) | WriteError::PeerClosed),
            };
            assert!(right, "{error}");
        });
    }
}
