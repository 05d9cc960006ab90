//! How many files the process may have open: over a network each channel is one, on either side.

/// Raises the limit to what the system allows. The usual one, 1024, is there for programs that use
/// `select`, and this is none.
#[cfg(unix)]
pub fn allow_all() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If it fails, it stays as it is; whoever needs more is told then.
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(not(unix))]
pub fn allow_all() {}
