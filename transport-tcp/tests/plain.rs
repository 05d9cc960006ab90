//! T6: any socket program is the other end of `tcp+plain:`. Here it is the standard library's stream.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use channel::{Broker, Channel, ReadError, WriteError};
use message_queue::{MessageQueue, ReceiveError};
use support::{LIMIT, at, client, eventually, listen, pattern};

const LARGE: usize = 8 << 20;

fn serving() -> (Broker, String) {
    let (server, at) = listen("tcp+plain://127.0.0.1:0?port=7");
    (server, at.authority().to_owned())
}

/// A channel that was accepted, and the stream at its other end.
fn accepted() -> (Channel, TcpStream) {
    let (server, address) = serving();
    let raw = TcpStream::connect(address).unwrap();
    raw.set_read_timeout(Some(LIMIT)).unwrap();
    (server.accept_timeout(7, LIMIT).unwrap(), raw)
}

/// A channel that was connected, and the stream at its other end.
fn connected() -> (Channel, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let to = at(&format!("tcp+plain://{address}"));
    let channel = client().connect_at(&to, 7, Some(LIMIT)).unwrap();
    let raw = listener.accept().unwrap().0;
    raw.set_read_timeout(Some(LIMIT)).unwrap();
    (channel, raw)
}

fn both(test: impl Fn(Channel, TcpStream)) {
    for pair in [accepted, connected] {
        let (channel, raw) = pair();
        test(channel, raw);
    }
}

// shows T6, C5: both directions, with a half-close in each.
#[test]
fn there_and_back() {
    both(|channel, mut raw| {
        let echo = thread::spawn(move || {
            let mut all = Vec::new();
            raw.read_to_end(&mut all).unwrap();
            raw.write_all(&all).unwrap();
            raw.shutdown(Shutdown::Write).unwrap();
            raw
        });
        let (mut reader, mut writer) = channel.split();
        let data = pattern(LARGE);
        writer.write_all(&data).unwrap();
        writer.finish().unwrap();
        let mut back = vec![0; LARGE];
        reader.read_exact_timeout(&mut back, LIMIT).unwrap();
        assert!(back == data);
        assert_eq!(reader.read_timeout(&mut [0; 8], LIMIT).unwrap(), 0);
        drop(echo.join().unwrap());
    });
}

// shows C6: an orderly end.
#[test]
fn an_orderly_end() {
    both(|mut channel, mut raw| {
        raw.write_all(b"last words").unwrap();
        drop(raw);
        let mut buf = [0; 10];
        channel.read_exact_timeout(&mut buf, LIMIT).unwrap();
        assert_eq!(&buf, b"last words");
        assert_eq!(
            channel.reader_mut().read_timeout(&mut buf, LIMIT).unwrap(),
            0
        );
        // It reads no more either, as the first writes find.
        let mut refused = None;
        eventually("a write is refused", || {
            refused = channel.write_timeout(b"x", LIMIT).err();
            refused.is_some()
        });
        assert!(
            matches!(refused, Some(WriteError::PeerClosed)),
            "{refused:?}"
        );
        assert_eq!(
            channel.reader_mut().read_timeout(&mut buf, LIMIT).unwrap(),
            0
        );
    });
}

fn reset(raw: TcpStream) {
    socket2::SockRef::from(&raw)
        .set_linger(Some(std::time::Duration::ZERO))
        .unwrap();
    drop(raw);
}

// shows C6: a reset is a lost peer, after what did arrive.
#[test]
fn a_reset_in_the_middle() {
    both(|mut channel, mut raw| {
        raw.write_all(b"last words").unwrap();
        let mut buf = [0; 10];
        channel.read_exact_timeout(&mut buf, LIMIT).unwrap();
        reset(raw);
        let error = channel.read_timeout(&mut buf, LIMIT).unwrap_err();
        assert!(matches!(error, ReadError::PeerLost(_)), "{error}");
        let error = channel.write_timeout(b"x", LIMIT).unwrap_err();
        assert!(matches!(error, WriteError::PeerLost(_)), "{error}");
    });
}

// shows C6: the system tells of a reset once; both halves and the handle hear of it.
#[test]
fn a_reset_that_somebody_else_has_heard_of() {
    both(|mut channel, raw| {
        let handle = channel.handle();
        reset(raw);
        eventually("the handle knows", || {
            handle.info().state == channel::State::PeerLost
        });
        let error = channel.read_timeout(&mut [0; 8], LIMIT).unwrap_err();
        assert!(matches!(error, ReadError::PeerLost(_)), "{error}");
    });
}

// shows C4: a blocked read and a blocked write are woken by a disconnect from a third thread.
#[test]
fn a_disconnect_from_outside() {
    both(|channel, mut raw| {
        let handle = channel.handle();
        let (mut reader, mut writer) = channel.split();
        let writing = thread::spawn(move || {
            loop {
                if let Err(error) = writer.write(&[7; 4096]) {
                    return error;
                }
            }
        });
        let reading = thread::spawn(move || reader.read(&mut [0; 8]));
        // More than the buffers of the kernel hold, or soon so.
        eventually("much was written", || handle.totals().written > 1 << 16);
        handle.disconnect();
        let error = writing.join().unwrap();
        assert!(matches!(error, WriteError::Disconnected), "{error}");
        let error = reading.join().unwrap().unwrap_err();
        assert!(matches!(error, ReadError::Disconnected), "{error}");
        // And nothing that was written is lost.
        let mut all = Vec::new();
        raw.read_to_end(&mut all).unwrap();
        assert_eq!(all.len() as u64, handle.totals().written);
    });
}

// shows C8: neither unread bytes nor such that still come destroy what was written before.
#[test]
fn a_disconnect_destroys_nothing() {
    both(|mut channel, mut raw| {
        let data = pattern(1 << 20);
        raw.write_all(b"never read").unwrap();
        let mut slow = raw.try_clone().unwrap();
        let expected = data.clone();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let reading = thread::spawn(move || {
            let mut all = vec![0; 1];
            slow.read_exact(&mut all).unwrap();
            // From here on this side has left, and gets bytes that it will not read.
            let _ = gone.recv();
            raw.write_all(&pattern(1 << 20)).unwrap();
            slow.read_to_end(&mut all).unwrap();
            assert!(all == expected);
        });
        channel.write_all(&data).unwrap();
        drop(channel);
        drop(go);
        reading.join().unwrap();
    });
}

// A reader that is dropped does not block its own writer.
#[test]
fn without_a_reader() {
    both(|channel, mut raw| {
        let (reader, mut writer) = channel.split();
        drop(reader);
        let echo = thread::spawn(move || {
            let mut buf = vec![0; 65536];
            let mut total = 0;
            loop {
                match raw.read(&mut buf).unwrap() {
                    0 => return total,
                    n => {
                        raw.write_all(&buf[..n]).unwrap();
                        total += n;
                    }
                }
            }
        });
        writer.write_all_timeout(&pattern(LARGE), LIMIT).unwrap();
        writer.finish().unwrap();
        assert_eq!(echo.join().unwrap(), LARGE);
    });
}

// shows C4, C6: whoever aborts is lost to the other end.
#[test]
fn an_abort_is_a_reset() {
    both(|mut channel, mut raw| {
        channel.write_all(b"last words").unwrap();
        raw.read_exact(&mut [0; 10]).unwrap();
        channel.handle().abort();
        let error = raw.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

// shows M7: a reset in the middle of a message.
#[test]
fn a_reset_in_the_middle_of_a_message() {
    both(|channel, mut raw| {
        let queue = MessageQueue::new(channel);
        raw.write_all(&[0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 100, 1, 2, 3])
            .unwrap();
        assert_eq!(queue.receive_timeout(LIMIT).unwrap(), [1, 2, 3]);
        // The bytes must have arrived: a reset may throw away what is on its way.
        eventually("the rest is there", || {
            assert!(queue.try_receive().is_err());
            queue.handle().totals().read == 14
        });
        reset(raw);
        let error = queue.receive_timeout(LIMIT).unwrap_err();
        assert!(matches!(error, ReceiveError::Truncated { .. }), "{error}");
    });
}
