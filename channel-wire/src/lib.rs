#![doc = include_str!("../README.md")]
//!
//! * [`hello`] – the handshake: which broker, which port, go.
//! * [`record`] – the thin layer after it that tells an orderly end from a lost peer and
//!   carries the close receipt. Links that carry both natively go without.
//!
//! Both are sans-IO: bytes in, bytes out. They own no connection, no clock and no thread, and
//! must never gain one: deadlines, limits on how many strangers may knock, and what to do
//! about an error are the caller's. A plain endpoint (`+plain`) uses neither.
//!
//! All numbers are big-endian. Everything here reads what a stranger sent: no input makes it
//! panic, and no length that a peer claims makes it allocate.
//!
//! # Features
//! `std`: the errors convert into `std::io::Error`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod hello;
#[cfg(any(feature = "std", test))]
mod io;
pub mod record;
