//! A fault at the first call of a scenario, then at the second, and so on to the last: no run hangs,
//! leaves something behind, or takes half of something for the whole.
//!
//! One test function: what the process holds is counted, its live memory too, so nothing may run beside
//! it.
#![cfg(unix)]

mod fault_support;

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use channel::{Channel, ConnectError, Options, ReadError, ReadExactError, WriteError};
use fault_support::{BOTH, LONG, Over, World, block_on, pattern_bytes};
use message_queue::{MessageQueue, ReceiveError, SendError};
use transport_testkit::Leaks;
use transport_testkit::fault::{Limits, Run, Strike, Summary, kth_fault};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// What one run may leave in tables, and the names of what was hit. A channel is more.
const SLACK: usize = 1024;

/// What is right for a peer that was lost, or for a carrier that fails. On a bare socket a writer
/// may hear that nobody reads before it hears why.
fn lost_write(error: WriteError) -> String {
    use WriteError::{Broken, PeerClosed, PeerLost};
    assert!(
        matches!(error, PeerLost(_) | Broken(_) | PeerClosed),
        "a write says {error:?}"
    );
    error.to_string()
}

fn lost_read(error: ReadError) -> String {
    assert!(
        matches!(error, ReadError::PeerLost(_) | ReadError::Broken(_)),
        "a read says {error:?}"
    );
    error.to_string()
}

fn lost_exact(error: ReadExactError) -> String {
    lost_read(error.error.expect("a short orderly end"))
}

fn lost_connect(error: ConnectError) -> String {
    match error {
        ConnectError::Lost { .. } | ConnectError::Dial { .. } => error.to_string(),
        // The acceptor was hit, and its broker closed.
        ConnectError::Closed { .. } | ConnectError::NoSuchBroker { .. } => error.to_string(),
        wrong => panic!("a connect says {wrong:?}"),
    }
}

/// Both sides of a scenario; when the client is through, nobody else comes.
fn both_sides(
    world: World,
    server: impl FnOnce(Channel) -> Result<(), String> + Send + 'static,
    client: impl FnOnce(Channel) -> Result<(), String>,
) -> Result<(), String> {
    let broker = world.server.clone();
    let serving = thread::spawn(move || {
        let result = match broker.accept(1) {
            Ok(channel) => server(channel),
            Err(closed) => Err(closed.to_string()),
        };
        // Inside a domain, a connector whose acceptor was lost before it had its channel is back in
        // the line, and nobody else will accept.
        if result.is_err() {
            broker.close();
        }
        result
    });
    let ours = match world.client.connect_at(&world.at(&[]), 1, Some(LONG)) {
        Ok(channel) => client(channel),
        Err(error) => {
            // The other side may wait for what this one holds.
            drop(client);
            Err(lost_connect(error))
        }
    };
    // An acceptor that waits for a connection that did not come about.
    if ours.is_err() {
        world.server.close();
    }
    let theirs = serving.join().expect("the server's side is right");
    ours.and(theirs)
}

fn small() -> Options {
    Options::new().with_capacity(64)
}

/// Some bytes there and back, more than fits, and an orderly end of both.
fn echo(over: Over, run: &Run) -> Result<(), String> {
    const LENGTH: usize = 100;
    let world = World::with(over, run.plan(), &small());
    let server = |mut channel: Channel| {
        let mut got = Vec::new();
        loop {
            let lent = channel.reader_mut().fill_buf().map_err(lost_read)?.to_vec();
            if lent.is_empty() {
                assert_eq!(got.len(), LENGTH, "a short orderly end");
                break;
            }
            channel.reader_mut().consume(lent.len());
            channel
                .write_all(&lent)
                .map_err(|error| lost_write(error.error))?;
            got.extend(lent);
        }
        assert_eq!(got, pattern_bytes(0, LENGTH));
        channel.disconnect();
        Ok(())
    };
    let client = |channel: Channel| {
        let (mut reader, mut writer) = channel.split();
        let writing = thread::spawn(move || {
            writer
                .write_all(&pattern_bytes(0, LENGTH))
                .map_err(|error| lost_write(error.error))?;
            writer.flush().map_err(lost_write)?;
            writer.finish().map_err(lost_write)
        });
        let mut got = [0; LENGTH];
        let read = reader
            .read_exact(&mut got)
            .map_err(lost_exact)
            .and_then(|()| reader.read(&mut [0]).map_err(lost_read));
        let wrote = writing.join().expect("the writing is right");
        assert_eq!(read?, 0, "more than was sent");
        assert_eq!(got[..], pattern_bytes(0, LENGTH));
        reader.handle().disconnect();
        wrote
    };
    both_sides(world, server, client)
}

/// Blocking calls and poll functions; both sides keep their halves until the other one is through: what tells it of the
/// loss is the cut itself.
fn kept(over: Over, run: &Run) -> Result<(), String> {
    /// Says that this side is through, and waits until the other one is, or never was there.
    struct Both(mpsc::Sender<()>, mpsc::Receiver<()>);
    impl Drop for Both {
        fn drop(&mut self) {
            let _ = self.0.send(());
            let _ = self.1.recv();
        }
    }
    let (to_client, from_server) = mpsc::channel();
    let (to_server, from_client) = mpsc::channel();
    let world = World::with(over, run.plan(), &small());
    let turn = |channel: &mut Channel, first: bool| -> Result<(), String> {
        for part in 0..4 {
            // The first two blocking, the others by poll functions.
            if first == (part % 2 == 0) {
                match part < 2 {
                    true => channel.write(b"x").map_err(lost_write)?,
                    false => block_on(channel.write_async(b"x")).map_err(lost_write)?,
                };
                match part < 2 {
                    true => channel.writer_mut().flush().map_err(lost_write)?,
                    false => block_on(channel.writer_mut().flush_async()).map_err(lost_write)?,
                }
            } else {
                let n = match part < 2 {
                    true => channel.read(&mut [0]).map_err(lost_read)?,
                    false => block_on(channel.read_async(&mut [0])).map_err(lost_read)?,
                };
                assert_eq!(n, 1, "a short orderly end");
            }
        }
        Ok(())
    };
    let broker = world.server.clone();
    // Dropped in the order: first through with the other side, then the channel.
    let side = move |channel: Channel, both: Both, first: bool| {
        let mut channel = channel;
        let result = turn(&mut channel, first);
        if result.is_err() {
            // As in `both_sides`, and before this side waits.
            broker.close();
        }
        drop(both);
        result
    };
    let aside = side.clone();
    let server = move |channel| aside(channel, Both(to_client, from_client), false);
    let client = move |channel| side(channel, Both(to_server, from_server), true);
    both_sides(world, server, client)
}

/// Whoever is hit on the way to a meeting tries again, and the acceptor serves whoever comes next.
fn rendezvous(over: Over, run: &Run) -> Result<(), String> {
    let world = World::new(over, run.plan());
    let broker = world.server.clone();
    let serving = thread::spawn(move || {
        // Until the broker is closed.
        while let Ok(mut channel) = broker.accept(1) {
            let mut byte = [0];
            let answered = match channel.read(&mut byte) {
                Ok(1) => channel.write(&byte).map(drop).map_err(lost_write),
                Ok(_) => Err("left".to_owned()),
                Err(error) => Err(lost_read(error)),
            };
            drop(answered);
        }
    });
    let meet = || -> Result<(), String> {
        let connected = world.client.connect_at(&world.at(&[]), 1, Some(LONG));
        let mut channel = connected.map_err(lost_connect)?;
        channel.write(b"x").map_err(lost_write)?;
        let mut byte = [0];
        let n = channel.read(&mut byte).map_err(lost_read)?;
        assert_eq!((n, &byte), (1, b"x"));
        Ok(())
    };
    let first = meet();
    if first.is_err() {
        meet().expect("the next one is healthy");
    }
    world.server.close();
    serving.join().expect("the server's side is right");
    first
}

fn lost_send(error: SendError) -> String {
    use SendError::{Broken, PeerClosed, PeerLost};
    assert!(
        matches!(error, PeerLost(_) | Broken(_) | PeerClosed),
        "a send says {error:?}"
    );
    error.to_string()
}

fn lost_receive(queue: &MessageQueue, error: ReceiveError) -> String {
    let error = match error {
        // It says how much of it came; how it ended says the next call.
        ReceiveError::Truncated(_) => queue.receive().expect_err("a message behind the end"),
        other => other,
    };
    assert!(
        matches!(error, ReceiveError::PeerLost(_) | ReceiveError::Broken(_)),
        "a receive says {error:?}"
    );
    error.to_string()
}

/// Messages there and back, also empty ones and larger than fits: each arrives whole or not at all.
fn messages(over: Over, run: &Run) -> Result<(), String> {
    const LENGTHS: [usize; 4] = [0, 1, 100, 30];
    let message = |n: usize| pattern_bytes(n as u64, LENGTHS[n]);
    let world = World::with(over, run.plan(), &small());
    let server = move |channel: Channel| {
        let queue = MessageQueue::new(channel);
        for n in 0.. {
            match queue.receive() {
                Ok(got) => {
                    assert_eq!(got, message(n));
                    queue.send(&got).map_err(lost_send)?;
                }
                Err(ReceiveError::PeerClosed) => {
                    assert_eq!(n, LENGTHS.len(), "a short orderly end");
                    break;
                }
                Err(error) => return Err(lost_receive(&queue, error)),
            }
        }
        queue.close_timeout(LONG);
        Ok(())
    };
    let client = move |channel: Channel| {
        let queue = Arc::new(MessageQueue::new(channel));
        let sending = thread::spawn({
            let queue = queue.clone();
            move || {
                for n in 0..LENGTHS.len() {
                    queue.send(&message(n)).map_err(lost_send)?;
                }
                queue.finish().map_err(lost_send)
            }
        });
        let receiving = || -> Result<(), String> {
            for n in 0..LENGTHS.len() {
                let got = queue.receive();
                let got = got.map_err(|error| lost_receive(&queue, error))?;
                assert_eq!(got, message(n));
            }
            match queue.receive() {
                Err(ReceiveError::PeerClosed) => Ok(()),
                Ok(more) => panic!("{} bytes more than were sent", more.len()),
                Err(error) => Err(lost_receive(&queue, error)),
            }
        };
        let received = receiving();
        let sent = sending.join().expect("the sending is right");
        queue.close_timeout(LONG);
        received.and(sent)
    };
    both_sides(world, server, client)
}

fn report(what: &str, over: Over, strike: Strike, summary: Summary) {
    println!("{what} over {over:?}, {strike:?}: {summary}");
    // Each call of a stretch in which everything is still needed.
    assert!(summary.failed >= 4, "{what}: {summary}");
}

type Scenario = fn(Over, &Run) -> Result<(), String>;

// shows T7, C6, B3, M7: a fault at every place ends in the right error or is survived.
#[test]
fn every_kth_call_may_fail() {
    let scenarios: [(&str, Scenario); 4] = [
        ("echo", echo),
        ("kept", kept),
        ("rendezvous", rendezvous),
        ("messages", messages),
    ];
    for (what, scenario) in scenarios {
        for over in BOTH {
            for strike in [Strike::Cut, Strike::Error(io::ErrorKind::Other)] {
                let start = std::time::Instant::now();
                let mut limits = Limits::default().strike(strike);
                limits.leaks = || Leaks::with_memory(|| ALLOCATOR.current_usage(), SLACK);
                let summary = kth_fault(&limits, move |run| scenario(over, run));
                println!("{:?}", start.elapsed());
                report(what, over, strike, summary);
            }
        }
    }
}
