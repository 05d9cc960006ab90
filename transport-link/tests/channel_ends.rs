//! What is owed to the users of channels that come to an end.
#![cfg(unix)]

mod support;

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use channel::transport::Receipt;
use channel::{Broker, Options, State};
use transport_link::{Descriptor, Descriptors, Link, NoiseConfig, Once, Settings};

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

// shows C6, B7: a side that had finished well and is cut short afterwards is lost, to whoever asks.
#[test]
fn who_is_cut_short_after_its_end_is_lost() {
    let (server, client) = ends(&Settings::default(), Options::new());
    let (mut ours, mut theirs) = meet(&server, &client, 1);
    theirs.writer_mut().finish().unwrap();
    assert_eq!(ours.read_timeout(&mut [0], LIMIT).unwrap(), 0);
    let cut_short = std::thread::spawn(move || {
        let _theirs = theirs;
        panic!("a panic that the test is about");
    });
    cut_short.join().unwrap_err();
    eventually("its loss is seen", || ours.info().state == State::PeerLost);
}

// shows C9: what had not left, for want of room at the other end, is unread like the rest.
#[test]
fn a_receipt_counts_what_never_left() {
    let (server, client) = ends(&Settings::default(), Options::new());
    let (mut ours, mut theirs) = meet(&server, &client, 1);
    let mut written = 0;
    // Until both buffers are full.
    while let Ok(n) = ours.write_timeout(&[7; 4096], Duration::from_millis(200)) {
        written += n as u64;
    }
    theirs.read_exact_timeout(&mut [0; 10], LIMIT).unwrap();
    drop(theirs);
    let receipt = ours.close_timeout(LIMIT);
    let unread = written - 10;
    assert_eq!(receipt, Receipt::Partial { read: 10, unread });
}

/// A slow link. Its tester can hold it, and cut it: from then on nothing leaves any more.
struct Slow {
    link: Descriptor,
    valve: Arc<AtomicU8>,
}

const OPEN: u8 = 0;
const HELD: u8 = 1;
const CUT: u8 = 2;

impl Link for Slow {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.link.poll_read(cx, into)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        // What it takes to send that.
        std::thread::sleep(Duration::from_millis(1));
        match self.valve.load(Ordering::SeqCst) {
            OPEN => self.link.poll_write(cx, from),
            HELD => Poll::Pending,
            _ => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn descriptors(&self) -> Option<Descriptors<'_>> {
        self.link.descriptors()
    }
}

/// As [`ends`], but what the client sends goes slowly.
fn slow_ends(settings: &Settings, options: Options) -> (Broker, Broker, Arc<AtomicU8>) {
    let (near, far) = UnixStream::pair().unwrap();
    let valve = Arc::new(AtomicU8::new(OPEN));
    let near = Once::new(Descriptor::new(near).unwrap());
    let server = domain(settings.clone(), near).broker("server").unwrap();
    server.listen(&at("link://cable")).unwrap();
    let far = Once::new(Slow {
        link: Descriptor::new(far).unwrap(),
        valve: valve.clone(),
    });
    let client = domain(settings.clone(), far);
    let client = client.broker_with("client", options).unwrap();
    (server, client, valve)
}

// shows C4, C8: who lingers before it exits owes nobody an end, however many there are and however little is sent at
// a time.
#[test]
fn ends_of_many_channels_leave_before_an_exit() {
    let _alone = alone();
    let mut settings = Settings {
        chunk: 64,
        ..Settings::default()
    };
    settings.mux.max_frame = 64;
    let (server, client, valve) = slow_ends(&settings, Options::new());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let (mut our, mut their) = meet(&server, &client, 1);
        their.write_all(b"all").unwrap();
        our.read_exact_timeout(&mut [0; 3], LIMIT).unwrap();
        ours.push(our);
        theirs.push(their);
    }
    valve.store(HELD, Ordering::SeqCst);
    drop(theirs);
    valve.store(OPEN, Ordering::SeqCst);
    channel::linger(LIMIT).unwrap();
    valve.store(CUT, Ordering::SeqCst);
    for mut our in ours {
        assert_eq!(our.read_timeout(&mut [0], LIMIT).unwrap(), 0);
    }
}

// shows C4, C8: who has disconnected owes what was written, and lingers for it, though the channel is not dropped yet.
#[test]
fn a_disconnect_without_a_drop_lingers() {
    let _alone = alone();
    let (server, client, valve) = slow_ends(&Settings::default(), Options::new());
    let (mut ours, mut theirs) = meet(&server, &client, 1);
    valve.store(HELD, Ordering::SeqCst);
    theirs.write_all(b"last").unwrap();
    theirs.disconnect();
    let lingering = channel::linger(Duration::ZERO);
    valve.store(OPEN, Ordering::SeqCst);
    assert!(lingering.is_err(), "nothing had left");
    channel::linger(LIMIT).unwrap();
    valve.store(CUT, Ordering::SeqCst);
    let mut all = Vec::new();
    ours.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"last");
    drop(theirs);
}

// shows C4, C8: an end over a line that damages bytes has left when the other end has it, whatever else is on its way.
#[test]
fn an_end_leaves_beside_a_channel_that_is_always_busy() {
    let _alone = alone();
    let settings = Settings {
        noise: Some(NoiseConfig::for_baud(115_200)),
        chunk: 512,
        ..Settings::default()
    };
    let options = Options::new().with_linger(LIMIT * 10);
    let (server, client, _valve) = slow_ends(&settings, options);
    let (mut sink, mut source) = meet(&server, &client, 1);
    let (mut ours, mut theirs) = meet(&server, &client, 2);
    let stop = source.handle();
    let busy = std::thread::spawn(move || while source.write_all(&[7; 4096]).is_ok() {});
    let drain = std::thread::spawn(move || while matches!(sink.read(&mut [0; 4096]), Ok(1..)) {});
    theirs.write_all(b"last").unwrap();
    drop(theirs);
    channel::linger(LIMIT / 12).unwrap();
    let mut all = Vec::new();
    ours.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"last");
    stop.disconnect();
    busy.join().unwrap();
    drain.join().unwrap();
}
