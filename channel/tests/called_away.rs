//! A blocking read that the transport itself calls away goes on.

use std::io::{self, IoSlice, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use channel::transport::{
    BoxFuture, Carrier, Connection, Control, Disconnect, Listener, Sink, Source, Totals, Transport,
};
use channel::{DialError, Domain, Endpoint, ListenError, Options};

/// Its peer says "yes" and ends; every second blocking call is called away.
struct Restless;

struct Half {
    rest: &'static [u8],
    calls: u32,
}

impl Half {
    fn restless(&mut self) -> io::Result<()> {
        self.calls += 1;
        match self.calls % 2 {
            0 => Ok(()),
            _ => Err(io::ErrorKind::Interrupted.into()),
        }
    }
}

impl Source for Half {
    fn poll_fill(&mut self, _: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.rest.len()))
    }

    fn filled(&self) -> &[u8] {
        self.rest
    }

    fn consume(&mut self, n: usize) {
        self.rest = &self.rest[n..];
    }

    fn read(&mut self, out: &mut [IoSliceMut<'_>], _: Option<Instant>) -> io::Result<usize> {
        self.restless()?;
        let n = io::Read::read_vectored(&mut self.rest, out)?;
        Ok(n)
    }

    fn fill(&mut self, _: Option<Instant>) -> io::Result<usize> {
        self.restless()?;
        Ok(self.rest.len())
    }
}

impl Sink for Half {
    fn poll_write(&mut self, _: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Control for Restless {
    fn disconnect(&self, _: Disconnect) {}

    fn peer_gone(&self) -> bool {
        false
    }

    fn totals(&self) -> Totals {
        Totals::default()
    }
}

impl Transport for Restless {
    fn schemes(&self) -> &[&str] {
        &["restless"]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        _: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        let half = || {
            Box::new(Half {
                rest: b"yes",
                calls: 0,
            })
        };
        let connection = Connection {
            source: half(),
            sink: half(),
            control: Arc::new(Restless),
            peer: to.clone(),
            carrier: Carrier::Bytes,
        };
        Box::pin(std::future::ready(Ok(connection)))
    }

    fn listen(&self, _: &Endpoint, _: &Options) -> Result<Box<dyn Listener>, ListenError> {
        Err(ListenError::Unsupported("it only dials".into()))
    }
}

// shows C2, C3, T6
#[test]
fn a_blocking_read_that_the_transport_calls_away_goes_on() {
    let domain = Domain::new();
    domain.add(Restless);
    let client = domain.broker("client").unwrap();
    let at = "restless+plain://".parse().unwrap();
    let mut channel = client.connect_at(&at, 7, None).unwrap();
    let mut byte = [0];
    assert_eq!(channel.read(&mut byte).unwrap(), 1);
    let limit = Duration::from_secs(60);
    assert_eq!(channel.read_timeout(&mut byte, limit).unwrap(), 1);
    let (mut reader, _writer) = channel.split();
    assert_eq!(reader.fill_buf().unwrap(), b"s");
    reader.consume(1);
    assert!(reader.fill_buf().unwrap().is_empty());
}
