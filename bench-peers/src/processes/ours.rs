//! This project's.

use super::{Apart, Task, fresh};
use crate::pipes::{self, Pair};
use crate::sockets::{BytesEnd, Connects, FromChannel, Way};
use channel::{Broker, Channel, Domain, Endpoint, Options};
use std::marker::PhantomData;
use transport_shm::Shm as Transport;

pub(super) const PORT: u16 = 7;

/// A channel through shared memory, used in the way `E`.
pub struct Shm<E>(PhantomData<E>);

/// A broker in a domain that knows shared memory.
pub(super) fn broker(name: &str, capacity: usize) -> Broker {
    broker_with(name, Options::new().with_capacity(capacity))
}

fn broker_with(name: &str, options: Options) -> Broker {
    let domain = Domain::new();
    domain.add(Transport::new());
    domain.broker_with(name, options).expect("the only one")
}

/// A broker that listens under a fresh name, and where.
pub(super) fn listen(capacity: usize) -> (Broker, Endpoint) {
    let name = fresh();
    let server = broker(&name, capacity);
    let at = format!("shm://{name}").parse().expect("an endpoint");
    let bound = server.listen(&at).expect("the name is free");
    (server, bound.endpoint().clone())
}

impl<E: FromChannel> Apart for Shm<E> {
    type Listening = Broker;
    type End = E;

    fn listen(task: Task) -> (Broker, String) {
        let (server, at) = listen(task.capacity);
        (server, at.to_string())
    }

    fn accept(server: Broker, task: Task) -> E {
        let channel = server.accept(PORT).expect("the broker is open");
        E::from_channel(channel, task.size)
    }

    fn connect(at: &str, task: Task) -> E {
        let at = at.parse().expect("an endpoint");
        let client = broker("client", task.capacity);
        let channel = client.connect_at(&at, PORT, None);
        E::from_channel(channel.expect("the server lives"), task.size)
    }
}

impl<E: FromChannel> Connects for Shm<E> {
    type Listening = Broker;
    type At = Endpoint;
    type Client = Broker;

    fn listen() -> (Broker, Endpoint) {
        listen(64 * 1024)
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
        broker("client", 64 * 1024)
    }

    async fn once(client: &Broker, at: &Endpoint, byte: u8) -> u8 {
        let mut channel = client.connect_at(at, PORT, None).expect("a listener");
        channel.write_all(&[byte]).expect("the channel is open");
        let mut answer = [0];
        channel.read_exact(&mut answer).expect("an answer");
        answer[0]
    }
}

/// As [`Shm`], with the first bytes right behind the hello.
pub struct Eager;

impl Connects for Eager {
    type Listening = Broker;
    type At = Endpoint;
    type Client = Broker;

    fn listen() -> (Broker, Endpoint) {
        listen(64 * 1024)
    }

    async fn serve(server: Broker, times: u64) {
        Shm::<BytesEnd>::serve(server, times).await;
    }

    async fn client() -> Broker {
        broker_with("client", Options::new().with_eager(true))
    }

    async fn once(client: &Broker, at: &Endpoint, byte: u8) -> u8 {
        Shm::<BytesEnd>::once(client, at, byte).await
    }
}

/// A channel in memory, between two threads: what one between processes is compared with.
pub struct InProcess<E>(PhantomData<E>);

impl<E: FromChannel> InProcess<E> {
    /// The two ends of a channel of that capacity.
    pub(super) fn channels(capacity: usize) -> (Channel, Channel) {
        pipes::Ours::pair(capacity, 0)
    }
}

impl<E: FromChannel> Way for InProcess<E> {
    type Raw = Channel;
    type End = E;

    fn connect() -> (Channel, Channel) {
        Self::channels(64 * 1024)
    }

    async fn end(channel: Channel, size: usize) -> E {
        E::from_channel(channel, size)
    }
}
