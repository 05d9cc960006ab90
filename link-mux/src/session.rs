//! A mux, and the noise layer below it where the line needs one: what a driver drives.

use core::time::Duration;

use crate::config::{Config, ConfigError};
use crate::event::Event;
use crate::mux::Mux;
use crate::noise::{Noise, NoiseConfig, NoiseEvent};
use crate::stream::Stream;

/// One end of a link: a [`Mux`], over a [`Noise`] layer if the line needs one.
pub struct Session<S> {
    mux: Mux<S>,
    noise: Option<Noise>,
}

impl<S: Stream> Session<S> {
    /// An end whose link is down. `seed` as in [`Mux::new`].
    ///
    /// # Errors
    /// A limit out of its range.
    pub fn new(config: Config, noise: Option<NoiseConfig>, seed: u64) -> Result<Self, ConfigError> {
        Ok(Session {
            mux: Mux::new(config, seed)?,
            noise: noise.map(|config| Noise::new(config, seed)),
        })
    }

    /// The mux: its channels and events.
    pub fn mux(&mut self) -> &mut Mux<S> {
        &mut self.mux
    }

    /// The link is there. If a session is under way, it ends.
    pub fn link_up(&mut self, now: Duration) {
        match &mut self.noise {
            None => self.mux.link_up(now),
            Some(noise) => {
                self.mux.link_down();
                noise.link_up(now);
            }
        }
    }

    /// The link is gone.
    pub fn link_down(&mut self) {
        self.mux.link_down();
        if let Some(noise) = &mut self.noise {
            noise.link_down();
        }
    }

    /// Takes bytes from the link, all of them, cut anywhere.
    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        let Some(noise) = &mut self.noise else {
            return self.mux.receive(now, bytes);
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            // Until the mux knows of the session, one packet at a time: what follows is of use only then.
            let packet = rest
                .iter()
                .position(|&byte| byte == 0)
                .filter(|_| !noise.is_open());
            let (now_known, later) = rest.split_at(packet.map_or(rest.len(), |end| end + 1));
            rest = later;
            noise.receive(now, now_known, &mut |bytes| self.mux.receive(now, bytes));
            follow(noise, &mut self.mux, now);
        }
    }

    /// Puts what is to be sent into `out`; see [`Mux::transmit`].
    pub fn transmit(&mut self, now: Duration, out: &mut [u8]) -> usize {
        let Some(noise) = &mut self.noise else {
            return self.mux.transmit(now, out);
        };
        self.mux.tick(now);
        let n = noise.transmit(now, out, &mut |out| self.mux.transmit(now, out));
        follow(noise, &mut self.mux, now);
        n
    }

    /// When [`transmit`](Self::transmit) is to be called although nothing else happens.
    pub fn deadline(&self) -> Option<Duration> {
        let Some(noise) = &self.noise else {
            return self.mux.deadline();
        };
        // What the mux has to say waits until it is asked; what it has to notice does not.
        let mux = match noise.is_full() {
            true => self.mux.silence(),
            false => self.mux.deadline(),
        };
        [mux, noise.deadline()].into_iter().flatten().min()
    }

    /// A mark behind what the mux has transmitted so far, for [`has_arrived`](Self::has_arrived).
    pub fn mark(&self) -> u64 {
        self.noise.as_ref().map_or(0, |noise| noise.position().0)
    }

    /// Whether everything before the [`mark`](Self::mark) has arrived, or will never do so, as far as this end can
    /// know. Without a layer that is told, what was given out has arrived.
    pub fn has_arrived(&self, mark: u64) -> bool {
        self.noise
            .as_ref()
            .is_none_or(|noise| noise.position().1 >= mark)
    }

    /// Whether everything that [`transmit`](Self::transmit) gave out has arrived, as far as this end can know.
    pub fn is_settled(&self) -> bool {
        self.noise.as_ref().is_none_or(Noise::is_settled)
    }
}

/// The mux's link is up while the noise layer's two ends hear each other.
fn follow<S: Stream>(noise: &mut Noise, mux: &mut Mux<S>, now: Duration) {
    while let Some(event) = noise.poll_event() {
        match event {
            NoiseEvent::Up => mux.link_up(now),
            NoiseEvent::Down => mux.link_down(),
            NoiseEvent::Version { theirs } => mux.tell(Event::Version { theirs }),
            NoiseEvent::Loop => mux.tell(Event::Loop),
        }
    }
}
