use super::*;

fn of(endpoint: &str) -> Result<Address, String> {
    Address::of(&endpoint.parse().unwrap()).map_err(|bad| bad.to_string())
}

#[test]
fn everything_has_a_default() {
    let address = of("usb-gadget://camera/pictures").unwrap();
    assert_eq!(address.name, "camera");
    assert_eq!(address.id, Id::new(0x1d6b, 0x0104));
    assert_eq!(
        (&*address.product, &*address.manufacturer),
        ("camera", "channel")
    );
    assert_eq!(address.interface(), "channel-link camera");
    assert_eq!(address.class(), Class::new(0xff, 0x43, 1));
    assert_eq!(
        (address.udc, address.ffs, address.keep_alive),
        (None, None, None)
    );
    assert_eq!(address.plain, None);
}

#[test]
fn everything_can_be_said() {
    let address = of(
        "usb-gadget://camera?vid=1D50&pid=60c7&serial=A%201&manufacturer=Us&product=It&udc=fe980000.usb\
         &keep-alive=500",
    )
    .unwrap();
    assert_eq!(address.id, Id::new(0x1d50, 0x60c7));
    assert_eq!(address.serial(), "A 1");
    assert_eq!((&*address.product, &*address.manufacturer), ("It", "Us"));
    assert_eq!(address.udc.as_deref(), Some("fe980000.usb"));
    assert_eq!(address.keep_alive, Some(Duration::from_millis(500)));
    assert_eq!(
        address.line(),
        "1d50:60c7 ff/43/01 serial=A 1 manufacturer=Us product=It udc=fe980000.usb"
    );
    let address = of("usb-gadget://camera?ffs=/dev/ffs-x&udc=a").unwrap();
    assert_eq!(address.ffs.as_deref(), Some(Path::new("/dev/ffs-x")));
    assert!(
        address.line().ends_with("udc=a ffs=/dev/ffs-x"),
        "{}",
        address.line()
    );
}

#[test]
fn a_bare_stream_has_a_class_of_its_own() {
    let address = of("usb-gadget+plain://raw?port=3").unwrap();
    assert_eq!(address.class(), Class::new(0xff, 0, 0));
    assert_eq!(address.interface(), "raw");
    assert_eq!(address.plain.unwrap().ends, Ends::ZeroPacket);
    let address = of("usb-gadget+plain://raw?class=ff/42/1&zlp=no").unwrap();
    assert_eq!(address.class(), Class::new(0xff, 0x42, 1));
    assert_eq!(address.plain.unwrap().ends, Ends::Whole);
    assert!(address.line().ends_with("zlp=no"));
}

#[test]
fn a_serial_number_is_this_machines_and_stays() {
    let [one, other] = ["one", "other"].map(|name| of(&format!("usb-gadget://{name}")).unwrap());
    assert_eq!(one.serial(), one.serial());
    assert_ne!(one.serial(), other.serial());
    assert!(one.serial().ends_with("one"));
}

#[test]
fn a_mistake_is_told_with_what_is_right() {
    let long = "x".repeat(127);
    let serial = format!("usb-gadget://a?serial={long}");
    for (endpoint, parts) in [
        ("usb-gadget://", &["no name", "usb-gadget://camera"][..]),
        ("usb-gadget://a.b", &["`a.b`", "letters, digits"]),
        ("usb-gadget://a23456789012345678901", &["20", "`product`"]),
        (
            "usb-gadget://a?vid=0x1d6b",
            &["`vid` is `0x1d6b`", "vid=1d6b"],
        ),
        ("usb-gadget://a?vid=+d6b", &["`vid` is", "four hexadecimal"]),
        ("usb-gadget://a?pid=104", &["`pid` is `104`", "pid=0104"]),
        ("usb-gadget://a?serial=", &["`serial`", "1 to 126"]),
        (&serial, &["`serial`", "1 to 126"]),
        ("usb-gadget://a?product=a%0Ab", &["`product`", "control"]),
        (
            "usb-gadget://a?udc=/sys/class/udc/x",
            &["`udc`", "ls /sys/class/udc"],
        ),
        ("usb-gadget://a?udc=..", &["`udc`", "ls /sys/class/udc"]),
        (
            "usb-gadget://a?ffs=dev",
            &["`ffs` is `dev`", "ffs=/dev/ffs-camera"],
        ),
        (
            "usb-gadget://a?keep-alive=soon",
            &["`keep-alive`", "0 to 3600000"],
        ),
        ("usb-gadget://a?class=ff/00/00", &["`class`", "vid, pid"]),
        (
            "usb-gadget://a?speed=high",
            &["`speed`", "vid, pid, serial"],
        ),
        (
            "usb-gadget+plain://a?class=ff",
            &["`class` is `ff`", "class=ff/00/00"],
        ),
        (
            "usb-gadget+plain://a?class=ff/100/0",
            &["`class`", "hexadecimal"],
        ),
        (
            "usb-gadget+plain://a?zlp=maybe",
            &["`zlp` is `maybe`", "yes, no"],
        ),
    ] {
        let told = of(endpoint).unwrap_err();
        for part in parts {
            assert!(told.contains(part), "{endpoint}: {told}");
        }
    }
}
