//! This project's.

use crate::pipes::{self, Pair};
use crate::sockets::{FromChannel, Way};
use channel::Channel;
use std::marker::PhantomData;

/// A channel in memory, between two threads: what one between processes is compared with.
pub struct InProcess<E>(PhantomData<E>);

impl<E: FromChannel> InProcess<E> {
    /// The two ends of a channel of that capacity.
    pub(super) fn channels(capacity: usize) -> (Channel, Channel) {
        pipes::Ours::pair(capacity, 0)
    }
}

impl<E: FromChannel> Way for InProcess<E> {
    type Raw = Channel;
    type End = E;

    fn connect() -> (Channel, Channel) {
        Self::channels(64 * 1024)
    }

    async fn end(channel: Channel, size: usize) -> E {
        E::from_channel(channel, size)
    }
}
