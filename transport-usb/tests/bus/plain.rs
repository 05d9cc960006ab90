//! Bare streams, with a program at the other end that has no code of ours.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use channel::{Endpoint, ReadError, WriteError};
use usb_gadget::Class;

use crate::support::cable::Cable;
use crate::support::lab::on_the_bus;
use crate::support::raw::{self, PID, RawGadget, VID};
use crate::support::{LIMIT, broker, pattern};

const CABLE: Cable = Cable(0);

/// A whole number of packets at any speed.
const WHOLE: usize = 4096;

fn vendors_gadget() -> RawGadget {
    let interface = raw::interface(Class::new(0xff, 0, 0), "a vendor's", raw::pair());
    raw::gadget(CABLE, interface)
}

/// What comes in transfers of `size` bytes at most, until `len` bytes are there.
fn transfers(from: &mut impl Read, size: usize, len: usize) -> (Vec<u8>, usize) {
    let (mut all, mut count) = (Vec::new(), 0);
    let mut buf = vec![0; size];
    while all.len() < len {
        let n = from.read(&mut buf).unwrap();
        all.extend_from_slice(&buf[..n]);
        count += 1;
    }
    (all, count)
}

fn vendors_device(options: &str) -> Endpoint {
    format!("usb+plain://{VID:04x}:{PID:04x}?{options}")
        .parse()
        .unwrap()
}

// shows T4, T6
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_vendors_gadget() {
    on_the_bus(|| {
        let mut gadget = vendors_gadget();
        let client = broker("client");
        let to = vendors_device("serial=raw");
        let mut channel = client.connect_at(&to, 0, Some(LIMIT)).unwrap();
        let (mut to_host, mut from_host) = gadget.ends.take().unwrap();
        let echoing = thread::spawn(move || {
            let (all, _) = transfers(&mut from_host, 64 * 1024, 100_000);
            for part in all.chunks(30_000) {
                to_host.write_all(part).unwrap();
            }
            (to_host, from_host)
        });
        let (reader, writer) = channel.halves_mut();
        writer.write_all(&pattern(1, 0, 100_000)).unwrap();
        let mut back = vec![0; 100_000];
        reader.read_exact_timeout(&mut back, LIMIT).unwrap();
        assert!(back == pattern(1, 0, 100_000));
        let ends = echoing.join().unwrap();
        drop(channel);
        drop(ends);
        drop(gadget);
    });
}

// shows T4, T6: a write is a transfer, and ends with a packet that is not full: an empty one if need be.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_vendors_gadget_that_waits_for_the_end_of_a_transfer() {
    on_the_bus(|| {
        let mut gadget = vendors_gadget();
        let client = broker("client");
        let to = vendors_device("zlp=yes");
        let mut channel = client.connect_at(&to, 0, Some(LIMIT)).unwrap();
        let (mut to_host, mut from_host) = gadget.ends.take().unwrap();
        let listening = thread::spawn(move || {
            // The buffer has room for more: only the end of the transfer completes it.
            let first = transfers(&mut from_host, 4 * WHOLE, WHOLE);
            // And back, as such programs do.
            to_host.write_all(&first.0).unwrap();
            to_host.write_all(&[]).unwrap();
            to_host.write_all(b"and more").unwrap();
            (first, to_host, from_host)
        });
        channel.write_all(&pattern(1, 0, WHOLE)).unwrap();
        let mut back = vec![0; WHOLE + 8];
        channel.read_exact_timeout(&mut back, LIMIT).unwrap();
        assert!(back[..WHOLE] == pattern(1, 0, WHOLE));
        assert_eq!(&back[WHOLE..], b"and more");
        let ((sent, transfers), ..) = listening.join().unwrap();
        assert!(sent == pattern(1, 0, WHOLE));
        assert_eq!(transfers, 1);
        drop(channel);
        drop(gadget);
    });
}

// shows C4, C6, T6: who only writes, to a device that says more than anybody reads.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_writer_that_does_not_read_is_told_that_the_device_was_unplugged() {
    on_the_bus(|| {
        let mut gadget = vendors_gadget();
        let channel = broker("client")
            .connect_at(&vendors_device("serial=raw"), 0, Some(LIMIT))
            .unwrap();
        let (mut to_host, from_host) = gadget.ends.take().unwrap();
        let floods = thread::spawn(move || {
            let mut sent = 0;
            while let Ok(n) = to_host.write(&pattern(5, sent, WHOLE)) {
                sent += n;
            }
            (to_host, sent)
        });
        let (mut reader, mut writer) = channel.split();
        // Nobody reads at the other end, so that the writer waits at last.
        let (blocks, blocked) = mpsc::channel();
        let writing = thread::spawn(move || {
            loop {
                match writer.write_timeout(&[7; 10_000], Duration::from_millis(500)) {
                    Ok(_) => {}
                    Err(WriteError::TimedOut) => blocks.send(()).unwrap(),
                    Err(error) => return error,
                }
            }
        });
        blocked.recv_timeout(LIMIT).unwrap();
        CABLE.pull();
        let error = writing.join().unwrap();
        assert!(matches!(error, WriteError::PeerLost(_)), "{error:?}");
        // And what came is there to be read.
        let (mut got, mut buf) = (0, [0; 10_000]);
        let end = loop {
            match reader.read_timeout(&mut buf, LIMIT) {
                Ok(n @ 1..) => {
                    assert!(buf[..n] == pattern(5, got, n));
                    got += n;
                }
                end => break end,
            }
        };
        assert!(matches!(end, Err(ReadError::PeerLost(_))), "{end:?}");
        drop((from_host, gadget));
        let (_, sent) = floods.join().unwrap();
        assert!(0 < got && got <= sent, "{got} of {sent}");
        CABLE.plug();
    });
}

// shows T4, T6
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_libusb_program() {
    on_the_bus(|| {
        let server = broker("server");
        let at = format!("usb-gadget+plain://raw/server?port=7&vid={VID:04x}&pid={PID:04x}");
        let at = format!("{at}&udc=dummy_udc.0&serial=raw");
        let bound = server.listen(&at.parse().unwrap()).unwrap();
        let accepting = thread::spawn({
            let server = server.clone();
            // What came before the host has begun its session ends with that.
            move || loop {
                let mut channel = server.accept_timeout(7, LIMIT).unwrap();
                match channel.reader_mut().fill_buf_timeout(LIMIT) {
                    Ok(_) => return channel,
                    Err(error) => println!("before the session: {error}"),
                }
            }
        });
        let host = raw::host(VID, PID);
        host.write(&pattern(1, 0, 50_000));
        let mut channel = accepting.join().unwrap();
        let mut got = vec![0; 50_000];
        channel.read_exact_timeout(&mut got, LIMIT).unwrap();
        assert!(got == pattern(1, 0, 50_000));
        // In whole packets, and something behind them; the host's buffers are larger.
        channel.write_all(&pattern(2, 0, WHOLE)).unwrap();
        let mut back = Vec::new();
        while back.len() < WHOLE {
            back.extend(host.read(64 * 1024, LIMIT).unwrap());
        }
        assert!(back == pattern(2, 0, WHOLE));
        let nothing = host.read(64 * 1024, Duration::from_millis(300));
        let is_none = matches!(nothing.as_deref(), Err(rusb::Error::Timeout) | Ok([]));
        assert!(is_none, "{nothing:?}");
        host.write(b"the last");
        let mut last = [0; 8];
        channel.read_exact_timeout(&mut last, LIMIT).unwrap();
        assert_eq!(&last, b"the last");
        drop(channel);
        bound.close();
        drop((host, server));
    });
}
