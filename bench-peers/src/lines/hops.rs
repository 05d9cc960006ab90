//! Threads between the terminal and those who use it, and nothing else: what it costs that somebody else's thread
//! reads and writes.

use super::{Direction, terminal};
use crate::sockets::{BytesEnd, FromChannel, Way};
use channel::{Channel, Domain, Options};
use std::fs::File;
use std::io::{Read, Write};
use std::marker::PhantomData;
use std::thread;

/// What a thread moves at once, as a link's driver.
const CHUNK: usize = 64 * 1024;

/// A channel in memory at either end, and a thread for each direction that moves bytes between it and the terminal.
pub struct Hops<D>(PhantomData<D>);

impl<D: Direction> Way for Hops<D> {
    type Raw = Channel;
    type End = BytesEnd;

    fn connect() -> (Channel, Channel) {
        let (a, b) = D::ends(terminal());
        (behind(a), behind(b))
    }

    async fn end(channel: Channel, size: usize) -> BytesEnd {
        BytesEnd::from_channel(channel, size)
    }
}

/// Two ends of a channel in memory.
fn channels() -> (Channel, Channel) {
    let domain = Domain::new();
    let [here, there] = ["here", "there"].map(|name| {
        let broker = domain.broker_with(name, Options::new());
        broker.expect("a new domain")
    });
    let connecting = thread::spawn(move || there.connect("here", 1));
    let accepted = here.accept(1).expect("the broker is open");
    let connected = connecting.join().expect("the connecting thread");
    (connected.expect("somebody accepts"), accepted)
}

/// A channel whose bytes come from the file and go there.
fn behind(file: File) -> Channel {
    let (ours, theirs) = channels();
    let (mut reader, mut writer) = theirs.split();
    let mut into = file.try_clone().expect("a descriptor");
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        loop {
            match reader.read(&mut buffer) {
                Ok(n @ 1..) => into.write_all(&buffer[..n]).expect("the terminal is open"),
                // The other end's reading thread finds nobody who wants this byte, and ends.
                _ => break drop(into.write_all(&[0])),
            }
        }
    });
    let mut from = file;
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            if writer.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
    });
    ours
}
