//! A transport behind the fault injector, as the suite is to test it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use channel::transport::Transport;
use channel::{Domain, Endpoint};

use crate::fault::{Counters, Fault, Plan};
use crate::subject::Subject;

/// The subject, but for what is added to domains, and where.
pub(super) struct Faulty<S, M> {
    pub(super) subject: S,
    /// Its name in reports.
    pub(super) name: String,
    /// Makes what is wrapped.
    pub(super) make: M,
    pub(super) plan: Plan,
    /// What all injectors count together.
    pub(super) counters: Arc<Counters>,
    /// How many domains there are: each has faults of its own.
    pub(super) domains: AtomicU64,
}

impl<S, M, T> Subject for Faulty<S, M>
where
    S: Subject,
    M: Fn() -> T + Send + Sync + 'static,
    T: Transport + 'static,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn add_to(&self, domain: &Domain) {
        // Relaxed: only uniqueness counts.
        let number = self.domains.fetch_add(1, Ordering::Relaxed);
        let plan = self.plan.clone().seeded(number);
        domain.add(Fault::counting((self.make)(), plan, self.counters.clone()));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        self.subject.endpoint(broker).with_fault()
    }

    fn large(&self) -> usize {
        self.subject.large()
    }

    fn many(&self) -> usize {
        self.subject.many()
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        self.subject.live_memory()
    }
}
