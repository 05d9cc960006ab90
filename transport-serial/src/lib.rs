#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(all(feature = "line", target_os = "linux"))]
pub mod line;
