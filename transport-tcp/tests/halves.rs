//! The two halves of one channel on two threads: what one waits for, the other does not take away.
mod support;

use std::thread;
use std::time::Duration;

use channel::transport::Receipt;
use channel::{ReadError, WriteError};
use support::{LIMIT, listen, meet, place};

/// More than two sockets hold.
const MUCH: usize = 4 << 20;

// shows C3, C7: a writer that waits for room gets it, whether or not a reader blocks beside it, and however
// that one waits.
#[test]
fn a_reader_that_blocks_leaves_the_writer_its_news() {
    let (server, at) = listen(&place("server").to_string());
    let (ours, mut theirs) = meet(&server, &at, 7);
    let (mut reader, mut writer) = ours.split();
    let handle = reader.handle();
    // No limit: the end of one would be a wake-up, too.
    let writing = thread::spawn(move || writer.write_all(&vec![7; MUCH]).unwrap());
    support::eventually("the writer waits", || {
        let before = handle.totals().written;
        thread::park_timeout(Duration::from_millis(50));
        before > 0 && handle.totals().written == before
    });
    // It comes and goes several times while the writer waits.
    for _ in 0..20 {
        let nothing = reader.read_timeout(&mut [0; 8], Duration::from_millis(1));
        assert!(matches!(nothing, Err(ReadError::TimedOut)), "{nothing:?}");
    }
    let reading = thread::spawn(move || {
        let mut buf = [0; 5];
        reader.read_exact_timeout(&mut buf, LIMIT).unwrap();
        buf
    });
    // It blocks by then, on most machines; otherwise this shows less.
    thread::park_timeout(Duration::from_millis(50));
    let mut all = vec![0; MUCH];
    theirs.read_exact_timeout(&mut all, LIMIT).unwrap();
    theirs.write_all(b"taken").unwrap();
    assert_eq!(&reading.join().unwrap(), b"taken");
    writing.join().unwrap();
}

// shows C4, C9: what comes in while a reader blocks and concerns others reaches them at once.
#[test]
fn a_reader_that_blocks_passes_on_what_concerns_others() {
    for full in [false, true] {
        let (server, at) = listen(&place("server").to_string());
        let (ours, theirs) = meet(&server, &at, 7);
        let (mut reader, mut writer) = ours.split();
        let (mut their_reader, their_writer) = theirs.split();
        let handle = reader.handle();
        let reading = thread::spawn(move || reader.read(&mut [0; 8]));
        // No limits: the end of one would be a wake-up, too.
        let waiting = thread::spawn(move || {
            if full {
                let refused = writer.write_all(&vec![7; MUCH]).unwrap_err();
                assert!(
                    matches!(refused.error, WriteError::PeerClosed),
                    "{refused:?}"
                );
            } else {
                writer.write_all(b"all").unwrap();
                assert!(matches!(writer.handle().receipt(), Receipt::Partial { .. }));
            }
        });
        support::eventually("something was written", || handle.totals().written > 0);
        // Both wait by then, on most machines; otherwise this shows less.
        thread::park_timeout(Duration::from_millis(50));
        their_reader.read_exact_timeout(&mut [0; 2], LIMIT).unwrap();
        drop(their_reader);
        support::eventually("it has heard", || waiting.is_finished());
        waiting.join().unwrap();
        assert!(!reading.is_finished());
        drop(their_writer);
        assert_eq!(reading.join().unwrap().unwrap(), 0);
    }
}
