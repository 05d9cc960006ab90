//! Listening: one socket, and the connections that come.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use channel::transport::background::Sleep;
use channel::transport::{Connection, Listener};
use channel::{Endpoint, ListenError, Options};
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use transport_reactor::{Watched, after};

use crate::address::{Lookup, Place, any};
use crate::seats::{Seat, Seats};
use crate::settings::Settings;
use crate::socket::{Stream, connection};

/// When the process or the system has run out of something (descriptors, say), the next connection is taken
/// in after so long: soon enough for whoever waits in the backlog, and no busy loop.
const PAUSE: Duration = Duration::from_millis(100);
/// So many connections that come to nothing are passed over in one poll, before others get their turn.
const PASSED_OVER: usize = 16;

/// An accepted stream.
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) peer: Endpoint,
    pub(crate) seat: Option<Seat>,
}

/// Takes in streams, whatever is made of them.
pub(crate) struct Accepting {
    listener: Watched<TcpListener>,
    local: Endpoint,
    settings: Settings,
    seats: Option<Arc<Seats>>,
    pause: Option<Sleep>,
    /// Ran out of something, and has told so.
    exhausted: bool,
}

impl Accepting {
    pub(crate) fn start(
        at: &Endpoint,
        settings: Settings,
        lookup: &Lookup,
    ) -> Result<Accepting, ListenError> {
        let place = Place::parse(at.authority()).map_err(ListenError::Unsupported)?;
        let listener = bind_first(&addresses(&place, lookup)?, &settings, at)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        let authority = match place {
            Place::Name(host, _) if host.contains(':') => format!("[{host}]:{}", bound.port()),
            Place::Name(host, _) => format!("{host}:{}", bound.port()),
            _ => bound.to_string(),
        };
        Ok(Accepting {
            listener: Watched::new(listener),
            local: at.clone().with_authority(&authority)?,
            seats: settings.per_peer.map(Seats::new),
            settings,
            pause: None,
            exhausted: false,
        })
    }

    /// `None` if its address has all that it may have.
    fn admit(&self, stream: TcpStream, from: SocketAddr) -> io::Result<Option<Accepted>> {
        let seat = match &self.seats {
            None => None,
            Some(seats) => match seats.take(from.ip()) {
                Some(seat) => Some(seat),
                None => return Ok(None),
            },
        };
        if !Settings::inherited() {
            self.settings.apply(&SockRef::from(&stream))?;
        }
        let plain = self.local.is_plain();
        let peer =
            Endpoint::new(self.local.scheme(), &from.to_string()).map_err(io::Error::from)?;
        let peer = if plain { peer.plain() } else { peer };
        stream.set_nonblocking(true)?;
        let stream = Stream::new(stream);
        Ok(Some(Accepted { stream, peer, seat }))
    }

    /// Passes over what concerns one connection; rests if it concerns all.
    fn failed(&mut self, error: &io::Error) {
        if !is_exhausted(error) {
            tracing::debug!(target: "transport_tcp", endpoint = %self.local, %error, "accept failed");
            return;
        }
        if !self.exhausted {
            self.exhausted = true;
            tracing::warn!(
                target: "transport_tcp", endpoint = %self.local, %error,
                "no connection can be taken in; trying again until it works"
            );
        }
        self.pause = Some(after(PAUSE));
    }

    pub(crate) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        for _ in 0..PASSED_OVER {
            if let Some(pause) = &mut self.pause {
                ready!(Pin::new(pause).poll(cx));
                self.pause = None;
            }
            match self.listener.get_ref().accept() {
                Ok((stream, from)) => match self.admit(stream, from) {
                    Ok(Some(accepted)) => {
                        self.exhausted = false;
                        return Poll::Ready(Ok(accepted));
                    }
                    Ok(None) => tracing::debug!(
                        target: "transport_tcp", endpoint = %self.local, peer = %from,
                        reason = "as many connections as it may have", "refuse"
                    ),
                    Err(error) => self.failed(&error),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.listener.poll_readable(cx))?;
                }
                Err(error) => self.failed(&error),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    pub(crate) fn local(&self) -> &Endpoint {
        &self.local
    }
}

pub(crate) struct TcpListening {
    accepting: Accepting,
    options: Options,
}

impl TcpListening {
    pub(crate) fn start(
        at: &Endpoint,
        options: &Options,
        lookup: &Lookup,
    ) -> Result<TcpListening, ListenError> {
        let settings = Settings::of(at, &[])?;
        Ok(TcpListening {
            accepting: Accepting::start(at, settings, lookup)?,
            options: options.clone(),
        })
    }
}

impl Listener for TcpListening {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        let Accepted { stream, peer, seat } = ready!(self.accepting.poll_accept(cx))?;
        let plain = peer.is_plain();
        let connection = connection(stream, peer, &self.options, plain, seat);
        Poll::Ready(Ok(connection))
    }

    fn local(&self) -> &Endpoint {
        self.accepting.local()
    }
}

fn is_exhausted(error: &io::Error) -> bool {
    const OF_ALL: [Errno; 5] = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::NOSPC,
    ];
    let code = error.raw_os_error();
    OF_ALL.iter().any(|one| code == Some(one.raw_os_error()))
}

fn addresses(place: &Place<'_>, lookup: &Lookup) -> Result<Vec<SocketAddr>, ListenError> {
    match *place {
        Place::Address(address) => Ok(vec![address]),
        Place::Any(port) => Ok(any(port)),
        Place::Name(host, port) => match lookup(host, port) {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            Ok(_) => Err(not_found(host, &"it has no address")),
            Err(error) => Err(not_found(host, &error)),
        },
    }
}

fn not_found(host: &str, reason: &dyn std::fmt::Display) -> ListenError {
    let text = format!("the host name `{host}` was not found ({reason}); check its spelling");
    io::Error::new(io::ErrorKind::NotFound, text).into()
}

/// A socket that listens at the first address that can be had.
fn bind_first(
    addresses: &[SocketAddr],
    settings: &Settings,
    at: &Endpoint,
) -> Result<TcpListener, ListenError> {
    let mut failures = Vec::new();
    for address in addresses {
        match bind(*address, settings) {
            Ok(listener) => return Ok(listener),
            // The port is somebody's: another address of the same host would not be what was asked for.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(ListenError::Taken(at.clone()));
            }
            Err(error) => failures.push((*address, error)),
        }
    }
    let kind = failures.last().map_or(io::ErrorKind::Other, |f| f.1.kind());
    let list: Vec<String> = failures
        .iter()
        .map(|(address, error)| format!("cannot listen at {address}: {error}"))
        .collect();
    Err(io::Error::new(kind, list.join("; ")).into())
}

fn bind(address: SocketAddr, settings: &Settings) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.ip().is_unspecified() && address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A port whose old connections still fade away can be listened at again. (On Windows it would mean that
    // two may have it at once.)
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    settings.apply(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(settings.backlog)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Where the settings of a listener are said to be its connections' already, they are.
    #[test]
    fn accepted_connections_have_the_settings() {
        let at = "tcp://127.0.0.1:0?keepalive=77&keepalive-interval=7&keepalive-count=5";
        let settings = Settings::of(&at.parse().unwrap(), &[]).unwrap();
        let listener = bind(([127, 0, 0, 1], 0).into(), &settings).unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let accepted = SockRef::from(&accepted);
        if !Settings::inherited() {
            settings.apply(&accepted).unwrap();
        }
        assert!(accepted.tcp_nodelay().unwrap() && accepted.keepalive().unwrap());
        assert_eq!(
            accepted.tcp_keepalive_time().unwrap(),
            Duration::from_secs(77)
        );
        assert_eq!(
            accepted.tcp_keepalive_interval().unwrap(),
            Duration::from_secs(7)
        );
        assert_eq!(accepted.tcp_keepalive_retries().unwrap(), 5);
        drop(connecting);
    }
}
