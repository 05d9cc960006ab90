//! What an endpoint stands for: a device, and how it is used.

use std::io;
use std::sync::Arc;

use channel::{DialError, EndpointError, ListenError};
use link_mux::Config;
use link_mux::noise::NoiseConfig;

use crate::device::Device;

/// How a device's link is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The limits of this end of the mux.
    pub mux: Config,
    /// The layer for lines that damage or lose bytes; both ends have it, or neither.
    pub noise: Option<NoiseConfig>,
    /// The most bytes that are handed to the link in one write. Raised to what the mux needs for one frame.
    ///
    /// Default 64 KiB: what a pipe or a socket takes at once. A slow line wants less: what lies in a buffer below
    /// cannot be overtaken by a small frame of another channel.
    pub chunk: usize,
    /// How the device itself is set up, such as `115200 8N1`: who finds the device in use must ask for the same.
    pub line: String,
    /// A session that ends because nothing was heard of the other end closes the link, and the device is opened anew;
    /// so it is if for so long no session begins. (Without a [keep-alive](Config::keep_alive), nobody is missed.)
    ///
    /// Default no: the link goes on, and the next session uses it; what runs behind a pipe is not ended because it was
    /// stopped for a while. Yes is for a device on which bytes can get stuck for good, and that begins anew when it is
    /// opened.
    pub reopen: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            mux: Config::default(),
            noise: None,
            chunk: 64 * 1024,
            line: String::new(),
            reopen: false,
        }
    }
}

/// What an endpoint stands for.
pub struct Place {
    /// Which device it is: all that dial it, and who listens at it, share one driver.
    pub key: String,
    /// How it is used.
    pub settings: Settings,
    /// Opens its link. Not opened, and dropped, if the device is in use already.
    pub device: Box<dyn Device>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("key", &self.key)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Why an endpoint stands for nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The endpoint does not fit the transport.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// It asks for something that cannot be done; says what, and what could.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The operating system said no.
    #[error("{0}")]
    Io(Arc<io::Error>),
}

impl From<io::Error> for PlaceError {
    fn from(error: io::Error) -> PlaceError {
        PlaceError::Io(Arc::new(error))
    }
}

impl From<PlaceError> for DialError {
    fn from(error: PlaceError) -> DialError {
        match error {
            PlaceError::Endpoint(error) => DialError::Endpoint(error),
            PlaceError::Unsupported(what) => DialError::Unsupported(what),
            PlaceError::Io(error) => DialError::Io(error),
        }
    }
}

impl From<PlaceError> for ListenError {
    fn from(error: PlaceError) -> ListenError {
        match error {
            PlaceError::Endpoint(error) => ListenError::Endpoint(error),
            PlaceError::Unsupported(what) => ListenError::Unsupported(what),
            PlaceError::Io(error) => ListenError::Io(error),
        }
    }
}
