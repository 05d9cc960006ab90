use std::future::poll_fn;
use std::io::IoSlice;
use std::time::Duration;

use channel::Options;
use futures_lite::future::block_on;

use super::*;
use crate::tls::stream::tests::pair;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

// shows C3: what the other half takes in between this one's try and its wait is heard of, although the system
// has no news of it any more.
#[test]
fn what_another_thread_takes_in_is_heard_of() {
    let (ours, theirs) = pair();
    let spin = Options::new().spin();
    let peer = Endpoint::new("tls", "127.0.0.1:1").unwrap();
    let mut source = TlsSource::new(ours.clone(), LEAST, spin, peer, false);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(source.poll_fill(&mut cx).is_pending());
    assert!(matches!(source.ahead.attempt(), Tried::Nothing));
    theirs.send(&[IoSlice::new(b"x")]).unwrap();
    let until = Instant::now() + LIMIT;
    while !ours.has_received() {
        assert!(Instant::now() < until, "the byte never came");
        // As a half does whose write has failed.
        ours.receive(READ_AHEAD, None).unwrap();
    }
    // What the system may have said of it by now.
    while ours.socket.poll_inbound(&mut cx).is_ready() {}
    assert!(source.ahead.poll_inbound(&mut cx).is_ready());
    let n = block_on(poll_fn(|cx| source.poll_fill(cx))).unwrap();
    assert_eq!((n, source.filled()), (1, &b"x"[..]));
}
