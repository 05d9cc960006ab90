//! What waiting costs: idle channels nothing, idle waits nothing.
#![cfg(target_os = "linux")]

mod support;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use channel::{Broker, Channel, Domain, Options, Poller};
use rustix::time::{ClockId, clock_gettime};
use support::{meet, within};

/// CPU time of the calling thread: what `getrusage(RUSAGE_THREAD)` tells, in finer steps.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn brokers() -> (Broker, Broker) {
    let domain = Domain::new();
    let small = Options::new().with_capacity(256);
    (
        domain.broker_with("server", small.clone()).unwrap(),
        domain.broker_with("client", small).unwrap(),
    )
}

/// Idle registered channels, and an active one.
struct Crowd {
    poller: Poller,
    active: (Channel, Channel),
    _idle: Vec<(Channel, Channel)>,
}

impl Crowd {
    fn new(idle: u64) -> Crowd {
        let (server, client) = brokers();
        let poller = Poller::new();
        let register = |key| {
            let (mut ours, theirs) = meet(&server, &client, 1);
            ours.reader_mut().register(&poller, key);
            (ours, theirs)
        };
        let _idle = (1..=idle).map(register).collect();
        let active = register(0);
        Crowd {
            active,
            _idle,
            poller,
        }
    }

    /// CPU time of this many messages through the active channel.
    fn work(&mut self, messages: u32) -> Duration {
        let (ours, theirs) = &mut self.active;
        let (mut keys, mut buf) = (Vec::new(), [0; 64]);
        let start = cpu();
        for _ in 0..messages {
            theirs.write_all(&[1; 64]).unwrap();
            keys.clear();
            self.poller.wait(&mut keys);
            assert_eq!(keys, [0]);
            ours.read_exact(&mut buf).unwrap();
            assert!(ours.try_read(&mut buf).is_err());
        }
        cpu() - start
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

// shows G2: 10,000 idle channels and an active one cost at most 1.5 times what 10 and one cost.
#[test]
fn idle_channels_cost_a_poller_nothing() {
    within("the poller's cost", || {
        let (mut few, mut many) = (Crowd::new(10), Crowd::new(10_000));
        let mut ratio = f64::INFINITY;
        // A noisy machine gets several tries.
        for _ in 0..5 {
            let (mut with_few, mut with_many) = (Vec::new(), Vec::new());
            for _ in 0..9 {
                with_few.push(few.work(500));
                with_many.push(many.work(500));
            }
            ratio = median(with_many).as_secs_f64() / median(with_few).as_secs_f64();
            println!("10,000 idle channels cost {ratio:.2} times what 10 cost");
            if ratio <= 1.5 {
                return;
            }
        }
        panic!("10,000 idle channels cost {ratio:.2} times what 10 cost");
    });
}

/// Lets `wait` block for about a second in another thread, ends it with `end`, and tells the CPU
/// time that it took.
fn idle_cost(wait: impl FnOnce() + Send + 'static, end: impl FnOnce()) -> Duration {
    let (started, is_started) = mpsc::channel();
    let waiting = thread::spawn(move || {
        let start = cpu();
        started.send(()).unwrap();
        wait();
        cpu() - start
    });
    is_started.recv().unwrap();
    // The length of the wait is what is measured here.
    thread::sleep(Duration::from_millis(700));
    assert!(!waiting.is_finished());
    end();
    waiting.join().unwrap()
}

/// What waiting costs: a poller, a read, a write, an accept, a connect; all at once, each on a thread of its
/// own.
fn idle_costs() -> Vec<(&'static str, Duration)> {
    type Wait = Box<dyn FnOnce() -> Duration + Send>;
    let (server, client) = brokers();
    let poller = Poller::new();
    let (mut watched, silent) = meet(&server, &client, 1);
    watched.reader_mut().register(&poller, 1);
    let (mut reading, mut wrote) = meet(&server, &client, 1);
    let (mut writing, other) = meet(&server, &client, 1);
    writing.write_all(&[0; 256]).unwrap();
    let (accepting, closing) = (server.clone(), server.clone());
    let (target, connecting) = brokers();
    let waits: [(&str, Wait); 5] = [
        (
            "poller",
            Box::new(move || {
                let _open = (watched, silent);
                let waiting = poller.clone();
                idle_cost(
                    move || assert_eq!(waiting.wait(&mut Vec::new()), 0),
                    || poller.notify(),
                )
            }),
        ),
        (
            "read",
            Box::new(move || {
                idle_cost(
                    move || reading.read_exact(&mut [0; 1]).unwrap(),
                    move || wrote.write_all(b"x").unwrap(),
                )
            }),
        ),
        (
            "write",
            Box::new(move || {
                idle_cost(
                    move || assert!(writing.write(b"x").is_err()),
                    move || drop(other),
                )
            }),
        ),
        (
            "accept",
            Box::new(move || {
                idle_cost(
                    move || assert!(accepting.accept(2).is_err()),
                    move || closing.close(),
                )
            }),
        ),
        (
            "connect",
            Box::new(move || {
                idle_cost(
                    move || assert!(connecting.connect("server", 3).is_err()),
                    move || target.close(),
                )
            }),
        ),
    ];
    thread::scope(|scope| {
        let waits = waits.map(|(what, cost)| (what, scope.spawn(cost)));
        let costs = waits.map(|(what, cost)| (what, cost.join().unwrap()));
        costs.into()
    })
}

// shows C2, G2: whoever waits uses no CPU: a poller, a read, a write, an accept, a connect.
#[test]
fn idle_waits_cost_no_cpu() {
    const LITTLE: Duration = Duration::from_millis(5);
    within("idle waits", || {
        // A virtual machine may count time that it was not given: what costs something does so each time.
        let mut costly = Vec::new();
        for _ in 0..4 {
            costly = idle_costs();
            println!("CPU time: {costly:?}");
            costly.retain(|(_, cost)| *cost >= LITTLE);
            if costly.is_empty() {
                return;
            }
        }
        panic!("CPU time while idle: {costly:?}");
    });
}
