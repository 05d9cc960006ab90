//! What strangers and bad peers do to a server, and what that does to an honest client.

mod flood;
mod honest;
mod peers;
mod servers;

pub use flood::{Flood, Flooded, flood};
pub use honest::{Honest, Latencies};
pub use peers::{Slow, cycles, refusals, resets, slow_hellos, stalled};
pub use servers::{BARE, OURS, serve};

/// The port of the echo.
const ECHO: u16 = 7;
/// Where the server writes until nothing fits, and holds the channel.
const FULL: u16 = 8;
