//! The suite finds what leaks: transports with one small leak each, and the test that must fail for
//! it, and say what was left. A program of its own: what others leave would count.
#![cfg(target_os = "linux")]

mod transport;
#[path = "../../../channel/tests/third_party/unix.rs"]
#[allow(dead_code)]
mod unix;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use channel::{Domain, Endpoint};
use transport::{Leak, Leaky};
use transport_testkit::{Subject, Suite};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// How long a test may take. It is over sooner, but what leaks is waited for to go.
const LIMIT: Duration = Duration::from_secs(12);

struct Sockets(Leak, tempfile::TempDir);

impl Sockets {
    fn new(leak: Leak) -> Sockets {
        Sockets(leak, tempfile::tempdir().unwrap())
    }
}

impl Subject for Sockets {
    fn name(&self) -> &str {
        "leaky unix"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Leaky::new(unix::Unix::new(self.1.path()), self.0));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let place = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let at = Endpoint::new("unix", &place).unwrap();
        at.with_broker(broker).unwrap()
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        Some(|| ALLOCATOR.current_usage())
    }
}

/// So often a suite is run until it finds the leak: memory is the whole process's, and what others free meanwhile can hide a
/// small one.
const TRIES: usize = 3;

/// The test must fail, and say that this was left.
macro_rules! leaky {
    ($($name:ident: $leak:ident, $test:literal => $left:literal;)*) => {$(
        #[test]
        fn $name() {
            let report = (0..TRIES)
                .map(|_| {
                    let suite = Suite::new(Sockets::new(Leak::$leak)).only([$test]);
                    let report = suite.limit(LIMIT).run();
                    println!("{report}");
                    report
                })
                .find(|report| !report.failures().is_empty());
            let report = report.expect("it is found");
            let [failure] = report.failures() else {
                panic!("more than that is found:\n{report}");
            };
            assert!(failure.message().contains("left behind: "), "{report}");
            assert!(failure.message().contains($left), "{report}");
        }
    )*};
}

leaky! {
    a_descriptor_for_each_refused_dial: RefusedDials,
        "b3_refused_dials_leave_nothing_behind" => "x /dev/null";
    a_descriptor_for_each_refused_listen: RefusedListens,
        "b1_refused_listens_leave_nothing_behind" => "x /dev/null";
    a_descriptor_for_each_stranger: Strangers,
        "b3_strangers_leave_nothing_behind" => "x /dev/null";
    a_descriptor_now_and_then: NowAndThen,
        "c7_many_channels_leave_nothing_behind" => "x /dev/null";
    a_thread_now_and_then: Threads,
        "c7_many_channels_leave_nothing_behind" => "threads (";
    some_bytes_for_each_connection: Bytes,
        "c7_many_channels_leave_nothing_behind" => "bytes of memory";
    a_byte_in_500: Traffic,
        "c7_traffic_leaves_nothing_behind" => "bytes of memory";
}

// The wrapper itself is not what leaks.
#[test]
fn nothing_is_left() {
    let suite = Suite::new(Sockets::new(Leak::Nothing));
    let report = suite.only(["C7", "B1"]).run();
    report.assert_passed();
    assert!(report.not_applicable().is_empty(), "{report}");
}
