//! Where connections wait that nobody asked a hello of, until their handshake is done.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use channel::transport::background;
use channel::{Endpoint, Options};
use parking_lot::Mutex;

use super::stream::TlsStream;
use crate::state::Slot;

/// The limits are those for hellos: a handshake takes the place of one. When one more comes, the oldest
/// is dropped.
pub(super) struct Hall {
    most: usize,
    limit: Duration,
    waiting: Mutex<Waiting>,
    /// Those that are through: no more than waited when the listener was asked last.
    ready: Mutex<VecDeque<(Arc<TlsStream>, Endpoint)>>,
    /// The listener, while it waits.
    pub(super) waker: Slot,
}

#[derive(Default)]
struct Waiting {
    entered: u64,
    streams: BTreeMap<u64, Weak<TlsStream>>,
}

impl Hall {
    pub(super) fn new(options: &Options) -> Arc<Hall> {
        Arc::new(Hall {
            most: options.max_hellos(),
            limit: options.hello_deadline(),
            waiting: Mutex::default(),
            ready: Mutex::default(),
            waker: Slot::default(),
        })
    }

    /// One whose handshake is done.
    pub(super) fn pop(&self) -> Option<(Arc<TlsStream>, Endpoint)> {
        self.ready.lock().pop_front()
    }

    /// Has the handshake done in the background.
    pub(super) fn enter(self: &Arc<Self>, stream: Arc<TlsStream>, peer: Endpoint) {
        let mut waiting = self.waiting.lock();
        let oldest = if waiting.streams.len() >= self.most {
            waiting.streams.pop_first()
        } else {
            None
        };
        waiting.entered += 1;
        let number = waiting.entered;
        waiting.streams.insert(number, Arc::downgrade(&stream));
        drop(waiting);
        if let Some(oldest) = oldest.and_then(|(_, oldest)| oldest.upgrade()) {
            oldest.leave();
        }
        let (hall, limit) = (Arc::downgrade(self), self.limit);
        background::run(async move {
            let result = stream.established(limit).await;
            if let Err(error) = &result {
                tracing::debug!(target: "transport_tcp", %peer, %error, "refuse");
                stream.explain_to_peer(limit).await;
            }
            let Some(hall) = hall.upgrade() else { return };
            hall.waiting.lock().streams.remove(&number);
            if result.is_ok() {
                hall.ready.lock().push_back((stream, peer));
                hall.waker.wake();
            }
        });
    }
}
