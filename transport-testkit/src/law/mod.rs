//! The law: one function for each promise that a transport could break. What they are called and
//! what they show stands in [`list`](crate::list).

pub(crate) mod brokers;
pub(crate) mod disconnect;
pub(crate) mod forms;
pub(crate) mod futures;
pub(crate) mod halves;
pub(crate) mod held;
pub(crate) mod limits;
pub(crate) mod lost;
pub(crate) mod many;
pub(crate) mod message_ends;
pub(crate) mod messages;
pub(crate) mod partial;
pub(crate) mod polling;
pub(crate) mod processes;
pub(crate) mod prompt;
pub(crate) mod races;
pub(crate) mod receipts;
pub(crate) mod rendezvous;
pub(crate) mod rush;
pub(crate) mod snapshots;
pub(crate) mod stays;
pub(crate) mod strangers;
pub(crate) mod stream;
pub(crate) mod tails;
pub(crate) mod vectors;
pub(crate) mod waking;
pub(crate) mod withdraw;
