//! Ways for two ends to talk over a pseudo-terminal or a serial line, and what links take that have nothing to do.

mod hops;
mod idle;
mod linked;
mod pty;
mod slow;

pub use hops::Hops;
pub use idle::{absent_device, idle_link};
pub use linked::{Linked, Mode, Mux, Noise, Packets, Plain};
pub use pty::{Bare, Direction, Terminal, ToMaster, ToSlave, terminal};
pub use slow::{Passed, pass};
