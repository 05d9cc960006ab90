//! What channels cost when nothing happens on them, and what many of them cost:
//! prints the third table of `BENCHMARKS.md`.
//!
//! A program of its own, since it counts every allocation, which would slow the
//! contestants of the other tables down.

use bench_peers::counting::{Counting, allocated};
use bench_peers::machine::{describe, process_cpu, resident};
use bench_peers::measure::alone;
use bench_peers::report::{Options, group};
use channel::{Channel, Domain};
use clap::Parser;
use serde_json::json;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

#[global_allocator]
static COUNTING: Counting = Counting;

fn domain(capacity: usize) -> [channel::Broker; 2] {
    let domain = Domain::new();
    let options = channel::Options::new().with_capacity(capacity);
    ["server", "client"].map(|name| {
        domain
            .broker_with(name, options.clone())
            .expect("a new domain")
    })
}

/// Opens channels from one thread that plays both sides.
fn open_alone(count: usize, capacity: usize) -> Vec<Channel> {
    let [server, client] = domain(capacity);
    let mut acceptor = server.acceptor(1);
    let mut cx = Context::from_waker(Waker::noop());
    let mut ends = Vec::with_capacity(2 * count);
    for _ in 0..count {
        let mut connecting = pin!(client.connect_async("server", 1));
        let mut connected = connecting.as_mut().poll(&mut cx);
        ends.push(acceptor.try_accept().expect("somebody connects"));
        if connected.is_pending() {
            connected = connecting.as_mut().poll(&mut cx);
        }
        let Poll::Ready(Ok(end)) = connected else {
            panic!("not connected to somebody who accepts");
        };
        ends.push(end);
    }
    ends
}

/// Opens channels from two threads, with the blocking calls.
fn open_by_two(count: usize, capacity: usize) -> Vec<Channel> {
    let [server, client] = domain(capacity);
    let connecting = std::thread::spawn(move || {
        (0..count)
            .map(|_| client.connect("server", 1).expect("the server lives"))
            .collect::<Vec<_>>()
    });
    let mut ends: Vec<Channel> = (0..count)
        .map(|_| server.accept(1).expect("the broker is open"))
        .collect();
    ends.extend(connecting.join().expect("the connecting thread"));
    ends
}

struct Line {
    what: String,
    value: String,
    wanted: &'static str,
    met: Option<bool>,
}

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let _alone = alone();
    let mut lines = Vec::new();
    let mut line = |what: String, value: String, wanted, met| {
        lines.push(Line {
            what,
            value,
            wanted,
            met,
        });
    };

    // Memory of one channel, beyond its two buffers.
    for capacity in [64 * 1024, 256] {
        const COUNT: usize = 1000;
        drop(open_alone(10, capacity)); // what is made once
        let before = allocated();
        let ends = open_alone(COUNT, capacity);
        let each = (allocated() - before) / COUNT as u64;
        let beyond = each.saturating_sub(2 * capacity as u64);
        drop(ends);
        line(
            format!("memory of an idle channel, both ends, capacity {capacity} B each way"),
            format!("{} B: its two buffers + {} B", group(each), group(beyond)),
            "two buffers + 2,048 B",
            Some(beyond <= 2048),
        );
    }

    // CPU time of idle channels, with a reader asleep at either end.
    {
        const COUNT: usize = 8;
        let ends = open_alone(COUNT, 64 * 1024);
        let handles: Vec<_> = ends.iter().map(Channel::handle).collect();
        let readers: Vec<_> = ends
            .into_iter()
            .map(|mut end| std::thread::spawn(move || end.read(&mut [0; 16]).is_ok()))
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        let (before, begun) = (process_cpu(), Instant::now());
        std::thread::sleep(Duration::from_secs(3));
        let cpu = process_cpu() - before;
        let took = begun.elapsed();
        // This thread's own two system calls are in it: some 50 µs.
        line(
            format!(
                "CPU time of {COUNT} idle channels with {} blocked readers, in {} s",
                2 * COUNT,
                took.as_secs()
            ),
            format!("{} µs (this program's own clock included)", cpu.as_micros()),
            "none",
            Some(cpu < Duration::from_micros(500)),
        );
        for handle in handles {
            handle.disconnect();
        }
        for reader in readers {
            reader.join().expect("the reader");
        }
    }

    // Many channels.
    type Open = fn(usize, usize) -> Vec<Channel>;
    let ways: [(&str, Open); 2] = [
        ("one thread playing both sides", open_alone),
        ("two threads, blocking calls", open_by_two),
    ];
    for (who, open) in ways {
        const COUNT: usize = 100_000;
        let (before, resident_before) = (allocated(), resident());
        let begun = Instant::now();
        let mut ends = open(COUNT, 256);
        let took = begun.elapsed();
        let memory = allocated() - before;
        let pages = resident().saturating_sub(resident_before);
        assert_eq!(ends.len(), 2 * COUNT);
        // They work: first and last.
        for i in [0, 2 * COUNT - 1] {
            assert!(!ends[i].disconnected());
            assert_eq!(ends[i].write(b"x").expect("open"), 1);
        }
        let begun = Instant::now();
        drop(ends);
        let closing = begun.elapsed();
        line(
            format!("opening 100,000 channels of 256 B ({who})"),
            format!(
                "{:.2} s; {} MB allocated ({} B each), {} MB more resident; closing them {:.2} s",
                took.as_secs_f64(),
                memory / 1_000_000,
                memory / COUNT as u64,
                pages / 1_000_000,
                closing.as_secs_f64()
            ),
            "under 2 s",
            Some(took < Duration::from_secs(2)),
        );
    }

    let mut text = String::from("| what | measured | wanted | |\n|---|---|---|---|\n");
    for l in &lines {
        let met = match l.met {
            Some(true) => "ok",
            Some(false) => "**short**",
            None => "",
        };
        text += &format!("| {} | {} | {} | {met} |\n", l.what, l.value, l.wanted);
    }
    text += "\nMemory counts what the allocator was asked for, both ends together.\n\n";
    for (name, value) in describe() {
        text += &format!("- {name}: {value}\n");
    }
    let rows: Vec<_> = lines
        .iter()
        .map(|l| json!({ "what": l.what, "value": l.value, "wanted": l.wanted, "met": l.met }))
        .collect();
    options.publish(&text, &json!({ "rows": rows }))
}
