#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod leaks;

pub use leaks::Leaks;
