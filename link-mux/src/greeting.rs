//! How two ends find that they hear each other, and which session it is.
//!
//! Each end has an id of its own, new for every session, and says the id of the other end that it has heard. Who
//! hears its own id said knows that the other end speaks to *it*, now, and that every byte behind that is of this session: a link keeps
//! order. Whatever an earlier session left in the link lies before it and is dropped.

use core::time::Duration;

/// The two ids in a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    /// The sender's.
    pub own: u64,
    /// The one that the sender has heard; 0: none yet.
    pub heard: u64,
}

/// What a hello means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing new.
    Nothing,
    /// The other end hears this one: the session begins behind this hello.
    Established,
    /// The session is over: the other end has begun another one.
    Restarted,
    /// This end hears itself.
    Loop,
}

/// A hello that was not answered is said again after this time, at first.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// And after twice as long each time, up to this: an end whose other end is absent sends 40 bytes a second.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Versions that were told of. Each is told once: else a line that says now this and now that would fill a log.
#[derive(Debug, Default)]
pub(crate) struct Versions([u64; 4]);

impl Versions {
    /// Whether this one is to be told.
    pub(crate) fn is_news(&mut self, version: u8) -> bool {
        let (word, bit) = (usize::from(version / 64), 1 << (version % 64));
        let news = self.0[word] & bit == 0;
        self.0[word] |= bit;
        news
    }
}

/// One end's state.
pub(crate) struct Greeting {
    seed: u64,
    own: u64,
    theirs: Option<u64>,
    established: bool,
    /// When to say hello (again).
    due: Option<Duration>,
    pause: Duration,
    /// Nothing is said before.
    not_before: Duration,
}

impl Greeting {
    pub(crate) fn new(seed: u64) -> Greeting {
        Greeting {
            seed,
            own: 0,
            theirs: None,
            established: false,
            due: None,
            pause: FIRST_PAUSE,
            not_before: Duration::ZERO,
        }
    }

    /// A new session is to begin, at this time.
    pub(crate) fn begin(&mut self, at: Duration) {
        self.new_id();
        self.theirs = None;
        self.established = false;
        self.pause = FIRST_PAUSE;
        self.due = Some(at);
        self.not_before = at;
    }

    fn new_id(&mut self) {
        // The increment of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
        // generators", OOPSLA 2014): no id comes twice in 2^64, and ends with different seeds do not meet.
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        // 0 says "none".
        self.own = (z ^ (z >> 31)).max(1);
    }

    /// There is no link: nothing is said.
    pub(crate) fn end(&mut self) {
        self.theirs = None;
        self.established = false;
        self.due = None;
    }

    /// Whether the other end is known to hear this one.
    pub(crate) fn is_established(&self) -> bool {
        self.established
    }

    /// The session's two ids, this end's first.
    pub(crate) fn ids(&self) -> (u64, u64) {
        (self.own, self.theirs.unwrap_or(0))
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.due
    }

    /// What to say now, if anything.
    pub(crate) fn hello(&mut self, now: Duration) -> Option<Ids> {
        if self.due.is_none_or(|due| now < due) {
            return None;
        }
        if self.established {
            self.due = None;
        } else {
            self.due = Some(now + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        Some(Ids {
            own: self.own,
            heard: self.theirs.unwrap_or(0),
        })
    }

    /// The other end, which this one hears, waits for a hello that it has not heard, or has lost.
    pub(crate) fn say_again(&mut self, now: Duration) {
        self.due = Some(now);
    }

    /// Something came that only an end can have sent which hears this one. Where hellos may be lost, that does as
    /// well as one. Whether the session begins behind it.
    pub(crate) fn confirmed(&mut self) -> bool {
        if self.established || self.theirs.is_none() {
            return false;
        }
        self.established = true;
        self.due = None;
        true
    }

    /// The other end's hello.
    pub(crate) fn heard(&mut self, now: Duration, ids: Ids) -> Heard {
        if ids.own == self.own {
            return Heard::Loop;
        }
        if self.established {
            if self.theirs == Some(ids.own) {
                if ids.heard != self.own {
                    // It has not heard this end yet, or heard of an older session.
                    self.due = Some(now.max(self.not_before));
                }
                return Heard::Nothing;
            }
            return Heard::Restarted;
        }
        let news = self.theirs != Some(ids.own);
        self.theirs = Some(ids.own);
        self.established = ids.heard == self.own;
        if news || self.established {
            // It waits for this.
            self.due = Some(now.max(self.not_before));
            self.pause = FIRST_PAUSE;
        }
        if self.established {
            Heard::Established
        } else {
            Heard::Nothing
        }
    }
}
