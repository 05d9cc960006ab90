//! Devices that are opened and closed: for whom, when, and what goes wrong there.
#![cfg(unix)]

mod support;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use channel::transport::Transport;
use channel::{Domain, Options};
use transport_link::{
    Config, Descriptor, Descriptors, Device, Link, LinkTransport, Once, Place, RETRY, Settings,
};

use support::{LIMIT, at, domain, eventually, meet, transport};

// shows T6: in plain mode, a device is opened for who dials, and not before: the link of one that is given in code would
// be used up, and many a board starts anew when its line is opened.
#[test]
fn a_plain_link_is_opened_for_who_dials() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let mut once = Once::new(Descriptor::new(near).unwrap());
    let (opened, when_opened) = mpsc::channel();
    let device = move || {
        let _ = opened.send(());
        once.open()
    };
    let links = transport(Settings::default(), device);
    let to = at("link+plain://cable");
    let _hold = links.hold(&to).unwrap();
    // Time enough for its driver.
    let early = when_opened.recv_timeout(Duration::from_millis(200));
    assert!(early.is_err(), "opened for nobody");
    let domain = Domain::new();
    domain.add(links);
    let client = domain.broker("client").unwrap();
    let mut channel = client.connect_at(&to, 0, Some(LIMIT)).unwrap();
    channel.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
}

/// A link whose end takes as long as its tester wants.
struct SlowEnd {
    link: Descriptor,
    ends: mpsc::Sender<()>,
    end: mpsc::Receiver<()>,
    in_use: Arc<AtomicBool>,
}

impl Link for SlowEnd {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.link.poll_read(cx, into)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.link.poll_write(cx, from)
    }

    fn descriptors(&self) -> Option<Descriptors<'_>> {
        self.link.descriptors()
    }
}

impl Drop for SlowEnd {
    fn drop(&mut self) {
        let _ = self.ends.send(());
        let _ = self.end.recv_timeout(LIMIT);
        self.in_use.store(false, Ordering::SeqCst);
    }
}

// shows B2, T5: who dials while the device is being closed for want of users gets it, not "busy".
#[test]
fn a_device_that_is_being_closed_is_not_busy() {
    let in_use = Arc::<AtomicBool>::default();
    let (ends, when_it_ends) = mpsc::channel();
    let (may_end, end) = mpsc::channel();
    let mut end = Some(end);
    let far_ends = Mutex::new(Vec::new());
    let device = move || -> io::Result<Box<dyn Link>> {
        if in_use.swap(true, Ordering::SeqCst) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let (near, far) = UnixStream::pair()?;
        far_ends.lock().unwrap().push(far);
        Ok(Box::new(SlowEnd {
            link: Descriptor::new(near)?,
            ends: ends.clone(),
            end: end.take().unwrap_or_else(|| mpsc::channel().1),
            in_use: in_use.clone(),
        }))
    };
    let links = transport(Settings::default(), device);
    let to = at("link://cable");
    drop(links.listen(&to, &Options::new()).unwrap());
    // Nobody uses it.
    when_it_ends.recv_timeout(LIMIT).unwrap();
    let (told, answer) = mpsc::channel();
    let listening = {
        let links = links.clone();
        thread::spawn(move || told.send(links.listen(&to, &Options::new()).map(drop)))
    };
    let early = answer.recv_timeout(Duration::from_millis(200));
    assert!(!matches!(early, Ok(Err(_))), "{early:?}");
    may_end.send(()).unwrap();
    if early.is_err() {
        answer.recv_timeout(LIMIT).unwrap().unwrap();
    }
    listening.join().unwrap().unwrap();
}

// shows T6, C8: a plain stream whose link takes nothing is given up when its time to linger is over; the device is
// there for the next one.
#[test]
fn a_plain_link_that_takes_nothing_is_given_up() {
    let far_ends = Arc::new(Mutex::new(Vec::new()));
    let kept = far_ends.clone();
    let device = move || -> io::Result<Box<dyn Link>> {
        let (near, far) = UnixStream::pair()?;
        kept.lock().unwrap().push(far);
        Ok(Box::new(Descriptor::new(near)?))
    };
    let options = Options::new().with_linger(Duration::from_millis(50));
    let client = domain(Settings::default(), device)
        .broker_with("client", options)
        .unwrap();
    let to = at("link+plain://cable");
    let mut first = client.connect_at(&to, 0, Some(LIMIT)).unwrap();
    // As long as anything fits.
    while first
        .write_timeout(&[7; 4096], Duration::from_millis(300))
        .is_ok()
    {}
    drop(first);
    let mut second = client.connect_at(&to, 0, Some(LIMIT)).unwrap();
    second.write_all(b"x").unwrap();
    let mut far = far_ends.lock().unwrap().pop().unwrap();
    let mut buf = [0];
    far.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"x");
}

// shows B3: a device whose code panics is one that cannot be opened.
#[test]
fn a_device_that_panics() {
    let tries = Arc::new(AtomicUsize::new(0));
    let count = tries.clone();
    let device = move || -> io::Result<Box<dyn Link>> {
        count.fetch_add(1, Ordering::SeqCst);
        panic!("a panic that the test is about");
    };
    let links = transport(Settings::default(), device);
    let (told, answer) = mpsc::channel();
    let start = Instant::now();
    thread::spawn(move || {
        let listened = links.listen(&at("link://cable"), &Options::new());
        told.send(listened.map(drop).map_err(|e| e.to_string()))
    });
    let refused = answer.recv_timeout(LIMIT);
    let tries = tries.load(Ordering::SeqCst);
    let refused = refused.unwrap_or_else(|_| panic!("no answer after {tries} tries"));
    assert!(refused.unwrap_err().contains("panicked"));
    // Four times a second at most, and whenever somebody comes.
    let most = 2 + start.elapsed().as_millis() / RETRY.as_millis();
    assert!(tries as u128 <= most, "{tries} tries");
}

/// A link that is broken, and panics when it is looked after.
struct Panics(Descriptor);

impl Link for Panics {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, from)
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("a panic that the test is about");
    }
}

// shows C6: a link that panics costs its own session, whatever it was asked to do; the next one is opened.
#[test]
fn a_link_that_panics_when_it_is_closed() {
    let far_ends = Arc::new(Mutex::new(Vec::new()));
    let kept = far_ends.clone();
    let device = move || -> io::Result<Box<dyn Link>> {
        let (near, far) = UnixStream::pair()?;
        let link = Descriptor::new(near)?;
        let mut far_ends = kept.lock().unwrap();
        far_ends.push(far);
        Ok(match far_ends.len() {
            1 => Box::new(Panics(link)),
            _ => Box::new(link),
        })
    };
    let client = domain(Settings::default(), device)
        .broker("client")
        .unwrap();
    let to = at("link+plain://cable");
    let first = client.connect_at(&to, 0, Some(LIMIT)).unwrap();
    drop(first);
    let limit = Duration::from_secs(20);
    let mut second = client.connect_at(&to, 0, Some(limit)).unwrap();
    second.write_all(b"x").unwrap();
    let mut far = far_ends.lock().unwrap().pop().unwrap();
    far.read_exact(&mut [0]).unwrap();
}

// shows B3: who gave up waiting for an absent device leaves nothing behind: no driver looks for it any more.
#[test]
fn a_dial_that_was_given_up_keeps_no_driver() {
    let held = Arc::new(());
    let by_opener = held.clone();
    let links = LinkTransport::new(["link"], move |at| {
        let by_driver = by_opener.clone();
        Ok(Place {
            key: at.authority().to_owned(),
            settings: Settings::default(),
            device: Box::new(move || -> io::Result<Box<dyn Link>> {
                let _ = &by_driver;
                Err(io::ErrorKind::NotFound.into())
            }),
        })
    });
    let domain = Domain::new();
    domain.add(links);
    let client = domain.broker("client").unwrap();
    for to in ["link://absent", "link+plain://absent"] {
        let limit = Duration::from_millis(50);
        client.connect_at(&at(to), 1, Some(limit)).unwrap_err();
        eventually("the driver has ended", || Arc::strong_count(&held) == 2);
    }
}

// shows B3: connections that nobody takes wait up to a limit; who comes then is told which limit.
#[test]
fn a_full_backlog_refuses() {
    let (near, far) = UnixStream::pair().unwrap();
    let end = |end| {
        transport(
            Settings::default(),
            Once::new(Descriptor::new(end).unwrap()),
        )
    };
    let (server, client) = (end(near), end(far));
    let to = at("link://cable");
    let options = Options::new().with_max_hellos(2);
    let _listener = server.listen(&to, &options).unwrap();
    let dial = || futures_lite::future::block_on(client.dial(&to, &options));
    let _taken = (dial().unwrap(), dial().unwrap());
    let refused = dial().map(drop).unwrap_err().to_string();
    assert!(refused.contains("backlog"), "{refused}");
}

// shows B3: a dial that the other end had not answered when the link broke is made anew over the next one.
#[test]
fn a_dial_outlives_a_link_that_breaks() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let (server_end, client_end) = UnixStream::pair().unwrap();
    let mut links = vec![client_end, near];
    let device = move || -> io::Result<Box<dyn Link>> {
        match links.pop() {
            Some(end) => Ok(Box::new(Descriptor::new(end)?)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    };
    let client = transport(Settings::default(), device);
    let to = at("link://cable");
    let dialling = {
        let to = to.clone();
        thread::spawn(move || {
            let options = Options::new();
            futures_lite::future::block_on(client.dial(&to, &options)).map(drop)
        })
    };
    // The first one greets, and does not answer.
    let start = Instant::now();
    let mut mux = link_mux::Mux::<link_mux::Queues>::new(Config::default(), 7).unwrap();
    mux.link_up(start.elapsed());
    let (mut buf, mut asked) = ([0; 1024], false);
    far.set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    while !asked {
        assert!(start.elapsed() < LIMIT, "nobody dials");
        let n = mux.transmit(start.elapsed(), &mut buf);
        far.write_all(&buf[..n]).unwrap();
        if let Ok(n) = far.read(&mut buf) {
            mux.receive(start.elapsed(), &buf[..n]);
        }
        while let Some(event) = mux.poll_event() {
            asked |= matches!(event, link_mux::Event::Incoming(_));
        }
    }
    drop(far);
    let server = transport(
        Settings::default(),
        Once::new(Descriptor::new(server_end).unwrap()),
    );
    let _listener = server.listen(&to, &Options::new()).unwrap();
    let (told, answer) = mpsc::channel();
    thread::spawn(move || told.send(dialling.join().unwrap()));
    answer.recv_timeout(LIMIT).unwrap().unwrap();
}

// shows T4: ends that say often that they are there do not keep each other's devices open.
#[test]
fn a_short_keep_alive_keeps_no_link_open() {
    let settings = Settings {
        mux: Config {
            keep_alive: Some(Duration::from_millis(20)),
            ..Config::default()
        },
        ..Settings::default()
    };
    let (near, far) = UnixStream::pair().unwrap();
    // Each device has one, for as long as its driver has the device.
    let in_use = Arc::new(());
    let [server, client] = [near, far].map(|end| {
        let mut once = Once::new(Descriptor::new(end).unwrap());
        let in_use = in_use.clone();
        let device = move || {
            let _ = &in_use;
            once.open()
        };
        let domain = domain(settings.clone(), device);
        domain.broker("end").unwrap()
    });
    server.listen(&at("link://cable")).unwrap();
    drop(meet(&server, &client, 7));
    drop((server, client));
    eventually("both are closed", || Arc::strong_count(&in_use) == 1);
}

/// Gives something to read whenever it is asked.
struct Flood(Arc<AtomicBool>);

impl Link for Flood {
    fn poll_read(&mut self, _: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        into.fill(0x55);
        Poll::Ready(Ok(into.len()))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(from.len()))
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

// shows B3: a device that sends rubbish without a pause is closed as well when nobody wants it any more.
#[test]
fn a_flood_that_nobody_wants_keeps_no_link_open() {
    let closed = Arc::<AtomicBool>::default();
    let client = domain(Settings::default(), Once::new(Flood(closed.clone())))
        .broker("client")
        .unwrap();
    let limit = Some(Duration::from_millis(50));
    assert!(client.connect_at(&at("link://cable"), 1, limit).is_err());
    eventually("the link is closed", || closed.load(Ordering::SeqCst));
}
