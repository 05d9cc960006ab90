//! A connected stream, which the reactor gets to know when somebody first waits there.
//!
//! A connection that is used by blocking calls alone costs no registration.

use std::io;
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use async_io::Async;

pub(crate) struct Stream {
    // Before the socket: it is deregistered while its descriptor is its own.
    registered: OnceLock<Async<Arc<TcpStream>>>,
    tcp: Arc<TcpStream>,
}

impl Stream {
    /// `tcp` is in non-blocking mode.
    pub(crate) fn new(tcp: TcpStream) -> Stream {
        Stream {
            registered: OnceLock::new(),
            tcp: Arc::new(tcp),
        }
    }

    pub(crate) fn get_ref(&self) -> &TcpStream {
        &self.tcp
    }

    fn registered(&self) -> io::Result<&Async<Arc<TcpStream>>> {
        if let Some(registered) = self.registered.get() {
            return Ok(registered);
        }
        // Only one can be registered at a time; of two threads that come at once one does it, and the
        // other finds it done.
        static REGISTERING: parking_lot::Mutex<()> = parking_lot::Mutex::new(());
        let _one = REGISTERING.lock();
        if self.registered.get().is_none() {
            let registered = Async::new_nonblocking(self.tcp.clone())?;
            let _ = self.registered.set(registered);
        }
        Ok(self.registered.get().expect("it was just set"))
    }

    /// Ready when a read is worth another try. Waits once: a read must be tried in between.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registered()?.poll_readable(cx)
    }

    /// Ready when a write is worth another try. Waits once: a write must be tried in between.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registered()?.poll_writable(cx)
    }

    /// Waits for room, whatever happened before.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.registered()?.writable().await
    }
}
