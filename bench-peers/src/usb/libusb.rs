//! The host's end of the bare loop: asynchronous transfers of libusb.

use super::bare::{Bare, IN_FLIGHT, Way};
use rusb::ffi::{self, constants};
use rusb::{Context, DeviceHandle, Direction, UsbContext};
use rustix::event::PollFlags;
use std::ffi::c_void;
use std::os::fd::BorrowedFd;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The opened device, claimed.
pub struct Cable {
    context: Context,
    handle: DeviceHandle<Context>,
    /// The endpoints' addresses: receive, send.
    endpoints: [u8; 2],
}

/// How long the device may take to appear.
const APPEARS: Duration = Duration::from_secs(20);

impl Cable {
    /// Opens the device with these ids, and takes its only interface.
    pub fn open(vendor: u16, product: u16) -> Self {
        let context = Context::new().expect("libusb");
        let begun = Instant::now();
        let handle = loop {
            match context.open_device_with_vid_pid(vendor, product) {
                Some(handle) if handle.device().active_config_descriptor().is_ok() => break handle,
                _ if begun.elapsed() > APPEARS => panic!("the gadget does not appear"),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        handle.claim_interface(0).expect("nobody else wants it");
        let configuration = handle
            .device()
            .active_config_descriptor()
            .expect("it has one");
        let interface = configuration.interfaces().next().expect("an interface");
        let setting = interface.descriptors().next().expect("a setting");
        let endpoint = |direction| {
            let mut all = setting.endpoint_descriptors();
            let found = all.find(|endpoint| endpoint.direction() == direction);
            found.expect("an endpoint each way").address()
        };
        let endpoints = [endpoint(Direction::In), endpoint(Direction::Out)];
        Self {
            context,
            handle,
            endpoints,
        }
    }

    /// Its endpoints, for transfers of up to `size` bytes.
    pub fn ends(&self, size: usize) -> Libusb<'_> {
        let queue = |way: Way| Queue {
            slots: (0..IN_FLIGHT).map(|_| Slot::new(self, way, size)).collect(),
            submitted: 0,
            taken: 0,
        };
        Libusb {
            cable: self,
            queues: [queue(Way::Receive), queue(Way::Send)],
        }
    }
}

struct Slot {
    transfer: *mut ffi::libusb_transfer,
    buffer: Box<[u8]>,
    over: Box<AtomicBool>,
}

extern "system" fn over(transfer: *mut ffi::libusb_transfer) {
    // SAFETY: `Slot::new` has put a flag there that lives as long as the transfer.
    unsafe { &*(*transfer).user_data.cast::<AtomicBool>() }.store(true, Ordering::Relaxed);
}

impl Slot {
    fn new(cable: &Cable, way: Way, size: usize) -> Self {
        let mut buffer = vec![0; size].into_boxed_slice();
        let flag = Box::new(AtomicBool::new(false));
        // SAFETY: a transfer without isochronous packets.
        let transfer = unsafe { ffi::libusb_alloc_transfer(0) };
        assert!(!transfer.is_null(), "memory");
        // SAFETY: the transfer is new; the buffer and the flag live as long as it does.
        unsafe {
            ffi::libusb_fill_bulk_transfer(
                transfer,
                cable.handle.as_raw(),
                cable.endpoints[way as usize],
                buffer.as_mut_ptr(),
                size as i32,
                over,
                (&raw const *flag).cast::<c_void>().cast_mut(),
                0,
            );
        }
        Self {
            transfer,
            buffer,
            over: flag,
        }
    }
}

/// Transfers of one endpoint, used again and again in turn.
struct Queue {
    slots: Vec<Slot>,
    submitted: usize,
    taken: usize,
}

/// Both endpoints.
pub struct Libusb<'a> {
    cable: &'a Cable,
    queues: [Queue; 2],
}

impl Bare for Libusb<'_> {
    fn buffer(&mut self, way: Way) -> Option<&mut [u8]> {
        let queue = &mut self.queues[way as usize];
        let free = queue.submitted - queue.taken < IN_FLIGHT;
        free.then(|| &mut *queue.slots[queue.submitted % IN_FLIGHT].buffer)
    }

    fn submit(&mut self, way: Way, length: usize) {
        let queue = &mut self.queues[way as usize];
        assert!(queue.submitted - queue.taken < IN_FLIGHT);
        let slot = &queue.slots[queue.submitted % IN_FLIGHT];
        assert!(length <= slot.buffer.len());
        queue.submitted += 1;
        // SAFETY: the transfer is not under way; its buffer is as long, and is not touched until it is over.
        let done = unsafe {
            (*slot.transfer).length = length as i32;
            ffi::libusb_submit_transfer(slot.transfer)
        };
        assert_eq!(done, 0, "libusb_submit_transfer");
    }

    fn take(&mut self, way: Way) -> Option<&[u8]> {
        let queue = &mut self.queues[way as usize];
        let slot = &mut queue.slots[queue.taken % IN_FLIGHT];
        if queue.taken == queue.submitted || !slot.over.swap(false, Ordering::Relaxed) {
            return None;
        }
        queue.taken += 1;
        // SAFETY: it is over.
        let (status, moved) = unsafe { ((*slot.transfer).status, (*slot.transfer).actual_length) };
        assert_eq!(status, constants::LIBUSB_TRANSFER_COMPLETED, "a transfer");
        Some(&slot.buffer[..moved as usize])
    }

    fn wait(&mut self) {
        // SAFETY: the context is open.
        unsafe {
            ffi::libusb_handle_events_completed(self.cable.context.as_raw(), ptr::null_mut())
        };
    }

    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut all = Vec::new();
        // SAFETY: the list ends with a null and is given back; its descriptors live as long as the context.
        unsafe {
            let list = ffi::libusb_get_pollfds(self.cable.context.as_raw());
            assert!(!list.is_null(), "a system that has descriptors");
            let mut next = list;
            while !(*next).is_null() {
                let flags = PollFlags::from_bits_retain((**next).events as u16);
                all.push((BorrowedFd::borrow_raw((**next).fd), flags));
                next = next.add(1);
            }
            ffi::libusb_free_pollfds(list);
        }
        all
    }

    fn progress(&mut self) {
        let now = libc::timeval {
            tv_sec: 0,
            tv_usec: 0,
        };
        // SAFETY: the context is open; the time is read only.
        unsafe {
            ffi::libusb_handle_events_timeout_completed(
                self.cable.context.as_raw(),
                &now,
                ptr::null_mut(),
            );
        }
    }
}

impl Drop for Libusb<'_> {
    fn drop(&mut self) {
        for queue in &self.queues {
            if queue.submitted != queue.taken {
                // The program is about to end with a message.
                assert!(std::thread::panicking(), "transfers are under way");
                std::process::abort();
            }
            for slot in &queue.slots {
                // SAFETY: it is not under way.
                unsafe { ffi::libusb_free_transfer(slot.transfer) };
            }
        }
    }
}
