//! Channels over USB pass the suite that every transport must pass, between two domains of this program that nothing
//! but a cable in memory connects. (Over a real bus, see `lab/`.)

mod support;

use support::memory::End;
use support::subject::OverCables;
use transport_testkit::{Suite, conformance};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

fn subject(listens: End) -> OverCables {
    OverCables {
        listens,
        live_memory: || ALLOCATOR.current_usage(),
    }
}

// shows T7
conformance!(subject(End::Gadget));

/// What the ends of a cable, which are opened in different ways, could make a difference to.
const PROMISES: [&str; 4] = ["C6", "C8", "B3", "M7"];

// shows T7: the other way round.
#[test]
fn the_suite_passes_where_the_gadget_dials() {
    let suite = Suite::new(subject(End::Host)).only(PROMISES).jobs(4);
    let report = suite.run();
    println!("{report}");
    report.assert_passed();
}
