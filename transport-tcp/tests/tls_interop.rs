//! T3, T6: a program that is not ours, with another TLS library, at the other end of `tls+plain:`: Python
//! with its module `ssl`, which is OpenSSL.
#![cfg(feature = "tls")]

mod support;
mod tls_support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use channel::Channel;
use support::{LIMIT, at, pattern};
use tls_support::{Authority, Identity, client, listen};
use transport_tcp::{Credentials, TlsError};

const LENGTH: usize = 10 << 20;

struct Python(Child, BufReader<ChildStdout>);

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Python {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

/// `None`, said aloud, where there is no Python with TLS.
fn python(arguments: &[&str]) -> Option<Python> {
    let there = Command::new("python3").args(["-c", "import ssl"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("skipped: there is no python3 with TLS on this machine");
        return None;
    }
    let mut child = Command::new("python3")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/python/tls_peer.py"
        ))
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    Some(Python(child, stdout))
}

/// By a program of the system: there is no need for a crate here.
fn sha256(bytes: &[u8]) -> String {
    let code = "import sys,hashlib;print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())";
    let mut child = Command::new("python3")
        .args(["-c", code])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let mut text = String::new();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    text.trim().to_owned()
}

/// Our credentials, and a directory with those of the other end.
fn credentials() -> (Credentials, tempfile::TempDir) {
    let authority = Authority::new("one");
    let ours = authority.identity();
    with_other_end(&authority, &ours)
}

fn with_other_end(authority: &Authority, ours: &Identity) -> (Credentials, tempfile::TempDir) {
    let directory = tempfile::TempDir::new().unwrap();
    let theirs = authority.identity();
    for (name, text) in [
        ("ca.pem", &authority.pem()),
        ("me.pem", &theirs.cert),
        ("me.key", &theirs.key),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    (authority.credentials(ours), directory)
}

fn exchange(channel: Channel, ours: &[u8]) -> Vec<u8> {
    let (mut reader, mut writer) = channel.split();
    thread::scope(|scope| {
        scope.spawn(move || {
            let length = u32::try_from(ours.len()).unwrap();
            writer
                .write_all_timeout(&length.to_be_bytes(), LIMIT)
                .unwrap();
            writer.write_all_timeout(ours, LIMIT).unwrap();
            writer.finish().unwrap();
        });
        let mut length = [0; 4];
        reader.read_exact_timeout(&mut length, LIMIT).unwrap();
        let mut all = vec![0; u32::from_be_bytes(length) as usize];
        reader.read_exact_timeout(&mut all, LIMIT).unwrap();
        assert_eq!(reader.read_timeout(&mut [0; 8], LIMIT).unwrap(), 0);
        all
    })
}

// shows T3, T6: both sides prove who they are; bytes both ways; an orderly end.
#[test]
fn bytes_both_ways() {
    let (credentials, directory) = credentials();
    let directory = directory.path().to_str().unwrap();
    let ours = pattern(LENGTH);
    let length = LENGTH.to_string();
    for side in ["connect", "listen"] {
        let (mut other, channel) = if side == "connect" {
            let (server, bound) = listen(&credentials, "tls+plain://127.0.0.1:0?port=7");
            let port = bound.authority().rsplit_once(':').unwrap().1;
            let Some(other) = python(&[side, port, &length, directory]) else {
                return;
            };
            (other, server.accept_timeout(7, LIMIT).unwrap())
        } else {
            let Some(mut other) = python(&[side, "0", &length, directory]) else {
                return;
            };
            let to = at(&format!("tls+plain://127.0.0.1:{}", other.line()));
            let channel = client(&credentials)
                .connect_at(&to, 7, Some(LIMIT))
                .unwrap();
            (other, channel)
        };
        let theirs = exchange(channel, &ours);
        assert_eq!(theirs.len(), LENGTH);
        let told = format!("{} {} {LENGTH}", sha256(&theirs), sha256(&ours));
        assert_eq!(other.line(), told, "Python in the role of {side}");
    }
}

// shows T3: one that speaks no TLS 1.3 is told so, and so is the user.
#[test]
fn an_old_version() {
    let (credentials, directory) = credentials();
    let directory = directory.path().to_str().unwrap();
    let (_server, bound) = listen(&credentials, "tls+plain://127.0.0.1:0?port=7");
    let port = bound.authority().rsplit_once(':').unwrap().1;
    let Some(mut other) = python(&["connect", port, "65536", directory, "old"]) else {
        return;
    };
    let told = other.line();
    assert!(
        told.starts_with("refused: ") && told.contains("VERSION"),
        "{told}"
    );

    let mut other = python(&["listen", "0", "65536", directory, "old"]).unwrap();
    let to = at(&format!("tls+plain://127.0.0.1:{}", other.line()));
    let error = client(&credentials)
        .connect_at(&to, 7, Some(LIMIT))
        .unwrap_err();
    let reason = TlsError::of(&error).unwrap();
    assert!(matches!(reason, TlsError::Incompatible(_)), "{error}");
    assert!(other.line().starts_with("refused: "));
}

// shows T3: a client that is refused by another library's server hears why, with its first read.
#[test]
fn a_client_that_is_refused() {
    let ours = Authority::new("other").identity();
    let (credentials, directory) = with_other_end(&Authority::new("one"), &ours);
    let directory = directory.path().to_str().unwrap();
    let Some(mut other) = python(&["listen", "0", "65536", directory]) else {
        return;
    };
    let to = at(&format!("tls+plain://127.0.0.1:{}", other.line()));
    let mut channel = client(&credentials)
        .connect_at(&to, 7, Some(LIMIT))
        .unwrap();
    let error = channel.read_timeout(&mut [0; 8], LIMIT).unwrap_err();
    assert!(
        error.to_string().contains("untrusted certificate"),
        "{error}"
    );
    assert!(other.line().starts_with("refused: "));
}
