//! What our own ends say to each other on a bare byte connection.
//!
//! * [`hello`] – the handshake: which broker, which port, go.
//! * [`record`] – the thin layer after it that tells an orderly end from a lost peer and
//!   carries the close receipt.
//!
//! Both are sans-IO: bytes in, bytes out. They own no connection, no clock and no thread, and
//! must never gain one: deadlines, limits on how many strangers may knock, and what to do
//! about an error are the caller's. A plain endpoint (`+plain`) uses neither.
//!
//! All numbers are big-endian. Everything here reads what a stranger sent: no input makes it
//! panic, and no length that a peer claims makes it allocate.

pub mod hello;
pub mod record;
