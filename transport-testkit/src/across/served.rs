//! The child: brokers and channels that are worked by the other process.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use channel::{Bound, Broker, Domain, Endpoint, Options};

use super::connect::{Connect, failed};
use super::relay::answers;
use super::said::{Polled, Said, done, told, unknown, waker};
use super::seat::{Seats, moved, state, told_receipt};
use super::wire::{Ask, BEGIN, How, In, Out, Waits, strange};
use super::workers::Workers;
use crate::suite::support::wait_asleep;

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
        workers: Workers::default(),
    };
    for (number, question) in questions {
        if let Err(error) = served.answer(number, question) {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
    std::process::exit(0);
}

struct Served {
    add_to: Box<dyn Fn(&Domain)>,
    said: Arc<Said>,
    brokers: HashMap<u64, (Broker, Vec<Bound>)>,
    connects: HashMap<u64, Connect>,
    seats: Arc<Seats>,
    workers: Workers,
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
        bound.push(broker.listen(&at)?);
        Ok(Out::default())
    }

    fn connect(&mut self, number: u64, body: &mut In) -> io::Result<()> {
        let channel = body.number()?;
        let (broker, _) = self.brokers.get(&body.number()?).ok_or_else(unknown)?;
        let at: Endpoint = body.text()?.parse().map_err(|_| strange("no endpoint"))?;
        let future = broker.connect_at_async(&at, body.number()? as u16);
        let (said, seats) = (self.said.clone(), self.seats.clone());
        let connect = Connect::start(move |withdrawn| {
            let body = match withdrawn.wait(future, &seats, channel) {
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
        self.connects.insert(channel, connect);
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
        self.workers.run(move |id| {
            if let Some(id) = id {
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
                let waker = waker(&self.said, channel, Waits::Receipt);
                let receipt = seat.handle.poll_receipt(&mut Context::from_waker(&waker));
                receipt.map(|receipt| Ok(told_receipt(receipt)))
            }
            _ => return Err(strange("it is not about a channel")),
        })
    }
}
