//! The measurements over a stream of bytes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use channel::{Channel, WriteError};

use super::{Flow, Measured, content, flow, repeat};
use crate::error::Result;
use crate::latency::Times;
use crate::speech::{NO_BYTES, not_written};

/// Sends a message, waits until all of it is back, and again, one at a time.
pub fn round_trips(mut channel: Channel, size: usize, time: Duration) -> Measured<Times> {
    let (message, mut back) = (content(size), vec![0; size]);
    let times = repeat(time, || round_trip(&mut channel, &message, &mut back))?;
    if back != message {
        return Err("the last message came back changed".into());
    }
    finish(channel)?;
    Ok(times)
}

/// One message there and back. It may be larger than all buffers on the way: when no more fits,
/// what comes back is read first.
fn round_trip(channel: &mut Channel, message: &[u8], back: &mut [u8]) -> Measured<()> {
    let (mut sent, mut got) = (0, 0);
    while got < message.len() {
        if sent < message.len() {
            let rest = &message[sent..];
            let wrote = match sent == got {
                // Nothing is under way, so nothing can stand in the way.
                true => channel.write(rest),
                false => channel.try_write(rest),
            };
            match wrote {
                Ok(n) => {
                    sent += n;
                    continue;
                }
                Err(WriteError::WouldBlock) => {}
                Err(error) => return Err(not_written(&error)),
            }
        }
        match channel.read(&mut back[got..]) {
            Ok(0) => return Err(format!("the server ended the stream; {NO_BYTES}")),
            Ok(n) => got += n,
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// Writes as fast as the bytes are taken, and reads what comes back.
pub fn throughput(channel: Channel, size: usize, time: Duration) -> Result<Measured<Flow>> {
    let (mut reader, mut writer) = channel.split();
    let send = move |stop: &AtomicBool| {
        let message = content(size);
        let mut writes = 0;
        // At least once, however late this task was given a processor.
        while writes == 0 || !stop.load(Ordering::Relaxed) {
            writer
                .write_all(&message)
                .map_err(|cut| not_written(&cut.error))?;
            writes += 1;
        }
        writer.finish().map_err(|error| error.to_string())?;
        Ok(writes)
    };
    let receive = move || {
        let mut bytes = 0;
        loop {
            match reader.fill_buf().map(<[u8]>::len) {
                Ok(0) => return Ok(bytes),
                Ok(n) => {
                    reader.consume(n);
                    bytes += n as u64;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    flow(size, time, send, receive)
}

/// Both sides end in order, so that the next measurement is not disturbed by this one.
fn finish(mut channel: Channel) -> Measured<()> {
    channel.finish().map_err(|error| error.to_string())?;
    match channel.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err("more came back than was sent".into()),
        Err(error) => Err(error.to_string()),
    }
}
