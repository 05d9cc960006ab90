//! This project's mux.

use super::streams::{End, Noting};
use super::{DuplexEnd, Kind, LINK, Muxed, Notes, duplex};
use link_mux::{Config, Event, MIN_TRANSMIT, Mux, Stream};
use std::time::{Duration, Instant};

/// Bytes that fit into a channel each way, at either end: the default of a channel.
pub const CAPACITY: u32 = 64 * 1024;

/// What joins the two ends.
pub trait Wire: 'static {
    /// Nothing on its way.
    fn new() -> Self;
    /// Has each end send and receive once.
    fn exchange<S: Stream>(&mut self, now: Duration, ends: &mut [Mux<S>; 2]);
}

/// A buffer that the one end transmits into, and the other receives from.
pub struct Direct(Vec<u8>);

impl Wire for Direct {
    fn new() -> Self {
        Direct(vec![0; LINK])
    }

    fn exchange<S: Stream>(&mut self, now: Duration, [a, b]: &mut [Mux<S>; 2]) {
        let n = a.transmit(now, &mut self.0);
        b.receive(now, &self.0[..n]);
        let n = b.transmit(now, &mut self.0);
        a.receive(now, &self.0[..n]);
    }
}

/// The link in memory that the peers use; the muxes transmit into its memory and receive from it.
pub struct ThroughDuplex([DuplexEnd; 2]);

impl Wire for ThroughDuplex {
    fn new() -> Self {
        ThroughDuplex(duplex(LINK))
    }

    fn exchange<S: Stream>(&mut self, now: Duration, muxes: &mut [Mux<S>; 2]) {
        for (mux, end) in muxes.iter_mut().zip(&mut self.0) {
            end.drain(|bytes| mux.receive(now, bytes));
            while end.fill(MIN_TRANSMIT, |room| mux.transmit(now, room)) > 0 {}
        }
    }
}

/// Two muxes, with channels that are buffered in `K` and a link that is `W`.
pub struct Ours<K: Kind, W> {
    muxes: [Mux<Noting<K::Stream>>; 2],
    writers: Vec<End<K>>,
    readers: Vec<End<K>>,
    wire: W,
    notes: Notes,
    begun: Instant,
}

impl<K: Kind, W: Wire> Muxed for Ours<K, W> {
    fn pair(channels: usize) -> Self {
        let begun = Instant::now();
        let config = Config::default();
        let mux = |seed| Mux::new(config.clone(), seed).expect("the default limits");
        let mut wire = W::new();
        let mut muxes = [mux(1), mux(2)];
        for mux in &mut muxes {
            mux.link_up(begun.elapsed());
        }
        while !muxes.iter().all(Mux::is_up) {
            wire.exchange(begun.elapsed(), &mut muxes);
        }
        let notes = Notes::default();
        let make = |channel| {
            let (stream, held) = K::buffers(CAPACITY);
            let stream = Noting {
                stream,
                channel,
                notes: notes.clone(),
                reader: true,
                writer: false,
            };
            (stream, held)
        };
        let mut writers = Vec::new();
        for channel in 0..channels as u32 {
            let (stream, held) = make(channel);
            let id = muxes[0].open(stream).map_err(|(why, _)| why);
            let id = id.expect("room for a channel");
            writers.push(End { id, held });
        }
        let mut readers = Vec::new();
        // In the order in which they were opened.
        while readers.len() < channels {
            wire.exchange(begun.elapsed(), &mut muxes);
            while let Some(event) = muxes[1].poll_event() {
                if let Event::Incoming(id) = event {
                    assert_eq!(id, writers[readers.len()].id, "another order");
                    let (stream, held) = make(readers.len() as u32);
                    let accepted = muxes[1].accept(id, stream);
                    assert!(accepted.is_ok(), "room for a channel");
                    readers.push(End { id, held });
                }
            }
        }
        wire.exchange(begun.elapsed(), &mut muxes);
        Ours {
            muxes,
            writers,
            readers,
            wire,
            notes,
            begun,
        }
    }

    fn channels(&self) -> usize {
        self.writers.len()
    }

    fn write(&mut self, channel: usize, bytes: &[u8]) -> usize {
        let (end, mux) = (&mut self.writers[channel], &mut self.muxes[0]);
        match K::write(end, mux, bytes) {
            0 => mux.stream_mut(end.id).expect("it is open").writer = true,
            n => {
                mux.touch(end.id);
                return n;
            }
        }
        0
    }

    fn read(&mut self, channel: usize, out: &mut [u8]) -> usize {
        let (end, mux) = (&mut self.readers[channel], &mut self.muxes[1]);
        match K::read(end, mux, out) {
            0 => mux.stream_mut(end.id).expect("it is open").reader = true,
            n => {
                mux.touch(end.id);
                return n;
            }
        }
        0
    }

    fn pump(&mut self) {
        self.wire.exchange(self.begun.elapsed(), &mut self.muxes);
    }

    fn notes(&self) -> &Notes {
        &self.notes
    }
}
