//! How a line is used: the figures, and how to choose them.

use core::time::Duration;

use super::packet;

/// How a line is used. The ends need not have the same figures: both keep to the smaller payload and window.
///
/// A figure out of its range is taken as the nearest one inside. Memory is allocated once, by
/// [`Noise::new`](super::Noise::new): about twice `payload` times `window`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoiseConfig {
    /// The most bytes of the stream that one packet carries, 64 to 4096.
    ///
    /// Long packets are lost more often, short ones spend more of the line on their heads (14 bytes). Of a line that
    /// damages one byte in `n`, packets of about the square root of `14 * n` bytes make the most.
    pub payload: u16,
    /// How many packets may be on their way, 2 to 64: sent, and not known to have arrived.
    ///
    /// So many must cover the time from a packet to its acknowledgement, or the line pauses. What lies in the
    /// buffers of the operating system counts, and delays whatever comes behind it.
    pub window: u8,
    /// Nothing valid was heard for so long while something is awaited: the other end is gone.
    pub patience: Duration,
}

impl NoiseConfig {
    /// Figures for a serial line of so many bits per second, 8 data bits and two more each.
    ///
    /// - `payload`: what the line carries in 22 ms (253 bytes at 115,200 baud), so that an urgent byte waits no
    ///   longer behind a packet; but at least 64, where the head is a fifth already, and at most 512: where one
    ///   byte in 10,000 is damaged, packets of 256 to 512 bytes leave 0.92 of the line for the stream, and longer
    ///   ones less.
    /// - `window`: 64 packets, the most. The operating systems' buffers hold 4 to 12 KiB at each end, which in both
    ///   directions is up to 50 packets of such a line on their way; and a lost packet stays in the window for two round
    ///   trips. It does not delay urgent bytes further: what waits there waits in those buffers anyway.
    /// - `patience`: 5 s, but at least the time that two full windows take.
    ///
    /// A line that is no serial line, such as a pty, is used better with larger packets and windows (4096 and 32,
    /// say): there it is the change from one thread to another that costs.
    pub fn for_baud(baud: u32) -> NoiseConfig {
        let bytes_per_second = u64::from(baud / 10).max(1);
        let payload = (bytes_per_second * 22 / 1000).clamp(64, 512);
        let time = Duration::from_millis((payload + 14) * 1000 / bytes_per_second);
        NoiseConfig {
            payload: payload as u16,
            window: packet::MAX_WINDOW,
            patience: (time * 2 * u32::from(packet::MAX_WINDOW)).max(Duration::from_secs(5)),
        }
    }

    /// The same, with every figure inside its range.
    pub(super) fn within_range(self) -> NoiseConfig {
        NoiseConfig {
            payload: self.payload.clamp(packet::MIN_PAYLOAD, packet::MAX_PAYLOAD),
            window: self.window.clamp(packet::MIN_WINDOW, packet::MAX_WINDOW),
            patience: self.patience,
        }
    }
}
