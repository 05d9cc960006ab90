//! The heap: one piece of memory, given out from its beginning to its end. Only the last block that was
//! given out can come back.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

const SIZE: usize = 64 << 20;

struct Heap {
    memory: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

#[global_allocator]
static HEAP: Heap = Heap {
    memory: UnsafeCell::new([0; SIZE]),
    used: AtomicUsize::new(0),
};

// SAFETY: no byte is given to two; the program has one thread besides.
unsafe impl Sync for Heap {}

// SAFETY: every block lies inside the memory, aligned, behind all that are in use.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.memory.get().cast::<u8>();
        let used = self.used.load(Ordering::Relaxed);
        let start = used + base.wrapping_add(used).align_offset(layout.align());
        match start.checked_add(layout.size()) {
            Some(end) if end <= SIZE => {
                self.used.store(end, Ordering::Relaxed);
                base.wrapping_add(start)
            }
            _ => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let start = block as usize - self.memory.get() as usize;
        if start + layout.size() == self.used.load(Ordering::Relaxed) {
            self.used.store(start, Ordering::Relaxed);
        }
    }
}
