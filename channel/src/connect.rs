//! What connecting does: names to endpoints, endpoints to connections, a place in the line.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::broker::{Broker, BrokerInner};
use crate::channel::Channel;
use crate::endpoint::Endpoint;
use crate::error::ConnectError;
use crate::handshake;
use crate::options::Options;
use crate::table::{Arrival, Closed, LocalTicket};
use crate::transport::Transport;

/// To whom.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    Name(&'a str),
    Endpoint(&'a Endpoint),
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Name(name) => f.write_str(name),
            Target::Endpoint(endpoint) => endpoint.fmt(f),
        }
    }
}

/// What a connect and whoever polls it tell each other.
#[derive(Default)]
pub(crate) struct Attempt {
    /// Set before the last poll, if there is one: then a place in a line of this domain is given up in
    /// that poll, unless it was matched, and nobody can be matched with it afterwards.
    pub last: AtomicBool,
    /// Which of a name's endpoints elsewhere is being tried.
    trying: Mutex<Option<Endpoint>>,
}

impl Attempt {
    /// Whom it was about, for an error: of a name, also the endpoint that was tried to the last.
    pub fn about(&self, target: Target<'_>) -> String {
        match &*self.trying.lock() {
            Some(endpoint) => format!("{target} ({endpoint})"),
            None => target.to_string(),
        }
    }
}

/// Dropping the future withdraws, at whatever stage it is.
pub(crate) async fn connect(
    from: &Broker,
    target: Target<'_>,
    port: u16,
    options: &Options,
    attempt: &Attempt,
) -> Result<Channel, ConnectError> {
    let closed = || ConnectError::Closed {
        broker: from.name().to_owned(),
    };
    if from.is_closed() {
        return Err(closed());
    }
    let work = async {
        match target {
            Target::Endpoint(endpoint) => connect_at(from, endpoint, port, options, attempt).await,
            Target::Name(name) => connect_to(from, name, port, options, attempt).await,
        }
    };
    from.0
        .while_open(work)
        .await
        .unwrap_or_else(|| Err(closed()))
}

async fn connect_to(
    from: &Broker,
    name: &str,
    port: u16,
    options: &Options,
    attempt: &Attempt,
) -> Result<Channel, ConnectError> {
    let found = from
        .domain()
        .resolve(name)
        .await
        .map_err(|error| ConnectError::Resolve {
            name: name.to_owned(),
            reason: error.to_string(),
        })?;
    let endpoints = found.map_err(|asked| ConnectError::NoSuchBroker {
        name: name.to_owned(),
        asked,
    })?;
    let mut errors = Vec::new();
    for endpoint in &endpoints {
        if from.domain().is_local(endpoint) != Some(true) {
            *attempt.trying.lock() = Some(endpoint.clone());
        }
        match connect_at(from, endpoint, port, options, attempt).await {
            Ok(channel) => return Ok(channel),
            // It was reached, and that is its answer.
            Err(error @ ConnectError::Closed { .. }) => return Err(error),
            Err(error) => errors.push(error),
        }
    }
    match <[ConnectError; 1]>::try_from(errors) {
        Ok([error]) => Err(error),
        Err(errors) => Err(ConnectError::AllFailed {
            name: name.to_owned(),
            errors,
        }),
    }
}

async fn connect_at(
    from: &Broker,
    endpoint: &Endpoint,
    port: u16,
    options: &Options,
    attempt: &Attempt,
) -> Result<Channel, ConnectError> {
    let dial = |error| ConnectError::Dial {
        endpoint: endpoint.clone(),
        error,
    };
    for capacity in options.capacities() {
        ringbuf_core::rounded_capacity(capacity).map_err(|error| dial(error.into()))?;
    }
    let transport = from
        .domain()
        .transport(endpoint)
        .map_err(|unknown| dial(unknown.into()))?;
    let options = options.for_port(port);
    let broker = transport.broker_of(endpoint);
    if transport.is_local() {
        return connect_local(from, &*transport, endpoint, port, &options, attempt).await;
    }
    let connection = transport.dial(endpoint, &options).await.map_err(dial)?;
    let connection = if endpoint.is_plain() {
        connection
    } else {
        handshake::connect(connection, endpoint, broker, from.name(), port, &options).await?
    };
    Ok(from.0.open(connection, broker.into(), port, &options))
}

/// Both ends lie in this domain: the connector stands in the line of the other broker's table itself.
async fn connect_local(
    from: &Broker,
    transport: &dyn Transport,
    endpoint: &Endpoint,
    port: u16,
    options: &Options,
    attempt: &Attempt,
) -> Result<Channel, ConnectError> {
    let name = transport.broker_of(endpoint);
    let find = || from.domain().find(name);
    let closed = |Closed| ConnectError::Closed {
        broker: name.to_owned(),
    };
    let mut before: Option<LocalTicket> = None;
    loop {
        let target: Arc<BrokerInner> = find().ok_or_else(|| ConnectError::NoSuchBroker {
            name: name.to_owned(),
            asked: endpoint.to_string(),
        })?;
        let (ours, mut theirs) = target.pair(transport, endpoint, options).map_err(|error| {
            // Its listener is gone because the broker was closed at this moment.
            if target.table.is_closed() {
                return closed(Closed);
            }
            ConnectError::Dial {
                endpoint: endpoint.clone(),
                error,
            }
        })?;
        // Only here is it known who connects.
        theirs.peer = from.0.at.clone();
        let arrival = Arrival {
            connection: theirs,
            from: from.0.name.clone(),
            place: None,
        };
        let (table, peer) = (target.table.clone(), target.name.clone());
        // A broker whose last handle is dropped is to be closed, whoever waits at it.
        drop(target);
        let place = before.take().and_then(|ticket| ticket.place_in(&table));
        let ticket = table.connect(port, ours, arrival, place).map_err(closed)?;
        match poll_fn(|cx| ticket.poll(cx, attempt.last.load(Ordering::Relaxed)))
            .await
            .map_err(closed)?
        {
            Some(connection) => return Ok(from.0.open(connection, peer, port, options)),
            // The acceptor was lost between match and taking: once more, from the same place.
            None => before = Some(ticket),
        }
    }
}
