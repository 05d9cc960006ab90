//! Messages: whole ones are received, of the last one is told how much there was.

use std::time::{Duration, Instant};

use message_queue::codec::Truncated;
use message_queue::{MessageQueue, ReceiveError};

use crate::Side;
use crate::forms::Form;
use crate::scene::{Scene, kill_within};
use crate::support::thread::go;
use crate::support::{Rng, check};
use crate::victim::{Figure, LONGEST};

/// Kills a victim that sends messages; how long the news took.
pub fn kill(scene: &Scene, side: Side, form: Form, mut rng: Rng) -> Option<Duration> {
    let seed = rng.next();
    let (mut victim, report) = scene.start(side, &format!("messages {seed}"));
    let queue = MessageQueue::new(scene.meet(side));
    let receiving = go(move || {
        let mut caller = form.caller();
        let mut lengths = Rng::new(seed, 1);
        let mut number = 0;
        let end = loop {
            let length = lengths.length(LONGEST) as usize;
            match caller.receive(&queue) {
                Ok(message) => {
                    assert_eq!(message.len(), length);
                    check(number, 0, &message);
                    number += 1;
                }
                Err(error) => break (error, length),
            }
        };
        let news = Instant::now();
        match end {
            (ReceiveError::PeerLost(_), _) => {}
            (ReceiveError::Truncated(cut), length) => {
                match cut {
                    Truncated::Prefix { received } => assert!((1..4).contains(&received)),
                    Truncated::Message { expected, received } => {
                        assert_eq!(expected, length);
                        assert!(received < expected);
                    }
                }
                let then = queue.receive();
                assert!(matches!(then, Err(ReceiveError::PeerLost(_))), "{then:?}");
            }
            (error, _) => panic!("after {number} messages: {error}"),
        }
        (number, news)
    });
    let killed = kill_within(&mut victim, Duration::from_micros(rng.below(5000)));
    let (received, news) = receiving.join("a receive whose peer was killed");
    let (written, intended) = (report.get(Figure::Written), report.get(Figure::Intended));
    assert!(
        (written..=intended).contains(&received),
        "{received} messages were received of {written} to {intended} that were sent"
    );
    Some(news.saturating_duration_since(killed))
}
