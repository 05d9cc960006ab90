//! Waiting for the end of a process, on behalf of all channels to it.

use std::io;
use std::sync::{Arc, Weak};
use std::task::{Context, Wake, Waker};

use parking_lot::Mutex;
use slab::Slab;
use transport_reactor::{Registration, Waited};

use crate::peer::Process;

/// Who is to be told. To be dropped before the descriptor that it is about.
#[derive(Default)]
pub(crate) struct Vigil(Mutex<State>);

#[derive(Default)]
struct State {
    registration: Option<Registration>,
    keepers: Slab<Waker>,
}

impl std::fmt::Debug for Vigil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vigil")
    }
}

/// Has a waker told until it is dropped.
pub(crate) struct Keeper {
    process: Arc<Process>,
    key: usize,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let gone = self.process.vigil().0.lock().keepers.try_remove(self.key);
        // Somebody's code: not under the lock.
        drop(gone);
    }
}

/// Does not keep the process's descriptor.
struct News(Weak<Process>);

impl Wake for News {
    fn wake(self: Arc<Self>) {
        let Some(process) = self.0.upgrade() else {
            return;
        };
        if process.is_alive() {
            return process.vigil().arm(&process);
        }
        let told = std::mem::take(&mut process.vigil().0.lock().keepers);
        for (_, waker) in told {
            waker.wake();
        }
    }
}

impl Vigil {
    /// Has the reactor tell, once.
    fn arm(&self, process: &Arc<Process>) {
        let news = Waker::from(Arc::new(News(Arc::downgrade(process))));
        let state = self.0.lock();
        let Some(registration) = &state.registration else {
            return;
        };
        let waited = registration.poll_readable(&mut Context::from_waker(&news));
        drop(state);
        // What it replaced was another one of these.
        if let Waited::Ready = waited {
            news.wake();
        }
    }
}

impl Process {
    /// Has `waker` woken when the process has ended, which may be at once. Whoever is told looks for itself.
    pub(crate) fn watch(self: &Arc<Self>, waker: &Waker) -> io::Result<Keeper> {
        let mut state = self.vigil().0.lock();
        let new = state.registration.is_none();
        if new {
            state.registration = Some(Registration::inbound(&**self)?);
        }
        let key = state.keepers.insert(waker.clone());
        drop(state);
        if new {
            self.vigil().arm(self);
        }
        let keeper = Keeper {
            process: self.clone(),
            key,
        };
        if !self.is_alive() {
            // It may have been told before this one came.
            waker.wake_by_ref();
        }
        Ok(keeper)
    }
}
