//! The memory of a region, as the other process reaches it.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringbuf_core::Region;

use crate::input::Input;

// The header's layout, restated: head, tail, then the rare words.
pub const HEAD: usize = 0;
pub const TAIL: usize = 128;
const RARE: usize = 256;
const END: usize = RARE + 28_usize.next_multiple_of(WORD);
const READ: usize = END + WORD;
const HEADER: usize = Region::required_len(0);
const WORD: usize = size_of::<usize>();

/// What the guards are filled with.
const GUARD: u8 = 0xC3;

/// A region between two guards, `shift` bytes behind an aligned address.
#[derive(Debug)]
pub struct Place {
    memory: NonNull<u8>,
    layout: Layout,
    front: usize,
    len: usize,
}

impl Place {
    pub fn new(guard: usize, shift: usize, len: usize) -> Self {
        let front = guard + shift;
        let layout =
            Layout::from_size_align(front + len + guard, Region::ALIGNMENT).expect("a few pages");
        assert!(layout.size() > 0);
        // SAFETY: of more than no bytes.
        let memory = NonNull::new(unsafe { alloc(layout) });
        let memory = memory.unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: all within the allocation.
        unsafe {
            memory.write_bytes(GUARD, layout.size());
            memory.add(front).write_bytes(0, len);
        }
        Self {
            memory,
            layout,
            front,
            len,
        }
    }

    /// Where the region begins.
    pub fn ptr(&self) -> NonNull<u8> {
        // SAFETY: within the allocation.
        unsafe { self.memory.add(self.front) }
    }

    /// Fails if anything was written outside of the region.
    pub fn check_guards(&self) {
        let back = self.front + self.len;
        for at in (0..self.front).chain(back..self.layout.size()) {
            // SAFETY: within the allocation, and outside of the ring.
            let byte = unsafe { self.memory.add(at).read() };
            assert_eq!(byte, GUARD, "written {at} bytes from the guard's beginning");
        }
    }

    /// A word of the header of an attached ring.
    fn at(&self, offset: usize) -> &AtomicUsize {
        assert!(offset.is_multiple_of(WORD) && offset + WORD <= HEADER.min(self.len));
        let word = self.ptr().cast::<AtomicUsize>();
        assert!(word.is_aligned());
        // SAFETY: aligned, in the region; the ring accesses its header by atomics alone.
        unsafe { word.byte_add(offset).as_ref() }
    }

    pub fn word(&self, offset: usize) -> usize {
        self.at(offset).load(Ordering::Relaxed)
    }

    /// Writes bytes from an offset on, as far as the region goes.
    pub fn scribble(&self, offset: usize, bytes: &[u8]) {
        let room = self.len.saturating_sub(offset);
        for (i, byte) in bytes.iter().take(room).enumerate() {
            // SAFETY: within the region, and no call of the ring is going on.
            unsafe { self.ptr().add(offset + i).write(*byte) };
        }
    }

    /// Writes one of the words that `attach` looks at.
    pub fn change_constant(&self, input: &mut Input<'_>) {
        let word = usize::from(input.byte()) % ((HEADER - RARE) / 4);
        self.scribble(RARE + word * 4, &input.array::<4>());
    }

    /// What another process may do to an attached ring between two calls.
    pub fn overwrite(&self, input: &mut Input<'_>) {
        let store = |offset, value| self.at(offset).store(value, Ordering::Relaxed);
        let decided = 1_usize << (usize::BITS - 1);
        let choice = input.byte();
        let near = input.short() as i16 as usize;
        match choice % 8 {
            // Positions and ends that might be right.
            0 => store(HEAD, self.word(TAIL).wrapping_add(near)),
            1 => store(TAIL, self.word(HEAD).wrapping_sub(near)),
            2 if choice >> 3 & 1 == 0 => store(END, self.word(TAIL).wrapping_add(near) | decided),
            2 => store(READ, self.word(TAIL).wrapping_add(near) | decided),
            3 if choice >> 3 & 1 == 0 => store(END, 0),
            3 => store(READ, 0),
            // Finished and abandoned, and back again; the magic number and sleep flags.
            4 => self.scribble(RARE, &[choice >> 3 & 3]),
            5 => self.scribble(RARE + 4, input.bytes(12)),
            // Anything anywhere.
            6 => {
                let offset = near % (HEADER / WORD) * WORD;
                store(offset, input.long() as usize);
            }
            _ => {
                let n = input.byte();
                self.scribble(near % self.len, input.bytes(n.into()));
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with that layout; the rings are gone.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) };
    }
}
