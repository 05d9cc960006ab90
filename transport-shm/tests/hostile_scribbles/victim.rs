//! This side of a channel to a scribbler.

use std::io;
use std::time::{Duration, Instant};

use channel::{Broker, Channel, Endpoint, ReadError, Reader, WriteError, Writer};
use futures_lite::future::block_on;

use crate::outcomes::{Half, Outcome};
use crate::support::thread::go;
use crate::support::{LIMIT, Rng, byte, say};
use transport_testkit::process::Process;

pub const PORT: u16 = 7;
/// What the victim receives into.
pub const DOWN: u32 = 1 << 16;

/// A limit that is often reached.
const SHORT: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// In calls that wait without a limit.
    Blocked,
    /// In calls of all forms.
    Streaming,
    /// As before, and it finishes, asks for receipts, and closes.
    Closing,
    /// In the rendezvous.
    Meeting,
}

impl Phase {
    /// That of a channel.
    pub fn of(number: u64) -> Phase {
        let all = [
            Phase::Blocked,
            Phase::Streaming,
            Phase::Closing,
            Phase::Meeting,
        ];
        // Each with all that hangs on the last bits.
        all[(number / 4 % 4) as usize]
    }
}

/// Whether the scribbler keeps its end of a channel until the victim has left.
pub fn is_kept(number: u64) -> bool {
    number % 4 < 2
}

pub struct Victim {
    pub broker: Broker,
    pub scribbler: Endpoint,
    pub seed: u64,
}

impl Victim {
    /// One channel; what became of its halves.
    pub fn bears(
        &self,
        number: u64,
        phase: Phase,
        scribbler: &mut Process,
        about: &str,
    ) -> Vec<Outcome> {
        if phase == Phase::Meeting {
            return vec![self.is_met(number, scribbler)];
        }
        let started = Instant::now();
        let channel = self.meet(number, LIMIT).unwrap();
        scribbler.say("go on");
        let handle = channel.handle();
        let (reader, writer) = channel.split();
        let rng = |part| Rng::new(self.seed ^ number, part);
        let (mut for_reader, mut for_writer, mut ours) = (rng(1), rng(2), rng(3));
        let reading = go(move || read(reader, number, phase, &mut for_reader));
        let writing = go(move || write(writer, phase, &mut for_writer));
        // What others look at meanwhile.
        let _ = (handle.totals(), handle.info(), handle.disconnected());
        let _ = handle.receipt_timeout(SHORT);
        assert_eq!(scribbler.hear(), "done");
        let closes = phase == Phase::Closing && ours.below(2) == 0;
        if closes {
            let asked = Instant::now();
            let _ = handle.close_timeout(SHORT);
            assert!(asked.elapsed() < LIMIT, "{about}");
        } else if is_kept(number) {
            handle.disconnect();
        }
        if started.elapsed() > LIMIT / 2 {
            say(&format!("slow: {about}"));
        }
        let outcomes = vec![
            reading.join(&format!("a read of {about}")),
            writing.join(&format!("a write of {about}")),
        ];
        let _ = (handle.totals(), handle.info());
        outcomes
    }

    fn meet(&self, number: u64, limit: Duration) -> Result<Channel, io::Error> {
        Ok(match number % 2 {
            0 => self.broker.accept_timeout(PORT, limit)?,
            _ => {
                let to = &self.scribbler;
                self.broker.connect_at(to, PORT, Some(limit))?
            }
        })
    }

    /// A rendezvous that is scribbled on, and that may end in any way, but ends.
    fn is_met(&self, number: u64, scribbler: &mut Process) -> Outcome {
        let half = match self.meet(number, SHORT * 10) {
            Ok(channel) => {
                drop(channel);
                Half::AsItShould
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Half::Broken,
            Err(_) => Half::AsItShould,
        };
        assert_eq!(scribbler.hear(), "done");
        Outcome::Meeting { half }
    }
}

fn read(mut reader: Reader, number: u64, phase: Phase, rng: &mut Rng) -> Outcome {
    let mut buf = vec![0; 1 << 17];
    let (mut at, mut wrong) = (0, false);
    loop {
        let form = match phase {
            Phase::Blocked => 0,
            _ => rng.below(4),
        };
        let most = rng.length(1 << 17) as usize;
        let result = match form {
            0 => reader.read(&mut buf[..most]),
            1 => reader.read_timeout(&mut buf[..most], SHORT),
            2 => block_on(reader.read_async(&mut buf[..most])),
            _ => reader.fill_buf_timeout(SHORT).map(|bytes| {
                let n = bytes.len().min(most);
                buf[..n].copy_from_slice(&bytes[..n]);
                n
            }),
        };
        if let (3, Ok(n)) = (form, &result) {
            reader.consume(*n);
        }
        let half = match result {
            Ok(0) => Half::Ended,
            Ok(n) => {
                wrong |= buf[..n]
                    .iter()
                    .zip(at..)
                    .any(|(&b, at)| b != byte(number, at));
                at += n as u64;
                continue;
            }
            Err(ReadError::TimedOut) => continue,
            Err(ReadError::PeerLost(_) | ReadError::Disconnected) => Half::AsItShould,
            Err(ReadError::Broken(_)) => Half::Broken,
            Err(error) => panic!("{error:?}"),
        };
        return Outcome::Reader { half, wrong };
    }
}

fn write(mut writer: Writer, phase: Phase, rng: &mut Rng) -> Outcome {
    let bytes = vec![7; 1 << 17];
    let half = loop {
        if phase == Phase::Closing && rng.below(20) == 0 {
            let _ = writer.finish();
        }
        let form = match phase {
            Phase::Blocked => 0,
            _ => rng.below(3),
        };
        let bytes = &bytes[..rng.length(1 << 17) as usize];
        let result = match form {
            0 => writer.write(bytes),
            1 => writer.write_timeout(bytes, SHORT),
            _ => block_on(writer.write_async(bytes)),
        };
        match result {
            Ok(_) | Err(WriteError::TimedOut) => {}
            Err(WriteError::PeerClosed) => break Half::Ended,
            Err(WriteError::PeerLost(_) | WriteError::Disconnected | WriteError::Finished) => {
                break Half::AsItShould;
            }
            Err(WriteError::Broken(_)) => break Half::Broken,
            Err(error) => panic!("{error:?}"),
        }
    };
    Outcome::Writer { half }
}
