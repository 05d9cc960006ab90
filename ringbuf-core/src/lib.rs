//! A circular byte buffer for one producer and one consumer, lock-free and
//! wait-free on both sides, of fixed capacity, without allocation after
//! construction.
//!
//! | memory | made by | lends slices |
//! |---|---|---|
//! | heap | `ring` (feature `alloc`) | yes |
//! | a `static` or any value | [`Inline`] | yes |
//! | a region shared by two processes | [`Region`] | no |
//!
//! # Calls
//! - Copying: [`Producer::write`], [`Consumer::read`], and their vectored
//!   forms. 0 means full, or empty; `is_finished`, `is_abandoned` and
//!   [`Consumer::at_end`] tell that from an end.
//! - Reading ahead: [`Consumer::copy`] then [`Consumer::free`], in any memory.
//! - Lending: [`Producer::reserve`] then `commit`, [`Consumer::peek`] then
//!   `consume`: at most two slices, in memory that no other process writes.
//! - Ending: [`Producer::finish`], [`Consumer::abandon`], or either by a
//!   [`Closer`] from any thread. [`Producer::settle`] makes a finish that
//!   overtakes a write exact. [`Closer::settle_end`] and
//!   [`Closer::settle_read`] fix what counts as written and as read from a
//!   third place, which may be another process; then [`Consumer::settle`]
//!   tells the reader.
//! - Watching: an [`Observer`] sees fill and totals, beside the data path.
//!
//! # Sleeping
//! The calls above publish, and never wake. [`Producer::signal`] is the one
//! full barrier, and says whether the other side sleeps; call it once per
//! batch. A side that wants to sleep calls `prepare_sleep`, which raises its
//! flag and looks again. How to sleep and to wake is the caller's.
//!
//! ```
//! # #[cfg(feature = "alloc")] {
//! use ringbuf_core::{Sleep, ring};
//!
//! let (mut producer, mut consumer) = ring(1000)?; // holds 1024 bytes
//! let reader = std::thread::spawn(move || {
//!     let (mut total, mut bytes) = (0, [0; 64]);
//!     while !consumer.at_end().unwrap() {
//!         match consumer.read(&mut bytes).unwrap() {
//!             0 if consumer.prepare_sleep().unwrap() == Sleep::Asleep => std::thread::park(),
//!             n => total += n,
//!         }
//!     }
//!     total
//! });
//! assert_eq!(producer.write(b"hello"), Ok(5));
//! producer.finish();
//! if producer.signal().is_wake() {
//!     reader.thread().unpark();
//! }
//! assert_eq!(reader.join().unwrap(), 5);
//! # }
//! # Ok::<(), ringbuf_core::CapacityError>(())
//! ```
//!
//! # Limits and units
//! Capacities, lengths and positions are bytes. A capacity is a power of two
//! of at most [`MAX_CAPACITY`] (2^30); [`rounded_capacity`] rounds up.
//! Positions count all bytes ever written and read, and wrap at the width of
//! `usize`; a region records that width, and is refused by a program of
//! another. A target needs atomic compare-and-swap on `usize` and `u32`.
//!
//! # Trust
//! In a [`Region`] every word that another process may write is checked, also
//! in release builds: an impossible one is [`Corrupt`], and no access leaves
//! the region.
//!
//! # Sources
//! L. Lamport, "Proving the Correctness of Multiprocess Programs", IEEE TSE
//! 3(2), 1977: the queue. J. Giacomoni, T. Moseley, M. Vachharajani,
//! "FastForward for Efficient Pipeline Parallelism", PPoPP 2008, and P. Lee,
//! T. Bu, G. Chandranmenon, "A Lock-Free, Cache-Efficient Shared Ring Buffer
//! for Multi-Core Architectures" (MCRingBuffer), ANCS 2009: touching the other
//! side's cache lines less often, by a local copy of its position. M. Thompson
//! et al., "Disruptor", LMAX 2011: free-running positions on lines of their
//! own. The sleep flag is Dekker's: both sides write, fence, and look.
//!
//! # How it is checked
//! - `cargo test -p ringbuf-core --features std`: oracle, threads, a hostile
//!   process.
//! - `RUSTFLAGS="--cfg loom" cargo test --release -p ringbuf-core --test loom`:
//!   every interleaving up to 2 preemptions (`LOOM_MAX_PREEMPTIONS=3` for
//!   more), and mutants that it must notice.
//! - `RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo test --target
//!   x86_64-unknown-linux-gnu -p ringbuf-core --features std --lib --tests`.
//! - `cargo bench -p ringbuf-core --features std`.
#![no_std]

#[cfg(any(feature = "alloc", loom))]
extern crate alloc;
#[cfg(any(loom, test))]
extern crate std;

mod closer;
mod consumer;
mod copy;
mod cursor;
mod error;
mod header;
#[cfg(any(feature = "alloc", loom))]
mod heap;
#[cfg(not(loom))]
mod inline;
#[cfg(not(loom))]
mod lend;
mod memory;
mod observer;
mod producer;
#[cfg(not(loom))]
mod region;
mod sleep;
mod sync;

pub use closer::Closer;
pub use consumer::Consumer;
pub use error::{AttachError, CapacityError, Corrupt, MAX_CAPACITY, rounded_capacity};
#[cfg(any(feature = "alloc", loom))]
pub use heap::{Heap, ring, ring_starting_at};
#[cfg(not(loom))]
pub use inline::Inline;
#[cfg(not(loom))]
pub use lend::{Peeked, Reserved};
pub use memory::{Memory, Parts, Private};
pub use observer::Observer;
pub use producer::Producer;
#[cfg(not(loom))]
pub use region::Region;
pub use sleep::{Signal, Sleep};

/// The example of the README, which compiles and runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
