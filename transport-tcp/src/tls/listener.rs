//! Listening: the streams that come, and their handshakes.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use channel::transport::{Connection, Listener};
use channel::{Endpoint, Options};
use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;

use super::error::TlsError;
use super::hall::Hall;
use super::session::Side;
use super::stream::{TlsStream, connection};
use crate::listener::{Accepted, Accepting};
use crate::socket::Socket;

/// So many connections are sent to the hall in one poll, before others get their turn.
const AT_ONCE: usize = 16;

/// Where a hello follows, a connection is handed out at once: whoever reads the hello brings the handshake
/// forward, and the limits for hellos are those of the handshake too. A plain one has no hello, and is
/// handed out when its peer has proved who it is; until then it waits in the hall.
pub(super) struct TlsListening {
    pub(super) accepting: Accepting,
    pub(super) config: Arc<ServerConfig>,
    pub(super) options: Options,
    pub(super) hall: Arc<Hall>,
}

impl TlsListening {
    fn secure(&self, accepted: Accepted) -> io::Result<(Arc<TlsStream>, Endpoint)> {
        let Accepted { stream, peer, seat } = accepted;
        let tls = UnbufferedServerConnection::new(self.config.clone()).map_err(TlsError::from)?;
        let socket = Socket::open(stream, &self.options, peer.is_plain(), seat);
        Ok((TlsStream::new(socket, Side::Server(tls)), peer))
    }
}

impl Listener for TlsListening {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        self.hall.waker.set(cx.waker());
        for _ in 0..AT_ONCE {
            if let Some((stream, peer)) = self.hall.pop() {
                let connection = connection(stream, peer, &self.options, false);
                return Poll::Ready(Ok(connection));
            }
            let accepted = match self.accepting.poll_accept(cx) {
                Poll::Ready(accepted) => accepted?,
                Poll::Pending => return Poll::Pending,
            };
            let (stream, peer) = self.secure(accepted)?;
            if !peer.is_plain() {
                let connection = connection(stream, peer, &self.options, true);
                return Poll::Ready(Ok(connection));
            }
            self.hall.enter(stream, peer);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn local(&self) -> &Endpoint {
        self.accepting.local()
    }
}
