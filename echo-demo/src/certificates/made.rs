//! How certificates are made.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::{CA, File, VALID_DAYS, Whose};
use crate::error::{Error, Result};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An authority's, and one each for server and client; the server's is for these host names and addresses.
pub fn make(hosts: &[String]) -> Result<Vec<File>> {
    certificates(hosts).map_err(|error| Error::NoCertificate(format!("{error}; check --host")))
}

fn certificates(hosts: &[String]) -> Result<Vec<File>, rcgen::Error> {
    let key = KeyPair::generate()?;
    // Two authorities of one name would be taken for one another.
    let tail = &key.public_key_raw()[key.public_key_raw().len() - 4..];
    let number = tail.iter().fold(0, |n, byte| n << 8 | u32::from(*byte));
    let mut authority = parameters(&format!("echo-demo authority {number:08x}"), &[])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let mut files = vec![open(CA, authority.self_signed(&key)?.pem())];
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
        files.push(open(
            whose.cert(),
            parameters.signed_by(&key, &issuer)?.pem(),
        ));
        files.push(File {
            name: whose.key(),
            secret: true,
            text: key.serialize_pem(),
        });
    }
    Ok(files)
}

/// A file that is no secret.
fn open(name: &'static str, text: String) -> File {
    File {
        name,
        secret: false,
        text,
    }
}

fn parameters(name: &str, hosts: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(hosts)?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    // The other machine's clock may be behind.
    parameters.not_before = (now - DAY).into();
    parameters.not_after = (now + DAY * VALID_DAYS as u32).into();
    Ok(parameters)
}
