//! The grammar of endpoints: what parses, what is written, what is refused and how.

use std::collections::HashSet;
use std::io;

use proptest::prelude::*;

use super::{Endpoint, EndpointError};

fn parse(text: &str) -> Endpoint {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn refused(text: &str) -> EndpointError {
    text.parse::<Endpoint>().expect_err(text)
}

// shows B6: everything that has to be known to reach a broker from outside.
#[test]
fn parts_are_told_apart() {
    let e = parse("fault+tcp+plain://[::1]:7000/front%20desk?port=7&ca=/etc/ca.pem");
    assert!(e.is_fault() && e.is_plain());
    assert_eq!(e.scheme(), "tcp");
    assert_eq!(e.authority(), "[::1]:7000");
    assert_eq!((e.path(), e.broker()), ("front desk", Some("front desk")));
    assert_eq!(e.option("ca"), Some("/etc/ca.pem"));
    assert_eq!(e.option("baud"), None);
    assert_eq!(
        e.options().collect::<Vec<_>>(),
        [("ca", "/etc/ca.pem"), ("port", "7")]
    );
    assert_eq!(e.port_option(), Ok(Some(7)));

    let bare = e.without_fault();
    assert!(!bare.is_fault() && bare.is_plain());
    assert_eq!(
        bare.with_fault().without_option("ca").to_string(),
        "fault+tcp+plain://[::1]:7000/front%20desk?port=7"
    );
}

// shows T4, T5: a device is named by an empty authority, by numbers, or by its file.
#[test]
fn devices_have_room() {
    let line = parse("serial:///dev/ttyUSB0?baud=115200");
    assert_eq!((line.authority(), line.path()), ("", "dev/ttyUSB0"));
    assert_eq!(parse("usb://").broker(), None);
    assert_eq!(parse("usb://1d6b:0104/echo").authority(), "1d6b:0104");
    assert_eq!(parse("usb-gadget://ffs.0").scheme(), "usb-gadget");
}

#[test]
fn one_thing_has_one_canonical_form() {
    for (text, canonical) in [
        ("mem://x/", "mem://x"),
        ("mem://x?", "mem://x"),
        ("mem://x/?b=2&a=1", "mem://x?a=1&b=2"),
        ("mem://%78/%65%2Fo", "mem://x/e/o"),
        ("mem://x/caf\u{e9}", "mem://x/caf%C3%A9"),
        ("mem://x/a+b?k=a+b=%26", "mem://x/a%2Bb?k=a%2Bb%3D%26"),
        ("mem://x?url=tcp://y?z", "mem://x?url=tcp://y%3Fz"),
        ("serial:////dev/x", "serial:////dev/x"),
        ("tcp://[fe80::1%25eth0]:7", "tcp://[fe80::1%25eth0]:7"),
    ] {
        assert_eq!(parse(text).to_string(), canonical, "{text}");
        assert_eq!(parse(text), parse(canonical));
    }
    let set: HashSet<_> = [parse("mem://x?a=1&b=2"), parse("mem://x?b=2&a=1")].into();
    assert_eq!(set.len(), 1);
    assert_eq!(format!("{:?}", parse("mem://x")), "Endpoint(mem://x)");
}

// shows E3: a mistake is told with its place and what to write instead.
#[test]
fn mistakes_are_named_with_their_place_and_a_remedy() {
    for (text, at, says) in [
        ("", 0, "tcp://box:7000/echo"),
        ("localhost:7000", 9, "expected `://`"),
        ("tcp:/x?u=a://b", 3, "expected `://`"),
        ("://x", 0, "not a scheme"),
        ("TCP://x", 0, "lower-case"),
        ("t_p://x", 1, "lower-case"),
        ("fault://x", 0, "not schemes"),
        ("fault+plain://x", 6, "not schemes"),
        ("fault+://x", 6, "not a scheme"),
        ("slow+mem://x", 0, "only `fault+` may stand before"),
        ("plain+mem://x", 0, "only `+plain` after"),
        ("mem+fault://x", 0, "only `+plain` after"),
        ("fault+fault+mem://x", 6, "each once"),
        ("mem+plain+plain://x", 0, "each once"),
        ("mem://x/a b", 9, "%20"),
        ("mem://x\n", 7, "'\\n'"),
        ("mem://x#y", 7, "%23"),
        ("mem://x/50%", 10, "%25"),
        ("mem://x?a=%g0", 10, "%25"),
        ("mem://x/%\u{e9}a", 8, "%25"),
        ("mem://x/%ff", 8, "UTF-8"),
        ("mem://a%2Fb", 6, "with_broker"),
        ("mem://x?=1", 8, "option's name"),
        ("mem://x?a=1&&b=2", 12, "option's name"),
        ("mem://x?Baud=1", 8, "lower-case"),
        ("serial://x?a=1&baud", 15, "baud=VALUE"),
        ("mem://x?a=1&a=2", 12, "given before"),
    ] {
        let e = refused(text);
        assert_eq!(e.at(), at, "{text}: {e}");
        assert!(e.to_string().contains(says), "{text}: {e}");
    }
    assert_eq!(
        io::Error::from(refused("x")).kind(),
        io::ErrorKind::InvalidInput
    );
}

#[test]
fn builders_keep_the_grammar() {
    assert!(Endpoint::new("Tcp", "x").is_err());
    assert!(Endpoint::new("plain", "x").is_err());
    let e = Endpoint::new("tcp", "box:7/echo").expect_err("a forgotten with_broker");
    assert_eq!(e, EndpointError::BadAuthority { found: '/', at: 5 });
    let e = Endpoint::new("tcp", "127.0.0.1:0").unwrap();
    assert!(e.clone().with_broker("").is_err());
    assert!(e.clone().with_option("a b", "").is_err());
    let e = e
        .with_option("a", "1")
        .unwrap()
        .with_option("a", "")
        .unwrap();
    assert_eq!(
        e.with_authority("127.0.0.1:7").unwrap().to_string(),
        "tcp://127.0.0.1:7?a="
    );
}

// shows T6: a plain listener names the broker's port.
#[test]
fn port_is_a_number_and_the_brokers() {
    assert_eq!(parse("tcp+plain://x").port_option(), Ok(None));
    assert_eq!(
        parse("tcp+plain://x?port=65535").port_option(),
        Ok(Some(65535))
    );
    for bad in ["", "65536", "-1", "%2B7", "7x"] {
        let e = parse(&format!("tcp+plain://x?a=1&port={bad}"))
            .port_option()
            .unwrap_err();
        assert_eq!(e.at(), "tcp+plain://x?a=1&".len());
        assert!(e.to_string().contains("65535"), "{e}");
    }
    assert_eq!(parse("tcp+plain://x?port=7").check_options(&[]), Ok(()));
    assert!(parse("tcp://x?port=7").check_options(&[]).is_err());
}

// shows G3: a misspelt option is an error that says what was expected.
#[test]
fn unknown_options_are_told() {
    let e = parse("serial:///dev/x?baud=9600&pority=even");
    assert_eq!(e.check_options(&["baud", "pority"]), Ok(()));
    let wrong = e.check_options(&["baud", "parity"]).unwrap_err();
    assert_eq!(wrong.at(), "serial:///dev/x?baud=9600&".len());
    let text = wrong.to_string();
    assert!(
        text.contains("`pority`") && text.contains("baud, parity"),
        "{text}"
    );
    assert!(
        e.check_options(&[])
            .unwrap_err()
            .to_string()
            .contains("takes none")
    );
}

// shows T3: what a stranger sends has a limit.
#[test]
fn length_is_limited_at_the_byte() {
    let room = Endpoint::MAX_LEN - "fault+".len() - "+plain".len() - "mem://".len();
    let longest = Endpoint::new("mem", &"x".repeat(room))
        .unwrap()
        .plain()
        .with_fault();
    assert_eq!(longest.to_string().len(), Endpoint::MAX_LEN);
    assert_eq!(parse(&longest.to_string()), longest);
    let e = Endpoint::new("mem", &"x".repeat(room + 1)).unwrap_err();
    assert_eq!(
        e,
        EndpointError::TooLong {
            len: Endpoint::MAX_LEN + 1
        }
    );
    let e = refused(&"x".repeat(Endpoint::MAX_LEN + 1));
    assert_eq!(
        e,
        EndpointError::TooLong {
            len: Endpoint::MAX_LEN + 1
        }
    );
    // Short as it was typed, too long as it is written.
    let e = refused(&format!("mem://x/{}", "\u{e9}".repeat(300)));
    assert!(matches!(e, EndpointError::TooLong { .. }), "{e}");
    assert!(longest.with_option("a", "").is_err());
}

#[cfg(feature = "serde")]
mod as_serde {
    use std::fmt;

    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};
    use serde::{Deserialize, Serialize};

    use super::*;

    struct Written<'a>(&'a Endpoint);

    impl fmt::Display for Written<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.serialize(f)
        }
    }

    fn read(text: &str) -> Result<Endpoint, Error> {
        let from: StrDeserializer<'_, Error> = text.into_deserializer();
        Endpoint::deserialize(from)
    }

    // shows C10: endpoints implement serde.
    #[test]
    fn it_is_a_string() {
        let e = parse("fault+tcp://x/a%20b?k=v");
        assert_eq!(Written(&e).to_string(), e.to_string());
        assert_eq!(read(&e.to_string()).unwrap(), e);
        let wrong = read("tcp:x").unwrap_err().to_string();
        assert!(wrong.contains("expected `://`"), "{wrong}");
    }
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let text = || proptest::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter);
    (
        "[a-z][a-z0-9-]{0,8}",
        text(),
        text(),
        proptest::collection::vec(("[a-z][a-z0-9_-]{0,4}", text()), 0..4),
        any::<(bool, bool)>(),
    )
        .prop_filter_map(
            "reserved, or too long",
            |(scheme, place, broker, options, flags)| {
                let place = place.replace(['/', '?', '#'], "");
                let mut e = Endpoint::new(&scheme, &place).ok()?;
                if !broker.is_empty() {
                    e = e.with_broker(&broker).ok()?;
                }
                for (k, v) in options {
                    e = e.with_option(&k, &v).ok()?;
                }
                e = if flags.0 { e.plain() } else { e };
                Some(if flags.1 { e.with_fault() } else { e })
            },
        )
}

/// Texts that look like endpoints often enough to get past the first check.
fn near_endpoint() -> impl Strategy<Value = String> {
    let pieces = [
        "fault", "plain", "mem", "tcp", "+", "://", ":", "/", "?", "&", "=", "%", "%41", "%2F",
        "%C3%A9", "%ff", "\u{e9}", " ", "#", "[::1]:7", "a=1", "port",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..12)
        .prop_flat_map(|words| (prop_oneof![Just(""), Just("mem://")], Just(words)))
        .prop_map(|(head, words)| head.to_owned() + &words.concat())
}

proptest! {
    // shows B6, C10: an endpoint survives being written and read.
    #[test]
    fn what_is_written_reads_back(e in any_endpoint()) {
        let text = e.to_string();
        prop_assert!(text.is_ascii() && text.len() <= Endpoint::MAX_LEN);
        let again: Endpoint = text.parse().unwrap();
        prop_assert_eq!(&again, &e);
        prop_assert_eq!(again.to_string(), text);
    }

    // shows T3: no text makes it panic, and what it takes is canonical from then on.
    #[test]
    fn any_text_is_taken_or_refused(text in prop_oneof![near_endpoint(), any::<String>()]) {
        match text.parse::<Endpoint>() {
            Ok(e) => prop_assert_eq!(e.to_string().parse::<Endpoint>().unwrap(), e),
            Err(e) => prop_assert!(e.at() <= text.len() && !e.to_string().is_empty()),
        }
    }
}
