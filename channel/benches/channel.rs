//! The channel's own calls over time: `cargo bench -p channel`. Beside others it is measured in the
//! workspace `bench-peers`.

use std::future::Future;
use std::hint::black_box;
use std::task::{Context, Poll, Waker};
use std::thread;

use channel::{Broker, Channel, Domain, Options};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn brokers(capacity: usize) -> (Broker, Broker) {
    let domain = Domain::new();
    let options = Options::new().with_capacity(capacity);
    let server = domain.broker_with("server", options.clone()).unwrap();
    let client = domain.broker_with("client", options).unwrap();
    (server, client)
}

/// Both ends in one thread.
fn meet(server: &Broker, client: &Broker) -> (Channel, Channel) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut accept = Box::pin(server.accept_async(7));
    assert!(accept.as_mut().poll(&mut cx).is_pending());
    let theirs = client.connect("server", 7).unwrap();
    match accept.as_mut().poll(&mut cx) {
        Poll::Ready(ours) => (ours.unwrap(), theirs),
        Poll::Pending => unreachable!("the connector has its channel"),
    }
}

fn one_thread(c: &mut Criterion) {
    let mut group = c.benchmark_group("one thread, write and read");
    for size in [1, 64, 1024] {
        let (server, client) = brokers(64 * 1024);
        let (mut ours, mut theirs) = meet(&server, &client);
        let mut buf = vec![7; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| {
                ours.write_all(&buf).unwrap();
                theirs.read_exact(black_box(&mut buf)).unwrap();
            });
        });
    }
    group.finish();
}

fn echo(c: &mut Criterion) {
    let mut group = c.benchmark_group("two threads, echo");
    for size in [1, 64, 4096] {
        let (server, client) = brokers(64 * 1024);
        let (mut ours, mut theirs) = meet(&server, &client);
        let echo = thread::spawn(move || {
            let mut buf = vec![0; size];
            while ours.read_exact(&mut buf).is_ok() {
                ours.write_all(&buf).unwrap();
            }
        });
        let mut buf = vec![7; size];
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| {
                theirs.write_all(&buf).unwrap();
                theirs.read_exact(black_box(&mut buf)).unwrap();
            });
        });
        drop(theirs);
        echo.join().unwrap();
    }
    group.finish();
}

fn stream(c: &mut Criterion) {
    let mut group = c.benchmark_group("two threads, stream");
    for (capacity, size) in [(64 << 10, 64), (64 << 10, 16 << 10), (1 << 20, 64 << 10)] {
        let (server, client) = brokers(capacity);
        let (mut ours, mut theirs) = meet(&server, &client);
        let drain = thread::spawn(move || {
            let mut buf = vec![0; 64 << 10];
            while ours.read(black_box(&mut buf)).unwrap() > 0 {}
        });
        let buf = vec![7; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new(format!("{capacity}"), size), |b| {
            b.iter(|| theirs.write_all(&buf).unwrap());
        });
        drop(theirs);
        drain.join().unwrap();
    }
    group.finish();
}

fn rendezvous(c: &mut Criterion) {
    let (server, client) = brokers(256);
    c.bench_function("accept, connect and drop", |b| {
        b.iter(|| meet(&server, &client));
    });
}

criterion_group!(benches, one_thread, echo, stream, rendezvous);
criterion_main!(benches);
