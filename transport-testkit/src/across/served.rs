//! The child: brokers and channels that are worked by the other process.

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use channel::transport::Receipt;
use channel::{
    Bound, Broker, Channel, ConnectError, DialError, Domain, Endpoint, Handle, Options, ReadError,
    Reader, State, WriteError, Writer,
};
use parking_lot::Mutex;

use super::halves::{CLOSED, ENDED, GONE};
use super::relay::answers;
use super::wire::{Ask, BEGIN, How, In, Out, WAKE, Waits, strange};
use crate::suite::support::{own_id, wait_asleep};

/// Serves until the parent is gone, and then exits.
pub(super) fn serve(add_to: Box<dyn Fn(&Domain)>) -> ! {
    let mut from = io::stdin();
    let (hand, questions) = mpsc::channel();
    // Reads on while a question is being answered, however long that takes: when the parent is gone,
    // so is this process.
    thread::spawn(move || {
        while let Ok(question) = In::receive(&mut from) {
            if hand.send(question).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    let mut to = io::stdout();
    if to.write_all(BEGIN).and_then(|()| to.flush()).is_err() {
        std::process::exit(1);
    }
    let mut served = Served {
        add_to,
        said: Arc::default(),
        brokers: HashMap::new(),
        connects: HashMap::new(),
        seats: Arc::default(),
    };
    for (number, question) in questions {
        if let Err(error) = served.answer(number, question) {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
    std::process::exit(0);
}

/// What goes to the parent.
#[derive(Default)]
struct Said {
    one_at_a_time: Mutex<()>,
    /// Threads that block in calls, by the questions that they answer.
    sleepers: Mutex<HashMap<u64, u64>>,
}

impl Said {
    fn say(&self, number: u64, body: Out) {
        let _turn = self.one_at_a_time.lock();
        // Nobody is there any more to be told of an error.
        let _ = body.send(number, &mut io::stdout());
    }
}

/// Tells the parent that somebody is to be woken.
struct Woken {
    said: Arc<Said>,
    channel: u64,
    who: Waits,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let body = Out::default().number(self.channel).byte(self.who as u8);
        self.said.say(WAKE, body);
    }
}

/// One channel. Its halves are worked by one call each at a time.
struct Seat {
    reader: Mutex<Option<Reader>>,
    writer: Mutex<Option<Writer>>,
    handle: Handle,
}

type Seats = Mutex<HashMap<u64, Arc<Seat>>>;

struct Served {
    add_to: Box<dyn Fn(&Domain)>,
    said: Arc<Said>,
    brokers: HashMap<u64, (Broker, Vec<Bound>)>,
    connects: HashMap<u64, Arc<Connect>>,
    seats: Arc<Seats>,
}

/// A result that may be pending, as the parent reads it.
type Polled = Poll<io::Result<Out>>;

fn told(polled: Polled) -> Out {
    match polled {
        Poll::Ready(Ok(body)) => {
            let mut told = Out::default().byte(1);
            told.0.extend(body.0);
            told
        }
        Poll::Ready(Err(error)) => {
            // The channel there says again what that is called: only the reason goes.
            let reason = error.get_ref().and_then(|error| error.source());
            let text = reason.map_or_else(|| error.to_string(), ToString::to_string);
            Out::default().byte(0).error(error.kind(), &text)
        }
        Poll::Pending => Out::default().byte(2),
    }
}

fn done() -> Polled {
    Poll::Ready(Ok(Out::default()))
}

impl Served {
    fn answer(&mut self, number: u64, mut body: In) -> io::Result<()> {
        let ask = body.ask()?;
        let polled = match ask {
            Ask::Broker => Poll::Ready(self.open_broker(&mut body)),
            Ask::DropBroker => {
                self.brokers.remove(&body.number()?);
                done()
            }
            Ask::Listen => Poll::Ready(self.listen(&mut body)),
            Ask::Connect => return self.connect(number, &mut body),
            Ask::Cancel => {
                let channel = body.number()?;
                if let Some(connect) = self.connects.remove(&channel) {
                    connect.cancel();
                }
                // It may have come about just now.
                let seat = self.seats.lock().remove(&channel);
                drop(seat);
                done()
            }
            Ask::Settle => {
                self.settle();
                done()
            }
            Ask::Exit => std::process::exit(0),
            Ask::DropControl => {
                let channel = body.number()?;
                self.connects.remove(&channel);
                let seat = self.seats.lock().remove(&channel);
                drop(seat);
                done()
            }
            Ask::Read | Ask::Fill | Ask::Write | Ask::Flush => {
                return self.transfer(ask, number, body);
            }
            _ => self.at_once(ask, body)?,
        };
        self.said.say(number, told(polled));
        Ok(())
    }

    fn open_broker(&mut self, body: &mut In) -> io::Result<Out> {
        let number = body.number()?;
        let name = body.text()?;
        let options = Options::new()
            .with_capacity(body.number()? as usize)
            .with_hello_deadline(Duration::from_nanos(body.number()?))
            .with_linger(Duration::from_nanos(body.number()?));
        let domain = Domain::new();
        (self.add_to)(&domain);
        let broker = domain
            .broker_with(&name, options)
            .map_err(io::Error::other)?;
        self.brokers.insert(number, (broker, Vec::new()));
        Ok(Out::default())
    }

    fn listen(&mut self, body: &mut In) -> io::Result<Out> {
        let (broker, bound) = self.brokers.get_mut(&body.number()?).ok_or_else(unknown)?;
        let at: Endpoint = body.text()?.parse().map_err(io::Error::other)?;
        bound.push(broker.listen(&at).map_err(io::Error::other)?);
        Ok(Out::default())
    }

    fn connect(&mut self, number: u64, body: &mut In) -> io::Result<()> {
        let channel = body.number()?;
        let (broker, _) = self.brokers.get(&body.number()?).ok_or_else(unknown)?;
        let at: Endpoint = body.text()?.parse().map_err(|_| strange("no endpoint"))?;
        let future = broker.connect_at_async(&at, body.number()? as u16);
        let connect = Arc::new(Connect::default());
        self.connects.insert(channel, connect.clone());
        let (said, seats) = (self.said.clone(), self.seats.clone());
        thread::spawn(move || {
            let body = match connect.wait(future, &seats, channel) {
                None => Out::default()
                    .byte(answers::FAILED)
                    .text("it was withdrawn"),
                Some(Ok(peer)) => Out::default()
                    .byte(answers::CONNECTED)
                    .text(&peer.to_string()),
                Some(Err(error)) => failed(&error),
            };
            said.say(number, body);
        });
        Ok(())
    }

    /// Waits until all calls that block sleep.
    fn settle(&self) {
        let sleepers: Vec<_> = self.said.sleepers.lock().clone().into_iter().collect();
        for (question, thread) in sleepers {
            let is_over = || !self.said.sleepers.lock().contains_key(&question);
            wait_asleep(Some(thread), is_over);
        }
    }

    /// Calls that move bytes. Those that block do so on a thread of their own.
    fn transfer(&self, ask: Ask, number: u64, mut body: In) -> io::Result<()> {
        let channel = body.number()?;
        let how = body.how()?;
        let Some(seat) = self.seats.lock().get(&channel).cloned() else {
            self.said.say(number, told(Poll::Ready(Err(unknown()))));
            return Ok(());
        };
        let said = self.said.clone();
        if let How::Poll = how {
            let polled = moved(&said, &seat, channel, ask, how, body);
            said.say(number, told(polled));
            return Ok(());
        }
        let (ready, sleeps) = mpsc::channel();
        thread::spawn(move || {
            if let Some(id) = own_id() {
                said.sleepers.lock().insert(number, id);
            }
            drop(ready);
            let polled = moved(&said, &seat, channel, ask, how, body);
            said.sleepers.lock().remove(&number);
            drop(seat);
            said.say(number, told(polled));
        });
        // So that it is known to those who wait until it sleeps.
        let _ = sleeps.recv() as Result<(), _>;
        Ok(())
    }

    fn at_once(&self, ask: Ask, mut body: In) -> io::Result<Polled> {
        let channel = body.number()?;
        let Some(seat) = self.seats.lock().get(&channel).cloned() else {
            return Ok(Poll::Ready(Err(unknown())));
        };
        Ok(match ask {
            Ask::Consume => {
                let n = body.number()? as usize;
                if let Some(reader) = &mut *seat.reader.lock() {
                    // Fewer if this side was disconnected since: then nothing is lent any more.
                    reader.consume(n.min(reader.buffer().len()));
                }
                done()
            }
            Ask::Finish => match &mut *seat.writer.lock() {
                Some(writer) => Poll::Ready(
                    writer
                        .finish()
                        .map(|()| Out::default())
                        .map_err(io::Error::from),
                ),
                None => Poll::Ready(Err(unknown())),
            },
            Ask::DropSource => {
                let reader = seat.reader.lock().take();
                drop(reader);
                done()
            }
            Ask::DropSink => {
                let writer = seat.writer.lock().take();
                drop(writer);
                done()
            }
            Ask::Disconnect => {
                match body.byte()? {
                    0 => seat.handle.disconnect(),
                    _ => seat.handle.abort(),
                }
                done()
            }
            Ask::State => Poll::Ready(Ok(state(&seat.handle))),
            Ask::Receipt => {
                let waker = self.waker(channel, Waits::Receipt);
                let receipt = seat.handle.poll_receipt(&mut Context::from_waker(&waker));
                receipt.map(|receipt| Ok(told_receipt(receipt)))
            }
            _ => return Err(strange("it is not about a channel")),
        })
    }

    fn waker(&self, channel: u64, who: Waits) -> Waker {
        waker(&self.said, channel, who)
    }
}

fn waker(said: &Arc<Said>, channel: u64, who: Waits) -> Waker {
    Waker::from(Arc::new(Woken {
        said: said.clone(),
        channel,
        who,
    }))
}

fn unknown() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "there is no such channel")
}

fn state(handle: &Handle) -> Out {
    let info = handle.info();
    let flags = match info.state {
        State::PeerLost => GONE,
        State::ReadEnded => ENDED,
        State::WriteEnded => CLOSED,
        State::PeerDisconnected => ENDED | CLOSED,
        _ => 0,
    };
    let totals = info.totals;
    Out::default()
        .byte(flags)
        .number(totals.written)
        .number(totals.read)
        .number(totals.unread)
        .number(totals.unsent)
}

fn told_receipt(receipt: Receipt) -> Out {
    match receipt {
        Receipt::Complete => Out::default().byte(0),
        Receipt::Partial { read, unread } => Out::default().byte(1).number(read).number(unread),
        _ => Out::default().byte(2),
    }
}

/// Reads, fills, writes or flushes.
fn moved(said: &Arc<Said>, seat: &Seat, channel: u64, ask: Ask, how: How, body: In) -> Polled {
    match ask {
        Ask::Read | Ask::Fill => match &mut *seat.reader.lock() {
            Some(reader) => {
                let waker = waker(said, channel, Waits::Reader);
                taken(reader, &mut Context::from_waker(&waker), ask, how, body)
            }
            None => Poll::Ready(Err(unknown())),
        },
        _ => match &mut *seat.writer.lock() {
            Some(writer) => {
                let waker = waker(said, channel, Waits::Writer);
                given(writer, &mut Context::from_waker(&waker), ask, how, body)
            }
            None => Poll::Ready(Err(unknown())),
        },
    }
}

fn taken(reader: &mut Reader, cx: &mut Context<'_>, ask: Ask, how: How, mut body: In) -> Polled {
    let result = if ask == Ask::Fill {
        let lent = match how {
            How::Poll => std::task::ready!(reader.poll_fill_buf(cx)),
            How::Block(None) => reader.fill_buf(),
            How::Block(Some(limit)) => reader.fill_buf_timeout(limit),
        };
        lent.map(|lent| Out::default().bytes(lent))
    } else {
        let count = body.number()?;
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push(vec![0; body.number()? as usize]);
        }
        let mut out: Vec<_> = parts.iter_mut().map(|p| IoSliceMut::new(p)).collect();
        let n = match how {
            How::Poll => std::task::ready!(reader.poll_read_vectored(cx, &mut out)),
            How::Block(None) => reader.read_vectored(&mut out),
            How::Block(Some(limit)) => reader.read_vectored_timeout(&mut out, limit),
        };
        n.map(|n| Out::default().bytes(&parts.concat()[..n]))
    };
    Poll::Ready(result.map_err(|error: ReadError| error.into()))
}

fn given(writer: &mut Writer, cx: &mut Context<'_>, ask: Ask, how: How, mut body: In) -> Polled {
    let result = if ask == Ask::Flush {
        let flushed = match how {
            How::Poll => std::task::ready!(writer.poll_flush(cx)),
            How::Block(None) => writer.flush(),
            How::Block(Some(limit)) => writer.flush_timeout(limit),
        };
        flushed.map(|()| Out::default())
    } else {
        let count = body.number()?;
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push(body.bytes()?.to_vec());
        }
        let slices: Vec<_> = parts.iter().map(|p| IoSlice::new(p)).collect();
        let n = match how {
            How::Poll => std::task::ready!(writer.poll_write_vectored(cx, &slices)),
            How::Block(None) => writer.write_vectored(&slices),
            How::Block(Some(limit)) => writer.write_vectored_timeout(&slices, limit),
        };
        n.map(|n| Out::default().number(n as u64))
    };
    Poll::Ready(result.map_err(|error: WriteError| error.into()))
}

fn failed(error: &ConnectError) -> Out {
    let what = match error {
        ConnectError::NoSuchBroker { .. } => answers::NO_SUCH_BROKER,
        ConnectError::Closed { .. } => answers::CLOSED,
        ConnectError::Refused { .. } => answers::REFUSED,
        ConnectError::Dial {
            error: DialError::NotFound,
            ..
        } => answers::NOT_FOUND,
        ConnectError::Dial {
            error: DialError::Unsupported(why),
            ..
        } => return Out::default().byte(answers::UNSUPPORTED).text(why),
        _ => answers::FAILED,
    };
    Out::default().byte(what).text(&error.to_string())
}

/// A connect that can be withdrawn.
#[derive(Default)]
struct Connect {
    withdrawn: AtomicBool,
    thread: Mutex<Option<thread::Thread>>,
}

impl Connect {
    fn cancel(&self) {
        self.withdrawn.store(true, Ordering::SeqCst);
        if let Some(thread) = &*self.thread.lock() {
            thread.unpark();
        }
    }

    /// Seats the channel, and tells where its peer is; nothing if it was withdrawn before.
    fn wait(
        &self,
        future: impl Future<Output = Result<Channel, ConnectError>>,
        seats: &Seats,
        channel: u64,
    ) -> Option<Result<Endpoint, ConnectError>> {
        *self.thread.lock() = Some(thread::current());
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut future = pin!(future);
        let connected = loop {
            if self.withdrawn.load(Ordering::SeqCst) {
                return None;
            }
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(Ok(channel)) => break channel,
                Poll::Ready(Err(error)) => return Some(Err(error)),
                Poll::Pending => thread::park(),
            }
        };
        let handle = connected.handle();
        let peer = handle.peer().clone();
        let (reader, writer) = connected.split();
        let seat = Arc::new(Seat {
            reader: Mutex::new(Some(reader)),
            writer: Mutex::new(Some(writer)),
            handle,
        });
        seats.lock().insert(channel, seat);
        if self.withdrawn.load(Ordering::SeqCst) {
            let seat = seats.lock().remove(&channel);
            drop(seat);
            return None;
        }
        Some(Ok(peer))
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
