//! What an endpoint says about a serial line.

use std::path::PathBuf;
use std::time::Duration;

use channel::Endpoint;
use serialport::{DataBits, FlowControl, Parity, StopBits};

use transport_link::PlaceError;
use transport_link::options::{choice, number};

const DEFAULT_BAUD: u32 = 115_200;
/// What some device or other can do: from a teleprinter to USB bridges of 12 Mbit/s.
const BAUDS: std::ops::RangeInclusive<u32> = 50..=12_000_000;
/// The mux's own default; zero is off. An hour is as good as off.
const MOST_KEEP_ALIVE: u32 = 3_600_000;

const KNOWN: [&str; 6] = ["baud", "parity", "data", "stop", "flow", "keep-alive"];

/// What an endpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) path: PathBuf,
    pub(super) baud: u32,
    pub(super) parity: Parity,
    pub(super) data_bits: DataBits,
    pub(super) stop_bits: StopBits,
    pub(super) flow: FlowControl,
    /// `None`: the mux's default. Zero: none.
    pub(super) keep_alive: Option<Duration>,
}

impl Options {
    pub(super) fn of(endpoint: &Endpoint) -> Result<Options, PlaceError> {
        endpoint.check_options(&KNOWN)?;
        let bad = |text: String| Err(PlaceError::Unsupported(text));
        if !endpoint.authority().is_empty() {
            return bad(format!(
                "no line named `{}` was given in code; a device has three slashes before its path, as in \
                 `serial:///dev/ttyUSB0`",
                endpoint.authority()
            ));
        }
        if endpoint.path().is_empty() {
            return bad(
                "no device is named: write its path behind two slashes, as in `serial:///dev/ttyUSB0`".into(),
            );
        }
        let options = Options {
            path: format!("/{}", endpoint.path()).into(),
            baud: number(endpoint, "baud", BAUDS)?.unwrap_or(DEFAULT_BAUD),
            parity: choice(
                endpoint,
                "parity",
                &[
                    ("none", Parity::None),
                    ("even", Parity::Even),
                    ("odd", Parity::Odd),
                ],
            )?,
            data_bits: choice(
                endpoint,
                "data",
                &[
                    ("8", DataBits::Eight),
                    ("7", DataBits::Seven),
                    ("6", DataBits::Six),
                    ("5", DataBits::Five),
                ],
            )?,
            stop_bits: choice(
                endpoint,
                "stop",
                &[("1", StopBits::One), ("2", StopBits::Two)],
            )?,
            flow: choice(
                endpoint,
                "flow",
                &[
                    ("none", FlowControl::None),
                    ("hardware", FlowControl::Hardware),
                    ("software", FlowControl::Software),
                ],
            )?,
            keep_alive: number(endpoint, "keep-alive", 0..=MOST_KEEP_ALIVE)?
                .map(|ms| Duration::from_millis(ms.into())),
        };
        if !endpoint.is_plain() {
            if options.flow == FlowControl::Software {
                return bad(
                    "option `flow` is `software`: it takes two byte values, XON (17) and XOFF (19), out of the stream, and \
                     frames need all 256; write `flow=hardware` if both ends are wired for it, else `flow=none`: what \
                     is lost then is sent again. (`serial+plain:` takes `software`, for text.)"
                        .into(),
                );
            }
            if options.data_bits != DataBits::Eight {
                return bad(format!(
                    "option `data` is `{}`: frames are made of whole bytes; write `data=8`, or leave it out. \
                     (`serial+plain:` takes 5 to 8.)",
                    u8::from(options.data_bits)
                ));
            }
        }
        Ok(options)
    }

    /// A line of this speed that needs no setting up.
    pub(super) fn at(baud: u32) -> Options {
        Options {
            path: PathBuf::new(),
            baud: baud.max(1),
            parity: Parity::None,
            data_bits: DataBits::Eight,
            stop_bits: StopBits::One,
            flow: FlowControl::None,
            keep_alive: None,
        }
    }

    /// How the line is set up, as it is usually written: `115200 8N1`.
    pub(super) fn line(&self) -> String {
        let parity = match self.parity {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        let flow = match self.flow {
            FlowControl::None => "",
            FlowControl::Hardware => " RTS/CTS",
            FlowControl::Software => " XON/XOFF",
        };
        let (data, stop) = (u8::from(self.data_bits), u8::from(self.stop_bits));
        format!("{} {data}{parity}{stop}{flow}", self.baud)
    }

    /// Bits that a byte takes on the wire: those of the byte, a start bit, parity, stop bits.
    fn bits_a_byte(&self) -> u32 {
        let parity = u32::from(self.parity != Parity::None);
        let stop = u32::from(u8::from(self.stop_bits));
        1 + u32::from(u8::from(self.data_bits)) + parity + stop
    }

    /// How many bytes the wire carries in this time.
    pub(super) fn bytes_in(&self, time: Duration) -> usize {
        let bits = u128::from(self.baud) * time.as_micros() / 1_000_000;
        (bits / u128::from(self.bits_a_byte())) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(endpoint: &str) -> Result<Options, String> {
        Options::of(&endpoint.parse().unwrap()).map_err(|bad| bad.to_string())
    }

    #[test]
    fn everything_has_a_default() {
        let options = of("serial:///dev/ttyUSB0").unwrap();
        assert_eq!(options.path, PathBuf::from("/dev/ttyUSB0"));
        assert_eq!((options.baud, options.bits_a_byte()), (115_200, 10));
        assert_eq!(options.bytes_in(Duration::from_secs(1)), 11_520);
    }

    #[test]
    fn everything_can_be_said() {
        let options = of(
            "serial:///dev/ttyS1?baud=9600&parity=even&data=8&stop=2&flow=hardware&keep-alive=500",
        )
        .unwrap();
        assert_eq!(options.baud, 9600);
        assert_eq!(options.parity, Parity::Even);
        assert_eq!(options.stop_bits, StopBits::Two);
        assert_eq!(options.flow, FlowControl::Hardware);
        assert_eq!(options.keep_alive, Some(Duration::from_millis(500)));
        assert_eq!(options.bytes_in(Duration::from_secs(1)), 800);
        assert_eq!(options.line(), "9600 8E2 RTS/CTS");
        let plain = of("serial+plain:///dev/ttyS1?data=7&flow=software&port=3").unwrap();
        assert_eq!(plain.data_bits, DataBits::Seven);
        assert_eq!(plain.flow, FlowControl::Software);
    }

    #[test]
    fn a_mistake_is_told_with_what_is_right() {
        for (endpoint, parts) in [
            ("serial://ttyUSB0", &["`ttyUSB0`", "three slashes"][..]),
            (
                "serial://?baud=9600",
                &["no device", "serial:///dev/ttyUSB0"],
            ),
            (
                "serial:///dev/ttyS0?baud=fast",
                &["`baud` is `fast`", "50 to 12000000"],
            ),
            ("serial:///dev/ttyS0?baud=+9600", &["`baud`", "50 to"]),
            ("serial:///dev/ttyS0?baud=0", &["`baud` is `0`"]),
            (
                "serial:///dev/ttyS0?parity=mark",
                &["`parity` is `mark`", "none, even, odd"],
            ),
            ("serial:///dev/ttyS0?stop=3", &["`stop` is `3`", "1, 2"]),
            (
                "serial:///dev/ttyS0?data=7",
                &["`data` is `7`", "data=8", "serial+plain"],
            ),
            (
                "serial:///dev/ttyS0?flow=software",
                &["XON", "flow=hardware", "serial+plain"],
            ),
            (
                "serial:///dev/ttyS0?bauds=9600",
                &["`bauds`", "baud, parity"],
            ),
        ] {
            let told = of(endpoint).unwrap_err();
            for part in parts {
                assert!(told.contains(part), "{endpoint}: {told}");
            }
        }
    }
}
