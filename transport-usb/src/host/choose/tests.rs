use std::slice::from_ref;

use super::*;
use crate::host::descriptors::{interfaces, tests::*};
use crate::host::list::Speed;

pub(in crate::host) const OURS: [u8; 3] = [CLASS, SUBCLASS, PROTOCOL];

/// An interface: class, name, endpoints (address, kind, packet).
pub(in crate::host) type Part<'a> = ([u8; 3], Option<&'a str>, &'a [(u8, u8, u16)]);

/// A device with these interfaces.
pub(in crate::host) fn device(path: &str, serial: Option<&str>, parts: &[Part<'_>]) -> Seen {
    let mut bytes = Vec::new();
    for (number, (class, name, endpoints)) in parts.iter().enumerate() {
        bytes.push(interface(number as u8, *class, name.map_or(0, |_| 9)));
        bytes.extend(
            endpoints
                .iter()
                .map(|(address, kind, packet)| endpoint(*address, *kind, *packet)),
        );
    }
    let bytes: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
    let mut found = interfaces(&configuration(1, &bytes), 1).unwrap();
    for (interface, (_, name, _)) in found.iter_mut().zip(parts) {
        interface.name = name.map(str::to_owned);
    }
    Seen {
        ids: (0x1d6b, 0x0104),
        bus: path.as_bytes()[0] - b'0',
        number: path.as_bytes()[2],
        path: path.to_owned(),
        speed: Speed::High,
        serial: serial.map(str::to_owned),
        manufacturer: None,
        product: Some("Board".to_owned()),
        interfaces: Some(Ok(found)),
    }
}

pub(in crate::host) const PAIR: &[(u8, u8, u16)] = &[(0x81, 2, 512), (0x02, 2, 512)];

pub(in crate::host) fn good(path: &str, serial: &str) -> Seen {
    device(
        path,
        Some(serial),
        &[(OURS, Some("channel-link camera"), PAIR)],
    )
}

fn find(seen: &[Seen], endpoint: &str) -> Result<Pick, String> {
    let address = Address::of(&endpoint.parse().unwrap()).unwrap();
    choose(seen, &address, true).map_err(|miss| match miss {
        Miss::Absent => "absent".to_owned(),
        Miss::Soon => "soon".to_owned(),
        Miss::Told(error) => format!("{:?}: {error}", error.kind()),
    })
}

#[track_caller]
fn told(seen: &[Seen], endpoint: &str, parts: &[&str]) {
    let told = find(seen, endpoint).unwrap_err();
    for part in parts {
        assert!(told.contains(part), "{endpoint}: {told}");
    }
}

#[test]
fn a_device_is_found_by_what_is_said_of_it() {
    let seen = [
        device("1-1", Some("x"), &[([8, 6, 80], None, PAIR)]),
        good("1-2", "a"),
        good("2-1", "b"),
    ];
    let pin = |address| Pin {
        address,
        packet: 512,
    };
    let pick = |device| Pick {
        device,
        interface: 0,
        receive: pin(0x81),
        send: pin(0x02),
    };
    assert_eq!(find(&seen[..2], "usb:///echo"), Ok(pick(1)));
    assert_eq!(find(&seen[1..], "usb:///echo?serial=b"), Ok(pick(1)));
    assert_eq!(find(&seen, "usb://1d6b:0104/echo?path=1-2"), Ok(pick(1)));
    assert_eq!(find(&seen, "usb:///echo?serial=c").unwrap_err(), "absent");
    assert_eq!(find(&seen, "usb:///echo?path=1-3").unwrap_err(), "absent");
    assert_eq!(find(&seen, "usb://1d6b:0105/echo").unwrap_err(), "absent");
    assert_eq!(find(&seen[..1], "usb:///echo").unwrap_err(), "absent");
    assert_eq!(find(&[], "usb:///echo").unwrap_err(), "absent");
}

#[test]
fn where_several_can_be_meant_it_is_told_which_option_picks_one() {
    let seen = [good("1-2", "a"), good("2-1", "b"), good("2-2", "b")];
    told(
        &seen,
        "usb:///echo",
        &[
            "InvalidInput",
            "more than one",
            "`serial=a`",
            "at 2-1: `path=2-1`",
            "`path=2-2`",
        ],
    );
    let part = (OURS, Some("channel-link"), PAIR);
    let seen = [device("1-2", None, &[part, part])];
    told(
        &seen,
        "usb:///echo",
        &["more than one interface", "0, 1", "`interface=0`"],
    );
    assert_eq!(find(&seen, "usb:///echo?interface=1").unwrap().interface, 1);
}

#[test]
fn one_that_is_being_set_up_is_waited_for() {
    let mut bare = good("1-2", "a");
    bare.interfaces = None;
    assert_eq!(find(from_ref(&bare), "usb:///echo").unwrap_err(), "soon");
    bare.serial = None;
    assert_eq!(
        find(from_ref(&bare), "usb:///echo?serial=a").unwrap_err(),
        "soon"
    );
    assert_eq!(
        find(&[bare, good("1-3", "a")], "usb:///echo")
            .unwrap()
            .device,
        1
    );
    // Its name is not there yet; nor later.
    let mut nameless = good("1-2", "a");
    if let Some(Ok(interfaces)) = &mut nameless.interfaces {
        interfaces[0].name = None;
    }
    assert_eq!(
        find(from_ref(&nameless), "usb:///echo").unwrap_err(),
        "soon"
    );
    let address = Address::of(&"usb:///echo".parse().unwrap()).unwrap();
    assert!(matches!(
        choose(&[nameless], &address, false),
        Err(Miss::Absent)
    ));
}

#[test]
fn what_does_not_fit_is_told_with_what_is_there() {
    let storage = device("1-2", None, &[([8, 6, 80], Some("Storage"), PAIR)]);
    told(
        from_ref(&storage),
        "usb://1d6b:0104/echo",
        &[
            "InvalidInput",
            "at 1-2",
            "no interface of ours",
            "ff/43/01",
            "08/06/50, `Storage`",
            "usb+plain",
        ],
    );
    told(
        &[good("1-2", "a")],
        "usb:///echo?interface=3&path=1-2",
        &["absent"],
    );
    told(
        &[good("1-2", "a")],
        "usb://1d6b:0104/echo?interface=3",
        &[
            "interface 3 is not one of ours",
            "interface 0 (class ff/43/01, `channel-link camera`)",
        ],
    );
    // The same class, by somebody else.
    let other = device("1-2", None, &[(OURS, Some("channel-linker"), PAIR)]);
    told(
        &[other],
        "usb://1d6b:0104/echo",
        &["InvalidInput", "`channel-link`"],
    );
    let newer = device(
        "1-2",
        None,
        &[([CLASS, SUBCLASS, 2], Some("channel-link x"), PAIR)],
    );
    for endpoint in ["usb:///echo", "usb://1d6b:0104/echo"] {
        told(
            from_ref(&newer),
            endpoint,
            &["Unsupported", "version 2", "version 1", "update"],
        );
    }
    let name = Some("channel-link");
    for (endpoints, parts) in [
        (&[][..], &["no bulk endpoint in", "no endpoint at all"][..]),
        (
            &[(0x81, 2, 512)],
            &["no bulk endpoint out", "it has 0x81 (bulk)"],
        ),
        (
            &[(0x81, 3, 64), (0x02, 3, 64)],
            &["no bulk endpoint in", "0x81 (not bulk)"],
        ),
        (&[(0x81, 2, 0), (0x02, 2, 0)], &["packets have no bytes"]),
        (
            &[(0x81, 2, 64), (0x82, 2, 64), (0x02, 2, 64)],
            &["several bulk endpoints in"],
        ),
    ] {
        let odd = device("1-2", None, &[(OURS, name, endpoints)]);
        told(&[odd], "usb:///echo", parts);
    }
    let mut damaged = good("1-2", "a");
    damaged.interfaces = Some(interfaces(&[9], 1));
    told(
        from_ref(&damaged),
        "usb://1d6b:0104/echo",
        &["InvalidData", "byte 0", "at 1-2"],
    );
    told(&[damaged], "usb:///echo", &["absent"]);
}

#[test]
fn a_bare_stream_takes_the_only_pair_or_the_one_that_is_named() {
    let modem = device(
        "1-2",
        None,
        &[
            ([2, 2, 1], None, &[(0x82, 3, 8)]),
            ([10, 0, 0], None, &[(0x83, 2, 64), (0x01, 2, 64)]),
        ],
    );
    let pick = find(from_ref(&modem), "usb+plain://1d6b:0104").unwrap();
    assert_eq!(
        (pick.interface, pick.receive.address, pick.send.address),
        (1, 0x83, 0x01)
    );
    told(
        from_ref(&modem),
        "usb+plain://1d6b:0104?interface=0",
        &[
            "interface 0 (class 02/02/01) has no bulk endpoint in",
            "0x82 (not bulk)",
        ],
    );
    told(
        from_ref(&modem),
        "usb+plain://1d6b:0104?in=0x84",
        &[
            "interface 1 (class 0a/00/00) has no bulk endpoint 0x84",
            "0x83 (bulk)",
        ],
    );
    told(
        &[modem],
        "usb+plain://1d6b:0104?interface=7",
        &["there is no interface 7"],
    );
    let wide = device(
        "1-2",
        None,
        &[(
            [255, 0, 0],
            None,
            &[(0x81, 2, 64), (0x82, 2, 64), (0x01, 2, 64)],
        )],
    );
    told(
        from_ref(&wide),
        "usb+plain://1d6b:0104?interface=0",
        &["several bulk endpoints in", "`in=0x81`", "0x82 (bulk)"],
    );
    let pick = find(&[wide], "usb+plain://1d6b:0104?in=0x82").unwrap();
    assert_eq!(pick.receive.address, 0x82);
}
