//! Moments that hardly ever come: what happens just before the driver goes to sleep.

use std::collections::VecDeque;
use std::sync::Arc;

use super::*;

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
    fn transmit(&mut self, _: Duration, _: &mut [u8]) -> usize {
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
