//! Who comes first waits for the other: hosts for devices, devices for hosts.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use channel::{ConnectError, Endpoint};
use transport_usb::{Event, Watch};

use crate::roles::{ECHO, serving};
use crate::support::cable::Cable;
use crate::support::lab::on_the_bus;
use crate::support::process::{now, start};
use crate::support::table::Times;
use crate::support::{LIMIT, broker, dial, exchange};

const CABLE: Cable = Cable(0);

// shows T4
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn the_host_comes_first() {
    on_the_bus(|| {
        let client = broker("client");
        let waiting = thread::spawn({
            let client = client.clone();
            move || dial(&client, &CABLE.host(), ECHO)
        });
        // It has looked, and found nothing.
        let early = client.connect_at(&CABLE.host(), ECHO, Some(Duration::from_millis(600)));
        assert!(
            matches!(early, Err(ConnectError::TimedOut { .. })),
            "{early:?}"
        );
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        let mut channel = waiting.join().unwrap();
        exchange(&mut channel, 1, 10_000);
        gadget.hear("serves");
        drop(channel);
        gadget.end();
    });
}

// shows T4
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn the_gadget_comes_first() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        CABLE.pull();
        let client = broker("client");
        let limit = Duration::from_millis(600);
        let early = client.connect_at(&CABLE.host(), ECHO, Some(limit));
        assert!(
            matches!(early, Err(ConnectError::TimedOut { .. })),
            "{early:?}"
        );
        let mut times = Times::of("the plug of a gadget that waits: to the channel");
        let plugged = now();
        CABLE.plug();
        let mut channel = dial(&client, &CABLE.host(), ECHO);
        times.add_since(plugged);
        exchange(&mut channel, 1, 10_000);
        drop(channel);
        gadget.end();
    });
}

// shows T4, B3
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn an_absent_device() {
    on_the_bus(|| {
        let client = broker("client");
        for limit in [50, 700].map(Duration::from_millis) {
            let start = Instant::now();
            let error = client
                .connect_at(&CABLE.host(), 1, Some(limit))
                .unwrap_err();
            assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
            assert!(start.elapsed() >= limit, "{limit:?}: over too early");
        }
        let fails: Endpoint = format!("{}&absent=fail", CABLE.host()).parse().unwrap();
        let error = client.connect_at(&fails, 1, Some(LIMIT)).unwrap_err();
        println!("absent: {error}");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
        let why = error.to_string();
        assert!(why.contains(&CABLE.name()), "{why}");
        // Where it is there, it makes no difference.
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        CABLE.wait_until_configured();
        exchange(&mut dial(&client, &fails, ECHO), 1, 1000);
        gadget.end();
    });
}

/// The next event, and of which device.
#[track_caller]
fn next(watch: &mut Watch) -> (bool, String) {
    let event = watch.next(Some(LIMIT)).unwrap().expect("an event");
    println!("{event:?}");
    let text = format!("{event:?}");
    let cable = [Cable(0), Cable(1)].map(Cable::name);
    let name = cable.into_iter().find(|name| text.contains(name));
    (matches!(event, Event::Arrived(_)), name.unwrap_or_default())
}

// shows T4
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn comings_and_goings_are_events() {
    on_the_bus(|| {
        let mut first = start(&serving(&[Cable(0).gadget()]));
        first.hear("serves");
        Cable(0).wait_until_configured();
        let mut watch = Watch::new().unwrap();
        assert_eq!(next(&mut watch), (true, Cable(0).name()), "was there");
        let nothing = watch.next(Some(Duration::from_millis(100))).unwrap();
        assert!(nothing.is_none(), "{nothing:?}");
        let mut second = start(&serving(&[Cable(1).gadget()]));
        assert_eq!(next(&mut watch), (true, Cable(1).name()), "has come");
        second.hear("serves");
        for round in 0..5 {
            Cable(0).pull();
            let left = next(&mut watch);
            assert_eq!(left, (false, Cable(0).name()), "{round}: pulled");
            Cable(0).plug();
            let came = next(&mut watch);
            assert_eq!(came, (true, Cable(0).name()), "{round}: plugged in");
        }
        second.kill();
        assert_eq!(next(&mut watch), (false, Cable(1).name()), "killed");
        first.end();
        assert_eq!(next(&mut watch), (false, Cable(0).name()), "ended");
        drop(watch);
        // What the killed one left is taken away by the next of its name.
        let mut second = start(&serving(&[Cable(1).gadget()]));
        second.hear("serves");
        second.end();
    });
}
