//! Two ends joined by memory: what the mux promises when nothing goes wrong.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use link_mux::{ChannelId, Config, DownReason, End, Event, Mux, OpenError, Queues, Refusal};

type Shared = Rc<RefCell<Queues>>;
type End2 = Mux<Shared>;

const NOW: Duration = Duration::from_secs(1);

fn queues(inbound: u32, outbound: u32) -> Shared {
    Rc::new(RefCell::new(Queues::new(inbound, outbound)))
}

fn end(config: Config, seed: u64) -> End2 {
    Mux::new(config, seed).unwrap()
}

/// Moves bytes both ways until there are none; returns how many.
fn exchange(a: &mut End2, b: &mut End2) -> usize {
    let mut buf = [0; 4096];
    let mut total = 0;
    loop {
        let mut moved = 0;
        let n = a.transmit(NOW, &mut buf);
        b.receive(NOW, &buf[..n]);
        moved += n;
        let n = b.transmit(NOW, &mut buf);
        a.receive(NOW, &buf[..n]);
        moved += n;
        total += moved;
        if moved == 0 {
            return total;
        }
    }
}

fn up(config: Config) -> (End2, End2) {
    let (mut a, mut b) = (end(config.clone(), 1), end(config, 2));
    a.link_up(NOW);
    b.link_up(NOW);
    exchange(&mut a, &mut b);
    assert!(matches!(a.poll_event(), Some(Event::Up(_))));
    assert!(matches!(b.poll_event(), Some(Event::Up(_))));
    assert!(a.is_up() && b.is_up());
    (a, b)
}

fn open(a: &mut End2, b: &mut End2, size: u32) -> (ChannelId, Shared, Shared) {
    let (near, far) = (queues(size, size), queues(size, size));
    let id = a.open(near.clone()).map_err(|(e, _)| e).unwrap();
    exchange(a, b);
    assert_eq!(b.poll_event(), Some(Event::Incoming(id)));
    assert!(b.accept(id, far.clone()).is_ok());
    exchange(a, b);
    assert_eq!(a.poll_event(), Some(Event::Accepted(id)));
    (id, near, far)
}

fn read_all(queues: &Shared) -> Vec<u8> {
    let mut out = vec![0; 1 << 16];
    let n = queues.borrow_mut().read(&mut out);
    out.truncate(n);
    out
}

// shows C1: both ways, beyond every buffer.
#[test]
fn bytes_go_both_ways() {
    let (mut a, mut b) = up(Config::default());
    let (id, near, far) = open(&mut a, &mut b, 10);
    let text = b"the quick brown fox jumps over the lazy dog";
    for (from, to) in [(&near, &far), (&far, &near)] {
        let (mut sent, mut got) = (0, Vec::new());
        while got.len() < text.len() {
            sent += from.borrow_mut().write(&text[sent..]);
            a.touch(id);
            b.touch(id);
            exchange(&mut a, &mut b);
            got.extend(read_all(to));
            a.touch(id);
            b.touch(id);
        }
        assert_eq!(got, text);
    }
}

// shows C5, C9: half-close, then the other half; the receipts are exact; the channel is gone on both sides.
#[test]
fn ends_are_orderly_and_receipts_exact() {
    let (mut a, mut b) = up(Config::default());
    let (id, near, far) = open(&mut a, &mut b, 100);
    near.borrow_mut().write(b"over");
    near.borrow_mut().finish_writing(End::Orderly);
    a.touch(id);
    exchange(&mut a, &mut b);
    assert_eq!(near.borrow().receipt(), None);
    assert_eq!(read_all(&far), b"over");
    assert_eq!(far.borrow().ended(), Some(End::Orderly));
    b.touch(id);
    exchange(&mut a, &mut b);
    assert_eq!(near.borrow().receipt(), Some(Some(4)));
    far.borrow_mut().write(b"answer");
    far.borrow_mut().finish_writing(End::Orderly);
    b.touch(id);
    exchange(&mut a, &mut b);
    near.borrow_mut().read(&mut [0; 3]);
    near.borrow_mut().stop_reading(End::Orderly);
    a.touch(id);
    exchange(&mut a, &mut b);
    assert_eq!(far.borrow().receipt(), Some(Some(3)));
    assert_eq!(a.poll_event(), Some(Event::Closed(id)));
    assert_eq!(b.poll_event(), Some(Event::Closed(id)));
    assert_eq!((a.channels(), b.channels()), (0, 0));
    assert!(a.stream(id).is_none());
}

// shows C6: an abort is a loss for the peer's reader and its writer.
#[test]
fn an_abort_is_seen_as_one() {
    let (mut a, mut b) = up(Config::default());
    let (id, near, far) = open(&mut a, &mut b, 100);
    near.borrow_mut().write(b"what had left");
    a.touch(id);
    exchange(&mut a, &mut b);
    near.borrow_mut().finish_writing(End::Abort);
    near.borrow_mut().stop_reading(End::Abort);
    a.touch(id);
    exchange(&mut a, &mut b);
    assert_eq!(read_all(&far), b"what had left");
    assert_eq!(far.borrow().ended(), Some(End::Abort));
    assert_eq!(far.borrow_mut().write(b"x"), 0);
    far.borrow_mut().finish_writing(End::Orderly);
    b.touch(id);
    exchange(&mut a, &mut b);
    assert_eq!((a.channels(), b.channels()), (0, 0));
}

#[test]
fn opens_are_refused_and_withdrawn() {
    let (mut a, mut b) = up(Config::default());
    let id = a.open(queues(1, 1)).map_err(|(e, _)| e).unwrap();
    exchange(&mut a, &mut b);
    assert_eq!(b.poll_event(), Some(Event::Incoming(id)));
    b.refuse(id, Refusal::NobodyListens);
    exchange(&mut a, &mut b);
    assert_eq!(
        a.poll_event(),
        Some(Event::Refused(id, Refusal::NobodyListens))
    );
    assert_eq!((a.channels(), b.channels()), (0, 0));
    // Withdrawn before the peer has answered; accepted all the same, it ends at once.
    for accepts in [false, true] {
        let near = queues(1, 1);
        let id = a.open(near.clone()).map_err(|(e, _)| e).unwrap();
        exchange(&mut a, &mut b);
        near.borrow_mut().finish_writing(End::Abort);
        near.borrow_mut().stop_reading(End::Abort);
        a.touch(id);
        exchange(&mut a, &mut b);
        assert_eq!(b.poll_event(), Some(Event::Incoming(id)));
        if accepts {
            let far = queues(1, 1);
            assert!(b.accept(id, far.clone()).is_ok());
            assert_eq!(far.borrow().ended(), Some(End::Abort));
            far.borrow_mut().finish_writing(End::Orderly);
            b.touch(id);
        } else {
            b.refuse(id, Refusal::Limit);
        }
        exchange(&mut a, &mut b);
        assert_eq!((a.channels(), b.channels()), (0, 0));
        while a.poll_event().is_some() {}
        while b.poll_event().is_some() {}
    }
}

#[test]
fn limits_are_kept() {
    let config = Config {
        max_channels: 2,
        max_credit: 100,
        ..Config::default()
    };
    let (mut a, mut b) = up(config);
    assert!(a.open(queues(40, 1)).is_ok());
    assert!(a.open(queues(40, 1)).is_ok());
    let no = a.open(queues(40, 1)).map_err(|(e, _)| e).unwrap_err();
    assert_eq!(no, OpenError::Credit { limit: 100 });
    let no = a.open(queues(1, 1)).map_err(|(e, _)| e).unwrap_err();
    assert_eq!(no, OpenError::Channels { limit: 2 });
    exchange(&mut a, &mut b);
    let Some(Event::Incoming(id)) = b.poll_event() else {
        panic!()
    };
    // A buffer that does not fit: refused.
    assert!(b.accept(id, queues(101, 1)).is_err());
    exchange(&mut a, &mut b);
    assert_eq!(a.poll_event(), Some(Event::Refused(id, Refusal::Limit)));
}

// shows C6: whoever restarts, or is silent, is lost; the next session works.
#[test]
fn sessions_come_and_go() {
    let (mut a, mut b) = up(Config::default());
    let (_, near, _) = open(&mut a, &mut b, 10);
    // b's program starts anew, in the middle of whatever it was.
    let mut b = end(Config::default(), 3);
    b.link_up(NOW);
    exchange(&mut a, &mut b);
    assert_eq!(a.poll_event(), Some(Event::Down(DownReason::Restarted)));
    assert!(matches!(a.poll_event(), Some(Event::Up(_))));
    assert!(matches!(b.poll_event(), Some(Event::Up(_))));
    assert_eq!(near.borrow().ended(), Some(End::Abort));
    let (_, near, _) = open(&mut a, &mut b, 10);
    let later = a.deadline().unwrap();
    assert!(later > NOW);
    let late = NOW + Duration::from_secs(10);
    a.tick(late);
    while b.poll_event().is_some() {}
    assert_eq!(a.poll_event(), Some(Event::Down(DownReason::Silence)));
    assert_eq!(near.borrow().ended(), Some(End::Abort));
    exchange(&mut a, &mut b);
    assert!(!a.is_up(), "the clock of these exchanges stands still");
}

#[test]
fn an_end_that_hears_itself_says_so() {
    let mut a = end(Config::default(), 1);
    a.link_up(NOW);
    let mut buf = [0; 100];
    let n = a.transmit(NOW, &mut buf);
    a.receive(NOW, &buf[..n]);
    a.receive(NOW, &buf[..n]);
    assert_eq!(a.poll_event(), Some(Event::Loop));
    assert_eq!(a.poll_event(), None);
}
