//! Many connections: none is lost, and nothing is left behind. One test at a time, as they count what the
//! process holds.

mod support;

use std::sync::{Arc, Barrier};
use std::thread;

use support::{LIMIT, client, listen, meet, talk};
use transport_testkit::Leaks;

const MANY: usize = 1000;

#[test]
fn many() {
    a_burst_loses_none();
    cycles_leave_nothing_behind();
}

// shows T3: the backlog takes what comes at once.
fn a_burst_loses_none() {
    let (server, at) = listen("tcp://127.0.0.1:0/server");
    const THREADS: usize = 8;
    let start = Arc::new(Barrier::new(THREADS));
    let connecting: Vec<_> = (0..THREADS)
        .map(|_| {
            let (at, start) = (at.clone(), start.clone());
            thread::spawn(move || {
                let client = client();
                let dials: Vec<_> = (0..MANY / THREADS)
                    .map(|_| client.connect_at_async(&at, 7))
                    .collect();
                start.wait();
                // All at once: they are polled by turns.
                futures_lite::future::block_on(async {
                    let mut channels = Vec::new();
                    let mut dials: Vec<_> = dials.into_iter().map(Box::pin).collect();
                    std::future::poll_fn(|cx| {
                        dials.retain_mut(|dial| match dial.as_mut().poll(cx) {
                            std::task::Poll::Ready(channel) => {
                                channels.push(channel.unwrap());
                                false
                            }
                            std::task::Poll::Pending => true,
                        });
                        match dials.is_empty() {
                            true => std::task::Poll::Ready(()),
                            false => std::task::Poll::Pending,
                        }
                    })
                    .await;
                    channels
                })
            })
        })
        .collect();
    let accepted: Vec<_> = (0..MANY)
        .map(|_| server.accept_timeout(7, LIMIT).unwrap())
        .collect();
    let connected: Vec<_> = connecting
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!((accepted.len(), connected.len()), (MANY, MANY));
    for mut channel in connected {
        channel.write_all(b"x").unwrap();
    }
    for mut channel in accepted {
        channel.read_exact_timeout(&mut [0], LIMIT).unwrap();
    }
}

fn cycles_leave_nothing_behind() {
    let (server, at) = listen("tcp://127.0.0.1:0/server");
    let cycle = |way: usize| {
        let (mut ours, mut theirs) = meet(&server, &at, 7);
        talk(&mut ours, &mut theirs);
        match way % 3 {
            0 => drop((ours, theirs)),
            1 => {
                theirs.write_all(b"unread").unwrap();
                ours.disconnect();
                drop(theirs);
            }
            _ => {
                ours.handle().abort();
                drop((theirs, ours));
            }
        }
    };
    // What is made once, and kept on purpose, is made here.
    (0..6).for_each(cycle);
    let before = Leaks::snapshot();
    (0..MANY).for_each(cycle);
    before.check_within(LIMIT).unwrap();
}
