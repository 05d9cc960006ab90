//! The layer for lines that damage bytes: packets that somebody has forged, and two ends over a line that damages.

// Found alike by the tests that include this file.
#[path = "noise_decode/damaged.rs"]
mod damaged;
#[path = "noise_decode/forged.rs"]
mod forged;
#[path = "noise_decode/packet.rs"]
mod packet;
#[path = "noise_decode/twins.rs"]
mod twins;

use crate::input::Input;

/// A byte of choices, whose highest bit says what is played; then what happens.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match data.first() {
        Some(0x80..) => damaged::run(&mut input),
        _ => forged::run(&mut input),
    }
}
