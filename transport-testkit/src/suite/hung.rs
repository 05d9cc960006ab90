//! Threads of tests that hang: they are left alone, and go on holding what they hold. A test that
//! counts what the process holds cannot be judged beside them.

use std::thread::JoinHandle;

use parking_lot::Mutex;

/// Each tells whether its thread is over by now.
static HUNG: Mutex<Vec<Box<dyn Fn() -> bool + Send>>> = Mutex::new(Vec::new());

/// This thread is waited for no longer.
pub(super) fn leave<T: Send + 'static>(thread: JoinHandle<T>) {
    HUNG.lock().push(Box::new(move || thread.is_finished()));
}

/// How many threads of tests were left alone and are still there.
pub(crate) fn count() -> usize {
    let mut hung = HUNG.lock();
    hung.retain(|is_over| !is_over());
    hung.len()
}
