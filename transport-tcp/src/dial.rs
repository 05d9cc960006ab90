//! Opening connections: the addresses of an endpoint, one after the other.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use channel::{DialError, Endpoint};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use transport_reactor::within;

use crate::address::{Lookup, MOST_ADDRESSES, Place};
use crate::error::{Failure, Failures};
use crate::settings::Settings;
use crate::socket::Stream;

/// What `secure` makes of a connected stream, which is in non-blocking mode: an address counts as reached
/// once it has. Dropping the future cancels; a look-up that is under way then ends unheard on its thread.
pub(crate) async fn dial<T, F>(
    to: &Endpoint,
    settings: &Settings,
    lookup: &Lookup,
    secure: impl Fn(Stream, SocketAddr) -> F,
) -> Result<T, DialError>
where
    F: Future<Output = Result<T, Failure>>,
{
    let place = Place::parse(to.authority()).map_err(DialError::Unsupported)?;
    let addresses = match place {
        Place::Address(address) => vec![address],
        Place::Any(_) => {
            return Err(DialError::Unsupported(format!(
                "{to} names no host to connect to: write one, as in `tcp://box:7000`"
            )));
        }
        Place::Name(host, port) => find(host, port, lookup).await?,
    };
    let mut failures = Vec::new();
    for address in addresses.into_iter().take(MOST_ADDRESSES) {
        let reached = match connect(address, settings).await {
            Ok(stream) => secure(stream, address).await,
            Err(error) => Err(Failure::of(address, settings.connect_timeout, error)),
        };
        match reached {
            Ok(reached) => return Ok(reached),
            Err(failure) => {
                tracing::debug!(target: "transport_tcp", endpoint = %to, %failure, "connect failed");
                failures.push(failure);
            }
        }
    }
    Err(Failures::into_io(failures).into())
}

/// The addresses of a name. The system's look-up blocks, so it runs on a thread of its own.
async fn find(host: &str, port: u16, lookup: &Lookup) -> io::Result<Vec<SocketAddr>> {
    let (name, lookup) = (host.to_owned(), lookup.clone());
    let found = blocking::unblock(move || lookup(&name, port)).await;
    let reason = match found {
        Ok(addresses) if addresses.is_empty() => io::Error::other("it has no address"),
        Ok(addresses) => return Ok(addresses),
        Err(error) => error,
    };
    Err(Failures::into_io(vec![Failure::NameNotFound {
        host: host.to_owned(),
        reason: Arc::new(reason),
    }]))
}

async fn connect(address: SocketAddr, settings: &Settings) -> io::Result<Stream> {
    transport_reactor::start()?;
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    settings.apply(&socket)?;
    match socket.connect(&address.into()) {
        Err(error) if !is_under_way(&error) => return Err(error),
        _ => {}
    }
    let stream = Stream::new(TcpStream::from(socket));
    until_connected(&stream, settings.connect_timeout).await?;
    Ok(stream)
}

/// Within one machine that takes no time.
async fn until_connected(stream: &Stream, limit: Duration) -> io::Result<()> {
    let tcp = stream.get_ref();
    let connected = within(limit, |cx| {
        while tcp.peer_addr().is_err() {
            if let Some(error) = tcp.take_error()? {
                return Poll::Ready(Err(error));
            }
            ready!(stream.poll_writable(cx))?;
        }
        Poll::Ready(Ok(()))
    });
    match connected.await {
        Some(result) => result?,
        None => return Err(io::ErrorKind::TimedOut.into()),
    }
    // The system took the very port that was dialled for this end of the connection: nobody listens there.
    // (A connection that is broken already has no peer; whoever uses it hears why.)
    if tcp
        .peer_addr()
        .is_ok_and(|peer| tcp.local_addr().is_ok_and(|own| own == peer))
    {
        // So that whoever is to listen there gets the port.
        SockRef::from(tcp).set_linger(Some(Duration::ZERO))?;
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    // A port that nobody listens at refuses, also if it happens to be the one that the system gives to whoever
    // dials it; and it is free afterwards.
    #[test]
    fn a_socket_that_reached_itself_was_refused() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).unwrap();
        let own = socket.local_addr().unwrap();
        socket.connect(&own).unwrap();
        socket.set_nonblocking(true).unwrap();
        let stream = Stream::new(TcpStream::from(socket));
        let reached = until_connected(&stream, Duration::from_secs(30));
        let error = futures_lite::future::block_on(reached).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        drop(stream);
        std::net::TcpListener::bind(own.as_socket().unwrap()).unwrap();
    }
}
