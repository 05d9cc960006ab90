//! Nothing stands still: a line whose link has queues of transfers, and what happens at any moment between two steps of
//! its driver, by chance. Before the driver sleeps all that can move has moved, or it is told of it.
//!
//! In the engine a line also tries again now and then; here it does not, as that would hide what is missed.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::task::Wake;

use super::*;
use crate::link::Descriptors;

/// Bytes of a transfer that comes, which are more than are taken at once.
const COMES: usize = 5;
const TAKEN: usize = 7;

const SEEDS: u64 = 3_000;
const STEPS: usize = 40;

/// Xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % n
    }
}

/// What both sides of the system know of the transfers.
struct Bus {
    /// Buffers that wait for something to come.
    vacant: usize,
    /// What has come, and was not noted.
    come: Vec<usize>,
    sending: usize,
    /// Sent, and not noted.
    sent: usize,
    /// Who is told: a descriptor, or the waker of the last call.
    tell: Option<UnixStream>,
    waker: Option<Waker>,
}

impl Bus {
    fn comes(&mut self) {
        if self.vacant > 0 {
            self.vacant -= 1;
            self.come.push(COMES);
            self.tell();
        }
    }

    fn leaves(&mut self) {
        if self.sending > 0 {
            self.sending -= 1;
            self.sent += 1;
            self.tell();
        }
    }

    fn tell(&mut self) {
        match (&mut self.tell, self.waker.take()) {
            // Full: it is readable anyway.
            (Some(tell), _) => drop(tell.write(&[0])),
            (None, Some(waker)) => waker.wake(),
            (None, None) => {}
        }
    }
}

/// A link that notes what has happened when it has to, as one of USB does.
struct Transfers {
    bus: Arc<Mutex<Bus>>,
    told: Option<UnixStream>,
    lends: bool,
    most: usize,
    /// What was noted.
    received: VecDeque<usize>,
    sending: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    buffer: [u8; 64],
}

impl Transfers {
    /// Takes note of what has happened; whether that was something for the reader, and for the writer.
    fn note(&mut self, cx: &mut Context<'_>) -> (bool, bool) {
        let mut bus = self.bus.lock().unwrap();
        match &mut self.told {
            Some(told) => while told.read(&mut [0; 64]).is_ok_and(|n| n > 0) {},
            None => bus.waker = Some(cx.waker().clone()),
        }
        let news = (!bus.come.is_empty(), bus.sent > 0);
        self.received.extend(bus.come.drain(..));
        self.sending -= std::mem::take(&mut bus.sent);
        news
    }

    fn note_for_reader(&mut self, cx: &mut Context<'_>) {
        if self.note(cx).1
            && let Some(writer) = self.writer.take()
        {
            writer.wake();
        }
    }

    fn note_for_writer(&mut self, cx: &mut Context<'_>) {
        if self.note(cx).0
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
    }
}

impl Lend for Transfers {
    fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.received.is_empty() {
            self.note_for_reader(cx);
        }
        match self.received.front() {
            Some(&n) => Poll::Ready(Ok(&self.buffer[..n])),
            None => {
                self.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn consume(&mut self, n: usize) {
        let front = self.received.front_mut().unwrap();
        *front -= n;
        if *front == 0 {
            self.received.pop_front();
            self.bus.lock().unwrap().vacant += 1;
        }
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut [u8]>> {
        if self.sending >= self.most {
            self.note_for_writer(cx);
        }
        if self.sending >= self.most {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(&mut self.buffer))
    }

    fn send(&mut self, _: usize) -> io::Result<()> {
        self.sending += 1;
        self.bus.lock().unwrap().sending += 1;
        Ok(())
    }
}

impl Link for Transfers {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let n = ready!(self.poll_received(cx))?.len().min(into.len());
        self.consume(n);
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx))?;
        self.send(from.len())?;
        Poll::Ready(Ok(from.len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.sending > 0 {
            self.note_for_writer(cx);
        }
        if self.sending == 0 {
            return Poll::Ready(Ok(()));
        }
        self.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lends(&mut self) -> Option<&mut dyn Lend> {
        self.lends.then_some(self)
    }

    fn descriptors(&self) -> Option<Descriptors<'_>> {
        let told = self.told.as_ref();
        told.map(|told| Descriptors::News(told.as_fd()))
    }
}

/// What the line's driver moves: it has so much room, and so many bytes to send, one at a time.
#[derive(Default)]
struct Bytes {
    room: usize,
    out: usize,
}

impl Load for Bytes {
    fn news(&mut self, _: Duration) -> bool {
        false
    }
    fn link_up(&mut self, _: Duration) {}
    fn link_down(&mut self) {}
    fn cannot_open(&mut self, _: &Arc<io::Error>) {}
    fn room(&mut self) -> usize {
        self.room
    }
    fn receive(&mut self, _: Duration, bytes: &[u8]) {
        self.room -= bytes.len();
    }
    fn transmit(&mut self, _: Duration, _: &mut [u8]) -> usize {
        let n = self.out.min(1);
        self.out -= n;
        n
    }
    fn sent(&mut self) {}
    fn deadline(&self) -> Option<Duration> {
        None
    }
    fn tick(&mut self, _: Duration) {}
    fn wants_link(&mut self) -> bool {
        true
    }
    fn is_idle(&mut self) -> bool {
        false
    }
}

/// By what the link and users call the driver.
struct Call(Bell);

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.0.ring();
    }
}

struct Scene {
    random: Random,
    bus: Arc<Mutex<Bus>>,
    line: Line,
    load: Bytes,
    call: Arc<Call>,
    what: String,
    most: usize,
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (lends, told) = (random.below(4) > 0, random.below(3) > 0);
        let most = 1 + random.below(3) as usize;
        let (told, tell) = match told {
            true => {
                let ends = UnixStream::pair().unwrap();
                ends.0.set_nonblocking(true).unwrap();
                ends.1.set_nonblocking(true).unwrap();
                (Some(ends.0), Some(ends.1))
            }
            false => (None, None),
        };
        let what = format!(
            "seed {seed}, lends: {lends}, a descriptor: {}, {most} transfers",
            told.is_some()
        );
        let bus = Arc::new(Mutex::new(Bus {
            vacant: 2,
            come: Vec::new(),
            sending: 0,
            sent: 0,
            tell,
            waker: None,
        }));
        let link = Transfers {
            bus: bus.clone(),
            told,
            lends,
            most,
            received: VecDeque::new(),
            sending: 0,
            reader: None,
            writer: None,
            buffer: [0; 64],
        };
        let call = Arc::new(Call(Bell::default()));
        call.0.mine();
        Scene {
            random,
            bus,
            line: Line::new(Box::new(link), 64),
            load: Bytes::default(),
            call,
            what,
            most,
        }
    }

    fn happens(&mut self) {
        match self.random.below(5) {
            0 => {
                self.load.out += 1;
                self.call.0.ring();
            }
            1 => {
                if self.load.room == 0 {
                    self.call.0.ring();
                }
                self.load.room += TAKEN;
            }
            2 => self.bus.lock().unwrap().comes(),
            3 => self.bus.lock().unwrap().leaves(),
            _ => {}
        }
    }

    fn may_happen(&mut self) {
        if self.random.below(9) == 0 {
            self.happens();
        }
    }

    /// What the driver does until it would sleep.
    fn works(&mut self) {
        let waker = Waker::from(self.call.clone());
        loop {
            // Not by itself.
            self.line.turns = 0;
            if self.call.0.hush() {
                self.line.called();
            }
            self.may_happen();
            let heard = self.line.hear(&mut self.load, &waker, Duration::ZERO);
            self.may_happen();
            let said = self.line.say(&mut self.load, &waker, Duration::ZERO);
            if heard.unwrap() | said.unwrap() {
                continue;
            }
            self.may_happen();
            if !self.is_woken() {
                return;
            }
        }
    }

    /// Whether a sleep would end at once.
    fn is_woken(&mut self) -> bool {
        let room = self.load.room > 0;
        let before = (self.line.readable, self.line.writable);
        let looks = room && self.line.readable;
        let called = self.line.sleep(&self.call.0, room, Some(Instant::now()));
        if called {
            self.line.called();
        }
        let after = (self.line.readable, self.line.writable);
        looks || called || before != after || self.call.0.is_called()
    }

    fn check(&self) {
        let bus = self.bus.lock().unwrap();
        let (load, what) = (&self.load, &self.what);
        assert!(load.room == 0 || bus.come.is_empty(), "not read: {what}");
        assert!(
            load.out == 0 || bus.sending >= self.most,
            "not sent: {what}"
        );
        // While there is no room, it is not told of what was sent: the driver looks now and then.
        let all_sent = bus.sending == 0 && load.out == 0;
        assert!(
            load.room == 0 || !all_sent || self.line.is_through(),
            "not flushed: {what}"
        );
    }
}

// shows C2, T5
#[test]
fn nothing_stands_still() {
    for seed in 0..SEEDS {
        let mut scene = Scene::new(seed);
        for _ in 0..STEPS {
            scene.happens();
            // It slept until then.
            if scene.is_woken() {
                scene.works();
            }
            scene.check();
        }
    }
}
