//! From a socket, the descriptors and the memory to a connection.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use channel::transport::{Carrier, Connection};
use channel::{Endpoint, Spin};
use transport_reactor::Watched;

use crate::bell::Event;
use crate::control::ShmControl;
use crate::peer::Peer;
use crate::place::Place;
use crate::segment::{Halves, Ring, Role};
use crate::side::Side;
use crate::sink::ShmSink;
use crate::source::ShmSource;

/// The bells of both sides, in the order in which their descriptors are passed on.
pub(crate) struct Bells {
    dialler_reads: Event,
    dialler_writes: Event,
    listener_reads: Event,
    listener_writes: Event,
}

impl Bells {
    pub(crate) fn new() -> io::Result<Bells> {
        Ok(Bells {
            dialler_reads: Event::new()?,
            dialler_writes: Event::new()?,
            listener_reads: Event::new()?,
            listener_writes: Event::new()?,
        })
    }

    pub(crate) fn in_order(&self) -> [&Event; 4] {
        [
            &self.dialler_reads,
            &self.dialler_writes,
            &self.listener_reads,
            &self.listener_writes,
        ]
    }
}

impl TryFrom<[OwnedFd; 4]> for Bells {
    type Error = io::Error;

    fn try_from([a, b, c, d]: [OwnedFd; 4]) -> io::Result<Bells> {
        Ok(Bells {
            dialler_reads: a.try_into()?,
            dialler_writes: b.try_into()?,
            listener_reads: c.try_into()?,
            listener_writes: d.try_into()?,
        })
    }
}

/// All that a connection is made of.
pub(crate) struct Parts {
    pub(crate) role: Role,
    pub(crate) socket: Watched<OwnedFd>,
    pub(crate) peer: Peer,
    pub(crate) place: Place,
    pub(crate) bells: Bells,
    pub(crate) halves: Halves,
}

pub(crate) fn connection(parts: Parts, peer: Endpoint, spin: Spin) -> Connection {
    let Halves { producer, consumer } = parts.halves;
    let b = parts.bells;
    let [reader, writer, their_reader, their_writer] = match parts.role {
        Role::Dialler => [
            b.dialler_reads,
            b.dialler_writes,
            b.listener_reads,
            b.listener_writes,
        ],
        Role::Listener => [
            b.listener_reads,
            b.listener_writes,
            b.dialler_reads,
            b.dialler_writes,
        ],
    };
    let outbound = Ring {
        closer: producer.closer(),
        observer: producer.observer(),
    };
    let inbound = Ring {
        closer: consumer.closer(),
        observer: consumer.observer(),
    };
    let side = Side::new(
        parts.socket,
        parts.peer,
        parts.place,
        [reader, writer, their_reader, their_writer],
        outbound,
        inbound,
    );
    Connection {
        source: Box::new(ShmSource::new(consumer, side.clone(), spin)),
        sink: Box::new(ShmSink::new(producer, side.clone(), spin)),
        control: Arc::new(ShmControl(side)),
        peer,
        carrier: Carrier::Native,
    }
}
