//! Ours, the host's end: dials the gadget's broker, and has the clock.

use super::bare;
use super::orders::now;
use super::work::{self, ECHO, GADGETS, HOLD, Header, POUR, STREAM, WARM};
use crate::measure::{Sample, Watch};
use channel::{Broker, Channel, Domain, Endpoint, Handle, Options, ReadError};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use transport_usb::Usb;

/// Nothing takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A broker that dials through the cable.
#[derive(Clone)]
pub struct Client {
    broker: Broker,
    to: Endpoint,
}

impl Client {
    /// One of that gadget, in a domain of its own. The device is opened by the first dial, and closed a moment after the last channel
    /// is gone.
    pub fn of(gadget: usize) -> Self {
        let (name, capacity) = GADGETS[gadget];
        let domain = Domain::new();
        domain.add(Usb::new());
        let options = Options::new().with_capacity(capacity);
        let broker = domain.broker_with("host", options).expect("a new domain");
        let to = format!("usb:///{name}?serial={name}");
        let to = to.parse().expect("an endpoint");
        Self { broker, to }
    }

    /// A channel to what the server does at that port.
    pub fn connect(&self, port: u16) -> Channel {
        let connected = self.broker.connect_at(&self.to, port, Some(LIMIT));
        connected.unwrap_or_else(|error| panic!("{}: {error}", self.to))
    }

    /// Asks and awaits the answer so many times.
    pub fn ask(&self, times: u64) -> Sample {
        let mut channel = self.connect(ECHO);
        for question in 0..times.min(bare::WARM) {
            trip(&mut channel, question);
        }
        let watch = Watch::start();
        for question in 0..times {
            trip(&mut channel, question);
        }
        sample(watch)
    }

    /// Streams so many bytes each way in writes of `size` bytes.
    pub fn stream(&self, size: u64, to_device: u64, to_host: u64) -> Sample {
        let header = Header {
            number: 0,
            size,
            to_device,
            to_host,
        };
        let (mut reader, mut writer) = self.connect(STREAM).split();
        header.send(&mut writer);
        work::send(&mut writer, &header, to_device.min(WARM));
        work::receive(&mut reader, &header, to_host.min(WARM));
        let mut said = [0; 8];
        Read::read_exact(&mut reader, &mut said).expect("it is ready");
        let watch = Watch::start();
        if to_device > 0 && to_host > 0 {
            let writing = thread::spawn(move || {
                work::send(&mut writer, &header, to_device);
                writer
            });
            work::receive(&mut reader, &header, to_host);
            writer = writing.join().expect("the writing thread");
        } else {
            work::send(&mut writer, &header, to_device);
            work::receive(&mut reader, &header, to_host);
        }
        Read::read_exact(&mut reader, &mut said).expect("it has all");
        let sample = sample(watch);
        drop(writer);
        sample
    }

    /// A channel whose end is told by the server, and by this: at what moment, and whether it was a loss. With bytes on
    /// their way both ways, if that is wanted.
    pub fn hold(&self, busy: bool) -> JoinHandle<(u64, bool)> {
        let size = 64 * 1024;
        let header = Header {
            size,
            to_host: u64::from(busy),
            ..Header::default()
        };
        let (mut reader, mut writer) = self.connect(HOLD).split();
        header.send(&mut writer);
        thread::spawn(move || {
            let mut buffer = vec![0; size as usize];
            let block = buffer.clone();
            let writing = thread::spawn(move || {
                while busy && writer.write_all(&block).is_ok() {}
                writer
            });
            let lost = loop {
                match reader.read(&mut buffer) {
                    Ok(0) => break false,
                    Ok(_) => {}
                    Err(ReadError::PeerLost(_)) => break true,
                    Err(ReadError::Disconnected) => break false,
                    Err(other) => panic!("{other}"),
                }
            };
            let moment = now();
            drop(writing.join().expect("the writing thread"));
            (moment, lost)
        })
    }

    /// So many channels that stream at the same time, one way.
    pub fn crowd(&self, channels: usize, size: u64, to_host: bool) -> Crowd {
        let over = Arc::new(AtomicBool::new(false));
        let mut crowd = Crowd {
            counts: Vec::new(),
            handles: Vec::new(),
            threads: Vec::new(),
            over,
        };
        for number in 0..channels as u64 {
            let channel = self.connect(POUR);
            let header = Header {
                number,
                size,
                to_device: u64::from(!to_host),
                to_host: u64::from(to_host),
            };
            crowd.add(channel, header);
        }
        crowd
    }
}

/// One question and its answer.
pub fn trip(channel: &mut Channel, number: u64) {
    let mut message = [0; 64];
    message[..8].copy_from_slice(&number.to_le_bytes());
    channel
        .write_all(&message)
        .expect("the cable is plugged in");
    let mut answer = [0; 64];
    Read::read_exact(channel, &mut answer).expect("the cable is plugged in");
    assert_eq!(answer, message, "another answer");
}

fn sample(watch: Watch) -> Sample {
    // Its threads sleep as part of their work.
    Sample {
        share: 1.0,
        ..watch.stop()
    }
}

/// Channels that stream until they are dropped.
pub struct Crowd {
    /// What each has received here.
    counts: Vec<Arc<AtomicU64>>,
    handles: Vec<Handle>,
    threads: Vec<JoinHandle<()>>,
    over: Arc<AtomicBool>,
}

impl Crowd {
    fn add(&mut self, channel: Channel, header: Header) {
        self.handles.push(channel.handle());
        let count = Arc::new(AtomicU64::new(0));
        self.counts.push(Arc::clone(&count));
        let over = Arc::clone(&self.over);
        let mut channel = channel;
        header.send(channel.writer_mut());
        self.threads.push(thread::spawn(move || {
            let mut block = vec![0; header.size as usize];
            while !over.load(Ordering::Relaxed) {
                if header.to_host == 0 {
                    let _ = channel.write_all(&block);
                } else if let Ok(n) = channel.read(&mut block) {
                    count.fetch_add(n as u64, Ordering::Relaxed);
                }
            }
        }));
    }

    /// How many bytes each has received here.
    pub fn counts(&self) -> Vec<u64> {
        let load = |count: &Arc<AtomicU64>| count.load(Ordering::Relaxed);
        self.counts.iter().map(load).collect()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for handle in &self.handles {
            handle.disconnect();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
