//! What this project's mux moves bytes between: rings, or the queues that come with it.

use super::Notes;
use link_mux::{ChannelId, End as How, Mux, Pull, Queues, Reading, Stream};
use ringbuf_core::{Consumer, Heap, Producer, ring};
use std::mem::take;

/// A kind of buffers.
pub trait Kind: 'static {
    /// The mux's part.
    type Stream: Stream;
    /// What the application holds.
    type Held;
    /// Buffers of so many bytes each way.
    fn buffers(capacity: u32) -> (Self::Stream, Self::Held);
    /// Takes what fits.
    fn write(end: &mut End<Self>, mux: &mut Mux<Noting<Self::Stream>>, bytes: &[u8]) -> usize;
    /// Gives what is there.
    fn read(end: &mut End<Self>, mux: &mut Mux<Noting<Self::Stream>>, out: &mut [u8]) -> usize;
}

/// A channel's end, as its application holds it.
pub struct End<K: Kind + ?Sized> {
    /// The channel.
    pub id: ChannelId,
    /// Its buffers.
    pub held: K::Held,
}

/// [`Queues`], which take memory as bytes come. The mux holds them.
pub struct InQueues;
/// Rings of `ringbuf-core`, of which the mux and the application hold one half each.
pub struct InRings;

impl Kind for InQueues {
    type Stream = Queues;
    type Held = ();

    fn buffers(capacity: u32) -> (Queues, ()) {
        (Queues::on_demand(capacity, capacity), ())
    }

    fn write(end: &mut End<Self>, mux: &mut Mux<Noting<Queues>>, bytes: &[u8]) -> usize {
        let noting = mux.stream_mut(end.id).expect("it is open");
        noting.stream.write(bytes)
    }

    fn read(end: &mut End<Self>, mux: &mut Mux<Noting<Queues>>, out: &mut [u8]) -> usize {
        let noting = mux.stream_mut(end.id).expect("it is open");
        noting.stream.read(out)
    }
}

/// The mux's half of two rings.
pub struct MuxRings {
    capacity: u32,
    outbound: Consumer<Heap>,
    inbound: Producer<Heap>,
    received: u64,
}

/// The application's half of two rings.
pub struct HeldRings {
    outbound: Producer<Heap>,
    inbound: Consumer<Heap>,
}

const SOUND: &str = "a ring on the heap is never corrupt";

impl Kind for InRings {
    type Stream = MuxRings;
    type Held = HeldRings;

    fn buffers(capacity: u32) -> (MuxRings, HeldRings) {
        let [there, back] = [(); 2].map(|()| ring(capacity as usize).expect("a sane capacity"));
        let stream = MuxRings {
            capacity,
            outbound: there.1,
            inbound: back.0,
            received: 0,
        };
        let held = HeldRings {
            outbound: there.0,
            inbound: back.1,
        };
        (stream, held)
    }

    fn write(end: &mut End<Self>, _: &mut Mux<Noting<MuxRings>>, bytes: &[u8]) -> usize {
        end.held.outbound.write(bytes).expect(SOUND)
    }

    fn read(end: &mut End<Self>, _: &mut Mux<Noting<MuxRings>>, out: &mut [u8]) -> usize {
        end.held.inbound.read(out).expect(SOUND)
    }
}

impl Stream for MuxRings {
    fn capacity(&self) -> u32 {
        self.capacity
    }

    fn pull(&mut self, out: &mut [u8]) -> Pull {
        match self.outbound.read(out).expect(SOUND) {
            0 if self.outbound.available().expect(SOUND) == 0 => Pull::Empty,
            n => Pull::Bytes(n),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let taken = self.inbound.write(bytes).expect(SOUND);
        assert_eq!(taken, bytes.len(), "more came than was granted");
        self.received += taken as u64;
    }

    fn finish(&mut self, _: How) {
        self.inbound.finish();
    }

    fn reading(&mut self, _: Option<u32>) -> Reading {
        let unread = self.capacity as usize - self.inbound.vacant().expect(SOUND);
        let read = self.received - unread as u64;
        Reading::On { read }
    }

    fn stopped(&mut self, _: u64, _: How) {
        self.outbound.abandon();
    }

    fn lost(&mut self) {
        self.inbound.finish();
        self.outbound.abandon();
    }
}

/// A stream that notes when nobody need wait for it any more.
pub struct Noting<S> {
    pub(super) stream: S,
    pub(super) channel: u32,
    pub(super) notes: Notes,
    /// Somebody waits for bytes.
    pub(super) reader: bool,
    /// Somebody waits for room.
    pub(super) writer: bool,
}

impl<S: Stream> Stream for Noting<S> {
    fn capacity(&self) -> u32 {
        self.stream.capacity()
    }

    fn pull(&mut self, out: &mut [u8]) -> Pull {
        let pulled = self.stream.pull(out);
        if matches!(pulled, Pull::Bytes(1..)) && take(&mut self.writer) {
            self.notes.writable(self.channel);
        }
        pulled
    }

    fn push(&mut self, bytes: &[u8]) {
        self.stream.push(bytes);
        if take(&mut self.reader) {
            self.notes.readable(self.channel);
        }
    }

    fn finish(&mut self, end: How) {
        self.stream.finish(end);
    }

    fn reading(&mut self, wanted: Option<u32>) -> Reading {
        self.stream.reading(wanted)
    }

    fn stopped(&mut self, read: u64, end: How) {
        self.stream.stopped(read, end);
    }

    fn lost(&mut self) {
        self.stream.lost();
    }
}
