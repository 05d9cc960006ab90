//! Ours, the gadget's end: a broker behind the cable, and what it does with channels.

use super::orders::{now, tell};
use super::work::{self, ECHO, GADGETS, HOLD, Header, MANY, POUR, STREAM, WARM};
use channel::{Bound, Broker, Channel, Domain, Endpoint, Options};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use transport_usb::UsbGadget;

/// Bytes that were received by each of many channels.
type Counts = Arc<[AtomicU64; MANY]>;

/// A broker that listens as a gadget, until the process ends.
pub struct Server {
    counts: Counts,
    _bound: Bound,
}

impl Server {
    /// Listens as one of our gadgets, at that device controller.
    pub fn listen(gadget: usize, controller: &str) -> Self {
        let (name, capacity) = GADGETS[gadget];
        let domain = Domain::new();
        domain.add(UsbGadget::new());
        let options = Options::new().with_capacity(capacity);
        let broker = domain.broker_with(name, options).expect("a new domain");
        let at = format!("usb-gadget://{name}/{name}?serial={name}&udc={controller}");
        let at: Endpoint = at.parse().expect("an endpoint");
        let bound = broker.listen(&at).expect("the controller is free");
        let counts: Counts = Arc::new([const { AtomicU64::new(0) }; MANY]);
        for (port, serve) in [
            (ECHO, echo as fn(Channel, Counts)),
            (STREAM, stream),
            (POUR, pour),
            (HOLD, hold),
        ] {
            let (broker, counts) = (broker.clone(), Arc::clone(&counts));
            thread::spawn(move || accept(&broker, port, serve, &counts));
        }
        Self {
            counts,
            _bound: bound,
        }
    }

    /// How many bytes each of the many channels has received so far.
    pub fn counts(&self) -> Vec<u64> {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        self.counts.iter().map(load).collect()
    }
}

fn accept(broker: &Broker, port: u16, serve: fn(Channel, Counts), counts: &Counts) {
    while let Ok(channel) = broker.accept(port) {
        let counts = Arc::clone(counts);
        thread::spawn(move || serve(channel, counts));
    }
}

/// Sends back what comes.
fn echo(mut channel: Channel, _counts: Counts) {
    let mut message = [0; 64];
    while Read::read_exact(&mut channel, &mut message).is_ok() {
        if channel.write_all(&message).is_err() {
            return;
        }
    }
}

/// Streams what it is asked for, and says how much it has received.
fn stream(channel: Channel, _counts: Counts) {
    let (mut reader, mut writer) = channel.split();
    let Some(header) = Header::receive(&mut reader) else {
        return;
    };
    work::receive(&mut reader, &header, header.to_device.min(WARM));
    work::send(&mut writer, &header, header.to_host.min(WARM));
    // The other end starts its clock.
    writer.write_all(&[0; 8]).expect("the cable is plugged in");
    if header.to_device > 0 && header.to_host > 0 {
        let reading = thread::spawn(move || work::receive(&mut reader, &header, header.to_device));
        work::send(&mut writer, &header, header.to_host);
        reading.join().expect("the reading thread");
    } else {
        work::send(&mut writer, &header, header.to_host);
        work::receive(&mut reader, &header, header.to_device);
    }
    writer.write_all(&[0; 8]).expect("the cable is plugged in");
}

/// One of many channels: receives and counts, or sends, until the other end disconnects.
fn pour(channel: Channel, counts: Counts) {
    let (mut reader, mut writer) = channel.split();
    let Some(header) = Header::receive(&mut reader) else {
        return;
    };
    let block = vec![0; header.size as usize];
    if header.to_host > 0 {
        while writer.write_all(&block).is_ok() {}
        return;
    }
    let mut buffer = block;
    let count = &counts[header.number as usize];
    while let Ok(n @ 1..) = reader.read(&mut buffer) {
        count.fetch_add(n as u64, Ordering::Relaxed);
    }
}

/// Waits for what happens to the channel; with bytes on their way both ways, if that is wanted.
fn hold(channel: Channel, _counts: Counts) {
    let (mut reader, writer) = channel.split();
    let Some(header) = Header::receive(&mut reader) else {
        return;
    };
    let mut buffer = vec![0; header.size as usize];
    let mut writer = Some(writer);
    if header.to_host > 0
        && let Some(mut writer) = writer.take()
    {
        let block = buffer.clone();
        thread::spawn(move || while writer.write_all(&block).is_ok() {});
    }
    let end = loop {
        match reader.read(&mut buffer) {
            Ok(0) => break "ended",
            Ok(_) => {}
            Err(channel::ReadError::PeerLost(_)) => break "lost",
            Err(other) => panic!("{other}"),
        }
    };
    tell(end, &[now()]);
    drop(writer);
}
