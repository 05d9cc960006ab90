//! The rendezvous against a simple model: futures made, polled and dropped in any order, in one
//! thread, so that every step has one right outcome.

#[path = "../support/mod.rs"]
mod support;
mod world;

use std::task::Poll;

use channel::{AcceptError, ConnectError, ReadError};
use proptest::prelude::*;
use support::Task;
use world::{At, Future, World};

#[derive(Clone, Debug)]
enum Op {
    Accept(u16),
    Connect(u16),
    TryAccept(u16),
    TryConnect(u16),
    Poll(usize),
    Drop(usize),
    /// Of a channel that was obtained: the peer is lost.
    Abort(usize),
    Close,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..2u16).prop_map(Op::Accept),
        6 => (0..2u16).prop_map(Op::Connect),
        1 => (0..2u16).prop_map(Op::TryAccept),
        1 => (0..2u16).prop_map(Op::TryConnect),
        16 => any::<usize>().prop_map(Op::Poll),
        5 => any::<usize>().prop_map(Op::Drop),
        2 => any::<usize>().prop_map(Op::Abort),
        2 => Just(Op::Close),
    ];
    prop::collection::vec(op, 1..60)
}

impl World {
    fn poll(&mut self, i: usize) {
        let expected = self.model_poll(i);
        let party = &mut self.parties[i];
        let (result, wakes) = match &mut party.future {
            Future::None => return,
            Future::Accept(task) => match task.poll() {
                Poll::Ready(Err(error)) => {
                    assert!(matches!(error, AcceptError::Closed { .. }), "{i}: {error}");
                    (Poll::Ready(None), 0)
                }
                other => (other.map(Result::ok), task.wakes.count()),
            },
            Future::Connect(task) => match task.poll() {
                Poll::Ready(Err(error)) => {
                    use ConnectError::{Closed, NoSuchBroker};
                    let fits = matches!(error, Closed { .. } | NoSuchBroker { .. });
                    assert!(fits, "{i}: {error}");
                    (Poll::Ready(None), 0)
                }
                other => (other.map(Result::ok), task.wakes.count()),
            },
        };
        match (expected, result) {
            (At::Done(_), Poll::Ready(Some(channel))) => {
                party.channel = Some(channel);
                party.future = Future::None;
            }
            (At::Closed, Poll::Ready(None)) => party.future = Future::None,
            (At::Waiting, Poll::Pending) => party.waits_since = Some(wakes),
            (expected, got) => panic!("party {i}: {expected:?} expected, {got:?}"),
        }
    }

    fn do_try(&mut self, accepts: bool, port: u16) {
        let i = self.enter(accepts, port, Future::None);
        let expected = self.model_poll(i);
        let channel = match accepts {
            true => self.server.try_accept(port).ok(),
            false => self.client.try_connect("server", port).ok(),
        };
        let fits = matches!(expected, At::Done(_)) == channel.is_some();
        assert!(fits, "try {i}: {expected:?} expected, {channel:?}");
        self.parties[i].channel = channel;
        self.model_drop(i);
    }

    fn close(&mut self) {
        self.server.close();
        self.closed = true;
        for party in &mut self.parties {
            match party.at {
                At::Waiting => party.at = At::Closed,
                At::Orphan => party.at = At::Alone,
                _ => {}
            }
        }
    }

    fn step(&mut self, op: &Op) {
        let pick = |n: &usize| (!self.parties.is_empty()).then(|| n % self.parties.len());
        match op {
            Op::Accept(port) => {
                let future = Future::Accept(Task::new(self.server.accept_async(*port)));
                self.enter(true, *port, future);
            }
            Op::Connect(port) => {
                let future = Task::new(self.client.connect_async("server", *port));
                self.enter(false, *port, Future::Connect(future));
            }
            Op::TryAccept(port) => self.do_try(true, *port),
            Op::TryConnect(port) => self.do_try(false, *port),
            Op::Poll(n) => pick(n).into_iter().for_each(|i| self.poll(i)),
            Op::Drop(n) => {
                if let Some(i) = pick(n) {
                    self.model_drop(i);
                    self.parties[i].future = Future::None;
                    self.parties[i].channel = None;
                }
            }
            Op::Abort(n) => {
                if let Some(party) = pick(n).map(|i| &mut self.parties[i])
                    && let Some(channel) = party.channel.take()
                {
                    channel.handle().abort();
                    party.aborted = true;
                }
            }
            Op::Close => self.close(),
        }
        self.check_wakes();
    }

    /// Nobody who has something to take is left asleep.
    fn check_wakes(&self) {
        for (i, party) in self.parties.iter().enumerate() {
            let wakes = match &party.future {
                Future::Accept(task) => task.wakes.count(),
                Future::Connect(task) => task.wakes.count(),
                Future::None => continue,
            };
            if let (At::Matched(_) | At::Closed, Some(since)) = (party.at, party.waits_since) {
                assert!(wakes > since, "party {i} ({:?}) was not woken", party.at);
            }
        }
    }

    /// Everybody comes to an end, and each has at the other end whom the model says.
    fn finish(&mut self) {
        self.close();
        self.check_wakes();
        for i in 0..self.parties.len() {
            self.poll(i);
        }
        for i in 0..self.parties.len() {
            if let Some(channel) = &mut self.parties[i].channel {
                // Whoever is not there reads it not.
                let _ = channel.try_write(&[i as u8]);
            }
        }
        for i in 0..self.parties.len() {
            let mut channel = self.parties[i].channel.take();
            let Some(got) = channel.as_mut().map(|channel| {
                let mut buf = [0; 8];
                channel.try_read(&mut buf).map(|n| buf[..n].to_vec())
            }) else {
                continue;
            };
            let other = match self.parties[i].at {
                At::Done(other) => Some((other, &self.parties[other])),
                At::Alone => None,
                at => panic!("party {i} has a channel, and is {at:?}"),
            };
            match (&got, other) {
                // What it wrote came before whatever it did then.
                (Ok(bytes), Some((id, _))) if *bytes == [id as u8] => {}
                (Ok(bytes), None) if bytes.is_empty() => {}
                (Ok(bytes), Some((_, p))) if bytes.is_empty() && p.at == At::Gone => {}
                (Ok(bytes), Some((_, p))) if bytes.is_empty() && !p.aborted => {}
                (Err(ReadError::PeerLost(_)), Some((_, p))) if p.aborted => {}
                (got, other) => panic!("{i}: {got:?} from {:?}", other.map(|(id, _)| id)),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    // shows B2, B3, B4: first come first served; whoever gives up leaves nothing behind; a lost
    // peer is not handed out; a close ends all waits; nobody is left asleep.
    #[test]
    fn matches_the_model(ops in ops()) {
        let mut world = World::new();
        ops.iter().for_each(|op| world.step(op));
        world.finish();
    }
}
