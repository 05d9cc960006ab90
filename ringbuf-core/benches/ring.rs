//! Own calls over time: `cargo bench -p ringbuf-core --features std`.
//!
//! Peers, and pinned threads, are `bench-peers`' affair.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::{black_box, spin_loop};
use std::io::IoSlice;
use std::thread;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringbuf_core::ring;

const CAPACITY: usize = 64 * 1024;

fn one_thread(c: &mut Criterion) {
    let mut group = c.benchmark_group("one thread, write and read");
    for len in [1_usize, 8, 16, 64, 256, 1024, 4096] {
        let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
        let (bytes, mut out) = (vec![7; len], vec![0; len]);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(format!("{len} B"), |b| {
            b.iter(|| {
                let written = producer.write(black_box(&bytes)).unwrap();
                written + consumer.read(black_box(&mut out)).unwrap()
            });
        });
    }
    group.finish();
}

fn forms(c: &mut Criterion) {
    let mut group = c.benchmark_group("one thread, 64 B");
    let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
    let (bytes, mut out) = ([7_u8; 64], [0_u8; 64]);
    group.bench_function("vectored, header and body", |b| {
        b.iter(|| {
            let (head, body) = black_box(&bytes).split_at(4);
            let slices = [IoSlice::new(head), IoSlice::new(body)];
            let written = producer.write_vectored(&slices).unwrap();
            written + consumer.read(black_box(&mut out)).unwrap()
        });
    });
    group.bench_function("lent", |b| {
        b.iter(|| {
            let mut free = producer.reserve().unwrap();
            if let Some(target) = free.slices().0.get_mut(..64) {
                target.copy_from_slice(black_box(&bytes));
                free.commit(64);
            }
            let filled = consumer.peek().unwrap();
            let n = filled.len();
            black_box(filled.slices());
            filled.consume(n);
        });
    });
    group.bench_function("with both signals", |b| {
        b.iter(|| {
            let written = producer.write(black_box(&bytes)).unwrap();
            let _ = black_box(producer.signal());
            let read = consumer.read(black_box(&mut out)).unwrap();
            let _ = black_box(consumer.signal());
            written + read
        });
    });
    group.finish();
}

fn two_threads(c: &mut Criterion) {
    let mut group = c.benchmark_group("two threads");
    for len in [16_usize, 64, 256, 1024, 4096, 65536] {
        const TOTAL: usize = 8 << 20;
        group.throughput(Throughput::Bytes(TOTAL as u64));
        group.sample_size(10);
        group.bench_function(format!("{len} B"), |b| {
            b.iter(|| {
                let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
                thread::scope(|scope| {
                    scope.spawn(move || {
                        let bytes = vec![7; len];
                        let mut left = TOTAL;
                        while left != 0 {
                            let n = producer.write(&bytes[..len.min(left)]).unwrap();
                            left -= n;
                            if n == 0 {
                                spin_loop();
                            }
                        }
                    });
                    let mut out = vec![0; len];
                    let mut left = TOTAL;
                    while left != 0 {
                        let n = consumer.read(&mut out).unwrap();
                        left -= n;
                        if n == 0 {
                            spin_loop();
                        }
                    }
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, one_thread, forms, two_threads);
criterion_main!(benches);
