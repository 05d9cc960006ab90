//! What is owed to the users of channels that come to an end.
#![cfg(unix)]

mod support;

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use channel::{Broker, Options, State};
use transport_link::{Descriptor, Descriptors, Link, Once, Settings};

use support::{LIMIT, alone, at, domain, eventually, meet};

/// A server and a client at the two ends of a link.
fn ends(settings: &Settings, options: Options) -> (Broker, Broker) {
    let (near, far) = UnixStream::pair().unwrap();
    let end = |end| domain(settings.clone(), Once::new(Descriptor::new(end).unwrap()));
    let server = end(near).broker("server").unwrap();
    server.listen(&at("link://cable")).unwrap();
    let client = end(far).broker_with("client", options).unwrap();
    (server, client)
}

// shows C8: who lingers without a limit costs nobody the link.
#[test]
fn a_limit_to_linger_that_is_for_ever() {
    let (server, client) = ends(
        &Settings::default(),
        Options::new().with_linger(Duration::MAX),
    );
    let (mut ours, mut theirs) = meet(&server, &client, 1);
    let (mut other, leaving) = meet(&server, &client, 2);
    leaving.disconnect();
    assert_eq!(other.read_timeout(&mut [0; 1], LIMIT).unwrap(), 0);
    theirs.write_all(b"on").unwrap();
    let mut buf = [0; 2];
    ours.read_exact_timeout(&mut buf, LIMIT).unwrap();
    assert_eq!(&buf, b"on");
}

// shows C5: an end that was in order is no loss, although the reading had been given up before it came.
#[test]
fn who_reads_no_more_is_not_told_of_a_loss() {
    let (server, client) = ends(&Settings::default(), Options::new());
    let (mut ours, theirs) = meet(&server, &client, 1);
    let (reader, mut writer) = theirs.split();
    let handle = writer.handle();
    drop(reader);
    eventually("the peer reads no more", || ours.try_write(b"x").is_err());
    ours.writer_mut().finish().unwrap();
    writer.write_all(b"all").unwrap();
    writer.finish().unwrap();
    let mut buf = [0; 4];
    ours.read_exact_timeout(&mut buf[..3], LIMIT).unwrap();
    assert_eq!(ours.read_timeout(&mut buf, LIMIT).unwrap(), 0);
    drop(ours);
    eventually("both know", || client.channels()[0].state != State::Open);
    // A further channel: what was said of the first one is known on both sides.
    let _more = meet(&server, &client, 1);
    assert_ne!(client.channels()[0].state, State::PeerLost);
    drop(handle);
}

/// A link that is cut by its tester: from then on nothing leaves any more.
struct Cut<L> {
    link: L,
    is_cut: Arc<AtomicBool>,
}

impl<L: Link> Link for Cut<L> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.link.poll_read(cx, into)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_cut.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.link.poll_write(cx, from)
    }

    fn descriptors(&self) -> Option<Descriptors<'_>> {
        self.link.descriptors()
    }
}

// shows C4, C8: who lingers before it exits owes nobody an end, however many there are and however little is sent at
// a time.
#[test]
fn ends_of_many_channels_leave_before_an_exit() {
    let _alone = alone();
    const CHANNELS: u16 = 200;
    let mut settings = Settings {
        chunk: 64,
        ..Settings::default()
    };
    settings.mux.max_frame = 64;
    let (near, far) = UnixStream::pair().unwrap();
    let is_cut = Arc::<AtomicBool>::default();
    let server = domain(settings.clone(), Once::new(Descriptor::new(near).unwrap()));
    let server = server.broker("server").unwrap();
    server.listen(&at("link://cable")).unwrap();
    let link = Cut {
        link: Descriptor::new(far).unwrap(),
        is_cut: is_cut.clone(),
    };
    let client = domain(settings, Once::new(link)).broker("client").unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..CHANNELS {
        let (our, their) = meet(&server, &client, 1);
        ours.push(our);
        theirs.push(their);
    }
    for their in &mut theirs {
        their.write_all(b"last").unwrap();
    }
    drop(theirs);
    channel::linger(LIMIT).unwrap();
    is_cut.store(true, Ordering::SeqCst);
    for mut our in ours {
        let mut all = Vec::new();
        our.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"last");
    }
}
