//! What connects in the other process, as a transport of this one.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use channel::transport::{BoxFuture, Carrier, Connection, Listener, Transport};
use channel::wire::hello::{Message, Refusal, Refused, Version, Welcome};
use channel::{DialError, Endpoint, ListenError, Options};

use super::control::FarControl;
use super::halves::{Far, FarSink, FarSource};
use super::peer::{Asked, Peer};
use super::wire::{Ask, Out, strange};
use crate::names::interned;

/// A broker of the other process. What is connected with it is a channel there; here it is a connection
/// that hands on each call.
pub(crate) struct Relay {
    peer: Arc<Peer>,
    broker: u64,
    scheme: [&'static str; 1],
}

/// What came of a connect there.
pub(super) mod answers {
    pub(crate) const CONNECTED: u8 = 0;
    pub(crate) const NO_SUCH_BROKER: u8 = 1;
    pub(crate) const CLOSED: u8 = 2;
    pub(crate) const REFUSED: u8 = 3;
    pub(crate) const NOT_FOUND: u8 = 4;
    pub(crate) const UNSUPPORTED: u8 = 5;
    pub(crate) const FAILED: u8 = 6;
}

impl Relay {
    /// A broker there that is called `name`, and reaches what `at` is like.
    pub(crate) fn new(
        peer: Arc<Peer>,
        name: &str,
        options: &Options,
        at: &Endpoint,
    ) -> io::Result<Relay> {
        let broker = peer.number();
        let nanos = |time: std::time::Duration| time.as_nanos().min(u64::MAX.into()) as u64;
        let body = Out::default()
            .number(broker)
            .text(name)
            .number(options.capacity(None) as u64)
            .number(nanos(options.hello_deadline()))
            .number(nanos(options.linger()));
        let mut answer = peer.call(Ask::Broker, body)?;
        if answer.byte()? == 0 {
            return Err(answer.error()?);
        }
        let scheme = match at.is_fault() {
            true => format!("fault+{}", at.scheme()),
            false => at.scheme().to_owned(),
        };
        Ok(Relay {
            peer,
            broker,
            scheme: [interned(scheme)],
        })
    }

    fn connect(&self, to: &Endpoint, port: u16) -> Connecting {
        let number = self.peer.number();
        let body = Out::default()
            .number(number)
            .number(self.broker)
            .text(&to.to_string())
            .number(port.into());
        Connecting {
            asked: self.peer.ask(Ask::Connect, body),
            peer: self.peer.clone(),
            number,
            done: false,
            plain: to.is_plain(),
        }
    }
}

impl Transport for Relay {
    fn schemes(&self) -> &[&str] {
        &self.scheme
    }

    /// Connects there, rendezvous and all. The handshake that follows here is answered with what came
    /// of that.
    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(self.connect(to, options.port().unwrap_or(0)))
    }

    fn listen(&self, at: &Endpoint, _: &Options) -> Result<Box<dyn Listener>, ListenError> {
        let body = Out::default().number(self.broker).text(&at.to_string());
        let mut answer = self.peer.call(Ask::Listen, body)?;
        match answer.byte()? {
            0 => Err(answer.error()?.into()),
            _ => Ok(Box::new(FarListener(at.clone()))),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let body = Out::default().number(self.broker);
        let _ = self.peer.call(Ask::DropBroker, body);
    }
}

/// Listens there, as long as its broker lives. What is accepted there is no business of this process.
struct FarListener(Endpoint);

impl Listener for FarListener {
    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        Poll::Pending
    }

    fn local(&self) -> &Endpoint {
        &self.0
    }
}

/// A connect there. Dropping it withdraws.
struct Connecting {
    asked: Asked,
    peer: Arc<Peer>,
    number: u64,
    done: bool,
    plain: bool,
}

impl Future for Connecting {
    type Output = Result<Connection, DialError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = std::task::ready!(self.asked.poll(cx));
        self.done = true;
        Poll::Ready(self.connected(answer))
    }
}

impl Connecting {
    fn connected(&self, answer: io::Result<super::wire::In>) -> Result<Connection, DialError> {
        let mut answer = answer?;
        let what = answer.byte()?;
        let text = answer.text()?;
        let refused = |reason, text: &str| Message::Refused(Refused::new(reason, text));
        let (greeting, peer) = match what {
            answers::CONNECTED => {
                let peer = text.parse();
                let peer = peer.map_err(|_| strange("an endpoint that is none"))?;
                let welcome = Welcome {
                    version: Version::CURRENT,
                    capacity: 0,
                };
                (Message::Welcome(welcome), peer)
            }
            answers::NOT_FOUND => return Err(DialError::NotFound),
            answers::UNSUPPORTED => return Err(DialError::Unsupported(text)),
            answers::NO_SUCH_BROKER => (refused(Refusal::NoSuchBroker, &text), self.nowhere()),
            answers::CLOSED => (refused(Refusal::Closed, &text), self.nowhere()),
            answers::REFUSED => (refused(Refusal::Limit, &text), self.nowhere()),
            _ => return Err(io::Error::other(text).into()),
        };
        let far = Far::new(self.peer.clone(), self.number);
        let greeting = (!self.plain).then_some(&greeting);
        Ok(Connection {
            source: Box::new(FarSource::new(far.clone(), greeting)),
            sink: Box::new(FarSink::new(far.clone(), greeting.is_some())),
            control: Arc::new(FarControl(far)),
            peer,
            // The channel there knows ends and receipts.
            carrier: Carrier::Native,
        })
    }

    /// The peer of a channel that there will not be.
    fn nowhere(&self) -> Endpoint {
        Endpoint::new("nowhere", "x").expect("it is an endpoint")
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        if !self.done {
            let body = Out::default().number(self.number);
            let _ = self.peer.call(Ask::Cancel, body);
        }
    }
}
