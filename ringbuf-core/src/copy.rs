//! The one place that moves bytes into and out of a ring.
//!
//! Every copying call ends here, on private memory and on a region that
//! another process can write alike. Such a process is outside of what the
//! language describes; what it does to a byte while it is copied can only
//! change the value that is copied, since nothing here looks at a value.

use crate::sync::Byte;

/// Copies `src` to the bytes at `dst`.
///
/// # Safety
/// `dst` points to `src.len()` bytes of a ring that only the caller accesses
/// (in this process) during the call.
#[inline]
pub(crate) unsafe fn copy_in(dst: *const Byte, src: &[u8]) {
    #[cfg(not(loom))]
    // SAFETY: the caller promises the target; a slice of the caller cannot
    // overlap it, because ring memory is lent out only under a borrow that
    // excludes this call.
    unsafe {
        copy(src.as_ptr(), Byte::raw_get(dst), src.len());
    }
    #[cfg(loom)]
    for (i, byte) in src.iter().enumerate() {
        // SAFETY: within the promised target.
        unsafe { (*dst.add(i)).with_mut(|p| *p = *byte) };
    }
}

/// Copies the bytes at `src` to `dst`.
///
/// # Safety
/// `src` points to `dst.len()` bytes of a ring that nobody (in this process)
/// writes during the call.
#[inline]
pub(crate) unsafe fn copy_out(src: *const Byte, dst: &mut [u8]) {
    #[cfg(not(loom))]
    // SAFETY: the caller promises the source; for overlap see `copy_in`.
    unsafe {
        copy(Byte::raw_get(src), dst.as_mut_ptr(), dst.len());
    }
    #[cfg(loom)]
    for (i, byte) in dst.iter_mut().enumerate() {
        // SAFETY: within the promised source.
        unsafe { (*src.add(i)).with(|p| *byte = *p) };
    }
}

/// Asks the processor for the cache line of a byte, without accessing it.
#[inline]
pub(crate) fn prefetch(at: *const Byte) {
    #[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
    // SAFETY: a hint; it reads nothing that could be observed and never
    // faults. Every x86-64 processor has it.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(loom), not(miri))))]
    let _ = at;
}

/// Copies `len` bytes, few of them without a call.
///
/// # Safety
/// As for `core::ptr::copy_nonoverlapping`.
#[cfg(not(loom))]
#[inline]
unsafe fn copy(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: forwarded; each pair of blocks lies within `len` bytes and
    // covers them, overlapping in the middle.
    unsafe {
        match len {
            8..=16 => ends::<8>(src, dst, len),
            17..=32 => ends::<16>(src, dst, len),
            33..=64 => ends::<32>(src, dst, len),
            _ => core::ptr::copy_nonoverlapping(src, dst, len),
        }
    }
}

/// Copies the first `N` and the last `N` of `len` bytes.
///
/// # Safety
/// As for `core::ptr::copy_nonoverlapping`, and `N <= len`.
#[cfg(not(loom))]
#[inline(always)]
unsafe fn ends<const N: usize>(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: forwarded; an array of bytes needs no alignment.
    unsafe {
        let first = src.cast::<[u8; N]>().read();
        let last = src.add(len - N).cast::<[u8; N]>().read();
        dst.cast::<[u8; N]>().write(first);
        dst.add(len - N).cast::<[u8; N]>().write(last);
    }
}
