//! Certificates to try TLS with: an authority, and a certificate each for server and client.
//!
//! The authority's key is forgotten at once, so nobody can ever add a third. They are no security by
//! themselves: whoever may read the files may be the server, or a client.

#[cfg(feature = "tls")]
mod made;
#[cfg(not(feature = "tls"))]
#[path = "certificates/none.rs"]
mod made;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use channel::{Endpoint, EndpointError};
use tempfile::TempDir;

use crate::error::{Error, Result};

/// How long they are valid: for a trial, not for a product.
pub const VALID_DAYS: u64 = 365;

/// The authority's certificate.
const CA: &str = "ca.pem";

/// Whom a certificate is for; also the name of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Server,
    Client,
}

impl Whose {
    fn cert(self) -> &'static str {
        match self {
            Whose::Server => "server.pem",
            Whose::Client => "client.pem",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Whose::Server => "server.key",
            Whose::Client => "client.key",
        }
    }
}

/// All of them, in PEM form.
pub struct Certificates(Vec<File>);

#[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "none is made"))]
struct File {
    name: &'static str,
    secret: bool,
    text: String,
}

impl Certificates {
    /// Makes them; the server's is for these host names and addresses.
    pub fn make(hosts: &[String]) -> Result<Certificates> {
        made::make(hosts).map(Certificates)
    }

    /// Writes them into a directory, which is made too if it does not exist. No file that exists is
    /// touched.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let unwritten = |path: &Path, error| Error::Write {
            path: path.to_owned(),
            error,
        };
        fs::create_dir_all(directory).map_err(|error| unwritten(directory, error))?;
        let paths = self.0.iter().map(|file| directory.join(file.name));
        if let Some(path) = paths.clone().find(|path| path.exists()) {
            return Err(unwritten(&path, io::ErrorKind::AlreadyExists.into()));
        }
        for (file, path) in self.0.iter().zip(paths) {
            write(&path, file.secret, &file.text).map_err(|error| unwritten(&path, error))?;
        }
        Ok(())
    }

    /// Writes them into a directory of their own, which is removed with the value.
    pub fn write_for_a_while(&self) -> Result<TempDir> {
        let directory = tempfile::Builder::new().prefix("echo-demo-").tempdir();
        let directory = directory.map_err(|error| Error::Write {
            path: std::env::temp_dir(),
            error,
        })?;
        self.write(directory.path())?;
        Ok(directory)
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|file| file.name).collect()
    }

    /// What one side needs: the authority's certificate, its own, and its key.
    pub fn of(&self, side: Whose) -> [&str; 3] {
        [CA, side.cert(), side.key()].map(|name| {
            let file = self.0.iter().find(|file| file.name == name);
            file.map_or("", |file| &file.text)
        })
    }
}

/// The endpoint as a side is to be given it whose files lie there.
pub fn with_files(at: &Endpoint, there: &Path, side: Whose) -> Result<Endpoint, EndpointError> {
    let file = |name| there.join(name).to_string_lossy().into_owned();
    at.clone()
        .with_option("ca", &file(CA))?
        .with_option("cert", &file(side.cert()))?
        .with_option("key", &file(side.key()))
}

/// Writes a file that did not exist; a secret one for its owner alone.
fn write(path: &Path, secret: bool, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    options.open(path)?.write_all(text.as_bytes())
}
