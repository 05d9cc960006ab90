//! What our diallers bear from what listens under a name: each gets an error that says what is wrong, in
//! time, and nothing is left.

mod support;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use channel::{ConnectError, DialError, Options, ReadError};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{Mode, OFlags, SealFlags, fcntl_add_seals};
use support::raw::{self, SEALS, file_length, memory, offer, packet, rings};
use support::thread::go;
use support::{LIMIT, at, eventually, mappings, runtime_directory, shm_domain};
use transport_testkit::Leaks;

const PORT: u16 = 7;
/// What our dialler asks for, and what is offered to it.
const DOWN: u32 = 1 << 12;
const UP: u32 = 1 << 13;

/// Dials a listener that does `what` with each connection; why that failed.
#[track_caller]
fn dial(
    limit: Duration,
    what: impl FnOnce(&OwnedFd) -> Option<OwnedFd> + Send + 'static,
) -> ConnectError {
    let directory = runtime_directory();
    let listener = raw::bound(directory.path(), "server");
    let to = at(directory.path(), "server");
    let serving = go(move || (what(&listener), listener));
    let options = Options::new().with_capacity(DOWN as usize);
    let client = shm_domain().broker_with("client", options).unwrap();
    let error = client.connect_at(&to, PORT, Some(limit)).unwrap_err();
    drop(serving.join("the listener"));
    error
}

/// The error behind that.
#[track_caller]
fn expect(error: &ConnectError, kind: std::io::ErrorKind, part: &str) {
    let ConnectError::Dial {
        error: DialError::Io(io),
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(io.kind(), kind, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

/// Answers with these bytes and descriptors.
#[track_caller]
fn answered(packet: Vec<u8>, fds: impl Fn() -> Vec<OwnedFd> + Send + 'static) -> ConnectError {
    dial(LIMIT, move |listener| {
        let socket = raw::take_in(listener);
        let fds = fds();
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        raw::send(&socket, &packet, &fds);
        Some(socket)
    })
}

#[track_caller]
fn expect_foreign(packet: Vec<u8>, fds: impl Fn() -> Vec<OwnedFd> + Send + 'static, part: &str) {
    let error = answered(packet, fds);
    expect(&error, std::io::ErrorKind::InvalidData, part);
}

fn bells(n: usize) -> impl Iterator<Item = OwnedFd> {
    std::iter::repeat_with(raw::bell).take(n)
}

/// An offer as it should be, but for the memory.
#[track_caller]
fn with_memory(memory: impl Fn() -> OwnedFd + Send + 'static) -> ConnectError {
    answered(offer(UP, DOWN), move || {
        std::iter::once(memory()).chain(bells(4)).collect()
    })
}

#[track_caller]
fn expect_bad_memory(memory: impl Fn() -> OwnedFd + Send + 'static, part: &str) {
    let error = with_memory(memory);
    expect(&error, std::io::ErrorKind::InvalidData, part);
}

/// As it should be, but for one word of a ring's header.
#[track_caller]
fn expect_bad_word(at: u64, value: u64, part: &str) {
    let memory = move || {
        let memory = rings(UP, DOWN);
        rustix::io::pwrite(&memory, &value.to_ne_bytes(), at).unwrap();
        memory
    };
    expect_bad_memory(memory, part);
}

fn pipe() -> OwnedFd {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

fn file() -> OwnedFd {
    tempfile::tempfile().unwrap().into()
}

fn blocking_event() -> OwnedFd {
    eventfd(0, EventfdFlags::CLOEXEC).unwrap()
}

fn socket() -> OwnedFd {
    std::os::unix::net::UnixStream::pair().unwrap().0.into()
}

fn sealed(seals: SealFlags) -> OwnedFd {
    let memory = memory(file_length(UP, DOWN));
    fcntl_add_seals(&memory, seals).unwrap();
    memory
}

fn read_only(memory: &OwnedFd) -> OwnedFd {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    rustix::fs::open(Path::new(&path), OFlags::RDONLY, Mode::empty()).unwrap()
}

// shows T2, B3: all of it in one test, as what is left is the whole process's.
#[test]
fn each_fails_with_the_reason() {
    use std::io::ErrorKind::*;
    // What is made once and kept.
    drop(answered(b"nonsense".to_vec(), Vec::new));
    let before = Leaks::snapshot();

    // No answer.
    let error = dial(LIMIT, |listener| {
        drop(raw::take_in(listener));
        None
    });
    expect(&error, ConnectionAborted, "hung up without an answer");
    let error = dial(Duration::from_millis(50), |listener| {
        Some(raw::take_in(listener))
    });
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");

    // Answers that are none.
    let language = "speaks another language";
    expect_foreign(b"HTTP/1.1 400 Bad Request\r\n".to_vec(), Vec::new, language);
    expect_foreign(raw::request(64), Vec::new, language);
    expect_foreign(packet(2, &[1, 2, 3]), Vec::new, language);
    let mut newer = offer(UP, DOWN);
    newer[4] = 9;
    expect(&answered(newer, Vec::new), Unsupported, "version 9");
    let error = answered(packet(3, b"not \x1b[1m today"), Vec::new);
    expect(&error, ConnectionRefused, "not \\u{1b}[1m today");

    // Offers of what was not asked for, or cannot be.
    for (up, down) in [
        (0, DOWN),
        (3, DOWN),
        (1 << 31, DOWN),
        (UP, 0),
        (UP, u32::MAX),
    ] {
        expect_foreign(offer(up, down), Vec::new, "no power of two");
    }
    let other = "another buffer than it was asked for";
    expect_foreign(offer(UP, DOWN * 2), Vec::new, other);

    // Descriptors: too few, too many, of other kinds.
    let not_five = "has not the descriptors";
    for n in 0..5 {
        expect_foreign(offer(UP, DOWN), move || bells(n).collect(), not_five);
    }
    for n in [6, 30] {
        expect_foreign(offer(UP, DOWN), move || bells(n).collect(), not_five);
    }
    for other in [pipe, file, socket, blocking_event, || memory(4096)] {
        for place in 0..4 {
            let fds = move || {
                let mut fds: Vec<_> = bells(4).collect();
                fds[place] = other();
                fds.insert(0, rings(UP, DOWN));
                fds
            };
            expect_foreign(offer(UP, DOWN), fds, "other descriptors than events");
        }
    }

    // Memory: of another kind, not sealed, of another size, that may not be written.
    let not_sealed = "is not sealed";
    expect_bad_memory(|| memory(file_length(UP, DOWN)), not_sealed);
    for seals in [SealFlags::SHRINK, SealFlags::GROW, SEALS - SealFlags::SEAL] {
        expect_bad_memory(move || sealed(seals), not_sealed);
    }
    for other in [pipe, file, socket, raw::bell] {
        drop(with_memory(other));
    }
    for length in [
        0,
        1,
        4096,
        file_length(UP, DOWN) - 1,
        file_length(UP, DOWN) + 4096,
    ] {
        let other = move || {
            let memory = memory(length);
            fcntl_add_seals(&memory, SEALS).unwrap();
            memory
        };
        expect_bad_memory(other, "not the size that it says");
    }
    let error = with_memory(|| sealed(SEALS | SealFlags::WRITE));
    expect(&error, PermissionDenied, "");
    let error = with_memory(|| read_only(&rings(UP, DOWN)));
    expect(&error, PermissionDenied, "");

    // What lies in it.
    expect_bad_memory(|| sealed(SEALS), "no ring of ours");
    expect_bad_word(raw::MAGIC, 0, "no ring of ours");
    expect_bad_word(raw::VERSION, 99, "no ring of ours");
    expect_bad_word(raw::POINTER_BITS, 16, "no ring of ours");
    for capacity in [0, 3, 1 << 30, u32::MAX] {
        expect_bad_word(raw::CAPACITY, capacity.into(), "no ring of ours");
    }
    // Another capacity that would fit.
    expect_bad_word(raw::CAPACITY, (UP / 2).into(), "no ring of ours");
    expect_bad_word(raw::HEAD, u64::from(UP) + 1, "no broker of ours");
    expect_bad_word(raw::TAIL, 1, "no broker of ours");

    before.check_within(LIMIT).unwrap();
    eventually("no memory is mapped", || mappings() == 0);
}

// shows B3: who is refused before it was heard is told why, whether it spoke first or came too late.
#[test]
fn a_refusal_of_one_that_was_not_heard() {
    for _ in 0..100 {
        let error = dial(LIMIT, |listener| {
            raw::send(&raw::accept(listener), &packet(3, b"not you"), &[]);
            None
        });
        expect(&error, std::io::ErrorKind::ConnectionRefused, "not you");
    }
}

// shows B3: after the set-up, in the handshake.
#[test]
fn an_answer_that_is_no_welcome() {
    let error = dial(LIMIT, |listener| {
        let raw = raw::Raw::offer(listener, DOWN);
        raw.write(b"SSH-2.0-OpenSSH_9.9\r\n");
        // Until it has heard.
        while !raw::receive(&raw.socket).0.is_empty() {}
        None
    });
    assert!(matches!(error, ConnectError::Protocol { .. }), "{error:?}");
    let error = dial(LIMIT, |listener| {
        drop(raw::Raw::offer(listener, DOWN));
        None
    });
    assert!(matches!(error, ConnectError::Lost { .. }), "{error:?}");
    let error = dial(Duration::from_millis(50), |listener| {
        Some(raw::Raw::offer(listener, DOWN).socket)
    });
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
}

/// It never falls silent: each hearing takes one of many.
fn endless_bell() -> OwnedFd {
    let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK | EventfdFlags::SEMAPHORE;
    eventfd(u32::MAX, flags).unwrap()
}

// shows C3, C4: a peer that rings without end wakes in vain; limits hold, and so does a disconnect.
#[test]
fn a_peer_that_rings_without_end() {
    let directory = runtime_directory();
    let listener = raw::bound(directory.path(), "server");
    let to = at(directory.path(), "server");
    let serving = go(move || {
        let raw = raw::Raw::accept_with(&listener, DOWN, endless_bell);
        while !raw::receive(&raw.socket).0.is_empty() {}
    });
    let options = Options::new().with_capacity(DOWN as usize);
    let client = shm_domain().broker_with("client", options).unwrap();
    let channel = client.connect_at(&to, PORT, Some(LIMIT)).unwrap();
    let (mut reader, mut writer) = channel.split();
    let limit = Duration::from_millis(50);
    let calls = go(move || {
        let error = reader.read_timeout(&mut [0], limit).unwrap_err();
        assert!(matches!(error, ReadError::TimedOut), "{error}");
        while writer.write_timeout(&[0; 1 << 10], limit).is_ok() {}
        (reader, writer)
    });
    let (mut reader, mut writer) = calls.join("calls with limits");
    let handle = reader.handle();
    let reading = go(move || reader.read(&mut [0]));
    let writing = go(move || writer.write(&[0]));
    handle.disconnect();
    let result = reading.join("a read");
    assert!(matches!(result, Err(ReadError::Disconnected)), "{result:?}");
    assert!(writing.join("a write").is_err());
    drop(handle);
    serving.join("the listener");
}
