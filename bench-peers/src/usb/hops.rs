//! What switches between threads cost, and the bare loop with as many of them as ours has: at either end a thread
//! that moves bytes, and another that uses them.

use super::bare::{Bare, Way};
use crate::measure::{Sample, Watch};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter of the kernel's that a thread sleeps on.
pub struct Bell(OwnedFd);

impl Bell {
    /// One that whoever answers it sleeps on.
    pub fn new() -> Self {
        Self(eventfd(0, EventfdFlags::CLOEXEC).expect("a descriptor"))
    }

    fn ring(&self) {
        rustix::io::write(&self.0, &1_u64.to_ne_bytes()).expect("room for one more");
    }

    fn answer(&self) {
        rustix::io::read(&self.0, &mut [0; 8]).expect("an event");
    }
}

/// Two threads that wake each other so many times in turn: a round trip is two switches.
pub fn ping_pong(times: u64) -> Sample {
    let [there, back] = [Bell::new(), Bell::new()];
    let watch = std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..times {
                there.answer();
                back.ring();
            }
        });
        let watch = Watch::start();
        for _ in 0..times {
            there.ring();
            back.answer();
        }
        watch.stop()
    });
    Sample {
        share: 1.0,
        ..watch
    }
}

/// Where a driver and its program meet.
struct Desk {
    to_driver: Bell,
    to_program: Bell,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Desk {
    fn new() -> Self {
        Self {
            to_driver: Bell::new(),
            to_program: Bell::new(),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }

    fn send(&self, number: u64) {
        self.sent.store(number, Ordering::Release);
        self.to_driver.ring();
    }

    fn receive(&self) -> u64 {
        self.to_program.answer();
        self.received.load(Ordering::Acquire)
    }
}

/// Receives and sends so many messages; sleeps on the endpoints and the bell.
fn drive(mut ends: impl Bare, desk: &Desk, packet: usize, size: usize, times: u64) {
    let (mut received, mut sent, mut over) = (0, 0, 0);
    ends.submit(Way::Receive, packet);
    while received < times || over < times {
        let told = {
            let mut watched: Vec<PollFd<'_>> = ends
                .descriptors()
                .into_iter()
                .map(|(descriptor, flags)| PollFd::from_borrowed_fd(descriptor, flags))
                .collect();
            watched.push(PollFd::from_borrowed_fd(
                desk.to_driver.0.as_fd(),
                PollFlags::IN,
            ));
            poll(&mut watched, None).expect("descriptors");
            let bell = watched.last().expect("the bell is the last");
            bell.revents().contains(PollFlags::IN)
        };
        if told {
            desk.to_driver.answer();
            let buffer = ends.buffer(Way::Send).expect("one is under way at most");
            buffer[..8].copy_from_slice(&desk.sent.load(Ordering::Acquire).to_le_bytes());
            ends.submit(Way::Send, size);
            sent += 1;
        }
        ends.progress();
        while ends.take(Way::Send).is_some() {
            over += 1;
        }
        let Some(moved) = ends.take(Way::Receive) else {
            continue;
        };
        assert_eq!(moved.len(), size, "a short transfer");
        let number = u64::from_le_bytes(moved[..8].try_into().expect("eight bytes"));
        received += 1;
        if received < times {
            ends.submit(Way::Receive, packet);
        }
        desk.received.store(number, Ordering::Release);
        desk.to_program.ring();
    }
    assert_eq!(sent, times, "as many each way");
}

/// As [`ask`](super::bare::ask), in a thread of its own. The ends are made by the thread that drives them.
pub fn ask<B: Bare>(ends: impl FnOnce() -> B + Send, packet: usize, size: usize, times: u64) {
    let desk = Desk::new();
    std::thread::scope(|scope| {
        scope.spawn(|| drive(ends(), &desk, packet, size, times));
        for question in 0..times {
            desk.send(question);
            assert_eq!(desk.receive(), question, "another answer");
        }
    });
}

/// As [`answer`](super::bare::answer), in a thread of its own.
pub fn answer<B: Bare>(ends: impl FnOnce() -> B + Send, packet: usize, size: usize, times: u64) {
    let desk = Desk::new();
    std::thread::scope(|scope| {
        scope.spawn(|| drive(ends(), &desk, packet, size, times));
        for _ in 0..times {
            let question = desk.receive();
            desk.send(question);
        }
    });
}
