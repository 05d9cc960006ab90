use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::*;
use crate::tls::{Credentials, Pem};

/// A client and a server that trust each other.
pub(in crate::tls) fn sides() -> (Side, Side) {
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = CertifiedIssuer::self_signed(authority, key).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["box".to_owned()]).unwrap();
    let credentials = Credentials::from_pem(Pem {
        ca: authority.pem().as_bytes(),
        cert: own.signed_by(&key, &authority).unwrap().pem().as_bytes(),
        key: key.serialize_pem().as_bytes(),
    })
    .unwrap();
    let (client, server) = (credentials.client().unwrap(), credentials.server().unwrap());
    let name = "box".try_into().unwrap();
    let client = UnbufferedClientConnection::new(client, name).unwrap();
    let server = UnbufferedServerConnection::new(server).unwrap();
    (Side::Client(client), Side::Server(server))
}

fn pair() -> (Session, Session) {
    let (client, server) = sides();
    let mut sides = (Session::new(client), Session::new(server));
    sides.0.start();
    sides
}

/// What is outgoing at one side comes to the other in pieces; returns the plaintext.
fn carry(from: &mut Session, to: &mut Session, piece: usize) -> Vec<u8> {
    let mut plain = Vec::new();
    for new in std::mem::take(&mut from.outgoing).chunks(piece) {
        let start = to.undigested();
        let mut wire = vec![0xee; start];
        wire.extend_from_slice(new);
        to.receive(&mut wire, start, &mut |bytes| {
            plain.extend_from_slice(bytes)
        });
    }
    plain
}

fn shake_hands(client: &mut Session, server: &mut Session, piece: usize) {
    for _ in 0..3 {
        assert!(carry(client, server, piece).is_empty());
        assert!(carry(server, client, piece).is_empty());
    }
    assert!(client.is_established() && server.is_established());
}

/// Seals all of `bufs`; returns how much was taken at a time.
fn seal_all(side: &mut Session, bufs: &[&[u8]]) -> Vec<usize> {
    let all = bufs.concat();
    let (mut out, mut gathered) = (vec![0; SEALED], vec![0; FRAGMENT]);
    let mut steps = Vec::new();
    let mut done = 0;
    while done < all.len() {
        let mut before = done;
        let rest: Vec<IoSlice<'_>> = bufs
            .iter()
            .map(|buf| {
                let skip = before.min(buf.len());
                before -= skip;
                IoSlice::new(&buf[skip..])
            })
            .collect();
        let (taken, used) = side.seal(&rest, &mut out, &mut gathered).unwrap();
        side.outgoing.extend_from_slice(&out[..used]);
        done += taken;
        steps.push(taken);
    }
    steps
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7 + i / 251) as u8).collect()
}

// shows C1: whatever pieces it comes in; and nothing is kept that was digested.
#[test]
fn pieces_of_any_size() {
    let data = pattern(40_000);
    for piece in [1, 2, 3, 5, 64, 1000, 1 << 20] {
        let (mut client, mut server) = pair();
        shake_hands(&mut client, &mut server, piece);
        seal_all(&mut client, &[&data]);
        assert!(carry(&mut client, &mut server, piece) == data, "{piece}");
        seal_all(&mut server, &[&data]);
        server.close();
        assert!(carry(&mut server, &mut client, piece) == data, "{piece}");
        assert!(client.has_ended() && !server.has_ended());
        for side in [&client, &server] {
            assert_eq!(
                (side.undigested.capacity(), side.outgoing.capacity()),
                (0, 0)
            );
            assert_eq!(side.failure(), None);
        }
    }
}

// shows C1: records are filled from slices of all sizes, and a batch is no larger than its room.
#[test]
fn slices_of_any_size() {
    let (mut client, mut server) = pair();
    shake_hands(&mut client, &mut server, 1 << 20);
    let data = pattern(300_000);
    let cuts = [
        0,
        4,
        4,
        20,
        FRAGMENT,
        FRAGMENT + 1,
        40_000,
        150_000,
        150_001,
        data.len(),
    ];
    let mut bufs: Vec<&[u8]> = cuts.windows(2).map(|cut| &data[cut[0]..cut[1]]).collect();
    bufs.push(&[]);
    let steps = seal_all(&mut client, &bufs);
    assert!(
        steps.iter().all(|taken| *taken <= RECORDS * FRAGMENT),
        "{steps:?}"
    );
    assert!(steps.len() <= 5, "{steps:?}");
    assert!(carry(&mut client, &mut server, 50_000) == data);
}

// The end is said once, by whoever closes first too early: when the handshake is done.
#[test]
fn an_end_before_the_beginning() {
    let (mut client, mut server) = pair();
    server.close();
    server.close();
    shake_hands(&mut client, &mut server, 100);
    assert!(client.has_ended());
    seal_all(&mut client, &[b"last words"]);
    assert_eq!(carry(&mut client, &mut server, 100), b"last words");
}

// Keys may seal so many records only; then they are changed on the way.
#[test]
#[ignore = "17 million records: half a minute in a release build"]
fn keys_that_are_worn_out() {
    let (mut client, mut server) = pair();
    shake_hands(&mut client, &mut server, 1 << 20);
    for round in 0..(1_u32 << 24) + 1000 {
        let bytes = round.to_be_bytes();
        seal_all(&mut client, &[&bytes]);
        assert_eq!(carry(&mut client, &mut server, 1 << 20), bytes);
        assert_eq!(server.failure(), None);
    }
}
