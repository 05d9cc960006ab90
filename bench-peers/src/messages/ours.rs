//! This project's queue, in the ways that there are to use it.

use super::{End, Pair};
use crate::pipes;
use message_queue::{MessageQueue, MessageReceiver, MessageSender};
use std::marker::PhantomData;

/// Messages between two flushes of [`Fed`].
const BATCH: usize = 64;

fn queues(capacity: usize) -> (MessageQueue, MessageQueue) {
    let (a, b) = <pipes::Ours as pipes::Pair>::pair(capacity, 1);
    (a.into(), b.into())
}

/// One queue that all threads may use: `send`, `receive_into`.
pub struct Shared;
/// One end of [`Shared`].
pub struct SharedEnd {
    queue: MessageQueue,
    buffer: Vec<u8>,
}
impl End for SharedEnd {
    fn send(&mut self, message: &[u8]) {
        self.queue.send(message).expect("the queue is open");
    }
    fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        let n = self.queue.receive_into(&mut self.buffer);
        look(&self.buffer[..n.expect("the queue is open")])
    }
    fn echo(&mut self, look: impl FnOnce(&[u8])) {
        let n = self.queue.receive_into(&mut self.buffer);
        let message = &self.buffer[..n.expect("the queue is open")];
        look(message);
        self.queue.send(message).expect("the queue is open");
    }
}
impl Pair for Shared {
    type End = SharedEnd;
    fn pair(capacity: usize, size: usize) -> (SharedEnd, SharedEnd) {
        let end = |queue| SharedEnd {
            queue,
            buffer: vec![0; size],
        };
        let (a, b) = queues(capacity);
        (end(a), end(b))
    }
}

/// Two halves without a lock, with a way to send and one to receive.
pub struct Halves<S, R>(PhantomData<(S, R)>);
/// One end of [`Halves`].
pub struct HalvesEnd<S, R> {
    sender: MessageSender,
    receiver: MessageReceiver,
    buffer: Vec<u8>,
    fed: usize,
    ways: PhantomData<(S, R)>,
}

/// A way to send.
pub trait Way: Send + 'static {
    /// Sends, or takes for a batch; `fed` counts what was taken.
    fn send(sender: &mut MessageSender, message: &[u8], fed: &mut usize);
}
/// `send`.
pub struct Sent;
impl Way for Sent {
    #[inline]
    fn send(sender: &mut MessageSender, message: &[u8], _fed: &mut usize) {
        sender.send(message).expect("the queue is open");
    }
}
/// `feed`, and `flush` after every 64th.
pub struct Fed;
impl Way for Fed {
    #[inline]
    fn send(sender: &mut MessageSender, message: &[u8], fed: &mut usize) {
        sender.feed(message).expect("the queue is open");
        *fed += 1;
        if *fed == BATCH {
            *fed = 0;
            sender.flush().expect("the queue is open");
        }
    }
}

/// A way to receive.
pub trait Take: Send + 'static {
    /// Receives one message and hands it on.
    fn take<T>(
        receiver: &mut MessageReceiver,
        buffer: &mut [u8],
        then: impl FnOnce(&[u8]) -> T,
    ) -> T;
}
/// `receive_into`, into a buffer that is used again and again.
pub struct Into;
impl Take for Into {
    #[inline]
    fn take<T>(
        receiver: &mut MessageReceiver,
        buffer: &mut [u8],
        then: impl FnOnce(&[u8]) -> T,
    ) -> T {
        let n = receiver.receive_into(buffer).expect("the queue is open");
        then(&buffer[..n])
    }
}
/// `receive_ref`.
pub struct Borrowed;
impl Take for Borrowed {
    #[inline]
    fn take<T>(
        receiver: &mut MessageReceiver,
        _buffer: &mut [u8],
        then: impl FnOnce(&[u8]) -> T,
    ) -> T {
        then(&receiver.receive_ref().expect("the queue is open"))
    }
}
/// `receive`, which gives a vector.
pub struct Vector;
impl Take for Vector {
    #[inline]
    fn take<T>(
        receiver: &mut MessageReceiver,
        _buffer: &mut [u8],
        then: impl FnOnce(&[u8]) -> T,
    ) -> T {
        then(&receiver.receive().expect("the queue is open"))
    }
}

impl<S: Way, R: Take> End for HalvesEnd<S, R> {
    fn send(&mut self, message: &[u8]) {
        S::send(&mut self.sender, message, &mut self.fed);
    }
    fn flush(&mut self) {
        self.sender.flush().expect("the queue is open");
    }
    fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        R::take(&mut self.receiver, &mut self.buffer, look)
    }
    fn echo(&mut self, look: impl FnOnce(&[u8])) {
        R::take(&mut self.receiver, &mut self.buffer, |message| {
            look(message);
            S::send(&mut self.sender, message, &mut self.fed);
        });
    }
}
impl<S: Way, R: Take> Pair for Halves<S, R> {
    type End = HalvesEnd<S, R>;
    fn pair(capacity: usize, size: usize) -> (Self::End, Self::End) {
        let end = |queue: MessageQueue| {
            let (sender, receiver) = queue.split();
            HalvesEnd {
                sender,
                receiver,
                buffer: vec![0; size],
                fed: 0,
                ways: PhantomData,
            }
        };
        let (a, b) = queues(capacity);
        (end(a), end(b))
    }
}
