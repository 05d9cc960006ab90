//! Which channels have something to do.

use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

/// Channels whose readers or writers waited, and need not wait any more.
#[derive(Clone, Default)]
pub struct Notes(Arc<Lists>);

#[derive(Default)]
struct Lists {
    readable: Mutex<Vec<u32>>,
    writable: Mutex<Vec<u32>>,
}

impl Notes {
    /// Notes that a channel has bytes.
    pub fn readable(&self, channel: u32) {
        push(&self.0.readable, channel);
    }

    /// Notes that a channel has room.
    pub fn writable(&self, channel: u32) {
        push(&self.0.writable, channel);
    }

    /// Exchanges the channels that have bytes for those in `done`, which are forgotten.
    pub fn take_readable(&self, done: &mut Vec<u32>) {
        take(&self.0.readable, done);
    }

    /// The same for those that have room.
    pub fn take_writable(&self, done: &mut Vec<u32>) {
        take(&self.0.writable, done);
    }

    /// A waker that notes that a channel has bytes.
    pub(super) fn when_readable(&self, channel: u32) -> Waker {
        Waker::from(Arc::new(Readable(self.clone(), channel)))
    }

    /// The same, that it has room.
    pub(super) fn when_writable(&self, channel: u32) -> Waker {
        Waker::from(Arc::new(Writable(self.clone(), channel)))
    }
}

struct Readable(Notes, u32);
struct Writable(Notes, u32);

impl Wake for Readable {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.readable(self.1);
    }
}

impl Wake for Writable {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.writable(self.1);
    }
}

fn push(list: &Mutex<Vec<u32>>, channel: u32) {
    list.lock().expect("nobody panics with it").push(channel);
}

fn take(list: &Mutex<Vec<u32>>, done: &mut Vec<u32>) {
    done.clear();
    std::mem::swap(&mut *list.lock().expect("nobody panics with it"), done);
}
