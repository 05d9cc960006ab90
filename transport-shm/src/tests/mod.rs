//! What only the crate itself can see: who has a name, and who is at the other end.

mod claims;

use std::path::Path;

use channel::Endpoint;

use crate::settings::Settings;

/// `shm://NAME` in a directory.
pub fn at(directory: &Path, name: &str) -> Endpoint {
    let endpoint = Endpoint::new("shm", name).unwrap();
    endpoint
        .with_option("dir", directory.to_str().unwrap())
        .unwrap()
}

pub fn settings(endpoint: &Endpoint) -> Settings {
    Settings::of(endpoint).unwrap()
}
