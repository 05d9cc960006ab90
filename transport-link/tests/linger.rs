//! A process that is about to exit waits for what its channels have to say: `channel::linger`.
#![cfg(unix)]

mod support;

use std::time::{Duration, Instant};

use channel::{Options, ReadError, linger};
use support::plug::{Cable, Socket};
use support::{LIMIT, at, domain, eventually, meet};
use transport_link::Settings;

/// Of each channel, in either direction.
const CAPACITY: usize = 4096;

// shows C8: nothing lingers when the ends of all channels have left, whoever left first; and while a peer reads
// nothing, it is waited for its time to linger alone.
#[test]
fn an_exit_can_wait_for_the_end() {
    let (near, far) = (Socket::default(), Socket::default());
    let cable = Cable::between(&near, &far);
    let options = Options::new()
        .with_capacity(CAPACITY)
        .with_linger(Duration::from_secs(1));
    let server = domain(Settings::default(), near)
        .broker_with("server", options.clone())
        .unwrap();
    server.listen(&at("link://cable")).unwrap();
    let client = domain(Settings::default(), far)
        .broker_with("client", options)
        .unwrap();

    // Everything has left: the peer reads all of it, though the link breaks then.
    let (mut ours, mut theirs) = meet(&server, &client, 7);
    theirs.write_all(&[1; 4000]).unwrap();
    drop(theirs);
    linger(LIMIT).unwrap();
    for way in 0..4 {
        let (mut ours, theirs) = meet(&server, &client, 7);
        match way {
            0 => drop((ours, theirs)),
            1 => theirs.disconnect(),
            2 => theirs.handle().abort(),
            _ => {
                let (reader, writer) = theirs.split();
                drop(writer);
                drop(reader);
                assert_eq!(ours.read_timeout(&mut [0; 1], LIMIT).unwrap(), 0);
            }
        }
    }
    linger(LIMIT).unwrap();

    // A peer that reads nothing: for so long, and no longer.
    let (held, mut theirs) = meet(&server, &client, 7);
    eventually("no more fits on either side", || {
        while theirs.try_write(&[2; CAPACITY]).is_ok() {}
        held.totals().unread == CAPACITY as u64 && theirs.totals().unsent == CAPACITY as u64
    });
    let start = Instant::now();
    drop(theirs);
    linger(Duration::ZERO).unwrap_err();
    linger(LIMIT).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));

    cable.pull_out();
    let mut got = Vec::new();
    let end = loop {
        let mut buf = [0; 512];
        match ours.read_timeout(&mut buf, LIMIT) {
            Ok(0) => break Ok(()),
            Ok(n) => got.extend_from_slice(&buf[..n]),
            Err(error) => break Err(error),
        }
    };
    assert_eq!(got, [1; 4000]);
    assert!(matches!(end, Ok(())), "{:?}", end.map_err(|e: ReadError| e));
}
