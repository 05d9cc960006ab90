//! Moments that hardly ever come: what happens just before the driver goes to sleep.

#[cfg(unix)]
mod standstill;

use std::collections::VecDeque;
use std::sync::Arc;

use super::*;
use crate::lend::Lend;

/// Long enough for any machine; only a failing test waits for it.
const LIMIT: Duration = Duration::from_secs(30);

/// A link without descriptors that gives what is foreseen: nothing now, or so many bytes.
struct Foreseen(VecDeque<usize>);

impl Link for Foreseen {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.0.pop_front().unwrap_or(0) {
            0 => Poll::Pending,
            n => Poll::Ready(Ok(n)),
        }
    }

    fn poll_write(&mut self, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(from.len()))
    }
}

/// Takes as many bytes as it has room for, and may have one to send.
#[derive(Default)]
struct Room {
    room: usize,
    got: usize,
    sends: bool,
    /// For how many bytes it was asked last.
    asked: usize,
}

impl Load for Room {
    fn news(&mut self, _: Duration) -> bool {
        false
    }
    fn link_up(&mut self, _: Duration) {}
    fn link_down(&mut self) {}
    fn cannot_open(&mut self, _: &Arc<io::Error>) {}
    fn room(&mut self) -> usize {
        self.room
    }
    fn receive(&mut self, _: Duration, bytes: &[u8]) {
        self.got += bytes.len();
    }
    fn transmit(&mut self, _: Duration, out: &mut [u8]) -> usize {
        self.asked = out.len();
        usize::from(self.sends)
    }
    fn sent(&mut self) {}
    fn deadline(&self) -> Option<Duration> {
        None
    }
    fn tick(&mut self, _: Duration) {}
    fn wants_link(&mut self) -> bool {
        true
    }
    fn is_idle(&mut self) -> bool {
        false
    }
}

fn line(foreseen: &[usize]) -> Line {
    let foreseen = foreseen.iter().copied().collect();
    Line::new(Box::new(Foreseen(foreseen)), 1024)
}

fn turn(line: &mut Line, load: &mut Room) -> bool {
    let heard = line.hear(load, Waker::noop(), Duration::ZERO).unwrap();
    line.say(load, Waker::noop(), Duration::ZERO).unwrap() || heard
}

/// Whether it sleeps until the end of the time.
fn sleeps(line: &mut Line, room: bool, limit: Duration) -> bool {
    let start = Instant::now();
    line.sleep(&Bell::default(), room, start.checked_add(limit));
    start.elapsed() >= limit
}

// shows C2: room that comes after the read was left out for want of it, and before the sleep, is used: the link was not
// asked, so it would wake nobody.
#[test]
fn room_that_comes_before_the_sleep_is_used() {
    let (mut line, mut load) = (line(&[7]), Room::default());
    assert!(!turn(&mut line, &mut load));
    assert!(!sleeps(&mut line, true, LIMIT));
    load.room = 100;
    assert!(turn(&mut line, &mut load));
    assert_eq!(load.got, 7);
}

// shows C2: a link that calls while the driver is awake is asked again.
#[test]
fn a_link_that_calls_in_between_is_asked_again() {
    let (mut line, mut load) = (line(&[0, 5]), Room::default());
    load.room = 100;
    assert!(!turn(&mut line, &mut load));
    line.called();
    assert!(turn(&mut line, &mut load));
    assert_eq!(load.got, 5);
    // One that has nothing is slept on.
    assert!(!turn(&mut line, &mut load));
    assert!(sleeps(&mut line, true, Duration::from_millis(1)));
}

/// Takes nothing, and has a last word.
struct Torn(Foreseen);

impl Link for Torn {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, into)
    }

    fn poll_write(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }
}

// shows C6: what has come is read before the link is closed for a write that failed; and then it is closed.
#[test]
fn a_link_that_takes_nothing_is_read_out_and_closed() {
    let foreseen = Foreseen([7, 5, 0, 9].into());
    let mut line = Line::new(Box::new(Torn(foreseen)), 1024);
    let mut load = Room {
        room: 100,
        sends: true,
        ..Room::default()
    };
    assert!(turn(&mut line, &mut load));
    assert!(turn(&mut line, &mut load));
    assert_eq!(load.got, 12);
    let closed = line.hear(&mut load, Waker::noop(), Duration::ZERO);
    assert_eq!(closed.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

/// Lends what is foreseen: bytes that have come, and room, where there is some.
struct Lender {
    received: VecDeque<io::Result<Vec<u8>>>,
    room: VecDeque<io::Result<usize>>,
    buffer: Vec<u8>,
    sent: usize,
    /// It had no room when it was asked last.
    full: bool,
    /// What was sent is on its way for good.
    slow: bool,
    #[cfg(unix)]
    socket: Option<std::os::unix::net::UnixStream>,
}

fn lender(
    received: impl IntoIterator<Item = io::Result<Vec<u8>>>,
    room: impl IntoIterator<Item = io::Result<usize>>,
) -> Lender {
    Lender {
        received: received.into_iter().collect(),
        room: room.into_iter().collect(),
        buffer: Vec::new(),
        sent: 0,
        full: false,
        slow: false,
        #[cfg(unix)]
        socket: None,
    }
}

impl Lender {
    fn line(self) -> Line {
        Line::new(Box::new(self), 1024)
    }
}

impl Lend for Lender {
    fn poll_received(&mut self, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.received.front().is_some_and(Result::is_err)
            && let Some(Err(error)) = self.received.pop_front()
        {
            return Poll::Ready(Err(error));
        }
        match self.received.front() {
            Some(Ok(bytes)) => Poll::Ready(Ok(bytes)),
            _ => Poll::Pending,
        }
    }

    fn consume(&mut self, n: usize) {
        let front = self.received.front_mut().unwrap().as_mut().unwrap();
        front.drain(..n);
        if front.is_empty() {
            self.received.pop_front();
        }
    }

    fn poll_room(&mut self, _: &mut Context<'_>) -> Poll<io::Result<&mut [u8]>> {
        let room = self.room.pop_front();
        self.full = matches!(room, None | Some(Ok(0)));
        match room {
            None | Some(Ok(0)) => Poll::Pending,
            Some(Ok(n)) => {
                self.buffer = vec![0; n];
                Poll::Ready(Ok(&mut self.buffer))
            }
            Some(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    fn send(&mut self, n: usize) -> io::Result<()> {
        self.sent += n;
        Ok(())
    }
}

impl Link for Lender {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        panic!("it lends")
    }

    fn poll_write(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        panic!("it lends")
    }

    fn lends(&mut self) -> Option<&mut dyn Lend> {
        Some(self)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        assert!(!self.full, "what it takes note of here, nobody hears of");
        match self.slow {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        }
    }

    #[cfg(unix)]
    fn descriptors(&self) -> Option<crate::link::Descriptors<'_>> {
        use std::os::fd::AsFd;
        let socket = self.socket.as_ref()?.as_fd();
        Some(crate::link::Descriptors::Halves {
            read: socket,
            write: socket,
        })
    }
}

// shows C2: of what is lent, no more is taken than there is room for, and nothing twice.
#[test]
fn of_what_is_lent_only_what_fits_is_taken() {
    let (mut line, mut load) = (
        lender([Ok(vec![1; 10]), Ok(vec![2; 5])], []).line(),
        Room::default(),
    );
    for (room, got) in [(0, 0), (7, 7), (7, 10), (0, 10), (4, 14), (4, 15)] {
        load.room = room;
        assert_eq!(turn(&mut line, &mut load), room > 0);
        assert_eq!(load.got, got);
    }
    assert!(!turn(&mut line, &mut load));
}

// shows B2: nothing is chosen to be sent while a link that lends has no room; nothing is through until then, as
// nobody knows what there is to be sent.
#[test]
fn without_room_nothing_is_chosen() {
    let room = [Ok(0), Ok(2000), Ok(64), Ok(0), Ok(500)];
    let (mut line, mut load) = (lender([], room).line(), Room::default());
    load.sends = true;
    for (says, asked) in [
        (false, 0),
        (true, 1024),
        (true, 64),
        (false, 64),
        (true, 500),
    ] {
        line.called();
        assert_eq!(turn(&mut line, &mut load), says);
        assert_eq!(line.is_through(), says);
        assert_eq!(load.asked, asked);
    }
}

// shows C2: a flush of a link without room would take note of what makes room, and nobody would call for that.
#[test]
fn without_room_nothing_is_flushed() {
    let mut lender = lender([], [Ok(64), Ok(0), Ok(64)]);
    lender.slow = true;
    let (mut line, mut load) = (lender.line(), Room::default());
    load.sends = true;
    assert!(turn(&mut line, &mut load));
    assert!(!turn(&mut line, &mut load));
    line.called();
    assert!(turn(&mut line, &mut load));
}

// shows C6: what has come is read before a link that lends is closed for its lack of room; and then it is closed.
#[test]
fn a_link_that_lends_no_more_is_read_out_and_closed() {
    for torn in [Err(io::ErrorKind::BrokenPipe.into()), Ok(0)] {
        let is_torn = torn.is_err();
        let gone = || Err(io::ErrorKind::ConnectionReset.into());
        let mut line = lender([Ok(vec![1; 150]), Ok(vec![2; 5]), gone()], [torn]).line();
        let mut load = Room {
            room: 100,
            ..Room::default()
        };
        while load.got < 155 {
            assert!(turn(&mut line, &mut load));
        }
        assert!(line.is_through() == is_torn);
        let closed = line.hear(&mut load, Waker::noop(), Duration::ZERO);
        assert_eq!(closed.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}

// shows C6: one whose other end is gone is closed.
#[test]
fn a_link_that_lends_nothing_has_ended() {
    let mut line = lender([Ok(vec![])], [Ok(100)]).line();
    let mut load = Room {
        room: 100,
        ..Room::default()
    };
    let closed = line.hear(&mut load, Waker::noop(), Duration::ZERO);
    assert_eq!(closed.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

// shows C2: a link that has no room to lend is slept on until it takes something.
#[cfg(unix)]
#[test]
fn a_link_without_room_is_slept_on() {
    let (socket, _far) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut lender = lender([], []);
    lender.socket = Some(socket);
    let (mut line, mut load) = (lender.line(), Room::default());
    assert!(!turn(&mut line, &mut load));
    // The socket takes something.
    assert!(!sleeps(&mut line, false, LIMIT));
}
