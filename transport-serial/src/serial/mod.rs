//! `serial:`: serial devices, and links given in code that may damage bytes.

mod options;
mod port;

use std::io::{self, Read, Write};
use std::time::Duration;

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError};

use transport_link::{Device, Hold, Link, LinkTransport, NoiseConfig, Place, Settings};

use options::Options;
use port::{OpenError, Port};

/// How much is handed to the system at once, unless a packet is more.
const CHUNK_TIME: Duration = Duration::from_millis(10);

/// The transport `serial:`, to be added to a [`Domain`](channel::Domain). The crate's documentation says what stands in its endpoints.
///
/// Cheap to clone; clones share the lines.
#[derive(Clone, Debug)]
pub struct Serial(LinkTransport);

impl Serial {
    /// A transport for the machine's serial devices.
    pub fn new() -> Serial {
        Serial(LinkTransport::new(["serial"], |endpoint| {
            let options = Options::of(endpoint)?;
            Ok(Place {
                key: options.path.to_string_lossy().into_owned(),
                settings: settings(&options),
                device: Box::new(move || open(&options)),
            })
        }))
    }

    /// Adds a line given in code: anything that can be read and written, where bytes may be damaged or lost. It is reached as
    /// `serial://NAME`; the other end must speak `serial:`, too. Each half gets a thread that does the blocking.
    ///
    /// `baud`: ten times what the line carries in a second, in bytes; it sizes frames and time limits, see the crate's documentation.
    pub fn with_pair(
        self,
        name: &str,
        baud: u32,
        read: impl Read + Send + 'static,
        write: impl Write + Send + 'static,
    ) -> Serial {
        self.with_device(name, baud, crate::once(read, write))
    }

    /// Adds a line that is opened in code, again and again: a device node with an interface of its own, say.
    /// [`Descriptor`](transport_link::Descriptor) and [`Halves`](transport_link::Halves) make a [`Link`] out of what was opened; `baud` as in [`with_pair`](Serial::with_pair).
    pub fn with_device(self, name: &str, baud: u32, device: impl Device + 'static) -> Serial {
        self.0.add(name, settings(&Options::at(baud)), device);
        self
    }

    /// Keeps a line open until the value is dropped, also while nobody here uses it: whoever dials from the other
    /// end is told at once that nobody listens, instead of waiting.
    ///
    /// # Errors
    /// The endpoint stands for nothing, or the device is in use with other settings.
    pub fn hold(&self, at: &Endpoint) -> Result<Hold, ListenError> {
        self.0.hold(at)
    }
}

impl Default for Serial {
    fn default() -> Serial {
        Serial::new()
    }
}

crate::delegate!(Serial);

/// How a line of this speed is used.
fn settings(options: &Options) -> Settings {
    let noise = NoiseConfig::for_baud(options.baud);
    // One packet, one frame: a larger one would be cut, and a smaller one leave packets half empty.
    let packet = u32::from(noise.payload).max(64);
    let mut settings = Settings {
        noise: Some(noise),
        chunk: options.bytes_in(CHUNK_TIME).clamp(64, 16 * 1024),
        line: options.line(),
        ..Settings::default()
    };
    settings.mux.max_frame = packet;
    if let Some(every) = options.keep_alive {
        settings.mux.keep_alive = (!every.is_zero()).then_some(every);
    }
    settings
}

fn open(options: &Options) -> io::Result<Box<dyn Link>> {
    match Port::open(options) {
        Ok(port) => Ok(Box::new(port)),
        Err(absent @ OpenError::Absent(_)) => Err(io::Error::new(io::ErrorKind::NotFound, absent)),
        Err(OpenError::Told(error)) => Err(error),
    }
}
