//! tokio with tokio-rustls, certificates on both sides.

use super::tokios::{FramedEnd, TokioEnd, adopt, run};
use super::{Connects, Way, certificates, sockets};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// A socket of one side: `true` is the server's.
type Side = (StdStream, bool);

fn sides() -> (Side, Side) {
    let (client, server) = sockets();
    ((client, false), (server, true))
}

async fn secure((stream, is_server): Side) -> TlsStream<TcpStream> {
    let stream = adopt(stream);
    match is_server {
        true => {
            let acceptor = TlsAcceptor::from(certificates::server());
            acceptor.accept(stream).await.expect("a client").into()
        }
        false => {
            let connector = TlsConnector::from(certificates::client());
            let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let secured = connector.connect(here.into(), stream);
            secured.await.expect("a server").into()
        }
    }
}

/// The bare stream.
pub struct TokioTls;

impl Way for TokioTls {
    type Raw = Side;
    type End = TokioEnd<TlsStream<TcpStream>>;

    fn connect() -> (Side, Side) {
        sides()
    }

    async fn end(side: Side, size: usize) -> Self::End {
        TokioEnd {
            stream: secure(side).await,
            size,
            buffer: vec![0; size],
        }
    }

    fn run<F: Future>(future: F) -> F::Output {
        run(future)
    }
}

impl Connects for TokioTls {
    type Listening = StdListener;
    type At = SocketAddr;
    type Client = TlsConnector;

    fn listen() -> (StdListener, SocketAddr) {
        super::Raw::listen()
    }

    async fn serve(listener: StdListener, times: u64) {
        listener.set_nonblocking(true).expect("a socket");
        let listener = TcpListener::from_std(listener).expect("a runtime");
        let acceptor = TlsAcceptor::from(certificates::server());
        for _ in 0..times {
            let (stream, _) = listener.accept().await.expect("a client");
            stream.set_nodelay(true).expect("a TCP socket");
            let mut stream = acceptor.accept(stream).await.expect("a client");
            let mut byte = [0];
            stream.read_exact(&mut byte).await.expect("a byte");
            let sent = stream.write_all(&byte).await;
            sent.expect("the connection lives");
            stream.flush().await.expect("the connection lives");
            // Says that this is the end; the client may have left.
            let _ = stream.shutdown().await;
        }
    }

    async fn client() -> TlsConnector {
        TlsConnector::from(certificates::client())
    }

    async fn once(connector: &TlsConnector, at: &SocketAddr, byte: u8) -> u8 {
        let stream = TcpStream::connect(at).await.expect("a listener");
        stream.set_nodelay(true).expect("a TCP socket");
        let secured = connector.connect(at.ip().into(), stream).await;
        let mut stream = secured.expect("a server");
        let sent = stream.write_all(&[byte]).await;
        sent.expect("the connection lives");
        stream.flush().await.expect("the connection lives");
        let mut answer = [0];
        stream.read_exact(&mut answer).await.expect("an answer");
        let _ = stream.shutdown().await;
        answer[0]
    }

    fn run_one<F: Future>(future: F) -> F::Output {
        run(future)
    }
}

/// With length-prefixed frames.
pub struct FramedTls;

impl Way for FramedTls {
    type Raw = Side;
    type End = FramedEnd<TlsStream<TcpStream>>;

    fn connect() -> (Side, Side) {
        sides()
    }

    async fn end(side: Side, size: usize) -> Self::End {
        FramedEnd::new(secure(side).await, size)
    }

    fn run<F: Future>(future: F) -> F::Output {
        run(future)
    }
}
