//! A layer below the mux for lines that damage or lose bytes.
use core::time::Duration;

/// How a line is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoiseConfig {
    /// The most bytes of the stream that one packet carries, 16 to 4096.
    pub payload: u16,
    /// How many packets may be on their way, 2 to 64.
    pub window: u8,
    /// Nothing was heard for so long while something is awaited: the other end is gone.
    pub patience: Duration,
}

/// What happened on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseEvent {
    /// Both ends hear each other: the stream begins.
    Up,
    /// The stream is broken off: the peer started anew, or is silent.
    Down,
}

/// A reliable stream of bytes over a line that is not.
pub struct Noise {}

impl Noise {
    /// An end whose line is down.
    pub fn new(_config: NoiseConfig, _seed: u64) -> Noise {
        todo!()
    }
    /// The line is there.
    pub fn link_up(&mut self, _now: Duration) {
        todo!()
    }
    /// The line is gone.
    pub fn link_down(&mut self) {
        todo!()
    }
    /// Bytes from the line; `deliver` is given those of the stream.
    pub fn receive(&mut self, _now: Duration, _bytes: &[u8], _deliver: &mut dyn FnMut(&[u8])) {
        todo!()
    }
    /// Bytes for the line; whole packets. `fill` is asked for more of the stream where a packet may be sent.
    pub fn transmit(
        &mut self,
        _now: Duration,
        _out: &mut [u8],
        _fill: &mut dyn FnMut(&mut [u8]) -> usize,
    ) -> usize {
        todo!()
    }
    /// When `transmit` is to be called although nothing happens.
    pub fn deadline(&self) -> Option<Duration> {
        todo!()
    }
    /// What happened.
    pub fn poll_event(&mut self) -> Option<NoiseEvent> {
        todo!()
    }
    /// Whether everything that was sent is known to have arrived.
    pub fn is_settled(&self) -> bool {
        todo!()
    }
}
