//! TLS, and what is asked of it.

use std::io;

use channel::{ConnectError, Domain};
use transport_tcp::{Credentials, CredentialsError, Pem, Tls, TlsError};

pub fn add_to(domain: &Domain) {
    domain.add(Tls::from_options());
}

/// From now on, whoever listens or connects with `tls:` in the domain trusts the first of these
/// certificates, and shows the second, whose key is the third.
pub fn show(domain: &Domain, [ca, cert, key]: [&str; 3]) {
    let [ca, cert, key] = [ca, cert, key].map(str::as_bytes);
    let credentials = Credentials::from_pem(Pem { ca, cert, key });
    domain.add(Tls::new(credentials.expect("they were made just now")));
}

/// Whether it is TLS that was agreed on badly: the error says with what to do.
pub fn is_about_tls(error: &ConnectError) -> bool {
    TlsError::of(error).is_some()
}

/// Whether it is about the files of certificates and keys.
pub fn is_about_certificates(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|error| error.is::<CredentialsError>())
}
