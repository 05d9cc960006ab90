//! A device's echo service, without std (`firmware/echo.rs`), and a host at the other end of its line.

extern crate alloc;

#[path = "firmware/echo.rs"]
mod echo;
#[path = "firmware/host.rs"]
mod host;

use channel_wire::hello::{Message, Refusal};
use link_mux::noise::NoiseConfig;

fn main() {
    for noise in [None, Some(NoiseConfig::for_baud(115_200))] {
        let (answer, echoed) = host::converse(noise.clone(), "echo");
        assert!(matches!(answer, Message::Welcome(_)), "{answer:?}");
        assert!(echoed.iter().copied().eq(0..=255), "{echoed:?}");

        let (answer, rest) = host::converse(noise, "somebody else");
        assert!(
            matches!(answer, Message::Refused(refused) if refused.reason == Refusal::NoSuchBroker)
        );
        assert_eq!(rest, []);
    }
    println!("0 to 255 came back");
}
