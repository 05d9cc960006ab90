//! Messages of a type of the program's own (SPEC M8), in the compact binary format of postcard.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use channel::transport::Receipt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::error::{ReceiveError, SendError};
use crate::queue::MessageQueue;

/// Why a value was not sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TypedSendError {
    /// The value cannot be expressed in the format. Nothing was sent.
    #[error("the value cannot be encoded, and nothing was sent: {0}")]
    Encode(#[source] postcard::Error),
    /// The queue did not take it.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// Why no value was received.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TypedReceiveError {
    /// A message came that is no value of this type. It is taken out of the queue and given here; the
    /// queue goes on with the next.
    #[error("a message of {} bytes is not of the type expected here: {reason}", .message.len())]
    Decode {
        /// The message.
        message: Vec<u8>,
        /// What is wrong with it.
        reason: DecodeError,
    },
    /// The queue gave none.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
}

/// What is wrong with a message that is no value of a type.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The format says so.
    #[error("{0}")]
    Format(postcard::Error),
    /// Something follows behind the value.
    #[error("{0} bytes follow behind the value")]
    Trailing(usize),
}

/// A [`MessageQueue`] that sends values of type `S` and receives values of type `R`, one a message.
///
/// The format is that of [postcard](https://postcard.jamesmunns.com): compact, and not
/// self-describing. Both ends must have the same types. A peer that is not trusted can make a type
/// without a size expensive: a few bytes may claim any number of elements of a `Vec<()>`.
///
/// ```
/// # use channel::Domain;
/// # use message_queue::{QueueBroker, TypedQueue};
/// # use serde::{Serialize, Deserialize};
/// #[derive(Serialize, Deserialize, Debug, PartialEq)]
/// enum Request { Read { from: u32 }, Stop }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let domain = Domain::new();
/// # let server = QueueBroker::from(domain.broker("server")?);
/// # let client = QueueBroker::from(domain.broker("client")?);
/// # let accepting = std::thread::spawn(move || server.accept(1));
/// let ours: TypedQueue<Request, String> = client.connect("server", 1)?.into();
/// let theirs: TypedQueue<String, Request> = accepting.join().unwrap()?.into();
/// ours.send(&Request::Read { from: 7 })?;
/// assert_eq!(theirs.receive()?, Request::Read { from: 7 });
/// # Ok(()) }
/// ```
pub struct TypedQueue<S, R = S> {
    queue: MessageQueue,
    types: PhantomData<fn(S) -> R>,
}

impl<S, R> From<MessageQueue> for TypedQueue<S, R> {
    fn from(queue: MessageQueue) -> TypedQueue<S, R> {
        TypedQueue {
            queue,
            types: PhantomData,
        }
    }
}

impl<S, R> TypedQueue<S, R> {
    /// The queue below, for what is not about types: registration at a poller, limits, the handle.
    pub fn queue(&self) -> &MessageQueue {
        &self.queue
    }

    /// The queue below.
    pub fn into_inner(self) -> MessageQueue {
        self.queue
    }

    /// As [`MessageQueue::flush`].
    pub fn flush(&self) -> Result<(), SendError> {
        self.queue.flush()
    }

    /// As [`MessageQueue::finish`].
    pub fn finish(&self) -> Result<(), SendError> {
        self.queue.finish()
    }

    /// As [`MessageQueue::close_async`].
    pub async fn close_async(&self) -> Receipt {
        self.queue.close_async().await
    }

    /// As [`MessageQueue::close`].
    pub fn close(&self) -> Receipt {
        self.queue.close()
    }

    /// As [`MessageQueue::close_timeout`].
    pub fn close_timeout(&self, limit: Duration) -> Receipt {
        self.queue.close_timeout(limit)
    }

    /// As [`MessageQueue::closed`].
    pub fn closed(&self) -> bool {
        self.queue.closed()
    }
}

fn encode<S: Serialize + ?Sized>(value: &S) -> Result<Vec<u8>, TypedSendError> {
    postcard::to_stdvec(value).map_err(TypedSendError::Encode)
}

fn decode<R: DeserializeOwned>(message: Vec<u8>) -> Result<R, TypedReceiveError> {
    let reason = match postcard::take_from_bytes(&message) {
        Ok((value, [])) => return Ok(value),
        Ok((_, rest)) => DecodeError::Trailing(rest.len()),
        Err(error) => DecodeError::Format(error),
    };
    Err(TypedReceiveError::Decode { message, reason })
}

impl<S: Serialize, R> TypedQueue<S, R> {
    /// Sends one value; as [`MessageQueue::send`].
    ///
    /// # Errors
    /// [`TypedSendError::Encode`]; what the queue says.
    pub fn send(&self, value: &S) -> Result<(), TypedSendError> {
        Ok(self.queue.send(&encode(value)?)?)
    }

    /// As [`MessageQueue::try_send`].
    pub fn try_send(&self, value: &S) -> Result<(), TypedSendError> {
        Ok(self.queue.try_send(&encode(value)?)?)
    }

    /// As [`MessageQueue::send_timeout`].
    pub fn send_timeout(&self, value: &S, limit: Duration) -> Result<(), TypedSendError> {
        Ok(self.queue.send_timeout(&encode(value)?, limit)?)
    }

    /// As [`MessageQueue::send_async`].
    pub async fn send_async(&self, value: &S) -> Result<(), TypedSendError> {
        let message = encode(value)?;
        Ok(self.queue.send_async(&message).await?)
    }

    /// As [`MessageQueue::feed`].
    pub fn feed(&self, value: &S) -> Result<(), TypedSendError> {
        Ok(self.queue.feed(&encode(value)?)?)
    }
}

impl<S, R: DeserializeOwned> TypedQueue<S, R> {
    /// Receives one value; as [`MessageQueue::receive`].
    ///
    /// # Errors
    /// [`TypedReceiveError::Decode`], after which the queue goes on with the next message; what the
    /// queue says.
    pub fn receive(&self) -> Result<R, TypedReceiveError> {
        decode(self.queue.receive()?)
    }

    /// As [`MessageQueue::try_receive`].
    pub fn try_receive(&self) -> Result<R, TypedReceiveError> {
        decode(self.queue.try_receive()?)
    }

    /// As [`MessageQueue::receive_timeout`].
    pub fn receive_timeout(&self, limit: Duration) -> Result<R, TypedReceiveError> {
        decode(self.queue.receive_timeout(limit)?)
    }

    /// As [`MessageQueue::receive_async`].
    pub async fn receive_async(&self) -> Result<R, TypedReceiveError> {
        decode(self.queue.receive_async().await?)
    }
}

impl<S, R> fmt::Debug for TypedQueue<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedQueue").field(&self.queue).finish()
    }
}
