//! Credentials from files, by the program or by the endpoint's options, and what is said of bad ones.
#![cfg(feature = "tls")]

mod support;
mod tls_support;

use std::path::{Path, PathBuf};

use channel::{Broker, ConnectError, DialError, Domain, Endpoint, ListenError};
use support::{LIMIT, at, talk};
use tempfile::TempDir;
use tls_support::{Authority, meet};
use transport_tcp::{Credentials, CredentialsError, Files, Pem, Tls};

/// A directory with `ca.pem`, `me.pem`, `me.key` and, of another identity, `other.pem`, `other.key`.
struct Directory(TempDir);

impl Directory {
    fn new() -> Directory {
        let directory = Directory(TempDir::new().unwrap());
        let authority = Authority::new("one");
        directory.write("ca.pem", &authority.pem());
        for name in ["me", "other"] {
            let identity = authority.identity();
            directory.write(&format!("{name}.pem"), &identity.cert);
            directory.write(&format!("{name}.key"), &identity.key);
        }
        directory
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn files(&self, ca: &str, cert: &str, key: &str) -> Files {
        Files {
            ca: self.path(ca),
            cert: self.path(cert),
            key: self.path(key),
        }
    }

    fn endpoint(&self, text: &str, files: &[(&str, &str)]) -> Endpoint {
        let path = |name| self.path(name).to_str().unwrap().to_owned();
        files.iter().fold(at(text), |endpoint, (key, name)| {
            endpoint.with_option(key, &path(name)).unwrap()
        })
    }
}

fn broker(name: &str) -> Broker {
    let domain = Domain::new();
    domain.add(Tls::from_options());
    domain.broker(name).unwrap()
}

const MINE: [(&str, &str); 3] = [("ca", "ca.pem"), ("cert", "me.pem"), ("key", "me.key")];

// shows T3: the endpoint names the files; and what the listener tells can be connected to as it is.
#[test]
fn files_that_the_endpoint_names() {
    let directory = Directory::new();
    let server = broker("server");
    let listening = directory.endpoint("tls://127.0.0.1:0/server", &MINE);
    let to = server.listen(&listening).unwrap().endpoint().clone();
    let (mut ours, mut theirs) = meet(&server, &broker("client"), &to, 7);
    talk(&mut ours, &mut theirs);

    // Instead of the program's own, or in addition to them.
    let stranger = Authority::new("stranger");
    let own = stranger.identity();
    let domain = Domain::new();
    domain.add(Tls::new(stranger.credentials(&own)));
    let client = domain.broker("client").unwrap();
    let (mut ours, mut theirs) = meet(&server, &client, &to, 7);
    talk(&mut ours, &mut theirs);
}

// shows T3: a listener that demands no certificate says so.
#[test]
fn one_sided() {
    let directory = Directory::new();
    let server = broker("server");
    let open = at("tls://127.0.0.1:0/server?client-auth=none");
    let open = directory.endpoint(&open.to_string(), &MINE[1..]);
    let bound = server.listen(&open).unwrap();
    let to = format!("tls://{}/server", bound.endpoint().authority());
    let to = directory.endpoint(&to, &MINE[..1]);
    let (mut ours, mut theirs) = meet(&server, &broker("client"), &to, 7);
    talk(&mut ours, &mut theirs);
}

#[test]
fn files_that_the_program_names() {
    let directory = Directory::new();
    let credentials = Credentials::from_files(&directory.files("ca.pem", "me.pem", "me.key"));
    let credentials = credentials.unwrap();
    let (server, to) = tls_support::listen(&credentials, "tls://127.0.0.1:0/server");
    let (mut ours, mut theirs) = meet(&server, &tls_support::client(&credentials), &to, 7);
    talk(&mut ours, &mut theirs);
    let shown = format!("{credentials:?}");
    assert!(!shown.contains("PRIVATE"), "{shown}");
}

// Each says which file, and what is wrong with it.
#[test]
fn bad_files() {
    let directory = Directory::new();
    directory.write("empty", "");
    directory.write(
        "broken",
        "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n",
    );
    directory.write(
        "odd",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    directory.write(
        "oddkey",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    directory.write("locked", locked);
    for (ca, cert, key, names, says) in [
        ("none", "me.pem", "me.key", "none", "cannot read"),
        ("ca.pem", "none", "me.key", "none", "cannot read"),
        ("ca.pem", "me.pem", "none", "none", "cannot read"),
        ("empty", "me.pem", "me.key", "empty", "no certificate"),
        ("me.key", "me.pem", "me.key", "me.key", "no certificate"),
        ("broken", "me.pem", "me.key", "broken", "cannot be used"),
        ("odd", "me.pem", "me.key", "odd", "cannot be used"),
        ("ca.pem", "odd", "me.key", "odd", "cannot be used"),
        ("ca.pem", "me.pem", "me.pem", "me.pem", "no private key"),
        ("ca.pem", "me.pem", "locked", "locked", "not encrypted"),
        ("ca.pem", "me.pem", "oddkey", "oddkey", "cannot be used"),
        (
            "ca.pem",
            "me.pem",
            "other.key",
            "other.key",
            "does not belong",
        ),
    ] {
        let files = directory.files(ca, cert, key);
        let error = Credentials::from_files(&files).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(says), "{ca} {cert} {key}: {text}");
        let path = directory.path(names);
        assert!(text.contains(path.to_str().unwrap()), "{text}");
    }
    let error = Credentials::from_pem(Pem {
        ca: b"",
        cert: b"",
        key: b"",
    });
    assert!(error.unwrap_err().to_string().contains("`ca`"));
}

fn dial(endpoint: &Endpoint) -> CredentialsError {
    let error = broker("client")
        .connect_at(endpoint, 7, Some(LIMIT))
        .unwrap_err();
    let ConnectError::Dial {
        error: DialError::Io(error),
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    inside(&error)
}

fn listen(endpoint: &Endpoint) -> CredentialsError {
    match broker("server").listen(endpoint).unwrap_err() {
        ListenError::Io(error) => inside(&error),
        error => panic!("{error:?}"),
    }
}

fn inside(error: &std::io::Error) -> CredentialsError {
    let inner = error.get_ref().unwrap();
    inner.downcast_ref::<CredentialsError>().unwrap().clone()
}

// What is missing is named, in the option's terms.
#[test]
fn missing_options() {
    let directory = Directory::new();
    let endpoint = |files: &[_]| directory.endpoint("tls://127.0.0.1:1/server", files);
    let missing = |error: CredentialsError| {
        assert!(matches!(error, CredentialsError::Missing(_)), "{error}");
        error.to_string()
    };
    assert!(missing(dial(&endpoint(&[]))).contains("`ca`"));
    assert!(missing(dial(&endpoint(&MINE[..2]))).contains("`key`"));
    assert!(missing(dial(&endpoint(&[MINE[0], MINE[2]]))).contains("`cert`"));
    assert!(missing(listen(&endpoint(&MINE[..1]))).contains("`cert` and `key`"));
    assert!(missing(listen(&endpoint(&MINE[1..]))).contains("`ca`"));
    let odd = endpoint(&MINE).with_option("client-auth", "maybe").unwrap();
    let error = listen(&odd);
    assert!(
        error.to_string().contains("`required` or `none`"),
        "{error}"
    );
    let error = dial(&directory.endpoint("tls://127.0.0.1:1", &[("ca", "none")]));
    assert!(
        matches!(&error, CredentialsError::Unreadable { path, .. } if path.ends_with(Path::new("none")))
    );
}

// A name that no certificate can have.
#[test]
fn a_name_that_makes_no_sense() {
    let directory = Directory::new();
    let to = directory.endpoint("tls://127.0.0.1:1/server?name=two%20words", &MINE);
    let error = broker("client")
        .connect_at(&to, 7, Some(LIMIT))
        .unwrap_err();
    assert!(error.to_string().contains("two words"), "{error}");
}
