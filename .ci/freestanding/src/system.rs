//! What a board's start-up code would be: entry, exit, and where a panic goes. Two system calls.

use core::arch::{asm, global_asm};
use core::fmt::{self, Write};
use core::panic::PanicInfo;

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "call {main}",
    main = sym crate::main,
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl _start",
    "_start:",
    "bl {main}",
    main = sym crate::main,
);

#[cfg(target_arch = "x86_64")]
const WRITE: usize = 1;
#[cfg(target_arch = "x86_64")]
const EXIT_GROUP: usize = 231;
#[cfg(target_arch = "aarch64")]
const WRITE: usize = 64;
#[cfg(target_arch = "aarch64")]
const EXIT_GROUP: usize = 94;

/// # Safety
/// As the call of that number asks for.
unsafe fn call(number: usize, a: usize, b: usize, c: usize) -> usize {
    let result;
    // SAFETY: the kernel's calling convention; it changes no memory of ours in the two calls made here.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") a, in("rsi") b, in("rdx") c,
            out("rcx") _, out("r11") _, options(nostack));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a => result, in("x1") b, in("x2") c, options(nostack));
    }
    result
}

/// Ends the program.
pub fn exit(status: u8) -> ! {
    loop {
        // SAFETY: it takes a number, and does not come back.
        unsafe { call(EXIT_GROUP, status.into(), 0, 0) };
    }
}

struct StandardError;

impl Write for StandardError {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: the kernel reads the text, which lives on. What it does not take is nobody's loss.
        unsafe { call(WRITE, 2, text.as_ptr() as usize, text.len()) };
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(StandardError, "{info}");
    exit(101)
}

/// The prebuilt `alloc` of a hosted target is made for unwinding and names these two; that of a bare one
/// is not. Panics end the program here, so nobody calls them.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {
    exit(102)
}

/// See [`rust_eh_personality`].
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    exit(102)
}
