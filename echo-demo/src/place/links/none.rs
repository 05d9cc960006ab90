//! Where there are no links: the transports over them are for Linux.

use channel::{Domain, Endpoint};

use super::{Crossed, Wire};
use crate::error::{Error, Result};

/// Nothing.
#[derive(Debug, Default)]
pub struct Links(());

/// Keeps nothing open.
#[derive(Debug)]
pub struct Held;

impl Links {
    pub fn add_to(&self, _: &Domain) {}

    pub fn lay(&self, _: &Endpoint, _: Wire) -> Result<Option<Endpoint>> {
        Ok(None)
    }

    pub fn across(&self, _: &Endpoint) -> Option<Endpoint> {
        None
    }

    pub fn attach<R, W>(&self, _: &Endpoint, _: R, _: W) -> Result<(Endpoint, Option<Held>)> {
        Err(Error::Link(std::io::ErrorKind::Unsupported.into()))
    }

    pub fn has_line(&self) -> bool {
        false
    }

    pub fn crossed(&self) -> Option<Crossed> {
        None
    }
}

/// Nobody has taken the standard input and output.
pub fn wait_for_stdio_end() {}
