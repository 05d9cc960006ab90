//! A peer that is broken or means harm: what it costs is bounded, what it did is told, and the link is restarted.
//!
//! All of it shows T4: what goes wrong on a link is an event, no crash, and C6 for the channels that it had.

mod frames;
mod greetings;
mod raw;
#[path = "../support/mod.rs"]
mod support;
