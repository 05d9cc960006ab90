//! Bytes that were copied out of the ring to be lent, and that are in the ring still.

use std::cell::Cell;

/// Most that is copied ahead, in bytes: it stays in the first cache.
const MOST: usize = 16 * 1024;
/// Least: all of a small message, or the beginning of a large one, of which the rest is better read straight to
/// where it is wanted.
const LEAST: usize = 512;
/// A piece that is read straight from the ring and is so large: more of that kind will come.
const LARGE: usize = 2 * 1024;

thread_local! {
    // One for each thread that lends, handed from channel to channel: one with nothing copied owns no memory.
    static SPARE: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// A buffer of [`MOST`] bytes while it holds something.
pub(crate) struct Ahead {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    /// How much is to be copied next: twice as much as last time, until a large piece is read past it.
    next: usize,
}

impl Default for Ahead {
    fn default() -> Ahead {
        Ahead {
            bytes: Box::default(),
            start: 0,
            end: 0,
            next: LEAST,
        }
    }
}

impl Ahead {
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Has an empty one filled by `fill`, which tells how much.
    pub(crate) fn fill<E>(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        // Its bytes stay: nobody is shown more than was copied into it.
        self.bytes = spare.unwrap_or_else(|| vec![0; MOST].into());
        let filled = fill(&mut self.bytes[..self.next]);
        self.next = MOST.min(2 * self.next);
        (self.start, self.end) = (0, *filled.as_ref().unwrap_or(&0));
        self.give_back();
        filled
    }

    /// Notes that `n` bytes were read straight from the ring.
    pub(crate) fn read_past(&mut self, n: usize) {
        if n >= LARGE {
            self.next = LEAST;
        }
    }

    /// Forgets the first `n` bytes.
    ///
    /// # Panics
    /// There are fewer.
    pub(crate) fn consume(&mut self, n: usize) {
        let left = self.end - self.start;
        assert!(n <= left, "consume({n}) of {left} filled bytes");
        self.start += n;
        self.give_back();
    }

    fn give_back(&mut self) {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            let bytes = std::mem::take(&mut self.bytes);
            let _ = SPARE.try_with(|spare| spare.set(Some(bytes)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(ahead: &mut Ahead, n: usize) {
        let filled = ahead.fill(|bytes| {
            bytes[..n].fill(7);
            Ok::<_, ()>(n)
        });
        assert_eq!((filled, ahead.filled().len()), (Ok(n), n));
    }

    #[test]
    fn it_owns_memory_while_it_holds_something() {
        let mut ahead = Ahead::default();
        for n in [1, LEAST] {
            fill(&mut ahead, n);
            ahead.consume(n / 2);
            assert!(ahead.filled().iter().all(|byte| *byte == 7));
            ahead.consume(n - n / 2);
            assert!(ahead.is_empty() && ahead.bytes.is_empty());
        }
        assert_eq!(ahead.fill(|_| Err("nothing")), Err("nothing"));
        assert_eq!(ahead.fill(|_| Ok::<_, ()>(0)), Ok(0));
        assert!(ahead.is_empty() && ahead.bytes.is_empty());
    }

    #[test]
    fn it_grows_with_small_reads_and_shrinks_with_large_ones() {
        let mut ahead = Ahead::default();
        let mut room = LEAST;
        while room < MOST {
            fill(&mut ahead, room);
            ahead.consume(room);
            room *= 2;
        }
        fill(&mut ahead, MOST);
        ahead.consume(MOST);
        ahead.read_past(LARGE - 1);
        fill(&mut ahead, MOST);
        ahead.consume(MOST);
        ahead.read_past(LARGE);
        assert_eq!(ahead.fill(|bytes| Ok::<_, ()>(bytes.len())), Ok(LEAST));
    }

    #[test]
    #[should_panic(expected = "consume(3) of 2")]
    fn it_gives_no_more_than_it_has() {
        let mut ahead = Ahead::default();
        fill(&mut ahead, 2);
        ahead.consume(3);
    }
}
