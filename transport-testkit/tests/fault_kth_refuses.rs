//! What `kth_fault` does not let pass: scenarios that show nothing, strikes that mean something else,
//! memory that stays.
//!
//! One test function: what the process holds is counted.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use channel::{Domain, mem::Mem};
use transport_testkit::Leaks;
use transport_testkit::fault::{Fault, Limits, Plan, Run, Strike, kth_fault};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// What `kth_fault` says about a scenario that it must refuse.
#[track_caller]
fn refused(limits: &Limits, scenario: fn(&Run) -> Result<(), String>) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| kth_fault(limits, scenario)));
    let panic = panic.expect_err("it must panic");
    match panic.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => panic.downcast_ref::<&str>().expect("a text").to_string(),
    }
}

/// One dial to where nobody accepts, by an endpoint and a plan.
fn dial(at: &str, plan: Plan) -> Result<(), String> {
    let domain = Domain::new();
    domain.add(Fault::new(Mem::new(), plan));
    let broker = domain.broker("b").unwrap();
    broker.listen(&"fault+mem://b".parse().unwrap()).unwrap();
    broker.listen(&"mem://b".parse().unwrap()).unwrap();
    let at = at.parse().unwrap();
    match broker.connect_at(&at, 1, Some(Duration::ZERO)) {
        Err(channel::ConnectError::TimedOut { .. }) => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(_) => panic!("nobody accepts"),
    }
}

// shows T7: a run in which nothing fired is a failure.
#[test]
fn what_shows_nothing_is_refused() {
    let limits = Limits::default();
    for nothing in [
        |_: &Run| dial("fault+mem://b", Plan::new(0)),
        |run: &Run| dial("mem://b", run.plan()),
        |_: &Run| Ok(()),
    ] {
        let text = refused(&limits, nothing);
        let expected = "a run in which nothing fired is a failure";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("run.plan()"), "{text}");
    }

    let scenario = |run: &Run| dial("fault+mem://b", run.plan());
    for kind in [
        ErrorKind::WouldBlock,
        ErrorKind::TimedOut,
        ErrorKind::Interrupted,
        ErrorKind::NotConnected,
    ] {
        let limits = Limits::default().strike(Strike::Error(kind));
        let text = refused(&limits, scenario);
        assert!(text.contains("choose another kind"), "{text}");
        assert!(text.contains(&format!("{kind:?}")), "{text}");
    }

    let mut limits = Limits::default();
    limits.leaks = || Leaks::with_memory(|| ALLOCATOR.current_usage(), 1024);
    assert!(kth_fault(&limits, scenario).failed > 0);
    // What stays for good need not be waited for.
    limits.settle = Duration::from_millis(50);
    let text = refused(&limits, |run| {
        let result = dial("fault+mem://b", run.plan());
        if result.is_err() {
            std::mem::forget(vec![0_u8; 4096]);
        }
        result
    });
    assert!(text.contains("bytes of memory"), "{text}");
    assert!(text.contains("a connection dialled"), "{text}");
}
