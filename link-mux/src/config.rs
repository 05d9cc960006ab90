//! The limits of one end of a link, and what they are for.

use core::fmt;
use core::time::Duration;

use crate::mux::MOST_CHANNELS;

/// The limits of one end. The ends need not have the same: each keeps to those of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The largest frame that this end sends and takes, in bytes, its head of 8 bytes included: 64 to 65,536.
    ///
    /// Default 16 KiB: 32 packets of high-speed USB, 16 of SuperSpeed; its head costs 0.05 %, and a small
    /// frame waits for 0.4 ms behind one at 40 MB/s. Slow lines need smaller ones.
    pub max_frame: u32,
    /// How many channels the peer may have open at once, at most 32,768.
    ///
    /// Default 256: a peer that opens channels without end can make this end hold so many entries, of some
    /// 200 bytes each beside their buffers.
    pub max_channels: u16,
    /// How large the receive buffers of all channels may be together, in bytes.
    ///
    /// Default 64 MiB: what a peer can make this end hold, whatever capacities the channels have.
    pub max_credit: u64,
    /// Something is sent at least so often, so that the peer knows that this end is there; `None`: nothing is sent for that alone, and nobody is missed.
    /// The more patient end's figure holds for both. A peer of which nothing is heard for five times as long is lost.
    ///
    /// Default 2 s: a line that was pulled out is known after 10 s, at a cost of 8 bytes every 2 s.
    pub keep_alive: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            max_frame: 16 * 1024,
            max_channels: 256,
            max_credit: 64 << 20,
            keep_alive: Some(Duration::from_secs(2)),
        }
    }
}

/// A limit that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong, and what would be right.
    pub what: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// Whether the limits can be kept.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let what = if !(64..=65_536).contains(&self.max_frame) {
            "the largest frame must have 64 to 65,536 bytes"
        } else if self.max_channels > MOST_CHANNELS {
            "a link carries at most 32,768 channels of each end"
        } else if self.keep_alive.is_some_and(|interval| interval.is_zero()) {
            "a keep-alive interval of zero would send without end; `None` sends none"
        } else {
            return Ok(());
        };
        Err(ConfigError { what })
    }
}
