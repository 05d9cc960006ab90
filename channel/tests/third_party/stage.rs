//! What the tests share: a place with a listening broker, and a raw connector that takes each step
//! of the handshake by itself.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use channel::wire::hello::{Hello, HelloDecoder, Message, Role, Step};
use channel::{Broker, Domain, Endpoint, Options};

use crate::unix::Unix;

/// Generous: these machines are slow, and nothing here waits this long unless it is broken.
pub const LONG: Duration = Duration::from_secs(60);

/// A deadline for hellos that tests see pass, and that honest ones keep, who may have to wait for their turn
/// on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// A directory with sockets, and domains that stand for processes.
pub struct Place {
    pub directory: PathBuf,
}

impl Place {
    pub fn new() -> Place {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "channel-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Relaxed)
        );
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        Place { directory }
    }

    /// A domain that knows nothing of the others but the sockets.
    pub fn domain(&self) -> Domain {
        let domain = Domain::new();
        domain.add(Unix::new(&self.directory));
        domain
    }

    /// A broker "server" that listens.
    pub fn server(&self, options: Options) -> Broker {
        let server = self.domain().broker_with("server", options).unwrap();
        server.listen(&self.endpoint()).unwrap();
        server
    }

    pub fn client(&self) -> Broker {
        self.domain().broker("client").unwrap()
    }

    pub fn endpoint(&self) -> Endpoint {
        "unix://hall/server".parse().unwrap()
    }

    pub fn raw(&self) -> Raw {
        let stream = UnixStream::connect(self.directory.join("hall")).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        Raw {
            stream,
            decoder: HelloDecoder::new(Role::Connector),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A connector that is only a socket.
pub struct Raw {
    pub stream: UnixStream,
    decoder: HelloDecoder,
}

impl Raw {
    pub fn send(&mut self, message: Message) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    pub fn hello(&mut self, port: u16) {
        self.send(Message::Hello(Hello::new("server", port)));
    }

    pub fn receive(&mut self) -> Message {
        loop {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            if let Step::Message { message, .. } = self.decoder.feed(&byte).unwrap() {
                return message;
            }
        }
    }

    pub fn welcome(&mut self) {
        let message = self.receive();
        assert!(matches!(message, Message::Welcome(_)), "{message:?}");
    }

    /// Waits for the end of what the other side sends.
    pub fn end(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = self.stream.read_to_end(&mut rest);
    }
}

/// Waits for a condition.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LONG, "{what}: not within {LONG:?}");
        std::thread::yield_now();
    }
}
