//! C9: receipts of streams that are empty, or were finished, and receipts asked again and again.

use channel::transport::Receipt;

use crate::suite::streams::{expect, expect_all};
use crate::suite::support::{bytes, go, left};
use crate::suite::world::World;

pub(crate) fn c9_an_empty_stream_is_complete(w: &World) {
    for finishes in [false, true] {
        let (mut ours, mut theirs) = w.pair();
        if finishes {
            ours.finish().unwrap();
        }
        let handle = ours.handle();
        let asking = go(move || match finishes {
            true => handle.receipt_timeout(left()),
            false => handle.close_timeout(left()),
        });
        expect_all(theirs.reader_mut(), 0, 0);
        let receipt = asking.join("the receipt of an empty stream");
        assert_eq!(receipt, Receipt::Complete, "nothing was written");
    }
}

/// What the peer of a stream of 5000 bytes leaves behind when it has read 1234.
const PARTIAL: Receipt = Receipt::Partial {
    read: 1234,
    unread: 5000 - 1234,
};

pub(crate) fn c9_partial_stays(w: &World) {
    for read in [0, 1234] {
        let (mut ours, mut theirs) = w.pair();
        ours.write_all(&bytes(1, 0, 5000)).unwrap();
        expect(theirs.reader_mut(), 1, 0, read);
        theirs.disconnect();
        let handle = ours.handle();
        let (read, unread) = (read as u64, 5000 - read as u64);
        for _ in 0..3 {
            let receipt = handle.close_timeout(left());
            assert_eq!(receipt, Receipt::Partial { read, unread });
        }
        drop((ours, theirs));
        let receipt = handle.receipt_timeout(left());
        assert_eq!(receipt, Receipt::Partial { read, unread }, "both have gone");
    }
}

pub(crate) fn c9_partial_after_a_finish(w: &World) {
    let (mut ours, theirs) = w.pair();
    ours.write_all(&bytes(1, 0, 5000)).unwrap();
    ours.finish().unwrap();
    let (mut reader, _writer) = theirs.split();
    expect(&mut reader, 1, 0, 1234);
    drop(reader);
    let handle = ours.handle();
    for _ in 0..3 {
        assert_eq!(handle.receipt_timeout(left()), PARTIAL);
    }
}
