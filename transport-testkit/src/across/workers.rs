//! Threads for calls that block: kept from one call to the next, as a thread for each would cost more than the call.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use parking_lot::Mutex;

use crate::suite::support::own_id;

/// Is told the thread's number, where the system knows it.
type Job = Box<dyn FnOnce(Option<u64>) + Send>;

/// As many threads as there were calls at the same time.
#[derive(Clone, Default)]
pub(super) struct Workers {
    idle: Arc<Mutex<Vec<Sender<Job>>>>,
}

impl Workers {
    pub(super) fn run(&self, job: impl FnOnce(Option<u64>) + Send + 'static) {
        let idle = self.idle.lock().pop();
        let worker = idle.unwrap_or_else(start);
        let (all, again) = (self.idle.clone(), worker.clone());
        let job: Job = Box::new(move |id| {
            job(id);
            all.lock().push(again);
        });
        // It is there as long as its sender.
        let _ = worker.send(job);
    }
}

fn start() -> Sender<Job> {
    let (jobs, next) = channel::<Job>();
    thread::spawn(move || {
        let id = own_id();
        next.into_iter().for_each(|job| job(id));
    });
    jobs
}
