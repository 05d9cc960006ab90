//! A driver: one task's share of the clients, each going on when a poller says that it can.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use channel::{Broker, Channel, Key, Poller};
use indicatif::ProgressBar;

use super::bytes::Bytes;
use super::client::{Client, Shared, Step};
use super::messages::Messages;
use crate::error::Error;
use crate::latency::Times;
use crate::pattern::Pattern;
use crate::place::Place;
use crate::speech::Speech;

/// With nothing coming or going anywhere for so long, the remaining clients have failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of one client.
pub type Outcome = Result<Duration, String>;

/// What a driver tells of its clients.
pub struct Driven {
    pub connected: u32,
    /// How long it took until they were.
    pub connecting: Duration,
    /// Why the first client that could not connect could not.
    pub refused: Option<Error>,
    pub verified: u64,
    pub messages: u64,
    /// How long messages took, there and back.
    pub times: Times,
    pub outcomes: Vec<(u32, Outcome)>,
}

/// One task's share of the clients.
pub struct Driver {
    pub place: Place,
    pub broker: Broker,
    pub seed: u64,
    pub bytes: u64,
    /// Bytes in a message, where there are messages.
    pub size: usize,
    pub bar: ProgressBar,
}

impl Driver {
    pub fn drive(&self, numbers: impl Iterator<Item = u32>, barrier: &Barrier) -> Driven {
        let started = Instant::now();
        let mut outcomes = Vec::new();
        let mut channels: Vec<(u32, Channel)> = Vec::new();
        let mut refused = None;
        for number in numbers {
            // One refusal is enough: the next would only wait as long.
            let why = match &refused {
                Some((first, _)) => format!("not tried, since client {first} could not connect"),
                None => match self.place.connect_nth(&self.broker, number) {
                    Ok(channel) => {
                        channels.push((number, channel));
                        continue;
                    }
                    Err(error) => refused.insert((number, error)).1.to_string(),
                },
            };
            outcomes.push((number, Err(why)));
        }
        let (connected, connecting) = (channels.len() as u32, started.elapsed());
        barrier.wait();
        let mut shared = Shared::new();
        let (verified, talked) = self.talk(channels, &mut shared);
        outcomes.extend(talked);
        Driven {
            connected,
            connecting,
            refused: refused.map(|(_, error)| error),
            verified,
            messages: shared.verified,
            times: shared.times,
            outcomes,
        }
    }

    fn client(&self, number: u32, channel: Channel, poller: &Poller, key: Key) -> Box<dyn Client> {
        let pattern = Pattern::new(self.seed, number);
        match self.place.speech {
            Speech::Bytes => Box::new(Bytes::new(channel, pattern, self.bytes, poller, key)),
            Speech::Messages { max } => {
                let sizes = (self.size, max);
                Box::new(Messages::new(
                    channel, pattern, self.bytes, sizes, poller, key,
                ))
            }
        }
    }

    /// All conversations at once, each going on when the poller says that it can.
    fn talk(
        &self,
        channels: Vec<(u32, Channel)>,
        shared: &mut Shared,
    ) -> (u64, Vec<(u32, Outcome)>) {
        let poller = Poller::new();
        let started = Instant::now();
        let mut clients: Vec<Option<(u32, Box<dyn Client>)>> = Vec::new();
        for (key, (number, channel)) in (0..).zip(channels) {
            clients.push(Some((number, self.client(number, channel, &poller, key))));
        }
        let (mut open, mut verified) = (clients.len(), 0);
        let mut outcomes = Vec::new();
        let (mut ready, mut again) = (Vec::new(), Vec::new());
        while open > 0 {
            if !ready.is_empty() {
                poller.try_wait(&mut ready);
            } else if poller.wait_timeout(&mut ready, PATIENCE).is_none() {
                break;
            }
            for key in ready.drain(..) {
                let slot = &mut clients[key as usize];
                let Some((number, client)) = slot else {
                    continue; // It has ended, and this key was under way.
                };
                let before = client.verified();
                let step = client.step(shared);
                verified += client.verified() - before;
                self.bar.inc(client.verified() - before);
                let outcome = match step {
                    Step::Waiting => continue,
                    Step::More => {
                        again.push(key);
                        continue;
                    }
                    Step::Done => Ok(started.elapsed()),
                    Step::Failed(why) => Err(why),
                };
                outcomes.push((*number, outcome));
                *slot = None;
                open -= 1;
            }
            ready.append(&mut again);
        }
        for (number, client) in clients.into_iter().flatten() {
            let (at, of) = (client.verified(), self.bytes);
            let why = format!("nothing moved for {PATIENCE:?}; {at} of {of} bytes were back");
            outcomes.push((number, Err(why)));
        }
        (verified, outcomes)
    }
}
