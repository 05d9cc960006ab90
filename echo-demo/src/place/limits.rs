//! What the endpoints of a place cannot do: most are fast, for many channels, and tell the ends of streams; not so all
//! serial lines, pipes and USB.

use channel::{Endpoint, Options};

use super::links::{self, Crossed};
use super::{Place, transports, usb};
use crate::error::{Error, Result};

impl Place {
    /// What clients of a server that listens there are to be given, in the order of the endpoints.
    pub fn for_clients(&self, bound: &[Endpoint]) -> Vec<String> {
        let ends = self.endpoints.iter().zip(bound);
        let ends = ends.map(|(at, bound)| self.across(at).unwrap_or_else(|| bound.clone()));
        ends.map(|at| transports::shared(&at).to_string()).collect()
    }

    /// What has crossed a line of ours, if there is one.
    pub fn crossed(&self) -> Option<Crossed> {
        self.links.crossed()
    }

    /// What there is to tell before anybody is met: which devices are waited for.
    pub fn notes(&self) -> Vec<String> {
        let absent = self.endpoints.iter().filter_map(|at| {
            let device = links::absent(at).map(|device| {
                let device = device.display();
                format!("there is no device {device}: waiting for it to be plugged in")
            });
            device.or_else(|| usb::absent(at))
        });
        absent.collect()
    }

    /// About how many bytes a second can be sent, if it is known to be few.
    pub fn rate(&self) -> Option<u64> {
        rate(&self.endpoints)
    }

    /// The endpoint that is the standard input and output of whoever serves.
    pub fn stdio(&self) -> Option<&Endpoint> {
        self.endpoints.iter().find(|at| links::is_stdio(at))
    }

    /// Refuses what is for one channel at a time, where there are to be more.
    pub fn with_many_channels(&self, hint: &'static str) -> Result<()> {
        match self.endpoints.iter().find(|at| links::is_bare(at)) {
            Some(at) => Err(Error::OneChannel {
                at: at.clone(),
                hint,
            }),
            None => Ok(()),
        }
    }

    /// An endpoint where the other end is not told of the end of a stream.
    fn endless(&self) -> Option<&Endpoint> {
        self.endpoints.iter().find(|at| links::is_endless(at))
    }

    /// Whether the other end is told of the end of a stream.
    pub fn tells_ends(&self) -> bool {
        self.endless().is_none()
    }

    /// Refuses an endpoint where the other end is not told so.
    pub fn with_ends(&self) -> Result<()> {
        match self.endless() {
            Some(at) => Err(Error::Endless { at: at.clone() }),
            None => Ok(()),
        }
    }
}

/// About how many bytes a second the slowest of them carries.
fn rate(endpoints: &[Endpoint]) -> Option<u64> {
    endpoints.iter().filter_map(links::rate).min()
}

/// The capacity for channels there, if it is not the usual one: a quarter of a second is enough to keep a slow line
/// busy, and what is in the buffers takes a while to come out of them.
pub fn fitting(endpoints: &[Endpoint]) -> Option<usize> {
    let quarter = usize::try_from(rate(endpoints)? / 4).ok()?;
    let fits = quarter.next_power_of_two().max(256);
    (fits < Options::new().capacity(None)).then_some(fits)
}
