//! What the two ends say to each other over the socket before they share memory: one packet each way.
//!
//! The dialler sends a [`Request`]; the listener's [`Answer`] is an offer, with five descriptors beside it
//! (the memory, then the four bells in the order of [`Bells`](crate::connection::Bells)), or a refusal. All numbers are
//! little-endian: both ends are on one machine. This file does no I/O.

use std::io;

use crate::segment::Capacities;

/// Version of these packets and of what the descriptors mean. The layout of the rings has its own.
pub(crate) const VERSION: u16 = 1;

/// The longest packet, in bytes.
pub(crate) const LONGEST: usize = 512;

const MAGIC: [u8; 4] = *b"ChSh";
/// The longest text of a refusal, in bytes.
const LONGEST_TEXT: usize = 480;

const REQUEST: u8 = 1;
const OFFER: u8 = 2;
const REFUSAL: u8 = 3;

/// What the dialler asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The port that will be asked for, if it is known: brokers give some ports buffers of their own size.
    pub(crate) port: Option<u16>,
    /// Capacity in bytes of the buffer that the dialler receives into: a power of two.
    pub(crate) capacity: u32,
}

/// What the listener says to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Offer(Capacities),
    Refusal(String),
}

/// Why a packet makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("what is there speaks another language")]
    Foreign,
    #[error(
        "it speaks version {0} of the set-up, and this program version {VERSION}: update the older one"
    )]
    Version(u16),
    #[error("it asks for a buffer of {0} bytes, which is no power of two or more than 1 GiB")]
    Capacity(u32),
    #[error(
        "it asks for a buffer of {asked} bytes, and this listener gives at most {most}: ask for less, or \
         raise `max-capacity` where it listens"
    )]
    TooMuch { asked: u32, most: usize },
}

impl From<SetupError> for io::Error {
    fn from(error: SetupError) -> io::Error {
        let kind = match error {
            SetupError::Version(_) => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

fn start(kind: u8) -> Vec<u8> {
    let mut packet = MAGIC.to_vec();
    packet.extend(VERSION.to_le_bytes());
    packet.push(kind);
    packet
}

/// The kind of a packet, and what follows it.
fn open(packet: &[u8]) -> Result<(u8, &[u8]), SetupError> {
    let rest = packet.strip_prefix(&MAGIC).ok_or(SetupError::Foreign)?;
    let (version, rest) = rest.split_first_chunk().ok_or(SetupError::Foreign)?;
    let version = u16::from_le_bytes(*version);
    if version != VERSION {
        return Err(SetupError::Version(version));
    }
    let (kind, rest) = rest.split_first().ok_or(SetupError::Foreign)?;
    Ok((*kind, rest))
}

fn capacity(bytes: [u8; 4]) -> Result<usize, SetupError> {
    let capacity = u32::from_le_bytes(bytes);
    if !capacity.is_power_of_two() || capacity as usize > ringbuf_core::MAX_CAPACITY {
        return Err(SetupError::Capacity(capacity));
    }
    Ok(capacity as usize)
}

impl Request {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut packet = start(REQUEST);
        packet.push(self.port.is_some().into());
        packet.extend(self.port.unwrap_or(0).to_le_bytes());
        packet.extend(self.capacity.to_le_bytes());
        packet
    }

    pub(crate) fn decode(packet: &[u8]) -> Result<Request, SetupError> {
        let (REQUEST, rest) = open(packet)? else {
            return Err(SetupError::Foreign);
        };
        let &[known, a, b, ref bytes @ ..] = rest else {
            return Err(SetupError::Foreign);
        };
        let bytes = bytes.try_into().map_err(|_| SetupError::Foreign)?;
        Ok(Request {
            port: (known != 0).then_some(u16::from_le_bytes([a, b])),
            // Fits: at most 2^30.
            capacity: capacity(bytes)? as u32,
        })
    }
}

impl Answer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Answer::Offer(Capacities { up, down }) => {
                let mut packet = start(OFFER);
                for capacity in [up, down] {
                    // Fits: at most 2^30.
                    packet.extend((*capacity as u32).to_le_bytes());
                }
                packet
            }
            Answer::Refusal(why) => {
                let mut packet = start(REFUSAL);
                packet.extend(&why.as_bytes()[..why.floor_char_boundary(LONGEST_TEXT)]);
                packet
            }
        }
    }

    pub(crate) fn decode(packet: &[u8]) -> Result<Answer, SetupError> {
        match open(packet)? {
            (OFFER, &[a, b, c, d, e, f, g, h]) => Ok(Answer::Offer(Capacities {
                up: capacity([a, b, c, d])?,
                down: capacity([e, f, g, h])?,
            })),
            (REFUSAL, why) => Ok(Answer::Refusal(String::from_utf8_lossy(why).into_owned())),
            _ => Err(SetupError::Foreign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_back() {
        for port in [None, Some(0), Some(65535)] {
            let request = Request {
                port,
                capacity: 1 << 30,
            };
            assert_eq!(Request::decode(&request.encode()), Ok(request));
        }
        let long = "ü".repeat(LONGEST);
        for answer in [
            Answer::Offer(Capacities {
                up: 1,
                down: 1 << 20,
            }),
            Answer::Refusal("no".into()),
        ] {
            assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
        }
        let packet = Answer::Refusal(long.clone()).encode();
        assert!(packet.len() <= LONGEST);
        assert!(
            matches!(Answer::decode(&packet), Ok(Answer::Refusal(why)) if long.starts_with(&why))
        );
    }

    // shows T2: whatever comes, it is an error that says so.
    #[test]
    fn what_makes_no_sense_is_refused() {
        let request = Request {
            port: Some(7),
            capacity: 64,
        }
        .encode();
        let offer = Answer::Offer(Capacities { up: 64, down: 64 }).encode();
        for n in 0..request.len() {
            assert_eq!(Request::decode(&request[..n]), Err(SetupError::Foreign));
        }
        for n in 0..offer.len() {
            assert_eq!(Answer::decode(&offer[..n]), Err(SetupError::Foreign));
        }
        assert_eq!(Request::decode(&offer), Err(SetupError::Foreign));
        assert_eq!(Answer::decode(&request), Err(SetupError::Foreign));
        assert_eq!(
            Request::decode(b"GET / HTTP/1.1\r\n"),
            Err(SetupError::Foreign)
        );
        let mut newer = request.clone();
        newer[4] = 2;
        assert_eq!(Request::decode(&newer), Err(SetupError::Version(2)));
        for bad in [0_u32, 3, u32::MAX, 1 << 31] {
            let mut packet = request.clone();
            packet.truncate(packet.len() - 4);
            packet.extend(bad.to_le_bytes());
            assert_eq!(Request::decode(&packet), Err(SetupError::Capacity(bad)));
        }
    }

    proptest::proptest! {
        // shows T2: no packet does harm, and one that is understood says what it says.
        #[test]
        fn any_packet_is_read_or_refused(
            kind in 0_u8..5,
            rest in proptest::collection::vec(proptest::num::u8::ANY, 0..LONGEST),
            raw: bool,
        ) {
            let packet = if raw { rest } else { [&start(kind)[..], &rest].concat() };
            if let Ok(request) = Request::decode(&packet) {
                assert_eq!(Request::decode(&request.encode()), Ok(request));
                assert!(request.capacity.is_power_of_two());
            }
            if let Ok(answer) = Answer::decode(&packet) {
                assert!(answer.encode().len() <= LONGEST);
                if let Answer::Offer(_) = answer {
                    assert_eq!(answer.encode(), packet);
                }
            }
        }
    }
}
