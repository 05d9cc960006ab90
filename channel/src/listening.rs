//! A listening broker's jobs on the reception thread: one per listener, one per stranger until it
//! was accepted.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::handshake::{Desk, read_hello, receive_connector};
use crate::reception::{Job, sleep_until, spawn, yield_now};
use crate::transport::{Connection, Listener};

/// After an error of the listener itself (no descriptors left, say) it is asked again after this
/// long: soon enough for whoever waits, and no busy loop.
const AFTER_ERROR: Duration = Duration::from_millis(50);
/// Connections taken in one go, before other jobs get their turn.
const AT_ONCE: u32 = 16;

/// The connections of one listener that are in the middle of their hello, or of being refused,
/// oldest first.
struct Hellos {
    limit: usize,
    jobs: Mutex<(u64, BTreeMap<u64, Option<Job>>)>,
}

impl Hellos {
    fn is_full(&self) -> bool {
        self.jobs.lock().1.len() >= self.limit
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
        jobs.1.insert(number, None);
        drop(jobs);
        if let Some((_, Some(job))) = oldest {
            tracing::debug!(target: "channel", reason = "too many unfinished hellos", "refuse");
            job.cancel();
        }
        Entered {
            hellos: self.clone(),
            number,
        }
    }

    fn started(&self, number: u64, job: Job) {
        if let Some(slot) = self.jobs.lock().1.get_mut(&number) {
            *slot = Some(job);
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
        let job = self.hellos.jobs.lock().1.remove(&self.number);
        drop(job);
    }
}

/// Takes in connections for ever. At a plain endpoint they are for `plain` and have no hello.
pub(crate) async fn serve(mut listener: Box<dyn Listener>, desk: Desk, plain: Option<u16>) {
    let hellos = Arc::new(Hellos {
        limit: desk.options.max_hellos(),
        jobs: Mutex::default(),
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
                        if hellos.is_full() {
                            // Those that have sent their hello are read before one is dropped.
                            yield_now().await;
                        }
                        greet(connection, &hellos, &desk);
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
