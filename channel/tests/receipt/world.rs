//! Where the scenarios take place: two brokers, and what lies between them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use channel::{Broker, Channel, Domain, Options, Receipt, Writer};

use crate::support::{self, LONG, meet};
use crate::unix::Unix;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Memory,
    Socket,
}

/// A directory that goes with the value.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Directory {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let path =
            std::env::temp_dir().join(format!("channel-receipt-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Directory(path)
    }

    /// A domain that knows nothing of others but the sockets in here.
    pub fn domain(&self) -> Domain {
        let domain = Domain::new();
        domain.add(Unix::new(&self.0));
        domain
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Clone)]
pub struct World {
    pub over: Over,
    pub server: Broker,
    pub client: Broker,
    _directory: Option<Arc<Directory>>,
}

impl World {
    pub fn new(over: Over, options: &Options) -> World {
        let (servers, clients, directory) = match over {
            Over::Memory => {
                let domain = Domain::new();
                (domain.clone(), domain, None)
            }
            Over::Socket => {
                let directory = Directory::new();
                let domains = (directory.domain(), directory.domain());
                (domains.0, domains.1, Some(Arc::new(directory)))
            }
        };
        let server = servers.broker_with("server", options.clone()).unwrap();
        let client = clients.broker_with("client", options.clone()).unwrap();
        if over == Over::Socket {
            server
                .listen(&"unix://hall/server".parse().unwrap())
                .unwrap();
        }
        World {
            over,
            server,
            client,
            _directory: directory,
        }
    }

    /// Connects from `client`, to be accepted by `server` at port 1.
    pub fn connect(&self) -> Channel {
        match self.over {
            Over::Memory => self.client.connect("server", 1).unwrap(),
            Over::Socket => {
                let at = "unix://hall/server".parse().unwrap();
                self.client.connect_at(&at, 1, Some(LONG)).unwrap()
            }
        }
    }

    pub fn accept(&self) -> Channel {
        self.server.accept_timeout(1, LONG).unwrap()
    }

    /// Two connected ends.
    pub fn pair(&self) -> (Channel, Channel) {
        if self.over == Over::Memory {
            return meet(&self.server, &self.client, 1);
        }
        thread::scope(|scope| {
            let connecting = scope.spawn(|| self.connect());
            (self.accept(), connecting.join().unwrap())
        })
    }
}

/// Runs a scenario over memory and over a socket, with small buffers.
#[track_caller]
pub fn over_both(scenario: fn(&World)) {
    over_both_with(&Options::new().with_capacity(1024), scenario);
}

#[track_caller]
pub fn over_both_with(options: &Options, scenario: fn(&World)) {
    for over in [Over::Memory, Over::Socket] {
        println!("{over:?}");
        let world = World::new(over, options);
        support::within("the scenario", move || scenario(&world));
    }
}

/// Writes until nothing more fits; how many bytes that were. They are of [`support::pattern`].
pub fn fill(writer: &mut Writer) -> usize {
    let mut written = 0;
    while let Ok(n) = writer.try_write(&support::pattern_bytes(written as u64, 1000)) {
        written += n;
    }
    written
}

pub fn partial(read: usize, unread: usize) -> Receipt {
    Receipt::Partial {
        read: read as u64,
        unread: unread as u64,
    }
}

/// What is right when the application read `read` of `written` bytes.
pub fn exact(read: usize, written: usize) -> Receipt {
    assert!(read <= written, "{read} bytes read of {written}");
    match written - read {
        0 => Receipt::Complete,
        unread => partial(read, unread),
    }
}
