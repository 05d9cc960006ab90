//! Threads that are given up on when they hang, and of which one can see whether they sleep.

use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::{LIMIT, eventually};

pub struct Going<T> {
    id: i32,
    done: mpsc::Receiver<()>,
    thread: JoinHandle<T>,
}

/// Starts a thread.
pub fn go<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Going<T> {
    let (started, id) = mpsc::channel();
    let (over, done) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let id = rustix::thread::gettid().as_raw_nonzero().get();
        started.send(id).unwrap();
        let result = work();
        let _ = over.send(());
        result
    });
    Going {
        id: id.recv().unwrap(),
        done,
        thread,
    }
}

impl<T> Going<T> {
    /// Its result; fails the test if that does not come.
    #[track_caller]
    pub fn join(self, what: &str) -> T {
        if let Err(mpsc::RecvTimeoutError::Timeout) = self.done.recv_timeout(LIMIT) {
            panic!("hangs: {what}");
        }
        self.thread
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))
    }

    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Whether it sleeps in the kernel now.
    pub fn sleeps(&self) -> bool {
        let path = format!("/proc/self/task/{}/stat", self.id);
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        // The state stands behind the name.
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('S'))
    }

    /// Returns when it sleeps, or is over.
    pub fn wait_asleep(&self) {
        eventually("it sleeps", || self.is_over() || self.sleeps());
    }
}
