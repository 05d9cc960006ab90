//! One session after another: hellos, keys and limits, and what the two halves do meanwhile.

use core::time::Duration;

use crate::greeting::{Greeting, Heard, Versions};

use super::NoiseEvent;
use super::config::NoiseConfig;
use super::line::{self, DELIMITER};
use super::packet::{self, Ack, CHECK, Data, HEAD, Hello, Key, Said};
use super::receiver::{Outcome, Receiver};
use super::sender::Sender;

/// The state of a line that is up or down.
pub(super) struct Session {
    config: NoiseConfig,
    /// Whether there is a line.
    line: bool,
    greeting: Greeting,
    /// The peer's limits, from its latest hello.
    limits: (u16, u8),
    /// For packets from here to the peer, and from there.
    keys: (Key, Key),
    sender: Sender,
    receiver: Receiver,
    /// When something of this session was heard last.
    heard: Duration,
    /// The session that the caller knows of, by this end's id.
    told: Option<u64>,
    notice: Option<NoiseEvent>,
    /// Told once for each time that the line goes up.
    versions: Versions,
    looped: bool,
}

impl Session {
    pub(super) fn new(config: NoiseConfig, seed: u64) -> Session {
        Session {
            sender: Sender::new(&config),
            receiver: Receiver::new(&config),
            limits: (config.payload, config.window),
            config,
            line: false,
            greeting: Greeting::new(seed),
            keys: (Key::PLAIN, Key::PLAIN),
            heard: Duration::ZERO,
            told: None,
            notice: None,
            versions: Versions::default(),
            looped: false,
        }
    }

    pub(super) fn link_up(&mut self, now: Duration) {
        self.line = true;
        self.notice = None;
        self.versions = Versions::default();
        self.looped = false;
        self.greeting.begin(now);
    }

    pub(super) fn link_down(&mut self) {
        self.line = false;
        self.notice = None;
        self.greeting.end();
    }

    /// The session that is established, by this end's id, which no other session has.
    fn current(&self) -> Option<u64> {
        self.greeting
            .is_established()
            .then(|| self.greeting.ids().0)
    }

    /// Whether the caller knows of the session that is established.
    pub(super) fn is_open(&self) -> bool {
        self.told.is_some() && self.told == self.current()
    }

    /// Takes a packet from the line, which may be anything.
    pub(super) fn packet(&mut self, now: Duration, packet: &[u8], deliver: &mut dyn FnMut(&[u8])) {
        if !self.line {
            return;
        }
        match packet::read_hello(packet) {
            Some(Said::Hello(hello)) => self.hello(now, hello),
            Some(Said::Version(theirs)) => self.notice(NoiseEvent::Version { theirs }),
            None => {
                if self.greeting.ids().1 != 0
                    && let Some((ack, data)) = packet::read(packet, self.keys.1)
                {
                    // Only an end that hears this one can have made its check.
                    if self.greeting.confirmed() {
                        self.begin(now);
                    }
                    if self.sender.acknowledged(now, &ack) && self.data(now, data, deliver) {
                        self.heard = now;
                    }
                }
            }
        }
    }

    /// Whether it could be right.
    fn data(
        &mut self,
        now: Duration,
        data: Option<Data<'_>>,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> bool {
        let Some(data) = data else { return true };
        if self.is_open() {
            return self.receiver.take(now, data, deliver) == Outcome::Good;
        }
        self.receiver.pass(now, data);
        true
    }

    fn hello(&mut self, now: Duration, hello: Hello) {
        let mut heard = self.greeting.heard(now, hello.ids);
        if heard == Heard::Restarted {
            self.greeting.begin(now);
            heard = self.greeting.heard(now, hello.ids);
        }
        if heard == Heard::Loop {
            return self.notice(NoiseEvent::Loop);
        }
        self.limits = (hello.payload, hello.window);
        let (own, theirs) = self.greeting.ids();
        self.keys = (Key::of(own, theirs), Key::of(theirs, own));
        if heard == Heard::Established {
            self.begin(now);
        } else if self.greeting.is_established() {
            // It may lack this end's last hello: an acknowledgement tells it as much.
            self.receiver.acknowledge(now);
        }
    }

    /// The session begins.
    fn begin(&mut self, now: Duration) {
        let (payload, window) = self.limits;
        let window = window.min(self.config.window);
        self.sender.begin(payload.min(self.config.payload), window);
        self.receiver.begin(window);
        self.heard = now;
    }

    fn notice(&mut self, what: NoiseEvent) {
        let news = match what {
            NoiseEvent::Version { theirs } => self.versions.is_news(theirs),
            _ => !core::mem::replace(&mut self.looped, true),
        };
        if news {
            self.notice = Some(what);
        }
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Duration) {
        if self.end_of_patience().is_some_and(|at| now >= at) {
            self.greeting.begin(now);
        } else if self.greeting.is_established() {
            self.sender.expire(now);
        }
    }

    fn end_of_patience(&self) -> Option<Duration> {
        let waiting = self.sender.waiting()?;
        let session = self.greeting.is_established();
        session.then(|| waiting.max(self.heard).saturating_add(self.config.patience))
    }

    /// Puts the next packet into `out`, which has room for the longest, if there is one to be sent.
    pub(super) fn transmit(
        &mut self,
        now: Duration,
        out: &mut [u8],
        fill: &mut dyn FnMut(&mut [u8]) -> usize,
    ) -> usize {
        if let Some(ids) = self.greeting.hello(now) {
            let (payload, window) = (self.config.payload, self.config.window);
            let hello = Hello {
                ids,
                payload,
                window,
            };
            // What lies in the line before it, be it noise, is not part of it.
            out[0] = DELIMITER;
            return 1 + line::stuff(&hello.sealed(), &mut out[1..]);
        }
        if !self.greeting.is_established() {
            return 0;
        }
        let ack = self.receiver.ack();
        let open = self.is_open();
        let mut fill = |room: &mut [u8]| if open { fill(room) } else { 0 };
        if let Some(sent) = self.sender.transmission(now, &mut fill) {
            self.receiver.acknowledged();
            let data = Some((sent.stamp, sent.number));
            return send(self.keys.0, &ack, data, sent.packet, out);
        }
        if self.receiver.deadline().is_some_and(|at| now >= at) {
            self.receiver.acknowledged();
            return send(self.keys.0, &ack, None, &mut [0; HEAD + CHECK], out);
        }
        0
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        let established = self.greeting.is_established();
        let timers = [
            self.greeting.deadline(),
            self.receiver.deadline().filter(|_| established),
            self.sender.deadline().filter(|_| established),
            self.end_of_patience(),
        ];
        timers.into_iter().flatten().min()
    }

    pub(super) fn poll_event(&mut self) -> Option<NoiseEvent> {
        let current = self.current();
        if self.told.is_some() && self.told != current {
            self.told = None;
            Some(NoiseEvent::Down)
        } else if self.told.is_none() && current.is_some() {
            self.told = current;
            Some(NoiseEvent::Up)
        } else {
            self.notice.take()
        }
    }

    /// Whether nothing more of the stream can be sent now.
    pub(super) fn is_full(&self) -> bool {
        !self.is_open() || self.sender.is_full()
    }

    /// How many packets were sent, and how many of them have arrived or will never do so.
    pub(super) fn position(&self) -> (u64, u64) {
        let (sent, settled) = self.sender.position();
        let session = self.greeting.is_established();
        (sent, if session { settled } else { sent })
    }

    pub(super) fn is_settled(&self) -> bool {
        let session = self.greeting.is_established();
        !session || self.sender.is_settled() && self.receiver.deadline().is_none()
    }
}

/// Completes a packet, whose payload lies between room for the longest head and that for the check.
fn send(key: Key, ack: &Ack, data: Option<(u8, u16)>, packet: &mut [u8], out: &mut [u8]) -> usize {
    let start = packet::write_head(ack, data, packet);
    key.seal(&mut packet[start..]);
    line::stuff(&packet[start..], out)
}
