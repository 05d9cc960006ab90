//! Shared memory passes the suite that every transport must pass: between two domains of this program that
//! nothing but shared memory connects.

mod support;

use support::SharedMemory;
use transport_testkit::conformance;

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

conformance!(SharedMemory {
    live_memory: Some(|| ALLOCATOR.current_usage()),
    large: 1 << 18,
});
