//! A build that is no host.

use std::io;

use channel::Domain;

use super::{Change, Device};
use crate::error::{Error, Result};

pub fn add_to(_: &Domain) {}

pub fn devices() -> Result<Vec<Device>> {
    Err(unsupported())
}

pub fn rule(_: Option<(u16, u16)>) -> Result<String> {
    Err(unsupported())
}

pub fn watch(_: impl FnMut(Change) -> Result<bool>) -> Result<()> {
    Err(unsupported())
}

fn unsupported() -> Error {
    Error::Usb(io::Error::new(
        io::ErrorKind::Unsupported,
        "this build is no USB host: build it with `--features usb`",
    ))
}
