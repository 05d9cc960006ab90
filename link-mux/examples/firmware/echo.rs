//! The echo service of a device: what its main loop calls. It needs `alloc`, and nothing else.

use alloc::vec::Vec;
use core::time::Duration;

use channel_wire::hello::{
    HelloDecoder, HelloError, Message, Refusal, Refused, Role, Step, Version, Welcome,
};
use link_mux::noise::NoiseConfig;
use link_mux::{ChannelId, Config, End, Event, Queues, Session};

/// Each channel's buffers: 2 KiB in all.
const BUFFER: u32 = 1024;

/// Whoever opens a channel and asks for the broker `echo`, at any port, gets its bytes back.
pub struct Echo {
    session: Session<Queues>,
    /// The open channels, and how far each has got in its handshake.
    channels: Vec<(ChannelId, HelloDecoder)>,
}

impl Echo {
    /// A device that serves 8 channels at most; `seed` is another one after each start (the hardware's random
    /// numbers, or a counter in memory that lasts). `noise` for a line that damages bytes.
    pub fn new(noise: Option<NoiseConfig>, seed: u64) -> Echo {
        let config = Config {
            max_frame: 1024,
            max_channels: 8,
            max_credit: u64::from(8 * BUFFER),
            ..Config::default()
        };
        Echo {
            session: Session::new(config, noise, seed).expect("limits in their ranges"),
            channels: Vec::new(),
        }
    }

    /// The line is there. `now`: since the device started.
    pub fn link_up(&mut self, now: Duration) {
        self.session.link_up(now);
    }

    /// The line has brought these bytes.
    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        self.session.receive(now, bytes);
        self.serve();
    }

    /// Fills `out` (1 KiB or more) with what the line is to carry; returns how much that is. To be called after
    /// `receive`, until it is 0, and when [`deadline`](Self::deadline) has come.
    pub fn transmit(&mut self, now: Duration, out: &mut [u8]) -> usize {
        let n = self.session.transmit(now, out);
        // There may be room now.
        self.serve();
        n
    }

    /// When `transmit` is to be called although nothing has come: until then the device may sleep.
    pub fn deadline(&self) -> Option<Duration> {
        self.session.deadline()
    }

    fn serve(&mut self) {
        let mux = self.session.mux();
        while let Some(event) = mux.poll_event() {
            match event {
                Event::Incoming(id) => {
                    let accepted = mux.accept(id, Queues::new(BUFFER, BUFFER));
                    if accepted.is_ok() {
                        let handshake = HelloDecoder::new(Role::Acceptor);
                        self.channels.push((id, handshake));
                    }
                }
                Event::Closed(id) => self.channels.retain(|(open, _)| *open != id),
                Event::Down(_) => self.channels.clear(),
                _ => {}
            }
        }
        for (id, handshake) in &mut self.channels {
            if let Some(queues) = mux.stream_mut(*id)
                && advance(handshake, queues)
            {
                mux.touch(*id);
            }
        }
    }
}

/// Does for a channel what can be done now; whether that was anything.
fn advance(handshake: &mut HelloDecoder, queues: &mut Queues) -> bool {
    let mut buffer = [0; 256];
    let mut news = false;
    loop {
        // Of a handshake as many bytes as it needs; of what follows as many as can be echoed.
        let most = match handshake.is_finished() {
            true => queues.writable(),
            false => handshake.wants(),
        };
        let most = most.min(buffer.len());
        let n = queues.read(&mut buffer[..most]);
        if n == 0 {
            break;
        }
        news = true;
        if handshake.is_finished() {
            queues.write(&buffer[..n]);
            continue;
        }
        match answer(handshake.feed(&buffer[..n])) {
            Ok(None) => {}
            Ok(Some(welcome)) => say(Message::Welcome(welcome), queues),
            Err(refused) => {
                if let Some(refused) = refused {
                    say(Message::Refused(refused), queues);
                }
                queues.finish_writing(End::Orderly);
                queues.stop_reading(End::Orderly);
            }
        }
    }
    if let Some(end) = queues.ended() {
        queues.finish_writing(end);
        news = true;
    }
    if queues.receipt().is_some() {
        // Nobody reads an echo any more.
        queues.stop_reading(End::Orderly);
        news = true;
    }
    news
}

/// What to say to a connector that has said this; an error ends the channel.
fn answer(said: Result<Step, HelloError>) -> Result<Option<Welcome>, Option<Refused>> {
    match said.map_err(|e| e.refusal())? {
        Step::Message {
            message: Message::Hello(hello),
            ..
        } if hello.broker != "echo" => Err(Some(Refused::new(
            Refusal::NoSuchBroker,
            "there is `echo` here",
        ))),
        Step::Message {
            message: Message::Hello(_),
            ..
        } => Ok(Some(Welcome {
            version: Version::CURRENT,
            capacity: BUFFER,
        })),
        _ => Ok(None),
    }
}

fn say(message: Message, queues: &mut Queues) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes).expect("texts that fit");
    // There is room: it is the first that is written.
    queues.write(&bytes);
}
