//! The standard library's sockets, used with care: the base that the others are compared with.

use super::{BATCH, Connects, End, Way, sockets};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// `TcpStream` with `TCP_NODELAY`. Both ends know the size of a message, so there is no length to
/// send; a message is read into one buffer.
pub struct Raw;

/// One end of [`Raw`], or of any other blocking byte stream used in the same way.
pub struct RawEnd<S> {
    stream: S,
    size: usize,
    /// Has room for many small messages, or for one large one.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    batch: Vec<u8>,
}

impl<S: Read + Write> RawEnd<S> {
    /// An end, for messages of `size` bytes.
    pub fn new(stream: S, size: usize) -> Self {
        Self {
            stream,
            size,
            buffer: vec![0; size.max(64 * 1024)],
            start: 0,
            end: 0,
            batch: Vec::with_capacity(2 * BATCH),
        }
    }

    fn fill(&mut self) {
        while self.end - self.start < self.size {
            if self.buffer.len() - self.start < self.size {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            let n = self.stream.read(&mut self.buffer[self.end..]);
            let n = n.expect("the connection lives");
            assert!(n > 0, "the stream ended early");
            self.end += n;
        }
    }

    fn take(&mut self) -> std::ops::Range<usize> {
        let message = self.start..self.start + self.size;
        self.start = message.end;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        message
    }
}

impl<S: Read + Write> End for RawEnd<S> {
    async fn send(&mut self, message: &[u8]) {
        self.stream
            .write_all(message)
            .expect("the connection lives");
    }
    async fn feed(&mut self, message: &[u8]) {
        self.batch.extend_from_slice(message);
        if self.batch.len() >= BATCH {
            self.flush().await;
        }
    }
    async fn flush(&mut self) {
        self.stream
            .write_all(&self.batch)
            .expect("the connection lives");
        self.batch.clear();
    }
    async fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        self.fill();
        let message = self.take();
        look(&self.buffer[message])
    }
    async fn echo(&mut self, look: impl FnOnce(&[u8])) {
        self.fill();
        let message = self.take();
        let message = &self.buffer[message];
        look(message);
        self.stream
            .write_all(message)
            .expect("the connection lives");
    }
    async fn receive_some<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        let n = self.stream.read(&mut self.buffer);
        let n = n.expect("the connection lives");
        assert!(n > 0, "the stream ended early");
        look(&self.buffer[..n])
    }
}

impl Way for Raw {
    type Raw = TcpStream;
    type End = RawEnd<TcpStream>;

    fn connect() -> (TcpStream, TcpStream) {
        sockets()
    }

    async fn end(stream: TcpStream, size: usize) -> Self::End {
        RawEnd::new(stream, size)
    }
}

impl Connects for Raw {
    type Listening = TcpListener;
    type At = SocketAddr;
    type Client = ();

    fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("its address");
        (listener, at)
    }

    async fn serve(listener: TcpListener, times: u64) {
        for _ in 0..times {
            let (mut stream, _) = listener.accept().expect("a client");
            stream.set_nodelay(true).expect("a TCP socket");
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a byte");
            stream.write_all(&byte).expect("the connection lives");
        }
    }

    async fn client() {}

    async fn once((): &(), at: &SocketAddr, byte: u8) -> u8 {
        let mut stream = TcpStream::connect(at).expect("a listener");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.write_all(&[byte]).expect("the connection lives");
        let mut answer = [0];
        stream.read_exact(&mut answer).expect("an answer");
        answer[0]
    }
}
