//! `mem:` – the transport inside a process (SPEC T1): two pipes per connection.
//!
//! It comes through the same seam as every other transport. What it owns is the table of its
//! listeners; `mem://NAME` is where the broker NAME of the same domain listens.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::endpoint::{Endpoint, EndpointError};
use crate::error::{DialError, ListenError};
use crate::options::Options;
use crate::pipe::{PipeControl, pipe};
use crate::transport::{
    BoxFuture, Carrier, Connection, Control, Disconnect, Listener, Receipt, Totals, Transport,
};

/// The scheme.
pub const SCHEME: &str = "mem";

/// Connections inside one process. Each value is a world of its own: a dial finds the listeners of
/// the same `Mem`.
#[derive(Default)]
pub struct Mem {
    listeners: Arc<Mutex<HashMap<String, Arc<Backlog>>>>,
}

impl Mem {
    /// A transport without listeners.
    pub fn new() -> Mem {
        Mem::default()
    }

    /// The endpoint at which the broker `name` listens.
    pub fn endpoint(name: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::new(SCHEME, name)
    }
}

/// Memory knows a broker's name and nothing else: what would be ignored is refused.
fn check(endpoint: &Endpoint) -> Result<(), EndpointError> {
    endpoint.check_no_path()?;
    endpoint.check_options(&[])
}

/// Connections that were dialled and not yet accepted. Bounded by the number of dials under way:
/// whoever dials a local transport takes the other end out at once.
struct Backlog {
    options: Options,
    local: Endpoint,
    queue: Mutex<(VecDeque<Connection>, Option<Waker>)>,
}

impl Transport for Mem {
    fn schemes(&self) -> &[&str] {
        &[SCHEME]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            check(to)?;
            let backlog = self
                .listeners
                .lock()
                .get(to.authority())
                .cloned()
                .ok_or(DialError::NotFound)?;
            let (ours, theirs) = connection_pair(&backlog.local, to, &backlog.options, options)?;
            let mut queue = backlog.queue.lock();
            queue.0.push_back(theirs);
            let waker = queue.1.take();
            drop(queue);
            if let Some(waker) = waker {
                waker.wake();
            }
            Ok(ours)
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        check(at)?;
        for capacity in options.capacities() {
            ringbuf_core::rounded_capacity(capacity)?;
        }
        let mut listeners = self.listeners.lock();
        if listeners.contains_key(at.authority()) {
            return Err(ListenError::Taken(at.clone()));
        }
        let backlog = Arc::new(Backlog {
            options: options.clone(),
            local: at.clone(),
            queue: Mutex::default(),
        });
        listeners.insert(at.authority().to_owned(), backlog.clone());
        Ok(Box::new(MemListener {
            backlog,
            listeners: Arc::downgrade(&self.listeners),
        }))
    }

    fn broker_of<'a>(&self, endpoint: &'a Endpoint) -> &'a str {
        endpoint.authority()
    }

    fn is_local(&self) -> bool {
        true
    }
}

struct MemListener {
    backlog: Arc<Backlog>,
    listeners: Weak<Mutex<HashMap<String, Arc<Backlog>>>>,
}

impl Listener for MemListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        let mut queue = self.backlog.queue.lock();
        match queue.0.pop_front() {
            Some(connection) => Poll::Ready(Ok(connection)),
            None => {
                queue.1 = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn local(&self) -> &Endpoint {
        &self.backlog.local
    }
}

impl Drop for MemListener {
    fn drop(&mut self) {
        if let Some(listeners) = self.listeners.upgrade() {
            listeners.lock().remove(self.backlog.local.authority());
        }
        let left = std::mem::take(&mut *self.backlog.queue.lock());
        drop(left);
    }
}

/// The two ends of a connection: the dialler's, then the listener's. Each side's options give the
/// capacity of what it receives into.
fn connection_pair(
    listener: &Endpoint,
    dialled: &Endpoint,
    listening: &Options,
    dialling: &Options,
) -> Result<(Connection, Connection), DialError> {
    let port = dialling.port();
    let (mut to_listener, at_listener, up) = pipe(listening.capacity(port), listening.spin())?;
    let (mut to_dialler, at_dialler, down) = pipe(dialling.capacity(port), dialling.spin())?;
    to_listener.pair_with(&down);
    to_dialler.pair_with(&up);
    let control = |outbound: &PipeControl, inbound: &PipeControl| {
        Arc::new(MemControl {
            outbound: outbound.clone(),
            inbound: inbound.clone(),
        })
    };
    let ours = Connection {
        source: Box::new(at_dialler),
        sink: Box::new(to_listener),
        control: control(&up, &down),
        peer: dialled.clone(),
        carrier: Carrier::Native,
    };
    let theirs = Connection {
        source: Box::new(at_listener),
        sink: Box::new(to_dialler),
        control: control(&down, &up),
        peer: listener.clone(),
        carrier: Carrier::Native,
    };
    Ok((ours, theirs))
}

struct MemControl {
    outbound: PipeControl,
    inbound: PipeControl,
}

impl Control for MemControl {
    fn disconnect(&self, how: Disconnect) {
        match how {
            Disconnect::Orderly => {
                self.outbound.finish();
                self.inbound.abandon();
            }
            Disconnect::Abort => {
                self.outbound.abort_writing();
                self.inbound.abort_reading();
            }
        }
    }

    fn peer_gone(&self) -> bool {
        self.inbound.is_writer_aborted()
    }

    fn peer_closed(&self) -> bool {
        self.outbound.is_abandoned()
    }

    fn ended(&self) -> bool {
        self.inbound.is_drained()
    }

    fn totals(&self) -> Totals {
        let (written, read) = (self.outbound.written(), self.inbound.read());
        Totals {
            written,
            read,
            unread: self.inbound.written().saturating_sub(read),
            unsent: written.saturating_sub(self.outbound.read()),
        }
    }

    fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        self.outbound.poll_receipt(cx)
    }
}
