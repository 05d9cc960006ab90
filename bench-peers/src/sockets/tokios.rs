//! tokio, a runtime of one thread at either end: bare, and with tokio-util's length-prefixed frames.

use super::{BATCH, Connects, End, Way, sockets};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use std::net::{SocketAddr, TcpStream as StdStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::LengthDelimitedCodec;

pub(super) fn run<F: Future>(future: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

pub(super) fn adopt(stream: StdStream) -> TcpStream {
    stream.set_nonblocking(true).expect("a socket");
    TcpStream::from_std(stream).expect("a runtime")
}

/// tokio's `TcpStream`; as [`Raw`](super::Raw) in everything else.
pub struct Tokio;

/// One end of [`Tokio`].
pub struct TokioEnd<S> {
    pub(super) stream: S,
    pub(super) size: usize,
    pub(super) buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> End for TokioEnd<S> {
    async fn send(&mut self, message: &[u8]) {
        let sent = self.stream.write_all(message).await;
        sent.expect("the connection lives");
        // A TCP stream has nothing to flush; TLS on it has.
        self.stream.flush().await.expect("the connection lives");
    }
    async fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        let message = &mut self.buffer[..self.size];
        let read = self.stream.read_exact(message).await;
        read.expect("the connection lives");
        look(message)
    }
    async fn echo(&mut self, look: impl FnOnce(&[u8])) {
        let message = &mut self.buffer[..self.size];
        let read = self.stream.read_exact(message).await;
        read.expect("the connection lives");
        look(message);
        let sent = self.stream.write_all(message).await;
        sent.expect("the connection lives");
        self.stream.flush().await.expect("the connection lives");
    }
    async fn receive_some<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        let n = self.stream.read(&mut self.buffer).await;
        let n = n.expect("the connection lives");
        assert!(n > 0, "the stream ended early");
        look(&self.buffer[..n])
    }
}

impl Way for Tokio {
    type Raw = StdStream;
    type End = TokioEnd<TcpStream>;

    fn connect() -> (StdStream, StdStream) {
        sockets()
    }

    async fn end(stream: StdStream, size: usize) -> TokioEnd<TcpStream> {
        TokioEnd {
            stream: adopt(stream),
            size,
            buffer: vec![0; size],
        }
    }

    fn run<F: Future>(future: F) -> F::Output {
        run(future)
    }
}

impl Connects for Tokio {
    type Listening = std::net::TcpListener;
    type At = SocketAddr;
    type Client = ();

    fn listen() -> (std::net::TcpListener, SocketAddr) {
        super::Raw::listen()
    }

    async fn serve(listener: std::net::TcpListener, times: u64) {
        listener.set_nonblocking(true).expect("a socket");
        let listener = TcpListener::from_std(listener).expect("a runtime");
        for _ in 0..times {
            let (mut stream, _) = listener.accept().await.expect("a client");
            stream.set_nodelay(true).expect("a TCP socket");
            let mut byte = [0];
            stream.read_exact(&mut byte).await.expect("a byte");
            let sent = stream.write_all(&byte).await;
            sent.expect("the connection lives");
        }
    }

    async fn client() {}

    async fn once((): &(), at: &SocketAddr, byte: u8) -> u8 {
        let mut stream = TcpStream::connect(at).await.expect("a listener");
        stream.set_nodelay(true).expect("a TCP socket");
        let sent = stream.write_all(&[byte]).await;
        sent.expect("the connection lives");
        let mut answer = [0];
        stream.read_exact(&mut answer).await.expect("an answer");
        answer[0]
    }

    fn run_one<F: Future>(future: F) -> F::Output {
        run(future)
    }
}

/// `Framed` with `LengthDelimitedCodec`: 4 bytes of length, big-endian, as ours.
pub struct Framed;

/// One end of [`Framed`].
pub struct FramedEnd<S> {
    framed: tokio_util::codec::Framed<S, LengthDelimitedCodec>,
    fed: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> FramedEnd<S> {
    pub(super) fn new(stream: S, size: usize) -> FramedEnd<S> {
        let mut codec = LengthDelimitedCodec::new();
        codec.set_max_frame_length(16 * 1024 * 1024);
        let mut framed = tokio_util::codec::Framed::new(stream, codec);
        // By default it sends in pieces of 8 KiB; nobody's batches are cut.
        framed.set_backpressure_boundary((2 * BATCH).max(size));
        FramedEnd { framed, fed: 0 }
    }

    async fn next(&mut self) -> BytesMut {
        let message = self.framed.next().await.expect("the stream goes on");
        message.expect("the connection lives")
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> End for FramedEnd<S> {
    async fn send(&mut self, message: &[u8]) {
        let sent = self.framed.send(Bytes::copy_from_slice(message)).await;
        sent.expect("the connection lives");
    }
    async fn feed(&mut self, message: &[u8]) {
        let fed = self.framed.feed(Bytes::copy_from_slice(message)).await;
        fed.expect("the connection lives");
        self.fed += message.len();
        if self.fed >= BATCH {
            self.flush().await;
        }
    }
    async fn flush(&mut self) {
        self.fed = 0;
        let flushed = SinkExt::<Bytes>::flush(&mut self.framed).await;
        flushed.expect("the connection lives");
    }
    async fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.next().await)
    }
    async fn echo(&mut self, look: impl FnOnce(&[u8])) {
        let message = self.next().await;
        look(&message);
        let sent = self.framed.send(message.freeze()).await;
        sent.expect("the connection lives");
    }
}

impl Way for Framed {
    type Raw = StdStream;
    type End = FramedEnd<TcpStream>;

    fn connect() -> (StdStream, StdStream) {
        sockets()
    }

    async fn end(stream: StdStream, size: usize) -> FramedEnd<TcpStream> {
        FramedEnd::new(adopt(stream), size)
    }

    fn run<F: Future>(future: F) -> F::Output {
        run(future)
    }
}
