//! A device that is plugged in and pulled out by the test.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use transport_link::{Descriptor, Device, Link};

/// Where a cable's end can be put. Clones are the same.
#[derive(Clone, Default)]
pub struct Socket(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    end: Option<UnixStream>,
    /// Why it cannot be opened.
    fails: Option<io::ErrorKind>,
    opened: usize,
}

impl Socket {
    pub fn fails(&self, kind: Option<io::ErrorKind>) {
        self.0.lock().unwrap().fails = kind;
    }

    /// How often somebody tried to open the device.
    pub fn opened(&self) -> usize {
        self.0.lock().unwrap().opened
    }

    pub fn put(&self, end: UnixStream) {
        self.0.lock().unwrap().end = Some(end);
    }
}

impl Device for Socket {
    fn open(&mut self) -> io::Result<Box<dyn Link>> {
        let mut held = self.0.lock().unwrap();
        held.opened += 1;
        if let Some(kind) = held.fails {
            return Err(kind.into());
        }
        match held.end.take() {
            Some(end) => Ok(Box::new(Descriptor::new(end)?)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// A cable between two sockets, until it is pulled out.
pub struct Cable(UnixStream);

impl Cable {
    pub fn between(near: &Socket, far: &Socket) -> Cable {
        let (a, b) = UnixStream::pair().unwrap();
        let cable = Cable(a.try_clone().unwrap());
        near.put(a);
        far.put(b);
        cable
    }

    /// Both ends see that the other is gone.
    pub fn pull_out(self) {
        self.0.shutdown(Shutdown::Both).unwrap();
    }
}
