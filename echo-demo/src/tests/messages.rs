//! As messages; and with a client and a server that do not speak the same.

use std::thread;
use std::time::Duration;

use message_queue::codec::PREFIX;
use message_queue::{BATCH, MessageQueue, ReceiveError, SendError};

use super::{STYLES, World};
use crate::args::{Bench, Load, Style, Test};
use crate::report::Output;
use crate::server::End;
use crate::speech::{Speech, queue};
use crate::{bench, formal, load};

const MAX: usize = 1 << 20;
const MESSAGES: Speech = Speech::Messages { max: MAX };

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn a_load(bytes: usize, size: usize, style: Style) -> Load {
    Load {
        clients: 20,
        bytes: Some(bytes),
        size: Some(size),
        seed: 7,
        server: style,
        spawn: false,
    }
}

fn a_bench(batch: bool) -> Bench {
    Bench {
        sizes: vec![1, 5000],
        seconds: Duration::from_millis(40),
        batch,
        server: Style::Blocking,
        spawn: false,
    }
}

impl World {
    fn messages(style: Style, capacity: usize) -> World {
        World::speaking([MESSAGES; 2], style, capacity)
    }

    fn connect(&self) -> channel::Channel {
        let broker = self.client.client().unwrap();
        self.client.connect(&broker).unwrap()
    }

    /// A client's queue, whatever limit the server has.
    fn queue(&self) -> MessageQueue {
        queue(self.connect(), MAX)
    }
}

fn reason(end: &End) -> &str {
    match end {
        End::Strange(reason) => reason,
        end => panic!("{end:?}"),
    }
}

// shows E2
#[test]
fn the_formal_test_passes_as_messages_through_any_buffer() {
    for style in STYLES {
        // A byte at a time, few are enough.
        let few = Speech::Messages { max: 1000 };
        for (speech, capacity, sizes) in [(few, 1, 6), (MESSAGES, 64, 6), (MESSAGES, 4096, 9)] {
            let mut world = World::speaking([speech; 2], style, capacity);
            formal::run(&world.client, &Test::default(), Output::silent()).unwrap();
            let served = &world.all_served()[0];
            assert_eq!(served.end, End::Orderly, "{style:?}, {capacity}");
            assert_eq!(served.messages, Some(256 + sizes), "{style:?}, {capacity}");
        }
    }
}

// shows E2
#[test]
fn a_load_of_messages_through_tiny_buffers_is_lossless() {
    for style in STYLES {
        for size in [1, 100, 4000] {
            let mut world = World::messages(style, 64);
            load::run(
                &world.client,
                &a_load(10_001, size, style),
                Output::silent(),
            )
            .unwrap();
            let served = world.all_served();
            assert_eq!(served.len(), 20);
            let each = 10_001_usize.div_ceil(size) as u64;
            assert!(
                served
                    .iter()
                    .all(|one| one.end == End::Orderly && one.messages == Some(each)),
                "{style:?}: {served:?}"
            );
        }
    }
}

// shows E2
#[test]
fn messages_are_measured_also_in_batches() {
    for style in STYLES {
        for batch in [false, true] {
            let mut world = World::messages(style, 256);
            bench::run(&world.client, &a_bench(batch), Output::silent()).unwrap();
            assert_eq!(world.ends(), vec![End::Orderly; 4], "{style:?}");
        }
    }
}

// shows E2, M2: frames are bytes like any others
#[test]
fn clients_of_messages_are_content_with_a_server_of_bytes() {
    for style in STYLES {
        let few = Speech::Messages { max: 1000 };
        let mut tiny = World::speaking([Speech::Bytes, few], style, 1);
        formal::run(&tiny.client, &Test::default(), Output::silent()).unwrap();
        assert_eq!(tiny.ends(), [End::Orderly], "{style:?}");

        let mut world = World::speaking([Speech::Bytes, MESSAGES], style, 256);
        formal::run(&world.client, &Test::default(), Output::silent()).unwrap();
        bench::run(&world.client, &a_bench(true), Output::silent()).unwrap();
        load::run(
            &world.client,
            &a_load(30_001, 1000, style),
            Output::silent(),
        )
        .unwrap();
        assert_eq!(world.ends(), vec![End::Orderly; 25], "{style:?}");
    }
}

// shows E2, M3, M6
#[test]
fn a_client_that_does_not_receive_is_not_received_from_and_loses_nothing() {
    for style in STYLES {
        // Of the larger buffer, more than a batch may arrive together.
        for (capacity, size) in [
            (1024, 10),
            (1024, 5000),
            (1024, 100_000),
            (65536, 10),
            (65536, 5000),
            (65536, 20_000),
            (65536, 65536 / 2 - PREFIX),
        ] {
            let mut world = World::messages(style, capacity);
            let (mut sender, mut receiver) = world.queue().split();
            let message = |number: usize| vec![number as u8; size];
            // No more fits than the buffers on the way and the server hold, however long one tries.
            let mut sent = 0_usize;
            loop {
                match sender.send_timeout(&message(sent), Duration::from_millis(200)) {
                    Ok(()) => sent += 1,
                    Err(SendError::Unfinished) => {
                        sent += 1;
                        break;
                    }
                    Err(SendError::TimedOut) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            // Two buffers and a batch, another message at the server, and a part of one here.
            let most = (2 * capacity + BATCH) / (size + PREFIX) + 2;
            assert!(
                (1..=most).contains(&sent),
                "{style:?}: {sent} of {size} bytes, not {most}"
            );
            let finishing = thread::spawn(move || sender.finish().unwrap());
            for number in 0..sent {
                assert!(
                    receiver.receive_timeout(PATIENCE).unwrap() == message(number),
                    "{style:?}: {number}"
                );
            }
            assert!(matches!(
                receiver.receive_timeout(PATIENCE),
                Err(ReceiveError::PeerClosed)
            ));
            finishing.join().unwrap();
            assert_eq!(world.ends(), [End::Orderly], "{style:?}");
        }
    }
}

// shows M4, E3
#[test]
fn a_message_over_the_limit_ends_its_client_only() {
    for style in STYLES {
        let mut world = World::speaking([Speech::Messages { max: 1000 }, MESSAGES], style, 256);
        let (good, bad) = (world.queue(), world.queue());
        let echoed = |queue: &MessageQueue, size| {
            queue.send(&vec![1; size]).unwrap();
            queue.receive_timeout(PATIENCE).unwrap().len()
        };
        assert_eq!((echoed(&good, 1000), echoed(&bad, 1000)), (1000, 1000));
        // Part of it is taken before the server sees how long it is; or all of it fails.
        let _ = bad.send(&[1; 1001]);
        assert!(matches!(
            bad.receive_timeout(PATIENCE),
            Err(ReceiveError::PeerClosed)
        ));
        assert_eq!(echoed(&good, 1000), 1000);
        assert_eq!(echoed(&world.queue(), 5), 5);
        drop(good);
        let ends = world.ends();
        assert_eq!(ends.len(), 3);
        let strange: Vec<_> = ends.iter().filter(|end| **end != End::Orderly).collect();
        assert_eq!(strange.len(), 1, "{style:?}: {ends:?}");
        let said = reason(strange[0]);
        for part in ["1001 bytes", "limit of 1000", "--max-message"] {
            assert!(said.contains(part), "{style:?}: {part} in {said}");
        }
    }
}

// shows M7, E3
#[test]
fn bytes_that_are_no_messages_are_told_with_what_to_look_at() {
    for style in STYLES {
        for (bytes, part) in [
            (&b"hello, server\n"[..], "a message of 1751477356 bytes"),
            (&[0, 0, 0, 9, 1][..], "after 1 of 9 bytes"),
            (&[0, 0][..], "after 2 of 4 bytes"),
        ] {
            let mut world = World::speaking([MESSAGES, Speech::Bytes], style, 256);
            let (mut reader, mut writer) = world.connect().split();
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap();
            assert_eq!(reader.read_timeout(&mut [0], PATIENCE).unwrap(), 0);
            let ends = world.ends();
            let said = reason(&ends[0]);
            assert!(said.contains(part), "{style:?}: {part} in {said}");
            assert!(said.contains("is the client running --as bytes?"), "{said}");
        }
        let world = World::speaking([MESSAGES, Speech::Bytes], style, 256);
        let mut load = a_load(30_001, 1, style);
        load.size = None;
        let error = load::run(&world.client, &load, Output::silent());
        assert!(error.unwrap_err().to_string().contains("20 of 20"));
    }
}

// shows C6, M7
#[test]
fn a_client_that_is_lost_inside_a_message_is_lost() {
    for style in STYLES {
        let mut world = World::speaking([MESSAGES, Speech::Bytes], style, 256);
        let mut channel = world.connect();
        // Once a message is back, the server has the channel for certain.
        channel.write_all(&[0, 0, 0, 1, 7, 0, 0, 0, 9]).unwrap();
        channel.read_exact(&mut [0; 5]).unwrap();
        channel.handle().abort();
        let ends = world.ends();
        assert!(matches!(ends[..], [End::Lost(_)]), "{style:?}: {ends:?}");
    }
}
