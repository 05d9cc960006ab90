//! The stream between a mux and an application: queues, and a watch over both sides' use of the contract.

use link_mux::{End, Pull, Queues, Reading, Stream};

pub struct Tap {
    pub queues: Queues,
    /// The session was lost, or the channel refused.
    pub lost: bool,
    /// The mux has called since this was cleared.
    pub stirred: bool,
    /// What the mux was told last: nothing waits.
    dry: bool,
    ended: bool,
    stopped: bool,
    finished: bool,
    /// How much had been read when the mux asked last, and what it wanted to hear of.
    asked: u64,
    wanted: Option<u32>,
    over: bool,
    read: u64,
}

impl Tap {
    pub fn new(inbound: u32, outbound: u32) -> Tap {
        Tap {
            queues: Queues::on_demand(inbound, outbound),
            lost: false,
            stirred: true,
            dry: false,
            ended: false,
            stopped: false,
            finished: false,
            asked: 0,
            wanted: None,
            over: false,
            read: 0,
        }
    }

    pub fn read(&mut self, out: &mut [u8]) -> usize {
        let n = self.queues.read(out);
        self.read += n as u64;
        n
    }

    /// Whether the contract of `Stream` asks for a touch.
    pub fn needs_touch(&mut self) -> bool {
        if self.dry && !self.stopped {
            // Whatever is there now was not there when the mux looked.
            let something = !matches!(self.queues.pull(&mut []), Pull::Empty);
            if something {
                return true;
            }
        }
        if self.over {
            return false;
        }
        if matches!(self.queues.reading(None), Reading::Over { .. }) {
            return true;
        }
        let more = self.read - self.asked;
        self.wanted.is_some_and(|wanted| {
            more >= u64::from(wanted) || more > 0 && self.queues.readable() == 0
        })
    }
}

impl Stream for Tap {
    fn capacity(&self) -> u32 {
        self.queues.capacity()
    }

    fn pull(&mut self, out: &mut [u8]) -> Pull {
        self.stirred = true;
        assert!(!self.lost, "pulled after a loss");
        assert!(!self.ended, "pulled after the end");
        assert!(!self.stopped, "pulled though nobody reads any more");
        let pull = self.queues.pull(out);
        self.dry = pull == Pull::Empty;
        self.ended = matches!(pull, Pull::End(_));
        pull
    }

    fn push(&mut self, bytes: &[u8]) {
        self.stirred = true;
        assert!(!self.lost, "pushed after a loss");
        assert!(!self.finished, "pushed after the end");
        self.queues.push(bytes);
    }

    fn finish(&mut self, end: End) {
        self.stirred = true;
        assert!(!self.lost, "finished after a loss");
        assert!(!self.finished, "finished twice");
        self.finished = true;
        self.queues.finish(end);
    }

    fn reading(&mut self, wanted: Option<u32>) -> Reading {
        self.stirred = true;
        assert!(!self.lost, "asked after a loss");
        let reading = self.queues.reading(wanted);
        (self.asked, self.wanted) = (self.read, wanted);
        self.over = matches!(reading, Reading::Over { .. });
        reading
    }

    fn stopped(&mut self, read: u64, end: End) {
        self.stirred = true;
        assert!(!self.lost, "stopped after a loss");
        assert!(!self.stopped, "stopped twice");
        self.stopped = true;
        self.queues.stopped(read, end);
    }

    fn lost(&mut self) {
        self.stirred = true;
        assert!(!self.lost, "lost twice");
        self.lost = true;
        self.queues.lost();
    }
}
