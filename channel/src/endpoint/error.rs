//! What can be wrong with an endpoint, said so that the reader can mend it.

use std::io;

use super::Endpoint;

/// What is wrong with an endpoint, at which byte, and what to write instead.
///
/// Offsets count bytes from 0: in the text that was parsed, in the argument given to a
/// builder, or – for options that parsed well and were judged later – in the endpoint's
/// canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Longer than [`Endpoint::MAX_LEN`].
    #[error(
        "the endpoint takes {len} bytes (with room for `fault+` and `+plain`), the limit is {max}: \
         shorten the broker name or the option values, as in `tcp://box:7000/echo`",
        max = Endpoint::MAX_LEN
    )]
    TooLong {
        /// Its length in bytes: of the text given, or of the canonical form.
        len: usize,
    },
    /// No `scheme://` at the beginning.
    #[error(
        "byte {at}: expected `://` after the scheme: an endpoint is \
         `scheme://authority/broker?options`, for example `tcp://box:7000/echo` or `mem://echo`"
    )]
    NoSeparator {
        /// Where `://` was expected.
        at: usize,
    },
    /// The scheme is empty, holds a character it may not, or is a modifier's name.
    #[error(
        "byte {at}: `{scheme}` is not a scheme: write lower-case letters, digits and `-`, a letter \
         first (`fault` and `plain` are modifiers, not schemes), as in `tcp://box:7000`"
    )]
    BadScheme {
        /// What stood there.
        scheme: String,
        /// Where the fault is.
        at: usize,
    },
    /// Something other than `fault+` before the scheme or `+plain` after it.
    #[error(
        "byte {at}: `{found}` is not a scheme with modifiers: only `fault+` may stand before the \
         scheme and only `+plain` after it, each once, as in `fault+tcp+plain://box:7000`"
    )]
    BadModifier {
        /// Everything before `://`.
        found: String,
        /// Where the word begins that is not allowed.
        at: usize,
    },
    /// White space, a control character or `#`, not escaped.
    #[error(
        "byte {at}: {found:?} cannot stand in an endpoint: leave it out, or write its bytes as `%XX` \
         (a space is `%20`, `#` is `%23`), as in `mem://front%20desk`"
    )]
    BadCharacter {
        /// The character.
        found: char,
        /// Where it stands.
        at: usize,
    },
    /// A `%` without two hexadecimal digits behind it.
    #[error(
        "byte {at}: `%` must be followed by two hexadecimal digits: a percent sign itself is `%25`, \
         as in `mem://100%25`"
    )]
    BadEscape {
        /// Where the `%` stands.
        at: usize,
    },
    /// Escapes that do not add up to UTF-8 text.
    #[error(
        "byte {at}: the `%XX` escapes in this part are not UTF-8 text: escape a character's UTF-8 \
         bytes, all of them, as in `mem://caf%C3%A9`"
    )]
    NotUtf8 {
        /// Where the part begins (authority, broker or value).
        at: usize,
    },
    /// `/`, `?` or `#` inside the authority.
    #[error(
        "byte {at}: {found:?} cannot stand in an authority, escaped or not: a broker name goes \
         behind the first `/` (in code: `with_broker`), an option behind `?` (`with_option`), as in \
         `tcp://box:7000/echo?nodelay=1`"
    )]
    BadAuthority {
        /// The character.
        found: char,
        /// Where it stands; for a parsed text, where the authority begins.
        at: usize,
    },
    /// An empty broker name given to a builder.
    #[error(
        "byte {at}: the broker name is empty: leave `with_broker` out to mean whoever listens there, \
         or name one, as in `tcp://box:7000/echo`"
    )]
    EmptyBroker {
        /// Always 0.
        at: usize,
    },
    /// An option's key is empty or holds a character it may not.
    #[error(
        "byte {at}: `{key}` is not an option's name: write lower-case letters, digits, `-` and `_`, a \
         letter first, as in `?baud=115200&parity=even`"
    )]
    BadKey {
        /// What stood there.
        key: String,
        /// Where it begins.
        at: usize,
    },
    /// An option without `=`.
    #[error(
        "byte {at}: option `{key}` has no value: write `{key}=VALUE`, as in `?baud=115200` (an empty \
         value is `{key}=`)"
    )]
    NoValue {
        /// The option.
        key: String,
        /// Where it begins.
        at: usize,
    },
    /// An option given twice.
    #[error(
        "byte {at}: option `{key}` was given before: leave one of the two, as in \
         `?baud=115200&parity=even`"
    )]
    Duplicate {
        /// The option.
        key: String,
        /// Where the second one begins.
        at: usize,
    },
    /// A path where the transport has no use for one.
    #[error(
        "byte {at}: `{scheme}:` knows no path behind the authority: leave it out, as in \
         `{scheme}://echo`"
    )]
    UnexpectedPath {
        /// The endpoint's scheme.
        scheme: String,
        /// Where the path begins.
        at: usize,
    },
    /// An option that the transport does not know.
    #[error(
        "byte {at}: `{scheme}:` knows no option `{key}`; {}",
        known_options(known)
    )]
    UnknownOption {
        /// The option.
        key: String,
        /// The endpoint's scheme.
        scheme: String,
        /// The options that are known.
        known: Vec<String>,
        /// Where it begins.
        at: usize,
    },
    /// The option `port` is not a port.
    #[error(
        "byte {at}: option `port` is `{value}`, not a broker's port: write a decimal number from 0 \
         to 65535, as in `tcp+plain://:7000?port=7`"
    )]
    BadPort {
        /// The value.
        value: String,
        /// Where the option begins.
        at: usize,
    },
}

impl EndpointError {
    /// The byte at which something is wrong (see the type for what is counted).
    pub fn at(&self) -> usize {
        match self {
            Self::TooLong { .. } => Endpoint::MAX_LEN,
            Self::NoSeparator { at }
            | Self::BadScheme { at, .. }
            | Self::BadModifier { at, .. }
            | Self::BadCharacter { at, .. }
            | Self::BadEscape { at }
            | Self::NotUtf8 { at }
            | Self::BadAuthority { at, .. }
            | Self::EmptyBroker { at }
            | Self::BadKey { at, .. }
            | Self::NoValue { at, .. }
            | Self::Duplicate { at, .. }
            | Self::UnexpectedPath { at, .. }
            | Self::UnknownOption { at, .. }
            | Self::BadPort { at, .. } => *at,
        }
    }
}

/// [`io::ErrorKind::InvalidInput`], with the error as payload.
impl From<EndpointError> for io::Error {
    fn from(e: EndpointError) -> Self {
        io::Error::new(io::ErrorKind::InvalidInput, e)
    }
}

fn known_options(known: &[String]) -> String {
    match known.first() {
        None => "it takes none: leave out everything from `?` on".to_owned(),
        Some(first) => format!(
            "write one of: {} (as in `?{first}=VALUE`)",
            known.join(", ")
        ),
    }
}
