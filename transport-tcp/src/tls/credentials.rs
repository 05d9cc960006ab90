//! Whom to trust, and what to show: certificates and keys from PEM files.

mod error;

use std::path::PathBuf;
use std::sync::Arc;

use channel::Endpoint;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

pub use error::CredentialsError;
use error::Origin;

/// Options of an endpoint that are about credentials. `name` is read where it is used.
pub(super) const OPTIONS: [&str; 5] = ["ca", "cert", "key", "name", "client-auth"];

/// Certificates and key in files, in PEM form (`-----BEGIN CERTIFICATE-----`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Certificates of the authorities that are trusted; one of them has signed the certificate of every
    /// peer.
    pub ca: PathBuf,
    /// This side's certificate, and behind it those that lie between it and the authority, if any.
    pub cert: PathBuf,
    /// The private key of that certificate (PKCS #8, SEC 1 or PKCS #1, not encrypted).
    pub key: PathBuf,
}

/// The same as [`Files`], in memory.
#[derive(Clone, Copy)]
pub struct Pem<'a> {
    /// See [`Files::ca`].
    pub ca: &'a [u8],
    /// See [`Files::cert`].
    pub cert: &'a [u8],
    /// See [`Files::key`].
    pub key: &'a [u8],
}

/// Whom a side trusts, and what it shows to others. Cheap to clone.
///
/// Both sides of a connection show a certificate and check that of the other, unless a listener was told
/// to demand none ([`without_client_auth`](Credentials::without_client_auth)).
#[derive(Clone, Default)]
pub struct Credentials {
    roots: Option<Arc<RootCertStore>>,
    identity: Option<Arc<CertifiedKey>>,
    open_to_all: bool,
}

impl Credentials {
    /// Reads them from files, once.
    ///
    /// # Errors
    /// A file that cannot be read, holds no certificate or key, or a key that does not belong to the
    /// certificate; each error names the file and says what to do.
    pub fn from_files(files: &Files) -> Result<Credentials, CredentialsError> {
        Credentials::default()
            .with_authorities(Origin::File(&files.ca))?
            .with_identity(Origin::File(&files.cert), Origin::File(&files.key))
    }

    /// From memory.
    ///
    /// # Errors
    /// As [`from_files`](Credentials::from_files).
    pub fn from_pem(pem: Pem<'_>) -> Result<Credentials, CredentialsError> {
        Credentials::default()
            .with_authorities(Origin::Memory("ca", pem.ca))?
            .with_identity(
                Origin::Memory("cert", pem.cert),
                Origin::Memory("key", pem.key),
            )
    }

    /// For a side that shows no certificate: a client of listeners that demand none. `ca`: as
    /// [`Pem::ca`].
    ///
    /// # Errors
    /// As [`from_files`](Credentials::from_files).
    pub fn anonymous(ca: &[u8]) -> Result<Credentials, CredentialsError> {
        Credentials::default().with_authorities(Origin::Memory("ca", ca))
    }

    /// The same, but listeners demand no certificate of their clients: anybody may connect, and knows that
    /// it has reached the right server.
    pub fn without_client_auth(mut self) -> Credentials {
        self.open_to_all = true;
        self
    }

    /// The same, with what the endpoint says instead, where it says something.
    pub(super) fn with_options_of(
        mut self,
        endpoint: &Endpoint,
    ) -> Result<Credentials, CredentialsError> {
        let file = |key| endpoint.option(key).map(std::path::Path::new);
        if let Some(ca) = file("ca") {
            self = self.with_authorities(Origin::File(ca))?;
        }
        match (file("cert"), file("key")) {
            (None, None) => {}
            (Some(cert), Some(key)) => {
                self = self.with_identity(Origin::File(cert), Origin::File(key))?;
            }
            (Some(_), None) => return Err(CredentialsError::Missing("key")),
            (None, Some(_)) => return Err(CredentialsError::Missing("cert")),
        }
        match endpoint.option("client-auth") {
            None => {}
            Some("required") => self.open_to_all = false,
            Some("none") => self.open_to_all = true,
            Some(other) => return Err(CredentialsError::ClientAuth(other.to_owned())),
        }
        Ok(self)
    }

    fn with_authorities(mut self, from: Origin<'_>) -> Result<Credentials, CredentialsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&from)? {
            roots.add(certificate).map_err(|error| from.bad(error))?;
        }
        self.roots = Some(Arc::new(roots));
        Ok(self)
    }

    fn with_identity(
        mut self,
        cert: Origin<'_>,
        key: Origin<'_>,
    ) -> Result<Credentials, CredentialsError> {
        let chain = certificates(&cert)?;
        let bytes = key.bytes()?;
        let secret = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
            PemError::NoItemsFound => key.lacks("private key that is not encrypted"),
            error => key.bad(error),
        })?;
        let identity =
            CertifiedKey::from_der(chain, secret, &provider()).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => CredentialsError::Mismatch {
                    cert: cert.to_string(),
                    key: key.to_string(),
                },
                rustls::Error::InvalidCertificate(_) => cert.bad(error),
                error => key.bad(error),
            })?;
        self.identity = Some(Arc::new(identity));
        Ok(self)
    }

    pub(super) fn client(&self) -> Result<Arc<ClientConfig>, CredentialsError> {
        let roots = self.roots.clone().ok_or(CredentialsError::Missing("ca"))?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(CredentialsError::of)?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder.with_client_cert_resolver(resolver(identity)),
        };
        // Each connection proves who is who.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    pub(super) fn server(&self) -> Result<Arc<ServerConfig>, CredentialsError> {
        let identity = self.identity.as_ref();
        let identity = identity.ok_or(CredentialsError::Missing("cert` and `key"))?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(CredentialsError::of)?;
        let builder = if self.open_to_all {
            builder.with_no_client_auth()
        } else {
            let roots = self.roots.clone().ok_or(CredentialsError::Missing("ca"))?;
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(|error| CredentialsError::Unusable(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        };
        let mut config = builder.with_cert_resolver(resolver(identity));
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

impl std::fmt::Debug for Credentials {
    /// Tells nothing of the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field(
                "authorities",
                &self.roots.as_ref().map_or(0, |roots| roots.len()),
            )
            .field("identity", &self.identity.is_some())
            .field("client_auth", &!self.open_to_all)
            .finish()
    }
}

impl std::fmt::Debug for Pem<'_> {
    /// Tells nothing of the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pem").finish_non_exhaustive()
    }
}

fn resolver(identity: &Arc<CertifiedKey>) -> Arc<SingleCertAndKey> {
    Arc::new(SingleCertAndKey::from(CertifiedKey::clone(identity)))
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    PROVIDER
        .get_or_init(|| Arc::new(ring::default_provider()))
        .clone()
}

fn certificates(from: &Origin<'_>) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let bytes = from.bytes()?;
    let all = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| from.bad(error))?;
    if all.is_empty() {
        return Err(from.lacks("certificate"));
    }
    Ok(all)
}
