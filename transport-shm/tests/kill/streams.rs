//! Bytes, both ways: what was committed is read, then comes the loss.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use channel::{ReadError, Receipt, State as ChannelState, WriteError};

use crate::forms::Form;
use crate::scene::{Scene, kill_within};
use crate::support::thread::go;
use crate::support::{LIMIT, Rng, check, eventually, fill};
use crate::victim::{FROM_VICTIM, Figure, TO_VICTIM};
use crate::{Side, State};

/// More than anybody sends before it is killed.
const ENDLESS: u64 = 1 << 50;

/// Kills a victim; how long the news took.
pub fn kill(scene: &Scene, side: Side, state: State, form: Form, mut rng: Rng) -> Option<Duration> {
    let (theirs, ours, read) = match state {
        State::Reading => (rng.length(1 << 20), rng.length(1 << 20), ENDLESS),
        State::Writing => (rng.length(1 << 15), ENDLESS, rng.length(1 << 20)),
        _ => (ENDLESS, ENDLESS, ENDLESS),
    };
    let seed = rng.next();
    let orders = format!("bytes {seed} {theirs} {}", read.min(ours));
    let (mut victim, report) = scene.start(side, &orders);
    let channel = scene.meet(side);
    let handle = channel.handle();
    let (mut reader, mut writer) = channel.split();

    let mut sizes = rng.clone();
    let mut lags_at = (state == State::Lagging).then(|| rng.length(1 << 20));
    let (dead, death) = mpsc::channel();
    let reading = go(move || {
        let mut caller = form.caller();
        let mut buf = vec![0; 1 << 16];
        let mut at = 0;
        loop {
            let most = sizes.length(1 << 16) as usize;
            match caller.read(&mut reader, &mut buf[..most]) {
                Ok(0) => panic!("an orderly end after {at} bytes"),
                Ok(n) => {
                    check(FROM_VICTIM, at, &buf[..n]);
                    at += n as u64;
                    if lags_at.take_if(|lags_at| *lags_at <= at).is_some() {
                        death.recv().unwrap();
                    }
                }
                Err(ReadError::PeerLost(_)) => break,
                Err(error) => panic!("after {at} bytes: {error}"),
            }
        }
        let news = Instant::now();
        // It stays.
        let again = reader.try_read(&mut buf);
        assert!(matches!(again, Err(ReadError::PeerLost(_))), "{again:?}");
        (at, news, reader)
    });
    let mut sizes = rng.clone();
    sizes.next();
    let writing = go(move || {
        let mut caller = form.caller();
        let mut buf = vec![0; 1 << 16];
        let mut at = 0;
        while at < ours {
            let most = sizes.length(1 << 16).min(ours - at) as usize;
            fill(TO_VICTIM, at, &mut buf[..most]);
            match caller.write(&mut writer, &buf[..most]) {
                Ok(n) => at += n as u64,
                Err(WriteError::PeerLost(_)) => return (at, Some(Instant::now()), writer),
                Err(error) => panic!("after {at} bytes: {error}"),
            }
        }
        (at, None, writer)
    });

    match state {
        State::Reading => {
            eventually("all that there is was transferred", || {
                handle.totals().read == theirs && report.get(Figure::Read) == ours
            });
            reading.wait_asleep();
        }
        State::Writing => {
            eventually("the ring is full", || {
                handle.totals().read == theirs && report.get(Figure::Read) == read && {
                    writing.sleeps()
                }
            });
        }
        _ => {}
    }
    let killed = kill_within(&mut victim, Duration::from_micros(rng.below(5000)));
    if state == State::Lagging {
        eventually("the death is known", || {
            handle.info().state == ChannelState::PeerLost
        });
    }
    let known = Instant::now();
    // It may not have come that far.
    let _ = dead.send(());
    let (received, heard_reading, reader) = reading.join("a read whose peer was killed");
    let (sent, heard_writing, writer) = writing.join("a write whose peer was killed");

    let (written, intended) = (report.get(Figure::Written), report.get(Figure::Intended));
    assert!(
        (written..=intended).contains(&received),
        "{received} bytes were read of {written} to {intended} that were written"
    );
    let totals = handle.totals();
    assert_eq!((totals.unread, totals.read), (0, received));
    let (read, asked) = (report.get(Figure::Read), report.get(Figure::Asked));
    match handle.receipt_timeout(LIMIT) {
        Receipt::Complete => assert!(read <= sent && sent <= asked, "{read}, {sent}, {asked}"),
        Receipt::Partial { read: n, unread } => {
            assert_eq!(n + unread, sent);
            assert!(unread > 0 && (read..=asked).contains(&n), "{n} of {read}");
        }
        receipt => panic!("{receipt:?}"),
    }
    assert_eq!(handle.info().state, ChannelState::PeerLost);
    drop((reader, writer));
    let heard = match state {
        State::Writing => heard_writing.expect("it was writing"),
        State::Lagging => known,
        _ => heard_reading,
    };
    Some(heard.saturating_duration_since(killed))
}
