//! The options of an endpoint, and what they mean.

use std::path::Path;

use channel::{DialError, Endpoint, EndpointError, ListenError};

use crate::error::DirectoryError;
use crate::name::Name;
use crate::place::{Place, Users};

const DIR: &str = "dir";
const ALLOW: &str = "allow";
const MAX_CAPACITY: &str = "max-capacity";

/// What an endpoint `shm://NAME?dir=/path&allow=1000,1001` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) name: Name,
    pub(crate) place: Place,
    /// The largest buffer, in bytes, that a dialler may have this side make for it.
    pub(crate) max_capacity: usize,
}

impl Settings {
    pub(crate) fn of(endpoint: &Endpoint) -> Result<Settings, BadEndpoint> {
        endpoint.check_options(&[DIR, ALLOW, MAX_CAPACITY])?;
        let name = Name::new(endpoint.authority()).map_err(BadEndpoint::Value)?;
        let users = Users::with(match endpoint.option(ALLOW) {
            Some(list) => user_ids(list)?,
            None => Vec::new(),
        });
        let place = match endpoint.option(DIR) {
            Some(path) if users.are_others() => Place::shared(Path::new(path), users)?,
            Some(path) => Place::at(Path::new(path))?,
            None if users.are_others() => {
                return Err(BadEndpoint::Value(format!(
                    "option `{ALLOW}` needs option `{DIR}`, since nobody else can look into this user's \
                     own runtime directory: write `?{ALLOW}=1000&{DIR}=/run/our-service`"
                )));
            }
            None => Place::of_user()?,
        };
        let max_capacity = match endpoint.option(MAX_CAPACITY) {
            Some(bytes) => capacity(bytes)?,
            None => ringbuf_core::MAX_CAPACITY,
        };
        Ok(Settings {
            name,
            place,
            max_capacity,
        })
    }
}

fn capacity(text: &str) -> Result<usize, BadEndpoint> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let bytes: Option<usize> = text.parse().ok().filter(|_| digits);
    bytes.filter(|bytes| (1..=ringbuf_core::MAX_CAPACITY).contains(bytes)).ok_or_else(|| {
        BadEndpoint::Value(format!(
            "option `{MAX_CAPACITY}` is `{text}`: write a number of bytes, at most 1 GiB, as in \
             `?{MAX_CAPACITY}=1048576`"
        ))
    })
}

fn user_ids(list: &str) -> Result<Vec<u32>, BadEndpoint> {
    let uid = |text: &str| {
        // `u32::from_str` alone would take `+7`; the largest number means nobody.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|uid| digits && *uid != u32::MAX)
            .ok_or_else(|| {
                BadEndpoint::Value(format!(
                    "option `{ALLOW}` is `{list}`, where `{text}` is not a user's number: write one or more, \
                     as in `?{ALLOW}=1000,1001` (`id -u NAME` tells them)"
                ))
            })
    };
    list.split(',').map(uid).collect()
}

/// An endpoint that makes no sense.
#[derive(Debug)]
pub(crate) enum BadEndpoint {
    Endpoint(EndpointError),
    Value(String),
    Directory(DirectoryError),
}

impl From<EndpointError> for BadEndpoint {
    fn from(error: EndpointError) -> BadEndpoint {
        BadEndpoint::Endpoint(error)
    }
}

impl From<DirectoryError> for BadEndpoint {
    fn from(error: DirectoryError) -> BadEndpoint {
        BadEndpoint::Directory(error)
    }
}

impl From<BadEndpoint> for DialError {
    fn from(bad: BadEndpoint) -> DialError {
        match bad {
            BadEndpoint::Endpoint(error) => error.into(),
            BadEndpoint::Value(text) => DialError::Unsupported(text),
            BadEndpoint::Directory(error) => error.into(),
        }
    }
}

impl From<BadEndpoint> for ListenError {
    fn from(bad: BadEndpoint) -> ListenError {
        match bad {
            BadEndpoint::Endpoint(error) => error.into(),
            BadEndpoint::Value(text) => ListenError::Unsupported(text),
            BadEndpoint::Directory(error) => error.into(),
        }
    }
}
