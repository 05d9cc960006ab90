//! Rows whose contestants are two processes.

use super::*;
use crate::measure::{Role, Row};
use crate::messages::{Borrowed, Into};
use crate::rings::cache_line;
use crate::sockets::{BytesEnd, Connects, FromChannel, Measure, QueueEnd, Sent};
use std::fmt::{Debug, Display};
use std::rc::Rc;
use std::str::FromStr;

/// A row in the making.
pub struct Making {
    /// The row.
    pub row: Row,
    /// What its contestants are measured at.
    pub task: Task,
    /// Whether ours may run where the system puts it.
    unpinned: bool,
    place: Place,
}

/// Where a contestant is measured, and by which of the two processes.
#[derive(Clone)]
pub struct Place {
    /// The cores to take.
    pub cores: Rc<Cores>,
    /// Whether this is the other process.
    pub other: bool,
}

impl Place {
    /// What that contestant's next measurement is made of.
    fn ready(&self, mut task: Task, key: &str, name: &str, unpinned: bool) -> (Task, Side) {
        let cores = self.cores.pick();
        task.cores = (!unpinned).then_some(cores);
        if self.other {
            return (task, Side::Other);
        }
        let cores = cores.map(|core| core.to_string()).join(",");
        let arguments = ["--cores", &cores, "--other", key, name];
        (task, Side::Clock(arguments.map(str::to_owned).to_vec()))
    }
}

impl Making {
    /// A row without contestants, at messages of `size` bytes.
    pub fn new(row: Row, size: usize, capacity: usize, place: &Place) -> Self {
        let task = Task {
            cores: None,
            capacity,
            size,
            each: 1,
        };
        Self {
            row,
            task,
            unpinned: false,
            place: place.clone(),
        }
    }

    /// What makes each of a contestant's measurements ready.
    fn ready(&self, name: &'static str) -> impl Fn() -> (Task, Side) + 'static {
        let (place, task) = (self.place.clone(), self.task);
        let (key, unpinned) = (self.row.key.clone(), self.unpinned);
        move || place.ready(task, &key, name, unpinned)
    }

    /// Adds a contestant in two processes.
    pub fn with<A: Apart, M: Measure>(mut self, role: Role, name: &'static str) -> Self {
        let ready = self.ready(name);
        self.row = self.row.with(role, name, move |amount| {
            let (task, side) = ready();
            between::<A, M>(&side, task, amount)
        });
        self
    }

    /// Adds a contestant in two threads of one process.
    pub fn within<E: FromChannel, M: Measure>(mut self, name: &'static str) -> Self {
        let ready = self.ready(name);
        self.row = self.row.with(Role::Reference, name, move |amount| {
            within::<E, M>(ready().0, amount)
        });
        self
    }

    /// Adds a contestant that connects again and again.
    pub fn connecting<C>(mut self, role: Role, name: &'static str) -> Self
    where
        C: Connects<At: Display + FromStr<Err: Debug>>,
    {
        let ready = self.ready(name);
        self.row = self.row.with(role, name, move |times| {
            let (task, side) = ready();
            connecting::<C>(&side, task.cores, times)
        });
        self
    }

    /// Adds all, for a stream of messages. Ours is what receives messages into a buffer.
    pub fn streamed(self) -> Row {
        let ours = self
            .with::<Shm<QueueEnd<Into>>, Sent>(Role::Ours, "queue")
            .borrowed::<Sent>()
            .in_memory::<Sent>()
            .with::<Shm<BytesEnd>, Sent>(Role::Reference, "channel")
            .unpinned::<Sent>();
        let all = ours.spinners::<Sent>().sleepers::<Sent>();
        // As `receive_into` leaves it: in the receiver's own memory.
        all.with::<Iceoryx<Copied>, Sent>(Role::Reference, "iceoryx2 copied")
            .row
    }

    /// Adds what a cache line's way there and back takes.
    pub fn cache_line(mut self) -> Self {
        let ready = self.ready("cache line");
        self.row = self.row.with(Role::Reference, "cache line", move |times| {
            cache_line(ready().0.cores.expect("pinned"), times)
        });
        self
    }

    /// Adds those who wait asleep.
    pub fn sleepers<M: Measure>(self) -> Self {
        let all = self
            .with::<Unix, M>(Role::Peer, "UnixStream")
            .with::<Iceoryx<Evented>, M>(Role::Peer, "iceoryx2 + event")
            .with::<ShmemIpc, M>(Role::Peer, "shmem-ipc");
        #[cfg(feature = "zmq")]
        let all = all.with::<ZeroMq, M>(Role::Peer, "ZeroMQ");
        #[cfg(feature = "nng")]
        let all = all.with::<Nng, M>(Role::Peer, "nng");
        all
    }

    /// Adds those who spin and never sleep.
    pub fn spinners<M: Measure>(self) -> Self {
        self.with::<Iceoryx<Polling>, M>(Role::Peer, "iceoryx2")
            .with::<SharedMemQueue, M>(Role::Peer, "shared-mem-queue")
    }

    /// Adds ours: bytes, and messages received into a buffer.
    pub fn ours<M: Measure>(self) -> Self {
        self.with::<Shm<BytesEnd>, M>(Role::Ours, "channel")
            .with::<Shm<QueueEnd<Into>>, M>(Role::Ours, "queue")
    }

    /// Adds ours where the system puts the threads.
    pub fn unpinned<M: Measure>(mut self) -> Self {
        self.unpinned = true;
        let mut both = self
            .with::<Shm<BytesEnd>, M>(Role::Reference, "channel unpinned")
            .with::<Shm<QueueEnd<Into>>, M>(Role::Reference, "queue unpinned");
        both.unpinned = false;
        both
    }

    /// Adds queues whose messages are looked at where they lie.
    pub fn borrowed<M: Measure>(self) -> Self {
        self.with::<Shm<QueueEnd<Borrowed>>, M>(Role::Reference, "queue ref")
            .within::<QueueEnd<Borrowed>, M>("mem queue ref")
    }

    /// Adds ours in memory.
    pub fn in_memory<M: Measure>(self) -> Self {
        self.within::<BytesEnd, M>("mem channel")
            .within::<QueueEnd<Into>, M>("mem queue")
    }
}
