//! A full-duplex byte channel between two tasks.

use std::io::{self, IoSlice, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::{ReadError, ReadExactError, WriteAllError, WriteError};
use crate::poller::{Key, Poller};
use crate::reader::Reader;
use crate::shared::{ChannelInfo, Handle, Shared};
use crate::transport::{Connection, Disconnect, Totals};
use crate::writer::Writer;

/// A full-duplex channel of bytes between two tasks: first in first out, lossless, nothing
/// duplicated, on every transport alike.
///
/// It comes out of the rendezvous of [`Broker::accept`](crate::Broker::accept) and
/// [`Broker::connect`](crate::Broker::connect). [`split`](Channel::split) gives two halves for two
/// threads; [`handle`](Channel::handle) disconnects from any third one. All calls that are not
/// listed here (time-limited, never blocking, async) are the halves': see
/// [`reader_mut`](Channel::reader_mut) and [`writer_mut`](Channel::writer_mut).
///
/// Dropping a channel is an orderly disconnect; dropping it while the thread panics aborts it, and
/// the peer sees `PeerLost`.
pub struct Channel {
    // Before the halves: it is dropped first.
    together: Together,
    reader: Reader,
    writer: Writer,
}

/// Of halves that are dropped together: then the peer hears of both ends at once.
struct Together(Option<Arc<Shared>>);

impl Drop for Together {
    fn drop(&mut self) {
        // What a panic does to a channel, its halves know.
        if let Some(shared) = &self.0
            && !std::thread::panicking()
        {
            shared.disconnect(Disconnect::Orderly);
        }
    }
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Channel").field(&self.handle()).finish()
    }
}

impl Channel {
    pub(crate) fn new(
        connection: Connection,
        peer_name: Arc<str>,
        port: u16,
        linger: Duration,
    ) -> Channel {
        let Connection {
            source,
            sink,
            control,
            peer,
            ..
        } = connection;
        let shared = Shared::new(control, peer, peer_name, port, linger);
        let reader = Reader::new(source, shared.clone());
        Channel::of(reader, Writer::new(sink, shared))
    }

    fn of(reader: Reader, writer: Writer) -> Channel {
        Channel {
            together: Together(Some(reader.shared().clone())),
            reader,
            writer,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.reader.shared()
    }

    /// Takes the channel apart for two threads.
    pub fn split(mut self) -> (Reader, Writer) {
        self.together.0 = None;
        (self.reader, self.writer)
    }

    /// Puts two halves of the same channel together again.
    ///
    /// # Errors
    /// Gives the halves back if they are of different channels.
    pub fn unsplit(reader: Reader, writer: Writer) -> Result<Channel, (Reader, Writer)> {
        if Arc::ptr_eq(reader.shared(), writer.shared()) {
            Ok(Channel::of(reader, writer))
        } else {
            Err((reader, writer))
        }
    }

    /// The inbound half, in place.
    pub fn reader_mut(&mut self) -> &mut Reader {
        &mut self.reader
    }

    /// The outbound half, in place.
    pub fn writer_mut(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Both halves, in place.
    pub fn halves_mut(&mut self) -> (&mut Reader, &mut Writer) {
        (&mut self.reader, &mut self.writer)
    }

    /// A handle that disconnects and observes this channel from any thread.
    pub fn handle(&self) -> Handle {
        self.reader.handle()
    }

    /// Registers both halves at a poller under one key: it comes once now, and then for whichever
    /// half said `WouldBlock` and can go on. See [`Reader::register`] and [`Writer::register`].
    pub fn register(&mut self, poller: &Poller, key: Key) {
        self.reader.register(poller, key);
        self.writer.register(poller, key);
    }

    /// Ends the registration of both halves at a poller.
    pub fn deregister(&mut self) {
        self.reader.deregister();
        self.writer.deregister();
    }

    /// Disconnects this side: at any moment, any number of times; [`Handle::disconnect`] does it
    /// from any thread. Wakes every blocked call of both sides. What was written before stays
    /// readable for the peer, then it gets end of stream, and its writes fail. Local reads and
    /// writes fail with `Disconnected` from now on.
    pub fn disconnect(&self) {
        self.shared().disconnect(Disconnect::Orderly);
    }

    /// Whether this side can be used no more: it disconnected, or nothing more can be read and
    /// nothing more written.
    pub fn disconnected(&self) -> bool {
        self.shared().disconnected()
    }

    /// Where the other end is.
    pub fn peer(&self) -> Endpoint {
        self.handle().peer().clone()
    }

    /// Bytes each way.
    pub fn totals(&self) -> Totals {
        self.handle().totals()
    }

    /// Everything that is known about the channel.
    pub fn info(&self) -> ChannelInfo {
        self.shared().info()
    }
}

/// Forwards calls to a half, with their documentation.
macro_rules! forward {
    ($($half:ident: fn $name:ident $(<$life:lifetime>)? (&mut self $(, $arg:ident: $type:ty)*) -> $result:ty;)+) => {
        impl Channel {
            $(
                #[doc = concat!("As the same call of the ", stringify!($half), ".")]
                #[inline]
                pub fn $name(&mut self $(, $arg: $type)*) -> $result {
                    self.$half.$name($($arg),*)
                }
            )+
        }
    };
}

forward! {
    reader: fn read(&mut self, buf: &mut [u8]) -> Result<usize, ReadError>;
    reader: fn try_read(&mut self, buf: &mut [u8]) -> Result<usize, ReadError>;
    reader: fn read_timeout(&mut self, buf: &mut [u8], limit: Duration) -> Result<usize, ReadError>;
    reader: fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, ReadError>>;
    reader: fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, ReadError>;
    reader: fn read_exact(&mut self, buf: &mut [u8]) -> Result<(), ReadExactError>;
    reader: fn read_exact_timeout(&mut self, buf: &mut [u8], limit: Duration) -> Result<(), ReadExactError>;
    writer: fn write(&mut self, buf: &[u8]) -> Result<usize, WriteError>;
    writer: fn try_write(&mut self, buf: &[u8]) -> Result<usize, WriteError>;
    writer: fn write_timeout(&mut self, buf: &[u8], limit: Duration) -> Result<usize, WriteError>;
    writer: fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, WriteError>>;
    writer: fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize, WriteError>;
    writer: fn write_all(&mut self, buf: &[u8]) -> Result<(), WriteAllError>;
    writer: fn write_all_timeout(&mut self, buf: &[u8], limit: Duration) -> Result<(), WriteAllError>;
    writer: fn flush(&mut self) -> Result<(), WriteError>;
    writer: fn finish(&mut self) -> Result<(), WriteError>;
}

impl Channel {
    /// As the same call of the reader.
    pub async fn read_async(&mut self, buf: &mut [u8]) -> Result<usize, ReadError> {
        self.reader.read_async(buf).await
    }

    /// As the same call of the reader.
    pub async fn read_exact_async(&mut self, buf: &mut [u8]) -> Result<(), ReadExactError> {
        self.reader.read_exact_async(buf).await
    }

    /// As the same call of the writer.
    pub async fn write_async(&mut self, buf: &[u8]) -> Result<usize, WriteError> {
        self.writer.write_async(buf).await
    }

    /// As the same call of the writer.
    pub async fn write_all_async(&mut self, buf: &[u8]) -> Result<(), WriteAllError> {
        self.writer.write_all_async(buf).await
    }
}

impl io::Read for Channel {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.reader, buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        io::Read::read_vectored(&mut self.reader, bufs)
    }
}

impl io::BufRead for Channel {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        io::BufRead::fill_buf(&mut self.reader)
    }

    fn consume(&mut self, n: usize) {
        self.reader.consume(n);
    }
}

impl io::Write for Channel {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut self.writer, buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        io::Write::write_vectored(&mut self.writer, bufs)
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.writer, buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(&mut self.writer)
    }
}
