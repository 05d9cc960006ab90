//! A session that ends at the gadget while its cable stays plugged in; and one that begins while the gadget is not
//! through with the last one.

use std::thread;
use std::time::Duration;

use channel::{Broker, Channel, Options};

use crate::roles::{ECHO, serving};
use crate::support::cable::Cable;
use crate::support::lab::on_the_bus;
use crate::support::process::start;
use crate::support::raw::{self, PID, VID};
use crate::support::{LIMIT, broker, dial, eventually, exchange, pattern, until_lost};

const CABLE: Cable = Cable(0);

// The lab's time is virtual: how long something takes does not depend on how busy the machine is.

/// At once. A host that is told nothing misses its gadget after 5 s of silence, see [`Cable`].
const AT_ONCE: Duration = Duration::from_secs(1);

/// Sooner than a gadget that is not told of a session would try to open it, which is every 250 ms.
const SOON: Duration = Duration::from_millis(50);

/// Longer than a transfer takes, if anybody takes it.
const MOMENT: Duration = Duration::from_millis(500);

// shows T4: a host's program is told that the gadget is through with its session, and begins another one.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_session_that_the_gadget_gives_up() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        CABLE.wait_until_configured();
        let host = raw::host(0x1d6b, 0x0104);
        for round in 0..4 {
            // The gadget waits for the session, and greets. (The first one ends what it had opened when it was
            // configured, a moment ago; then it takes a breath.)
            let soon = if round == 0 { AT_ONCE } else { SOON };
            let greeting = host.read(64 * 1024, soon);
            assert!(greeting.is_ok(), "round {round}: {greeting:?}");
            // It greets again after a while: in some rounds, that is on its way when it gives up.
            if round % 2 == 1 {
                thread::sleep(MOMENT);
            }
            // A transfer of nothing but its number and length; and the same once more, so that others are missing.
            host.write(&[0; 8]);
            host.write(&[0; 8]);
            assert_eq!(told(&host), rusb::Error::Pipe, "round {round}");
            let written = host.try_write(b"more", AT_ONCE);
            assert_eq!(written, Err(rusb::Error::Pipe), "round {round}");
            host.handle.set_alternate_setting(0, 0).unwrap();
        }
        drop(host);
        exchange(&mut dial(&broker("client"), &CABLE.host(), ECHO), 1, 1000);
        gadget.end();
    });
}

/// What a host's program is told that reads on.
fn told(host: &raw::RawHost) -> rusb::Error {
    loop {
        if let Err(error) = host.read(64 * 1024, AT_ONCE) {
            return error;
        }
    }
}

/// The next channel of a bare stream that has something to read.
fn accepted(server: &Broker) -> Channel {
    loop {
        let mut channel = server.accept_timeout(7, LIMIT).unwrap();
        match channel.reader_mut().fill_buf_timeout(LIMIT) {
            Ok(_) => return channel,
            // The host had configured the gadget, and has begun a session after that.
            Err(error) => println!("before the session: {error}"),
        }
    }
}

// shows C6, T4, T6: the old stream has all of its bytes and no other, and the new one begins with its first.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_session_that_begins_before_the_last_one_is_read() {
    on_the_bus(|| {
        const PIECE: usize = 16 * 1024;
        let server = broker("server");
        let at = format!("usb-gadget+plain://raw/server?port=7&vid={VID:04x}&pid={PID:04x}");
        let at = format!("{at}&udc=dummy_udc.0&serial=raw");
        let bound = server.listen(&at.parse().unwrap()).unwrap();
        let host = raw::host(VID, PID);
        // Nobody reads: in the end the channel is full, and so are all buffers that the gadget has queued.
        let mut sent = 0;
        while host.try_write(&pattern(1, sent, PIECE), MOMENT) == Ok(PIECE) {
            sent += PIECE;
        }
        let mut channel = accepted(&server);
        let capacity = Options::new().capacity(None);
        let mut read = 0;
        let mut read_some = || {
            let mut some = vec![0; capacity];
            channel.read_exact_timeout(&mut some, LIMIT).unwrap();
            assert!(some == pattern(1, read, capacity));
            read += capacity;
            eventually("the channel is full again", || {
                channel.totals().unread == capacity as u64
            });
        };
        // The gadget takes note of all buffers, and passes some of them on.
        read_some();
        host.handle.set_alternate_setting(0, 0).unwrap();
        // It passes more of them on, and could queue those again.
        read_some();
        let taken = host.try_write(&pattern(2, 0, PIECE), MOMENT);
        assert_eq!(taken, Err(rusb::Error::Timeout), "by the old session");
        let got = until_lost(&mut channel, 1, read);
        assert!((sent..=sent + PIECE).contains(&got), "{got} of {sent}");
        thread::scope(|scope| {
            scope.spawn(|| host.write(&pattern(2, 0, 5 * PIECE)));
            let mut got = vec![0; 5 * PIECE];
            let mut next = accepted(&server);
            next.read_exact_timeout(&mut got, LIMIT).unwrap();
            assert!(got == pattern(2, 0, 5 * PIECE));
        });
        drop(channel);
        bound.close();
        drop((host, server));
    });
}
