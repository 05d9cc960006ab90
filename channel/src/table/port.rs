//! The lines of one port, and the matching.

use std::collections::BTreeMap;
use std::task::Waker;

use super::arrival::Arrival;
use crate::transport::Connection;

/// A place in the line.
pub(super) type Number = u64;

#[derive(Default)]
pub(super) struct Port {
    /// Acceptors that wait.
    pub(super) acceptors: BTreeMap<Number, Option<Waker>>,
    /// Acceptors that were matched and have not taken it yet, and the number of their connector.
    pub(super) matched: BTreeMap<Number, (Number, Arrival)>,
    pub(super) connectors: BTreeMap<Number, Connector>,
}

pub(super) enum Connector {
    Local(Local),
    Remote {
        stage: Stage,
        waker: Option<Waker>,
    },
    /// Has an arrival of its own ready to be taken: a remote connector that has answered its
    /// welcome, or one whose acceptor gave up after the match.
    Ready(Arrival),
}

pub(super) struct Local {
    pub(super) waker: Option<Waker>,
    pub(super) ours: Connection,
    /// With whom it waits, or by which acceptor it was matched.
    pub(super) theirs: Result<Arrival, Number>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Stage {
    Waiting,
    Welcomed,
    /// Welcomed, and did not answer promptly. It still may.
    Overdue,
}

/// What is to be done after the lock was released.
#[derive(Default)]
pub(super) struct Afterwards {
    pub(super) wake: Vec<Waker>,
    /// Wakers of those who wait no more.
    pub(super) stale: Vec<Waker>,
    pub(super) drop: Vec<Connection>,
}

impl Afterwards {
    pub(super) fn run(self) {
        self.wake.into_iter().for_each(Waker::wake);
        drop(self.drop);
        drop(self.stale);
    }
}

impl Port {
    pub(super) fn is_empty(&self) -> bool {
        self.acceptors.is_empty() && self.matched.is_empty() && self.connectors.is_empty()
    }

    /// Matches whoever can be matched, and welcomes whoever may be next, in the order of the line.
    pub(super) fn run(&mut self, after: &mut Afterwards) {
        let mut free = self.acceptors.len();
        let mut welcomes = free;
        let mut ready = Vec::new();
        for (&number, connector) in &mut self.connectors {
            if free == 0 {
                break;
            }
            match connector {
                Connector::Local(Local { theirs: Err(_), .. }) => {}
                Connector::Local(_) | Connector::Ready(_) => {
                    ready.push(number);
                    free -= 1;
                    welcomes = welcomes.saturating_sub(1);
                }
                Connector::Remote { stage, waker } => match stage {
                    // With each one that is silent, the next may be tried at the same time: a line
                    // of many such is through after a few rounds.
                    Stage::Overdue => welcomes += 1,
                    Stage::Waiting if welcomes > 0 => {
                        *stage = Stage::Welcomed;
                        after.wake.extend(waker.take());
                        welcomes -= 1;
                    }
                    Stage::Waiting => {}
                    Stage::Welcomed => welcomes = welcomes.saturating_sub(1),
                },
            }
        }
        for number in ready {
            self.match_with(number, after);
        }
    }

    /// Gives the connector `number` to the acceptor that waits longest.
    pub(super) fn match_with(&mut self, number: Number, after: &mut Afterwards) {
        let Some((&acceptor, _)) = self.acceptors.first_key_value() else {
            return;
        };
        let arrival = match self.connectors.get_mut(&number) {
            Some(Connector::Local(local)) => {
                let Ok(arrival) = std::mem::replace(&mut local.theirs, Err(acceptor)) else {
                    return;
                };
                after.wake.extend(local.waker.take());
                arrival
            }
            Some(Connector::Ready(_)) => match self.connectors.remove(&number) {
                Some(Connector::Ready(arrival)) if arrival.is_spent() => {
                    after.drop.push(arrival.connection);
                    return;
                }
                Some(Connector::Ready(arrival)) => arrival,
                _ => return,
            },
            _ => return,
        };
        if let Some(waker) = self.acceptors.remove(&acceptor) {
            after.wake.extend(waker);
        }
        self.matched.insert(acceptor, (number, arrival));
    }

    /// Takes a connector that was not matched out of the line; whether it was there.
    pub(super) fn withdraw_local(&mut self, number: Number, after: &mut Afterwards) -> bool {
        let Some(Connector::Local(local)) = self.connectors.remove(&number) else {
            return false;
        };
        after.stale.extend(local.waker);
        after.drop.push(local.ours);
        after
            .drop
            .extend(local.theirs.ok().map(|arrival| arrival.connection));
        true
    }

    /// Throws away an arrival that its acceptor did not take, since the broker is closed: nobody
    /// else will.
    pub(super) fn refuse(&mut self, number: Number, arrival: Arrival, after: &mut Afterwards) {
        after.drop.push(arrival.connection);
        if let Some(Connector::Local(local)) = self.connectors.remove(&number) {
            after.wake.extend(local.waker);
            after.drop.push(local.ours);
        }
    }

    /// Puts an arrival that its acceptor did not take back to the connector's place.
    pub(super) fn give_back(&mut self, number: Number, arrival: Arrival, after: &mut Afterwards) {
        match self.connectors.get_mut(&number) {
            // The connector has not taken its end yet: it waits again.
            Some(Connector::Local(local)) => local.theirs = Ok(arrival),
            _ if arrival.gone() => after.drop.push(arrival.connection),
            // It has: it keeps its place, for the next accept.
            _ => {
                self.connectors.insert(number, Connector::Ready(arrival));
            }
        }
    }
}
