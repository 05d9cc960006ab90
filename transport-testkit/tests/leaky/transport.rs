//! Unix sockets, with one leak.

use std::fs::File;
use std::io;
use std::mem::forget;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::thread;

use channel::transport::{BoxFuture, Connection, Listener, Source, Transport};
use channel::{DialError, Endpoint, ListenError, Options};

use crate::unix::Unix;

/// What stays for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leak {
    Nothing,
    /// A descriptor for each refused dial.
    RefusedDials,
    /// A descriptor for each refused listen.
    RefusedListens,
    /// A descriptor for each one who was let in and said little.
    Strangers,
    /// A descriptor for 64 connection ends.
    NowAndThen,
    /// A thread for 64 connection ends.
    Threads,
    /// Some bytes for each connection end.
    Bytes,
    /// A byte for 500 that are read.
    Traffic,
}

pub struct Leaky {
    inner: Unix,
    leaks: Arc<Leaks>,
}

struct Leaks {
    leak: Leak,
    ends: AtomicUsize,
}

fn a_descriptor() {
    forget(File::open("/dev/null").unwrap());
}

impl Leaky {
    pub fn new(inner: Unix, leak: Leak) -> Leaky {
        let ends = AtomicUsize::new(0);
        let leaks = Arc::new(Leaks { leak, ends });
        Leaky { inner, leaks }
    }
}

impl Leaks {
    fn end(self: &Arc<Self>, connection: Connection, accepted: bool) -> Connection {
        let is_64th = self.ends.fetch_add(1, Relaxed) % 64 == 63;
        match self.leak {
            Leak::NowAndThen if is_64th => a_descriptor(),
            Leak::Threads if is_64th => drop(thread::spawn(|| {
                loop {
                    thread::park();
                }
            })),
            Leak::Bytes => forget(vec![0_u8; 450]),
            _ => {}
        }
        Connection {
            source: Box::new(LeakySource {
                inner: connection.source,
                leak: self.leak,
                accepted,
                read: 0,
            }),
            ..connection
        }
    }
}

struct LeakySource {
    inner: Box<dyn Source>,
    leak: Leak,
    accepted: bool,
    read: usize,
}

impl Source for LeakySource {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.inner.poll_fill(cx)
    }

    fn filled(&self) -> &[u8] {
        self.inner.filled()
    }

    fn consume(&mut self, n: usize) {
        self.inner.consume(n);
        let before = self.read;
        self.read += n;
        if self.leak == Leak::Traffic {
            forget(vec![0_u8; self.read / 500 - before / 500]);
        }
    }
}

impl Drop for LeakySource {
    fn drop(&mut self) {
        if self.leak == Leak::Strangers && self.accepted && self.read < 16 {
            a_descriptor();
        }
    }
}

impl Transport for Leaky {
    fn schemes(&self) -> &[&str] {
        self.inner.schemes()
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            let dialled = self.inner.dial(to, options).await;
            if self.leaks.leak == Leak::RefusedDials && dialled.is_err() {
                a_descriptor();
            }
            Ok(self.leaks.end(dialled?, false))
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        let listener = self.inner.listen(at, options);
        if self.leaks.leak == Leak::RefusedListens && listener.is_err() {
            a_descriptor();
        }
        Ok(Box::new(LeakyListener {
            inner: listener?,
            leaks: self.leaks.clone(),
        }))
    }

    fn broker_of<'a>(&self, endpoint: &'a Endpoint) -> &'a str {
        self.inner.broker_of(endpoint)
    }
}

struct LeakyListener {
    inner: Box<dyn Listener>,
    leaks: Arc<Leaks>,
}

impl Listener for LeakyListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        let accepted = self.inner.poll_accept(cx);
        accepted.map_ok(|connection| self.leaks.end(connection, true))
    }

    fn local(&self) -> &Endpoint {
        self.inner.local()
    }
}
