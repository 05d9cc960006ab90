//! A writer that sleeps hears of a single free byte, even if its reader never comes back.

mod support;

use std::io::{IoSlice, IoSliceMut};
use std::thread;

use channel::{ReadError, WriteError};
use support::thread_state::blocked;
use support::{LONG, block_on, pair, pair_of, within};

// shows C2: `write` blocks until at least one byte fits, not until a quarter of the buffer does.
#[test]
fn one_free_byte_is_enough() {
    within("a blocked writer with room", || {
        let (mut ours, mut theirs) = pair_of(64);
        theirs.write_all(&[1; 64]).unwrap();
        let writing = blocked(move || {
            let n = theirs.write(&[2; 64]).unwrap();
            (n, theirs)
        });
        let mut byte = [0];
        ours.read_exact(&mut byte).unwrap();
        // Nothing more is read until the writer is through.
        let (n, _theirs) = writing.returns();
        assert_eq!(n, 1);
    });
}

// shows C2, C3: the same for a future.
#[test]
fn one_free_byte_is_enough_for_a_future() {
    within("a pending write with room", || {
        let (mut ours, mut theirs) = pair_of(64);
        theirs.write_all(&[1; 64]).unwrap();
        let reading = thread::spawn(move || {
            ours.read_exact(&mut [0]).unwrap();
            ours
        });
        assert_eq!(block_on(theirs.write_async(&[2; 64])).unwrap(), 1);
        reading.join().unwrap();
    });
}

// shows C3: the vectored calls have all forms.
#[test]
fn forms_of_the_vectored_calls() {
    within("vectored calls", || {
        let (ours, theirs) = pair();
        let ((mut reader, _w), (_r, mut writer)) = (ours.split(), theirs.split());
        let (mut a, mut b) = ([0; 2], [0; 2]);
        let bufs = &mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert!(matches!(
            reader.try_read_vectored(bufs),
            Err(ReadError::WouldBlock)
        ));
        let limit = std::time::Duration::from_millis(5);
        assert!(matches!(
            reader.read_vectored_timeout(bufs, limit),
            Err(ReadError::TimedOut)
        ));
        let parts = [IoSlice::new(b"ab"), IoSlice::new(b"cd")];
        assert_eq!(writer.try_write_vectored(&parts).unwrap(), 4);
        assert_eq!(reader.try_read_vectored(bufs).unwrap(), 4);
        assert_eq!(writer.write_vectored_timeout(&parts, LONG).unwrap(), 4);
        assert_eq!(reader.read_vectored_timeout(bufs, LONG).unwrap(), 4);
        assert_eq!(block_on(writer.write_vectored_async(&parts)).unwrap(), 4);
        assert_eq!(block_on(reader.read_vectored_async(bufs)).unwrap(), 4);
        assert_eq!((a, b), (*b"ab", *b"cd"));
        while writer.try_write_vectored(&parts).is_ok() {}
        assert!(matches!(
            writer.write_vectored_timeout(&parts, limit),
            Err(WriteError::TimedOut)
        ));
    });
}
