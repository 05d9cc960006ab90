//! Threads that are known to sleep in a blocking call: the condition that a test waits for before
//! it pulls the rug away.

use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{LONG, eventually};

/// A thread that runs a blocking call.
pub struct Blocked<T> {
    thread: thread::JoinHandle<T>,
    done: mpsc::Receiver<()>,
    id: u64,
}

/// Starts `call` on a thread of its own and returns once that thread sleeps in it.
#[track_caller]
pub fn blocked<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Blocked<T> {
    let (tell, told) = mpsc::channel();
    let (ends, done) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _ends = ends;
        tell.send(id()).unwrap();
        call()
    });
    let id = told.recv().unwrap();
    let blocked = Blocked { thread, done, id };
    blocked.wait_asleep();
    blocked
}

impl<T> Blocked<T> {
    /// Returns when the thread sleeps and goes on sleeping.
    #[track_caller]
    pub fn wait_asleep(&self) {
        let mut last = None;
        let mut same = 0;
        eventually("the thread sleeps in its call", || {
            let now = state(self.id);
            let sleeps = now.as_ref().is_some_and(|now| now.0 == 'S');
            same = if sleeps && now == last { same + 1 } else { 0 };
            last = now;
            thread::sleep(Duration::from_millis(1));
            same >= 3
        });
    }

    pub fn is_asleep(&self) -> bool {
        state(self.id).is_some_and(|state| state.0 == 'S')
    }

    /// The call's result; fails if it does not return.
    #[track_caller]
    pub fn returns(self) -> T {
        if let Err(mpsc::RecvTimeoutError::Timeout) = self.done.recv_timeout(LONG) {
            panic!("the blocked call was not woken");
        }
        self.thread
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))
    }
}

#[cfg(target_os = "linux")]
fn id() -> u64 {
    // "PID/task/TID"
    let link = std::fs::read_link("/proc/thread-self").unwrap();
    link.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

/// State letter, and how often the thread went to sleep.
#[cfg(target_os = "linux")]
fn state(id: u64) -> Option<(char, String)> {
    let status = std::fs::read_to_string(format!("/proc/self/task/{id}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.to_owned())
    };
    let letter = field("State:")?.chars().next()?;
    Some((letter, field("voluntary_ctxt_switches:")?))
}

// Elsewhere a little time has to do.
#[cfg(not(target_os = "linux"))]
fn id() -> u64 {
    0
}

#[cfg(not(target_os = "linux"))]
fn state(_: u64) -> Option<(char, String)> {
    thread::sleep(Duration::from_millis(10));
    Some(('S', String::new()))
}
