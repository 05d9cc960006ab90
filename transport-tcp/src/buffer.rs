//! Memory for what was read ahead: a connection with nothing buffered owns none.

use std::cell::Cell;
use std::io::IoSliceMut;

/// Most that is read ahead: what one system call brings at full speed, and no more than a pipe holds.
pub(crate) const READ_AHEAD: usize = 64 * 1024;
/// So little is copied into memory of its own size: a connection with a few unread bytes costs a few
/// bytes.
const LITTLE: usize = 4 * 1024;

thread_local! {
    // One for each thread that reads, handed from connection to connection.
    static SPARE: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// A buffer of [`READ_AHEAD`] bytes, lent by the thread.
pub(crate) struct Scratch(Box<[u8]>);

impl Scratch {
    pub(crate) fn take() -> Scratch {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        Scratch(spare.unwrap_or_else(|| vec![0; READ_AHEAD].into()))
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Its bytes stay: nobody is shown more than was read into it.
        let bytes = std::mem::take(&mut self.0);
        let _ = SPARE.try_with(|spare| spare.set(Some(bytes)));
    }
}

/// What was read and not consumed.
#[derive(Default)]
pub(crate) enum Buffer {
    #[default]
    Empty,
    Little {
        bytes: Box<[u8]>,
        start: usize,
    },
    Much {
        scratch: Scratch,
        start: usize,
        end: usize,
    },
}

impl Buffer {
    /// Keeps the first `n` bytes of `scratch`.
    pub(crate) fn keep(scratch: Scratch, n: usize) -> Buffer {
        if n <= LITTLE {
            let bytes = scratch.0[..n].into();
            return Buffer::Little { bytes, start: 0 };
        }
        Buffer::Much {
            scratch,
            start: 0,
            end: n,
        }
    }

    pub(crate) fn filled(&self) -> &[u8] {
        match self {
            Buffer::Empty => &[],
            Buffer::Little { bytes, start } => &bytes[*start..],
            Buffer::Much {
                scratch,
                start,
                end,
            } => &scratch.0[*start..*end],
        }
    }

    /// Copies out as much as fits; returns how much.
    pub(crate) fn take(&mut self, out: &mut [IoSliceMut<'_>]) -> usize {
        let mut from = self.filled();
        let mut total = 0;
        for slice in out {
            let n = from.len().min(slice.len());
            slice[..n].copy_from_slice(&from[..n]);
            from = &from[n..];
            total += n;
        }
        self.consume(total);
        total
    }

    pub(crate) fn consume(&mut self, n: usize) {
        let left = self.filled().len();
        assert!(n <= left, "consume({n}) of {left} filled bytes");
        match self {
            _ if n == left => *self = Buffer::Empty,
            Buffer::Empty => {}
            Buffer::Little { start, .. } | Buffer::Much { start, .. } => *start += n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_owns_memory_while_it_holds_something() {
        for n in [1, LITTLE, LITTLE + 1, READ_AHEAD] {
            let mut scratch = Scratch::take();
            scratch.bytes().fill(7);
            let mut buffer = Buffer::keep(scratch, n);
            assert_eq!(buffer.filled().len(), n);
            buffer.consume(n / 2);
            assert!(buffer.filled().iter().all(|byte| *byte == 7));
            assert_eq!(buffer.filled().len(), n - n / 2);
            buffer.consume(n - n / 2);
            assert!(matches!(buffer, Buffer::Empty));
        }
    }

    #[test]
    #[should_panic(expected = "consume(3) of 2")]
    fn it_gives_no_more_than_it_has() {
        Buffer::keep(Scratch::take(), 2).consume(3);
    }
}
