//! `tls:` checks both sides, and says what is wrong.
#![cfg(feature = "tls")]

mod support;
mod tls_support;

use std::thread;
use std::time::Duration;

use channel::{ConnectError, Options, ReadError, WriteError};
use support::{LIMIT, at, talk};
use tls_support::{Authority, client, domain, listen, meet, mutual};
use transport_tcp::{Credentials, Failure, Failures, TlsError};

/// With buffers of a fixed size: the kernel lets its own grow while nobody reads.
const BOTH: [&str; 2] = [
    "tls://127.0.0.1:0?send-buffer=65536&receive-buffer=65536",
    "tls+plain://127.0.0.1:0?port=7&send-buffer=65536&receive-buffer=65536",
];
const ANYWHERE: &str = "tls://127.0.0.1:0/server";

/// What a client with credentials `theirs` hears that connects to a server with `ours`, as text and taken
/// apart.
fn refused(
    ours: &Credentials,
    theirs: &Credentials,
    name: Option<&str>,
) -> (ConnectError, TlsError) {
    let (server, mut to) = listen(ours, ANYWHERE);
    if let Some(name) = name {
        to = to.with_option("name", name).unwrap();
    }
    let error = client(theirs).connect_at(&to, 7, Some(LIMIT)).unwrap_err();
    // The server goes on, and nobody was let in.
    let nobody = server.accept_timeout(7, Duration::from_millis(50));
    assert!(nobody.is_err(), "{nobody:?}");
    let reason = TlsError::of(&error)
        .unwrap_or_else(|| panic!("{error:?}"))
        .clone();
    // Each names the address that was tried.
    assert!(error.to_string().contains(to.authority()), "{error}");
    (error, reason)
}

// shows T3: both sides show a certificate that the other trusts.
#[test]
fn two_that_trust_each_other() {
    let credentials = mutual();
    let (server, to) = listen(&credentials, ANYWHERE);
    let (mut ours, mut theirs) = meet(&server, &client(&credentials), &to, 7);
    assert_eq!(ours.peer().scheme(), "tls");
    talk(&mut ours, &mut theirs);
}

// shows T3: by a name.
#[test]
fn a_name_that_was_asked_for() {
    let authority = Authority::new("one");
    let server = authority.credentials(&authority.identity_for(&["box.example"]));
    let client = client(&authority.credentials(&authority.identity()));
    let (server, to) = listen(&server, ANYWHERE);
    let to = to.with_option("name", "box.example").unwrap();
    let (mut ours, mut theirs) = meet(&server, &client, &to, 7);
    talk(&mut ours, &mut theirs);
}

// shows T3
#[test]
fn a_server_that_nobody_trusts() {
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let ours = one.credentials(&one.identity());
    let theirs = other.credentials(&one.identity());
    let (error, reason) = refused(&ours, &theirs, None);
    assert_eq!(reason, TlsError::Untrusted);
    let failures = Failures::of(&error).unwrap();
    assert!(matches!(failures.all(), [Failure::Tls { .. }]), "{error}");
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    assert!(
        error.to_string().contains("untrusted certificate"),
        "{error}"
    );
}

// shows T3
#[test]
fn a_client_that_nobody_trusts() {
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let ours = one.credentials(&one.identity());
    let theirs = one.credentials(&other.identity());
    for _ in 0..20 {
        let (error, reason) = refused(&ours, &theirs, None);
        assert!(matches!(reason, TlsError::Refused(_)), "{error}");
        assert!(
            error.to_string().contains("untrusted certificate"),
            "{error}"
        );
    }
}

// shows T3: whoever does not wait for an answer hears of the refusal with the first read, also after its
// writes have failed.
#[test]
fn a_client_that_is_refused_later() {
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let ours = one.credentials(&one.identity());
    let eager = Options::new().with_eager(true);
    let refused = domain(one.credentials(&other.identity()));
    let refused = refused.broker_with("client", eager).unwrap();
    for place in ["tls+plain://127.0.0.1:0?port=7", ANYWHERE] {
        let (_server, to) = listen(&ours, place);
        let connect = || refused.connect_at(&to, 7, Some(LIMIT)).unwrap();
        let mut reading = connect();
        reading.write_all(b"hello").unwrap();
        let error = reading.read_timeout(&mut [0; 8], LIMIT).unwrap_err();
        assert!(
            error.to_string().contains("untrusted certificate"),
            "{place}: {error}"
        );

        let mut writing = connect();
        let mut failed = None;
        support::eventually("a write fails", || {
            failed = writing.write_timeout(&[7; 1000], LIMIT).err();
            failed.is_some()
        });
        if to.is_plain() {
            let error = failed.unwrap().to_string();
            assert!(error.contains("untrusted certificate"), "{error}");
        }
        let error = writing.read_timeout(&mut [0; 8], LIMIT).unwrap_err();
        assert!(
            error.to_string().contains("untrusted certificate"),
            "{place}: {error}"
        );
    }
}

// shows T3
#[test]
fn a_client_without_a_certificate() {
    let one = Authority::new("one");
    let ours = one.credentials(&one.identity());
    let theirs = Credentials::anonymous(one.pem().as_bytes()).unwrap();
    let (error, reason) = refused(&ours, &theirs, None);
    assert!(matches!(reason, TlsError::Refused(_)), "{error}");
    assert!(error.to_string().contains("`cert` and `key`"), "{error}");
    // Unless the server was told to demand none.
    let (server, to) = listen(&ours.without_client_auth(), ANYWHERE);
    let (mut ours, mut theirs) = meet(&server, &client(&theirs), &to, 7);
    talk(&mut ours, &mut theirs);
}

// shows T3
#[test]
fn a_wrong_name() {
    let one = Authority::new("one");
    let ours = one.credentials(&one.identity_for(&["box.example"]));
    let theirs = one.credentials(&one.identity());
    for name in [None, Some("other.example")] {
        let (error, reason) = refused(&ours, &theirs, name);
        let TlsError::WrongName {
            expected,
            presented,
        } = reason
        else {
            panic!("{error}");
        };
        assert_eq!(expected, name.unwrap_or("127.0.0.1"));
        assert_eq!(presented, "box.example");
    }
}

// shows T3
#[test]
fn certificates_that_have_expired() {
    let one = Authority::new("one");
    let (good, bad) = (
        one.credentials(&one.identity()),
        one.credentials(&one.expired()),
    );
    let (error, reason) = refused(&bad, &good, None);
    assert_eq!(reason, TlsError::Expired, "{error}");
    let (error, reason) = refused(&good, &bad, None);
    assert!(matches!(reason, TlsError::Refused(_)), "{error}");
    assert!(error.to_string().contains("expired"), "{error}");
}

// shows T3: on either side.
#[test]
fn a_certificate_of_an_authority() {
    let one = Authority::new("one");
    let (good, bad) = (
        one.credentials(&one.identity()),
        one.credentials(&one.of_an_authority()),
    );
    let (error, reason) = refused(&bad, &good, None);
    assert!(matches!(reason, TlsError::BadCertificate(_)), "{error}");
    assert!(error.to_string().contains("an authority's"), "{error}");
    let (error, reason) = refused(&good, &bad, None);
    assert!(matches!(reason, TlsError::Refused(_)), "{error}");
}

// shows T3, C5: a half-close, and much in both directions at once.
#[test]
fn both_directions_at_once() {
    let credentials = mutual();
    let client = client(&credentials);
    for scheme in BOTH {
        let (server, to) = listen(&credentials, scheme);
        let (ours, theirs) = meet(&server, &client, &to, 7);
        let data = support::pattern(10 << 20);
        thread::scope(|scope| {
            for side in [ours, theirs] {
                let (mut reader, mut writer) = side.split();
                let data = &data;
                scope.spawn(move || {
                    writer.write_all_timeout(data, LIMIT).unwrap();
                    writer.finish().unwrap();
                    assert!(matches!(writer.write(b"x"), Err(WriteError::Finished)));
                });
                scope.spawn(move || {
                    let mut all = vec![0; data.len()];
                    reader.read_exact_timeout(&mut all, LIMIT).unwrap();
                    assert!(all == *data, "{scheme}");
                    assert_eq!(reader.read_timeout(&mut [0; 8], LIMIT).unwrap(), 0);
                });
            }
        });
    }
}

// shows C1: a byte at a time.
#[test]
fn a_trickle() {
    let credentials = mutual();
    let (server, to) = listen(&credentials, ANYWHERE);
    let (ours, mut theirs) = meet(&server, &client(&credentials), &to, 7);
    let data = support::pattern(5000);
    let (expected, (mut reader, writer)) = (data.clone(), ours.split());
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        let mut byte = [0];
        while reader.read_timeout(&mut byte, LIMIT).unwrap() > 0 {
            all.push(byte[0]);
        }
        assert!(all == expected);
    });
    for byte in &data {
        theirs.write_all(std::slice::from_ref(byte)).unwrap();
    }
    drop((theirs, writer));
    reading.join().unwrap();
}

// shows C8, C4: what was written before a disconnect arrives, although bytes of the peer's are unread and
// it has not begun to read.
#[test]
fn a_disconnect_destroys_nothing() {
    let credentials = mutual();
    let client = client(&credentials);
    for scheme in BOTH {
        let (server, to) = listen(&credentials, scheme);
        let (mut ours, mut theirs) = meet(&server, &client, &to, 7);
        theirs.write_all(b"never read").unwrap();
        let mut written = 0;
        while let Ok(n) = ours.try_write(&[7; 100_000]) {
            written += n;
        }
        assert!(written > 0);
        drop(ours);
        let mut all = Vec::new();
        let mut buf = [0; 4096];
        loop {
            match theirs.read_timeout(&mut buf, LIMIT).unwrap() {
                0 => break,
                n => all.extend_from_slice(&buf[..n]),
            }
        }
        assert_eq!(all.len(), written, "{scheme}");
    }
}

// shows C6: an abort is a loss.
#[test]
fn an_abort() {
    let credentials = mutual();
    let client = client(&credentials);
    for scheme in BOTH {
        let (server, to) = listen(&credentials, scheme);
        let (mut ours, mut theirs) = meet(&server, &client, &to, 7);
        talk(&mut ours, &mut theirs);
        ours.handle().abort();
        let error = theirs.read_timeout(&mut [0; 8], LIMIT).unwrap_err();
        assert!(matches!(error, ReadError::PeerLost(_)), "{scheme}: {error}");
    }
}

// shows T3: whoever says nothing is dropped at the deadline for hellos.
#[test]
fn a_silent_stranger() {
    let options = Options::new().with_hello_deadline(Duration::from_millis(200));
    let server = domain(mutual()).broker_with("server", options).unwrap();
    let bound = server.listen(&at(ANYWHERE)).unwrap();
    let mut stranger = std::net::TcpStream::connect(bound.endpoint().authority()).unwrap();
    stranger.set_read_timeout(Some(LIMIT)).unwrap();
    let n = std::io::Read::read(&mut stranger, &mut [0; 8]).unwrap();
    assert_eq!(n, 0);
}
