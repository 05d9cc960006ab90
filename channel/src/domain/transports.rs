//! The transports of a domain, and the resolvers that they bring along.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::error::{DialError, ListenError};
use crate::resolve::Resolver;
use crate::transport::Transport;

/// The table is open: whoever adds a transport names its schemes.
#[derive(Default)]
pub(super) struct Transports {
    by_scheme: BTreeMap<String, Arc<dyn Transport>>,
    /// In the order in which they were added.
    resolvers: Vec<(Arc<dyn Transport>, Arc<dyn Resolver>)>,
}

/// Transports and resolvers that are no longer in the table. Their drop is somebody's code: not to run under
/// the table's lock.
pub(super) struct Replaced {
    _transports: Vec<Arc<dyn Transport>>,
    _resolvers: Vec<(Arc<dyn Transport>, Arc<dyn Resolver>)>,
}

impl Transports {
    /// A transport under each of `schemes`, with its resolver. One that is left without a scheme loses its own.
    #[must_use]
    pub(super) fn add(
        &mut self,
        transport: Arc<dyn Transport>,
        schemes: Vec<String>,
        resolver: Option<Arc<dyn Resolver>>,
    ) -> Replaced {
        let replaced: Vec<_> = schemes
            .into_iter()
            .filter_map(|scheme| self.by_scheme.insert(scheme, transport.clone()))
            .collect();
        self.resolvers
            .extend(resolver.map(|resolver| (transport, resolver)));
        let by_scheme = &self.by_scheme;
        let serves = |one: &Arc<dyn Transport>| by_scheme.values().any(|any| Arc::ptr_eq(any, one));
        let (kept, lost) = std::mem::take(&mut self.resolvers)
            .into_iter()
            .partition(|(transport, _)| serves(transport));
        self.resolvers = kept;
        Replaced {
            _transports: replaced,
            _resolvers: lost,
        }
    }

    pub(super) fn resolvers(&self) -> impl Iterator<Item = Arc<dyn Resolver>> {
        self.resolvers.iter().map(|(_, resolver)| resolver.clone())
    }

    pub(super) fn schemes(&self) -> impl Iterator<Item = &str> {
        self.by_scheme.keys().map(String::as_str)
    }

    /// The transport that serves an endpoint; the error lists the schemes that are known.
    pub(super) fn find(&self, endpoint: &Endpoint) -> Result<Arc<dyn Transport>, UnknownScheme> {
        // A modifier that wraps a transport is an entry of its own: `fault+mem` beside `mem`.
        let scheme = match endpoint.is_fault() {
            true => format!("fault+{}", endpoint.scheme()),
            false => endpoint.scheme().to_owned(),
        };
        let found = self.by_scheme.get(&scheme).cloned();
        found.ok_or_else(|| UnknownScheme {
            known: self.schemes().collect::<Vec<_>>().join(", "),
            scheme,
        })
    }
}

pub(crate) struct UnknownScheme {
    pub scheme: String,
    pub known: String,
}

impl From<UnknownScheme> for ListenError {
    fn from(UnknownScheme { scheme, known }: UnknownScheme) -> ListenError {
        ListenError::UnknownScheme { scheme, known }
    }
}

impl From<UnknownScheme> for DialError {
    fn from(UnknownScheme { scheme, known }: UnknownScheme) -> DialError {
        DialError::UnknownScheme { scheme, known }
    }
}
