//! Links that lend their buffers keep what others keep.
#![cfg(unix)]

mod support;

use std::os::unix::net::UnixStream;
use std::thread;

use support::cable::{Make, OverCables};
use support::lender::Lender;
use support::{LIMIT, at, domain, meet};
use transport_link::{Descriptor, MIN_TRANSMIT, NoiseConfig, Once, Settings};
use transport_testkit::Suite;

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// What the way of the bytes between the link and the driver could make a difference to.
const PROMISES: [&str; 7] = ["C1", "C2", "C6", "C8", "C9", "M3", "M7"];

// shows T7: with room for a small part of a frame.
#[test]
fn the_suite_passes_over_links_that_lend() {
    let subject = OverCables {
        make: Make::Lent,
        live_memory: || ALLOCATOR.current_usage(),
    };
    let report = Suite::new(subject).only(PROMISES).jobs(4).run();
    println!("{report}");
    report.assert_passed();
}

/// Bytes both ways through one channel, or one bare stream.
fn carries(settings: &Settings, bytes: usize, scheme: &str) {
    let (near, far) = UnixStream::pair().unwrap();
    let broker = |end, name| {
        let link = Lender::new(Descriptor::new(end).unwrap(), bytes);
        domain(settings.clone(), Once::new(link))
            .broker(name)
            .unwrap()
    };
    let (server, client) = (broker(near, "server"), broker(far, "client"));
    let target = at(&format!("{scheme}://cable"));
    let (ours, theirs) = match scheme {
        "link" => {
            server.listen(&target).unwrap();
            meet(&server, &client, 7)
        }
        _ => {
            server
                .listen(&target.clone().with_option("port", "7").unwrap())
                .unwrap();
            let theirs = client.connect_at(&target, 7, Some(LIMIT)).unwrap();
            (server.accept_timeout(7, LIMIT).unwrap(), theirs)
        }
    };
    thread::scope(|scope| {
        for channel in [ours, theirs] {
            let (mut reader, mut writer) = channel.split();
            let byte = |i: usize| (i * 3 + i / 251) as u8;
            scope.spawn(move || {
                let all: Vec<u8> = (0..BYTES).map(byte).collect();
                writer.write_all_timeout(&all, LIMIT).unwrap();
                // The end, with the drop.
            });
            scope.spawn(move || {
                let (mut got, mut into) = (Vec::new(), [0; 5000]);
                while let n @ 1.. = reader.read_timeout(&mut into, LIMIT).unwrap() {
                    got.extend_from_slice(&into[..n]);
                }
                assert_eq!(got.len(), BYTES);
                assert!(got.iter().enumerate().all(|(i, &b)| b == byte(i)));
            });
        }
    });
}

const BYTES: usize = 300_000;

// shows C1, T5, T6: whatever is lent, and whatever is made of it: channels, packets that are checked, or a bare stream.
#[test]
fn bytes_arrive_whatever_is_lent() {
    let noise = Settings {
        noise: Some(NoiseConfig::for_baud(10_000_000)),
        ..Settings::default()
    };
    for bytes in [MIN_TRANSMIT, 1000, 100_000] {
        for small in [1, Settings::default().chunk] {
            let chunk = |settings: &Settings| Settings {
                chunk: small,
                ..settings.clone()
            };
            carries(&chunk(&Settings::default()), bytes, "link");
            carries(&chunk(&noise), bytes, "link");
            carries(&chunk(&Settings::default()), bytes, "link+plain");
        }
    }
}
