//! A carrier that fails once and goes on: never a torn message.
mod common;

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;

use channel::mem::Mem;
use channel::transport::{BoxFuture, Connection, Listener, Sink, Source, Transport};
use channel::{DialError, Domain, Endpoint, ListenError, Options};
use common::*;
use message_queue::{MessageQueue, ReceiveError, SendError};

/// Operations until the one that fails; 0: none does.
#[derive(Clone, Default)]
struct Countdown(Arc<AtomicUsize>);

impl Countdown {
    fn strikes(&self) -> bool {
        let left = self.0.load(Ordering::SeqCst);
        self.0.store(left.saturating_sub(1), Ordering::SeqCst);
        left == 1
    }
}

#[derive(Clone, Default)]
struct Counts {
    writes: Countdown,
    fills: Countdown,
}

struct HiccupSink(Box<dyn Sink>, Countdown);

impl Sink for HiccupSink {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.1.strikes() {
            return Poll::Ready(Err(io::ErrorKind::Other.into()));
        }
        self.0.poll_write(cx, bufs)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.finish()
    }
}

struct HiccupSource(Box<dyn Source>, Countdown);

impl Source for HiccupSource {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.1.strikes() {
            return Poll::Ready(Err(io::ErrorKind::Other.into()));
        }
        self.0.poll_fill(cx)
    }

    fn filled(&self) -> &[u8] {
        self.0.filled()
    }

    fn consume(&mut self, n: usize) {
        self.0.consume(n);
    }
}

struct Hiccup(Mem, Counts);

fn wrap(mut connection: Connection, counts: &Counts) -> Connection {
    connection.sink = Box::new(HiccupSink(connection.sink, counts.writes.clone()));
    connection.source = Box::new(HiccupSource(connection.source, counts.fills.clone()));
    connection
}

impl Transport for Hiccup {
    fn schemes(&self) -> &[&str] {
        &["hiccup"]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move { Ok(wrap(self.0.dial(to, options).await?, &self.1)) })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        self.0.listen(at, options)
    }

    fn broker_of<'a>(&self, endpoint: &'a Endpoint) -> &'a str {
        endpoint.authority()
    }

    fn is_local(&self) -> bool {
        true
    }
}

/// Two queues with little room, of which the first's carrier can fail.
fn hiccuping() -> (MessageQueue, MessageQueue, Counts) {
    let (domain, counts) = (Domain::new(), Counts::default());
    domain.add(Hiccup(Mem::new(), counts.clone()));
    let options = Options::new().with_capacity(64);
    let server = domain.broker_with("server", options.clone()).unwrap();
    let client = domain.broker_with("client", options).unwrap();
    let at: Endpoint = "hiccup://server".parse().unwrap();
    let _bound = server.listen(&at).unwrap();
    let accepting = thread::spawn(move || server.accept_timeout(1, LONG).unwrap());
    let connected = client.connect_at(&at, 1, Some(LONG)).unwrap();
    (connected.into(), accepting.join().unwrap().into(), counts)
}

// shows M5, M7: a write that fails inside a message leaves the rest ahead of what is sent next.
#[test]
fn a_write_that_fails_once() {
    within("hiccup", || {
        let (a, b, counts) = hiccuping();
        let receiving = thread::spawn(move || {
            let mut got = Vec::new();
            loop {
                match b.receive() {
                    Ok(message) => got.push(message),
                    Err(end) => return (got, end),
                }
            }
        });
        counts.writes.0.store(2, Ordering::SeqCst);
        assert!(a.send(&[1; 100]).is_err());
        a.send(&[2; 50]).unwrap();
        a.finish().unwrap();
        let (got, end) = receiving.join().unwrap();
        assert_eq!(got, [vec![1; 100], vec![2; 50]]);
        assert!(matches!(end, ReceiveError::PeerClosed));
    });
}

// shows M7: a read that fails inside a message is the end of the queue: no message is made up of what
// follows.
#[test]
fn a_read_that_fails_once() {
    within("hiccup", || {
        let (a, b, counts) = hiccuping();
        // Half of it fits. The body looks like messages of no bytes.
        assert!(matches!(b.try_send(&[0; 100]), Err(SendError::Unfinished)));
        assert!(matches!(a.try_receive(), Err(ReceiveError::WouldBlock)));
        counts.fills.0.store(1, Ordering::SeqCst);
        assert!(matches!(a.receive(), Err(ReceiveError::Truncated(_))));
        // The other half, and what follows it.
        let _ = b.try_send(&[5; 50]);
        for _ in 0..3 {
            assert!(matches!(a.receive(), Err(ReceiveError::Broken(_))));
        }
    });
}
