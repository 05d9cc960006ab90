//! What the tests of the ring share.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::ptr::NonNull;

use ringbuf_core::{Consumer, Corrupt, Heap, Inline, Memory, Producer, Region};

/// Positions that the tests start from: the last two see them wrap.
pub const STARTS: [usize; 4] = [0, 77, usize::MAX, usize::MAX - 1000];

/// The byte at a place of the test stream.
pub fn byte_at(place: usize) -> u8 {
    ((place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
}

/// A small random generator (xorshift64*), seeded, for choices in threads.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 32) as usize % limit
    }
}

/// Writing in place where the memory allows it, and by copying elsewhere: so
/// one test text serves all kinds of memory.
pub trait LendingWrite {
    fn write_in_place(&mut self, bytes: &[u8]) -> Result<usize, Corrupt>;
}

/// Reading in place where the memory allows it, and by copying elsewhere.
pub trait LendingRead {
    fn read_in_place(&mut self, bytes: &mut [u8]) -> Result<usize, Corrupt>;

    /// What `filled` shows, if it exists.
    fn shown(&self) -> Option<Vec<u8>>;
}

macro_rules! lending {
    ($memory:ty $(, $n:ident)?) => {
        impl$(<const $n: usize>)? LendingWrite for Producer<$memory> {
            fn write_in_place(&mut self, bytes: &[u8]) -> Result<usize, Corrupt> {
                let mut free = self.reserve()?;
                let n = bytes.len().min(free.len());
                let (first, second) = free.slices();
                let cut = n.min(first.len());
                first[..cut].copy_from_slice(&bytes[..cut]);
                second[..n - cut].copy_from_slice(&bytes[cut..n]);
                free.commit(n);
                Ok(n)
            }
        }

        impl$(<const $n: usize>)? LendingRead for Consumer<$memory> {
            fn read_in_place(&mut self, bytes: &mut [u8]) -> Result<usize, Corrupt> {
                let filled = self.peek()?;
                let n = bytes.len().min(filled.len());
                let (first, second) = filled.slices();
                let cut = n.min(first.len());
                bytes[..cut].copy_from_slice(&first[..cut]);
                bytes[cut..n].copy_from_slice(&second[..n - cut]);
                if n % 2 == 0 {
                    filled.consume(n);
                } else {
                    self.consume(n);
                }
                Ok(n)
            }

            fn shown(&self) -> Option<Vec<u8>> {
                let (first, second) = self.filled();
                Some([first, second].concat())
            }
        }
    };
}

lending!(Heap);
lending!(&Inline<N>, N);

impl<K> LendingWrite for Producer<Region<K>> {
    fn write_in_place(&mut self, bytes: &[u8]) -> Result<usize, Corrupt> {
        self.write(bytes)
    }
}

impl<K> LendingRead for Consumer<Region<K>> {
    fn read_in_place(&mut self, bytes: &mut [u8]) -> Result<usize, Corrupt> {
        self.read(bytes)
    }

    fn shown(&self) -> Option<Vec<u8>> {
        None
    }
}

/// Plain memory that a region can be made in.
pub struct Pages {
    ptr: NonNull<u8>,
    layout: std::alloc::Layout,
}

// SAFETY: an owned allocation.
unsafe impl Send for Pages {}
// SAFETY: it has no safe access.
unsafe impl Sync for Pages {}

impl Pages {
    pub fn new(len: usize) -> Self {
        let layout = std::alloc::Layout::from_size_align(len, 4096).unwrap();
        // SAFETY: the length is not 0. Filled with garbage, as a region may be.
        let ptr = unsafe {
            let ptr = std::alloc::alloc(layout);
            ptr.write_bytes(0xA5, len);
            ptr
        };
        Self {
            ptr: NonNull::new(ptr).unwrap(),
            layout,
        }
    }

    pub fn ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    pub fn len(&self) -> usize {
        self.layout.size()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with that layout.
        unsafe { std::alloc::dealloc(self.ptr.as_ptr(), self.layout) };
    }
}

/// A region's two halves, in plain memory.
pub type Shared = Region<std::sync::Arc<Pages>>;

pub fn region(capacity: usize, start: usize) -> (Producer<Shared>, Consumer<Shared>) {
    let pages = std::sync::Arc::new(Pages::new(Region::required_len(capacity)));
    let (ptr, len) = (pages.ptr(), pages.len());
    // SAFETY: the pages live as long as their `Arc`; each half is made once.
    unsafe {
        let region = Region::create_starting_at(ptr, len, capacity, pages, start).unwrap();
        let again = Region::attach(ptr, len, region.keep().clone()).unwrap();
        (
            region.into_producer().unwrap(),
            again.into_consumer().unwrap(),
        )
    }
}

/// Both halves at once, for generic test texts.
pub trait Halves: Memory + Clone + Send + Sync {}
impl<M: Memory + Clone + Send + Sync> Halves for M {}
