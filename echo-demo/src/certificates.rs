//! Certificates to try TLS with: an authority, and a certificate each for server and client.
//!
//! The authority's key is forgotten at once, so nobody can ever add a third. They are no security by
//! themselves: whoever may read the files may be the server, or a client.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use channel::{Endpoint, EndpointError};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

use crate::error::{Error, Result};

/// How long they are valid: for a trial, not for a product.
pub const VALID_DAYS: u64 = 365;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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

/// A directory with the files, all there.
#[derive(Debug)]
pub struct Certificates {
    directory: PathBuf,
    /// Removes the directory, where it was made for this run.
    temporary: Option<TempDir>,
}

impl Certificates {
    /// Makes them in a directory, which is made too if it does not exist; the server's certificate is for
    /// these host names and addresses. No file that exists is touched.
    pub fn make(directory: &Path, hosts: &[String]) -> Result<Certificates> {
        let unwritten = |path: &Path, error| Error::Certificates {
            path: path.to_owned(),
            error,
        };
        let texts = texts(hosts)?;
        fs::create_dir_all(directory).map_err(|error| unwritten(directory, error))?;
        for (name, ..) in &texts {
            let path = directory.join(name);
            if path.exists() {
                return Err(unwritten(&path, io::ErrorKind::AlreadyExists.into()));
            }
        }
        for (name, secret, text) in texts {
            let path = directory.join(name);
            write(&path, secret, &text).map_err(|error| unwritten(&path, error))?;
        }
        Ok(Certificates {
            directory: directory.to_owned(),
            temporary: None,
        })
    }

    /// Makes them for this run; they are removed with the value.
    pub fn throw_away(hosts: &[String]) -> Result<Certificates> {
        let temporary = tempfile::Builder::new().prefix("echo-demo-").tempdir();
        let temporary = temporary.map_err(|error| Error::Certificates {
            path: std::env::temp_dir(),
            error,
        })?;
        let mut made = Certificates::make(temporary.path(), hosts)?;
        made.temporary = Some(temporary);
        Ok(made)
    }

    /// The names of all files.
    pub fn files() -> [&'static str; 5] {
        let [server, client] = [Whose::Server, Whose::Client];
        [CA, server.cert(), server.key(), client.cert(), client.key()]
    }

    /// The endpoint as this side is to be given it.
    pub fn endpoint(&self, at: &Endpoint, side: Whose) -> Result<Endpoint, EndpointError> {
        let file = |name| self.directory.join(name).to_string_lossy().into_owned();
        at.clone()
            .with_option("ca", &file(CA))?
            .with_option("cert", &file(side.cert()))?
            .with_option("key", &file(side.key()))
    }
}

/// Every file's name, whether it is a secret, and its text.
fn texts(hosts: &[String]) -> Result<Vec<(&'static str, bool, String)>> {
    let key = KeyPair::generate()?;
    // Two authorities of one name would be taken for one another.
    let tail = &key.public_key_raw()[key.public_key_raw().len() - 4..];
    let number = tail.iter().fold(0, |n, byte| n << 8 | u32::from(*byte));
    let mut authority = parameters(&format!("echo-demo authority {number:08x}"), &[])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = authority.self_signed(&key)?;
    let mut texts = vec![(CA, false, certificate.pem())];
    let issuer = Issuer::new(authority, key);
    for whose in [Whose::Server, Whose::Client] {
        let (hosts, purpose) = match whose {
            Whose::Server => (hosts, ExtendedKeyUsagePurpose::ServerAuth),
            Whose::Client => (&[][..], ExtendedKeyUsagePurpose::ClientAuth),
        };
        let mut parameters = parameters("echo-demo", hosts)?;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![purpose];
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &issuer)?;
        texts.push((whose.cert(), false, certificate.pem()));
        texts.push((whose.key(), true, key.serialize_pem()));
    }
    Ok(texts)
}

fn parameters(name: &str, hosts: &[String]) -> Result<CertificateParams> {
    let mut parameters = CertificateParams::new(hosts)?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    // The other machine's clock may be behind.
    parameters.not_before = (now - DAY).into();
    parameters.not_after = (now + DAY * VALID_DAYS as u32).into();
    Ok(parameters)
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
