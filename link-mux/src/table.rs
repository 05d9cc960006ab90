//! The channels of one session, by number.

use alloc::vec::Vec;

use crate::entry::Entry;

/// A number is a place in one of two tables, and a bit that says in which. So a peer's numbers are bounded by the
/// number of channels that it may open.
pub(crate) struct Table<S> {
    /// The lowest bit of the numbers of this end's channels.
    pub role: u16,
    ours: Side<S>,
    theirs: Side<S>,
    /// How many there are in both.
    pub len: usize,
    /// The receive buffers' sizes together.
    pub capacity: u64,
}

struct Side<S> {
    entries: Vec<Option<Entry<S>>>,
    free: Vec<u16>,
}

impl<S> Table<S> {
    pub(crate) fn new() -> Self {
        let side = || Side {
            entries: Vec::new(),
            free: Vec::new(),
        };
        Table {
            role: 0,
            ours: side(),
            theirs: side(),
            len: 0,
            capacity: 0,
        }
    }

    pub(crate) fn is_ours(&self, id: u16) -> bool {
        id & 1 == self.role
    }

    fn side(&mut self, id: u16) -> &mut Side<S> {
        if self.is_ours(id) {
            &mut self.ours
        } else {
            &mut self.theirs
        }
    }

    pub(crate) fn get(&self, id: u16) -> Option<&Entry<S>> {
        let side = if self.is_ours(id) {
            &self.ours
        } else {
            &self.theirs
        };
        side.entries.get(usize::from(id >> 1))?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: u16) -> Option<&mut Entry<S>> {
        let place = usize::from(id >> 1);
        self.side(id).entries.get_mut(place)?.as_mut()
    }

    /// A number for a channel of this end, of `limit` at once.
    pub(crate) fn free_number(&mut self, limit: u16) -> Option<u16> {
        let side = &mut self.ours;
        let place = match side.free.pop() {
            Some(place) => place,
            None if side.entries.len() < usize::from(limit) => {
                side.entries.push(None);
                (side.entries.len() - 1) as u16
            }
            None => return None,
        };
        Some(place << 1 | self.role)
    }

    /// Puts a channel there. `false` if the number is in use.
    pub(crate) fn insert(&mut self, id: u16, entry: Entry<S>) -> bool {
        let place = usize::from(id >> 1);
        let side = self.side(id);
        if side.entries.len() <= place {
            side.entries.resize_with(place + 1, || None);
        }
        if side.entries[place].is_some() {
            return false;
        }
        let capacity = entry.capacity;
        side.entries[place] = Some(entry);
        self.len += 1;
        self.capacity += u64::from(capacity);
        true
    }

    pub(crate) fn remove(&mut self, id: u16) -> Option<Entry<S>> {
        let place = id >> 1;
        let ours = self.is_ours(id);
        let side = self.side(id);
        let entry = side.entries.get_mut(usize::from(place))?.take()?;
        if ours {
            side.free.push(place);
        }
        self.len -= 1;
        self.capacity -= u64::from(entry.capacity);
        Some(entry)
    }

    /// Takes all of them out; memory is given back, too.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Entry<S>> + use<S> {
        let all = core::mem::replace(self, Table::new());
        let entries = all.ours.entries.into_iter().chain(all.theirs.entries);
        entries.flatten()
    }
}
