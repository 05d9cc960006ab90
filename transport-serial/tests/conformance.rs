//! A serial line passes the suite that every transport must pass: between two domains of this program that nothing
//! but the line connects.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use support::subject::Lines;
use transport_serial::line::LineConfig;
use transport_testkit::conformance;

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

conformance!(Lines {
    config: LineConfig::default,
    large: 1 << 16,
    many: 50,
    live_memory: Some(|| ALLOCATOR.current_usage()),
});
