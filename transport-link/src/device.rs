//! Where links come from: a device that may be absent, and comes back.

use std::io;

use crate::link::Link;

/// Opens a link, again and again: after one has broken (it was unplugged, the other end is gone) the next one is
/// opened, for as long as somebody listens or dials.
pub trait Device: Send {
    /// Opens the link. Called on the driver's thread: it may take a moment, but must not wait for the other end.
    ///
    /// # Errors
    /// `NotFound` and `NotConnected`: the device is absent. It is tried again every [`RETRY`](crate::RETRY), and when
    /// there are [news](Device::news); whoever dials waits.
    ///
    /// Anything else (no permission, busy, a setting that it does not take) is told to whoever listens or dials at
    /// that time, and tried again when somebody dials, or every [`RETRY`](crate::RETRY) for a listener that is
    /// there already: a device that was plugged in is often not the user's for a moment.
    fn open(&mut self) -> io::Result<Box<dyn Link>>;

    /// What becomes readable when the device may have come, so that [`open`](Device::open) is worth a call at once;
    /// `open` takes note of it, so that it is not readable for the same news twice. Asked anew before each sleep.
    #[cfg(unix)]
    fn news(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }

    /// Nobody uses the device any more: what it keeps from one link to the next is given back, before another driver
    /// can have it. It may be opened again.
    fn close(&mut self) {}

    /// Whether a process that [lingers](channel::linger) waits for [`close`](Device::close), once nobody listens at
    /// the device or dials it any more: for one that would leave something behind in the system. Asked once.
    fn lingers(&self) -> bool {
        false
    }
}

/// A device that is a link given in code: opened once. It is over when it breaks, when nobody has used it for a
/// moment (see [`LinkTransport::hold`](crate::LinkTransport::hold)), and in plain mode with its first connection.
#[derive(Debug)]
pub struct Once<L>(Option<L>);

impl<L: Link + 'static> Once<L> {
    /// The device of this link.
    pub fn new(link: L) -> Once<L> {
        Once(Some(link))
    }
}

impl<L: Link + 'static> Device for Once<L> {
    fn open(&mut self) -> io::Result<Box<dyn Link>> {
        match self.0.take() {
            Some(link) => Ok(Box::new(link)),
            None => Err(io::Error::other(
                "the link was given in code and has ended: give another one (and hold it, if it is to outlive its channels)",
            )),
        }
    }
}

/// A device that a function opens.
impl<F> Device for F
where
    F: FnMut() -> io::Result<Box<dyn Link>> + Send,
{
    fn open(&mut self) -> io::Result<Box<dyn Link>> {
        self()
    }
}

/// Whether the error says that the device is not there.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotConnected
    )
}
