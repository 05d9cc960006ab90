//! A real program of our `no_std` crates, without std, libc or any other library.
//!
//! That it compiles shows that no crate of it brings std along: std has a panic handler, too, and there
//! can be but one. That it links, with no library, shows that no symbol of the system's is needed. It
//! runs on Linux, where its exit status says whether the ends in it understood each other.
#![no_std]
#![no_main]

extern crate alloc;

mod heap;
mod memory;
mod system;
mod talk;

/// What the entry point calls.
extern "C" fn main() -> ! {
    talk::through_a_ring();
    talk::a_handshake();
    system::exit(0)
}
