//! The formal test's client of messages.

use std::time::{Duration, Instant};

use channel::{Channel, Receipt};
use message_queue::ReceiveError;

use super::{ClientSide, NUMBERS, PATIENCE};
use crate::exchange::Exchange;
use crate::pattern::Pattern;
use crate::speech;

/// The largest message of the test: more than a few buffers hold.
const LARGE: usize = 1 << 20;

/// A client that the patterns of load do not have.
const WHO: u32 = u32::MAX;

/// What messages are to fit to.
#[derive(Clone, Copy)]
pub struct Fits {
    /// The largest that is sent or taken.
    pub max: usize,
    /// Of the client's receive buffer.
    pub capacity: usize,
    /// Bytes a second, where it is known.
    pub rate: Option<u64>,
}

impl Fits {
    /// Nothing, little, around a buffer's size (there, the length in front of a message matters), and
    /// more than a buffer holds, or what goes through in a second; none over the limit, and each once.
    fn sizes(self) -> Vec<usize> {
        let Fits { max, capacity, .. } = self;
        let around = [capacity - 1, capacity, capacity + 1];
        let second = self.rate.and_then(|rate| usize::try_from(rate).ok());
        let mut sizes: Vec<usize> = [0, 1, 63, 64, 65]
            .into_iter()
            .chain(around)
            .chain([second.map_or(LARGE, |second| second.min(LARGE))])
            .filter(|size| *size <= max)
            .collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// How long one message may take there, and back: four times what it should, and what one may take anywhere.
    fn patience(self, size: usize) -> Duration {
        let slow = self.rate.map_or(0, |rate| 4 * size as u64 / rate);
        PATIENCE + Duration::from_secs(slow)
    }
}

/// The client's part. An error says what was not as it should be.
pub fn talk(channel: Channel, fits: Fits, seen: &mut ClientSide) -> Result<(), String> {
    let mut exchange = Exchange::new(channel, fits.max, fits.capacity);
    let started = Instant::now();
    let mut trips = Vec::with_capacity(NUMBERS);
    let whole = seen.whole_sizes.insert(Vec::new());
    for number in 0..=u8::MAX {
        let sent = Instant::now();
        // Room for more than one, to see if more comes.
        let mut back = [0; 2];
        let n = exchange
            .round_trip(&[number], &mut back, Some(PATIENCE))
            .map_err(|error| format!("number {number} did not come back: {error}"))?;
        if back[..n] != [number] {
            return Err(format!("number {number} came back as {:?}", &back[..n]));
        }
        trips.push(sent.elapsed());
        seen.echoed += 1;
    }
    let numbers = started.elapsed();

    for size in fits.sizes() {
        let (mut message, mut back) = (vec![0; size], vec![0; size]);
        let pattern = Pattern::new(size as u64, WHO);
        pattern.fill(0, &mut message);
        let n = exchange
            .round_trip(&message, &mut back, Some(fits.patience(size)))
            .map_err(|error| format!("a message of {size} bytes did not come back: {error}"))?;
        if n != size {
            return Err(format!("a message of {size} bytes came back with {n}"));
        }
        if let Some(at) = pattern.differs(0, &back) {
            return Err(format!(
                "a message of {size} bytes came back changed at {at}"
            ));
        }
        whole.push(size);
    }
    seen.measured(numbers, trips);

    let queue = exchange.queue;
    queue
        .finish()
        .map_err(|error| format!("the client could not finish: {error}"))?;
    match queue.receive_timeout(PATIENCE) {
        Err(ReceiveError::PeerClosed) => seen.end_of_stream = true,
        Ok(_) => return Err("the server sent more than it was sent".into()),
        Err(ReceiveError::TimedOut) => {
            return Err("the server did not end its stream after the client had finished".into());
        }
        Err(error) => return Err(format!("the server did not end in an orderly way: {error}")),
    }
    let receipt = queue.close_timeout(PATIENCE);
    seen.receipt = Some(speech::receipt(receipt));
    seen.disconnected = queue.closed();
    if !matches!(queue.try_receive(), Err(ReceiveError::Closed)) {
        return Err("the queue could be received from after the client had closed it".into());
    }
    match receipt {
        // It has ended its stream, so it had all: unless it does not tell.
        Receipt::Partial { unread, .. } => Err(format!("the server left {unread} bytes unread")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // shows E2
    #[test]
    fn sizes_are_around_the_buffers_and_never_over_the_limit() {
        let sizes = |capacity, max| {
            let rate = None;
            Fits {
                max,
                capacity,
                rate,
            }
            .sizes()
        };
        assert_eq!(
            sizes(65536, 16 << 20),
            [0, 1, 63, 64, 65, 65535, 65536, 65537, 1 << 20]
        );
        assert_eq!(sizes(64, 16 << 20), [0, 1, 63, 64, 65, 1 << 20]);
        assert_eq!(sizes(1, 1), [0, 1]);
        assert_eq!(sizes(4096, 4096), [0, 1, 63, 64, 65, 4095, 4096]);
    }

    // shows E2
    #[test]
    fn a_slow_line_gets_no_message_that_would_take_longer_than_a_second() {
        let slow = Fits {
            max: 16 << 20,
            capacity: 256,
            rate: Some(960),
        };
        assert_eq!(slow.sizes(), [0, 1, 63, 64, 65, 255, 256, 257, 960]);
        assert_eq!(slow.patience(9600), PATIENCE + Duration::from_secs(40));
    }
}
