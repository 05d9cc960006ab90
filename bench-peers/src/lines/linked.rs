//! Channels over the terminal as a link.

use super::{Direction, terminal};
use crate::sockets::{BytesEnd, FromChannel, Way};
use channel::{Broker, Channel, Domain, Endpoint};
use std::fs::File;
use std::marker::PhantomData;
use transport_link::{Descriptor, Device, LinkTransport, NoiseConfig, Once, PlaceError, Settings};

const PORT: u16 = 7;

/// How the link is used.
pub trait Mode: Send + 'static {
    /// The scheme of its endpoints.
    const SCHEME: &'static str = "link";
    /// Its settings.
    fn settings() -> Settings {
        Settings::default()
    }
}

/// One channel, whose bytes are the link's.
pub struct Plain;
/// Many channels.
pub struct Mux;
/// Many channels over packets that are checked and sent again.
pub struct Noise;
/// The same with the packets of a fast serial line, as `serial:` chooses them.
pub struct Packets;

impl Mode for Plain {
    const SCHEME: &'static str = "link+plain";
}

impl Mode for Mux {}

fn noisy(noise: NoiseConfig) -> Settings {
    let mut settings = Settings::default();
    // One packet, one frame.
    settings.mux.max_frame = noise.payload.into();
    settings.noise = Some(noise);
    settings
}

impl Mode for Noise {
    fn settings() -> Settings {
        noisy(NoiseConfig {
            payload: 4096,
            window: 32,
            ..NoiseConfig::for_baud(12_000_000)
        })
    }
}

impl Mode for Packets {
    fn settings() -> Settings {
        noisy(NoiseConfig::for_baud(12_000_000))
    }
}

/// A domain that has `link://cable`.
pub fn domain(settings: Settings, device: impl Device + 'static) -> Domain {
    let links = LinkTransport::new(["link"], |at| {
        Err(PlaceError::Unsupported(format!("no such link: {at}")))
    });
    links.add("cable", settings, device);
    let domain = Domain::new();
    domain.add(links);
    domain
}

fn broker(name: &str, settings: Settings, end: File) -> Broker {
    let link = Descriptor::new(end).expect("a terminal");
    let domain = domain(settings, Once::new(link));
    domain.broker(name).expect("a new domain")
}

/// Channels over a terminal, in the mode `M`.
pub struct Linked<M, D>(PhantomData<(M, D)>);

impl<M: Mode, D: Direction> Way for Linked<M, D> {
    type Raw = Channel;
    type End = BytesEnd;

    fn connect() -> (Channel, Channel) {
        let (a, b) = D::ends(terminal());
        let at = |rest: &str| -> Endpoint {
            let text = format!("{}://cable{rest}", M::SCHEME);
            text.parse().expect("an endpoint")
        };
        let server = broker("server", M::settings(), b);
        let listening = if M::SCHEME.ends_with("plain") {
            at(&format!("?port={PORT}"))
        } else {
            at("")
        };
        let _bound = server.listen(&listening).expect("the link is there");
        let connecting = std::thread::spawn(move || {
            let client = broker("client", M::settings(), a);
            client.connect_at(&at(""), PORT, None)
        });
        let accepted = server.accept(PORT).expect("the broker is open");
        let connected = connecting.join().expect("the connecting thread");
        (connected.expect("the server listens"), accepted)
    }

    async fn end(channel: Channel, size: usize) -> BytesEnd {
        BytesEnd::from_channel(channel, size)
    }
}
