//! What works from any thread.

use std::sync::{Arc, Weak};

use channel::transport::{Control, Disconnect, Totals};

use super::stream::TlsStream;
use crate::socket::TcpControl;

/// As that of the socket, but for the end.
pub(super) struct TlsControl {
    tcp: TcpControl,
    stream: Weak<TlsStream>,
}

impl TlsControl {
    pub(super) fn of(stream: &Arc<TlsStream>) -> TlsControl {
        TlsControl {
            tcp: TcpControl::of(&stream.socket),
            stream: Arc::downgrade(stream),
        }
    }
}

impl Control for TlsControl {
    fn disconnect(&self, how: Disconnect) {
        let Some(stream) = self.stream.upgrade() else {
            return;
        };
        stream.leave();
        match how {
            Disconnect::Orderly => stream.finish(true),
            Disconnect::Abort if stream.socket.is_plain() => stream.socket.reset(),
            // The stream ends without the end that TLS gives it, behind what was written.
            Disconnect::Abort => stream.finish(false),
        }
        stream.socket.discard_if_due(false);
    }

    fn peer_gone(&self) -> bool {
        self.tcp.peer_gone()
    }

    fn peer_closed(&self) -> bool {
        self.tcp.peer_closed()
    }

    fn ended(&self) -> bool {
        self.tcp.ended()
    }

    fn totals(&self) -> Totals {
        self.tcp.totals()
    }
}
