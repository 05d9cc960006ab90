//! What a driver does with its link: carry many channels, or one bare stream.

use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What a driver does with its link.
pub(crate) trait Load {
    /// Looks for what users did; whether they want something of the device.
    fn news(&mut self, now: Duration) -> bool;
    fn link_up(&mut self, now: Duration);
    fn link_down(&mut self);
    /// The device cannot be opened, and that will not pass by itself.
    fn cannot_open(&mut self, error: &Arc<io::Error>);
    /// How many bytes can be taken now. If that is 0, the driver is called when it changes.
    fn room(&mut self) -> usize {
        usize::MAX
    }
    fn receive(&mut self, now: Duration, bytes: &[u8]);
    /// The link has ended; whether it is of use all the same.
    fn end_of_input(&mut self) -> bool {
        false
    }
    /// The link takes nothing any more; whether it is of use all the same.
    fn end_of_output(&mut self) -> bool {
        false
    }
    /// What is to be sent.
    fn transmit(&mut self, now: Duration, out: &mut [u8]) -> usize;
    /// What was transmitted is out of this process.
    fn sent(&mut self);
    /// Nothing will be sent any more: asked once, after all was sent.
    fn is_finished(&mut self) -> bool {
        false
    }
    /// When `transmit` or `tick` is to be called although nothing happens.
    fn deadline(&self) -> Option<Duration>;
    fn tick(&mut self, now: Duration);
    /// Whether the link is to be open.
    fn wants_link(&mut self) -> bool;
    /// Whether the link is of no use any more, as far as can be known.
    fn is_silent(&self) -> bool {
        false
    }
    /// Whether a link that is not wanted any more is closed even if what was to be sent last does not leave.
    fn gives_up(&self) -> bool {
        false
    }
    /// Whether nothing is under way.
    fn is_idle(&mut self) -> bool;
}
