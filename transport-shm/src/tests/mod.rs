//! What only the crate itself can see: who has a name, and who is at the other end.

mod bad_input;
mod bells;
mod claims;
mod decided;
mod foreign_programs;
mod heirs;
mod killed;
mod namespaces;
mod other_users;
mod process;
mod settings;
mod tricks;

use std::fs::Permissions;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use channel::Endpoint;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::net::{SocketFlags, accept_with};
use tempfile::TempDir;

use crate::claim::Claim;
use crate::settings::Settings;

/// For whatever is sure to happen, on a machine however busy.
const LIMIT: Duration = Duration::from_secs(60);

/// A directory for this user alone, removed when it is dropped.
fn private_directory() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.permissions(Permissions::from_mode(0o700));
    builder.tempdir().unwrap()
}

/// `shm://NAME` in a directory.
fn at(directory: &Path, name: &str) -> Endpoint {
    let endpoint = Endpoint::new("shm", name).unwrap();
    endpoint
        .with_option("dir", directory.to_str().unwrap())
        .unwrap()
}

fn settings(endpoint: &Endpoint) -> Settings {
    Settings::of(endpoint).unwrap()
}

/// A socket that nobody holds, as a dead process leaves it. (One that was ours a moment ago may still be in
/// the hands of a child that another test is just starting.)
fn leave_stale(directory: &Path, name: &str) {
    let path = directory.join(format!("{name}.sock"));
    mknodat(CWD, path, FileType::Socket, Mode::RWXU, 0).unwrap();
}

/// Takes in the next connection.
fn take_in(claim: &Claim) -> OwnedFd {
    accept_with(claim, SocketFlags::CLOEXEC).unwrap()
}

/// What lies in a directory, sorted.
fn files(directory: &Path) -> Vec<String> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    files
}

/// The names that are listed in a directory.
fn listed(directory: &Path) -> Vec<String> {
    let running = crate::list_in(directory).unwrap();
    running.into_iter().map(|one| one.name).collect()
}

/// Asserts that an error's text holds all of `parts`.
fn assert_says(error: &dyn std::fmt::Display, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        std::thread::yield_now();
    }
}

/// Says why a test was not run, in spite of the harness.
fn not_run(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "NOT RUN: {test}: {why}");
}
