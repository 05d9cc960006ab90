//! A transport whose connections are scripted: strangers that a test has arrive, all at once if it
//! likes, and that say what it likes.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use channel::transport::{
    BoxFuture, Carrier, Connection, Control, Disconnect, Listener, Sink, Source, Totals, Transport,
};
use channel::wire::hello::{Hello, Message};
use channel::{DialError, Endpoint, ListenError, Options};

/// What a flooding stranger sends at a time.
pub const CHUNK: usize = 1024;

#[derive(Default)]
struct State {
    arrivals: VecDeque<Connection>,
    /// Always one more connection, that ends at once.
    endless: bool,
    listener: Option<Waker>,
    listening: bool,
    /// Which stranger's bytes were taken, in order, while it flooded.
    log: Vec<usize>,
}

/// `script://`: one listener at a time.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<State>>);

#[derive(Default)]
struct Inside {
    said: VecDeque<u8>,
    floods: bool,
    heard: Vec<u8>,
    gone: bool,
    waker: Option<Waker>,
}

/// A stranger, seen from its own side.
#[derive(Clone)]
pub struct Stranger(Arc<Mutex<Inside>>);

impl Stranger {
    pub fn saying(message: &Message) -> Stranger {
        let stranger = Stranger::silent();
        stranger.says(message);
        stranger
    }

    pub fn silent() -> Stranger {
        Stranger(Arc::default())
    }

    /// One that connects to `port` of `broker`.
    pub fn hello(broker: &str, port: u16) -> Stranger {
        Stranger::saying(&Message::Hello(Hello::new(broker, port)))
    }

    /// Sends for ever once it has said what it has to say.
    pub fn flooding(self) -> Stranger {
        self.0.lock().unwrap().floods = true;
        self
    }

    pub fn says(&self, message: &Message) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes).unwrap();
        self.sends(&bytes);
    }

    pub fn sends(&self, bytes: &[u8]) {
        let mut inside = self.0.lock().unwrap();
        inside.said.extend(bytes);
        let waker = inside.waker.take();
        drop(inside);
        waker.into_iter().for_each(Waker::wake);
    }

    pub fn was_answered(&self) -> bool {
        !self.0.lock().unwrap().heard.is_empty()
    }

    /// Its connection was dropped.
    pub fn is_gone(&self) -> bool {
        self.0.lock().unwrap().gone
    }
}

impl Script {
    /// They all connect in the same instant.
    pub fn arrive<'a>(&self, strangers: impl IntoIterator<Item = &'a Stranger>) {
        let mut state = self.0.lock().unwrap();
        for stranger in strangers {
            let connection = self.connection(state.arrivals.len(), stranger);
            state.arrivals.push_back(connection);
        }
        let waker = state.listener.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    pub fn endless(self) -> Script {
        self.0.lock().unwrap().endless = true;
        self
    }

    pub fn is_listening(&self) -> bool {
        self.0.lock().unwrap().listening
    }

    pub fn log(&self) -> Vec<usize> {
        self.0.lock().unwrap().log.clone()
    }

    fn connection(&self, number: usize, stranger: &Stranger) -> Connection {
        Connection {
            source: Box::new(Inbound {
                number,
                buf: Vec::new(),
                inside: stranger.0.clone(),
                script: self.clone(),
            }),
            sink: Box::new(Outbound(stranger.0.clone())),
            control: Arc::new(Nothing),
            peer: "script://stranger".parse().unwrap(),
            carrier: Carrier::Bytes,
        }
    }
}

impl Transport for Script {
    fn schemes(&self) -> &[&str] {
        &["script"]
    }

    fn dial<'a>(
        &'a self,
        _: &'a Endpoint,
        _: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async { Err(DialError::NotFound) })
    }

    fn listen(&self, at: &Endpoint, _: &Options) -> Result<Box<dyn Listener>, ListenError> {
        if std::mem::replace(&mut self.0.lock().unwrap().listening, true) {
            return Err(ListenError::Taken(at.clone()));
        }
        Ok(Box::new(Incoming(self.clone(), at.clone())))
    }
}

struct Incoming(Script, Endpoint);

impl Listener for Incoming {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        let mut state = self.0.0.lock().unwrap();
        if let Some(connection) = state.arrivals.pop_front() {
            return Poll::Ready(Ok(connection));
        }
        if state.endless {
            drop(state);
            let stranger = Stranger::silent();
            stranger.0.lock().unwrap().gone = true;
            return Poll::Ready(Ok(self.0.connection(0, &stranger)));
        }
        state.listener = Some(cx.waker().clone());
        Poll::Pending
    }

    fn local(&self) -> &Endpoint {
        &self.1
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().listening = false;
    }
}

struct Inbound {
    number: usize,
    buf: Vec<u8>,
    inside: Arc<Mutex<Inside>>,
    script: Script,
}

impl Source for Inbound {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.buf.is_empty() {
            let mut inside = self.inside.lock().unwrap();
            self.buf.extend(inside.said.drain(..));
            if self.buf.is_empty() {
                if inside.gone {
                    return Poll::Ready(Ok(0));
                }
                if !inside.floods {
                    inside.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                self.buf.resize(CHUNK, 0);
                self.script.0.lock().unwrap().log.push(self.number);
            }
        }
        Poll::Ready(Ok(self.buf.len()))
    }

    fn filled(&self) -> &[u8] {
        &self.buf
    }

    fn consume(&mut self, n: usize) {
        self.buf.drain(..n);
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        self.inside.lock().unwrap().gone = true;
    }
}

struct Outbound(Arc<Mutex<Inside>>);

impl Sink for Outbound {
    fn poll_write(&mut self, _: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut inside = self.0.lock().unwrap();
        let before = inside.heard.len();
        bufs.iter().for_each(|b| inside.heard.extend_from_slice(b));
        Poll::Ready(Ok(inside.heard.len() - before))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Nothing;

impl Control for Nothing {
    fn disconnect(&self, _: Disconnect) {}

    fn peer_gone(&self) -> bool {
        false
    }

    fn totals(&self) -> Totals {
        Totals::default()
    }
}
