//! Round trips of which each half finds its reader asleep.

use crate::machine::monotonic;
use crate::measure::Sample;
use crate::rings::pattern;
use crate::sockets::{End, Measure};
use std::time::Duration;

/// How long both sides rest before each message: much longer than anybody spins.
const REST: Duration = Duration::from_millis(1);

/// Round trips before the clock starts.
const WARM: u64 = 4;

/// One end asks and the other answers, each after a rest. What counts is how long the question and the
/// answer took, from when one thread began to send it until the other one had it: the rests do not
/// count. Both read the same clock.
pub struct Rested;

fn nanos() -> u64 {
    monotonic().as_nanos() as u64
}

fn word(message: &[u8], number: usize) -> u64 {
    let bytes = message[8 * number..].first_chunk();
    u64::from_le_bytes(*bytes.expect("the message is long enough"))
}

async fn receive_words<E: End>(end: &mut E) -> [u64; 2] {
    end.receive(|message| [word(message, 0), word(message, 1)])
        .await
}

async fn send_words<E: End>(end: &mut E, message: &mut [u8], words: [u64; 2]) {
    for (place, word) in message.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    end.send(message).await;
}

impl Measure for Rested {
    async fn timed<E: End>(end: &mut E, size: usize, times: u64) -> Sample {
        let mut message = pattern(size);
        let mut elapsed = 0;
        for number in 0..WARM + times {
            std::thread::sleep(REST);
            send_words(end, &mut message, [nanos(), 0]).await;
            let [sent, there] = receive_words(end).await;
            let back = nanos() - sent;
            if number >= WARM {
                elapsed += there + back;
            }
        }
        Sample {
            elapsed: Duration::from_nanos(elapsed),
            share: 1.0,
        }
    }

    async fn other<E: End>(end: &mut E, size: usize, times: u64) {
        let mut message = pattern(size);
        for _ in 0..WARM + times {
            let [sent, _] = receive_words(end).await;
            let there = nanos() - sent;
            std::thread::sleep(REST);
            send_words(end, &mut message, [nanos(), there]).await;
        }
    }
}
