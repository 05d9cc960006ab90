//! A transport around another one, with one flaw.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use channel::transport::{BoxFuture, Carrier, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError, Options};
use parking_lot::Mutex;

use crate::control::BadControl;
use crate::end::End;
use crate::flaw::Flaw;
use crate::sink::BadSink;
use crate::source::BadSource;

/// What the connections of one transport share.
pub struct State {
    pub flaw: Flaw,
    /// What the two ends of a connection share, from the dial until the accept.
    dialled: Mutex<VecDeque<Arc<Pair>>>,
    next: AtomicUsize,
    /// The connection that stalls all others; 0 for none.
    pub stalls: AtomicUsize,
    /// The last byte that came, and on which connection.
    pub last: Mutex<Option<(usize, u8)>>,
    /// How many listeners were dropped.
    closed: AtomicUsize,
}

/// What the two ends of one connection share.
#[derive(Default)]
pub struct Pair {
    pub number: usize,
    pub left: [AtomicBool; 2],
    pub destroyed: [AtomicBool; 2],
    pub ends: [End; 2],
}

pub struct Broken {
    inner: Box<dyn Transport>,
    /// Where its sockets lie, if it has any.
    directory: Option<PathBuf>,
    state: Arc<State>,
}

impl Broken {
    pub fn new(inner: Box<dyn Transport>, directory: Option<PathBuf>, flaw: Flaw) -> Broken {
        Broken {
            inner,
            directory,
            state: Arc::new(State {
                flaw,
                dialled: Mutex::default(),
                next: AtomicUsize::new(1),
                stalls: AtomicUsize::new(0),
                last: Mutex::default(),
                closed: AtomicUsize::new(0),
            }),
        }
    }
}

impl State {
    fn pair(&self) -> Arc<Pair> {
        Arc::new(Pair {
            number: self.next.fetch_add(1, SeqCst),
            ..Pair::default()
        })
    }

    /// Puts the flaw into end `end` of a connection.
    fn spoil(self: &Arc<Self>, connection: Connection, pair: Arc<Pair>, end: usize) -> Connection {
        if self.flaw == Flaw::LeaksADescriptor {
            std::mem::forget(std::fs::File::open("/dev/null"));
        }
        let carrier = match self.flaw {
            Flaw::ClaimsToBeNative => Carrier::Native,
            _ => connection.carrier,
        };
        let peer = match self.flaw {
            Flaw::NamesAnotherScheme => "other://place".parse().unwrap(),
            _ => connection.peer,
        };
        let control = Arc::new(BadControl {
            inner: connection.control,
            state: self.clone(),
            pair: pair.clone(),
            end,
        });
        Connection {
            source: Box::new(BadSource::new(
                connection.source,
                self.clone(),
                pair.clone(),
                end,
            )),
            sink: Box::new(BadSink {
                inner: connection.sink,
                control: control.clone(),
                state: self.clone(),
                pair,
                end,
            }),
            control,
            peer,
            carrier,
        }
    }
}

impl Transport for Broken {
    fn schemes(&self) -> &[&str] {
        self.inner.schemes()
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            let dialled = self.inner.dial(to, options).await;
            if self.state.flaw == Flaw::DialHangs && matches!(dialled, Err(DialError::NotFound)) {
                std::future::pending::<()>().await;
            }
            let connection = dialled?;
            let made = self.state.next.load(SeqCst);
            if self.state.flaw == Flaw::DiesAfterHundreds && made > 256 {
                return Err(DialError::NotFound);
            }
            let pair = self.state.pair();
            // Where both ends are made by this transport.
            if self.is_local() {
                self.state.dialled.lock().push_back(pair.clone());
            }
            Ok(self.state.spoil(connection, pair, 0))
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        if let (Flaw::TakesATakenPlace, Some(directory)) = (self.state.flaw, &self.directory) {
            let _ = std::fs::remove_file(directory.join(at.authority()));
        }
        Ok(Box::new(BadListener {
            inner: Some(self.inner.listen(at, options)?),
            state: self.state.clone(),
            dead: false,
            open: Vec::new(),
            closed: self.state.closed.load(SeqCst),
        }))
    }

    fn broker_of<'a>(&self, endpoint: &'a Endpoint) -> &'a str {
        match self.state.flaw {
            Flaw::AnswersForAnyBroker => "",
            _ => self.inner.broker_of(endpoint),
        }
    }

    fn is_local(&self) -> bool {
        self.inner.is_local()
    }
}

struct BadListener {
    inner: Option<Box<dyn Listener>>,
    state: Arc<State>,
    dead: bool,
    /// The connections that it accepted, as far as they are open.
    open: Vec<Weak<Pair>>,
    /// How many listeners had been dropped when this one was made.
    closed: usize,
}

const THERE: &str = "there until the drop";

impl Drop for BadListener {
    fn drop(&mut self) {
        self.state.closed.fetch_add(1, SeqCst);
        if self.state.flaw == Flaw::KeepsItsPlace {
            std::mem::forget(self.inner.take());
        }
    }
}

impl Listener for BadListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        let ends = self.state.flaw == Flaw::OneThatClosesEndsAll;
        if self.dead || ends && self.state.closed.load(SeqCst) > self.closed {
            return Poll::Pending;
        }
        if self.state.flaw == Flaw::ListenerDies {
            self.dead = true;
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let inner = self.inner.as_mut().expect(THERE);
        let mut accepted = inner.poll_accept(cx);
        if self.state.flaw == Flaw::ServesEight {
            self.open.retain(|pair| pair.strong_count() > 0);
            while self.open.len() >= 8 && matches!(accepted, Poll::Ready(Ok(_))) {
                accepted = inner.poll_accept(cx);
            }
        }
        accepted.map_ok(|connection| {
            let pair = self.state.dialled.lock().pop_front();
            let pair = pair.unwrap_or_else(|| self.state.pair());
            self.open.push(Arc::downgrade(&pair));
            self.state.spoil(connection, pair, 1)
        })
    }

    fn local(&self) -> &Endpoint {
        self.inner.as_ref().expect(THERE).local()
    }
}
