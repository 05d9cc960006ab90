//! The mux: a peer that says anything, against a plain reading of the protocol; and two muxes over a link
//! that is cut, restarted and damaged.

// Found alike by the tests that include this file.
#[path = "mux_receive/channel.rs"]
mod channel;
#[path = "mux_receive/frame.rs"]
mod frame;
#[path = "mux_receive/joined.rs"]
mod joined;
#[path = "mux_receive/peer.rs"]
mod peer;
#[path = "mux_receive/place.rs"]
mod place;

use crate::input::Input;

/// A byte of choices, whose highest bit says what is played; then what happens.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match data.first() {
        Some(0x80..) => joined::run(&mut input),
        _ => peer::run(&mut input),
    }
}
