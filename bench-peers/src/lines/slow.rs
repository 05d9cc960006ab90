//! A serial line at its pace.

use crate::measure::Watch;
use crate::rings::pattern;
use channel::{Broker, Domain, Endpoint};
use std::io::Read;
use std::num::NonZeroU32;
use std::time::Duration;
use transport_serial::Serial;
use transport_serial::line::{End, Line, LineConfig, Traffic};

/// What passed over a line.
pub struct Passed {
    /// Bytes of the application that arrived, each way that they were sent; every one was looked at.
    pub bytes: u64,
    /// From the first write to the last read.
    pub took: Duration,
    /// What the line had to carry for it, towards the reader and back.
    pub traffic: [Traffic; 2],
}

impl Passed {
    /// As a share of what the line carries.
    pub fn of_line(&self, baud: u32) -> f64 {
        self.bytes as f64 / (f64::from(baud) / 10.0 * self.took.as_secs_f64())
    }
}

const PORT: u16 = 7;

/// Sends so many bytes through a channel over a line of that rate, which damages one byte in `damage`; both ways at once if `both`.
pub fn pass(baud: u32, damage: Option<NonZeroU32>, both: bool, bytes: usize, seed: u64) -> Passed {
    let config = LineConfig {
        baud: NonZeroU32::new(baud),
        damage,
        seed,
        ..LineConfig::default()
    };
    let line = Line::open(config).expect("a line");
    let at = |end| -> Endpoint {
        let text = format!("serial://{}?baud={baud}", line.path(end).display());
        text.parse().expect("an endpoint")
    };
    let broker = |name: &str| -> Broker {
        let domain = Domain::new();
        domain.add(Serial::new());
        domain.broker(name).expect("a new domain")
    };
    let (server, client) = (broker("server"), broker("client"));
    let _bound = server.listen(&at(End::A)).expect("the device is there");
    let to = at(End::B);
    let connecting = std::thread::spawn(move || client.connect_at(&to, PORT, None));
    let accepted = server.accept(PORT).expect("the broker is open");
    let connected = connecting.join().expect("the connecting thread");
    let connected = connected.expect("the server listens");
    let before = [End::B, End::A].map(|end| line.traffic(end));
    let source = pattern(bytes);
    let watch = Watch::start();
    let (source, all) = (&source, &bytes);
    std::thread::scope(|scope| {
        let ends = [accepted.split(), connected.split()];
        for (i, (mut reader, mut writer)) in ends.into_iter().enumerate() {
            // The one that connected writes, the one that accepted reads.
            let (writes, reads) = (both || i == 1, both || i == 0);
            scope.spawn(move || {
                if writes {
                    writer.write_all(source).expect("the line holds");
                }
                writer.finish().expect("the line holds");
            });
            scope.spawn(move || {
                let mut got = Vec::new();
                reader.read_to_end(&mut got).expect("the line holds");
                let wanted = if reads { &source[..*all] } else { &[] };
                assert!(got == wanted, "not what was sent");
            });
        }
    });
    let took = watch.stop().elapsed;
    let after = [End::B, End::A].map(|end| line.traffic(end));
    let traffic = [0, 1].map(|i| Traffic {
        bytes: after[i].bytes - before[i].bytes,
        damaged: after[i].damaged - before[i].damaged,
        lost: after[i].lost - before[i].lost,
    });
    Passed {
        bytes: bytes as u64,
        took,
        traffic,
    }
}
