//! Two muxes and a buffer between them: `cargo bench -p link-mux`.
//!
//! Peers, and memory, are `bench-peers`' affair.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use link_mux::{ChannelId, Config, Event, Mux, Queues};

const NOW: Duration = Duration::ZERO;
const CAPACITY: u32 = 64 * 1024;

/// Two ends with channels that are open.
struct Link {
    ends: [Mux<Queues>; 2],
    ids: Vec<ChannelId>,
    wire: Vec<u8>,
}

impl Link {
    fn new(channels: usize) -> Link {
        let mut ends = [1, 2].map(|seed| Mux::new(Config::default(), seed).unwrap());
        ends.iter_mut().for_each(|end| end.link_up(NOW));
        let mut link = Link {
            ends,
            ids: Vec::new(),
            wire: vec![0; 32 * 1024],
        };
        while link.exchange() > 0 {}
        for _ in 0..channels {
            let queues = Queues::new(CAPACITY, CAPACITY);
            let id = link.ends[0].open(queues).map_err(|(why, _)| why).unwrap();
            link.ids.push(id);
        }
        link.exchange();
        while let Some(event) = link.ends[1].poll_event() {
            if let Event::Incoming(id) = event {
                let queues = Queues::new(CAPACITY, CAPACITY);
                link.ends[1].accept(id, queues).unwrap();
            }
        }
        while link.exchange() > 0 {}
        link
    }

    /// Each end transmits once.
    fn exchange(&mut self) -> usize {
        let [a, b] = &mut self.ends;
        let there = a.transmit(NOW, &mut self.wire);
        b.receive(NOW, &self.wire[..there]);
        let back = b.transmit(NOW, &mut self.wire);
        a.receive(NOW, &self.wire[..back]);
        there + back
    }

    /// Writes on every channel, and reads it at the other end.
    fn pass(&mut self, bytes: &[u8], out: &mut [u8]) {
        for &id in &self.ids {
            let taken = self.ends[0].stream_mut(id).unwrap().write(black_box(bytes));
            assert_eq!(taken, bytes.len());
            self.ends[0].touch(id);
        }
        while self.exchange() > 0 {}
        for &id in &self.ids {
            let read = self.ends[1].stream_mut(id).unwrap().read(black_box(out));
            assert_eq!(read, bytes.len());
            self.ends[1].touch(id);
        }
        self.exchange();
    }
}

fn passing(c: &mut Criterion) {
    for channels in [1, 100] {
        let mut group = c.benchmark_group(format!("write and read on {channels} channels"));
        for len in [64_usize, 1024, 64 * 1024] {
            let mut link = Link::new(channels);
            let (bytes, mut out) = (vec![7; len], vec![0; len]);
            group.throughput(Throughput::Bytes((len * channels) as u64));
            group.bench_function(format!("{len} B"), |b| {
                b.iter(|| link.pass(&bytes, &mut out))
            });
        }
        group.finish();
    }
}

criterion_group!(benches, passing);
criterion_main!(benches);
