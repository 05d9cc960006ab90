//! A broker's name, as it can stand in the file system.

use std::fmt;

/// The longest name, in bytes. A socket's address holds 107 bytes: `/proc/self/fd/`, a descriptor's number
/// of up to ten digits, `/`, the name and its suffix.
pub(crate) const MAX_LEN: usize = 107 - "/proc/self/fd/".len() - 10 - 1 - SUFFIX.len();

const SUFFIX: &str = ".sock";

/// A name under which a broker can listen on this machine: one that a broker can have, and that fits into
/// a socket's address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(String);

impl Name {
    /// The error says what to write.
    pub(crate) fn new(name: &str) -> Result<Name, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let why = match name.len() {
            0 => "it is empty".to_owned(),
            len if len > MAX_LEN => {
                format!("it takes {len} bytes, and a socket's address has room for {MAX_LEN}")
            }
            _ if !name.bytes().all(allowed) => {
                "it may hold letters, digits, `.`, `_` and `-` alone".to_owned()
            }
            _ => return Ok(Name(name.to_owned())),
        };
        Err(format!(
            "`{name}` cannot be a broker's name in shared memory: {why}; write a name of 1 to {MAX_LEN} \
             letters and digits, as in `shm://server`"
        ))
    }

    /// The name whose socket is this file.
    pub(crate) fn of_file(file: &str) -> Option<Name> {
        Name::new(file.strip_suffix(SUFFIX)?).ok()
    }

    /// The socket's file.
    pub(crate) fn file(&self) -> String {
        format!("{}{SUFFIX}", self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
