//! Closing while halves are blocked, against each other, and against a peer that goes on sending.

use std::thread;

use channel::{ReadError, Receipt, WriteError};

use crate::support::thread_state::blocked;
use crate::support::{drain, pattern_bytes};
use crate::world::{exact, fill, over_both};

// shows C4, C9: a third thread closes while both halves are blocked.
#[test]
fn close_while_both_halves_are_blocked() {
    over_both(|world| {
        for drains in [true, false] {
            let (ours, mut theirs) = world.pair();
            let handle = ours.handle();
            let (mut reader, mut writer) = ours.split();
            let reading = blocked(move || (reader.read(&mut [0; 8]).unwrap_err(), reader));
            let filled = fill(&mut writer);
            let writing = blocked(move || (writer.write_all(&[1; 100_000]).unwrap_err(), writer));
            let closing = blocked(move || handle.close());
            // The halves come back at once, and are kept: idle, and not dropped.
            let (error, _reader) = reading.returns();
            assert!(matches!(error, ReadError::Disconnected));
            let (cut, _writer) = writing.returns();
            assert!(matches!(cut.error, WriteError::Disconnected));
            let written = filled + cut.written;
            let read = if drains {
                drain(theirs.reader_mut()).unwrap().len()
            } else {
                theirs.read_exact(&mut [0; 77]).unwrap();
                theirs.disconnect();
                77
            };
            assert_eq!(closing.returns(), exact(read, written));
            assert_eq!(read == written, drains);
        }
    });
}

// shows C8, C9: both sides close, each with bytes that it did not read.
#[test]
fn close_against_close() {
    over_both(|world| {
        for full in [false, true] {
            for _ in 0..20 {
                let (mut ours, mut theirs) = world.pair();
                let write = |channel: &mut channel::Channel| match full {
                    true => fill(channel.writer_mut()),
                    false => {
                        channel.write_all(&pattern_bytes(0, 100)).unwrap();
                        100
                    }
                };
                let written = (write(&mut ours), write(&mut theirs));
                ours.read_exact(&mut [0; 7]).unwrap();
                thread::scope(|scope| {
                    let closing = scope.spawn(|| theirs.close());
                    assert_eq!(ours.close(), exact(0, written.0));
                    assert_eq!(closing.join().unwrap(), exact(7, written.1));
                });
            }
        }
    });
}

// shows C8, C9: a side that closes reads no more, so what the peer still sends must not block it
// before it comes to read.
#[test]
fn a_peer_that_goes_on_sending_is_not_blocked() {
    over_both(|world| {
        let (mut ours, mut theirs) = world.pair();
        ours.write_all(b"tail").unwrap();
        let handle = ours.handle();
        // Far more than fits between the two.
        let sending = blocked(move || {
            let cut = theirs.write_all(&vec![7; 3_000_000]);
            (cut.map_err(|cut| cut.error), theirs)
        });
        let closing = thread::spawn(move || ours.close());
        let (sent, mut theirs) = sending.returns();
        assert!(
            matches!(sent, Ok(()) | Err(WriteError::PeerClosed)),
            "{sent:?}"
        );
        assert_eq!(drain(theirs.reader_mut()).unwrap(), b"tail");
        assert_eq!(closing.join().unwrap(), Receipt::Complete);
        assert_eq!(handle.receipt(), Receipt::Complete);
    });
}
