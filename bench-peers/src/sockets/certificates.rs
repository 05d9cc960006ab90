//! An authority of this program's own, and one identity, which both ends of a connection show.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use transport_tcp::{Credentials, Pem};

struct Made {
    ca: CertifiedIssuer<'static, KeyPair>,
    cert: rcgen::Certificate,
    key: KeyPair,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let new_key = || KeyPair::generate().expect("a key");
    let ca = CertifiedIssuer::self_signed(params, new_key()).expect("a certificate");
    let mut params = CertificateParams::default();
    let here = SanType::IpAddress(Ipv4Addr::LOCALHOST.into());
    params.subject_alt_names.push(here);
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let key = new_key();
    let cert = params.signed_by(&key, &ca).expect("a certificate");
    Made { ca, cert, key }
});

/// For ours.
pub(super) fn credentials() -> Credentials {
    let (ca, cert, key) = (MADE.ca.pem(), MADE.cert.pem(), MADE.key.serialize_pem());
    let pem = Pem {
        ca: ca.as_bytes(),
        cert: cert.as_bytes(),
        key: key.as_bytes(),
    };
    Credentials::from_pem(pem).expect("made for this")
}

fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(MADE.ca.der().clone()).expect("an authority");
    roots
}

fn identity() -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = MADE.key.serialize_der();
    (
        vec![MADE.cert.der().clone()],
        PrivateKeyDer::Pkcs8(key.into()),
    )
}

/// For a client with tokio-rustls.
pub(super) fn client() -> Arc<ClientConfig> {
    let (chain, key) = identity();
    let builder = ClientConfig::builder().with_root_certificates(roots());
    Arc::new(builder.with_client_auth_cert(chain, key).expect("its key"))
}

/// For a server with tokio-rustls; it demands a certificate, as ours does.
pub(super) fn server() -> Arc<ServerConfig> {
    let (chain, key) = identity();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots())).build();
    let builder = ServerConfig::builder().with_client_cert_verifier(verifier.expect("roots"));
    Arc::new(builder.with_single_cert(chain, key).expect("its key"))
}
