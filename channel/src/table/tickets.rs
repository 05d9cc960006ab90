//! Places in the lines, as those who wait hold them.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::arrival::{Arrival, Place};
use super::port::{Connector, Local, Number, Stage};
use super::{Closed, Table};
use crate::transport::Connection;

/// A place in the line of those who accept. Dropping it withdraws.
pub(crate) struct AcceptTicket {
    pub(super) table: Arc<Table>,
    pub(super) port: u16,
    pub(super) number: Number,
}

impl AcceptTicket {
    /// Takes what it was matched with, if anything. With `last`, the place is given up if it was
    /// not matched: that is decided here, under the lock, so that nobody is matched with who gave
    /// up.
    pub(crate) fn poll(&self, cx: &mut Context<'_>, last: bool) -> Poll<Result<Arrival, Closed>> {
        loop {
            let mut withdrawn = false;
            let mut waker = (!last).then(|| cx.waker().clone());
            let taken = self.table.with(self.port, |_, entry, after| {
                if let Some((_, arrival)) = entry.matched.remove(&self.number) {
                    return Poll::Ready(Ok(arrival));
                }
                match entry.acceptors.get_mut(&self.number) {
                    Some(place) if last => {
                        after.stale.extend(place.take());
                        entry.acceptors.remove(&self.number);
                        withdrawn = true;
                        Poll::Pending
                    }
                    Some(place) => {
                        // The old one is dropped after the lock.
                        std::mem::swap(place, &mut waker);
                        Poll::Pending
                    }
                    None => Poll::Ready(Err(Closed)),
                }
            });
            if withdrawn {
                self.table.withdrawn(self.port, "acceptor");
            }
            let Poll::Ready(Ok(mut arrival)) = taken else {
                return taken;
            };
            if !arrival.is_lost() {
                return Poll::Ready(Ok(arrival));
            }
            drop(arrival);
            // Its number is the lowest of those who wait: it is at the head of the line again.
            self.table.with(self.port, |line, entry, _| {
                if !line.closed {
                    entry.acceptors.insert(self.number, None);
                }
            });
        }
    }
}

impl Drop for AcceptTicket {
    fn drop(&mut self) {
        let withdrawn = self.table.with(self.port, |line, entry, after| {
            let place = entry.acceptors.remove(&self.number);
            let waited = place.is_some();
            after.stale.extend(place.flatten());
            match entry.matched.remove(&self.number) {
                Some((connector, arrival)) => {
                    if line.closed {
                        entry.refuse(connector, arrival, after);
                    } else {
                        entry.give_back(connector, arrival, after);
                    }
                    true
                }
                None => waited,
            }
        });
        if withdrawn {
            self.table.withdrawn(self.port, "acceptor");
        }
    }
}

/// A local connector's place in the line. Dropping it withdraws.
pub(crate) struct LocalTicket {
    pub(super) table: Arc<Table>,
    pub(super) port: u16,
    pub(super) number: Number,
}

impl LocalTicket {
    /// Its place in the line of `table`, if it is that table's.
    pub(crate) fn place_in(&self, table: &Arc<Table>) -> Option<Number> {
        Arc::ptr_eq(&self.table, table).then_some(self.number)
    }

    /// Takes the connector's end once it is matched. `None`: the acceptor was lost before; connect
    /// anew. With `last`, the place is given up if it was not matched, as for an acceptor.
    pub(crate) fn poll(
        &self,
        cx: &mut Context<'_>,
        last: bool,
    ) -> Poll<Result<Option<Connection>, Closed>> {
        let mut withdrawn = false;
        let mut waker = (!last).then(|| cx.waker().clone());
        let taken = self.table.with(self.port, |_, entry, after| {
            match entry.connectors.get_mut(&self.number) {
                Some(Connector::Local(local)) if local.theirs.is_ok() => {
                    if last {
                        withdrawn = entry.withdraw_local(self.number, after);
                        return Poll::Pending;
                    }
                    // The old one is dropped after the lock.
                    std::mem::swap(&mut local.waker, &mut waker);
                    return Poll::Pending;
                }
                Some(Connector::Local(_)) => {}
                _ => return Poll::Ready(Err(Closed)),
            }
            match entry.connectors.remove(&self.number) {
                Some(Connector::Local(Local { ours, .. })) if ours.control.peer_gone() => {
                    after.drop.push(ours);
                    Poll::Ready(Ok(None))
                }
                Some(Connector::Local(Local { ours, .. })) => Poll::Ready(Ok(Some(ours))),
                _ => Poll::Ready(Err(Closed)),
            }
        });
        if withdrawn {
            self.table.withdrawn(self.port, "connector");
        }
        taken
    }
}

impl Drop for LocalTicket {
    fn drop(&mut self) {
        let withdrawn = self.table.with(self.port, |line, entry, after| {
            // Taken already, or never let in: then the number is not there, or it is the place of
            // an arrival whose acceptor gave up.
            match entry.connectors.get(&self.number) {
                Some(Connector::Local(_)) => {}
                _ => return false,
            }
            let Some(Connector::Local(local)) = entry.connectors.remove(&self.number) else {
                return false;
            };
            after.stale.extend(local.waker);
            match local.theirs {
                Ok(arrival) => after.drop.push(arrival.connection),
                // Matched, and this side gives up: an acceptor that has not taken it yet waits on.
                Err(acceptor) => {
                    if let Some((_, arrival)) = entry.matched.remove(&acceptor) {
                        after.drop.push(arrival.connection);
                        if !line.closed {
                            entry.acceptors.insert(acceptor, None);
                        }
                    }
                }
            }
            after.drop.push(local.ours);
            true
        });
        if withdrawn {
            self.table.withdrawn(self.port, "connector");
        }
    }
}

/// A remote connector's place in the line. Dropping it withdraws.
pub(crate) struct RemoteTicket {
    pub(super) table: Arc<Table>,
    pub(super) port: u16,
    pub(super) number: Number,
    pub(super) place: Option<Place>,
}

impl RemoteTicket {
    /// Ready when an acceptor is there for it.
    pub(crate) fn poll_welcome(&self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let mut new = Some(cx.waker().clone());
        self.table.with(self.port, |_, entry, _| {
            match entry.connectors.get_mut(&self.number) {
                Some(Connector::Remote {
                    stage: Stage::Waiting,
                    waker,
                }) => {
                    // The old one is dropped after the lock.
                    std::mem::swap(waker, &mut new);
                    Poll::Pending
                }
                Some(Connector::Remote { .. }) => Poll::Ready(Ok(())),
                _ => Poll::Ready(Err(Closed)),
            }
        })
    }

    /// The connector does not answer its welcome promptly: it still may, but the next one has its
    /// turn.
    pub(crate) fn overdue(&self) {
        self.table.with(self.port, |_, entry, _| {
            if let Some(Connector::Remote { stage, .. }) = entry.connectors.get_mut(&self.number) {
                *stage = Stage::Overdue;
            }
        });
    }

    /// Leaves the line, and keeps what counts against the limit of those who wait.
    pub(crate) fn withdraw(mut self) -> Option<Place> {
        self.place.take()
    }

    /// The connector has answered: what it brings can be taken.
    pub(crate) fn ready(mut self, connection: Connection, from: Arc<str>) -> Result<(), Closed> {
        let arrival = Arrival {
            connection,
            from,
            place: self.place.take(),
        };
        self.table.with(self.port, |_, entry, after| {
            match entry.connectors.get_mut(&self.number) {
                Some(connector @ Connector::Remote { .. }) => {
                    let before = std::mem::replace(connector, Connector::Ready(arrival));
                    if let Connector::Remote { waker, .. } = before {
                        after.stale.extend(waker);
                    }
                    Ok(())
                }
                _ => {
                    after.drop.push(arrival.connection);
                    Err(Closed)
                }
            }
        })
    }
}

impl Drop for RemoteTicket {
    fn drop(&mut self) {
        let withdrawn = self.table.with(self.port, |_, entry, after| {
            match entry.connectors.get_mut(&self.number) {
                Some(Connector::Remote { waker, .. }) => after.stale.extend(waker.take()),
                _ => return false,
            }
            entry.connectors.remove(&self.number);
            true
        });
        if withdrawn {
            self.table.withdrawn(self.port, "remote connector");
        }
    }
}
