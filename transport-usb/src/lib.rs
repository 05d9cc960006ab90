//! Channels over a USB cable.

pub mod bulk;
