//! A build without TLS makes no certificates.

use super::File;
use crate::error::{Error, Result};

pub fn make(_: &[String]) -> Result<Vec<File>> {
    Err(Error::NoCertificate(
        "this build has no TLS; build it with `--features tls`".into(),
    ))
}
