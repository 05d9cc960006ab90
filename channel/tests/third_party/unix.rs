//! A transport as a third party writes one: Unix sockets, from outside the crate, through its public
//! seam alone. Readiness comes from the crate `async-io`; nothing here blocks or starts a thread.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use async_io::Async;
use channel::transport::{
    BoxFuture, Carrier, Connection, Control, Disconnect, Listener, Sink, Source, Totals, Transport,
};
use channel::{DialError, Endpoint, ListenError, Options};

/// `unix://NAME/broker`: the socket `NAME` in a directory.
pub struct Unix {
    directory: PathBuf,
}

impl Unix {
    pub fn new(directory: impl Into<PathBuf>) -> Unix {
        Unix {
            directory: directory.into(),
        }
    }

    fn path(&self, at: &Endpoint) -> PathBuf {
        self.directory.join(at.authority())
    }
}

impl Transport for Unix {
    fn schemes(&self) -> &[&str] {
        &["unix"]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            to.check_options(&[])?;
            let stream = Async::<UnixStream>::connect(self.path(to))
                .await
                .map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                        DialError::NotFound
                    }
                    _ => error.into(),
                })?;
            Ok(connection(
                stream,
                to.clone(),
                options.capacity(options.port()),
            ))
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        at.check_options(&[])?;
        let path = self.path(at);
        if path.exists() {
            return Err(ListenError::Taken(at.clone()));
        }
        let listener = Async::new(UnixListener::bind(&path)?)?;
        Ok(Box::new(Incoming {
            listener,
            path,
            local: at.clone(),
            capacity: options.capacity(None),
        }))
    }
}

struct Incoming {
    listener: Async<UnixListener>,
    path: PathBuf,
    local: Endpoint,
    capacity: usize,
}

impl Listener for Incoming {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        loop {
            match self.listener.get_ref().accept() {
                Ok((stream, _)) => {
                    let stream = Async::new(stream)?;
                    return Poll::Ready(Ok(connection(stream, self.local.clone(), self.capacity)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.listener.poll_readable(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn local(&self) -> &Endpoint {
        &self.local
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A connection over any connected stream, of a pair too.
pub fn connection(stream: Async<UnixStream>, peer: Endpoint, capacity: usize) -> Connection {
    let shared = Arc::new(Shared {
        stream,
        lost: AtomicBool::new(false),
        read: AtomicU64::new(0),
        written: AtomicU64::new(0),
    });
    Connection {
        source: Box::new(Inbound {
            shared: shared.clone(),
            buf: Vec::new(),
            start: 0,
            capacity,
        }),
        sink: Box::new(Outbound {
            shared: shared.clone(),
        }),
        control: shared,
        peer,
        carrier: Carrier::Bytes,
    }
}

struct Shared {
    stream: Async<UnixStream>,
    lost: AtomicBool,
    read: AtomicU64,
    written: AtomicU64,
}

impl Shared {
    /// Notes a loss on the way.
    fn seen<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|_| self.lost.store(true, Relaxed))
    }
}

impl Control for Shared {
    fn disconnect(&self, _: Disconnect) {
        // Wakes blocked calls of both sides, too: an ended socket is ready.
        let _ = self.stream.get_ref().shutdown(Shutdown::Both);
    }

    fn peer_gone(&self) -> bool {
        self.lost.load(Relaxed)
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        totals.read = self.read.load(Relaxed);
        totals.written = self.written.load(Relaxed);
        totals
    }
}

struct Inbound {
    shared: Arc<Shared>,
    // Grows to `capacity` with the first bytes: a silent stranger costs no buffer.
    buf: Vec<u8>,
    start: usize,
    capacity: usize,
}

impl Source for Inbound {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            if self.start < self.buf.len() {
                return Poll::Ready(Ok(self.buf.len() - self.start));
            }
            self.start = 0;
            self.buf.resize(self.capacity, 0);
            let mut socket: &UnixStream = self.shared.stream.get_ref();
            let result = socket.read(&mut self.buf);
            self.buf.truncate(*result.as_ref().unwrap_or(&0));
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.buf = Vec::new();
                    ready!(self.shared.stream.poll_readable(cx))?;
                }
                other => return Poll::Ready(self.shared.seen(other)),
            }
        }
    }

    fn filled(&self) -> &[u8] {
        &self.buf[self.start..]
    }

    fn consume(&mut self, n: usize) {
        self.start += n;
        self.shared.read.fetch_add(n as u64, Relaxed);
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        let _ = self.shared.stream.get_ref().shutdown(Shutdown::Read);
    }
}

struct Outbound {
    shared: Arc<Shared>,
}

impl Sink for Outbound {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut socket: &UnixStream = self.shared.stream.get_ref();
            match socket.write_vectored(bufs) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.shared.stream.poll_writable(cx))?;
                }
                other => {
                    let n = self.shared.seen(other)?;
                    self.shared.written.fetch_add(n as u64, Relaxed);
                    return Poll::Ready(Ok(n));
                }
            }
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.shared.stream.get_ref().shutdown(Shutdown::Write)
    }
}
