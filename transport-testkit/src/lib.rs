#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod fault;
mod leaks;

pub use leaks::Leaks;
