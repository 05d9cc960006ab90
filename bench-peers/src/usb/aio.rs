//! The device's end of the bare loop: Linux AIO on the two endpoint files of FunctionFS.

use super::bare::{Bare, IN_FLIGHT, Way};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

/// Of `linux/aio_abi.h`, in the order of little-endian machines.
#[repr(C)]
#[derive(Default)]
struct Iocb {
    data: u64,
    key: u32,
    rw_flags: i32,
    opcode: u16,
    priority: i16,
    file: u32,
    buffer: u64,
    length: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    event: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Event {
    data: u64,
    object: u64,
    result: i64,
    more: i64,
}

const PREAD: u16 = 0;
const PWRITE: u16 = 1;
/// The completion is told by an eventfd as well.
const TOLD: u32 = 1;

/// Transfers of one endpoint file, used again and again in turn.
struct Queue {
    file: File,
    opcode: u16,
    buffers: Vec<Box<[u8]>>,
    /// What the transfer moved, once it is over.
    results: Vec<Option<i64>>,
    /// Transfers that were submitted and taken so far.
    submitted: usize,
    taken: usize,
}

impl Queue {
    fn new(file: File, opcode: u16, size: usize) -> Self {
        Self {
            file,
            opcode,
            buffers: (0..IN_FLIGHT)
                .map(|_| vec![0; size].into_boxed_slice())
                .collect(),
            results: vec![None; IN_FLIGHT],
            submitted: 0,
            taken: 0,
        }
    }
}

/// Both endpoints, and the kernel's queue of their transfers.
pub struct Aio {
    context: u64,
    queues: [Queue; 2],
    event: Option<OwnedFd>,
}

impl Aio {
    /// Over the endpoint files, with transfers of up to `size` bytes. `event` is told of completions.
    pub fn new(receive: File, send: File, size: usize, event: Option<OwnedFd>) -> Self {
        let mut context = 0;
        // SAFETY: `context` is a valid place for the answer.
        let done = unsafe {
            libc::syscall(
                libc::SYS_io_setup,
                2 * IN_FLIGHT as libc::c_long,
                &mut context,
            )
        };
        assert_eq!(done, 0, "io_setup: {}", io::Error::last_os_error());
        Self {
            context,
            queues: [
                Queue::new(receive, PREAD, size),
                Queue::new(send, PWRITE, size),
            ],
            event,
        }
    }

    /// Waits for at least so many completions, and notes all there are.
    fn note(&mut self, least: libc::c_long) {
        let mut events = [Event::default(); 2 * IN_FLIGHT];
        // SAFETY: `events` has as many places as is said; a null timeout waits without limit.
        let count = unsafe {
            libc::syscall(
                libc::SYS_io_getevents,
                self.context,
                least,
                events.len(),
                events.as_mut_ptr(),
                ptr::null_mut::<libc::timespec>(),
            )
        };
        assert!(
            count >= least,
            "io_getevents: {}",
            io::Error::last_os_error()
        );
        for event in &events[..count as usize] {
            let (way, slot) = (
                event.data as usize / IN_FLIGHT,
                event.data as usize % IN_FLIGHT,
            );
            self.queues[way].results[slot] = Some(event.result);
        }
    }
}

impl Bare for Aio {
    fn buffer(&mut self, way: Way) -> Option<&mut [u8]> {
        let queue = &mut self.queues[way as usize];
        let free = queue.submitted - queue.taken < IN_FLIGHT;
        free.then(|| &mut *queue.buffers[queue.submitted % IN_FLIGHT])
    }

    fn submit(&mut self, way: Way, length: usize) {
        let queue = &mut self.queues[way as usize];
        assert!(queue.submitted - queue.taken < IN_FLIGHT);
        let slot = queue.submitted % IN_FLIGHT;
        queue.submitted += 1;
        let buffer = &mut queue.buffers[slot][..length];
        let event = self.event.as_ref().map(|event| event.as_raw_fd() as u32);
        let mut request = Iocb {
            data: (way as usize * IN_FLIGHT + slot) as u64,
            opcode: queue.opcode,
            file: queue.file.as_raw_fd() as u32,
            buffer: buffer.as_mut_ptr() as u64,
            length: length as u64,
            flags: event.map_or(0, |_| TOLD),
            event: event.unwrap_or(0),
            ..Iocb::default()
        };
        let mut requests = [&raw mut request];
        // SAFETY: the kernel copies the request; its buffer is not touched until the transfer is over, and lives
        // as long as the context.
        let done =
            unsafe { libc::syscall(libc::SYS_io_submit, self.context, 1, requests.as_mut_ptr()) };
        assert_eq!(done, 1, "io_submit: {}", io::Error::last_os_error());
    }

    fn take(&mut self, way: Way) -> Option<&[u8]> {
        let queue = &mut self.queues[way as usize];
        let slot = queue.taken % IN_FLIGHT;
        let moved = queue.results[slot].take()?;
        queue.taken += 1;
        assert!(
            moved >= 0,
            "a transfer: {}",
            io::Error::from_raw_os_error(-moved as i32)
        );
        Some(&queue.buffers[slot][..moved as usize])
    }

    fn wait(&mut self) {
        self.note(1);
    }

    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, rustix::event::PollFlags)> {
        let event = self.event.as_ref().expect("an event was given");
        vec![(event.as_fd(), rustix::event::PollFlags::IN)]
    }

    fn progress(&mut self) {
        let event = self.event.as_ref().expect("an event was given");
        // It is non-blocking: nothing there is no error.
        let _ = rustix::io::read(event, &mut [0; 8]);
        self.note(0);
    }
}

impl Drop for Aio {
    fn drop(&mut self) {
        // SAFETY: it waits until the kernel is done with all buffers, which go after it.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.context) };
    }
}
