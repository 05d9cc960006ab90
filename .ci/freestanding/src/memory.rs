//! The functions that a compiler may call wherever it likes, and expects every target to have.
//!
//! Accesses are volatile, for a compiler that recognises a copying loop replaces it by a call of `memcpy`.

use core::ptr;

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    for i in 0..len {
        // SAFETY: the caller's promise: both are `len` bytes long.
        unsafe { ptr::write_volatile(to.add(i), ptr::read_volatile(from.add(i))) };
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if to.cast_const() <= from {
        // SAFETY: the caller's promise. From the front, so that nothing is overwritten before it was read.
        return unsafe { memcpy(to, from, len) };
    }
    for i in (0..len).rev() {
        // SAFETY: the same, from the back.
        unsafe { ptr::write_volatile(to.add(i), ptr::read_volatile(from.add(i))) };
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    for i in 0..len {
        // SAFETY: the caller's promise: it is `len` bytes long.
        unsafe { ptr::write_volatile(to.add(i), byte as u8) };
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    for i in 0..len {
        // SAFETY: the caller's promise: both are `len` bytes long.
        let (a, b) = unsafe { (ptr::read_volatile(a.add(i)), ptr::read_volatile(b.add(i))) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { memcmp(a, b, len) }
}
