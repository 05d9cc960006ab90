//! A build without TLS.

use std::io;

use channel::{ConnectError, Domain};

pub fn add_to(_: &Domain) {}

pub fn show(_: &Domain, _: [&str; 3]) {}

pub fn is_about_tls(_: &ConnectError) -> bool {
    false
}

pub fn is_about_certificates(_: &io::Error) -> bool {
    false
}
