#![doc = include_str!("../README.md")]
#![doc = include_str!("guide.md")]
#![forbid(unsafe_code)]
// Elsewhere there is nothing in it.
#![cfg(target_os = "linux")]

#[cfg(feature = "line")]
pub mod line;
mod pipe;
mod serial;

use std::io::{self, Read, Write};

use transport_link::{Device, Halves, Link};

pub use pipe::{Pipe, wait_for_stdin_end};
pub use serial::Serial;
pub use transport_link;

/// Delegates [`Transport`](channel::transport::Transport) to the field of a newtype.
macro_rules! delegate {
    ($transport:ident) => {
        impl Transport for $transport {
            fn schemes(&self) -> &[&str] {
                self.0.schemes()
            }

            fn dial<'a>(
                &'a self,
                to: &'a Endpoint,
                options: &'a channel::Options,
            ) -> BoxFuture<'a, Result<Connection, DialError>> {
                self.0.dial(to, options)
            }

            fn listen(
                &self,
                at: &Endpoint,
                options: &channel::Options,
            ) -> Result<Box<dyn Listener>, ListenError> {
                self.0.listen(at, options)
            }

            fn broker_of<'a>(&self, endpoint: &'a Endpoint) -> &'a str {
                self.0.broker_of(endpoint)
            }
        }
    };
}
use delegate;

/// A device that is these halves, once.
fn once(read: impl Read + Send + 'static, write: impl Write + Send + 'static) -> impl Device {
    // The threads are started when the link is wanted.
    let mut halves = Some((read, write));
    move || -> io::Result<Box<dyn Link>> {
        match halves.take() {
            Some((read, write)) => Ok(Box::new(Halves::new(read, write)?)),
            None => Err(io::Error::other(
                "the pair was given in code and has ended: give another one",
            )),
        }
    }
}
