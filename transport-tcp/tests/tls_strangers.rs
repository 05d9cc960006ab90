//! Whoever comes to a `tls:` listener without speaking TLS, and what a `tls:` client finds that comes to
//! something else: clear errors, in bounded time.
#![cfg(feature = "tls")]

mod support;
mod tls_support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use channel::{ConnectError, Options};
use support::{LIMIT, at, eventually, talk};
use tls_support::{client, domain, listen, meet, mutual};
use transport_tcp::TlsError;

const HELLO: &str = "tls://127.0.0.1:0/server";
const PLAIN: &str = "tls+plain://127.0.0.1:0?port=7";

fn stranger(to: &channel::Endpoint) -> TcpStream {
    let stream = TcpStream::connect(to.authority()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Reads to the end of the stream, or its reset.
fn drain(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    all
}

// shows T3: garbage of many kinds is answered with an alert at most, and nobody else is disturbed.
#[test]
fn garbage() {
    let credentials = mutual();
    let client = client(&credentials);
    for place in [HELLO, PLAIN] {
        let (server, to) = listen(&credentials, place);
        let (mut ours, mut theirs) = meet(&server, &client, &to, 7);
        // The head of a record of the handshake, and of a hello in it that is 64 KiB long.
        let mut endless = Vec::new();
        for head in [[1, 0, 0xff, 0xff], [0; 4], [0; 4], [0; 4]] {
            endless.extend([22, 3, 1, 0x40, 0]);
            endless.extend(head);
            endless.extend([0; 0x3ffc]);
        }
        for garbage in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            &[0; 100_000],
            &[22, 3, 1, 0xff, 0xff],
            &[22, 3, 1, 0, 4, 1, 0, 0, 0],
            &[21, 3, 3, 0, 2, 2, 0],
            &[23, 3, 3, 0, 5, 1, 2, 3, 4, 5],
            &endless,
        ] {
            let mut stranger = stranger(&to);
            // It may be thrown out before all has left.
            let _ = stranger.write_all(garbage);
            let heard = drain(stranger);
            assert!(heard.len() <= 16, "{place}: {heard:?}");
            talk(&mut ours, &mut theirs);
        }
    }
}

// shows T3: neither a byte at a time nor silence holds a connection beyond the deadline for hellos.
#[test]
fn slow_and_silent_strangers() {
    let options = Options::new().with_hello_deadline(Duration::from_millis(300));
    for place in [HELLO, PLAIN] {
        let server = domain(mutual());
        let server = server.broker_with("server", options.clone()).unwrap();
        let bound = server.listen(&at(place)).unwrap();
        let silent = stranger(bound.endpoint());
        let mut slow = stranger(bound.endpoint());
        let sending = thread::spawn(move || {
            // A record of the handshake that is never whole.
            for byte in [22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc]
                .iter()
                .chain(&[0; 10_000])
            {
                if slow.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(10));
            }
            panic!("it was put up with for 100 seconds");
        });
        assert!(drain(silent).is_empty());
        sending.join().unwrap();
    }
}

// shows T3: when more come than may wait, the oldest goes, and an honest one gets through.
#[test]
fn more_strangers_than_may_wait() {
    let credentials = mutual();
    // It is not the deadline that makes room.
    let options = Options::new()
        .with_max_hellos(2)
        .with_hello_deadline(2 * LIMIT);
    for place in [HELLO, PLAIN] {
        let server = domain(credentials.clone());
        let server = server.broker_with("server", options.clone()).unwrap();
        let to = server.listen(&at(place)).unwrap().endpoint().clone();
        let mut strangers: Vec<_> = (0..5).map(|_| stranger(&to)).collect();
        // The first three had to make room.
        for gone in strangers.drain(..3) {
            assert!(drain(gone).is_empty());
        }
        let (mut ours, mut theirs) = meet(&server, &client(&credentials), &to, 7);
        talk(&mut ours, &mut theirs);
        drop(strangers);
    }
}

// shows T3: a plain connection is handed out when its peer has proved who it is, not before.
#[test]
fn nobody_is_let_in_unproved() {
    let (server, to) = listen(&mutual(), PLAIN);
    let silent = stranger(&to);
    let refused = client(&mutual()).connect_at(&to, 7, Some(LIMIT));
    // A plain client hears of a refusal with its first read; this one has found the server untrusted.
    assert_eq!(
        TlsError::of(&refused.unwrap_err()),
        Some(&TlsError::Untrusted)
    );
    let nobody = server.accept_timeout(7, Duration::from_millis(100));
    assert!(nobody.is_err(), "{nobody:?}");
    drop(silent);
}

// shows T3: a `tcp:` client.
#[test]
fn a_client_that_speaks_no_tls() {
    let (_server, to) = listen(&mutual(), HELLO);
    let to = at(&to.to_string().replacen("tls", "tcp", 1));
    let error = support::client()
        .connect_at(&to, 7, Some(LIMIT))
        .unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Protocol { .. } | ConnectError::Lost { .. }
        ),
        "{error}"
    );
    assert!(error.to_string().contains(to.authority()), "{error}");
}

fn dial_error(to: &str) -> TlsError {
    let error = client(&mutual())
        .connect_at(&at(to), 7, Some(LIMIT))
        .unwrap_err();
    let address = to.split('/').nth(2).unwrap();
    assert!(error.to_string().contains(address), "{error}");
    TlsError::of(&error)
        .unwrap_or_else(|| panic!("{error:?}"))
        .clone()
}

// shows T3: a `tcp:` listener, and other servers that speak no TLS.
#[test]
fn a_server_that_speaks_no_tls() {
    let (_server, to) = support::listen("tcp://127.0.0.1:0/server");
    let error = dial_error(&to.to_string().replacen("tcp", "tls", 1));
    assert!(
        matches!(error, TlsError::NotTls(_) | TlsError::Left),
        "{error:?}"
    );

    for says in ["220 mail.example ESMTP\r\n", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = format!("tls://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            stream.write_all(says.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            drain(stream);
        });
        match dial_error(&to) {
            TlsError::NotTls(_) => assert!(!says.is_empty()),
            TlsError::Left => assert!(says.is_empty()),
            error => panic!("{error:?}"),
        }
        server.join().unwrap();
    }
}

// shows T3: a server that says nothing at all.
#[test]
fn a_silent_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!(
        "tls://{}?connect-timeout=200",
        listener.local_addr().unwrap()
    );
    assert_eq!(
        dial_error(&to),
        TlsError::Silent(Duration::from_millis(200))
    );
}

// A process that lingers does not wait for strangers.
#[test]
fn strangers_are_not_lingered_for() {
    let options = Options::new()
        .with_max_hellos(1)
        .with_hello_deadline(2 * LIMIT);
    let server = domain(mutual()).broker_with("server", options).unwrap();
    let to = server.listen(&at(PLAIN)).unwrap().endpoint().clone();
    // The second has come in when the first is out.
    let first = stranger(&to);
    let second = stranger(&to);
    assert!(drain(first).is_empty());
    // Other tests of this program may have something to linger for, but not for long.
    eventually("nothing lingers", || {
        channel::linger(Duration::from_millis(10)).is_ok()
    });
    drop(second);
}
