//! Names that live as long as the process: [`Transport::schemes`](channel::transport::Transport::schemes)
//! lends what must live as long as the transport, and a process has few schemes.

use std::collections::BTreeSet;

use parking_lot::Mutex;

pub(crate) fn interned(name: String) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock();
    if let Some(known) = names.get(name.as_str()) {
        return known;
    }
    let name: &'static str = Box::leak(name.into_boxed_str());
    names.insert(name);
    name
}
