//! What the other end of `tls+plain:` may do: here it is the TLS library itself, over the standard
//! library's stream.
#![cfg(feature = "tls")]

mod support;
mod tls_support;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use channel::{Channel, Options, ReadError, WriteError};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
};
use support::{LIMIT, at, eventually, pattern};
use tls_support::{Authority, Identity, domain};

/// The other end.
struct Raw {
    tls: Connection,
    stream: TcpStream,
}

impl Raw {
    fn new(mut tls: Connection, mut stream: TcpStream) -> Raw {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).unwrap();
        }
        Raw { tls, stream }
    }

    /// The orderly end of what it writes.
    fn finish(&mut self) {
        self.tls.send_close_notify();
        self.flush().unwrap();
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

impl Read for Raw {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(out) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            self.tls.read_tls(&mut self.stream)?;
            let result = self.tls.process_new_packets();
            self.flush()?;
            result.map_err(io::Error::other)?;
        }
    }
}

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.tls.writer().write(bytes)?;
        self.flush()?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.stream)?;
        }
        Ok(())
    }
}

fn parts(
    authority: &Authority,
    own: &Identity,
) -> (
    Arc<RootCertStore>,
    Vec<CertificateDer<'static>>,
    PrivateKeyDer<'static>,
) {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap())
        .unwrap();
    (
        Arc::new(roots),
        vec![CertificateDer::from_pem_slice(own.cert.as_bytes()).unwrap()],
        PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap(),
    )
}

/// A channel that was accepted, and the other end. Through `way`, if the bytes are to take one.
fn accepted_through(way: impl FnOnce(&str) -> TcpStream) -> (Channel, Raw) {
    let authority = Authority::new("one");
    let own = authority.identity();
    let server = domain(authority.credentials(&own))
        .broker("server")
        .unwrap();
    let bound = server
        .listen(&at("tls+plain://127.0.0.1:0?port=7"))
        .unwrap();
    let (roots, chain, key) = parts(&authority, &own);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let raw = Raw::new(tls.into(), way(bound.endpoint().authority()));
    (server.accept_timeout(7, LIMIT).unwrap(), raw)
}

fn accepted() -> (Channel, Raw) {
    accepted_through(|address| TcpStream::connect(address).unwrap())
}

/// A channel that was connected, and the other end.
fn connected() -> (Channel, Raw) {
    connected_with(Options::new())
}

fn connected_with(options: Options) -> (Channel, Raw) {
    let authority = Authority::new("one");
    let own = authority.identity();
    let (roots, chain, key) = parts(&authority, &own);
    let provider = Arc::new(default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain, key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = at(&format!("tls+plain://{}", listener.local_addr().unwrap()));
    let raw = thread::spawn(move || {
        let tls = ServerConnection::new(Arc::new(config)).unwrap();
        Raw::new(tls.into(), listener.accept().unwrap().0)
    });
    let client = domain(authority.credentials(&own));
    let client = client.broker_with("client", options).unwrap();
    let channel = client.connect_at(&to, 7, Some(LIMIT)).unwrap();
    (channel, raw.join().unwrap())
}

fn both(test: impl Fn(Channel, Raw)) {
    for pair in [accepted, connected] {
        let (channel, raw) = pair();
        test(channel, raw);
    }
}

// shows T6, C5: an orderly end in one direction, while the other goes on.
#[test]
fn half_closes() {
    both(|channel, mut raw| {
        let data = pattern(1 << 20);
        let expected = data.clone();
        raw.write_all(b"last words").unwrap();
        raw.finish();
        let (mut reader, mut writer) = channel.split();
        let mut buf = [0; 10];
        reader.read_exact_timeout(&mut buf, LIMIT).unwrap();
        assert_eq!(&buf, b"last words");
        assert_eq!(reader.read_timeout(&mut buf, LIMIT).unwrap(), 0);
        let reading = thread::spawn(move || {
            let mut all = Vec::new();
            // No error: it would be one if the stream were cut.
            raw.read_to_end(&mut all).unwrap();
            assert!(all == expected);
        });
        writer.write_all_timeout(&data, LIMIT).unwrap();
        writer.finish().unwrap();
        reading.join().unwrap();
        assert_eq!(reader.read_timeout(&mut buf, LIMIT).unwrap(), 0);
    });
}

// shows C6: a stream that ends without TLS's own end was cut, by whomever.
#[test]
fn a_stream_that_is_cut() {
    both(|mut channel, mut raw| {
        raw.write_all(b"last words").unwrap();
        raw.stream.shutdown(Shutdown::Write).unwrap();
        let mut buf = [0; 10];
        channel.read_exact_timeout(&mut buf, LIMIT).unwrap();
        assert_eq!(&buf, b"last words");
        for _ in 0..2 {
            let error = channel.read_timeout(&mut buf, LIMIT).unwrap_err();
            assert!(matches!(error, ReadError::PeerLost(_)), "{error}");
        }
        let error = channel.write_timeout(b"x", LIMIT).unwrap_err();
        assert!(matches!(error, WriteError::PeerLost(_)), "{error}");
    });
}

// shows C6: a reset.
#[test]
fn a_reset() {
    both(|mut channel, mut raw| {
        raw.write_all(b"last words").unwrap();
        let mut buf = [0; 10];
        channel.read_exact_timeout(&mut buf, LIMIT).unwrap();
        socket2::SockRef::from(&raw.stream)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
        drop(raw);
        let error = channel.read_timeout(&mut buf, LIMIT).unwrap_err();
        assert!(matches!(error, ReadError::PeerLost(_)), "{error}");
    });
}

// shows C4: whoever aborts is lost to the other end.
#[test]
fn an_abort() {
    both(|mut channel, mut raw| {
        channel.write_all(b"last words").unwrap();
        raw.read_exact(&mut [0; 10]).unwrap();
        channel.handle().abort();
        let error = raw.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

// shows C4, C8: an orderly end, also behind more than the system takes at once, with bytes unread.
#[test]
fn a_disconnect_destroys_nothing() {
    both(|mut channel, mut raw| {
        raw.write_all(b"never read").unwrap();
        let mut written = 0;
        while let Ok(n) = channel.try_write(&[7; 100_000]) {
            written += n;
        }
        channel.disconnect();
        let handle = channel.handle();
        drop(channel);
        let mut all = Vec::new();
        raw.read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), written);
        assert_eq!(handle.totals().written, written as u64);
    });
}

// The other end demands new keys, again and again, of a side that only reads, and of one that answers.
#[test]
fn new_keys() {
    both(|mut channel, mut raw| {
        for round in 0..200_u8 {
            raw.tls.refresh_traffic_keys().unwrap();
            raw.write_all(&[round; 100]).unwrap();
            let mut buf = [0; 100];
            channel.read_exact_timeout(&mut buf, LIMIT).unwrap();
            assert_eq!(buf, [round; 100]);
            if round % 3 == 0 {
                channel.write_all(&buf).unwrap();
                raw.read_exact(&mut buf).unwrap();
                assert_eq!(buf, [round; 100]);
            }
        }
    });
}

// shows C4, C8: a disconnect from a third thread at any moment of a write: what was reported as written
// arrives, all of it and nothing else, and then the end.
#[test]
fn a_disconnect_in_the_middle_of_writes() {
    for _ in 0..30 {
        both(|channel, mut raw| {
            let handle = channel.handle();
            let (reader, mut writer) = channel.split();
            let writing = thread::spawn(move || while writer.write(&[7; 50_000]).is_ok() {});
            let reading = thread::spawn(move || {
                let mut all = Vec::new();
                raw.read_to_end(&mut all).map(|_| all.len() as u64)
            });
            eventually("something was written", || {
                handle.totals().written > 1 << 18
            });
            handle.disconnect();
            writing.join().unwrap();
            assert_eq!(reading.join().unwrap().unwrap(), handle.totals().written);
            drop(reader);
        });
    }
}

/// Passes bytes on both ways, in pieces of `piece` bytes; `change` may do something to those that leave
/// the raw end. Ends with either side.
fn way(to: &str, piece: usize, change: impl FnMut(&mut [u8]) + Send + 'static) -> TcpStream {
    fn pass(
        mut from: TcpStream,
        mut to: TcpStream,
        piece: usize,
        mut change: impl FnMut(&mut [u8]),
    ) {
        let mut buf = vec![0; piece];
        while let Ok(n @ 1..) = from.read(&mut buf) {
            change(&mut buf[..n]);
            if to.write_all(&buf[..n]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let far = listener.accept().unwrap().0;
    let beyond = TcpStream::connect(to).unwrap();
    beyond.set_nodelay(true).unwrap();
    let (back_from, back_to) = (beyond.try_clone().unwrap(), far.try_clone().unwrap());
    thread::spawn(move || pass(far, beyond, piece, change));
    thread::spawn(move || pass(back_from, back_to, piece, |_| {}));
    near
}

// shows C1: whatever pieces the records come in.
#[test]
fn a_byte_at_a_time() {
    let (mut channel, mut raw) = accepted_through(|to| way(to, 1, |_| {}));
    let data = pattern(20_000);
    let expected = data.clone();
    let sending = thread::spawn(move || {
        raw.write_all(&data).unwrap();
        raw.finish();
    });
    let mut all = vec![0; expected.len()];
    channel.read_exact_timeout(&mut all, LIMIT).unwrap();
    assert!(all == expected);
    let end = channel.reader_mut().read_timeout(&mut [0; 8], LIMIT);
    assert_eq!(end.unwrap(), 0);
    sending.join().unwrap();
}

// shows T3: what is changed on its way is not taken for what was sent.
#[test]
fn a_changed_byte() {
    let (switch, switched) = std::sync::mpsc::channel::<()>();
    let change = move |bytes: &mut [u8]| {
        if switched.try_recv().is_ok() {
            *bytes.last_mut().unwrap() ^= 1;
        }
    };
    let (mut channel, mut raw) = accepted_through(|to| way(to, 1 << 16, change));
    raw.write_all(b"unchanged").unwrap();
    channel.read_exact_timeout(&mut [0; 9], LIMIT).unwrap();
    switch.send(()).unwrap();
    raw.write_all(b"changed").unwrap();
    let error = channel.read_timeout(&mut [0; 8], LIMIT).unwrap_err();
    assert!(matches!(error, ReadError::Broken(_)), "{error:?}");
    // And the other end hears why.
    let error = raw.read(&mut [0; 8]).unwrap_err();
    assert!(error.to_string().contains("BadRecordMac"), "{error}");
}

// shows C4, C8: what is left over does not linger for ever if the peer does not read; and the peer finds that
// the stream was cut.
#[test]
fn a_peer_that_never_reads_is_not_waited_for() {
    let options = Options::new().with_linger(std::time::Duration::from_millis(200));
    let (mut channel, mut raw) = connected_with(options);
    eventually("it takes no more", || {
        while channel.try_write(&[7; 1 << 20]).is_ok() {}
        let wait = std::time::Duration::from_millis(50);
        channel.write_timeout(&[7; 1 << 20], wait).is_err()
    });
    drop(channel);
    eventually("nothing lingers", || {
        channel::linger(std::time::Duration::from_millis(10)).is_ok()
    });
    let mut all = Vec::new();
    let error = raw.read_to_end(&mut all).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}
