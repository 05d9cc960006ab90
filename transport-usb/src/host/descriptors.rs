//! What a device says about itself: its configuration, as bytes, taken apart.
//!
//! A device is a stranger, and may say anything: nothing here panics, and nothing is looked up beyond the bytes.
//! (libusb has such a reader, too, but may give an interface with endpoints that are not there.)

/// Types of descriptors (USB 2.0, table 9-5).
const CONFIGURATION: u8 = 2;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;

/// One setting of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) number: u8,
    pub(super) setting: u8,
    /// Class, subclass, protocol.
    pub(super) class: [u8; 3],
    /// Which of the device's strings is its name; 0: none.
    pub(super) string: u8,
    /// Its name, once it was read.
    pub(super) name: Option<String>,
    pub(super) endpoints: Vec<Endpoint>,
}

/// An endpoint of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) address: u8,
    attributes: u8,
    /// The largest packet, in bytes.
    pub(super) packet: u16,
}

impl Endpoint {
    pub(super) fn is_bulk(self) -> bool {
        self.attributes & 3 == 2
    }

    /// From the device to the host.
    pub(super) fn is_in(self) -> bool {
        self.address & 0x80 != 0
    }
}

/// What a device says about itself makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at} of the device's descriptors makes no sense: {what}")]
pub(super) struct Garbage {
    at: usize,
    what: &'static str,
}

/// The interfaces of the configuration of that number, out of all configurations, one behind the other.
pub(super) fn interfaces(configurations: &[u8], number: u8) -> Result<Vec<Interface>, Garbage> {
    let mut at = 0;
    while at < configurations.len() {
        let (kind, one) = descriptor(configurations, at)?;
        let [_, _, low, high, _, value, ..] = *one else {
            return Err(Garbage {
                at,
                what: "a configuration that is too short",
            });
        };
        if kind != CONFIGURATION {
            return Err(Garbage {
                at,
                what: "no configuration where one should begin",
            });
        }
        let total = usize::from(u16::from_le_bytes([low, high]));
        // What is cut off is found below, where it matters.
        let end = configurations.len().min(at + total.max(one.len()));
        if value == number {
            return parts(&configurations[..end], at + one.len());
        }
        at = end;
    }
    Err(Garbage {
        at,
        what: "the active configuration is not there",
    })
}

/// What follows a configuration's own descriptor.
fn parts(bytes: &[u8], from: usize) -> Result<Vec<Interface>, Garbage> {
    let mut found: Vec<Interface> = Vec::new();
    let mut at = from;
    while at < bytes.len() {
        let (kind, one) = descriptor(bytes, at)?;
        match (kind, one) {
            (
                INTERFACE,
                &[
                    _,
                    _,
                    number,
                    setting,
                    _,
                    class,
                    subclass,
                    protocol,
                    string,
                    ..,
                ],
            ) => {
                found.push(Interface {
                    number,
                    setting,
                    class: [class, subclass, protocol],
                    string,
                    ..Interface::default()
                });
            }
            (ENDPOINT, &[_, _, address, attributes, low, high, ..]) => {
                let Some(of) = found.last_mut() else {
                    return Err(Garbage {
                        at,
                        what: "an endpoint of no interface",
                    });
                };
                of.endpoints.push(Endpoint {
                    address,
                    attributes,
                    // The upper bits say how many packets there are in a microframe, for other kinds of endpoints.
                    packet: u16::from_le_bytes([low, high]) & 0x7ff,
                });
            }
            (INTERFACE | ENDPOINT, _) => {
                return Err(Garbage {
                    at,
                    what: "a descriptor that is too short for its type",
                });
            }
            // Those of classes, and of later versions.
            _ => {}
        }
        at += one.len();
    }
    Ok(found)
}

/// The descriptor that begins there, with its type; it has at least its two bytes.
fn descriptor(bytes: &[u8], at: usize) -> Result<(u8, &[u8]), Garbage> {
    let rest = &bytes[at..];
    let [length, kind, ..] = *rest else {
        return Err(Garbage {
            at,
            what: "it ends in the middle",
        });
    };
    match rest.get(..usize::from(length)) {
        _ if length < 2 => Err(Garbage {
            at,
            what: "a descriptor without length",
        }),
        None => Err(Garbage {
            at,
            what: "a descriptor that ends behind the last byte",
        }),
        Some(one) => Ok((kind, one)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A configuration's bytes.
    pub(in crate::host) fn configuration(number: u8, parts: &[&[u8]]) -> Vec<u8> {
        let total = 9 + parts.iter().map(|part| part.len()).sum::<usize>() as u16;
        let [low, high] = total.to_le_bytes();
        let mut bytes = vec![9, CONFIGURATION, low, high, 1, number, 0, 0x80, 50];
        bytes.extend(parts.concat());
        bytes
    }

    pub(in crate::host) fn interface(number: u8, class: [u8; 3], string: u8) -> Vec<u8> {
        let [class, subclass, protocol] = class;
        vec![
            9, INTERFACE, number, 0, 2, class, subclass, protocol, string,
        ]
    }

    pub(in crate::host) fn endpoint(address: u8, attributes: u8, packet: u16) -> Vec<u8> {
        let [low, high] = packet.to_le_bytes();
        vec![7, ENDPOINT, address, attributes, low, high, 0]
    }

    fn good() -> Vec<u8> {
        let mut all = configuration(1, &[&interface(0, [3, 0, 0], 0)]);
        all.extend(configuration(
            2,
            &[
                &interface(0, [0xff, 0x43, 1], 5),
                &endpoint(0x81, 2, 512),
                // A companion of SuperSpeed, and something unknown.
                &[6, 0x30, 0, 0, 0, 0],
                &endpoint(0x02, 2, 0x1200),
                &[2, 0xee],
                &interface(1, [8, 6, 80], 0),
            ],
        ));
        all
    }

    #[test]
    fn the_active_configuration_is_read() {
        let found = interfaces(&good(), 2).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].class, [0xff, 0x43, 1]);
        assert_eq!(found[0].string, 5);
        let [a, b] = found[0].endpoints[..] else {
            panic!("{found:?}");
        };
        assert!(a.is_bulk() && a.is_in() && a.packet == 512);
        assert!(b.is_bulk() && !b.is_in() && b.packet == 512);
        assert_eq!(interfaces(&good(), 1).unwrap()[0].class, [3, 0, 0]);
        assert!(interfaces(&good(), 3).is_err());
    }

    #[test]
    fn whatever_stands_there_nothing_panics() {
        let good = good();
        for length in 0..good.len() {
            let _ = interfaces(&good[..length], 2);
        }
        for at in 0..good.len() {
            for value in [0, 1, 2, 3, 4, 5, 8, 9, 0x7f, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let _ = interfaces(&bad, 1);
                let _ = interfaces(&bad, 2);
            }
        }
    }

    #[test]
    fn garbage_is_told_with_its_place() {
        for (bytes, part) in [
            (&[][..], "not there"),
            (&[9], "ends in the middle"),
            (&[9, 4, 0], "behind the last byte"),
            (&[0, 2], "without length"),
            (&[2, 2], "too short"),
            (&configuration(1, &[&[3, INTERFACE, 0]]), "byte 9"),
            (&configuration(1, &[&endpoint(0x81, 2, 64)]), "no interface"),
            (
                &configuration(1, &[&interface(0, [0; 3], 0), &[1, 5]]),
                "byte 18",
            ),
        ] {
            let told = interfaces(bytes, 1).unwrap_err().to_string();
            assert!(told.contains(part), "{bytes:?}: {told}");
        }
    }
}
