//! Measures this project's ring, channel and message queue side by side with other
//! crates, and writes the tables of `BENCHMARKS.md`.
//!
//! Contestants of a row are measured interleaved, many short measurements each,
//! so that whatever else the machine does hits all of them alike; what is
//! printed are medians, and ratios of medians within one run. A measurement
//! during which one of its threads did not have its core for itself is taken
//! again (see [`measure`]).
#![forbid(unsafe_op_in_unsafe_fn)]

pub mod abuse;
pub mod counting;
pub mod crowd;
pub mod lines;
pub mod links;
pub mod machine;
pub mod measure;
pub mod messages;
pub mod pipes;
pub mod processes;
pub mod report;
pub mod rings;
pub mod sockets;
pub mod usb;
