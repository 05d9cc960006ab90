//! Two ends joined by memory, for tests that look at every frame.
#![allow(dead_code, reason = "each test program uses a part")]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use link_mux::{ChannelId, Config, Event, Mux, Queues, Stream};

pub type Shared = Rc<RefCell<Queues>>;
pub type Any = Rc<RefCell<dyn Stream>>;

pub const NOW: Duration = Duration::from_secs(1);

pub fn queues(inbound: u32, outbound: u32) -> Shared {
    Rc::new(RefCell::new(Queues::on_demand(inbound, outbound)))
}

/// Two ends. Nothing moves by itself.
pub struct Pair {
    pub a: Mux<Any>,
    pub b: Mux<Any>,
}

impl Pair {
    /// With a session.
    pub fn up(config: &Config) -> Pair {
        let end = |seed| Mux::new(config.clone(), seed).expect("limits that can be kept");
        let mut pair = Pair {
            a: end(1),
            b: end(2),
        };
        pair.a.link_up(NOW);
        pair.b.link_up(NOW);
        pair.settle();
        assert!(matches!(pair.a.poll_event(), Some(Event::Up(_))));
        assert!(matches!(pair.b.poll_event(), Some(Event::Up(_))));
        pair
    }

    /// One call of `transmit` of `a` with a buffer of that size; returns what `b` was sent.
    pub fn forth(&mut self, size: usize) -> Vec<u8> {
        let mut out = vec![0; size];
        let n = self.a.transmit(NOW, &mut out);
        out.truncate(n);
        self.b.receive(NOW, &out);
        out
    }

    /// The other way.
    pub fn back(&mut self, size: usize) -> Vec<u8> {
        let mut out = vec![0; size];
        let n = self.b.transmit(NOW, &mut out);
        out.truncate(n);
        self.a.receive(NOW, &out);
        out
    }

    /// Until nothing moves.
    pub fn settle(&mut self) {
        while !self.forth(1 << 16).is_empty() | !self.back(1 << 16).is_empty() {}
    }

    /// A channel that `a` opens, over these streams.
    pub fn join(&mut self, near: Any, far: Any) -> ChannelId {
        let id = self.a.open(near).map_err(|(error, _)| error);
        let id = id.expect("it can be opened");
        while self.b.poll_event() != Some(Event::Incoming(id)) {
            assert!(!self.forth(64).is_empty());
        }
        assert!(self.b.accept(id, far).is_ok());
        while self.a.poll_event() != Some(Event::Accepted(id)) {
            assert!(!self.back(64).is_empty());
        }
        id
    }

    /// The same, over queues of these sizes.
    pub fn open(&mut self, inbound: u32, outbound: u32) -> (ChannelId, Shared, Shared) {
        let (near, far) = (queues(inbound, outbound), queues(inbound, outbound));
        (self.join(near.clone(), far.clone()), near, far)
    }
}

/// Reads all that is there; returns how many bytes.
pub fn read_all(queues: &Shared) -> usize {
    let mut queues = queues.borrow_mut();
    let mut out = vec![0; queues.readable()];
    queues.read(&mut out)
}
