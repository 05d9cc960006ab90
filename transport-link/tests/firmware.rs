//! A device without std at the other end of a link: the firmware of `link-mux`'s example, and a program that
//! uses `channel`. What the two have in common is the wire alone.
#![cfg(unix)]

extern crate alloc;

#[path = "../../link-mux/examples/firmware/echo.rs"]
mod echo;

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use channel::transport::Receipt;
use channel::{Broker, ConnectError, Domain, Endpoint};
use transport_link::{Descriptor, LinkTransport, NoiseConfig, Once, PlaceError, Settings};

use echo::Echo;

/// Generous: machines are busy.
const LIMIT: Option<Duration> = Some(Duration::from_secs(60));

/// The main loop of the device, until its line is pulled out. Every so many bytes, one is damaged on the line, each way.
fn device(mut line: UnixStream, noise: Option<NoiseConfig>, damaged: usize) {
    let start = Instant::now();
    let mut echo = Echo::new(noise, 0x0D0E_0F10);
    let mut buf = [0; 1024];
    let mut counts = [0; 2];
    echo.link_up(start.elapsed());
    loop {
        loop {
            let n = echo.transmit(start.elapsed(), &mut buf);
            if n == 0 {
                break;
            }
            damage(&mut buf[..n], &mut counts[0], damaged);
            if line.write_all(&buf[..n]).is_err() {
                return;
            }
        }
        // A device would sleep until its line or its timer wakes it.
        let sleep = echo.deadline().map(|at| {
            let left = at.saturating_sub(start.elapsed());
            left.max(Duration::from_millis(1))
        });
        line.set_read_timeout(sleep).unwrap();
        match line.read(&mut buf) {
            Ok(0) => return,
            Ok(n) => {
                damage(&mut buf[..n], &mut counts[1], damaged);
                echo.receive(start.elapsed(), &buf[..n]);
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) => panic!("{e}"),
        }
    }
}

fn damage(bytes: &mut [u8], count: &mut usize, every: usize) {
    for byte in bytes {
        *count += 1;
        if every > 0 && count.is_multiple_of(every) {
            *byte ^= 0x10;
        }
    }
}

/// A device, and a broker that reaches it at the endpoint.
fn plugged_in(noise: Option<NoiseConfig>, damaged: usize) -> (Broker, Endpoint, JoinHandle<()>) {
    let (near, far) = UnixStream::pair().unwrap();
    let settings = Settings {
        noise: noise.clone(),
        ..Settings::default()
    };
    let device = thread::spawn(move || device(far, noise, damaged));
    let links = LinkTransport::new(["link"], |at| {
        Err(PlaceError::Unsupported(format!("no such link: {at}")))
    });
    links.add(
        "device",
        settings,
        Once::new(Descriptor::new(near).unwrap()),
    );
    let domain = Domain::new();
    domain.add(links);
    let broker = domain.broker("program").unwrap();
    (broker, "link://device/echo".parse().unwrap(), device)
}

/// The formal test, on several channels at once.
fn echoes(broker: &Broker, at: &Endpoint) {
    let mut channels: Vec<_> = (0..8)
        .map(|port| broker.connect_at(at, port, LIMIT).unwrap())
        .collect();
    for channel in &mut channels {
        for number in 0..=255 {
            channel.write_all(&[number]).unwrap();
        }
    }
    for channel in &mut channels {
        let mut back = [0; 256];
        channel.read_exact(&mut back).unwrap();
        assert!(back.iter().copied().eq(0..=255), "{back:?}");
    }
    for channel in channels {
        let receipt = channel.close_timeout(LIMIT.unwrap());
        assert_eq!(receipt, Receipt::Complete);
    }
}

// shows E1, C1, C9: a device whose program is not ours but for the wire.
#[test]
fn a_device_without_std_echoes() {
    let (broker, at, device) = plugged_in(None, 0);
    echoes(&broker, &at);
    drop(broker);
    device.join().unwrap();
}

// shows T5: the same over a line that damages every 200th byte.
#[test]
fn a_device_at_a_bad_line_echoes() {
    // Short packets: of long ones, none would pass.
    let noise = NoiseConfig {
        payload: 64,
        patience: Duration::from_secs(30),
        ..NoiseConfig::for_baud(115_200)
    };
    let (broker, at, device) = plugged_in(Some(noise), 200);
    echoes(&broker, &at);
    drop(broker);
    device.join().unwrap();
}

// shows B3: refused as elsewhere, and the link goes on serving others.
#[test]
fn a_device_refuses_whom_it_does_not_know() {
    let (broker, at, device) = plugged_in(None, 0);
    let nobody = "link://device/nobody".parse().unwrap();
    let refused = broker.connect_at(&nobody, 7, LIMIT);
    assert!(
        matches!(refused, Err(ConnectError::NoSuchBroker { .. })),
        "{refused:?}"
    );
    echoes(&broker, &at);
    drop(broker);
    device.join().unwrap();
}

// shows C6, C7: a program that is cut short leaves nothing behind in the device.
#[test]
fn channels_of_a_device_are_free_again() {
    let (broker, at, device) = plugged_in(None, 0);
    for round in 0..50 {
        let mut channel = broker.connect_at(&at, 7, LIMIT).unwrap();
        channel.write_all(&[round; 2000]).unwrap();
        match round % 3 {
            0 => channel.handle().abort(),
            1 => drop(channel),
            _ => {
                let mut back = [0; 100];
                channel.read_exact(&mut back).unwrap();
                assert_eq!(back, [round; 100]);
            }
        }
    }
    echoes(&broker, &at);
    drop(broker);
    device.join().unwrap();
}
