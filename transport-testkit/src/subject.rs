//! What the suite has to be told about a transport.

use channel::{Domain, Endpoint};

/// A transport under test. What is not said here has a default.
///
/// The suite makes a domain for the side that listens and another one for the side that connects, so
/// that nothing but the transport connects them. A transport whose two ends lie in one domain
/// ([`Transport::is_local`](channel::transport::Transport::is_local), such as `mem:`) gets one
/// domain for both.
pub trait Subject: Send + Sync + 'static {
    /// What it is called in reports.
    fn name(&self) -> &str;

    /// Adds the transport to a domain.
    fn add_to(&self, domain: &Domain);

    /// A fresh place where the broker `broker` is to listen; nothing listens there yet. What it leaves
    /// open (a port number 0, say) is filled in by the listener. Across two processes, it has to mean the
    /// same in both.
    fn endpoint(&self, broker: &str) -> Endpoint;

    /// How many bytes count as a large transfer: more than all buffers on the way hold. Slow lines
    /// choose less.
    fn large(&self) -> usize {
        1 << 20
    }

    /// How many channels count as many.
    fn many(&self) -> usize {
        200
    }

    /// Tells how many bytes of memory are allocated now, if the test program has an allocator that
    /// counts. The tests about what is left behind look at it.
    fn live_memory(&self) -> Option<fn() -> usize> {
        None
    }
}
