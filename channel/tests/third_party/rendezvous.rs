use std::io::{Read, Write};
use std::thread;

use async_io::Async;
use channel::{ConnectError, Options, ReadError, WriteError};

use crate::stage::{LONG, Place};

fn talk(ours: &mut channel::Channel, theirs: &mut channel::Channel) {
    let data: Vec<u8> = (0..300_000u32).map(|i| (i * 7 % 251) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| theirs.write_all(&data).unwrap());
        let mut got = vec![0; data.len()];
        ours.read_exact(&mut got).unwrap();
        assert!(got == data);
    });
}

// shows B2, B6, C1: the same two calls, the connector first or the acceptor first.
#[test]
fn they_meet_in_both_orders() {
    let place = Place::new();
    let (server, client, at) = (
        place.server(Options::new()),
        place.client(),
        place.endpoint(),
    );
    for acceptor_first in [true, false] {
        let mut acceptor = server.acceptor(7);
        if acceptor_first {
            assert!(acceptor.try_accept().is_err());
        }
        let (client, at) = (client.clone(), at.clone());
        let connecting = thread::spawn(move || client.connect_at(&at, 7, Some(LONG)).unwrap());
        let mut ours = acceptor.accept_timeout(LONG).unwrap();
        let mut theirs = connecting.join().unwrap();
        assert_eq!(ours.handle().peer_name(), "client");
        assert_eq!(theirs.handle().peer_name(), "server");
        talk(&mut ours, &mut theirs);
        talk(&mut theirs, &mut ours);
        theirs.disconnect();
        assert_eq!(ours.read_timeout(&mut [0; 8], LONG).unwrap(), 0);
        assert!(matches!(
            theirs.read(&mut [0; 8]),
            Err(ReadError::Disconnected)
        ));
    }
}

// shows B2: local and remote partners stand in one line, first come first served.
#[test]
fn local_and_remote_connectors_stand_in_one_line() {
    let place = Place::new();
    let (server, client, at) = (
        place.server(Options::new()),
        place.client(),
        place.endpoint(),
    );
    let inside = server.domain().broker("inside").unwrap();
    let local = thread::spawn(move || inside.connect("server", 7).unwrap());
    crate::stage::eventually("the local one waits", || server.waiting(7).connectors == 1);
    let remote = thread::spawn(move || client.connect_at(&at, 7, Some(LONG)).unwrap());
    crate::stage::eventually("both wait", || server.waiting(7).connectors == 2);
    assert_eq!(server.accept(7).unwrap().handle().peer_name(), "inside");
    assert_eq!(server.accept(7).unwrap().handle().peer_name(), "client");
    local.join().unwrap();
    remote.join().unwrap();
}

// shows C6: a lost peer is not an orderly end.
#[test]
fn a_killed_peer_is_not_an_orderly_end() {
    let place = Place::new();
    let server = place.server(Options::new());
    let mut raw = place.raw();
    raw.hello(7);
    let accepting = thread::spawn(move || server.accept(7).unwrap());
    raw.welcome();
    raw.send(channel::wire::hello::Message::Go);
    raw.stream
        .write_all(&channel::wire::record::encode_data(3))
        .unwrap();
    raw.stream.write_all(b"abc").unwrap();
    drop(raw);
    let mut channel = accepting.join().unwrap();
    let mut buf = [0; 3];
    channel.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"abc");
    assert!(matches!(
        channel.read(&mut buf),
        Err(ReadError::PeerLost(_))
    ));
    assert!(matches!(
        channel.write_all(&vec![0; 1 << 20]).map_err(|e| e.error),
        Err(WriteError::PeerLost(_) | WriteError::PeerClosed | WriteError::Broken(_))
    ));
}

// shows T6: plain mode is a bare stream, and a FIN is an orderly end.
#[test]
fn a_plain_endpoint_talks_to_any_program() {
    let place = Place::new();
    let server = place.domain().broker("server").unwrap();
    let error = server
        .listen(&"unix+plain://bare".parse().unwrap())
        .unwrap_err();
    assert!(error.to_string().contains("?port="), "{error}");
    server
        .listen(
            &"unix+plain://bare?port=9"
                .parse()
                .unwrap_or_else(|e| panic!("{e}")),
        )
        .unwrap();
    let path = place.directory.join("bare");
    let program = thread::spawn(move || {
        let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let mut channel = server.accept(9).unwrap();
    let mut request = String::new();
    std::io::Read::read_to_string(&mut channel, &mut request).unwrap();
    assert_eq!(request, "GET / HTTP/1.0\r\n\r\n");
    channel.write_all(b"hello").unwrap();
    drop(channel);
    assert_eq!(program.join().unwrap(), "hello");
    // The other way round: a connector that dials a plain service.
    let listener = std::os::unix::net::UnixListener::bind(place.directory.join("theirs")).unwrap();
    let service = thread::spawn(move || listener.accept().unwrap().0.write_all(b"time").unwrap());
    let mut channel = place
        .client()
        .connect_at(&"unix+plain://theirs".parse().unwrap(), 0, Some(LONG))
        .unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut channel, &mut answer).unwrap();
    assert_eq!(answer, "time");
    service.join().unwrap();
}

// shows B3, T3: each refusal is an error of its own that names the address.
#[test]
fn refusals_say_why() {
    let place = Place::new();
    let (server, client) = (place.server(Options::new()), place.client());
    let connect = |at: &str| {
        client
            .connect_at(&at.parse().unwrap(), 7, Some(LONG))
            .unwrap_err()
    };
    let error = connect("unix://hall/other");
    assert!(
        matches!(error, ConnectError::NoSuchBroker { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("unix://hall/other"), "{error}");
    let error = connect("unix://nowhere/server");
    assert!(matches!(error, ConnectError::Dial { .. }), "{error}");
    assert!(
        error.to_string().contains("unix://nowhere/server"),
        "{error}"
    );
    // Something listens that is no broker of ours.
    let path = place.directory.join("ssh");
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    let other = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(b"SSH-2.0-OpenSSH_9.7\r\n").unwrap();
        let _ = stream.read(&mut [0; 64]);
    });
    let error = connect("unix://ssh/server");
    assert!(matches!(error, ConnectError::Protocol { .. }), "{error}");
    other.join().unwrap();
    // The broker closes while somebody waits.
    let at = place.endpoint();
    let waiting = thread::spawn(move || client.connect_at(&at, 7, Some(LONG)).unwrap_err());
    crate::stage::eventually("it waits", || server.waiting(7).connectors == 1);
    server.close();
    let error = waiting.join().unwrap();
    assert!(matches!(error, ConnectError::Closed { .. }), "{error}");
}

// shows T7's seam: a connection over a socket pair, without listener or broker of ours.
#[test]
fn a_connection_can_be_made_of_a_socket_pair() {
    let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
    let at: channel::Endpoint = "unix://pair".parse().unwrap();
    let mut a = crate::unix::connection(Async::new(a).unwrap(), at.clone(), 64);
    let mut b = crate::unix::connection(Async::new(b).unwrap(), at, 64);
    a.sink
        .write(&[std::io::IoSlice::new(b"bare")], None)
        .unwrap();
    a.sink.finish().unwrap();
    let mut buf = [0; 8];
    let n = b
        .source
        .read(&mut [std::io::IoSliceMut::new(&mut buf)], None)
        .unwrap();
    assert_eq!(&buf[..n], b"bare");
    assert_eq!(b.source.fill(None).unwrap(), 0);
}
