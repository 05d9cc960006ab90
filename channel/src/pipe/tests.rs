//! A stream that is cut off in the middle of a write or a read: the steps of such a call one by one.

use std::io::{self, IoSlice, IoSliceMut};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::cut::GRACE;
use super::later::LATE_LOOK;
use super::*;
use crate::transport::{Receipt, Sink, Source};

fn now<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

/// A pipe with ten bytes in it.
fn ten() -> (PipeWriter, PipeReader, PipeControl) {
    let (mut writer, reader, control) = pipe(64, Spin::NEVER).unwrap();
    let written = now(|cx| writer.poll_write(cx, &[IoSlice::new(b"0123456789")]));
    assert!(matches!(written, Poll::Ready(Ok(10))));
    (writer, reader, control)
}

fn read(reader: &mut PipeReader, most: usize) -> io::Result<usize> {
    let mut buf = vec![0; most];
    reader.read(&mut [IoSliceMut::new(&mut buf)], Some(Instant::now()))
}

/// The receipt, decided by a third party after the grace.
fn receipt(control: &PipeControl) -> Receipt {
    let until = Instant::now().checked_add(Duration::from_secs(30));
    crate::wait::block_on(until, |cx| control.poll_receipt(cx)).expect("a receipt")
}

fn partial(read: u64, unread: u64) -> Receipt {
    Receipt::Partial { read, unread }
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> io::ErrorKind {
    result.unwrap_err().kind()
}

// shows C4, C9: a read that comes to its end after the count was told has not taken place.
#[test]
fn a_read_that_is_too_late_does_not_count() {
    let (mut writer, mut reader, control) = ten();
    assert_eq!(read(&mut reader, 3).unwrap(), 3);
    // It looks, and sees no flag.
    assert_eq!(reader.consumer.available().unwrap(), 7);
    control.abandon();
    assert_eq!(receipt(&control), partial(3, 7));
    reader.consumer.consume(4);
    assert_eq!(reader.took(4), 0);
    assert_eq!((control.written(), control.read()), (10, 3));
    assert_eq!(receipt(&control), partial(3, 7));
    assert_eq!(kind(read(&mut reader, 9)), io::ErrorKind::NotConnected);
    let refused = now(|cx| writer.poll_write(cx, &[IoSlice::new(b"x")]));
    assert!(
        matches!(refused, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe)
    );
    drop((writer, reader));
    assert_eq!(receipt(&control), partial(3, 7));
}

// shows C4, C9: so it counts if it was first, and the receipt says that.
#[test]
fn a_read_that_is_first_counts() {
    let (_writer, mut reader, control) = ten();
    assert_eq!(reader.consumer.available().unwrap(), 10);
    control.abandon();
    reader.consumer.consume(4);
    assert_eq!(reader.took(4), 4);
    assert_eq!(
        now(|cx| control.poll_receipt(cx)),
        Poll::Ready(partial(4, 6))
    );
}

// shows C9: a stream that was finished long ago gives a reader that is cut off now its time all the same.
#[test]
fn the_grace_of_a_reader_starts_when_it_is_cut_off() {
    let (mut writer, _reader, control) = ten();
    writer.finish().unwrap();
    assert!(now(|cx| control.poll_receipt(cx)).is_pending());
    let cut_off = Instant::now();
    assert!(control.0.cut.lock().grace_began() < Some(cut_off));
    control.abandon();
    assert!(control.0.cut.lock().grace_began() >= Some(cut_off));
    // And only once.
    let later = Instant::now();
    control.abandon();
    assert!(control.0.cut.lock().grace_began() < Some(later));
    assert_eq!(receipt(&control), partial(0, 10));
    assert!(later.elapsed() < Duration::from_secs(10));
}

// shows C4, C9: a write that comes to its end after the end was told fails, and nobody reads its bytes.
#[test]
fn a_write_that_is_too_late_does_not_count() {
    for abandon in [false, true] {
        let (mut writer, mut reader, control) = ten();
        assert_eq!(read(&mut reader, 10).unwrap(), 10);
        let mut room = writer.producer.reserve().unwrap();
        if abandon {
            control.abandon();
        } else {
            control.finish();
        }
        assert_eq!(receipt(&control), Receipt::Complete);
        room.slices().0[..5].copy_from_slice(b"late!");
        room.commit(5);
        let expected = match abandon {
            true => io::ErrorKind::BrokenPipe,
            false => io::ErrorKind::NotConnected,
        };
        assert_eq!(kind(writer.wrote_at_the_end(5)), expected);
        assert_eq!((control.written(), control.read()), (10, 10));
        assert_eq!(receipt(&control), Receipt::Complete);
        if !abandon {
            assert!(control.is_drained());
            assert!(matches!(now(|cx| reader.poll_fill(cx)), Poll::Ready(Ok(0))));
            assert_eq!(reader.filled(), b"");
            assert_eq!(read(&mut reader, 9).unwrap(), 0);
        }
    }
}

// shows C4, C9: and one that was first counts, for the reader too.
#[test]
fn a_write_that_is_first_counts() {
    let (mut writer, mut reader, control) = ten();
    let mut room = writer.producer.reserve().unwrap();
    control.finish();
    room.slices().0[..5].copy_from_slice(b"first");
    room.commit(5);
    assert_eq!(writer.wrote_at_the_end(5).unwrap(), 5);
    assert_eq!(read(&mut reader, 14).unwrap(), 14);
    assert!(now(|cx| control.poll_receipt(cx)).is_pending());
    assert!(!control.is_drained());
    assert_eq!(read(&mut reader, 14).unwrap(), 1);
    assert_eq!(
        now(|cx| control.poll_receipt(cx)),
        Poll::Ready(Receipt::Complete)
    );
    assert_eq!(read(&mut reader, 14).unwrap(), 0);
}

// shows C9: a third party does not decide in an end's stead while that may be in the middle of a call.
#[test]
fn a_third_party_gives_the_ends_their_time() {
    for cut_off in [PipeControl::abandon, PipeControl::finish] {
        // A look that was held up for longer than the grace says nothing: then once more.
        let tried = (0..1000).any(|_| {
            let (_writer, _reader, control) = ten();
            let start = Instant::now();
            cut_off(&control);
            let poll = now(|cx| control.poll_receipt(cx));
            let known = control.0.cut.lock().is_decided();
            let in_time = start.elapsed() < GRACE;
            assert!(
                !in_time || poll.is_pending() && !known,
                "decided at once: {poll:?}"
            );
            in_time
        });
        assert!(tried, "this machine is never fast enough for {GRACE:?}");
    }
}

/// Counts how often it was woken.
#[derive(Default)]
struct Count(std::sync::atomic::AtomicUsize);

impl std::task::Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

// shows C2: whoever waits for more room than there is hears of a quarter, of less when the reader waits for more, and
// of what a reader frees that does not come back.
#[test]
fn room_is_waited_for() {
    let (mut writer, mut reader, _control) = pipe(64, Spin::NEVER).unwrap();
    let count = Arc::<Count>::default();
    let waker = Waker::from(count.clone());
    let room =
        |writer: &mut PipeWriter, n| match writer.poll_room(&mut Context::from_waker(&waker), n) {
            Poll::Ready(room) => Some(room.unwrap()),
            Poll::Pending => None,
        };
    assert_eq!(room(&mut writer, 1000), Some(64), "all that there can be");
    assert!(now(|cx| writer.poll_write(cx, &[IoSlice::new(&[7; 48])])).is_ready());
    assert_eq!(room(&mut writer, 16), Some(16));
    assert_eq!(room(&mut writer, 32), None);
    // A quarter.
    assert_eq!(read(&mut reader, 16).unwrap(), 16);
    assert_eq!(count.get(), 1);
    assert_eq!(room(&mut writer, 32), Some(32));
    // A few bytes, and the reader goes on to do something else.
    assert_eq!(room(&mut writer, 64), None);
    assert_eq!(read(&mut reader, 1).unwrap(), 1);
    let start = Instant::now();
    while count.get() == 1 {
        assert!(start.elapsed() < Duration::from_secs(30), "nobody looks");
        std::thread::yield_now();
    }
    assert_eq!(room(&mut writer, 64), None);
    // A reader that takes all and waits for more.
    let before = count.get();
    assert_eq!(read(&mut reader, 64).unwrap(), 31);
    assert!(now(|cx| reader.poll_fill(cx)).is_pending());
    assert!(count.get() > before);
    assert_eq!(room(&mut writer, 64), Some(64));
    // One that reads no more.
    assert!(now(|cx| writer.poll_write(cx, &[IoSlice::new(&[7; 8])])).is_ready());
    assert_eq!(room(&mut writer, 64), None);
    let before = count.get();
    drop(reader);
    assert!(count.get() > before);
    let refused = now(|cx| writer.poll_room(cx, 64));
    assert!(
        matches!(refused, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe)
    );
}

// shows C2: nobody is woken for room that is known: a reader that reads nothing costs nothing.
#[test]
fn known_room_wakes_nobody() {
    let (mut writer, _reader, _control) = ten();
    let count = Arc::<Count>::default();
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    // A late look that was on its way already may find the room to be news, once.
    assert!(writer.poll_room(&mut cx, 64).is_pending());
    std::thread::sleep(5 * LATE_LOOK);
    assert!(writer.poll_room(&mut cx, 64).is_pending());
    let before = count.get();
    std::thread::sleep(20 * LATE_LOOK);
    assert_eq!(count.get(), before);
}
