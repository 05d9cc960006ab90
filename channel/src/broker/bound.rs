//! Where a broker listens.

use std::fmt;
use std::sync::Weak;

use super::BrokerInner;
use super::inner::local_key;
use crate::endpoint::Endpoint;
use crate::reception::Job;

/// A place where a broker listens. Dropping it changes nothing, and keeping it does not keep the
/// broker.
#[derive(Clone)]
pub struct Bound {
    pub(super) broker: Weak<BrokerInner>,
    pub(super) endpoint: Endpoint,
    pub(super) job: Option<Job>,
}

impl Bound {
    /// Where it is, with what the request left open (a port number 0, say) filled in. Others connect
    /// to this.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Stops listening there. Whoever waits in the line already stays.
    pub fn close(&self) {
        if let Some(job) = &self.job {
            return job.cancel();
        }
        let Some(broker) = self.broker.upgrade() else {
            return;
        };
        let mut local = broker.local.lock();
        let key = local_key(&self.endpoint);
        let ours = local
            .get(&key)
            .is_some_and(|listener| listener.local() == &self.endpoint);
        let listener = if ours { local.remove(&key) } else { None };
        drop(local);
        // A transport's code: not under the lock.
        drop(listener);
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bound")
            .field(&self.endpoint.to_string())
            .finish()
    }
}
