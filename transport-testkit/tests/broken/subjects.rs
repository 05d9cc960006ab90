//! The broken transports as subjects of the suite.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use channel::mem::Mem;
use channel::{Domain, Endpoint};
use transport_testkit::{Report, Subject};

use crate::flaw::Flaw;
use crate::transport::Broken;
use crate::unix;

/// How long a test of a broken transport may take that does not hang: it takes a fraction of it.
pub const LIMIT: Duration = Duration::from_secs(3);

/// How long one may take that hangs: it takes all of it.
pub const SOON: Duration = Duration::from_millis(600);

pub struct Memory(pub Flaw);

impl Subject for Memory {
    fn name(&self) -> &str {
        "broken mem"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Broken::new(Box::new(Mem::new()), None, self.0));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        Mem::endpoint(broker).unwrap()
    }
}

pub struct Sockets(Flaw, tempfile::TempDir);

impl Subject for Sockets {
    fn name(&self) -> &str {
        "broken unix"
    }

    fn add_to(&self, domain: &Domain) {
        let directory = self.1.path();
        let inner = Box::new(unix::Unix::new(directory));
        domain.add(Broken::new(inner, Some(directory.to_owned()), self.0));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let place = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        Endpoint::new("unix", &place)
            .unwrap()
            .with_broker(broker)
            .unwrap()
    }
}

pub fn sockets(flaw: Flaw) -> Sockets {
    Sockets(flaw, tempfile::tempdir().unwrap())
}

/// The suite must fail, name this promise, and say what was promised.
#[track_caller]
pub fn must_blame(promise: &str, report: &Report) {
    println!("{report}");
    assert!(report.blames(promise), "{promise} is not blamed:\n{report}");
    for failure in report.failures() {
        let text = report.to_string();
        let line = format!("{}  {}: ", failure.promise(), failure.name());
        assert!(text.contains(&line), "not in the report: {line}");
    }
}
