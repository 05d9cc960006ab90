//! The rendezvous: whoever waits goes on waiting or hears of the loss, and never gets a dead partner's place.

use std::time::{Duration, Instant};

use channel::{Channel, ConnectError, DialError, ReadError};

use crate::Side;
use crate::scene::{Scene, kill_within};
use crate::support::thread::go;
use crate::support::{LIMIT, Rng, broker, eventually};
use crate::victim::{PORT, WORDS};

/// What the channel said last.
enum Last {
    End,
    Loss(Instant),
}

/// A channel of the victim's: some of its words, and an end. All of them, if that is an orderly one.
fn hear(mut channel: Channel) -> Last {
    let mut said = Vec::new();
    loop {
        let mut buf = [0; 32];
        match channel.read_timeout(&mut buf, LIMIT) {
            Ok(0) => {
                assert_eq!(said, WORDS);
                return Last::End;
            }
            Ok(n) => said.extend(&buf[..n]),
            Err(ReadError::PeerLost(_)) => {
                assert!(WORDS.starts_with(&said));
                return Last::Loss(Instant::now());
            }
            Err(error) => panic!("after {said:?}: {error}"),
        }
    }
}

/// Kills a victim that opens channels; how long the news took, if somebody waited for any.
pub fn kill(scene: &Scene, side: Side, mut rng: Rng) -> Option<Duration> {
    let delay = Duration::from_micros(rng.below(3000));
    match side {
        Side::Listener => listener(scene, delay, rng.below(4) + 1),
        Side::Dialler if rng.below(2) == 0 => waiting(scene, delay),
        Side::Dialler => dialler(scene, delay),
    }
}

/// It accepts; or, with nobody accepting any more, lets wait.
fn listener(scene: &Scene, delay: Duration, threads: u64) -> Option<Duration> {
    let accepts = if threads == 1 { 0 } else { threads };
    let (mut victim, report) = scene.start(Side::Listener, &format!("meetings {accepts}"));
    assert_eq!(victim.hear(), "off we go");
    let (survivor, victims) = (scene.survivor.clone(), scene.victims.clone());
    let connecting = go(move || {
        loop {
            match survivor.connect_at(&victims, PORT, Some(LIMIT)) {
                Ok(channel) => match hear(channel) {
                    Last::End => {}
                    Last::Loss(at) => return at,
                },
                Err(error) => {
                    expect_death(&error);
                    return Instant::now();
                }
            }
        }
    });
    let killed = kill_within(&mut victim, delay);
    let news = connecting.join("a connect to a process that was killed");
    let gone = scene
        .survivor
        .connect_at(&scene.victims, PORT, Some(LIMIT))
        .unwrap_err();
    assert!(
        matches!(
            gone,
            ConnectError::Dial {
                error: DialError::NotFound,
                ..
            }
        ),
        "{gone:?}"
    );
    drop(report);
    Some(news.saturating_duration_since(killed))
}

/// What a connect may say of a process that has died meanwhile.
fn expect_death(error: &ConnectError) {
    let says_so = match error {
        ConnectError::Lost { .. } => true,
        ConnectError::Dial { error, .. } => match error {
            DialError::NotFound => true,
            // It died with the socket in its hands.
            DialError::Io(error) => matches!(
                error.kind(),
                std::io::ErrorKind::ConnectionAborted
                    | std::io::ErrorKind::ConnectionReset
                    | std::io::ErrorKind::BrokenPipe
            ),
            _ => false,
        },
        _ => false,
    };
    assert!(says_so, "{error:?}");
}

/// It connects, and nobody accepts: its places in the line are given up.
fn waiting(scene: &Scene, delay: Duration) -> Option<Duration> {
    let (mut victim, _report) = scene.start(Side::Dialler, "meetings 4");
    assert_eq!(victim.hear(), "off we go");
    let killed = kill_within(&mut victim, delay);
    expect_honest(scene);
    eventually("nobody of the dead waits", || {
        scene.survivor.waiting(PORT).connectors == 0
    });
    // The look is no call that waits for news: it bounds them from above.
    Some(Instant::now().saturating_duration_since(killed))
}

/// It connects, and is accepted.
fn dialler(scene: &Scene, delay: Duration) -> Option<Duration> {
    let (mut victim, _report) = scene.start(Side::Dialler, "meetings 4");
    assert_eq!(victim.hear(), "off we go");
    let survivor = scene.survivor.clone();
    let accepting = go(move || {
        let mut lost = None;
        loop {
            let mut channel = survivor.accept_timeout(PORT, LIMIT).unwrap();
            if channel.handle().peer_name() == "honest" {
                channel.write_all(b"welcome").unwrap();
                return lost;
            }
            if let Last::Loss(at) = hear(channel) {
                lost = Some(at);
            }
        }
    });
    let killed = kill_within(&mut victim, delay);
    let mut channel = connect_honest(scene);
    let news = accepting.join("an accept whose connectors were killed");
    let mut buf = [0; 7];
    channel.read_exact_timeout(&mut buf, LIMIT).unwrap();
    assert_eq!(&buf, b"welcome");
    Some(news?.saturating_duration_since(killed))
}

fn connect_honest(scene: &Scene) -> Channel {
    let to = scene.place();
    broker("honest").connect_at(&to, PORT, Some(LIMIT)).unwrap()
}

/// Whoever comes after the dead is the next to be accepted: no channel is handed out whose peer is known to
/// be gone. One whose death was not known yet when it was matched may come first.
fn expect_honest(scene: &Scene) {
    let to = scene.place();
    let connecting = go(move || broker("honest").connect_at(&to, PORT, Some(LIMIT)));
    loop {
        let channel = scene.survivor.accept_timeout(PORT, LIMIT).unwrap();
        if channel.handle().peer_name() == "honest" {
            break;
        }
        hear(channel);
    }
    connecting.join("an honest connect").unwrap();
}
