//! One end of the line: its session, and what its driver and its program keep.

use std::collections::BTreeMap;
use std::time::Duration;

use link_mux::{ChannelId, Session};

use crate::app::Shared;
use crate::plan::{EndPlan, Plan, Time};

pub struct End {
    /// `None`: its program is not running.
    pub session: Option<Session<Shared>>,
    /// The driver has been told that the link is there.
    pub link: bool,
    /// Between `Up` and `Down`.
    pub up: bool,
    /// When that, or a link, changed last.
    pub changed: Time,
    /// Something was received or touched since `transmit` had nothing.
    pub woken: bool,
    pub out: Vec<u8>,
    /// Its live ends of channels, by number: which pair, and which side of it.
    pub pairs: BTreeMap<u16, (usize, usize)>,
    /// What it has opened last with each number.
    pub opened: BTreeMap<u16, usize>,
    /// Incoming channels that wait for an answer, and when it is due.
    pub waiting: Vec<(Time, ChannelId, usize)>,
    /// Jobs that it is to open: when.
    pub jobs: Vec<(Time, usize)>,
    /// Of channels that were refused and still count, as their ends are not sent yet. How many, and their buffers.
    pub leaving: (u64, u64),
    /// Calls of `transmit` for which the deadline was the only reason.
    pub wakeups: u64,
    /// Bytes.
    pub sent: u64,
}

impl End {
    pub fn new(plan: &EndPlan) -> End {
        End {
            session: None,
            link: false,
            up: false,
            changed: 0,
            woken: false,
            out: vec![0; plan.out],
            pairs: BTreeMap::new(),
            opened: BTreeMap::new(),
            waiting: Vec::new(),
            jobs: Vec::new(),
            leaving: (0, 0),
            wakeups: 0,
            sent: 0,
        }
    }

    pub fn boot(&mut self, plan: &Plan, end: usize, seed: u64, now: Time) {
        let config = plan.ends[end].config.clone();
        let session = Session::new(config, plan.noise.clone(), seed);
        self.session = Some(session.expect("limits that can be kept"));
        self.link_up(now);
    }

    pub fn link_up(&mut self, now: Time) {
        if let Some(session) = &mut self.session {
            session.link_up(Duration::from_nanos(now));
            self.link = true;
            self.woken = true;
            self.changed = now;
        }
    }

    pub fn link_down(&mut self, now: Time) {
        if let Some(session) = &mut self.session {
            session.link_down();
            self.link = false;
            self.changed = now;
            assert_eq!(session.deadline(), None, "something is due without a link");
            let sent = session.transmit(Duration::from_nanos(now), &mut self.out);
            assert_eq!(sent, 0, "something was sent without a link");
        }
    }

    /// When `transmit` is to be called, if the line is free then.
    pub fn due(&self, now: Time) -> Option<Time> {
        let session = self.session.as_ref().filter(|_| self.link)?;
        if self.woken {
            return Some(now);
        }
        // Time is given in whole nanoseconds to both sides.
        session.deadline().map(|at| at.as_nanos() as Time)
    }
}
