//! The measurements over messages.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use channel::Channel;
use message_queue::ReceiveError;

use super::{Flow, Measured, content, flow, repeat};
use crate::error::Result;
use crate::exchange::Exchange;
use crate::latency::Times;
use crate::speech::{not_received, not_sent, queue};

/// Sends a message, waits until it is back, and again, one at a time.
pub fn round_trips(mut exchange: Exchange, size: usize, time: Duration) -> Measured<Times> {
    let (message, mut back) = (content(size), vec![0; size]);
    let times = repeat(time, || {
        match exchange.round_trip(&message, &mut back, None)? {
            n if n == size => Ok(()),
            n => Err(format!("a message came back with {n} bytes")),
        }
    })?;
    if back != message {
        return Err("the last message came back changed".into());
    }
    // Both sides end in order, so that the next measurement is not disturbed by this one.
    let queue = exchange.queue;
    queue.finish().map_err(|error| not_sent(&error))?;
    match queue.receive() {
        Err(ReceiveError::PeerClosed) => Ok(times),
        Ok(_) => Err("more came back than was sent".into()),
        Err(error) => Err(not_received(&error, || queue.try_receive().err())),
    }
}

/// Sends messages as fast as they are taken, and receives what comes back. `batch`: many small ones
/// leave together.
pub fn throughput(
    channel: Channel,
    max: usize,
    size: usize,
    batch: bool,
    time: Duration,
) -> Result<Measured<Flow>> {
    let (mut sender, mut receiver) = queue(channel, max).split();
    let send = move |stop: &AtomicBool| {
        let message = content(size);
        let mut sends = 0;
        // At least once, however late this task was given a processor.
        while sends == 0 || !stop.load(Ordering::Relaxed) {
            match batch {
                false => sender.send(&message),
                true => sender.feed(&message),
            }
            .map_err(|error| not_sent(&error))?;
            sends += 1;
        }
        // What was fed and not sent yet is flushed.
        sender.finish().map_err(|error| not_sent(&error))?;
        Ok(sends)
    };
    let receive = move || {
        let mut bytes = 0;
        loop {
            let stopped = match receiver.receive_ref() {
                Ok(message) if message.len() == size => {
                    bytes += size as u64;
                    continue;
                }
                Ok(message) => {
                    return Err(format!("a message came back with {} bytes", message.len()));
                }
                Err(stopped) => stopped,
            };
            return match stopped {
                ReceiveError::PeerClosed => Ok(bytes),
                error => Err(not_received(&error, || receiver.try_receive().err())),
            };
        }
    };
    flow(size, time, send, receive)
}
