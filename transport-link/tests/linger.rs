//! A process that is about to exit waits for what its channels have to say: `channel::linger`.
#![cfg(unix)]

mod support;

use std::time::{Duration, Instant};

use channel::{Options, ReadError, linger};
use support::plug::{Cable, Socket};
use support::{LIMIT, at, domain, meet};
use transport_link::Settings;

// shows C8: nothing lingers when the ends of all channels have left, whoever left first; and while a peer reads
// nothing, it is waited for its time to linger alone.
#[test]
fn an_exit_can_wait_for_the_end() {
    let (near, far) = (Socket::default(), Socket::default());
    let cable = Cable::between(&near, &far);
    let server = domain(Settings::default(), near).broker("server").unwrap();
    server.listen(&at("link://cable")).unwrap();
    let domain = domain(Settings::default(), far);
    let options = Options::new()
        .with_capacity(4096)
        .with_linger(Duration::from_secs(1));
    let client = domain.broker_with("client", options).unwrap();

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
    let (_held, mut theirs) = meet(&server, &client, 7);
    while theirs
        .write_timeout(&[2; 4096], Duration::from_millis(100))
        .is_ok()
    {}
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
