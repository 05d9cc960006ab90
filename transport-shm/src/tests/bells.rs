//! One bell, for which a blocked call and somebody else wait.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::sync::mpsc::{Receiver, Sender, channel as queue};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::LIMIT;
use super::decided::pair;

/// Holds up the thread that wakes it.
struct Stall {
    entered: Sender<()>,
    release: Mutex<Receiver<()>>,
}

impl Wake for Stall {
    fn wake(self: Arc<Self>) {
        self.entered.send(()).ok();
        self.release.lock().unwrap().recv_timeout(LIMIT).ok();
    }
}

struct Tells(Sender<()>);

impl Wake for Tells {
    fn wake(self: Arc<Self>) {
        self.0.send(()).ok();
    }
}

// shows C3, C9: a blocked write hears the bell first; whoever waits for the receipt hears of it all the same.
#[test]
fn a_bell_that_a_blocked_call_has_silenced_was_heard_by_all() {
    // The background thread comes late.
    let (mut here, mut there) = pair();
    let (entered, stalled) = queue();
    let (go_on, release) = queue();
    let release = Mutex::new(release);
    let stall = Waker::from(Arc::new(Stall { entered, release }));
    let mut cx = Context::from_waker(&stall);
    assert!(here.source.poll_fill(&mut cx).is_pending());

    let (mut ours, theirs) = pair();
    ours.sink.write(&[IoSlice::new(&[7; 4096])], None).unwrap();
    let (told, news) = queue();
    let waker = Waker::from(Arc::new(Tells(told)));
    let mut cx = Context::from_waker(&waker);
    assert!(ours.control.poll_receipt(&mut cx).is_pending());

    there.sink.write(&[IoSlice::new(b"x")], None).unwrap();
    stalled.recv_timeout(LIMIT).expect("it is woken");
    while news.try_recv().is_ok() {}
    let writing = thread::spawn(move || {
        let result = ours.sink.write(&[IoSlice::new(b"x")], None);
        (result, ours)
    });
    // So long that it sleeps by then. (If it does not, this shows less.)
    let soon = Some(Instant::now() + Duration::from_millis(30));
    let (mut quiet, _quiet) = pair();
    let nothing = quiet.source.read(&mut [IoSliceMut::new(&mut [0])], soon);
    assert_eq!(nothing.unwrap_err().kind(), ErrorKind::TimedOut);
    drop(theirs.source);
    let (result, _ours) = writing.join().unwrap();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::BrokenPipe);
    go_on.send(()).unwrap();
    news.recv_timeout(LIMIT).expect("it is woken");
}
