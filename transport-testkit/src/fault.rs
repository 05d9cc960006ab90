//! A transport that wraps another one and makes it unreliable: short reads and writes, delays,
//! stalls, cuts. Seeded, repeatable, and counted.
//!
//! # For the tests of an application
//!
//! Wrap the transport that your program uses, choose a seed, and see the program survive. A program
//! written against `channel` gets its endpoints from outside, so nothing in it changes: the test
//! adds [`Fault::over`] its transport to the domain, and hands it `fault+tcp://…` instead of
//! `tcp://…`. Splits, delays and stalls are things that every transport does now and then; under
//! them a program must work as if there were none. Cuts are the loss of the peer; under them it
//! must end with the right error, or connect again, and never hang or take half an answer for a
//! whole one ([`kth_fault`] tries every place). When a test fails, the seed that it printed
//! ([`seed`]) plays the same faults again.
//!
//! ```
//! use channel::Domain;
//! use transport_testkit::fault::{Fault, Plan, seed};
//!
//! let fault = Fault::new(channel::mem::Mem::new(), Plan::lively(seed("example")));
//! let domain = Domain::new();
//! domain.add(fault.clone());
//! let (server, client) = (domain.broker("server")?, domain.broker("client")?);
//! server.listen(&"fault+mem://server".parse()?)?;
//!
//! let echo = std::thread::spawn(move || {
//!     let mut channel = server.accept(7).unwrap();
//!     let mut buf = [0; 64];
//!     while let n @ 1.. = channel.read(&mut buf).unwrap() {
//!         channel.write_all(&buf[..n]).unwrap();
//!     }
//! });
//! // Faults of this endpoint's own, on top of the plan's.
//! let at = "fault+mem://server?split=0.9".parse()?;
//! let mut channel = client.connect_at(&at, 7, None)?;
//! let sent = vec![42; 10_000];
//! channel.write_all(&sent)?;
//! channel.finish()?;
//! let mut back = Vec::new();
//! std::io::Read::read_to_end(channel.reader_mut(), &mut back)?;
//! assert_eq!(back, sent);
//! echo.join().unwrap();
//!
//! // A test in which no fault fired has shown nothing.
//! println!("{}", fault.fired().expect_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The tests of a transport have it shorter: [`Suite::behind_faults`](crate::Suite::behind_faults) runs
//! the whole suite through the injector.
//!
//! # Faults
//!
//! `fault+SCHEME` is in a domain beside `SCHEME`, or without it. What the [`Plan`] of the transport
//! says, an endpoint can change for the connections that are dialled to it, or accepted at it:
//!
//! | option | [`Plan`] | meaning |
//! |---|---|---|
//! | `seed=N` | [`new`](Plan::new) | what the faults are derived from |
//! | `split=P` | [`split`](Plan::split) | probability of a short read, fill or write |
//! | `delay=P` | [`delay`](Plan::delay) | ... of one that is put off for less than a millisecond |
//! | `stall=P` | [`stall`](Plan::stall) | ... of one that is put off for longer |
//! | `stall-ms=N` | [`stall`](Plan::stall) | the longest stall, 1 or more; 10 if not given |
//! | `cut-write=K` | [`cut_write_at`](Plan::cut_write_at) | the connection is lost when K bytes were written |
//! | `cut-read=K` | [`cut_read_at`](Plan::cut_read_at) | ... when K bytes were read |
//! | `cut=K` | [`cut_at`](Plan::cut_at) | ... when K bytes were written, or read |
//! | `one-way=1` | [`one_way`](Plan::one_way) | a cut takes only that direction |
//!
//! P is a number from 0 to 1. Bytes are those of the wrapped transport: on one that carries records,
//! hello and headers count. All other options are the wrapped transport's.
//!
//! A put-off call is `Pending` and is woken when the time is up; a blocking one sleeps, and keeps to
//! its time limit. A cut is what a crash is: the peer reads what was written before, then
//! `PeerLost`; this side gets `PeerLost` at once where the byte was to be written or read. What was on
//! its way to this side may be lost with the connection, or be read before the loss is told. (A `+plain` peer is told by its carrier, and a bare
//! socket calls many losses an end.) A cut in a poll function reaches the wrapped connection some
//! 50 µs later, since wakers must not be woken there.
//!
//! # Repeatable
//!
//! Each connection has generators of its own for its two directions, made of the seed, whether it
//! was dialled or accepted, and its number (dials of a transport and accepts of a listener are
//! counted from 0). They are asked once per operation, not per poll. So the same seed and the same
//! sequence of operations give the same faults, however the threads are scheduled meanwhile.

mod fired;
mod kth;
mod link;
mod options;
mod pace;
mod plan;
pub(crate) mod rng;
mod side;
mod sink;
mod slices;
mod source;
mod strike;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, EndpointError, ListenError, Options};

pub use fired::Fired;
pub use kth::{Limits, Run, Summary, kth_fault};
pub use plan::{MAX_STALL, Plan, seed};
pub use strike::Strike;

use crate::names::interned;
pub(crate) use fired::Counters;
use side::{FaultListener, Side};

/// A transport that makes the one that it wraps unreliable (see the [module](self)). Cheap to clone;
/// clones are the same: one goes into the domain, one stays to be asked what
/// [`fired`](Fault::fired).
pub struct Fault<T>(Arc<Inner<T>>);

struct Inner<T> {
    transport: T,
    schemes: Vec<&'static str>,
    plan: Plan,
    counters: Arc<Counters>,
    dialled: AtomicU64,
}

impl<T> Clone for Fault<T> {
    fn clone(&self) -> Fault<T> {
        Fault(self.0.clone())
    }
}

impl<T: Transport> Fault<T> {
    /// Wraps a transport; which faults there are is up to each endpoint's options.
    pub fn over(transport: T) -> Fault<T> {
        Fault::new(transport, Plan::new(0))
    }

    /// Wraps a transport; its connections have the faults of a plan.
    pub fn new(transport: T, plan: Plan) -> Fault<T> {
        Fault::counting(transport, plan, Arc::default())
    }

    /// As [`new`](Fault::new); what fires is counted together with that of others.
    pub(crate) fn counting(transport: T, plan: Plan, counters: Arc<Counters>) -> Fault<T> {
        let schemes = transport
            .schemes()
            .iter()
            .map(|s| interned(format!("fault+{s}")))
            .collect();
        Fault(Arc::new(Inner {
            transport,
            schemes,
            plan,
            counters,
            dialled: AtomicU64::new(0),
        }))
    }

    /// The transport inside.
    pub fn inner(&self) -> &T {
        &self.0.transport
    }

    /// How many faults of each kind fired so far, in all connections.
    pub fn fired(&self) -> Fired {
        self.0.counters.fired()
    }

    /// Wraps a connection that was made elsewhere. It counts as dialled.
    pub fn wrap(&self, connection: Connection) -> Connection {
        let side = Side::dialled(self.0.counters.clone(), self.0.plan.clone());
        let number = self.0.dialled.fetch_add(1, Ordering::Relaxed);
        side.wrap(connection, number)
    }
}

impl<T: Transport> Transport for Fault<T> {
    fn schemes(&self) -> &[&str] {
        &self.0.schemes
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            let plan = options::apply(self.0.plan.clone(), to).map_err(DialError::Unsupported)?;
            let side = Side::dialled(self.0.counters.clone(), plan);
            side.call()?;
            let inner = options::inner(to);
            let mut connection = match self.0.transport.dial(&inner, options).await {
                Err(DialError::Endpoint(error)) => return Err(all_options(error, to).into()),
                other => other?,
            };
            connection.peer = if connection.peer == inner {
                to.clone()
            } else {
                connection.peer.with_fault()
            };
            // Relaxed: only uniqueness counts.
            let number = self.0.dialled.fetch_add(1, Ordering::Relaxed);
            Ok(side.wrap(connection, number))
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        let plan = options::apply(self.0.plan.clone(), at).map_err(ListenError::Unsupported)?;
        let listener = match self.0.transport.listen(&options::inner(at), options) {
            Err(ListenError::Endpoint(error)) => return Err(all_options(error, at).into()),
            Err(ListenError::Taken(_)) => return Err(ListenError::Taken(at.clone())),
            other => other?,
        };
        let side = Side::accepted(self.0.counters.clone(), plan);
        Ok(Box::new(FaultListener::new(listener, at, side)))
    }

    fn broker_of<'a>(&self, endpoint: &'a Endpoint) -> &'a str {
        // The name cannot be lent out of an endpoint of ours, so the wrapped transport gets this
        // one. What it reads a name from, authority and path, is the same in both.
        self.0.transport.broker_of(endpoint)
    }

    fn is_local(&self) -> bool {
        self.0.transport.is_local()
    }
}

/// What the wrapped transport said about an endpoint, in terms of the one that was given.
fn all_options(error: EndpointError, given: &Endpoint) -> EndpointError {
    let EndpointError::UnknownOption { known, .. } = &error else {
        return error;
    };
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let all = [&known[..], &options::OPTIONS[..]].concat();
    given.check_options(&all).err().unwrap_or(error)
}

impl<T> fmt::Debug for Fault<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("schemes", &self.0.schemes)
            .field("plan", &self.0.plan)
            .field("fired", &self.0.counters.fired())
            .finish_non_exhaustive()
    }
}
