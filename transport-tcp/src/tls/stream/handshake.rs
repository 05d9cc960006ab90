//! The beginning: the handshake, and its failure.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use transport_reactor::within;

use super::{HANDSHAKE, PATIENCE, Received, TlsStream};
use crate::socket::Discarded;
use crate::state::{LEFT, Slot};
use crate::tls::error::TlsError;

impl TlsStream {
    /// Ready when the handshake is done. Both halves may be at it at once.
    pub(in crate::tls) fn poll_established(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        slot: &Slot,
    ) -> Poll<io::Result<()>> {
        slot.set(cx.waker());
        loop {
            if let Some(error) = self.socket.state.left() {
                return Poll::Ready(Err(error));
            }
            self.flush_soon();
            let inner = self.inner.lock();
            if let Some(error) = inner.session.failure() {
                return Poll::Ready(Err(error.clone().into()));
            }
            if inner.session.is_established() {
                return Poll::Ready(Ok(()));
            }
            drop(inner);
            match self.receive(HANDSHAKE, None)? {
                Received::Something => {}
                Received::Nothing => match self.socket.poll_inbound(&mut self.news()) {
                    Poll::Ready(result) => result?,
                    Poll::Pending => return Poll::Pending,
                },
                Received::Elsewhere => return Poll::Pending,
                Received::End => return Poll::Ready(Err(TlsError::Left.into())),
            }
        }
    }

    /// Waits until the handshake is done, no longer than `limit`.
    pub(in crate::tls) async fn established(self: &Arc<Self>, limit: Duration) -> io::Result<()> {
        within(limit, |cx| self.poll_established(cx, &self.wakers.reader))
            .await
            .unwrap_or_else(|| Err(TlsError::Silent(limit).into()))
    }

    /// After a handshake that failed for the peer's certificate: gives it time to learn so. If the socket
    /// were closed before the peer has ended its stream, with bytes of it unread, the reset might destroy
    /// what it was told.
    pub(in crate::tls) fn poll_explained(
        &self,
        cx: &mut Context<'_>,
        patience: &mut u8,
    ) -> Poll<()> {
        if !self.failure().is_some_and(|error| error.is_refusal()) {
            return Poll::Ready(());
        }
        while *patience > 0 {
            match self.socket.discard() {
                Discarded::All => break,
                Discarded::Some => *patience -= 1,
                Discarded::Nothing => match self.socket.poll_inbound(cx) {
                    Poll::Ready(Ok(())) if !self.socket.state.has_any(LEFT) => {}
                    Poll::Ready(_) => break,
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
        *patience = 0;
        Poll::Ready(())
    }

    /// As [`poll_explained`](TlsStream::poll_explained), no longer than `limit`.
    pub(in crate::tls) async fn explain_to_peer(&self, limit: Duration) {
        let mut patience = PATIENCE;
        within(limit, |cx| self.poll_explained(cx, &mut patience)).await;
    }
}
