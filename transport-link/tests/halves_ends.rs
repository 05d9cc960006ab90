//! How the end of a half that blocks is told.
#![cfg(unix)]

mod support;

use std::io::{self, Read};

use channel::ReadError;
use transport_link::{Halves, Once, Settings};

use support::{LIMIT, at, domain};

/// Reads one byte, then fails in some way.
struct Fails {
    left: usize,
    how: fn() -> io::Result<usize>,
}

impl Read for Fails {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return (self.how)();
        }
        self.left -= 1;
        buf[0] = b'x';
        Ok(1)
    }
}

/// What the user of a plain stream over halves that block sees when the reading fails.
fn after_one_byte(how: fn() -> io::Result<usize>) -> Result<usize, ReadError> {
    let link = Halves::new(Fails { left: 1, how }, io::sink()).unwrap();
    let client = domain(Settings::default(), Once::new(link))
        .broker("client")
        .unwrap();
    let to = at("link+plain://cable");
    let mut channel = client.connect_at(&to, 0, Some(LIMIT)).unwrap();
    let mut buf = [0];
    channel.read_exact_timeout(&mut buf, LIMIT).unwrap();
    channel.read_timeout(&mut buf, LIMIT)
}

// shows C6, T6.
#[test]
fn a_half_that_fails_is_a_loss_and_one_that_ends_is_an_end() {
    for _ in 0..100 {
        let lost = after_one_byte(|| Err(io::Error::other("pulled out")));
        assert!(matches!(lost, Err(ReadError::PeerLost(_))), "{lost:?}");
        let ended = after_one_byte(|| Ok(0));
        assert!(matches!(ended, Ok(0)), "{ended:?}");
    }
}

// shows C6: also where the half's code panics.
#[test]
fn a_half_that_panics_is_a_loss() {
    let lost = after_one_byte(|| panic!("a panic that the test is about"));
    assert!(matches!(lost, Err(ReadError::PeerLost(_))), "{lost:?}");
}
