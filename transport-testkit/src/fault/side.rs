//! The two sides of an injector: what is dialled, and what a listener accepts.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use channel::Endpoint;
use channel::transport::{Connection, Disconnect, Listener};

use super::fired::Counters;
use super::link::{FaultControl, IN, Link, OUT};
use super::options;
use super::pace::Pace;
use super::plan::Plan;
use super::rng::Rng;
use super::sink::FaultSink;
use super::source::{FaultSource, State};

/// What the connections have in common that were dialled, or accepted by one listener.
pub(super) struct Side {
    what: &'static str,
    part: u64,
    plan: Plan,
    counters: Arc<Counters>,
}

impl Side {
    pub(super) fn dialled(counters: Arc<Counters>, plan: Plan) -> Side {
        Side {
            what: "dialled",
            part: 0,
            plan,
            counters,
        }
    }

    pub(super) fn accepted(counters: Arc<Counters>, plan: Plan) -> Side {
        Side {
            what: "accepted",
            part: 1,
            ..Side::dialled(counters, plan)
        }
    }

    /// One more dial or accept; the error if it is the one to be hit.
    pub(super) fn call(&self) -> Result<(), io::Error> {
        self.counters.calls.add();
        let trigger = self.plan.trigger.as_ref();
        match trigger.and_then(|trigger| trigger.call(|| format!("a connection {}", self.what))) {
            None => Ok(()),
            Some(strike) => {
                self.counters.cuts.add();
                Err(io::Error::new(strike.kind(), "a fault was injected"))
            }
        }
    }

    pub(super) fn wrap(&self, connection: Connection, number: u64) -> Connection {
        let name = format!("the {} connection {number}", self.what);
        let link = Link::new(
            connection.control,
            self.counters.clone(),
            self.plan.trigger.clone(),
            name,
            self.plan.one_way,
        );
        let pace = |direction: u8, half: u64| {
            // Four independent parts for each number: two sides of two directions.
            let rng = Rng::of(self.plan.seed, number * 4 + self.part * 2 + half + 1);
            Pace::new(rng, self.plan.clone(), direction)
        };
        Connection {
            source: Box::new(FaultSource {
                inner: connection.source,
                link: link.clone(),
                pace: pace(IN, 0),
                cut: self.plan.cut_read,
                read: 0,
                visible: 0,
                state: State::Open,
            }),
            sink: Box::new(FaultSink {
                inner: connection.sink,
                link: link.clone(),
                pace: pace(OUT, 1),
                cut: self.plan.cut_write,
                written: 0,
            }),
            control: Arc::new(FaultControl(link)),
            peer: connection.peer,
            carrier: connection.carrier,
        }
    }
}

pub(super) struct FaultListener {
    inner: Box<dyn Listener>,
    local: Endpoint,
    side: Side,
    accepted: u64,
}

impl FaultListener {
    /// `at`: what was asked for.
    pub(super) fn new(inner: Box<dyn Listener>, at: &Endpoint, side: Side) -> FaultListener {
        FaultListener {
            local: options::outer(inner.local(), at),
            inner,
            side,
            accepted: 0,
        }
    }
}

impl Listener for FaultListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        let mut connection = ready!(self.inner.poll_accept(cx))?;
        if let Err(error) = self.side.call() {
            connection.control.disconnect(Disconnect::Abort);
            return Poll::Ready(Err(error));
        }
        connection.peer = connection.peer.with_fault();
        let number = self.accepted;
        self.accepted += 1;
        Poll::Ready(Ok(self.side.wrap(connection, number)))
    }

    fn local(&self) -> &Endpoint {
        &self.local
    }
}
