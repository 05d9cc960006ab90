//! Bulk transfers over libusb's asynchronous interface: the one file of the host's side with unsafe code.
//!
//! It owns what libusb and the kernel use while a transfer is under way: the `libusb_transfer`, and the buffer. Both
//! are taken apart into raw parts when a transfer is queued, and put together again when its callback has come; so
//! what never comes back is leaked, and never freed under somebody's hands.
//!
//! Callbacks run inside of [`Bulk::progress`] and the drop, as nobody else handles the events of this context. They
//! set a mark, and do nothing that could panic.

use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::task::Context as Task;
use std::time::{Duration, Instant};

use rusb::constants::LIBUSB_TRANSFER_TYPE_BULK;
use rusb::ffi::{
    libusb_alloc_transfer, libusb_cancel_transfer, libusb_free_pollfds, libusb_free_transfer,
    libusb_get_pollfds, libusb_set_pollfd_notifiers, libusb_submit_transfer, libusb_transfer,
};
use rusb::{Context, DeviceHandle, UsbContext};

use super::faults::{refused, result};
use super::news::gather;
use crate::bulk::{Bulk, Completion, Fault, Way};

/// How long a drop waits for the transfers that it has cancelled. The kernel gives them back within a millisecond
/// (one frame of the bus); a controller that is out of order may never do.
const CANCEL_WAIT: Duration = Duration::from_secs(1);

/// An endpoint: its address, and its largest packet in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    pub(super) address: u8,
    pub(super) packet: usize,
}

/// The two endpoints of a claimed interface, and what is queued there.
pub(super) struct Transfers {
    lanes: [Lane; 2],
    /// The device has left.
    gone: bool,
    /// Libusb does not wait for the device any more: set by [`removed`].
    removed: Arc<AtomicBool>,
    events: OwnedFd,
    /// Closed by the drop, after the transfers.
    handle: ManuallyDrop<DeviceHandle<Context>>,
}

struct Lane {
    pin: Pin,
    queue: VecDeque<Slot>,
    /// Transfers that are not under way, to be used again.
    spare: Vec<NonNull<libusb_transfer>>,
}

/// A transfer that was queued. Dropping one leaks it.
struct Slot {
    transfer: NonNull<libusb_transfer>,
    /// Of the buffer, whose address stands in the transfer.
    length: usize,
    capacity: usize,
}

// SAFETY: the pointers are to memory that this value alone owns (and libusb, which may be called from any thread).
unsafe impl Send for Transfers {}

/// What [`done`] leaves in the `user_data` of a transfer, which is null until then.
const DONE: *mut c_void = ptr::without_provenance_mut(1);

/// The callback of every transfer.
extern "system" fn done(transfer: *mut libusb_transfer) {
    // SAFETY: libusb calls this with a transfer that was queued, and does not touch it afterwards.
    let mark = unsafe { mark(transfer) };
    // Release: whoever sees the mark (`Slot::is_done`) sees the status, the count and the bytes as well.
    mark.store(DONE, Ordering::Release);
}

/// The callback for a descriptor that libusb waits on no longer: the device's, when it has left.
extern "system" fn removed(_: c_int, mark: *mut c_void) {
    // SAFETY: it is the mark of a `Transfers`, which takes this callback away before its own end.
    let mark = unsafe { &*mark.cast::<AtomicBool>().cast_const() };
    // Read on this thread, when the call that brought this is over.
    mark.store(true, Ordering::Relaxed);
}

/// The mark of a transfer.
///
/// # Safety
/// It is allocated, and remains so while the reference is used.
unsafe fn mark<'a>(transfer: *mut libusb_transfer) -> &'a AtomicPtr<c_void> {
    // SAFETY: the field is a pointer in memory that is aligned for it, and accessed by this function alone while the
    // transfer is under way.
    unsafe { AtomicPtr::from_ptr(&raw mut (*transfer).user_data) }
}

impl Slot {
    fn is_done(&self) -> bool {
        // SAFETY: a slot's transfer is freed by `take` alone, which consumes the slot.
        // Acquire: see `done`.
        unsafe { mark(self.transfer.as_ptr()) }.load(Ordering::Acquire) == DONE
    }

    /// Takes it apart.
    ///
    /// # Safety
    /// The transfer is not under way: it is done, or was not queued.
    unsafe fn take(self) -> (NonNull<libusb_transfer>, Vec<u8>) {
        let transfer = self.transfer.as_ptr();
        // SAFETY: pointer, length and capacity are those of the vector that `submit` took apart, and nobody else
        // uses it now. Libusb does not change the field.
        let buffer = unsafe { Vec::from_raw_parts((*transfer).buffer, self.length, self.capacity) };
        (self.transfer, buffer)
    }
}

impl Transfers {
    /// `handle` has claimed the interface of the two endpoints.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub(super) fn new(
        handle: DeviceHandle<Context>,
        receive: Pin,
        send: Pin,
    ) -> io::Result<Transfers> {
        let lane = |pin| Lane {
            pin,
            queue: VecDeque::new(),
            spare: Vec::new(),
        };
        let transfers = Transfers {
            lanes: [lane(receive), lane(send)],
            gone: false,
            events: events(handle.context())?,
            removed: Arc::default(),
            handle: ManuallyDrop::new(handle),
        };
        let mark = Arc::as_ptr(&transfers.removed).cast_mut().cast();
        // SAFETY: the mark lives on until the callback is taken away, in the drop. The context has one device open, and
        // is one thread's.
        unsafe {
            libusb_set_pollfd_notifiers(transfers.context().as_raw(), None, Some(removed), mark)
        };
        Ok(transfers)
    }

    fn context(&self) -> &Context {
        self.handle.context()
    }

    fn lane(&self, way: Way) -> &Lane {
        &self.lanes[way as usize]
    }

    /// Libusb does not wait for the device any more, and neither must who sleeps on the descriptor: it would be
    /// readable for ever.
    fn left(&mut self) {
        self.gone = true;
        if let Ok(events) = events(self.context()) {
            self.events = events;
        }
    }
}

impl Bulk for Transfers {
    fn packet(&self, way: Way) -> usize {
        self.lane(way).pin.packet
    }

    fn submit(&mut self, way: Way, buffer: Vec<u8>, length: usize) -> Result<(), Fault> {
        assert!(length <= buffer.len());
        if self.gone {
            return Err(Fault::Gone);
        }
        let length = c_int::try_from(length)
            .map_err(|_| Fault::System("a USB transfer has 2 GiB at most".into()))?;
        let lane = &mut self.lanes[way as usize];
        let transfer = match lane.spare.pop() {
            Some(transfer) => transfer,
            // SAFETY: it may be called at any time.
            None => NonNull::new(unsafe { libusb_alloc_transfer(0) })
                .ok_or_else(|| Fault::System("no memory for a USB transfer".into()))?,
        };
        let mut buffer = ManuallyDrop::new(buffer);
        let slot = Slot {
            transfer,
            length: buffer.len(),
            capacity: buffer.capacity(),
        };
        let raw = transfer.as_ptr();
        // SAFETY: the transfer is allocated and not under way, so it is this function's alone. (No reference to it is
        // made: a new one has no callback yet, which in Rust a function pointer always is.) The buffer has at least
        // that length (asserted above). The handle outlives it: the drop waits for what is under way, and closes the
        // handle after that.
        let code = unsafe {
            (*raw).dev_handle = self.handle.as_raw();
            (*raw).flags = 0;
            (*raw).endpoint = lane.pin.address;
            (*raw).transfer_type = LIBUSB_TRANSFER_TYPE_BULK;
            (*raw).timeout = 0;
            (*raw).length = length;
            (*raw).actual_length = 0;
            (*raw).callback = done;
            (*raw).user_data = ptr::null_mut();
            (*raw).buffer = buffer.as_mut_ptr();
            (*raw).num_iso_packets = 0;
            libusb_submit_transfer(raw)
        };
        if code == 0 {
            lane.queue.push_back(slot);
            return Ok(());
        }
        // SAFETY: it was refused.
        let (transfer, buffer) = unsafe { slot.take() };
        lane.spare.push(transfer);
        drop(buffer);
        Err(refused(code))
    }

    fn progress(&mut self, _: &mut Task<'_>) -> Result<(), Fault> {
        let handled = self.context().handle_events(Some(Duration::ZERO));
        if self.removed.swap(false, Ordering::Relaxed) {
            self.left();
        }
        match handled {
            Ok(()) | Err(rusb::Error::Interrupted) if !self.gone => Ok(()),
            Ok(()) | Err(rusb::Error::Interrupted | rusb::Error::NoDevice) => Err(Fault::Gone),
            Err(rusb::Error::Io) => Err(Fault::Io),
            Err(other) => Err(Fault::System(format!("libusb handles no events: {other}"))),
        }
    }

    fn next(&mut self, way: Way) -> Option<Completion> {
        let lane = &mut self.lanes[way as usize];
        let slot = lane.queue.pop_front_if(|first| first.is_done())?;
        // SAFETY: it is done.
        let (transfer, buffer) = unsafe { slot.take() };
        lane.spare.push(transfer);
        // SAFETY: it is allocated, and not under way.
        let (status, moved) = unsafe {
            (
                (*transfer.as_ptr()).status,
                (*transfer.as_ptr()).actual_length,
            )
        };
        Some(Completion {
            moved: usize::try_from(moved).unwrap_or(0).min(buffer.len()),
            buffer,
            result: result(status),
        })
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.events.as_fd())
    }
}

impl Drop for Transfers {
    /// Cancels what is queued, the last first: so what a device gets is a beginning of what was sent, without gaps.
    fn drop(&mut self) {
        for slot in self.lanes.iter().flat_map(|lane| lane.queue.iter().rev()) {
            // SAFETY: it was queued, and is allocated. (Libusb refuses what is over already.)
            unsafe { libusb_cancel_transfer(slot.transfer.as_ptr()) };
        }
        let until = Instant::now() + CANCEL_WAIT;
        let under_way = |lanes: &[Lane]| {
            let slots = lanes.iter().flat_map(|lane| &lane.queue);
            slots.filter(|slot| !slot.is_done()).count()
        };
        while under_way(&self.lanes) > 0 {
            let left = until.saturating_duration_since(Instant::now());
            let handled = self.handle.context().handle_events(Some(left));
            if left.is_zero() || !matches!(handled, Ok(()) | Err(rusb::Error::Interrupted)) {
                break;
            }
        }
        let leaked = under_way(&self.lanes);
        if leaked > 0 {
            tracing::warn!(
                target: "transport_usb", transfers = leaked,
                "cancelled USB transfers did not come back: their memory is not freed"
            );
        }
        for lane in &mut self.lanes {
            for slot in lane.queue.drain(..).filter(Slot::is_done) {
                // SAFETY: it is done.
                let (transfer, buffer) = unsafe { slot.take() };
                lane.spare.push(transfer);
                drop(buffer);
            }
            for transfer in lane.spare.drain(..) {
                // SAFETY: it is not under way, and nobody has it any more.
                unsafe { libusb_free_transfer(transfer.as_ptr()) };
            }
        }
        let context = self.handle.context().clone();
        // SAFETY: it is not used any more. Closing it calls back; then nothing does.
        unsafe {
            ManuallyDrop::drop(&mut self.handle);
            libusb_set_pollfd_notifiers(context.as_raw(), None, None, ptr::null_mut());
        }
        // The closing is an event; nobody is to wake up for it.
        let _ = context.handle_events(Some(Duration::ZERO));
    }
}

/// A descriptor that is readable while libusb has events to handle, with what is open at this time.
pub(super) fn events(context: &Context) -> io::Result<OwnedFd> {
    // SAFETY: it may be called at any time; the list is freed below.
    let list = unsafe { libusb_get_pollfds(context.as_raw()) };
    if list.is_null() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "libusb has no descriptors to wait on",
        ));
    }
    let mut fds = Vec::new();
    // SAFETY: the list ends with a null pointer. What the others point to is libusb's, and lives on while no device is
    // opened or closed and no events are handled: that is for the thread alone that is here.
    unsafe {
        let mut at = list;
        while let Some(entry) = (*at).as_ref() {
            fds.push((entry.fd, entry.events));
            at = at.add(1);
        }
    }
    // SAFETY: libusb holds these descriptors open at least until events are handled, or a device is closed.
    let fds = fds
        .iter()
        .map(|(fd, events)| (unsafe { BorrowedFd::borrow_raw(*fd) }, *events));
    let events = gather(fds);
    // SAFETY: it was made by libusb, and nothing uses it any more.
    unsafe { libusb_free_pollfds(list) };
    events
}
