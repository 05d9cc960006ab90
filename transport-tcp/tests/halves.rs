//! The two halves of one channel on two threads: what one waits for, the other does not take away.
mod support;

use std::thread;
use std::time::Duration;

use channel::ReadError;
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
