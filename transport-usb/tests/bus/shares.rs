//! Many channels share a cable.

use std::thread;
use std::time::{Duration, Instant};

use channel::Channel;

use crate::roles::{FLOOD, serving};
use crate::support::cable::Cable;
use crate::support::lab::on_the_bus;
use crate::support::process::start;
use crate::support::{LIMIT, broker, dial};

const CABLE: Cable = Cable(0);
const CHANNELS: usize = 20;
/// How long is measured: on an emulated processor, a second of a flood takes ten.
const TIME: Duration = Duration::from_secs(1);

/// Bytes that each has read within the time.
fn read_for(time: Duration, channels: &mut [Channel]) -> Vec<usize> {
    let until = Instant::now() + time;
    let read = |channel: &mut Channel| {
        let (mut count, mut buf) = (0, vec![0; 64 * 1024]);
        while Instant::now() < until {
            count += channel.read_timeout(&mut buf, LIMIT).unwrap();
        }
        count
    };
    thread::scope(|scope| {
        let readers: Vec<_> = channels
            .iter_mut()
            .map(|channel| scope.spawn(move || read(channel)))
            .collect();
        let counts = readers.into_iter().map(|reader| reader.join().unwrap());
        counts.collect()
    })
}

// shows T4: fairly. (The figures are printed; each has its share, which is no tenth of what it should be.)
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn twenty_channels_share_a_cable() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        let client = broker("client");
        let floods = |count| -> Vec<_> {
            let dial = |_| dial(&client, &CABLE.host(), FLOOD);
            (0..count).map(dial).collect()
        };
        let alone = read_for(TIME, &mut floods(1))[0];
        let mut channels = floods(CHANNELS);
        // Until the buffers of all are full, and empty again.
        read_for(TIME / 4, &mut channels);
        let shares = read_for(TIME, &mut channels);
        drop(channels);
        let (all, mean) = (
            shares.iter().sum::<usize>(),
            shares.iter().sum::<usize>() / CHANNELS,
        );
        let (least, most) = (*shares.iter().min().unwrap(), *shares.iter().max().unwrap());
        let of_mean = |share: usize| share as f64 * 100.0 / mean as f64;
        let rate = |bytes: usize| bytes as f64 / TIME.as_secs_f64() / 1e6;
        println!(
            "lab: {CHANNELS} channels: {:.2} MB/s, one alone: {:.2} MB/s; shares from {:.0} % to {:.0} % of their mean",
            rate(all),
            rate(alone),
            of_mean(least),
            of_mean(most),
        );
        assert!(least * 10 > mean, "one starves: {shares:?}");
        gadget.end();
    });
}
