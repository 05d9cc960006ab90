//! Authorities and certificates for the tests of `tls:`.
#![allow(dead_code)]

use channel::{Broker, Channel, Domain, Endpoint};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use transport_tcp::{Credentials, Pem, Tls};

use super::support::{LIMIT, at};

/// Somebody who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM form.
pub struct Identity {
    pub cert: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for this machine, for servers and clients alike.
    pub fn identity(&self) -> Identity {
        self.identity_with(&["localhost", "127.0.0.1", "::1"], |_| {})
    }

    pub fn identity_for(&self, names: &[&str]) -> Identity {
        self.identity_with(names, |_| {})
    }

    /// One whose time is over.
    pub fn expired(&self) -> Identity {
        self.identity_with(&["127.0.0.1"], |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        })
    }

    /// One that is an authority's, as that of a hurried trial is, which signs itself.
    pub fn of_an_authority(&self) -> Identity {
        self.identity_with(&["127.0.0.1"], |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        })
    }

    fn identity_with(&self, names: &[&str], change: impl Fn(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(vec![]).unwrap();
        for name in names {
            params.subject_alt_names.push(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into().unwrap()),
            });
        }
        params.distinguished_name.push(DnType::CommonName, names[0]);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Identity {
            cert: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// Trusts this authority and shows `identity`.
    pub fn credentials(&self, identity: &Identity) -> Credentials {
        Credentials::from_pem(Pem {
            ca: self.pem().as_bytes(),
            cert: identity.cert.as_bytes(),
            key: identity.key.as_bytes(),
        })
        .unwrap()
    }
}

/// Credentials with which any two sides on this machine trust each other.
pub fn mutual() -> Credentials {
    let authority = Authority::new("the only authority");
    authority.credentials(&authority.identity())
}

pub fn domain(credentials: Credentials) -> Domain {
    let domain = Domain::new();
    domain.add(Tls::new(credentials));
    domain
}

/// Makes a broker "server" listen; where it is reached.
pub fn listen(credentials: &Credentials, text: &str) -> (Broker, Endpoint) {
    let server = domain(credentials.clone()).broker("server").unwrap();
    let bound = server.listen(&at(text)).unwrap();
    (server, bound.endpoint().clone())
}

pub fn client(credentials: &Credentials) -> Broker {
    domain(credentials.clone()).broker("client").unwrap()
}

/// Two ends of a rendezvous: the acceptor's and the connector's.
pub fn meet(server: &Broker, client: &Broker, at: &Endpoint, port: u16) -> (Channel, Channel) {
    let (at, client) = (at.clone(), client.clone());
    let connecting = std::thread::spawn(move || client.connect_at(&at, port, Some(LIMIT)));
    let ours = server.accept_timeout(port, LIMIT).unwrap();
    (ours, connecting.join().unwrap().unwrap())
}
