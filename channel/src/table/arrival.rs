//! What an accept takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use crate::transport::Connection;

/// What an accept takes: the acceptor's end of a connection, and who is at the other.
pub(crate) struct Arrival {
    pub connection: Connection,
    /// Name of the connector's broker.
    pub from: Arc<str>,
    /// What a remote connector holds; counts against their limit.
    pub place: Option<Place>,
}

/// One of the places for remote connectors at a broker; free again when dropped.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Place {
    pub(super) fn take(places: &Arc<AtomicUsize>, limit: usize) -> Option<Place> {
        // Relaxed: a count that nothing else depends on.
        let taken = places.fetch_add(1, Ordering::Relaxed);
        let place = Place(places.clone());
        (taken < limit).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Arrival {
    pub(super) fn gone(&self) -> bool {
        self.connection.control.peer_gone()
    }

    /// Whether the peer met an acceptor that gave up, has left in good order, and wrote nothing that
    /// would be lost: there is nobody any more to be met.
    pub(super) fn is_spent(&self) -> bool {
        let control = &self.connection.control;
        self.gone() || control.ended() && control.peer_closed()
    }

    /// A closer look, not to be taken under the lock: a remote connector may have been lost while
    /// it stood in the line, and only its connection knows.
    pub(super) fn is_lost(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.gone()
            || self.place.is_some()
                && matches!(
                    self.connection.source.poll_fill(&mut cx),
                    Poll::Ready(Err(_))
                )
    }
}
