//! Memory for ciphertext while a call works on it, lent by the thread.

use std::cell::Cell;

use super::session::{FRAGMENT, SEALED};
use crate::buffer::READ_AHEAD;

const LENGTH: usize = SEALED + FRAGMENT;
const _: () = assert!(LENGTH >= READ_AHEAD);

thread_local! {
    static SPARE: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// A buffer for at most [`READ_AHEAD`] bytes received, or for what is to be sent.
pub(super) struct Wire(Box<[u8]>);

impl Wire {
    pub(super) fn take() -> Wire {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        Wire(spare.unwrap_or_else(|| vec![0; LENGTH].into()))
    }

    /// Room for [`SEALED`] bytes of ciphertext, and for a record's plaintext.
    pub(super) fn split(&mut self) -> (&mut [u8], &mut [u8]) {
        self.0.split_at_mut(SEALED)
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.0);
        let _ = SPARE.try_with(|spare| spare.set(Some(bytes)));
    }
}
