//! What the process still sends, or closes, in the background.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

static COUNT: Mutex<usize> = Mutex::new(0);
static NONE_LEFT: Condvar = Condvar::new();

/// Something that goes on in the background until this is dropped: bytes that were written and have not
/// left, or a connection that is being closed well. [`linger`] waits for it.
///
/// For transports, which hold one for as long as an exit of the process could cost the peer bytes that
/// were written before a disconnect.
#[derive(Debug)]
#[must_use = "it counts until it is dropped"]
pub struct Lingering(());

impl Lingering {
    /// Counts from now on.
    #[allow(clippy::new_without_default, reason = "it is no value but an act")]
    pub fn new() -> Lingering {
        *COUNT.lock() += 1;
        Lingering(())
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let mut count = COUNT.lock();
        *count -= 1;
        if *count == 0 {
            drop(count);
            NONE_LEFT.notify_all();
        }
    }
}

/// The time limit of [`linger`] passed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} connections still have bytes to send or are being closed; allow more time to linger"
)]
pub struct StillLingering {
    /// Connections that go on in the background.
    pub count: usize,
}

/// Blocks until nothing goes on in the background of this process any more: every byte that was
/// written has left, and every channel that was disconnected or dropped is closed. For programs that are
/// about to exit: what goes on in the background ends with the process.
///
/// Channels that are open are none of its business, but for writes of theirs that are on their way; if
/// other threads go on writing, it may take as long as they do.
/// [`Options::linger`](crate::Options::linger) bounds how long each connection takes; one that was
/// disconnected takes all of it while its reader still holds bytes that it was lent and has not consumed.
///
/// ```
/// # use std::time::Duration;
/// // At the end of `main`, after the channels are dropped:
/// if let Err(late) = channel::linger(Duration::from_secs(10)) {
///     eprintln!("{late}");
/// }
/// ```
///
/// # Errors
/// [`StillLingering`] if `limit` passes first.
pub fn linger(limit: Duration) -> Result<(), StillLingering> {
    let until = Instant::now().checked_add(limit);
    let mut count = COUNT.lock();
    while *count > 0 {
        let late = match until {
            Some(until) => NONE_LEFT.wait_until(&mut count, until).timed_out(),
            None => {
                NONE_LEFT.wait(&mut count);
                false
            }
        };
        if late && *count > 0 {
            return Err(StillLingering { count: *count });
        }
    }
    Ok(())
}
