//! A listening broker's jobs on the reception thread: one per listener, one per stranger until it
//! was accepted.

use std::collections::BTreeMap;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::handshake::{Desk, read_hello, receive_connector};
use crate::pipe::Slot;
use crate::reception::{Job, sleep_until, spawn, yield_now};
use crate::transport::{Connection, Listener};

/// After an error of the listener itself (no descriptors left, say) it is asked again after this
/// long: soon enough for whoever waits, and no busy loop.
const AFTER_ERROR: Duration = Duration::from_millis(50);
/// While as many connections as may be are in the middle of their hello, the next one waits in the
/// transport's backlog until one of them is through, or the oldest has had so long: time for an honest
/// one to be read in a burst of them, and short enough that silent strangers, who are dropped then, keep
/// others waiting little.
const PATIENCE: Duration = Duration::from_millis(200);
/// Connections taken in one go, before other jobs get their turn.
const AT_ONCE: u32 = 16;

/// The connections of one listener that are in the middle of their hello, or of being refused,
/// oldest first.
struct Hellos {
    limit: usize,
    jobs: Mutex<(u64, BTreeMap<u64, Unfinished>)>,
    /// The listener's job, while it waits for a place.
    waiting: Slot,
}

struct Unfinished {
    since: Instant,
    job: Option<Job>,
}

impl Hellos {
    /// Waits for a place, or until the oldest has had its time.
    async fn room(&self) {
        let mut patience = None;
        poll_fn(|cx| {
            self.waiting.set(cx.waker());
            let jobs = self.jobs.lock();
            if jobs.1.len() < self.limit {
                return Poll::Ready(());
            }
            let oldest = jobs.1.first_key_value().map(|(_, oldest)| oldest.since);
            drop(jobs);
            let until = oldest.and_then(|since| since.checked_add(PATIENCE));
            Pin::new(patience.insert(sleep_until(until))).poll(cx)
        })
        .await;
    }

    /// Makes room for one more.
    fn enter(self: &Arc<Self>) -> Entered {
        let mut jobs = self.jobs.lock();
        let oldest = if jobs.1.len() >= self.limit {
            jobs.1.pop_first()
        } else {
            None
        };
        jobs.0 += 1;
        let number = jobs.0;
        let since = Instant::now();
        jobs.1.insert(number, Unfinished { since, job: None });
        drop(jobs);
        if let Some(job) = oldest.and_then(|(_, oldest)| oldest.job) {
            tracing::debug!(target: "channel", reason = "too many unfinished hellos", "refuse");
            job.cancel();
        }
        Entered {
            hellos: self.clone(),
            number,
        }
    }

    fn started(&self, number: u64, job: Job) {
        if let Some(unfinished) = self.jobs.lock().1.get_mut(&number) {
            unfinished.job = Some(job);
        }
    }
}

/// Counts among the unfinished hellos until it is dropped.
pub(crate) struct Entered {
    hellos: Arc<Hellos>,
    number: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let removed = self.hellos.jobs.lock().1.remove(&self.number);
        drop(removed);
        self.hellos.waiting.wake();
    }
}

/// Takes in connections for ever. At a plain endpoint they are for `plain` and have no hello.
pub(crate) async fn serve(mut listener: Box<dyn Listener>, desk: Desk, plain: Option<u16>) {
    let hellos = Arc::new(Hellos {
        limit: desk.options.max_hellos(),
        jobs: Mutex::default(),
        waiting: Slot::default(),
    });
    let mut in_a_row = 0;
    loop {
        match poll_fn(|cx| listener.poll_accept(cx)).await {
            Err(error) => {
                tracing::warn!(
                    target: "channel", broker = %desk.name, endpoint = %listener.local(), %error,
                    "accepting failed"
                );
                sleep_until(Instant::now().checked_add(AFTER_ERROR)).await;
            }
            Ok(connection) => {
                match plain {
                    Some(port) => take_plain(connection, &desk, port),
                    None => {
                        hellos.room().await;
                        greet(connection, &hellos, &desk);
                        // Most hellos are there already: this one is read before the next look.
                        yield_now().await;
                    }
                }
                in_a_row += 1;
                if in_a_row % AT_ONCE == 0 {
                    yield_now().await;
                }
            }
        }
    }
}

fn greet(mut connection: Connection, hellos: &Arc<Hellos>, desk: &Desk) {
    let entered = hellos.enter();
    let number = entered.number;
    let desk = desk.clone();
    let job = spawn(async move {
        let until = Instant::now().checked_add(desk.options.hello_deadline());
        if let Some((hello, decoder)) = read_hello(&mut connection, until).await {
            receive_connector(connection, hello, decoder, &desk, entered).await;
        }
    });
    hellos.started(number, job);
}

fn take_plain(connection: Connection, desk: &Desk, port: u16) {
    match desk.table.connect_remote(port, desk.options.max_waiting()) {
        Ok(Some(ticket)) => {
            let _ = ticket.ready(connection, "".into());
        }
        _ => {
            tracing::debug!(
                target: "channel", broker = %desk.name, port, peer = %connection.peer, "refuse"
            );
        }
    }
}
