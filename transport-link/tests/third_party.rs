//! A link by a third party, in some thirty lines and without a descriptor: memory, and wakers. It damages bytes if it
//! is told to; then the noise layer makes that good.
#![cfg(unix)]

mod support;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use support::{LIMIT, at, domain, meet};
use transport_link::{Link, NoiseConfig, Once, Settings};

/// One direction: at most 4 KiB are on their way.
#[derive(Default)]
struct Wire {
    bytes: VecDeque<u8>,
    wakers: Vec<Waker>,
    carried: usize,
}

/// One end. Every so many bytes, one is damaged.
struct Memory {
    inbound: Arc<Mutex<Wire>>,
    outbound: Arc<Mutex<Wire>>,
    damage: usize,
}

impl Link for Memory {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut wire = self.inbound.lock().unwrap();
        let n = wire.bytes.len().min(into.len());
        if n == 0 {
            wire.wakers.push(cx.waker().clone());
            return Poll::Pending;
        }
        into.iter_mut()
            .zip(wire.bytes.drain(..n))
            .for_each(|(to, byte)| *to = byte);
        wire.wakers.drain(..).for_each(Waker::wake);
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let mut wire = self.outbound.lock().unwrap();
        let n = from.len().min(4096 - wire.bytes.len());
        if n == 0 {
            wire.wakers.push(cx.waker().clone());
            return Poll::Pending;
        }
        for &byte in &from[..n] {
            wire.carried += 1;
            let damaged = self.damage > 0 && wire.carried.is_multiple_of(self.damage);
            wire.bytes
                .push_back(if damaged { byte ^ 0x10 } else { byte });
        }
        wire.wakers.drain(..).for_each(Waker::wake);
        Poll::Ready(Ok(n))
    }
}

fn ends(damage: usize) -> (Memory, Memory) {
    let wires = [(); 2].map(|()| Arc::<Mutex<Wire>>::default());
    let end = |inbound: usize, outbound: usize| Memory {
        inbound: wires[inbound].clone(),
        outbound: wires[outbound].clone(),
        damage,
    };
    (end(0, 1), end(1, 0))
}

fn carries(settings: Settings, damage: usize, length: usize) {
    let (near, far) = ends(damage);
    let server = domain(settings.clone(), Once::new(near))
        .broker("server")
        .unwrap();
    let client = domain(settings, Once::new(far)).broker("client").unwrap();
    server.listen(&at("link://cable")).unwrap();
    let threads: Vec<_> = (0..3_u16)
        .map(|port| {
            let (mut ours, mut theirs) = meet(&server, &client, port);
            thread::spawn(move || {
                let all: Vec<u8> = (0..length).map(|i| (i * 3 + i / 251) as u8).collect();
                let sent = all.clone();
                let writing = thread::spawn(move || {
                    theirs.write_all_timeout(&sent, LIMIT).unwrap();
                    theirs.close_timeout(LIMIT)
                });
                let mut got = vec![0; length];
                ours.read_exact_timeout(&mut got, LIMIT).unwrap();
                assert!(got == all, "other bytes came");
                assert_eq!(ours.read_timeout(&mut [0; 1], LIMIT).unwrap(), 0);
                assert_eq!(writing.join().unwrap(), channel::Receipt::Complete);
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

// shows T7: a link takes a third party thirty lines.
#[test]
fn a_link_of_a_third_party() {
    carries(Settings::default(), 0, 1 << 20);
}

// shows T5: bytes that are damaged are sent again.
#[test]
fn a_link_that_damages_bytes() {
    let settings = Settings {
        noise: Some(NoiseConfig::for_baud(1_000_000)),
        chunk: 1024,
        ..Settings::default()
    };
    carries(settings, 3001, 50_000);
}
