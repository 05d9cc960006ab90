//! What the clones of a broker share.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::channel::Channel;
use crate::domain::Domain;
use crate::endpoint::Endpoint;
use crate::error::{BrokerError, DialError, ListenError};
use crate::options::Options;
use crate::reception::Job;
use crate::shared::{Members, Shared};
use crate::table::Table;
use crate::task;
use crate::transport::{Connection, Listener, Transport};

/// Longest name of a broker, in bytes: what the hello has room for.
const MAX_NAME: usize = crate::wire::hello::MAX_TEXT;

pub(crate) struct BrokerInner {
    pub(crate) name: Arc<str>,
    pub(crate) domain: Domain,
    pub(crate) options: Options,
    pub(crate) table: Arc<Table>,
    /// Where the broker is found inside its domain.
    pub(crate) at: Endpoint,
    pub(super) members: Arc<Members>,
    /// Listeners of transports whose both ends lie in this domain, by scheme. They are asked by
    /// whoever connects; holding the lock pairs a dial with its own accept.
    pub(super) local: Mutex<Listeners>,
    pub(super) jobs: Mutex<Vec<Job>>,
    pub(super) connects: Connects,
}

/// By [`local_key`].
pub(super) type Listeners = HashMap<String, Box<dyn Listener>>;

/// The connects under way from a broker, to be woken when it closes.
#[derive(Default)]
pub(super) struct Connects(Mutex<(u64, HashMap<u64, Waker>)>);

pub(super) fn check_name(name: &str) -> Result<(), BrokerError> {
    let bad = |why| {
        Err(BrokerError::BadName {
            name: name.to_owned(),
            why,
        })
    };
    if name.is_empty() {
        return bad("it is empty; choose 1 to 255 letters, digits, '.', '_' or '-'");
    }
    if name.len() > MAX_NAME {
        return bad("it is longer than 255 bytes");
    }
    if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    {
        return bad("only ASCII letters, digits, '.', '_' and '-' can be part of it");
    }
    Ok(())
}

/// What the listeners of local transports are found by.
pub(super) fn local_key(endpoint: &Endpoint) -> String {
    let modifier = if endpoint.is_fault() { "fault+" } else { "" };
    format!("{modifier}{}", endpoint.scheme())
}

/// Plain mode is for programs that do not speak our hello; inside a domain there are none.
pub(super) fn no_plain(endpoint: &Endpoint) -> Result<(), String> {
    match endpoint.is_plain() {
        false => Ok(()),
        true => Err(format!(
            "{endpoint}: inside a domain every partner is one of ours; leave out +plain"
        )),
    }
}

impl BrokerInner {
    /// The channel of a completed rendezvous, entered where it is to be found.
    pub(crate) fn open(
        &self,
        connection: Connection,
        peer: Arc<str>,
        port: u16,
        options: &Options,
    ) -> Channel {
        tracing::debug!(
            target: "channel", broker = %self.name, port, peer = %connection.peer,
            peer_broker = %peer, "match"
        );
        let channel = Channel::new(connection, peer, port, options.linger());
        let shared: &Arc<Shared> = channel.shared();
        shared.join(&self.members);
        task::obtained(shared);
        channel
    }

    /// Listens at a local transport, unless it does so already.
    pub(super) fn listen_in(
        &self,
        local: &mut Listeners,
        transport: &dyn Transport,
        at: &Endpoint,
    ) -> Result<Endpoint, ListenError> {
        if let Some(listener) = local.get(&local_key(at))
            && listener.local() == at
        {
            return Ok(at.clone());
        }
        let listener = transport.listen(at, &self.options)?;
        let endpoint = listener.local().clone();
        local.insert(local_key(&endpoint), listener);
        Ok(endpoint)
    }

    /// Both ends of a new connection to this broker, over a local transport.
    pub(crate) fn pair(
        &self,
        transport: &dyn Transport,
        at: &Endpoint,
        options: &Options,
    ) -> Result<(Connection, Connection), DialError> {
        no_plain(at).map_err(DialError::Unsupported)?;
        let mut local = self.local.lock();
        let listener = local.get_mut(&local_key(at)).ok_or(DialError::NotFound)?;
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(ours) = pin!(transport.dial(at, options)).poll(&mut cx) else {
            return Err(not_local());
        };
        let ours = ours?;
        match listener.poll_accept(&mut cx) {
            Poll::Ready(theirs) => Ok((ours, theirs?)),
            Poll::Pending => Err(not_local()),
        }
    }

    pub(crate) fn close(&self) {
        // First of all: whoever finds something gone below can ask whether the broker is closed.
        // And only the first one goes on, so that the name is free when everything else is.
        let Some(tell) = self.table.close() else {
            return;
        };
        let jobs = std::mem::take(&mut *self.jobs.lock());
        jobs.iter().for_each(Job::cancel);
        let listeners = std::mem::take(&mut *self.local.lock());
        drop(listeners);
        // Only now is there room for a successor.
        self.domain.leave(&self.name, self);
        tell();
        let connects = std::mem::take(&mut self.connects.0.lock().1);
        for waker in connects.into_values() {
            waker.wake();
        }
    }

    /// `work`'s result, or `None` when this broker is closed first.
    pub(crate) async fn while_open<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        let place = Connecting {
            connects: &self.connects,
            number: self.connects.number(),
        };
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            // Cloned and dropped outside of the lock: it may be anybody's code.
            let waker = cx.waker().clone();
            let old = self.connects.0.lock().1.insert(place.number, waker);
            drop(old);
            if self.table.is_closed() {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        })
        .await
    }
}

/// What the clones of a [`Broker`](super::Broker) hold: with the last of them the broker is closed,
/// even if a connect somewhere has a hand on it right then.
pub(crate) struct Held(pub(super) Arc<BrokerInner>);

impl Deref for Held {
    type Target = Arc<BrokerInner>;

    fn deref(&self) -> &Arc<BrokerInner> {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn not_local() -> DialError {
    DialError::Unsupported(
        "the transport says it is local, but a dial does not complete at once".into(),
    )
}

impl Connects {
    fn number(&self) -> u64 {
        let mut connects = self.0.lock();
        connects.0 += 1;
        connects.0
    }
}

/// One connect under way.
struct Connecting<'a> {
    connects: &'a Connects,
    number: u64,
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        let waker = self.connects.0.lock().1.remove(&self.number);
        drop(waker);
    }
}
