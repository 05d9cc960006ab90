//! Limits of time of accept and connect: never early, and decided for both sides alike.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use channel::{AcceptError, Broker, ConnectError, Domain, Options};
use support::thread_state::blocked;
use support::{Rng, Task, seed, within};

fn brokers() -> (Broker, Broker) {
    let domain = Domain::new();
    let small = Options::new().with_capacity(64);
    (
        domain.broker_with("server", small.clone()).unwrap(),
        domain.broker_with("client", small).unwrap(),
    )
}

// shows B3, C3: limits of time: never early, zero, and as long as it takes.
#[test]
fn time_limits() {
    within("time limits", || {
        let (server, client) = brokers();
        for limit in [Duration::ZERO, Duration::from_millis(30)] {
            let start = Instant::now();
            let error = server.accept_timeout(1, limit).unwrap_err();
            assert!(start.elapsed() >= limit, "early");
            assert!(
                matches!(&error, AcceptError::TimedOut { broker, port: 1 } if broker == "server")
            );
            let start = Instant::now();
            let error = client.connect_timeout("server", 1, limit).unwrap_err();
            assert!(start.elapsed() >= limit, "early");
            assert!(matches!(&error, ConnectError::TimedOut { to, port: 1 } if to == "server"));
        }
        // Whoever is there already is met within no time at all.
        let mut accepting = Task::new(server.accept_async(1));
        assert!(accepting.poll().is_pending());
        client.connect_timeout("server", 1, Duration::ZERO).unwrap();
        let _first = accepting.expect_ready("accept").unwrap();
        let mut connecting = Task::new(client.connect_async("server", 1));
        assert!(connecting.poll().is_pending());
        server.accept_timeout(1, Duration::ZERO).unwrap();
        // Huge limits are none.
        let waiting = server.clone();
        let accept = blocked(move || waiting.accept_timeout(2, Duration::MAX));
        let connected = client.connect_timeout("server", 2, Duration::MAX).unwrap();
        accept.returns().unwrap();
        drop(connected);
    });
}

/// Lets two threads go within a few nanoseconds of each other.
#[derive(Default)]
struct SpinBarrier(AtomicUsize);

impl SpinBarrier {
    fn wait(&self) {
        let arrived = self.0.fetch_add(1, Ordering::SeqCst);
        let mut looks = 0;
        while self.0.load(Ordering::SeqCst) <= arrived | 1 {
            looks += 1;
            if looks % 1000 == 0 {
                thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }
}

// shows B3: a time limit decides under the lock of the line: one side's channel and the other
// side's TimedOut never come together.
#[test]
fn both_sides_time_out_or_neither() {
    let seed = seed("both_sides_time_out_or_neither");
    within("limits race", move || {
        let (server, client) = brokers();
        let start = SpinBarrier::default();
        let rounds = 8_000;
        let met = thread::scope(|scope| {
            let accepts = scope.spawn(|| {
                let (mut results, mut left_behind) = (Vec::new(), 0);
                let mut rng = Rng::of(seed, 1);
                for _ in 0..rounds {
                    start.wait();
                    let limit = Duration::from_micros(rng.below(40));
                    let result = match rng.below(3) {
                        0 => server.try_accept(1),
                        _ => server.accept_timeout(1, limit),
                    };
                    results.push(result.is_ok());
                    start.wait();
                    left_behind += usize::from(server.try_accept(1).is_ok());
                }
                (results, left_behind)
            });
            let mut rng = Rng::of(seed, 2);
            let mut results = Vec::new();
            for _ in 0..rounds {
                start.wait();
                let limit = Duration::from_micros(rng.below(40));
                let result = match rng.below(3) {
                    0 => client.try_connect("server", 1),
                    _ => client.connect_timeout("server", 1, limit),
                };
                results.push(result.is_ok());
                start.wait();
            }
            let (accepts, left_behind) = accepts.join().unwrap();
            let differ = (0..rounds).filter(|&i| results[i] != accepts[i]).count();
            assert_eq!(
                (differ, left_behind),
                (0, 0),
                "one side believed itself met, the other gave up; and what is left in the line"
            );
            results.iter().filter(|&&met| met).count()
        });
        println!("{met} of {rounds} met");
    });
}
