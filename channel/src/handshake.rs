//! HELLO, WELCOME, GO over a bare connection: the I/O around [`wire::hello`](crate::wire::hello).

mod acceptor;
mod eager;
mod since;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::error::ConnectError;
use crate::options::Options;
use crate::records;
use crate::transport::{Carrier, Connection, Sink, Source};
use crate::wire::hello::{
    EAGER, Hello, HelloDecoder, HelloError, Message, Refusal, Refused, Role, Step, Version,
};
pub(crate) use acceptor::{Desk, read_hello, receive_connector};
use since::SinceHello;

/// Why no message came.
enum Failed {
    /// The connection ended or broke.
    Lost(io::Error),
    /// What came is not what should have come.
    Protocol(HelloError),
}

async fn send(sink: &mut dyn Sink, messages: &[Message]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for message in messages {
        message.encode(&mut bytes)?;
    }
    let mut sent = 0;
    while sent < bytes.len() {
        match poll_fn(|cx| sink.poll_write(cx, &[IoSlice::new(&bytes[sent..])])).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => sent += n,
        }
    }
    poll_fn(|cx| sink.poll_flush(cx)).await
}

async fn receive(source: &mut dyn Source, decoder: &mut HelloDecoder) -> Result<Message, Failed> {
    loop {
        let n = poll_fn(|cx| source.poll_fill(cx))
            .await
            .map_err(Failed::Lost)?;
        if n == 0 {
            decoder.end_of_input().map_err(Failed::Protocol)?;
            return Err(Failed::Lost(io::ErrorKind::UnexpectedEof.into()));
        }
        let filled = source.filled();
        let given = filled.len();
        match decoder.feed(filled).map_err(Failed::Protocol)? {
            Step::Message { consumed, message } => {
                source.consume(consumed);
                return Ok(message);
            }
            _ => source.consume(given),
        }
    }
}

/// The connector's side. Dropping the future withdraws: the connection is dropped with it.
pub(crate) async fn connect(
    mut connection: Connection,
    endpoint: &Endpoint,
    broker: &str,
    from: &str,
    port: u16,
    options: &Options,
) -> Result<Connection, ConnectError> {
    let lost = |error: io::Error| ConnectError::Lost {
        endpoint: endpoint.clone(),
        reason: Arc::new(error),
    };
    let mut hello = Hello::new(broker, port);
    hello.from = from.to_owned();
    hello.capacity = u32::try_from(options.capacity(Some(port))).unwrap_or(u32::MAX);
    if options.eager() {
        hello.flags |= EAGER;
        send(&mut *connection.sink, &[Message::Hello(hello), Message::Go])
            .await
            .map_err(lost)?;
        let since =
            (connection.carrier == Carrier::Native).then(|| SinceHello::count(&mut connection));
        connection.source = Box::new(eager::Answer::new(
            connection.source,
            endpoint,
            broker,
            since,
        ));
        return Ok(records::wrap(connection, options, Vec::new()));
    }
    send(&mut *connection.sink, &[Message::Hello(hello)])
        .await
        .map_err(lost)?;
    let mut decoder = HelloDecoder::new(Role::Connector);
    match receive(&mut *connection.source, &mut decoder).await {
        Ok(Message::Refused(refused)) => return Err(refusal(refused, endpoint, broker)),
        // The decoder lets nothing else through.
        Ok(_welcome) => {}
        Err(Failed::Lost(error)) => return Err(lost(error)),
        Err(Failed::Protocol(error)) => return Err(protocol(error, endpoint)),
    }
    send(&mut *connection.sink, &[Message::Go])
        .await
        .map_err(lost)?;
    Ok(established(connection, options, Vec::new()))
}

/// After the handshake: from here on the bytes are the channel's.
fn established(mut connection: Connection, options: &Options, ahead: Vec<u8>) -> Connection {
    if connection.carrier == Carrier::Native {
        SinceHello::count(&mut connection);
    }
    records::wrap(connection, options, ahead)
}

fn protocol(error: HelloError, endpoint: &Endpoint) -> ConnectError {
    match error {
        HelloError::VersionMismatch { ours, theirs } => ConnectError::Version {
            endpoint: endpoint.clone(),
            ours,
            theirs,
        },
        error => ConnectError::Protocol {
            endpoint: endpoint.clone(),
            reason: error.to_string(),
        },
    }
}

fn refusal(refused: Refused, endpoint: &Endpoint, broker: &str) -> ConnectError {
    match refused.reason {
        Refusal::NoSuchBroker => ConnectError::NoSuchBroker {
            name: broker.to_owned(),
            asked: endpoint.to_string(),
        },
        Refusal::Closed => ConnectError::Closed {
            broker: endpoint.to_string(),
        },
        Refusal::VersionMismatch => ConnectError::Version {
            endpoint: endpoint.clone(),
            ours: Version::CURRENT,
            theirs: refused.version,
        },
        // The peer's text is printed escaped: it may hold anything.
        reason => ConnectError::Refused {
            endpoint: endpoint.clone(),
            reason: format!("{reason} ({})", refused.message.escape_debug()),
        },
    }
}
