//! iceoryx2: a service of byte slices each way. A message is copied into a sample that the publisher
//! lends; the subscriber looks at it where it lies.

use super::{Apart, Task, fresh};
use crate::messages::messages;
use crate::sockets::End;
use iceoryx2::node::{Node, NodeBuilder};
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{BackpressureStrategy, LogLevel, PortFactory, ipc, set_log_level};
use iceoryx2::sample::Sample;
use iceoryx2::service::port_factory::{event, publish_subscribe};
use std::hint::spin_loop;
use std::marker::PhantomData;

/// How a receiver receives.
pub trait Receiving: 'static {
    /// Whether a sender tells of each message by an event, which the receiver sleeps for. Else it looks
    /// again and again.
    const EVENTS: bool;
    /// Whether the receiver copies a message into memory of its own before it looks at it.
    const COPIES: bool;
}

macro_rules! receiving {
    ($name:ident, $events:literal, $copies:literal, $doc:literal) => {
        #[doc = $doc]
        pub struct $name;
        impl Receiving for $name {
            const EVENTS: bool = $events;
            const COPIES: bool = $copies;
        }
    };
}
receiving!(Polling, false, false, "It looks again and again.");
receiving!(Copied, false, true, "The same, and copies messages out.");
receiving!(Evented, true, false, "It sleeps until an event comes.");

/// Two services, and two of events if the receivers sleep.
pub struct Iceoryx<R>(PhantomData<R>);

type Service = ipc::Service;
type Messages = publish_subscribe::PortFactory<Service, [u8], ()>;
type Events = event::PortFactory<Service>;

/// One direction's services.
struct Direction {
    messages: Messages,
    events: Events,
}

/// What both processes open.
pub struct Services {
    node: Node<Service>,
    /// From the process with the clock to the other, and back.
    directions: [Direction; 2],
}

/// One end of [`Iceoryx`].
pub struct IceoryxEnd<R> {
    publisher: Publisher<Service, [u8], ()>,
    subscriber: Subscriber<Service, [u8], ()>,
    notifier: Notifier<Service>,
    listener: Listener<Service>,
    _node: Node<Service>,
    /// Of the receiver's own.
    buffer: Vec<u8>,
    receiving: PhantomData<R>,
}

fn open(name: &str, task: Task) -> Services {
    set_log_level(LogLevel::Error);
    let node = NodeBuilder::new().create::<Service>().expect("a node");
    let directions = ["there", "back"].map(|direction| {
        let name = format!("{name}/{direction}");
        let service = || {
            let name = name.as_str().try_into().expect("a name");
            node.service_builder(&name)
        };
        let messages = service()
            .publish_subscribe::<[u8]>()
            .enable_safe_overflow(false)
            .subscriber_max_buffer_size(messages(task.capacity, task.size))
            .max_publishers(1)
            .max_subscribers(1)
            .open_or_create();
        // Only messages make events.
        let events = service()
            .event()
            .disable_notifier_created_event()
            .disable_notifier_dropped_event()
            .disable_notifier_dead_event()
            .max_notifiers(1)
            .max_listeners(1)
            .open_or_create();
        Direction {
            messages: messages.expect("a service"),
            events: events.expect("a service"),
        }
    });
    Services { node, directions }
}

fn end<R: Receiving>(services: Services, [to, from]: [usize; 2], task: Task) -> IceoryxEnd<R> {
    let Services { node, directions } = services;
    let (to, from) = (&directions[to], &directions[from]);
    let publisher = to.messages.publisher_builder();
    let publisher = publisher
        .initial_max_slice_len(task.size)
        .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
        .create();
    let end = IceoryxEnd {
        publisher: publisher.expect("the only one"),
        subscriber: from
            .messages
            .subscriber_builder()
            .create()
            .expect("the only one"),
        notifier: to.events.notifier_builder().create().expect("the only one"),
        listener: from
            .events
            .listener_builder()
            .create()
            .expect("the only one"),
        _node: node,
        buffer: vec![0; task.size],
        receiving: PhantomData,
    };
    // A message that nobody subscribes to would be lost.
    let all_there = |direction: &Direction| {
        let (messages, events) = (&direction.messages, &direction.events);
        messages.dynamic_config().number_of_subscribers() == 1
            && messages.dynamic_config().number_of_publishers() == 1
            && events.dynamic_config().number_of_listeners() == 1
            && events.dynamic_config().number_of_notifiers() == 1
    };
    while !(all_there(to) && all_there(from)) {
        std::thread::yield_now();
    }
    end
}

impl<R: Receiving> IceoryxEnd<R> {
    fn wait(&self) -> Sample<Service, [u8], ()> {
        loop {
            if let Some(sample) = self.subscriber.receive().expect("the services live") {
                return sample;
            }
            if R::EVENTS {
                let woken = self.listener.blocking_wait(|_| {});
                woken.expect("the services live");
            } else {
                spin_loop();
            }
        }
    }

    fn publish(&self, message: &[u8]) {
        let sample = self.publisher.loan_slice_uninit(message.len());
        let sample = sample.expect("a sample").write_from_slice(message);
        sample.send().expect("the services live");
        if R::EVENTS {
            self.notifier.notify().expect("the services live");
        }
    }
}

impl<R: Receiving> End for IceoryxEnd<R> {
    async fn send(&mut self, message: &[u8]) {
        self.publish(message);
    }
    async fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        let message = self.wait();
        if !R::COPIES {
            return look(&message);
        }
        let own = &mut self.buffer[..message.len()];
        own.copy_from_slice(&message);
        drop(message);
        look(own)
    }
    async fn echo(&mut self, look: impl FnOnce(&[u8])) {
        let message = self.wait();
        look(&message);
        self.publish(&message);
    }
}

impl<R: Receiving> Apart for Iceoryx<R> {
    type Listening = Services;
    type End = IceoryxEnd<R>;

    fn listen(task: Task) -> (Services, String) {
        let name = fresh();
        (open(&name, task), name)
    }

    fn accept(services: Services, task: Task) -> Self::End {
        end(services, [1, 0], task)
    }

    fn connect(at: &str, task: Task) -> Self::End {
        end(open(at, task), [0, 1], task)
    }
}
