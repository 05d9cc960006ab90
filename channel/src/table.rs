//! The rendezvous: who waits at a broker's ports, and who is matched with whom.
//!
//! One table per broker serves local and remote partners alike. Three kinds of tickets lie in it,
//! each under a number that gives its place in the line:
//!
//! - an **acceptor** waits, or has been matched with an [`Arrival`] that it has not taken yet;
//! - a **local connector** brings both ends of its connection along; at the match the acceptor gets
//!   one of them, and both sides are matched in the same instant;
//! - a **remote connector**, whose hello was read, waits; is *welcomed* when an acceptor is there for
//!   it; and is *ready* when it has answered. Only a ready one is matched, so a connector that gives
//!   up before costs the acceptor nothing. One that does not answer promptly is *overdue*.
//!
//! Invariants, all under the one lock of the table:
//!
//! - **Taking is the decision.** What was matched and not taken goes back to its place when the
//!   other side gives up, and what a lost peer left behind is thrown away, and matching runs again.
//! - No more remote connectors are welcomed than acceptors wait for them, and one more for each that
//!   is overdue: silent strangers hold up those behind them for a few prompt answers, not for one
//!   each.
//! - A connector that can be matched is matched, past those whose answer is awaited.
//! - No code of anybody else runs under the lock: wakers are cloned before, and woken and dropped
//!   after it, as connections are. The one exception is a transport's
//!   [`Control::peer_gone`](crate::transport::Control::peer_gone), which is cheap and never blocks.

mod arrival;
mod port;
mod tickets;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use parking_lot::Mutex;

use crate::transport::Connection;
pub(crate) use arrival::Arrival;
use arrival::Place;
use port::{Afterwards, Connector, Local, Number, Port, Stage};
pub(crate) use tickets::{AcceptTicket, LocalTicket, RemoteTicket};

/// Who waits at a port of a broker: a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// Acceptors without a partner.
    pub acceptors: usize,
    /// Connectors without a partner, local and remote.
    pub connectors: usize,
    /// Acceptors that have been matched and have not taken their channel yet.
    pub matched: usize,
}

/// The broker is closed.
#[derive(Debug)]
pub(crate) struct Closed;

pub(crate) struct Table {
    /// Name of the broker, for events.
    broker: Arc<str>,
    remote: Arc<AtomicUsize>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    line: Line,
    ports: HashMap<u16, Port>,
}

/// What the ports have in common.
#[derive(Default)]
struct Line {
    closed: bool,
    next: Number,
}

impl Table {
    pub(crate) fn new(broker: Arc<str>) -> Arc<Table> {
        Arc::new(Table {
            broker,
            remote: Arc::default(),
            inner: Mutex::default(),
        })
    }

    fn withdrawn(&self, port: u16, who: &str) {
        tracing::debug!(target: "channel", broker = %self.broker, port, who, "withdraw");
    }

    /// Runs `change` on a port under the lock, matches, and tidies up.
    fn with<T>(
        &self,
        port: u16,
        change: impl FnOnce(&mut Line, &mut Port, &mut Afterwards) -> T,
    ) -> T {
        let mut after = Afterwards::default();
        let mut inner = self.inner.lock();
        let Inner { line, ports } = &mut *inner;
        let entry = ports.entry(port).or_default();
        let result = change(line, entry, &mut after);
        // A thrown-away arrival makes room for the next in line.
        loop {
            let before = entry.connectors.len();
            entry.run(&mut after);
            if entry.connectors.len() == before || entry.acceptors.is_empty() {
                break;
            }
        }
        if entry.is_empty() {
            ports.remove(&port);
        }
        drop(inner);
        after.run();
        result
    }

    /// Whoever waits is told that the broker is closed. What was matched can still be taken.
    /// That is done by what is returned, once the rest of the broker is closed; `None` if it was
    /// closed before.
    pub(crate) fn close(&self) -> Option<impl FnOnce()> {
        let mut after = Afterwards::default();
        let mut inner = self.inner.lock();
        if std::mem::replace(&mut inner.line.closed, true) {
            return None;
        }
        for port in inner.ports.values_mut() {
            for (_, waker) in std::mem::take(&mut port.acceptors) {
                after.wake.extend(waker);
            }
            let (keep, end) = std::mem::take(&mut port.connectors)
                .into_iter()
                .partition(|(_, c)| matches!(c, Connector::Local(Local { theirs: Err(_), .. })));
            port.connectors = keep;
            for (_, connector) in end {
                match connector {
                    Connector::Local(Local {
                        waker,
                        ours,
                        theirs,
                    }) => {
                        after.wake.extend(waker);
                        after.drop.push(ours);
                        after
                            .drop
                            .extend(theirs.ok().map(|arrival| arrival.connection));
                    }
                    Connector::Remote { waker, .. } => after.wake.extend(waker),
                    Connector::Ready(arrival) => after.drop.push(arrival.connection),
                }
            }
        }
        drop(inner);
        Some(move || after.run())
    }

    pub(crate) fn waiting(&self, port: u16) -> Waiting {
        let inner = self.inner.lock();
        let Some(port) = inner.ports.get(&port) else {
            return Waiting::default();
        };
        let matched = |c: &&Connector| matches!(c, Connector::Local(Local { theirs: Err(_), .. }));
        Waiting {
            acceptors: port.acceptors.len(),
            connectors: port.connectors.values().filter(|c| !matched(c)).count(),
            matched: port.matched.len(),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inner.lock().line.closed
    }

    /// Takes a place in the line of those who accept at `port`.
    pub(crate) fn accept(self: &Arc<Self>, port: u16) -> AcceptTicket {
        let number = self.with(port, |line, entry, _| {
            let number = line.number();
            if !line.closed {
                entry.acceptors.insert(number, None);
            }
            number
        });
        AcceptTicket {
            table: self.clone(),
            port,
            number,
        }
    }

    /// Takes a place in the line of those who connect to `port`, with both ends of a connection. A
    /// connector whose acceptor was lost takes its place of `before` again.
    pub(crate) fn connect(
        self: &Arc<Self>,
        port: u16,
        ours: Connection,
        theirs: Arrival,
        before: Option<Number>,
    ) -> Result<LocalTicket, Closed> {
        let number = self.with(port, |line, entry, after| {
            if line.closed {
                after.drop.extend([ours, theirs.connection]);
                return Err(Closed);
            }
            let number = before.unwrap_or_else(|| line.number());
            let local = Local {
                waker: None,
                ours,
                theirs: Ok(theirs),
            };
            entry.connectors.insert(number, Connector::Local(local));
            Ok(number)
        })?;
        Ok(LocalTicket {
            table: self.clone(),
            port,
            number,
        })
    }

    /// Takes a place for a remote connector whose hello was read; `None` if `limit` remote
    /// connectors wait already.
    pub(crate) fn connect_remote(
        self: &Arc<Self>,
        port: u16,
        limit: usize,
    ) -> Result<Option<RemoteTicket>, Closed> {
        let Some(place) = Place::take(&self.remote, limit) else {
            return Ok(None);
        };
        let number = self.with(port, |line, entry, _| {
            if line.closed {
                return Err(Closed);
            }
            let number = line.number();
            let connector = Connector::Remote {
                stage: Stage::Waiting,
                waker: None,
            };
            entry.connectors.insert(number, connector);
            Ok(number)
        })?;
        Ok(Some(RemoteTicket {
            table: self.clone(),
            port,
            number,
            place: Some(place),
        }))
    }
}

impl Line {
    fn number(&mut self) -> Number {
        self.next += 1;
        self.next
    }
}
