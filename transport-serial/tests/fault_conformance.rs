//! Splits, delays and stalls break no promise, nor do damaged and lost bytes: a line with all of them passes the suite.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use std::num::NonZeroU32;

use support::subject::Lines;
use transport_serial::line::LineConfig;
use transport_testkit::Suite;
use transport_testkit::fault::{Plan, seed};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// One byte in 10,000 is damaged, one in 50,000 is lost.
fn bad_line() -> LineConfig {
    LineConfig {
        damage: NonZeroU32::new(10_000),
        loss: NonZeroU32::new(50_000),
        seed: seed("the line"),
        ..LineConfig::default()
    }
}

fn lines(config: fn() -> LineConfig, large: usize) -> Lines {
    Lines {
        config,
        large,
        many: 50,
        live_memory: Some(|| ALLOCATOR.current_usage()),
    }
}

fn passes(suite: Suite) {
    let report = suite.jobs(4).run();
    println!("{report}");
    report.assert_passed();
}

// shows T5, T7
#[test]
fn the_suite_passes_over_a_line_that_damages_and_loses_bytes() {
    passes(Suite::new(lines(bad_line, 1 << 15)));
}

// shows T7
#[test]
fn the_suite_passes_behind_faults() {
    let plan = Plan::lively(seed("the_suite_passes_behind_faults"));
    let make = || Lines::transport(LineConfig::default);
    let subject = lines(LineConfig::default, 1 << 15);
    passes(Suite::behind_faults(subject, make, plan));
}
