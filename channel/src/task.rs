//! Tasks: named threads with their brokers.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use crate::broker::Broker;
use crate::shared::{Members, Shared};
use crate::transport::Disconnect;

thread_local! {
    static CURRENT: RefCell<Option<Task>> = const { RefCell::new(None) };
}

/// A task: a thread with a name and the brokers it uses.
///
/// When it ends, it lets go of its brokers: one that nobody else has is closed, and whoever waits at
/// it is told so. When it panics, every channel that it obtained (by accept or connect) is aborted as
/// well, wherever its halves are by then: no peer waits for a task that is no more.
///
/// ```
/// use channel::{Domain, Task};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let domain = Domain::new();
/// let server = Task::spawn("server", [domain.broker("server")?], || {
///     let mut channel = Task::broker().unwrap().accept(7)?;
///     let mut buf = [0; 5];
///     channel.read_exact(&mut buf)?;
///     Ok::<_, std::io::Error>(buf)
/// })?;
/// let mut channel = domain.broker("client")?.connect("server", 7)?;
/// channel.write_all(b"hello")?;
/// assert_eq!(&server.join()??, b"hello");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Task(Arc<Inner>);

struct Inner {
    name: String,
    // Emptied when the task ends: whoever waits at a broker that nobody else has is told so.
    brokers: Mutex<Vec<Broker>>,
    obtained: Arc<Members>,
}

impl Task {
    /// Starts a task. `brokers` are those that it will find by [`Task::broker`] and
    /// [`Task::brokers`].
    ///
    /// # Errors
    /// If the thread cannot be started, or the name contains a NUL byte.
    pub fn spawn<T: Send + 'static>(
        name: &str,
        brokers: impl IntoIterator<Item = Broker>,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        if name.contains('\0') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a task's name cannot contain a NUL byte; choose another one",
            ));
        }
        let task = Task(Arc::new(Inner {
            name: name.to_owned(),
            brokers: Mutex::new(brokers.into_iter().collect()),
            obtained: Arc::default(),
        }));
        let inside = task.clone();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                CURRENT.set(Some(inside.clone()));
                let result = catch_unwind(AssertUnwindSafe(run));
                CURRENT.set(None);
                if result.is_err() {
                    tracing::error!(target: "channel", task = inside.name(), "a task panicked");
                    inside.abort_channels();
                }
                let brokers = std::mem::take(&mut *inside.0.brokers.lock());
                drop(brokers);
                result.unwrap_or_else(|panic| resume_unwind(panic))
            })?;
        Ok(JoinHandle { task, thread })
    }

    /// The task that this code runs in; `None` on a thread that is no task.
    pub fn current() -> Option<Task> {
        CURRENT
            .try_with(|current| current.borrow().clone())
            .ok()
            .flatten()
    }

    /// The first broker of the task that this code runs in; `None` on a thread that is no task, and
    /// in a task without brokers.
    pub fn broker() -> Option<Broker> {
        Task::current()?.0.brokers.lock().first().cloned()
    }

    /// The task's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The task's brokers; none once it has ended.
    pub fn brokers(&self) -> Vec<Broker> {
        self.0.brokers.lock().clone()
    }

    /// Aborts every channel that the task obtained and that was not dropped yet.
    fn abort_channels(&self) {
        for shared in self.0.obtained.living() {
            shared.disconnect(Disconnect::Abort);
        }
    }
}

/// Enters a channel into the list of the task that runs, if one does.
pub(crate) fn obtained(shared: &Arc<Shared>) {
    if let Some(task) = Task::current() {
        shared.join(&task.0.obtained);
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("name", &self.name())
            .field("brokers", &self.brokers())
            .finish_non_exhaustive()
    }
}

/// Waits for a task's end. Dropping it lets the task run on.
#[derive(Debug)]
pub struct JoinHandle<T> {
    task: Task,
    thread: thread::JoinHandle<T>,
}

impl<T> JoinHandle<T> {
    /// The task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Whether the task has ended; then [`join`](JoinHandle::join) does not block.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until the task has ended, and gives its result.
    ///
    /// # Errors
    /// [`TaskPanicked`] if it panicked.
    pub fn join(self) -> Result<T, TaskPanicked> {
        self.thread.join().map_err(|payload| TaskPanicked {
            task: self.task.name().to_owned(),
            payload,
        })
    }
}

/// A task panicked. Its channels were aborted.
pub struct TaskPanicked {
    /// The task's name.
    pub task: String,
    /// What it panicked with.
    pub payload: Box<dyn Any + Send>,
}

impl TaskPanicked {
    /// The panic's message, if it was text.
    pub fn message(&self) -> Option<&str> {
        let text = self.payload.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| self.payload.downcast_ref::<&str>().copied())
    }
}

impl fmt::Debug for TaskPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskPanicked")
            .field("task", &self.task)
            .field("message", &self.message())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for TaskPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "task \"{}\" panicked: {}",
            self.task,
            self.message().unwrap_or("(no text)")
        )
    }
}

impl std::error::Error for TaskPanicked {}
