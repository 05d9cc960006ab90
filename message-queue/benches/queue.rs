//! The queue's own calls over time: `cargo bench -p message-queue`. Beside others it is measured in
//! the workspace `bench-peers`.

use std::hint::black_box;
use std::thread;

use channel::Domain;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use message_queue::{MessageQueue, QueueBroker};

/// Two ends with buffers of the default capacity.
fn queues() -> (MessageQueue, MessageQueue) {
    let domain = Domain::new();
    let [server, client] =
        ["server", "client"].map(|name| QueueBroker::from(domain.broker(name).unwrap()));
    let connecting = thread::spawn(move || client.connect("server", 7).unwrap());
    let accepted = server.accept(7).unwrap();
    (accepted, connecting.join().unwrap())
}

fn one_thread(c: &mut Criterion) {
    let mut group = c.benchmark_group("one thread, send and receive_into");
    for size in [16, 4096] {
        let message = vec![7; size];
        let mut buf = vec![0; size];
        group.throughput(Throughput::Bytes(size as u64));
        let (ours, theirs) = queues();
        group.bench_function(BenchmarkId::new("shared", size), |b| {
            b.iter(|| {
                ours.send(black_box(&message)).unwrap();
                theirs.receive_into(black_box(&mut buf)).unwrap()
            });
        });
        let ((mut sender, _open), (_too, mut receiver)) = (ours.split(), theirs.split());
        group.bench_function(BenchmarkId::new("halves", size), |b| {
            b.iter(|| {
                sender.send(black_box(&message)).unwrap();
                receiver.receive_into(black_box(&mut buf)).unwrap()
            });
        });
    }
    group.finish();
}

fn ways_to_receive(c: &mut Criterion) {
    let mut group = c.benchmark_group("one thread, send and");
    for size in [16, 4096] {
        let message = vec![7; size];
        let (ours, theirs) = queues();
        let ((mut sender, _open), (_too, mut receiver)) = (ours.split(), theirs.split());
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("receive_ref", size), |b| {
            b.iter(|| {
                sender.send(black_box(&message)).unwrap();
                black_box(receiver.receive_ref().unwrap().len())
            });
        });
        group.bench_function(BenchmarkId::new("receive", size), |b| {
            b.iter(|| {
                sender.send(black_box(&message)).unwrap();
                receiver.receive().unwrap()
            });
        });
    }
    group.finish();
}

/// 64 messages at a time.
fn batches(c: &mut Criterion) {
    let mut group = c.benchmark_group("one thread, 64 messages of 16 B");
    let (ours, theirs) = queues();
    let ((mut sender, _open), (_too, mut receiver)) = (ours.split(), theirs.split());
    let message = [7; 16];
    group.throughput(Throughput::Elements(64));
    group.bench_function("feed, flush and receive_ref", |b| {
        b.iter(|| {
            for _ in 0..64 {
                sender.feed(black_box(&message)).unwrap();
            }
            sender.flush().unwrap();
            for _ in 0..64 {
                black_box(receiver.receive_ref().unwrap().len());
            }
        });
    });
    group.finish();
}

fn round_trip(c: &mut Criterion) {
    let mut group = c.benchmark_group("two threads, round trip");
    for size in [16, 4096] {
        let (ours, theirs) = queues();
        let echo = thread::spawn(move || {
            let mut buf = vec![0; size];
            while let Ok(n) = ours.receive_into(&mut buf) {
                ours.send(&buf[..n]).unwrap();
            }
        });
        let mut buf = vec![7; size];
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| {
                theirs.send(&buf).unwrap();
                theirs.receive_into(black_box(&mut buf)).unwrap()
            });
        });
        theirs.close();
        echo.join().unwrap();
    }
    group.finish();
}

criterion_group!(benches, one_thread, ways_to_receive, batches, round_trip);
criterion_main!(benches);
