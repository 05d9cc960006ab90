//! An honest client: it asks with 64 bytes, waits for the answer, and asks again.

use super::{ECHO, OURS};
use crate::measure::quantile;
use crate::sockets::broker;
use channel::Channel;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two questions: an honest client has something else to do, too.
const PAUSE: Duration = Duration::from_micros(200);

/// How long answers took, in microseconds.
pub struct Latencies(Vec<f64>);

impl Latencies {
    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.len()
    }
    /// A quantile.
    pub fn at(&self, place: f64) -> f64 {
        quantile(&self.0, place)
    }
}

/// A client at work.
pub struct Honest {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Latencies>,
}

impl Honest {
    /// Connects to the server of that name and begins.
    pub fn start(server: &str, at: &str) -> Honest {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let thread = match server == OURS {
            true => {
                let at = at.parse().expect("an endpoint");
                let channel = broker("honest").connect_at(&at, ECHO, None);
                let channel: Channel = channel.expect("the server lives");
                std::thread::spawn(move || work(channel, &seen))
            }
            false => {
                let stream = TcpStream::connect(at).expect("the server lives");
                stream.set_nodelay(true).expect("a TCP socket");
                std::thread::spawn(move || work(stream, &seen))
            }
        };
        Honest { over, thread }
    }

    /// Ends the work.
    pub fn stop(self) -> Latencies {
        // Relaxed: joining orders the rest.
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the honest client is served")
    }
}

fn work(mut line: impl Read + Write, over: &AtomicBool) -> Latencies {
    let mut latencies = Vec::new();
    let (mut question, mut answer) = ([0; 64], [0; 64]);
    for number in 0u64.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        question[..8].copy_from_slice(&number.to_be_bytes());
        let asked = Instant::now();
        line.write_all(&question).expect("the connection lives");
        line.read_exact(&mut answer).expect("an answer");
        let took = asked.elapsed();
        assert_eq!(answer, question, "another answer");
        latencies.push(took.as_secs_f64() * 1e6);
        std::thread::sleep(PAUSE);
    }
    Latencies(latencies)
}
