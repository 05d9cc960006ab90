//! Links that are plugged in, break and come back; and what dials and listeners are told meanwhile.
#![cfg(unix)]

mod support;

use std::io;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use channel::{ConnectError, DialError, ListenError, Options, ReadError, Receipt, WriteError};
use support::plug::{Cable, Socket};
use support::{LIMIT, at, domain, eventually, meet, transport};
use transport_link::{Config, Descriptor, Once, Settings};

/// What an impatient caller waits.
const MOMENT: Duration = Duration::from_millis(50);

/// Two brokers, each with an end of a link: a listening server, a client, and their sockets.
fn two() -> (channel::Broker, channel::Broker, Socket, Socket) {
    let (near, far) = (Socket::default(), Socket::default());
    let server = domain(Settings::default(), near.clone())
        .broker("server")
        .unwrap();
    let client = domain(Settings::default(), far.clone())
        .broker("client")
        .unwrap();
    server.listen(&at("link://cable")).unwrap();
    (server, client, near, far)
}

// shows C6, T4: a link that breaks in the middle of streams is a lost peer on both sides, behind what had arrived;
// and the next session is served by the same listener.
#[test]
fn a_link_that_breaks_comes_back() {
    let (server, client, near, far) = two();
    for round in 0..3 {
        let cable = Cable::between(&near, &far);
        let (mut ours, mut theirs) = meet(&server, &client, 7);
        ours.write_all(b"arrived").unwrap();
        theirs.read_exact(&mut [0; 3]).unwrap();
        let reading = thread::spawn(move || {
            let mut got = Vec::new();
            loop {
                let mut buf = [0; 64];
                match theirs.read_timeout(&mut buf, LIMIT) {
                    Ok(n) => got.extend_from_slice(&buf[..n]),
                    Err(error) => return (got, error, theirs),
                }
            }
        });
        let blocked = thread::spawn(move || {
            loop {
                if let Err(error) = ours.write_timeout(&[b'x'; 4096], LIMIT) {
                    return (error, ours);
                }
            }
        });
        thread::sleep(Duration::from_millis(5 * round));
        cable.pull_out();
        let (error, ours) = blocked.join().unwrap();
        assert!(matches!(error, WriteError::PeerLost(_)), "{error:?}");
        let (got, error, mut theirs) = reading.join().unwrap();
        assert!(matches!(error, ReadError::PeerLost(_)), "{error:?}");
        assert_eq!(&got[..4], b"ived");
        assert!(got[4..].iter().all(|&byte| byte == b'x'));
        assert!(matches!(theirs.write(b"y"), Err(WriteError::PeerLost(_))));
        // Nobody can know any more what was read.
        assert_eq!(ours.handle().receipt_timeout(LIMIT), Receipt::Unknown);
    }
}

// shows T4, B3: whoever dials an absent device waits, for its time limit; and is connected once the device is there.
#[test]
fn an_absent_device_is_waited_for() {
    let (server, client, near, far) = two();
    let start = Instant::now();
    let error = client
        .connect_at(&at("link://cable"), 7, Some(MOMENT))
        .unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
    assert!(start.elapsed() >= MOMENT);
    let connecting = {
        let client = client.clone();
        thread::spawn(move || client.connect_at(&at("link://cable"), 7, Some(LIMIT)))
    };
    eventually("it tries", || near.opened() > 2 && far.opened() > 2);
    let _cable = Cable::between(&near, &far);
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    let mut theirs = connecting.join().unwrap().unwrap();
    ours.write_all(b"x").unwrap();
    theirs.read_exact(&mut [0; 1]).unwrap();
}

// shows T4: a device that cannot be opened is told at once to whoever dials or listens, and tried again.
#[test]
fn a_device_that_cannot_be_opened_is_told_at_once() {
    let (near, far) = (Socket::default(), Socket::default());
    let refused = Some(io::ErrorKind::PermissionDenied);
    near.fails(refused);
    far.fails(refused);
    let server = domain(Settings::default(), near.clone())
        .broker("server")
        .unwrap();
    let client = domain(Settings::default(), far.clone())
        .broker("client")
        .unwrap();
    let error = server.listen(&at("link://cable")).unwrap_err();
    assert!(
        matches!(&error, ListenError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied),
        "{error:?}"
    );
    for _ in 0..2 {
        let error = client.connect_at(&at("link://cable"), 7, None).unwrap_err();
        let told = match &error {
            ConnectError::Dial {
                error: DialError::Io(error),
                ..
            } => error.kind(),
            other => panic!("{other:?}"),
        };
        assert_eq!(told, io::ErrorKind::PermissionDenied);
    }
    near.fails(None);
    far.fails(None);
    let _cable = Cable::between(&near, &far);
    server.listen(&at("link://cable")).unwrap();
    meet(&server, &client, 7);
    // One that listens already goes on trying.
    near.fails(refused);
    _cable.pull_out();
    let tried = near.opened();
    eventually("it tries again", || near.opened() > tried + 1);
    near.fails(None);
    let _cable = Cable::between(&near, &far);
    meet(&server, &client, 7);
}

// shows B3: where nobody listens, a dial is told so at once, if somebody holds the link; and the held link is used
// by a listener that comes.
#[test]
fn nobody_listens_at_a_link_that_is_held() {
    let (near, far) = (Socket::default(), Socket::default());
    let _cable = Cable::between(&near, &far);
    let links = transport(Settings::default(), near.clone());
    let held = links.hold(&at("link://cable")).unwrap();
    let client = domain(Settings::default(), far).broker("client").unwrap();
    let error = client.connect_at(&at("link://cable"), 7, None).unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Dial {
                error: DialError::NotFound,
                ..
            }
        ),
        "{error:?}"
    );
    let domain = channel::Domain::new();
    domain.add(links);
    let server = domain.broker("server").unwrap();
    server.listen(&at("link://cable")).unwrap();
    drop(held);
    meet(&server, &client, 7);
    assert_eq!(near.opened(), 1);
}

// shows B1, E3: a device is one listener's, and is used in one way at a time; the error says in which.
#[test]
fn a_device_is_used_in_one_way() {
    let (server, _client, near, far) = two();
    let _cable = Cable::between(&near, &far);
    let error = server.listen(&at("link://cable")).unwrap_err();
    assert!(matches!(error, ListenError::Taken(_)), "{error:?}");
    let error = server.listen(&at("link+plain://cable?port=1")).unwrap_err();
    assert!(
        error.to_string().contains("in use with many channels"),
        "{error}"
    );
    // What is misspelt, and what the opener says of it.
    let error = server.listen(&at("link://cable?speed=9")).unwrap_err();
    assert!(error.to_string().contains("speed"), "{error}");
    let error = server.listen(&at("link://other")).unwrap_err();
    assert!(error.to_string().contains("no such link"), "{error}");
}

// shows B3: as many channels as the other end takes, and no more: the error says which limit.
#[test]
fn limits_are_named() {
    let (near, far) = (Socket::default(), Socket::default());
    let _cable = Cable::between(&near, &far);
    let few = Settings {
        mux: Config {
            max_channels: 2,
            ..Config::default()
        },
        ..Settings::default()
    };
    let server = domain(few, near).broker("server").unwrap();
    server.listen(&at("link://cable")).unwrap();
    let small = Settings {
        mux: Config {
            max_credit: 200_000,
            ..Config::default()
        },
        ..Settings::default()
    };
    let links = transport(small, far);
    let _held = links.hold(&at("link://cable")).unwrap();
    let domain = channel::Domain::new();
    domain.add(links);
    let client = domain.broker("client").unwrap();
    let first = meet(&server, &client, 7);
    // Of 64 KiB each, three fit into 200,000 bytes.
    let big = client
        .domain()
        .broker_with("big", Options::new().with_capacity(1 << 18))
        .unwrap();
    let error = big.connect_at(&at("link://cable"), 7, None).unwrap_err();
    assert!(
        error.to_string().contains("200000 bytes together"),
        "{error}"
    );
    let second = meet(&server, &client, 7);
    let error = client.connect_at(&at("link://cable"), 7, None).unwrap_err();
    assert!(
        error.to_string().contains("takes 2 channels at once"),
        "{error}"
    );
    drop((first, second));
    // Refused, until the server knows that the others are gone.
    let accepting = thread::spawn(move || server.accept_timeout(7, LIMIT));
    let mut met = None;
    eventually("there is room again", || {
        met = client.connect_at(&at("link://cable"), 7, Some(LIMIT)).ok();
        met.is_some()
    });
    accepting.join().unwrap().unwrap();
}

// shows T5: a link that was given in code, and cannot be opened again, outlives its channels while it is held.
#[test]
fn a_link_that_is_held_outlives_its_channels() {
    let (near, far) = UnixStream::pair().unwrap();
    let device = |end| Once::new(Descriptor::new(end).unwrap());
    let server = domain(Settings::default(), device(near))
        .broker("server")
        .unwrap();
    server.listen(&at("link://cable")).unwrap();
    let links = transport(Settings::default(), device(far));
    let held = links.hold(&at("link://cable")).unwrap();
    let domain = channel::Domain::new();
    domain.add(links);
    let client = domain.broker("client").unwrap();
    meet(&server, &client, 7);
    // Longer than a driver keeps a link that nobody uses.
    thread::sleep(Duration::from_millis(600));
    meet(&server, &client, 7);
    drop(held);
    eventually("it is over", || {
        let limit = Some(Duration::from_millis(1));
        let error = client
            .connect_at(&at("link://cable"), 7, limit)
            .unwrap_err();
        thread::sleep(Duration::from_millis(300));
        error.to_string().contains("give another one")
    });
}

// shows E3: a line that is looped says so.
#[test]
fn an_echo_is_told() {
    let (device, far) = UnixStream::pair().unwrap();
    let echo = thread::spawn(move || {
        let (mut from, mut to) = (far.try_clone().unwrap(), far);
        io::copy(&mut from, &mut to)
    });
    let socket = Socket::default();
    socket.put(device);
    let client = domain(Settings::default(), socket)
        .broker("client")
        .unwrap();
    let error = client
        .connect_at(&at("link://cable"), 7, Some(LIMIT))
        .unwrap_err();
    assert!(error.to_string().contains("comes back"), "{error}");
    drop(client);
    let _ = echo.join().unwrap();
}

// shows B3: a dial that is dropped is withdrawn, at whatever stage, and nobody is matched with it.
#[test]
fn a_dropped_dial_withdraws() {
    let (server, client, near, far) = two();
    let target = at("link://cable");
    // The device is absent.
    for _ in 0..3 {
        let limit = Some(Duration::from_millis(1));
        assert!(client.connect_at(&target, 7, limit).is_err());
    }
    let _cable = Cable::between(&near, &far);
    // At every stage of the opening and of the handshake.
    for micros in (0..3000).step_by(150) {
        let limit = Some(Duration::from_micros(micros));
        assert!(client.connect_at(&target, 7, limit).is_err());
    }
    eventually("they are gone", || server.waiting(7).connectors == 0);
    meet(&server, &client, 7);
}

// shows C9: receipts are exact over a link, whoever leaves first.
#[test]
fn receipts_are_exact() {
    let (server, client, near, far) = two();
    let _cable = Cable::between(&near, &far);
    for read in [0, 1, 700, 1000] {
        let (mut ours, mut theirs) = meet(&server, &client, 7);
        ours.write_all(&[1; 1000]).unwrap();
        theirs.read_exact(&mut vec![0; read]).unwrap();
        drop(theirs);
        let expected = match 1000 - read as u64 {
            0 => Receipt::Complete,
            unread => Receipt::Partial {
                read: read as u64,
                unread,
            },
        };
        assert_eq!(ours.close_timeout(LIMIT), expected);
    }
}

// shows B2: a hundred channels, each with its own stream both ways, at once.
#[test]
fn a_hundred_channels_at_once() {
    const EACH: usize = 200_000;
    let (server, client, near, far) = two();
    let _cable = Cable::between(&near, &far);
    let byte = |of: usize, i: usize| (i * 7 + of * 31) as u8;
    let threads: Vec<_> = (0..100)
        .flat_map(|of| {
            let (ours, theirs) = meet(&server, &client, of as u16);
            [(ours, of), (theirs, of + 1000)]
        })
        .map(|(channel, of)| {
            thread::spawn(move || {
                let (mut reader, mut writer) = channel.split();
                let writing = thread::spawn(move || {
                    let bytes: Vec<u8> = (0..EACH).map(|i| byte(of, i)).collect();
                    bytes
                        .chunks(3000)
                        .for_each(|chunk| writer.write_all(chunk).unwrap());
                });
                let from = if of < 1000 { of + 1000 } else { of - 1000 };
                let mut all = Vec::new();
                let mut buf = vec![0; 5000];
                while let n @ 1.. = reader.read_timeout(&mut buf, LIMIT).unwrap() {
                    all.extend_from_slice(&buf[..n]);
                }
                writing.join().unwrap();
                assert_eq!(all.len(), EACH);
                assert!(all.iter().enumerate().all(|(i, &b)| b == byte(from, i)));
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}
