//! Endpoints: the string that says where a broker is reached, and over what.
//!
//! ```text
//! [fault+]scheme[+plain]://authority[/broker][?options]
//! ```
//!
//! This module owns the grammar and nothing else: it knows no transport, and it must never
//! give a scheme, an authority or an option a meaning of its own. (The one exception is
//! `port`, which belongs to the broker and not to a transport: see
//! [`Endpoint::port_option`].)

mod error;
mod parse;
#[cfg(feature = "serde")]
mod serde_impl;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use error::EndpointError;

/// Stands before the scheme: the connection goes through the fault injector.
const FAULT: &str = "fault";
/// Stands after the scheme: bare bytes, no hello and no records.
const PLAIN: &str = "plain";
/// The broker's port that a plain listener serves.
const PORT: &str = "port";

/// Where a broker is reached, and over which transport.
///
/// ```text
/// [fault+]scheme[+plain]://authority[/broker][?key=value&key=value]
/// ```
///
/// | Part | Rule |
/// |---|---|
/// | `fault+` | optional; the connection goes through the fault-injecting wrapper |
/// | scheme | `[a-z][a-z0-9-]*`; picks the transport; `fault` and `plain` are reserved |
/// | `+plain` | optional; one service's bare byte stream, no handshake of ours |
/// | authority | whatever the transport takes: `host:port`, `[::1]:7000`, `VID:PID`, nothing |
/// | broker | the rest of the path, without its leading `/`; a device file for some transports |
/// | options | `key=value`, joined by `&`; keys are `[a-z][a-z0-9_-]*`, each at most once |
///
/// In authority, broker and values any character can be written as `%XX` (its UTF-8 bytes in
/// hexadecimal). White space, control characters and `#` must be; inside a broker name `?`
/// must be, inside a value `&`, and `%` everywhere. `+` is a plus sign, not a space. An
/// authority never holds `/`, `?` or `#`, escaped or not.
///
/// All accessors return text with the escapes resolved. [`Display`](std::fmt::Display) writes the
/// canonical form: options in the order of their keys, escapes only where they are needed,
/// no `/` or `?` with nothing behind it. Parsing that form gives back an equal value, and
/// two endpoints are equal exactly when their canonical forms are.
///
/// ```
/// use channel::Endpoint;
///
/// let at: Endpoint = "tcp://[::1]:7000/echo?nodelay=1".parse()?;
/// assert_eq!(at.scheme(), "tcp");
/// assert_eq!(at.authority(), "[::1]:7000");
/// assert_eq!(at.broker(), Some("echo"));
/// assert_eq!(at.option("nodelay"), Some("1"));
///
/// // A device file: the authority is empty, and the path is the transport's to read.
/// let line: Endpoint = "serial:///dev/ttyUSB0?baud=115200".parse()?;
/// assert_eq!((line.authority(), line.path()), ("", "dev/ttyUSB0"));
///
/// let built = Endpoint::new("tcp", "box:7000")?.with_broker("front desk")?.plain();
/// assert_eq!(built.to_string(), "tcp+plain://box:7000/front%20desk");
/// # Ok::<(), channel::EndpointError>(())
/// ```
///
/// With the feature `serde` an endpoint is a string in every format.
///
/// Cheap to clone: clones share the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(Arc<Parts>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct Parts {
    fault: bool,
    plain: bool,
    scheme: String,
    authority: String,
    path: String,
    // Sorted, so that the order in which options were written makes no second identity.
    options: BTreeMap<String, String>,
}

impl Endpoint {
    /// The longest endpoint, in bytes of its canonical form, both modifiers counted whether
    /// they are there or not (so adding one never fails). A text to be parsed is held to it
    /// as well.
    ///
    /// 1 KiB: endpoints come from strangers (hellos, configuration, discovery) and are copied
    /// into logs and tables, yet the longest honest ones – a device path and half a dozen
    /// options – stay below 300 bytes.
    pub const MAX_LEN: usize = 1024;

    /// An endpoint with a scheme and an authority, and nothing else.
    ///
    /// `authority` is plain text: it is escaped when the endpoint is written. It may be
    /// empty; whether the transport can do without is the transport's to say.
    ///
    /// # Errors
    /// A scheme that is not `[a-z][a-z0-9-]*` or is a modifier; a `/`, `?` or `#` in the
    /// authority; [`MAX_LEN`](Self::MAX_LEN) exceeded.
    pub fn new(scheme: &str, authority: &str) -> Result<Self, EndpointError> {
        parse::check_scheme(scheme, 0)?;
        Endpoint(Arc::new(Parts {
            fault: false,
            plain: false,
            scheme: scheme.to_owned(),
            authority: String::new(),
            path: String::new(),
            options: BTreeMap::new(),
        }))
        .with_authority(authority)
    }

    /// The parts, to be changed: a copy of its own, if others share them.
    fn parts(&mut self) -> &mut Parts {
        Arc::make_mut(&mut self.0)
    }

    /// The same endpoint at another authority: for a listener that was given port 0 and now
    /// knows its real one.
    ///
    /// # Errors
    /// A `/`, `?` or `#` in the authority; [`MAX_LEN`](Self::MAX_LEN) exceeded.
    pub fn with_authority(mut self, authority: &str) -> Result<Self, EndpointError> {
        parse::check_authority(authority, 0)?;
        self.parts().authority = authority.to_owned();
        self.within_limit()
    }

    /// The same endpoint with this broker name (or path, for transports that read it so:
    /// `dev/ttyUSB0`, without the leading `/`). Plain text; escaped when written.
    ///
    /// # Errors
    /// An empty name; [`MAX_LEN`](Self::MAX_LEN) exceeded.
    pub fn with_broker(mut self, name: &str) -> Result<Self, EndpointError> {
        if name.is_empty() {
            return Err(EndpointError::EmptyBroker { at: 0 });
        }
        self.parts().path = name.to_owned();
        self.within_limit()
    }

    /// The same endpoint with this option set; a value that was there is replaced. The value
    /// is plain text, and may be empty; it is escaped when written.
    ///
    /// # Errors
    /// A key that is not `[a-z][a-z0-9_-]*`; [`MAX_LEN`](Self::MAX_LEN) exceeded.
    pub fn with_option(mut self, key: &str, value: &str) -> Result<Self, EndpointError> {
        parse::check_key(key, 0)?;
        self.parts()
            .options
            .insert(key.to_owned(), value.to_owned());
        self.within_limit()
    }

    /// The same endpoint without this option; nothing happens if it was not there. For
    /// wrappers that take their own options off before they hand the endpoint on.
    #[must_use]
    pub fn without_option(mut self, key: &str) -> Self {
        self.parts().options.remove(key);
        self
    }

    /// The same endpoint in plain mode (`scheme+plain:`).
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.parts().plain = true;
        self
    }

    /// The same endpoint through the fault injector (`fault+scheme:`).
    #[must_use]
    pub fn with_fault(mut self) -> Self {
        self.parts().fault = true;
        self
    }

    /// The same endpoint without `fault+`: what the fault injector itself dials.
    #[must_use]
    pub fn without_fault(mut self) -> Self {
        self.parts().fault = false;
        self
    }

    /// The scheme without modifiers: what a transport is found by.
    pub fn scheme(&self) -> &str {
        &self.0.scheme
    }

    /// Whether `+plain` is there: bare bytes, no handshake and no records of ours.
    pub fn is_plain(&self) -> bool {
        self.0.plain
    }

    /// Whether `fault+` is there.
    pub fn is_fault(&self) -> bool {
        self.0.fault
    }

    /// What stands between `://` and the next `/` or `?`, escapes resolved. May be empty.
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// What follows the authority, without its leading `/` and with escapes resolved; empty
    /// if there is none. A transport that names device files puts the `/` back.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The broker's name: the [path](Self::path), if there is one. Without it, whoever
    /// listens there is meant. (The hello takes names of up to 255 bytes.)
    pub fn broker(&self) -> Option<&str> {
        (!self.0.path.is_empty()).then_some(self.0.path.as_str())
    }

    /// The value of an option, escapes resolved.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.0.options.get(key).map(String::as_str)
    }

    /// All options as `(key, value)`, in the order of their keys.
    pub fn options(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.options.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The option `port`: the broker's port that a plain listener serves, since a plain peer
    /// sends no hello to name one. `None` if the option is not there.
    ///
    /// # Errors
    /// A value that is not a decimal number from 0 to 65535.
    pub fn port_option(&self) -> Result<Option<u16>, EndpointError> {
        let Some(value) = self.option(PORT) else {
            return Ok(None);
        };
        // `u16::from_str` alone would take `+7`.
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        match value.parse() {
            Ok(port) if digits => Ok(Some(port)),
            _ => Err(EndpointError::BadPort {
                value: value.to_owned(),
                at: self.offset_of(PORT),
            }),
        }
    }

    /// Checks that there is no path, for transports that would ignore it.
    ///
    /// # Errors
    /// [`EndpointError::UnexpectedPath`].
    pub fn check_no_path(&self) -> Result<(), EndpointError> {
        if self.0.path.is_empty() {
            return Ok(());
        }
        let mut before = self.clone();
        before.parts().path.clear();
        before.parts().options.clear();
        Err(EndpointError::UnexpectedPath {
            scheme: self.0.scheme.clone(),
            at: before.to_string().len(),
        })
    }

    /// Checks that every option is one of `known`, so that a misspelt one is told to the user
    /// and not ignored. On a plain endpoint `port` is always known: it belongs to the broker
    /// (see [`port_option`](Self::port_option)), and transports need not list it.
    ///
    /// # Errors
    /// [`EndpointError::UnknownOption`] for the first option that is not known; it lists
    /// those that are.
    pub fn check_options(&self, known: &[&str]) -> Result<(), EndpointError> {
        let fits = |key: &str| known.contains(&key) || (self.0.plain && key == PORT);
        let Some(key) = self.0.options.keys().find(|key| !fits(key)) else {
            return Ok(());
        };
        let mut known: Vec<&str> = known.to_vec();
        if self.0.plain && !known.contains(&PORT) {
            known.push(PORT);
        }
        Err(EndpointError::UnknownOption {
            key: key.to_owned(),
            scheme: self.0.scheme.clone(),
            known: known.into_iter().map(str::to_owned).collect(),
            at: self.offset_of(key),
        })
    }
}
