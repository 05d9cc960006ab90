//! USB, as far as it shows without a cable: the rest is run by `lab/echo`, in a machine that has one.

use std::path::Path;

use super::{document, run, text};

// shows E3, T4: what gives a user the right
#[test]
fn the_rule_for_udev_is_printed() {
    let output = run(&["usb", "rule", "1D6B:0104"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stdout);
    let rule = "ATTR{idVendor}==\"1d6b\", ATTR{idProduct}==\"0104\"";
    let lines = said.lines().filter(|line| !line.starts_with('#'));
    assert!(lines.clone().all(|line| line.contains(rule)), "{said}");
    assert_eq!(lines.count(), 1, "{said}");

    let report = document(&run(&["usb", "rule", "--json"]));
    assert!(
        report["rule"].as_str().unwrap().contains("ff43"),
        "{report}"
    );
}

// shows E3, T4
#[test]
fn what_usb_lacks_is_told_with_what_to_do_next() {
    let mut cases: Vec<(&[&str], &[&str])> = vec![
        (&["client", "-e", "usb://camera"], &["VID:PID"]),
        (
            &["client", "-e", "usb:///echo?speed=high"],
            &["serial, path"],
        ),
        (&["serve", "-e", "usb-gadget://"], &["usb-gadget://camera"]),
        (
            &["test", "-t", "usb+plain", "--spawn"],
            &["leave `+plain` out"],
        ),
    ];
    let has = |path: &str| {
        let entries = Path::new(path).read_dir();
        entries.is_ok_and(|mut entries| entries.next().is_some())
    };
    // Where there is a device controller, a gadget would appear at it.
    if !has("/sys/class/udc") {
        cases.extend([
            (
                &["serve", "-t", "usb"][..],
                &["device controller", "client --transport usb"][..],
            ),
            (
                &["test", "-t", "usb", "--spawn"],
                &["device controller", "second process"],
            ),
            (&["client", "-t", "usb-gadget"], &["device controller"]),
        ]);
        // Where something is plugged in, it would be tried.
        match has("/dev/bus/usb") {
            true => cases.push((
                &[
                    "client",
                    "-e",
                    "usb://1d6b:0104/echo?serial=none",
                    "--timeout",
                    "0.2",
                ],
                &["serve --transport usb", "usb list"],
            )),
            false => cases.extend([
                (&["-t", "usb"][..], &["USB", "lab/echo"][..]),
                (&["bench", "-t", "usb"], &["lab/echo"]),
                (&["usb", "list"], &["USB", "/dev/bus/usb"]),
                (&["usb", "watch"], &["USB", "/dev/bus/usb"]),
            ]),
        }
    }
    for (args, parts) in cases {
        let output = run(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{args:?}: {part:?} in {said}");
        }
    }
}

// shows E3: it is about all that can be told
#[test]
fn a_machine_without_usb_lists_what_else_there_is() {
    let report = document(&run(&["list", "--json"]));
    assert!(report["brokers"].is_array(), "{report}");
    assert!(
        report["devices"].is_array() || report["devices"].is_null(),
        "{report}"
    );
}
