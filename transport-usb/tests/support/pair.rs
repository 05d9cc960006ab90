//! Programs at the two ends of a cable in memory: one at the gadget, which listens, and one at the host.

use std::thread;
use std::time::{Duration, Instant};

use channel::{AcceptError, Broker, Channel, ConnectError, Domain, Endpoint, State};
use message_queue::MessageQueue;
use transport_link::{Hold, LinkTransport, Place};

use super::LIMIT;
use super::memory::End;
use super::plug::Cable;
use super::subject::settings;

/// A program at one end of a cable: nothing but that leads out of it.
pub struct Program {
    pub broker: Broker,
    usb: LinkTransport,
}

fn at() -> Endpoint {
    "usb://cable".parse().unwrap()
}

impl Program {
    pub fn new(cable: &Cable, end: End, keep_alive: Duration) -> Program {
        let cable = cable.clone();
        let usb = LinkTransport::new(["usb"], move |_| {
            let mut settings = settings(end, &cable.how().queue);
            settings.mux.keep_alive = Some(keep_alive);
            Ok(Place {
                key: "cable".into(),
                settings,
                device: Box::new(cable.port(end)),
            })
        });
        let domain = Domain::new();
        domain.add(usb.clone());
        let broker = domain.broker("program").unwrap();
        Program { broker, usb }
    }

    /// Keeps the device open, as a program does that has other channels there.
    pub fn hold(&self) -> Hold {
        self.usb.hold(&at()).unwrap()
    }

    pub fn listen(&self) {
        self.broker.listen(&at()).unwrap();
    }

    pub fn connect(&self, port: u16, limit: Duration) -> Result<Channel, ConnectError> {
        self.broker.connect_at(&at(), port, Some(limit))
    }
}

/// Both ends.
pub struct Pair {
    pub cable: Cable,
    pub gadget: Program,
    pub host: Program,
    _held: Hold,
}

/// As it is by default: nobody is missed while a machine is slow.
pub const PATIENT: Duration = Duration::from_secs(2);

impl Pair {
    pub fn new(cable: Cable, keep_alive: Duration) -> Pair {
        let gadget = Program::new(&cable, End::Gadget, keep_alive);
        gadget.listen();
        let host = Program::new(&cable, End::Host, keep_alive);
        let held = host.hold();
        Pair {
            cable,
            gadget,
            host,
            _held: held,
        }
    }

    /// Two channels that are connected: the gadget's, and the host's.
    pub fn meet(&self, port: u16) -> (Channel, Channel) {
        meet(&self.gadget, &self.host, port)
    }

    /// Messages instead of bytes.
    pub fn queues(&self, port: u16) -> [MessageQueue; 2] {
        let (ours, theirs) = self.meet(port);
        [theirs, ours].map(MessageQueue::new)
    }
}

/// The gadget's channel, and the host's. A session that breaks meanwhile costs another attempt.
pub fn meet(gadget: &Program, host: &Program, port: u16) -> (Channel, Channel) {
    let limit = Instant::now() + LIMIT;
    loop {
        let (ours, theirs) = thread::scope(|scope| {
            let connecting = scope.spawn(|| host.connect(port, LIMIT));
            let mut ours: Option<Channel> = None;
            while !connecting.is_finished() {
                let fresh = ours
                    .as_ref()
                    .is_some_and(|ours| ours.info().state == State::Open);
                match fresh {
                    true => thread::sleep(Duration::from_millis(1)),
                    false => ours = accept(gadget, port),
                }
            }
            let theirs = connecting.join().unwrap();
            if let Ok(theirs) = &theirs {
                while ours.is_none() && theirs.info().state == State::Open {
                    ours = accept(gadget, port);
                }
            }
            (ours, theirs)
        });
        match (ours, theirs) {
            (Some(ours), Ok(theirs)) => return (ours, theirs),
            (_, Ok(_) | Err(ConnectError::Lost { .. })) => {}
            (_, Err(error)) => panic!("{error:?}"),
        }
        assert!(Instant::now() < limit, "they do not meet");
    }
}

fn accept(gadget: &Program, port: u16) -> Option<Channel> {
    match gadget
        .broker
        .accept_timeout(port, Duration::from_millis(20))
    {
        Ok(channel) => Some(channel),
        Err(AcceptError::TimedOut { .. }) => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// A few bytes each way, of which nobody has sent any before.
pub fn talk(one: &mut Channel, other: &mut Channel, text: &[u8]) {
    let mut both = [one, other];
    for _ in 0..2 {
        let [from, to] = &mut both;
        from.write_all(text).unwrap();
        let mut got = vec![0; text.len()];
        to.read_exact_timeout(&mut got, LIMIT).unwrap();
        assert_eq!(got, text);
        both.reverse();
    }
}
