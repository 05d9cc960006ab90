//! This project's: bytes, and messages.

use super::{BATCH, Connects, End, Way, certificates};
use crate::messages::{Borrowed, Take};
use channel::{Broker, Channel, Domain, Endpoint, Options};
use message_queue::{MessageQueue, MessageReceiver, MessageSender};
use std::io::{Read, Write};
use std::marker::PhantomData;

const PORT: u16 = 7;

/// Where a server listens.
pub trait Place: Send + Sync + 'static {
    /// The endpoint of the broker "server", at a port of the system's choice.
    const ENDPOINT: &'static str;
}

/// Between our own ends: hello and records.
pub struct Tcp;
impl Place for Tcp {
    const ENDPOINT: &'static str = "tcp://127.0.0.1:0/server";
}

/// The bare byte stream.
pub struct Plain;
impl Place for Plain {
    const ENDPOINT: &'static str = "tcp+plain://127.0.0.1:0?port=7";
}

/// Between our own ends, over TLS with certificates on both sides.
pub struct Tls;
impl Place for Tls {
    const ENDPOINT: &'static str = "tls://127.0.0.1:0/server";
}

/// A broker in a domain that knows the transports.
pub fn broker(name: &str) -> Broker {
    broker_with(name, Options::new())
}

fn broker_with(name: &str, options: Options) -> Broker {
    let domain = Domain::new();
    domain.add(transport_tcp::Tcp::new());
    domain.add(transport_tcp::Tls::new(certificates::credentials()));
    domain.broker_with(name, options).expect("the only one")
}

fn listen<P: Place>() -> (Broker, Endpoint) {
    let server = broker("server");
    let at = P::ENDPOINT.parse().expect("an endpoint");
    let bound = server.listen(&at).expect("a port");
    (server, bound.endpoint().clone())
}

fn channels<P: Place>() -> (Channel, Channel) {
    let (server, at) = listen::<P>();
    let connecting = std::thread::spawn(move || {
        let connected = broker("client").connect_at(&at, PORT, None);
        connected.expect("the server lives")
    });
    let accepted = server.accept(PORT).expect("the broker is open");
    (connecting.join().expect("the connecting thread"), accepted)
}

/// An end that a channel is made.
pub trait FromChannel: End + 'static {
    /// The end, for messages of `size` bytes.
    fn from_channel(channel: Channel, size: usize) -> Self;
}

/// Channels, read and written as any `Read` and `Write`.
pub struct Bytes<P>(PhantomData<P>);

/// One end of [`Bytes`].
pub struct BytesEnd {
    channel: Channel,
    size: usize,
    buffer: Vec<u8>,
}

impl End for BytesEnd {
    async fn send(&mut self, message: &[u8]) {
        self.channel
            .write_all(message)
            .expect("the channel is open");
    }
    async fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        let message = &mut self.buffer[..self.size];
        Read::read_exact(&mut self.channel, message).expect("the channel is open");
        look(message)
    }
    async fn echo(&mut self, look: impl FnOnce(&[u8])) {
        let message = &mut self.buffer[..self.size];
        Read::read_exact(&mut self.channel, message).expect("the channel is open");
        look(message);
        Write::write_all(&mut self.channel, message).expect("the channel is open");
    }
    async fn receive_some<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        let n = self.channel.read(&mut self.buffer);
        let n = n.expect("the channel is open");
        assert!(n > 0, "the stream ended early");
        look(&self.buffer[..n])
    }
}

impl FromChannel for BytesEnd {
    fn from_channel(channel: Channel, size: usize) -> Self {
        Self {
            channel,
            size,
            buffer: vec![0; size],
        }
    }
}

impl<P: Place> Way for Bytes<P> {
    type Raw = Channel;
    type End = BytesEnd;

    fn connect() -> (Channel, Channel) {
        channels::<P>()
    }

    async fn end(channel: Channel, size: usize) -> BytesEnd {
        BytesEnd::from_channel(channel, size)
    }
}

impl<P: Place> Connects for Bytes<P> {
    type Listening = Broker;
    type At = Endpoint;
    type Client = Broker;

    fn listen() -> (Broker, Endpoint) {
        listen::<P>()
    }

    async fn serve(server: Broker, times: u64) {
        for _ in 0..times {
            let mut channel = server.accept(PORT).expect("the broker is open");
            let mut byte = [0];
            channel.read_exact(&mut byte).expect("a byte");
            channel.write_all(&byte).expect("the channel is open");
        }
    }

    async fn client() -> Broker {
        broker("client")
    }

    async fn once(client: &Broker, at: &Endpoint, byte: u8) -> u8 {
        let mut channel = client.connect_at(at, PORT, None).expect("a listener");
        channel.write_all(&[byte]).expect("the channel is open");
        let mut answer = [0];
        channel.read_exact(&mut answer).expect("an answer");
        answer[0]
    }
}

/// As [`Bytes`], with the first bytes right behind the hello.
pub struct Eager;

impl Connects for Eager {
    type Listening = Broker;
    type At = Endpoint;
    type Client = Broker;

    fn listen() -> (Broker, Endpoint) {
        listen::<Tcp>()
    }

    async fn serve(server: Broker, times: u64) {
        Bytes::<Tcp>::serve(server, times).await;
    }

    async fn client() -> Broker {
        broker_with("client", Options::new().with_eager(true))
    }

    async fn once(client: &Broker, at: &Endpoint, byte: u8) -> u8 {
        Bytes::<Tcp>::once(client, at, byte).await
    }
}

/// Message queues, split: `send` or `feed`, and `receive_ref`, which lends a message that came in one
/// piece where it lies.
pub struct Queue<P>(PhantomData<P>);

/// One end of a queue, which receives in the way `T`.
pub struct QueueEnd<T> {
    sender: MessageSender,
    receiver: MessageReceiver,
    buffer: Vec<u8>,
    fed: usize,
    way: PhantomData<T>,
}

impl<T: Take> End for QueueEnd<T> {
    async fn send(&mut self, message: &[u8]) {
        self.sender.send(message).expect("the queue is open");
    }
    async fn feed(&mut self, message: &[u8]) {
        self.sender.feed(message).expect("the queue is open");
        self.fed += message.len();
        if self.fed >= BATCH {
            self.flush().await;
        }
    }
    async fn flush(&mut self) {
        self.fed = 0;
        self.sender.flush().expect("the queue is open");
    }
    async fn receive<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> R {
        T::take(&mut self.receiver, &mut self.buffer, look)
    }
    async fn echo(&mut self, look: impl FnOnce(&[u8])) {
        T::take(&mut self.receiver, &mut self.buffer, |message| {
            look(message);
            self.sender.send(message).expect("the queue is open");
        });
    }
}

impl<T: Take> FromChannel for QueueEnd<T> {
    fn from_channel(channel: Channel, size: usize) -> Self {
        let (sender, receiver) = MessageQueue::new(channel).split();
        Self {
            sender,
            receiver,
            buffer: vec![0; size],
            fed: 0,
            way: PhantomData,
        }
    }
}

impl<P: Place> Way for Queue<P> {
    type Raw = Channel;
    type End = QueueEnd<Borrowed>;

    fn connect() -> (Channel, Channel) {
        channels::<P>()
    }

    async fn end(channel: Channel, size: usize) -> Self::End {
        QueueEnd::from_channel(channel, size)
    }
}
