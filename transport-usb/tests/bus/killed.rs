//! `kill -9` of either end, in the middle of messages. Whoever comes next gets a session of its own, and no byte of
//! the old one.

use std::fs;

use channel::State;

use crate::roles::{CUT, ECHO, FLOOD, HALF, MESSAGE, serving};
use crate::support::cable::Cable;
use crate::support::lab::{left, on_the_bus};
use crate::support::process::{now, start};
use crate::support::table::Times;
use crate::support::{LIMIT, broker, dial, exchange, pattern, until_lost};
use crate::unplugged::{half_of_one, is_truncated};

const CABLE: Cable = Cable(0);

// shows T4, M7, C6
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_host_in_mid_message_and_the_next_host() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        let mut told = Times::of("a host killed: the gadget is told");
        let mut next = Times::of("a host killed: the next one has its channel");
        for _ in 0..5 {
            let mut host = start(&format!("cut {}", CABLE.host()));
            host.hear("sent");
            // All that it sent of its message is there; and the stream back fills all buffers on the way.
            gadget.hear("holds");
            host.kill();
            let from = now();
            let client = broker("next");
            let mut channel = dial(&client, &CABLE.host(), ECHO);
            next.add_since(from);
            exchange(&mut channel, 7, 200_000);
            let cut = gadget.numbers("truncated");
            assert_eq!(cut[1..], [MESSAGE as u64, CUT as u64]);
            told.add(from, gadget.numbers("flood-lost")[0].max(cut[0]));
            assert_eq!(channel.info().state, State::Open);
        }
        gadget.end();
    });
}

// shows T4, C6, C1: the gadget is still busy with the stream of the old host when the new one begins.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_host_in_mid_stream_and_the_next_host() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        let mut next = Times::of("a host killed in mid-stream: the next one's channel");
        for _ in 0..8 {
            let mut host = start(&format!("stream {}", CABLE.host()));
            host.hear("streams");
            host.kill();
            let from = now();
            let mut channel = dial(&broker("next"), &CABLE.host(), ECHO);
            next.add_since(from);
            exchange(&mut channel, 7, 50_000);
            assert!(gadget.numbers("sink-lost")[1] > 0);
        }
        gadget.end();
    });
}

// shows T4, C6: no other host comes, and there is no event.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_host_and_nobody_after_it() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        let mut host = start(&format!("cut {}", CABLE.host()));
        host.hear("sent");
        gadget.hear("holds");
        host.kill();
        let from = now();
        let mut told = Times::of("a host killed, and no other: the gadget misses it");
        let cut = gadget.numbers("truncated");
        assert_eq!(cut[1..], [MESSAGE as u64, CUT as u64]);
        told.add(from, gadget.numbers("flood-lost")[0].max(cut[0]));
        gadget.end();
    });
}

// shows T4, M7, C6: the next one takes away what the killed one left.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_gadget_in_mid_message_and_the_next_gadget() {
    on_the_bus(|| {
        let mut told = Times::of("a gadget killed: the host is told");
        let mut next = Times::of("a gadget killed: the next one serves its channel");
        let client = broker("client");
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        for _ in 0..3 {
            gadget.hear("serves");
            let queue = half_of_one(dial(&client, &CABLE.host(), HALF));
            let mut flood = dial(&client, &CABLE.host(), FLOOD);
            let mut first = vec![0; 100_000];
            flood.read_exact_timeout(&mut first, LIMIT).unwrap();
            assert!(first == pattern(2, 0, 100_000));
            gadget.kill();
            let from = now();
            is_truncated(&queue);
            until_lost(&mut flood, 2, 100_000);
            told.add_since(from);
            assert!(!left().is_empty(), "a killed process takes nothing away");
            let from = now();
            gadget = start(&serving(&[CABLE.gadget()]));
            let mut channel = dial(&client, &CABLE.host(), ECHO);
            next.add_since(from);
            exchange(&mut channel, 7, 200_000);
        }
        gadget.hear("serves");
        let gadgets = fs::read_dir("/sys/kernel/config/usb_gadget").unwrap();
        assert_eq!(gadgets.count(), 1, "{:?}", left());
        gadget.end();
    });
}

// shows T4: one that lives keeps its place, its name and its controller.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_gadget_that_lives_is_left_alone() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        let mut channel = dial(&broker("client"), &CABLE.host(), ECHO);
        let mut second = start(&serving(&[CABLE.gadget()]));
        let why = second.hear("refused");
        println!("the same gadget twice: {why}");
        assert!(why.contains(&gadget.id().to_string()), "{why}");
        second.end();
        let other = Cable(1).gadget().to_string();
        let same_controller = other.replace("dummy_udc.1", "dummy_udc.0");
        let mut third = start(&format!("serve {same_controller}"));
        let why = third.hear("refused");
        println!("another gadget on a controller that is taken: {why}");
        assert!(why.contains("channel-link-lab-0"), "{why}");
        third.end();
        exchange(&mut channel, 1, 1000);
        drop(channel);
        gadget.end();
    });
}
