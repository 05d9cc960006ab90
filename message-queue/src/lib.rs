#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod broker;
pub mod codec;
mod error;
mod gathered;
mod inbound;
mod iter;
mod lent;
mod outbound;
mod queue;
mod receiver;
mod sender;
mod turn;
#[cfg(feature = "typed")]
mod typed;
mod wait;

pub use broker::QueueBroker;
pub use codec::DEFAULT_MAX_MESSAGE;
pub use error::{ReceiveError, SendError};
pub use lent::MessageRef;
pub use outbound::BATCH;
pub use queue::MessageQueue;
pub use receiver::MessageReceiver;
pub use sender::MessageSender;
#[cfg(feature = "typed")]
pub use typed::{DecodeError, TypedQueue, TypedReceiveError, TypedSendError};
