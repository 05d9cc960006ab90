#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]
#![cfg_attr(
    target_os = "linux",
    allow(dead_code, reason = "names come before what is sent under them")
)]

#[cfg(target_os = "linux")]
mod claim;
#[cfg(target_os = "linux")]
mod connect;
#[cfg(target_os = "linux")]
mod directory;
#[cfg(target_os = "linux")]
mod error;
#[cfg(target_os = "linux")]
mod list;
#[cfg(target_os = "linux")]
mod name;
#[cfg(target_os = "linux")]
mod peer;
#[cfg(target_os = "linux")]
mod place;
#[cfg(target_os = "linux")]
mod resolver;
#[cfg(target_os = "linux")]
mod settings;

#[cfg(target_os = "linux")]
pub use error::DirectoryError;
#[cfg(target_os = "linux")]
pub use list::{Running, list, list_in};
#[cfg(target_os = "linux")]
pub use peer::NotAllowed;
#[cfg(target_os = "linux")]
pub use resolver::ThisMachine;

#[cfg(all(test, target_os = "linux"))]
mod tests;
