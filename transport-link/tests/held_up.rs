//! A driver whose thread is held up for longer than the patience of its session.
#![cfg(unix)]

mod support;

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use link_mux::{Event, Mux, Queues};
use transport_link::{Config, Descriptor, Descriptors, Link, Once, Settings};

use support::plug::{Cable, Socket};
use support::{LIMIT, at, domain, meet, transport};

/// A peer of which nothing is heard for five times as long is lost.
const KEEP_ALIVE: Duration = Duration::from_millis(400);

/// A link whose writes wait while its tester holds the gate.
struct Held {
    link: Descriptor,
    gate: Arc<Mutex<()>>,
    waits: mpsc::Sender<()>,
}

impl Link for Held {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.link.poll_read(cx, into)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        if self.gate.try_lock().is_err() {
            let _ = self.waits.send(());
            drop(self.gate.lock());
        }
        self.link.poll_write(cx, from)
    }

    fn descriptors(&self) -> Option<Descriptors<'_>> {
        self.link.descriptors()
    }
}

// shows C6: what the peer said in time counts, however late it is heard.
#[test]
fn a_driver_that_was_held_up_does_not_miss_its_peer() {
    let mux = Config {
        keep_alive: Some(KEEP_ALIVE),
        ..Config::default()
    };
    let (near, mut far) = UnixStream::pair().unwrap();
    far.set_read_timeout(Some(LIMIT)).unwrap();
    let gate = Arc::<Mutex<()>>::default();
    let (waits, waiting) = mpsc::channel();
    let link = Held {
        link: Descriptor::new(near).unwrap(),
        gate: gate.clone(),
        waits,
    };
    let settings = Settings {
        mux: mux.clone(),
        ..Settings::default()
    };
    let links = transport(settings, Once::new(link));
    let _hold = links.hold(&at("link://cable")).unwrap();

    // The peer's time passes as it is told here: it misses nobody.
    let mut peer = Mux::<Queues>::new(mux, 7).unwrap();
    let mut now = Duration::ZERO;
    let mut buf = [0; 1024];
    peer.link_up(now);
    while !peer.is_up() {
        let n = peer.transmit(now, &mut buf);
        far.write_all(&buf[..n]).unwrap();
        let n = far.read(&mut buf).unwrap();
        peer.receive(now, &buf[..n]);
    }
    let n = peer.transmit(now, &mut buf);
    far.write_all(&buf[..n]).unwrap();
    while peer.poll_event().is_some() {}

    let held = gate.lock().unwrap();
    waiting.recv_timeout(LIMIT).unwrap();
    thread::sleep(6 * KEEP_ALIVE);
    now += KEEP_ALIVE;
    let n = peer.transmit(now, &mut buf);
    assert!(n > 0, "a sign of life");
    far.write_all(&buf[..n]).unwrap();
    drop(held);

    // What was held up, and what is said next: of a new session, there would be a hello.
    let mut heard = 0;
    while heard < 16 {
        let n = far.read(&mut buf).unwrap();
        peer.receive(now, &buf[..n]);
        heard += n;
    }
    let told: Vec<Event> = std::iter::from_fn(|| peer.poll_event()).collect();
    assert!(told.is_empty(), "{told:?}");
}

/// A line on which everything gets stuck from some moment on.
fn relay(mut from: UnixStream, mut to: UnixStream, stuck: Arc<AtomicBool>) {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut bytes) {
            if !stuck.load(Ordering::SeqCst) && to.write_all(&bytes[..n]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}

// shows C6, T4: a link on which bytes are stuck for good is opened anew where that is wanted, and serves again.
#[test]
fn a_link_that_is_stuck_is_opened_anew() {
    let settings = Settings {
        mux: Config {
            keep_alive: Some(KEEP_ALIVE),
            ..Config::default()
        },
        reopen: true,
        ..Settings::default()
    };
    let (near, far) = (Socket::default(), Socket::default());
    let stuck = Arc::<AtomicBool>::default();
    let ((near_end, a), (far_end, b)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    relay(
        a.try_clone().unwrap(),
        b.try_clone().unwrap(),
        stuck.clone(),
    );
    relay(b, a, stuck.clone());
    near.put(near_end);
    far.put(far_end);
    let server = domain(
        Settings {
            reopen: false,
            ..settings.clone()
        },
        far.clone(),
    );
    let client = domain(settings, near.clone());
    let (server, client) = (
        server.broker("server").unwrap(),
        client.broker("client").unwrap(),
    );
    let _bound = server.listen(&at("link://cable")).unwrap();
    let (_first, mut stood_still) = meet(&server, &client, 1);
    stuck.store(true, Ordering::SeqCst);
    let lost = stood_still.read_timeout(&mut [0], LIMIT).unwrap_err();
    assert!(
        matches!(lost, channel::ReadError::PeerLost { .. }),
        "{lost:?}"
    );
    let _cable = Cable::between(&near, &far);
    let (mut ours, mut theirs) = meet(&server, &client, 2);
    theirs.write_all(b"again").unwrap();
    let mut got = [0; 5];
    ours.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"again");
    assert_eq!(near.opened().min(2), 2);
}
