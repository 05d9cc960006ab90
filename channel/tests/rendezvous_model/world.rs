//! The model: who stands where in which line, and what each step must give.

use channel::{AcceptError, Broker, Channel, ConnectError, Domain, Options};

use crate::support::Task;

/// Where one party stands, as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// Not polled yet.
    New,
    Waiting,
    /// Matched with that one, and has not taken its channel.
    Matched(usize),
    /// Has its channel; with whom at the other end.
    Done(usize),
    /// A connector that has its channel, whose acceptor gave up: the next accept is its.
    Orphan,
    /// The broker was closed, and it was not told yet.
    Closed,
    /// It gave up, or was told of an error.
    Gone,
    /// Has its channel, and nobody will ever be at the other end.
    Alone,
}

pub enum Future {
    Accept(Task<Result<Channel, AcceptError>>),
    Connect(Task<Result<Channel, ConnectError>>),
    None,
}

pub struct Party {
    pub accepts: bool,
    pub port: u16,
    /// Place in the line: order of the first poll.
    pub place: usize,
    pub at: At,
    pub future: Future,
    pub channel: Option<Channel>,
    pub aborted: bool,
    /// Wakes counted when it was last told to wait.
    pub waits_since: Option<usize>,
}

pub struct World {
    pub server: Broker,
    pub client: Broker,
    pub parties: Vec<Party>,
    pub places: usize,
    pub closed: bool,
}

impl World {
    pub fn new() -> World {
        let domain = Domain::new();
        let options = Options::new().with_capacity(64);
        World {
            server: domain.broker_with("server", options.clone()).unwrap(),
            client: domain.broker_with("client", options).unwrap(),
            parties: Vec::new(),
            places: 0,
            closed: false,
        }
    }

    pub fn enter(&mut self, accepts: bool, port: u16, future: Future) -> usize {
        self.parties.push(Party {
            accepts,
            port,
            place: usize::MAX,
            at: At::New,
            future,
            channel: None,
            aborted: false,
            waits_since: None,
        });
        self.parties.len() - 1
    }

    pub fn first(&self, port: u16, fits: impl Fn(&Party) -> bool) -> Option<usize> {
        (0..self.parties.len())
            .filter(|&i| self.parties[i].port == port && fits(&self.parties[i]))
            .min_by_key(|&i| self.parties[i].place)
    }

    /// First come, first served.
    pub fn run(&mut self, port: u16) {
        while let Some(a) = self.first(port, |p| p.accepts && p.at == At::Waiting) {
            let waits = |p: &Party| !p.accepts && matches!(p.at, At::Waiting | At::Orphan);
            let Some(c) = self.first(port, waits) else {
                break;
            };
            match self.parties[c].at {
                At::Orphan if self.parties[c].aborted => self.parties[c].at = At::Alone,
                At::Orphan => {
                    self.parties[c].at = At::Done(a);
                    self.parties[a].at = At::Matched(c);
                }
                _ => {
                    self.parties[c].at = At::Matched(a);
                    self.parties[a].at = At::Matched(c);
                }
            }
        }
    }

    pub fn wait_again(&mut self, i: usize) {
        self.parties[i].at = if self.closed { At::Closed } else { At::Waiting };
    }

    /// What the model says that a poll gives: a channel, an error, or nothing yet.
    pub fn model_poll(&mut self, i: usize) -> At {
        if self.parties[i].at == At::New {
            self.wait_again(i);
            self.parties[i].place = self.places;
            self.places += 1;
        }
        loop {
            self.run(self.parties[i].port);
            match self.parties[i].at {
                At::Matched(other) if self.parties[other].aborted => self.wait_again(i),
                At::Matched(other) => {
                    self.parties[i].at = At::Done(other);
                    return self.parties[i].at;
                }
                At::Closed => {
                    self.parties[i].at = At::Gone;
                    return At::Closed;
                }
                at => return at,
            }
        }
    }

    pub fn model_drop(&mut self, i: usize) {
        match self.parties[i].at {
            // An orphan that leaves without a word is there for nobody any more.
            At::New | At::Waiting | At::Closed | At::Orphan => self.parties[i].at = At::Gone,
            At::Matched(other) => {
                self.parties[i].at = At::Gone;
                match self.parties[other].at {
                    At::Matched(_) => self.wait_again(other),
                    At::Done(_) if self.parties[i].accepts && !self.closed => {
                        // It may have left before, without a word.
                        let here =
                            self.parties[other].channel.is_some() || self.parties[other].aborted;
                        self.parties[other].at = if here { At::Orphan } else { At::Gone };
                    }
                    _ => self.parties[other].at = At::Alone,
                }
            }
            _ => {}
        }
        self.run(self.parties[i].port);
    }
}
