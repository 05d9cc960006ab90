//! The same over pipes that block: a thread for each direction stands between them and the driver.
#![cfg(unix)]

mod support;

use support::cable::{Make, OverCables};
use transport_testkit::conformance;

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

// shows T7: over halves that block.
conformance!(OverCables {
    make: Make::Pipes,
    live_memory: || ALLOCATOR.current_usage(),
});
