//! Where atomics and data bytes come from: `core`, or loom's under
//! `--cfg loom`, which then sees every race on either.
//!
//! Also owns the mutants: deliberate mistakes that only a loom build
//! contains, each of which `tests/loom.rs` must notice.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

/// One byte of a ring.
#[cfg(not(loom))]
pub(crate) type Byte = core::cell::UnsafeCell<u8>;

/// One byte of a ring, whose accesses loom checks for races.
#[cfg(loom)]
pub(crate) type Byte = loom::cell::UnsafeCell<u8>;

/// Whether the mutant of that name was chosen (environment variable
/// `RINGBUF_MUTANT`) for this run of the model checker.
#[cfg(loom)]
pub(crate) fn is_mutant(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<std::string::String>> = std::sync::OnceLock::new();
    CHOSEN
        .get_or_init(|| std::env::var("RINGBUF_MUTANT").ok())
        .as_deref()
        == Some(name)
}

/// `mutant!("name", wrong, right)` is `right`; in a loom build it is `wrong`
/// when that mutant was chosen.
#[cfg(not(loom))]
macro_rules! mutant {
    ($name:literal, $wrong:expr, $right:expr) => {
        $right
    };
}

#[cfg(loom)]
macro_rules! mutant {
    ($name:literal, $wrong:expr, $right:expr) => {
        if crate::sync::is_mutant($name) {
            $wrong
        } else {
            $right
        }
    };
}

pub(crate) use mutant;
