//! Plain mode: the link's bytes are one bare stream, for any program at the other end.
#![cfg(unix)]

mod support;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use channel::{Options, ReadError, Receipt, WriteError, linger};
use support::plug::Socket;
use support::{LIMIT, at, domain, eventually};
use transport_link::{Halves, Once, Settings};

const PLAIN: &str = "link+plain://cable?port=7";

/// A time limit that is meant to pass.
const A_MOMENT: Duration = Duration::from_millis(300);

fn listening() -> (channel::Broker, Socket) {
    listening_with(Options::new())
}

fn listening_with(options: Options) -> (channel::Broker, Socket) {
    let socket = Socket::default();
    let server = domain(Settings::default(), socket.clone())
        .broker_with("server", options)
        .unwrap();
    server.listen(&at(PLAIN)).unwrap();
    (server, socket)
}

/// Another program, at the other end of a new cable.
fn stranger(socket: &Socket) -> UnixStream {
    let (near, far) = UnixStream::pair().unwrap();
    far.set_read_timeout(Some(LIMIT)).unwrap();
    socket.put(near);
    far
}

// shows T6: a bare stream both ways; its end is an end of stream, in either direction; then the next one is served.
#[test]
fn a_bare_stream_and_the_next() {
    let (server, socket) = listening();
    for round in 0..3_u8 {
        let mut far = stranger(&socket);
        let mut ours = server.accept_timeout(7, LIMIT).unwrap();
        far.write_all(&[round; 100_000]).unwrap();
        let mut got = vec![0; 100_000];
        ours.read_exact(&mut got).unwrap();
        assert_eq!(got, [round; 100_000]);
        ours.write_all(b"answer").unwrap();
        if round == 1 {
            // The other program says first that it is done, and reads on.
            far.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(ours.read_timeout(&mut [0; 8], LIMIT).unwrap(), 0);
        }
        assert_eq!(ours.close_timeout(LIMIT), Receipt::Unknown);
        let mut rest = String::new();
        far.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "answer");
    }
}

// shows T6, C2: what is not read is not taken from the link: the other program's writes block.
#[test]
fn backpressure_reaches_the_link() {
    let (server, socket) = listening();
    let mut far = stranger(&socket);
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    const ALL: usize = 4 << 20;
    let writing = thread::spawn(move || {
        far.write_all(&vec![3; ALL]).unwrap();
        far
    });
    thread::sleep(Duration::from_millis(50));
    assert!(
        !writing.is_finished(),
        "more than all buffers hold was taken"
    );
    let mut got = vec![0; ALL];
    ours.read_exact(&mut got).unwrap();
    assert!(got.iter().all(|&byte| byte == 3));
    drop(writing.join().unwrap());
    assert_eq!(ours.read_timeout(&mut [0; 8], LIMIT).unwrap(), 0);
}

// shows T6, C4: a side that leaves wakes its own calls; what it wrote is delivered, though the other program reads late.
#[test]
fn what_was_written_before_a_drop_is_delivered() {
    let (server, socket) = listening();
    let mut far = stranger(&socket);
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    ours.write_all(&vec![9; 60_000]).unwrap();
    drop(ours);
    let mut got = Vec::new();
    far.read_to_end(&mut got).unwrap();
    assert_eq!(got, vec![9; 60_000]);
}

// shows C7, T6: who has dropped its reader writes on for as long as it likes: it has not left.
#[test]
fn a_writer_outlives_its_reader_by_more_than_the_time_to_linger() {
    const LINGER: Duration = Duration::from_millis(50);
    let (server, socket) = listening_with(Options::new().with_linger(LINGER));
    let mut far = stranger(&socket);
    let (reader, mut writer) = server.accept_timeout(7, LIMIT).unwrap().split();
    drop(reader);
    let start = Instant::now();
    while start.elapsed() < 10 * LINGER {
        writer.write_all(b"x").unwrap();
        far.read_exact(&mut [0; 1]).unwrap();
    }
    drop(writer);
    assert_eq!(far.read(&mut [0; 1]).unwrap(), 0);
}

// shows C8, T6: who has finished may read on for as long as it likes; what it wrote and nobody takes holds the link for
// the time to linger from then on, and no longer.
#[test]
fn who_leaves_in_two_steps_lingers_from_the_second() {
    let (server, socket) = listening_with(Options::new().with_linger(Duration::from_millis(50)));
    let mut far = stranger(&socket);
    let (mut reader, mut writer) = server.accept_timeout(7, LIMIT).unwrap().split();
    // Until the link takes nothing any more, and not only until the driver has not taken it yet.
    while writer.write_timeout(&[4; 4096], A_MOMENT).is_ok() {}
    drop(writer);
    // Its time is over.
    linger(LIMIT).unwrap();
    far.write_all(b"x").unwrap();
    assert_eq!(reader.read_timeout(&mut [0; 1], LIMIT).unwrap(), 1);
    drop(reader);
    let mut next = stranger(&socket);
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    ours.write_all(b"y").unwrap();
    next.read_exact(&mut [0; 1]).unwrap();
}

// shows B5, T6: who aborts holds the link no longer than who leaves, though its halves are somewhere still.
#[test]
fn who_aborts_has_left() {
    let (server, socket) = listening_with(Options::new().with_linger(Duration::from_millis(50)));
    let _far = stranger(&socket);
    let mut aborted = server.accept_timeout(7, LIMIT).unwrap();
    while aborted.write_timeout(&[4; 4096], A_MOMENT).is_ok() {}
    aborted.handle().abort();
    let mut next = stranger(&socket);
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    ours.write_all(b"y").unwrap();
    next.read_exact(&mut [0; 1]).unwrap();
    drop(aborted);
}

// shows C6, T6: a link that breaks is a lost peer; a dial waits for the device, as with many channels.
#[test]
fn a_dial_in_plain_mode() {
    let socket = Socket::default();
    let client = domain(Settings::default(), socket.clone())
        .broker("client")
        .unwrap();
    let dialling = {
        let client = client.clone();
        thread::spawn(move || client.connect_at(&at("link+plain://cable"), 7, Some(LIMIT)))
    };
    eventually("it tries", || socket.opened() > 1);
    let mut far = stranger(&socket);
    let mut ours = dialling.join().unwrap().unwrap();
    ours.write_all(b"hello").unwrap();
    far.read_exact(&mut [0; 5]).unwrap();
    // One at a time: another dial waits.
    let limit = Some(Duration::from_millis(20));
    assert!(
        client
            .connect_at(&at("link+plain://cable"), 7, limit)
            .is_err()
    );
    // An end that is followed by the loss of the link.
    drop(far);
    assert_eq!(ours.read_timeout(&mut [0; 8], LIMIT).unwrap(), 0);
    let error = loop {
        if let Err(error) = ours.write_timeout(b"x", LIMIT) {
            break error;
        }
    };
    assert!(matches!(error, WriteError::PeerLost(_)), "{error:?}");
    assert!(!matches!(ours.read(&mut [0; 1]), Err(ReadError::TimedOut)));
}

// shows T5, T6: a pair of halves that block, given in code, is a link as well.
#[test]
fn halves_given_in_code() {
    let (read, mut to) = std::io::pipe().unwrap();
    let (mut from, write) = std::io::pipe().unwrap();
    let halves = Halves::new(read, write).unwrap();
    let client = domain(Settings::default(), Once::new(halves))
        .broker("client")
        .unwrap();
    let mut ours = client
        .connect_at(&at("link+plain://cable"), 0, Some(LIMIT))
        .unwrap();
    ours.write_all(b"question").unwrap();
    from.read_exact(&mut [0; 8]).unwrap();
    to.write_all(b"answer").unwrap();
    let mut got = [0; 6];
    ours.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"answer");
    drop(ours);
    let mut rest = Vec::new();
    from.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    // It was given once.
    let error = client
        .connect_at(&at("link+plain://cable"), 0, Some(LIMIT))
        .unwrap_err();
    assert!(error.to_string().contains("give another one"), "{error}");
}

/// Takes no byte.
struct Torn;

impl Write for Torn {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// shows C6, T6: who writes to a link that takes nothing any more is told, also while nobody reads; and what comes is read
// to its end.
#[test]
fn a_link_that_takes_nothing_is_read_to_its_end() {
    const ALL: usize = 1 << 20;
    let (read, mut to) = std::io::pipe().unwrap();
    let client = domain(
        Settings::default(),
        Once::new(Halves::new(read, Torn).unwrap()),
    )
    .broker("client")
    .unwrap();
    let mut ours = client
        .connect_at(&at("link+plain://cable"), 0, Some(LIMIT))
        .unwrap();
    // More than all buffers on the way hold.
    let writing = thread::spawn(move || to.write_all(&vec![5; ALL]));
    let error = loop {
        if let Err(error) = ours.write_timeout(b"x", LIMIT) {
            break error;
        }
    };
    assert!(matches!(error, WriteError::PeerLost(_)), "{error:?}");
    let mut got = vec![0; ALL];
    ours.read_exact_timeout(&mut got, LIMIT).unwrap();
    assert!(got.iter().all(|&byte| byte == 5));
    assert_eq!(ours.read_timeout(&mut [0; 8], LIMIT).unwrap(), 0);
    writing.join().unwrap().unwrap();
}
