//! What the mux moves bytes between: the two buffers of one channel's end.

/// How a stream, or its reading, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// In an orderly way.
    Orderly,
    /// The side that ended it was cut short: its peer is to see a loss.
    Abort,
}

/// What [`Stream::pull`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// So many bytes were copied. Zero: bytes wait, but there was no room for them.
    Bytes(usize),
    /// Nothing waits. [`Mux::touch`](crate::Mux::touch) is called when that changes.
    Empty,
    /// Everything has been pulled, and no more will come.
    End(End),
}

/// What [`Stream::reading`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The application has taken so many bytes since the channel was opened, and reads on.
    On {
        /// Bytes.
        read: u64,
    },
    /// It has taken so many bytes and takes no more: because it stopped, or because the stream has
    /// [finished](Stream::finish) and this is all of it.
    Over {
        /// Bytes.
        read: u64,
        /// How it stopped; orderly where it has read all.
        end: End,
    },
}

/// One channel's end, as the mux sees it: the buffer that its application writes into, and the one that it reads
/// from. The mux itself keeps no bytes of any channel.
///
/// No method may block. Whenever something changes at the application's side, [`Mux::touch`](crate::Mux::touch)
/// is to be called: bytes where there were none, an end, and what [`reading`](Stream::reading) asks for. A touch for nothing
/// does no harm.
pub trait Stream {
    /// How many bytes the buffer that the application reads from holds; at least 1, and always the same. The peer
    /// is told of it when the channel is opened and never sends more than fits.
    fn capacity(&self) -> u32;

    /// Copies the next outbound bytes into `out`, as many as there are and fit.
    fn pull(&mut self, out: &mut [u8]) -> Pull;

    /// Takes inbound bytes. There is room for them: no more come than were granted.
    fn push(&mut self, bytes: &[u8]);

    /// The peer's stream ends here: nothing is pushed any more.
    fn finish(&mut self, end: End);

    /// How far the application has read. After [`Reading::On`] a touch is expected when the application has stopped or has read
    /// all of a finished stream; and, if less than half of the buffer is granted to the peer (see `wanted`), when so much
    /// more has been read as `wanted` says, or when it has read some of it and waits for more.
    ///
    /// `wanted`: so many bytes read beyond the figure that is returned are worth a message to the peer; `None`: none are, for now.
    fn reading(&mut self, wanted: Option<u32>) -> Reading;

    /// The peer's application has read `read` bytes of this end's stream and takes no more. Nothing is pulled any
    /// more; what was not pulled, or lies behind `read`, reaches nobody.
    fn stopped(&mut self, read: u64, end: End);

    /// The session is over, and this channel with it. The mux drops the stream afterwards.
    fn lost(&mut self);
}
