//! What libusb's numbers mean.

use std::ffi::c_int;

use rusb::constants::{
    LIBUSB_ERROR_BUSY, LIBUSB_ERROR_INVALID_PARAM, LIBUSB_ERROR_IO, LIBUSB_ERROR_NO_DEVICE,
    LIBUSB_ERROR_NO_MEM, LIBUSB_ERROR_NOT_SUPPORTED, LIBUSB_ERROR_PIPE, LIBUSB_TRANSFER_CANCELLED,
    LIBUSB_TRANSFER_COMPLETED, LIBUSB_TRANSFER_NO_DEVICE, LIBUSB_TRANSFER_OVERFLOW,
    LIBUSB_TRANSFER_STALL, LIBUSB_TRANSFER_TIMED_OUT,
};

use crate::bulk::Fault;

/// Why libusb did not queue a transfer.
pub(super) fn refused(code: c_int) -> Fault {
    match code {
        LIBUSB_ERROR_NO_DEVICE => Fault::Gone,
        LIBUSB_ERROR_IO => Fault::Io,
        LIBUSB_ERROR_PIPE => Fault::Pipe,
        LIBUSB_ERROR_NO_MEM => Fault::System(
            "the system has no memory for a USB transfer; on Linux all processes together have what \
             /sys/module/usbcore/parameters/usbfs_memory_mb says"
                .into(),
        ),
        LIBUSB_ERROR_BUSY => Fault::System("libusb has this USB transfer already".into()),
        LIBUSB_ERROR_INVALID_PARAM | LIBUSB_ERROR_NOT_SUPPORTED => Fault::System(
            "the system does not take USB transfers of this kind or size".into(),
        ),
        other => Fault::System(format!("libusb did not take a USB transfer: error {other}")),
    }
}

/// How a transfer went.
pub(super) fn result(status: c_int) -> Result<(), Fault> {
    match status {
        LIBUSB_TRANSFER_COMPLETED => Ok(()),
        LIBUSB_TRANSFER_TIMED_OUT => Err(Fault::Timeout),
        LIBUSB_TRANSFER_CANCELLED | LIBUSB_TRANSFER_NO_DEVICE => Err(Fault::Gone),
        LIBUSB_TRANSFER_STALL => Err(Fault::Pipe),
        LIBUSB_TRANSFER_OVERFLOW => Err(Fault::Overflow),
        // `LIBUSB_TRANSFER_ERROR`, and whatever else there may be.
        _ => Err(Fault::Io),
    }
}

#[cfg(test)]
mod tests {
    use rusb::constants::LIBUSB_TRANSFER_ERROR;

    use super::*;

    #[test]
    fn errors_have_a_meaning() {
        assert_eq!(result(LIBUSB_TRANSFER_COMPLETED), Ok(()));
        assert_eq!(result(LIBUSB_TRANSFER_TIMED_OUT), Err(Fault::Timeout));
        assert_eq!(result(LIBUSB_TRANSFER_CANCELLED), Err(Fault::Gone));
        assert_eq!(result(LIBUSB_TRANSFER_NO_DEVICE), Err(Fault::Gone));
        assert_eq!(result(LIBUSB_TRANSFER_STALL), Err(Fault::Pipe));
        assert_eq!(result(LIBUSB_TRANSFER_OVERFLOW), Err(Fault::Overflow));
        assert_eq!(result(LIBUSB_TRANSFER_ERROR), Err(Fault::Io));
        assert_eq!(refused(LIBUSB_ERROR_NO_DEVICE), Fault::Gone);
        let no_memory = refused(LIBUSB_ERROR_NO_MEM).to_string();
        assert!(no_memory.contains("usbfs_memory_mb"), "{no_memory}");
    }
}
