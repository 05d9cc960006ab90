//! The formal test's client of bytes.

use std::time::Instant;

use channel::{Channel, ReadError};

use super::{ClientSide, NUMBERS, PATIENCE};
use crate::speech::NO_BYTES;

/// The client's part. An error says what was not as it should be. `ends`: the sides can tell each other of the ends of
/// their streams.
pub fn talk(mut channel: Channel, ends: bool, seen: &mut ClientSide) -> Result<(), String> {
    let started = Instant::now();
    let mut trips = Vec::with_capacity(NUMBERS);
    for number in 0..=u8::MAX {
        let sent = Instant::now();
        channel
            .write_all_timeout(&[number], PATIENCE)
            .map_err(|error| format!("number {number} could not be sent: {error}"))?;
        let mut back = [0];
        channel
            .read_exact_timeout(&mut back, PATIENCE)
            .map_err(|cut| format!("number {number} did not come back: {}", why(cut.error)))?;
        if back != [number] {
            let [back] = back;
            return Err(format!("number {number} came back as {back}; {NO_BYTES}"));
        }
        trips.push(sent.elapsed());
        seen.echoed += 1;
    }
    seen.measured(started.elapsed(), trips);

    if ends {
        finish(&mut channel)?;
        seen.end_of_stream = true;
    }
    channel.disconnect();
    seen.disconnected = channel.disconnected();
    if !matches!(channel.try_read(&mut [0]), Err(ReadError::Disconnected)) {
        return Err("the channel could be read after the client had disconnected".into());
    }
    Ok(())
}

/// Both sides end their streams.
fn finish(channel: &mut Channel) -> Result<(), String> {
    channel
        .finish()
        .map_err(|error| format!("the client could not finish: {error}"))?;
    match channel.read_timeout(&mut [0], PATIENCE) {
        Ok(0) => Ok(()),
        Ok(_) => Err("the server sent more than it was sent".into()),
        Err(ReadError::TimedOut) => {
            Err("the server did not end its stream after the client had finished".into())
        }
        Err(error) => Err(format!("the server did not end in an orderly way: {error}")),
    }
}

/// Why a number did not come back, and what to look at.
fn why(error: Option<ReadError>) -> String {
    match error {
        None => format!("the server ended its stream; {NO_BYTES}"),
        // The transport's own reason says what is wrong.
        Some(error @ ReadError::Broken(_)) => error.to_string(),
        Some(error) => format!("{error}; {NO_BYTES}"),
    }
}
