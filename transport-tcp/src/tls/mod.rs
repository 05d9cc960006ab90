//! `tls:`, TCP secured: both sides prove who they are, and nobody else reads or changes what passes.
//!
//! [`session`] is TLS itself, without system calls; [`stream`] brings it and the socket together, for two
//! halves on two threads; the rest are the pieces that a transport has. Only TLS 1.3 is spoken: before it,
//! there was no half-close. No session is resumed: every connection checks the certificates, and no client
//! is sent anything after the handshake that it might leave unread.
//!
//! A listener hands out a connection at once where a hello follows, and its halves bring the handshake forward
//! while they wait, so that the limits for hellos hold for handshakes; a plain one waits in the [`hall`] first,
//! within the same limits. The arithmetic of a listener's handshakes is done on the process's background thread.

mod control;
mod credentials;
mod error;
mod flusher;
mod hall;
mod listener;
mod scratch;
mod session;
mod sink;
mod source;
mod stream;
mod transport;

pub use credentials::{Credentials, CredentialsError, Files, Pem};
pub use error::TlsError;
pub use transport::Tls;
