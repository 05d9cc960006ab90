//! `pipe:`: byte pipes that keep every byte.

mod child;
mod stdio;

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError};
use transport_link::{Descriptor, Device, Hold, LinkTransport, Once, Place, PlaceError, Settings};

pub use stdio::wait_for_stdin_end;

const RUN: &str = "run";

/// The transport `pipe:`, to be added to a [`Domain`](channel::Domain). The crate's documentation says what stands in its endpoints.
///
/// Cheap to clone; clones share the pipes.
#[derive(Clone, Debug)]
pub struct Pipe(LinkTransport);

impl Pipe {
    /// A transport for this process's standard input and output, and those of children.
    pub fn new() -> Pipe {
        Pipe(LinkTransport::new(["pipe"], place))
    }

    /// Adds a pipe given in code: anything that can be read and written and loses nothing. It is reached as
    /// `pipe://NAME`. Each half gets a thread that does the blocking; the one that reads should come to an end when the other end does,
    /// as nothing else can wake it.
    pub fn with_pair(
        self,
        name: &str,
        read: impl Read + Send + 'static,
        write: impl Write + Send + 'static,
    ) -> Pipe {
        self.with_device(name, crate::once(read, write))
    }

    /// Adds a pipe that is two descriptors, reached as `pipe://NAME`: without a thread for each, but they are set to
    /// non-blocking mode, which others that share the open files (not the descriptors) have as well.
    ///
    /// # Errors
    /// The mode cannot be set.
    pub fn with_descriptors(
        self,
        name: &str,
        read: impl Into<OwnedFd>,
        write: impl Into<OwnedFd>,
    ) -> io::Result<Pipe> {
        Ok(self.with_device(name, Once::new(Descriptor::pair(read, write)?)))
    }

    /// Adds a pipe that is opened in code, again and again, reached as `pipe://NAME`.
    pub fn with_device(self, name: &str, device: impl Device + 'static) -> Pipe {
        self.0.add(name, settings(), device);
        self
    }

    /// Keeps a pipe open until the value is dropped, also while nobody here uses it: a child is started now, and not ended
    /// between one channel and the next.
    ///
    /// # Errors
    /// The endpoint stands for nothing.
    pub fn hold(&self, at: &Endpoint) -> Result<Hold, ListenError> {
        self.0.hold(at)
    }
}

impl Default for Pipe {
    fn default() -> Pipe {
        Pipe::new()
    }
}

crate::delegate!(Pipe);

/// A pipe loses nothing, and its end is seen: no layer against noise, and nothing sent to be missed.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.mux.keep_alive = None;
    settings
}

fn place(endpoint: &Endpoint) -> Result<Place, PlaceError> {
    endpoint.check_options(&[RUN])?;
    if !endpoint.authority().is_empty() {
        return Err(PlaceError::Unsupported(format!(
            "no pipe named `{}` was given in code; `pipe://` is standard input and output, and `pipe://?run=COMMAND` those of a command",
            endpoint.authority()
        )));
    }
    if !endpoint.path().is_empty() {
        return Err(PlaceError::Unsupported(format!(
            "`{}` is no pipe: behind `pipe://` comes a name given in code, or options; a broker is named as \
             in `pipe://?broker={}`",
            endpoint.path(),
            endpoint.path()
        )));
    }
    let (key, device): (_, Box<dyn Device>) = match endpoint.option(RUN) {
        None => ("stdio".to_owned(), Box::new(stdio::open)),
        Some("") => {
            return Err(PlaceError::Unsupported(
                "option `run` is empty: write a command for the shell, escaped, as in `pipe://?run=ssh%20box%20server`".into(),
            ));
        }
        Some(command) => (
            format!("run {command}"),
            Box::new(child::Command::new(command)),
        ),
    };
    Ok(Place {
        key,
        settings: settings(),
        device,
    })
}
