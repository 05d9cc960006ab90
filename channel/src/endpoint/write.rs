//! An endpoint's canonical form: how it is written, and how long that gets.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Endpoint, EndpointError, FAULT, PLAIN};

/// What is written as `%XX` in an authority. RFC 3986's unreserved set stays readable, and
/// so do the marks that addresses are made of.
const IN_AUTHORITY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'@')
    .remove(b',')
    .remove(b'[')
    .remove(b']');
/// What is written as `%XX` in a path and in an option's value: file names stay readable.
const IN_REST: &AsciiSet = &IN_AUTHORITY.remove(b'/');

impl Endpoint {
    /// Hands the endpoint on if its canonical form keeps the limit. Measured here and not on
    /// the text that was parsed: escaping can make it three times as long, and what could be
    /// written but not read back would break every process that it is sent to.
    pub(super) fn within_limit(self) -> Result<Self, EndpointError> {
        let room_for = |there: bool, word: &str| if there { 0 } else { word.len() + 1 };
        let len =
            self.to_string().len() + room_for(self.0.fault, FAULT) + room_for(self.0.plain, PLAIN);
        if len > Self::MAX_LEN {
            return Err(EndpointError::TooLong { len });
        }
        Ok(self)
    }

    /// Where an option's key begins in the canonical form.
    pub(super) fn offset_of(&self, key: &str) -> usize {
        let mut before = self.clone();
        // What sorts before the key is what is written before it.
        let _ = before.parts().options.split_off(key);
        before.to_string().len() + 1
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.fault {
            write!(f, "{FAULT}+")?;
        }
        f.write_str(&self.0.scheme)?;
        if self.0.plain {
            write!(f, "+{PLAIN}")?;
        }
        write!(
            f,
            "://{}",
            utf8_percent_encode(&self.0.authority, IN_AUTHORITY)
        )?;
        if !self.0.path.is_empty() {
            write!(f, "/{}", utf8_percent_encode(&self.0.path, IN_REST))?;
        }
        for (i, (key, value)) in self.0.options.iter().enumerate() {
            let mark = if i == 0 { '?' } else { '&' };
            write!(f, "{mark}{key}={}", utf8_percent_encode(value, IN_REST))?;
        }
        Ok(())
    }
}

/// `Endpoint(tcp://…)`: one line in logs and failed assertions.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}
