//! What a driver and those who use it tell each other.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};

use channel::transport::{Connection, Lingering};
use channel::{Endpoint, Options};
use link_mux::ChannelId;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::bell::Bell;
use crate::dial::Request;
use crate::state::{READING, STREAM, State};

/// One driver's.
pub(crate) struct Shared {
    /// What it is called in events.
    pub(crate) name: String,
    pub(crate) bell: Bell,
    desk: Mutex<Desk>,
    /// The desk's `tried` has changed.
    tried: Condvar,
    touched: Mutex<Touched>,
}

/// What users leave for the driver, and find there.
#[derive(Default)]
pub(crate) struct Desk {
    /// Dials, listeners and holds.
    pub(crate) users: usize,
    /// New requests.
    pub(crate) dials: Vec<Arc<Request>>,
    /// Some request was withdrawn.
    pub(crate) withdrawn: bool,
    pub(crate) listening: Option<Listening>,
    /// Something was left here since the driver looked.
    pub(crate) news: bool,
    /// How the last attempt to open the device went; an absent one counts as well. `None` before the first.
    pub(crate) tried: Option<Result<(), Arc<io::Error>>>,
    /// See [`Device::lingers`](crate::Device::lingers).
    pub(crate) lingers: bool,
    /// Nobody uses the driver, and its device is to be closed before the process ends.
    pub(crate) lingering: Option<Lingering>,
}

impl Desk {
    pub(crate) fn enter(&mut self) {
        self.users += 1;
        self.lingering = None;
    }

    pub(crate) fn leave(&mut self) {
        self.users -= 1;
        if self.users == 0 && self.lingers {
            self.lingering = Some(Lingering::new());
        }
    }
}

/// Somebody listens.
pub(crate) struct Listening {
    pub(crate) options: Options,
    pub(crate) local: Endpoint,
    /// Accepted, and not taken yet.
    pub(crate) backlog: VecDeque<Connection>,
    pub(crate) waker: Option<Waker>,
}

#[derive(Default)]
struct Touched {
    list: Vec<Arc<Toucher>>,
    /// Sides that began to leave: see [`State`].
    leaving: Vec<Arc<State>>,
    /// The driver has ended.
    over: bool,
}

impl Shared {
    pub(crate) fn new(name: &str) -> Arc<Shared> {
        Arc::new(Shared {
            name: name.to_owned(),
            bell: Bell::default(),
            desk: Mutex::default(),
            tried: Condvar::new(),
            touched: Mutex::default(),
        })
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock()
    }

    /// Changes something at the desk, and calls the driver.
    pub(crate) fn tell<T>(&self, change: impl FnOnce(&mut Desk) -> T) -> T {
        let mut desk = self.desk.lock();
        desk.news = true;
        let result = change(&mut desk);
        drop(desk);
        self.bell.ring();
        result
    }

    /// How the first attempt to open the device went, or the last one. Blocks until there was one.
    pub(crate) fn wait_until_tried(&self) -> Result<(), Arc<io::Error>> {
        let mut desk = self.desk.lock();
        loop {
            match &desk.tried {
                Some(result) => return result.clone(),
                None => self.tried.wait(&mut desk),
            }
        }
    }

    pub(crate) fn set_tried(&self, result: Result<(), Arc<io::Error>>) {
        self.desk.lock().tried = Some(result);
        self.tried.notify_all();
    }

    /// The channels at whose user's side something has changed, put into `list`, which is empty; and those that
    /// began to leave.
    pub(crate) fn take_touched(&self, list: &mut Vec<Arc<Toucher>>, leaving: &mut Vec<Arc<State>>) {
        let mut touched = self.touched.lock();
        std::mem::swap(&mut touched.list, list);
        leaving.append(&mut touched.leaving);
    }

    pub(crate) fn leaves(&self, state: Arc<State>) {
        let mut touched = self.touched.lock();
        if !touched.over {
            touched.leaving.push(state);
            drop(touched);
            self.bell.ring();
        }
    }

    /// The driver has ended in the middle of its work: that is a bug, and must not keep anybody waiting.
    pub(crate) fn abandon_dials(&self, waiting: impl Iterator<Item = Arc<Request>>) {
        let mut left: Vec<_> = waiting.collect();
        left.append(&mut self.desk.lock().dials);
        for request in left {
            request.answer(Err(
                io::Error::other("the driver of the link has ended").into()
            ));
        }
    }

    /// The driver has ended: nothing is kept for it any more.
    pub(crate) fn close(&self) {
        let mut touched = self.touched.lock();
        touched.over = true;
        let left = std::mem::take(&mut *touched);
        touched.over = true;
        drop(touched);
        left.leaving
            .iter()
            .for_each(|state| state.has_left(STREAM | READING));
    }
}

/// A channel's waker at the driver's side.
pub(crate) struct Toucher {
    shared: Arc<Shared>,
    /// Once it is known.
    pub(crate) id: OnceLock<ChannelId>,
    queued: AtomicBool,
}

impl Toucher {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Toucher> {
        Arc::new(Toucher {
            shared: shared.clone(),
            id: OnceLock::new(),
            queued: AtomicBool::new(false),
        })
    }

    /// The driver is about to look: the next wake queues it again.
    pub(crate) fn taken(&self) {
        // AcqRel, with the swap in `wake`: what came before a wake that found it queued is seen.
        self.queued.swap(false, Ordering::AcqRel);
    }
}

impl Wake for Toucher {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // AcqRel, with the swap in `taken`.
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut touched = self.shared.touched.lock();
        if touched.over {
            return;
        }
        touched.list.push(self.clone());
        drop(touched);
        self.shared.bell.ring();
    }
}

/// The driver's thread is called when its link has news.
impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.bell.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.bell.ring();
    }
}
