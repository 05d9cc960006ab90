//! Transfers of FunctionFS that wait in the kernel: Linux's asynchronous I/O (`io_submit(2)`). The one file of this end
//! with unsafe code.
//!
//! A buffer belongs to the kernel from its submission to its completion: until then it is only an address here, so that
//! whatever goes wrong leaks it, and nothing that the kernel may still write is used for something else.

use std::ffi::{c_long, c_uint, c_ulong};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use rustix::event::{EventfdFlags, eventfd};
use rustix::ioctl;

/// What a transfer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// `IOCB_CMD_PREAD`
    Read = 0,
    /// `IOCB_CMD_PWRITE`
    Write = 1,
}

/// A context of the kernel's, for a fixed number of transfers at a time.
pub(super) struct Aio {
    id: c_ulong,
    /// Counts completions.
    event: OwnedFd,
    /// Never moved: the kernel knows a transfer by the address of its control block.
    slots: Box<[Slot]>,
    free: Vec<usize>,
}

#[derive(Default)]
struct Slot {
    control: Control,
    lent: Option<Lent>,
}

/// A transfer that is over.
pub(super) struct Done {
    /// As [`Aio::submit`] has said.
    pub(super) slot: usize,
    pub(super) buffer: Vec<u8>,
    pub(super) result: io::Result<usize>,
}

impl Aio {
    /// A context for so many transfers.
    pub(super) fn new(most: usize) -> io::Result<Aio> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let mut id: c_ulong = 0;
        // SAFETY: `io_setup(2)` writes the context's id to that address, which lives throughout the call.
        check(unsafe { libc::syscall(libc::SYS_io_setup, most as c_uint, &raw mut id) })?;
        Ok(Aio {
            id,
            event,
            slots: (0..most).map(|_| Slot::default()).collect(),
            free: (0..most).rev().collect(),
        })
    }

    /// Readable since a transfer was over. (Nobody resets it: it is to be watched for its edges.)
    pub(super) fn event(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    /// Hands a transfer to the kernel: reads into the first `length` bytes of `buffer`, or writes them.
    ///
    /// # Errors
    /// It was not taken. (What the file says, such as that it is closed, is told by [`reap`](Aio::reap).)
    ///
    /// # Panics
    /// `buffer` is shorter than that.
    pub(super) fn submit(
        &mut self,
        operation: Operation,
        file: BorrowedFd<'_>,
        buffer: Vec<u8>,
        length: usize,
    ) -> io::Result<usize> {
        assert!(length <= buffer.len());
        let Some(&index) = self.free.last() else {
            return Err(io::Error::other(format!(
                "more than {} transfers are in flight",
                self.slots.len()
            )));
        };
        let lent = Lent::new(buffer);
        let slot = &mut self.slots[index];
        slot.control = Control {
            data: index as u64,
            operation: operation as u16,
            file: file.as_raw_fd() as u32,
            buffer: lent.address as u64,
            bytes: length as u64,
            flags: Control::TELLS_EVENT,
            event: self.event.as_raw_fd() as u32,
            ..Control::default()
        };
        let control: *mut Control = &raw mut slot.control;
        let mut list = [control];
        // SAFETY: the list has one control block, which stays where it is, as does the buffer that it names, with at
        // most all of its length (asserted above): a slot's memory is never moved, and a lent buffer neither used nor
        // freed until the kernel has given it back.
        let taken = unsafe {
            let one: c_long = 1;
            libc::syscall(libc::SYS_io_submit, self.id, one, list.as_mut_ptr())
        };
        match check(taken) {
            Ok(1..) => {
                slot.lent = Some(lent);
                self.free.pop();
                Ok(index)
            }
            refused => {
                // SAFETY: the kernel has not taken it.
                drop(unsafe { lent.back() });
                Err(refused
                    .err()
                    .unwrap_or_else(|| io::ErrorKind::WouldBlock.into()))
            }
        }
    }

    /// Asks the kernel to end a transfer early, which is told as the end of any other.
    pub(super) fn cancel(&mut self, slot: usize) {
        if self.slots[slot].lent.is_none() {
            return;
        }
        let mut unused = Event::default();
        let control: *mut Control = &raw mut self.slots[slot].control;
        // SAFETY: the control block is the one that was submitted, unmoved; the kernel writes to neither, but may.
        // That it is over already, or that it will end, are both told as errors.
        let _ = unsafe { libc::syscall(libc::SYS_io_cancel, self.id, control, &raw mut unused) };
    }

    /// Takes what is over by now.
    pub(super) fn reap(&mut self, mut each: impl FnMut(Done)) -> io::Result<()> {
        let mut events = [Event::default(); AT_ONCE];
        loop {
            // SAFETY: there is room for that many events. Without a time limit, and with a minimum of none, the call
            // does not wait.
            let count = check(unsafe {
                let (least, most): (c_long, c_long) = (0, AT_ONCE as c_long);
                let limit: *const libc::timespec = ptr::null();
                let into = events.as_mut_ptr();
                libc::syscall(libc::SYS_io_getevents, self.id, least, most, into, limit)
            });
            let count = match count {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count? as usize,
            };
            for event in &events[..count] {
                let slot = event.data as usize;
                let Some(lent) = self.slots.get_mut(slot).and_then(|slot| slot.lent.take()) else {
                    continue;
                };
                self.free.push(slot);
                each(Done {
                    slot,
                    // SAFETY: the kernel says that it is done with it.
                    buffer: unsafe { lent.back() },
                    result: match usize::try_from(event.result) {
                        Ok(moved) => Ok(moved),
                        Err(_) => Err(io::Error::from_raw_os_error(-event.result as i32)),
                    },
                });
            }
            if count < AT_ONCE {
                return Ok(());
            }
        }
    }
}

/// Cancels what is in flight, and waits until the kernel has let go of it.
impl Drop for Aio {
    fn drop(&mut self) {
        // SAFETY: the context is this one's own, and used no more.
        let destroyed = check(unsafe { libc::syscall(libc::SYS_io_destroy, self.id) });
        if let Err(error) = destroyed {
            // The kernel may still write to the buffers: they stay lent for good, and so do the control blocks.
            tracing::warn!(target: "transport_usb", %error, "transfers could not be cancelled: their memory is left");
            std::mem::forget(std::mem::take(&mut self.slots));
            return;
        }
        for lent in self.slots.iter_mut().filter_map(|slot| slot.lent.take()) {
            // SAFETY: `io_destroy(2)` has cancelled all transfers, and waited for their ends.
            drop(unsafe { lent.back() });
        }
    }
}

/// The largest packet of an endpoint at the speed of the bus.
///
/// # Errors
/// The endpoint is not enabled.
pub(super) fn largest_packet(endpoint: BorrowedFd<'_>) -> io::Result<usize> {
    /// A descriptor of an endpoint, with the two bytes that only audio has.
    type Descriptor = [u8; 9];
    /// `FUNCTIONFS_ENDPOINT_DESC`
    const OPCODE: ioctl::Opcode = ioctl::opcode::read::<Descriptor>(b'g', 130);

    let mut descriptor: Descriptor = [0; 9];
    // SAFETY: this request writes a descriptor of an endpoint, of that size at most, and does nothing else.
    unsafe {
        ioctl::ioctl(
            endpoint,
            ioctl::Updater::<OPCODE, Descriptor>::new(&mut descriptor),
        )
    }?;
    // The bits above are for transfers that are not bulk.
    Ok(usize::from(
        u16::from_le_bytes([descriptor[4], descriptor[5]]) & 0x7ff,
    ))
}

/// How many completions are fetched with one call.
const AT_ONCE: usize = 32;

fn check(result: c_long) -> io::Result<c_long> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

/// A buffer in the kernel's hands. Dropped, it is leaked.
struct Lent {
    address: *mut u8,
    length: usize,
    capacity: usize,
}

// SAFETY: it is the address of a buffer that nobody else has.
unsafe impl Send for Lent {}

impl Lent {
    fn new(buffer: Vec<u8>) -> Lent {
        let mut buffer = ManuallyDrop::new(buffer);
        Lent {
            address: buffer.as_mut_ptr(),
            length: buffer.len(),
            capacity: buffer.capacity(),
        }
    }

    /// # Safety
    /// The kernel does not use it any more.
    unsafe fn back(self) -> Vec<u8> {
        // SAFETY: the parts are those of a vector that was taken apart, all of its length initialised; and the caller
        // says that it is used by nobody else.
        unsafe { Vec::from_raw_parts(self.address, self.length, self.capacity) }
    }
}

/// `struct iocb`
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Control {
    data: u64,
    /// The kernel's, with flags that are not used here.
    key: [u32; 2],
    operation: u16,
    priority: i16,
    file: u32,
    buffer: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    event: u32,
}

impl Control {
    /// `IOCB_FLAG_RESFD`: completions are counted by the event.
    const TELLS_EVENT: u32 = 1;
}

/// `struct io_event`
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Event {
    data: u64,
    control: u64,
    /// Bytes, or an error's number below zero.
    result: i64,
    result2: i64,
}

const _: () = assert!(size_of::<Control>() == 64 && size_of::<Event>() == 32);
