//! Channels over a link pass the suite that every transport must pass: between two domains of this program that
//! nothing but the link connects. Here the driver sleeps on the link itself.
#![cfg(unix)]

mod support;

use support::cable::{Make, OverCables};
use transport_testkit::conformance;

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

// shows T7: over a link's descriptor.
conformance!(OverCables {
    make: Make::Sockets,
    live_memory: || ALLOCATOR.current_usage(),
});
