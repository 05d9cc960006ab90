//! Connects that do not wait to be accepted.

mod support;

use std::time::Duration;

use channel::transport::Receipt;
use channel::{Bound, Broker, Channel, Domain, Endpoint, Options, ReadError};
use support::place;
use transport_shm::Shm;

/// For whatever is sure to happen, on a machine however busy.
const LIMIT: Duration = Duration::from_secs(60);

struct Both {
    server: Broker,
    client: Broker,
    at: Endpoint,
    _bound: Bound,
}

fn both(capacity: usize) -> Both {
    let [here, there] = [Domain::new(), Domain::new()];
    for domain in [&here, &there] {
        domain.add(Shm::new());
    }
    let options = Options::new().with_capacity(capacity);
    let server = here.broker_with("server", options.clone()).unwrap();
    let at = place("server");
    let bound = server.listen(&at).unwrap();
    Both {
        server,
        client: there
            .broker_with("client", options.with_eager(true))
            .unwrap(),
        at,
        _bound: bound,
    }
}

impl Both {
    fn connect(&self) -> Channel {
        self.client.connect_at(&self.at, 7, Some(LIMIT)).unwrap()
    }
}

// shows B2, B7, C9: the bytes are there when somebody accepts, and are counted without the handshake.
#[test]
fn bytes_are_written_before_anybody_accepts() {
    let both = both(4096);
    let mut connected = both.connect();
    connected.write_all(b"question").unwrap();
    let mut accepted = both.server.accept_timeout(7, LIMIT).unwrap();
    let mut buf = [0; 8];
    accepted.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"question");
    accepted.write_all(b"answered").unwrap();
    connected.read_exact(&mut buf[..5]).unwrap();
    assert_eq!(&buf[..5], b"answe");
    let (theirs, ours) = (connected.handle(), accepted.handle());
    drop(connected);
    let partial = Receipt::Partial { read: 5, unread: 3 };
    assert_eq!(ours.close_timeout(LIMIT), partial);
    assert_eq!(theirs.receipt_timeout(LIMIT), Receipt::Complete);
    let (theirs, ours) = (theirs.totals(), ours.totals());
    assert_eq!((theirs.written, theirs.read), (8, 5));
    assert_eq!((ours.written, ours.read), (8, 8));
}

// shows B2: a connector that does not read before it has written is accepted all the same.
#[test]
fn the_answer_fits_into_a_buffer_however_small() {
    let both = both(1);
    let client = both.client.clone();
    let at = both.at.clone();
    let connecting = std::thread::spawn(move || client.connect_at(&at, 7, Some(LIMIT)).unwrap());
    let mut accepted = both.server.accept_timeout(7, LIMIT).unwrap();
    let mut connected = connecting.join().unwrap();
    let writing = std::thread::spawn(move || {
        connected.write_all(&[5; 100]).unwrap();
        connected
    });
    let mut buf = [0; 100];
    accepted.read_exact(&mut buf).unwrap();
    drop(accepted);
    assert_eq!(writing.join().unwrap().read(&mut buf).unwrap(), 0);
}

// shows C9: whoever refuses reads nothing of what came with the hello.
#[test]
fn what_was_sent_to_a_broker_that_refuses_was_not_read() {
    let both = both(4096);
    let elsewhere = format!("shm://{}/nobody", both.at.authority());
    let elsewhere = elsewhere.parse().unwrap();
    let mut connected = both.client.connect_at(&elsewhere, 7, Some(LIMIT)).unwrap();
    let written = connected.write(b"question").unwrap_or(0);
    let refusal = connected.read(&mut [0; 8]).unwrap_err();
    assert!(matches!(refusal, ReadError::Broken(_)), "{refusal}");
    assert!(refusal.to_string().contains("nobody"), "{refusal}");
    let written = written + connected.write(b"again").unwrap_or(0);
    let receipt = connected.handle().receipt_timeout(LIMIT);
    match receipt {
        Receipt::Complete => assert_eq!(written, 0),
        _ => assert_eq!(
            receipt,
            Receipt::Partial {
                read: 0,
                unread: written as u64
            }
        ),
    }
}
