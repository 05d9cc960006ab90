//! What the tests share.
#![allow(dead_code)]

use std::sync::atomic::{AtomicUsize, Ordering};

use channel::{Domain, Endpoint};
use transport_shm::Shm;
use transport_testkit::Subject;

/// A place that nobody else uses, where a broker can listen.
pub fn place(broker: &str) -> Endpoint {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let place = format!("test-{}-{number}", std::process::id());
    let place = Endpoint::new("shm", &place).unwrap();
    place.with_broker(broker).unwrap()
}

pub struct SharedMemory {
    pub live_memory: Option<fn() -> usize>,
    pub large: usize,
}

impl Subject for SharedMemory {
    fn name(&self) -> &str {
        "shm"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Shm::new());
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        place(broker)
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        self.live_memory
    }

    fn large(&self) -> usize {
        self.large
    }
}
