//! A real program of our `no_std` crates, without std, libc or any other library.
//!
//! That it compiles shows that no crate of it brings std along: std has a panic handler, too, and there
//! can be but one. That it links, with no library, shows that no symbol of the system's is needed. It
//! runs on Linux, where its exit status says whether the ends in it understood each other.
#![no_std]
#![no_main]

extern crate alloc;

#[path = "../../../link-mux/examples/firmware/echo.rs"]
mod echo;
mod heap;
#[path = "../../../link-mux/examples/firmware/host.rs"]
mod host;
mod memory;
mod system;
mod talk;

/// What the entry point calls.
extern "C" fn main() -> ! {
    talk::through_a_ring();
    talk::with_a_device();
    system::exit(0)
}
