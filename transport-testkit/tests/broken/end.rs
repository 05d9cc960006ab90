//! What the parts of one end remember of each other, and the wakers that are spoilt by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::flaw::Flaw;
use crate::transport::Pair;

/// One end of a connection: 0 dialled, 1 accepted.
#[derive(Default)]
pub struct End {
    /// Held where nothing may be held.
    pub lock: Mutex<()>,
    pub offered: AtomicU64,
    pub consumed: AtomicU64,
    pub lent: AtomicU64,
    pub written: AtomicU64,
    pub finished: AtomicBool,
    pub receipts: AtomicUsize,
}

/// A waker that keeps quiet once the end `of` has left.
struct Quiet {
    waker: Waker,
    pair: Arc<Pair>,
    of: usize,
}

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {
        if !self.pair.left[self.of].load(SeqCst) {
            self.waker.wake_by_ref();
        }
    }
}

pub fn quiet(waker: &Waker, pair: &Arc<Pair>, of: usize) -> Waker {
    Waker::from(Arc::new(Quiet {
        waker: waker.clone(),
        pair: pair.clone(),
        of,
    }))
}

/// A waker that is called while a lock is held.
struct Locked {
    waker: Waker,
    pair: Arc<Pair>,
    of: usize,
}

impl Wake for Locked {
    fn wake(self: Arc<Self>) {
        let _held = self.pair.ends[self.of].lock.lock();
        self.waker.wake_by_ref();
    }
}

pub fn locked(waker: &Waker, pair: &Arc<Pair>, of: usize) -> Waker {
    Waker::from(Arc::new(Locked {
        waker: waker.clone(),
        pair: pair.clone(),
        of,
    }))
}

/// What becomes of the time limit of a read or write.
pub fn spoilt(until: Option<Instant>, flaw: Flaw, end: usize, reads: bool) -> Option<Instant> {
    let now = Instant::now();
    let until = until?;
    let halved = now + until.saturating_duration_since(now).min(ABOUT_A_DAY) / 2;
    Some(match flaw {
        Flaw::ReadsTimeOutEarly if reads => halved,
        Flaw::WritesTimeOutEarly if !reads => halved,
        Flaw::DiallersReadsTimeOutEarly if reads && end == 0 => halved,
        Flaw::AcceptorsWritesTimeOutEarly if !reads && end == 1 => halved,
        Flaw::LimitsAreLate if until > now => until + Duration::from_millis(300),
        Flaw::LimitsAreCutDown => until.min(now + Duration::from_millis(500)),
        _ => until,
    })
}

const ABOUT_A_DAY: Duration = Duration::from_secs(100_000);

/// What is to take no time takes some.
pub fn wait(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}
