//! From a broker's name to where it can be reached.

use std::sync::Weak;

use crate::domain::DomainInner;
use crate::endpoint::Endpoint;
use crate::transport::BoxFuture;

/// Knows where brokers are. A [`Domain`](crate::Domain) asks its resolvers in order; the first one
/// that knows the name decides.
pub trait Resolver: Send + Sync {
    /// What it is called in errors, such as `"this process"`.
    fn name(&self) -> &str;

    /// The endpoints at which the broker can be reached, to be tried in order; none if the name is
    /// unknown here. An error ends the look-up.
    fn resolve<'a>(&'a self, broker: &'a str)
    -> BoxFuture<'a, Result<Vec<Endpoint>, ResolveError>>;
}

/// A resolver could not tell whether it knows a name.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{resolver}: {reason}")]
pub struct ResolveError {
    /// The resolver's name.
    pub resolver: String,
    /// What went wrong, and what to do about it.
    pub reason: String,
}

/// The brokers of the domain itself.
pub(crate) struct InProcess(pub(crate) Weak<DomainInner>);

impl Resolver for InProcess {
    fn name(&self) -> &str {
        "this process"
    }

    fn resolve<'a>(
        &'a self,
        broker: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Endpoint>, ResolveError>> {
        Box::pin(async move {
            let found = self.0.upgrade().and_then(|domain| domain.find(broker));
            Ok(found.map(|broker| broker.at.clone()).into_iter().collect())
        })
    }
}
