//! A thousand random interleavings of everything that accept and connect can do, with real threads.

mod support;

use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use channel::{AcceptError, Broker, Channel, ConnectError, Domain, Options};
use support::{Rng, Task, block_on, seed, within};

const THREADS: u64 = 5;
const STEPS: u64 = 4;
/// Everybody waits for a partner who will not come.
const STANDSTILL: Duration = Duration::from_millis(3);

/// What became of one step of one thread.
enum Outcome {
    /// It has its channel; who was at the other end (`None`: nobody any more).
    Met(Option<u64>),
    /// It gave up in its own way, or was told of the close.
    Not,
    /// A future or an acceptor that waited was dropped.
    Dropped,
}

/// Each tells the other its number.
fn exchange(mut channel: Channel, id: u64) -> Outcome {
    // Whoever is gone reads it not; the read tells.
    let _ = channel.write_all(&id.to_be_bytes());
    let mut other = [0; 8];
    match channel.read_exact(&mut other) {
        Ok(()) => Outcome::Met(Some(u64::from_be_bytes(other))),
        Err(cut) => {
            assert!(
                cut.read == 0 && cut.error.is_none(),
                "neither met nor orderly: {cut}"
            );
            Outcome::Met(None)
        }
    }
}

fn drive<E>(
    id: u64,
    mut future: Task<Result<Channel, E>>,
    polls: u64,
    rng: &mut Rng,
) -> Option<Outcome> {
    for _ in 0..polls {
        match future.poll() {
            std::task::Poll::Ready(Ok(channel)) => return Some(exchange(channel, id)),
            std::task::Poll::Ready(Err(_)) => return None,
            std::task::Poll::Pending => rng.spin(300),
        }
    }
    Some(Outcome::Dropped)
}

fn accept(server: &Broker, port: u16, id: u64, drops: bool, rng: &mut Rng) -> Outcome {
    let limit = Duration::from_micros(rng.below(60));
    let result = match rng.below(if drops { 7 } else { 5 }) {
        0 => server.accept(port),
        1 => server.try_accept(port),
        2 => block_on(server.accept_async(port)),
        3 | 4 => server.accept_timeout(port, limit),
        5 => {
            let future = Task::new(server.accept_async(port));
            let polls = rng.below(4);
            return drive(id, future, polls, rng).unwrap_or(Outcome::Not);
        }
        _ => {
            let mut acceptor = server.acceptor(port);
            for _ in 0..rng.below(3) {
                if let Ok(channel) = acceptor.try_accept() {
                    return exchange(channel, id);
                }
                rng.spin(300);
            }
            drop(acceptor);
            return Outcome::Dropped;
        }
    };
    match result {
        Ok(channel) => exchange(channel, id),
        Err(
            AcceptError::Closed { .. }
            | AcceptError::TimedOut { .. }
            | AcceptError::WouldBlock { .. },
        ) => Outcome::Not,
        Err(other) => panic!("{other:?}"),
    }
}

fn connect(client: &Broker, port: u16, id: u64, drops: bool, rng: &mut Rng) -> Outcome {
    let limit = Duration::from_micros(rng.below(60));
    let result = match rng.below(if drops { 6 } else { 5 }) {
        0 => client.connect("server", port),
        1 => client.try_connect("server", port),
        2 => block_on(client.connect_async("server", port)),
        3 | 4 => client.connect_timeout("server", port, limit),
        _ => {
            let future = Task::new(client.connect_async("server", port));
            let polls = rng.below(4);
            return drive(id, future, polls, rng).unwrap_or(Outcome::Not);
        }
    };
    match result {
        Ok(channel) => exchange(channel, id),
        Err(
            ConnectError::Closed { .. }
            | ConnectError::NoSuchBroker { .. }
            | ConnectError::TimedOut { .. }
            | ConnectError::WouldBlock { .. },
        ) => Outcome::Not,
        Err(other) => panic!("{other:?}"),
    }
}

/// How many met.
fn one_storm(seed: u64, round: u64) -> usize {
    let mut rng = Rng::of(seed, round);
    let domain = Domain::new();
    let small = Options::new().with_capacity(64);
    let server = domain.broker_with("server", small.clone()).unwrap();
    let client = domain.broker_with("client", small).unwrap();
    let drops = rng.one_in(2);
    let (start, steps) = (Barrier::new(THREADS as usize + 1), AtomicUsize::new(0));
    let outcomes: Vec<(u64, bool, u16, Outcome)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (server, client, start, steps) = (&server, &client, &start, &steps);
                let mut rng = Rng::of(seed, (round << 8) | (thread + 1));
                scope.spawn(move || {
                    start.wait();
                    let step = |step| {
                        let id = thread * STEPS + step;
                        let (accepts, port) = (rng.one_in(2), rng.below(2) as u16);
                        let outcome = match accepts {
                            true => accept(server, port, id, drops, &mut rng),
                            false => connect(client, port, id, drops, &mut rng),
                        };
                        steps.fetch_add(1, Ordering::Relaxed);
                        (id, accepts, port, outcome)
                    };
                    (0..STEPS).map(step).collect::<Vec<_>>()
                })
            })
            .collect();
        start.wait();
        // Close in the middle of it; or when it stands still.
        let enough = rng.below(THREADS * STEPS) as usize;
        let (mut seen, mut since) = (0, Instant::now());
        while seen < enough && since.elapsed() < STANDSTILL {
            thread::yield_now();
            let now = steps.load(Ordering::Relaxed);
            if now > seen {
                (seen, since) = (now, Instant::now());
            }
        }
        server.close();
        let outcomes = threads.into_iter().map(|thread| thread.join().unwrap());
        outcomes.flatten().collect()
    });

    let mut met = HashMap::new();
    let (mut alone, mut dropped) = (0, 0);
    for (id, accepts, port, outcome) in outcomes {
        match outcome {
            Outcome::Met(Some(other)) => {
                met.insert(id, (accepts, port, other));
            }
            Outcome::Met(None) => alone += 1,
            Outcome::Dropped => dropped += 1,
            Outcome::Not => {}
        }
    }
    // Whoever met somebody was met by that one, at that port, from the other side.
    for (id, &(accepts, port, other)) in &met {
        let theirs = met.get(&other);
        assert_eq!(
            theirs,
            Some(&(!accepts, port, *id)),
            "round {round}: {id} at port {port} met {other}"
        );
    }
    // A channel without a partner is there only when somebody dropped a future in the middle.
    assert!(
        alone <= dropped,
        "round {round}: {alone} channels without a partner, {dropped} futures dropped"
    );
    met.len() / 2
}

// shows B2, B3, B4: nobody is matched with one who gave up, nobody is left behind.
#[test]
fn a_thousand_storms() {
    let seed = seed("a_thousand_storms");
    let met = within("storms", move || {
        (0..1000).map(|round| one_storm(seed, round)).sum::<usize>()
    });
    println!("{met} met");
    assert!(met > 100, "too few met ({met}) to show anything");
}
