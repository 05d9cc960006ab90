//! The first bytes of several slices.

use std::io::{IoSlice, IoSliceMut};

pub(super) fn total<'a>(lengths: impl Iterator<Item = usize> + 'a) -> usize {
    lengths.fold(0, usize::saturating_add)
}

/// The first `most` bytes of `bufs`.
pub(super) fn front<'a>(bufs: &'a [IoSlice<'_>], mut most: usize) -> Vec<IoSlice<'a>> {
    let mut front = Vec::new();
    for buf in bufs {
        if most == 0 {
            break;
        }
        let n = buf.len().min(most);
        most -= n;
        front.push(IoSlice::new(&buf[..n]));
    }
    front
}

/// The same, to be written to.
pub(super) fn front_mut<'a>(out: &'a mut [IoSliceMut<'_>], mut most: usize) -> Vec<IoSliceMut<'a>> {
    let mut front = Vec::new();
    for buf in out {
        if most == 0 {
            break;
        }
        let n = buf.len().min(most);
        most -= n;
        front.push(IoSliceMut::new(&mut buf[..n]));
    }
    front
}
