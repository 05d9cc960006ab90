//! Rings in memory that another process maps: what `attach` refuses, honest
//! use through two mappings, and a process that writes what it likes.
//!
//! The ring's last byte is the last of its mapping, and inaccessible pages lie
//! on both sides: an access that leaves the mapping is a crash.
#![cfg(all(not(loom), not(miri), target_os = "linux"))]

mod common;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, Command, Stdio};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

use common::{Pages, Random, byte_at};
use ringbuf_core::{AttachError, Consumer, MAX_CAPACITY, Producer, Region, Sleep};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

const CAPACITY: usize = 4096;
const PAGE: usize = 4096;

/// A mapping of a file, between inaccessible pages.
struct Mapping {
    reserved: *mut u8,
    pages: usize,
}

// SAFETY: plain memory; what is done with it is the ring's.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: impl AsFd, pages: usize) -> Self {
        let len = (pages + 2) * PAGE;
        // SAFETY: a new reservation, of which the middle becomes the file.
        unsafe {
            let reserved =
                mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), MapFlags::PRIVATE)
                    .unwrap();
            mmap(
                reserved.byte_add(PAGE),
                pages * PAGE,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::FIXED,
                file,
                0,
            )
            .unwrap();
            Self {
                reserved: reserved.cast(),
                pages,
            }
        }
    }

    /// Where the last `len` bytes begin.
    fn last(&self, len: usize) -> NonNull<u8> {
        let end = (1 + self.pages) * PAGE;
        // SAFETY: within the reservation.
        NonNull::new(unsafe { self.reserved.add(end - len) }).unwrap()
    }

    fn ring(self: &Arc<Self>) -> Ring {
        let len = Region::required_len(CAPACITY);
        // SAFETY: mapped as long as the `Arc` lives.
        unsafe { Region::attach(self.last(len), len, self.clone()).unwrap() }
    }

    /// A word of the header, as another process would reach it.
    fn word(&self, offset: usize) -> &AtomicUsize {
        let at = self.last(Region::required_len(CAPACITY));
        // SAFETY: in the header, aligned; the ring accesses it atomically.
        unsafe { at.add(offset).cast().as_ref() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: reserved by `new`; nothing borrows it any more.
        unsafe { munmap(self.reserved.cast(), (self.pages + 2) * PAGE).unwrap() };
    }
}

type Ring = Region<Arc<Mapping>>;

fn memfd() -> File {
    let fd = rustix::fs::memfd_create("ring", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let file = File::from(fd);
    file.set_len((2 * PAGE) as u64).unwrap();
    file
}

/// A new ring in a new file, mapped twice.
fn mapped_twice() -> (Arc<Mapping>, Arc<Mapping>) {
    let file = memfd();
    let (one, other) = (Mapping::new(&file, 2), Mapping::new(&file, 2));
    let len = Region::required_len(CAPACITY);
    // SAFETY: mapped for the time of the call; nobody else uses it yet.
    unsafe { Region::create_starting_at(one.last(len), len, CAPACITY, (), usize::MAX - 99) }
        .unwrap();
    (Arc::new(one), Arc::new(other))
}

// The header's layout, restated: head, tail, then the rare words.
const HEAD: usize = 0;
const TAIL: usize = 128;
const RARE: usize = 256;
const END: usize = RARE + 28_usize.next_multiple_of(size_of::<usize>());
const READ: usize = END + size_of::<usize>();

// shows R3
#[test]
fn attach_refuses() {
    let len = Region::required_len(64);
    let pages = Pages::new(len);
    // SAFETY: in every call below: the pages outlive the region.
    let attach = |len| unsafe { Region::attach(pages.ptr(), len, ()).map(|r| r.capacity()) };
    // SAFETY: as above.
    let create = |len, capacity| unsafe {
        Region::create(pages.ptr(), len, capacity, ()).map(|r| r.capacity())
    };
    // SAFETY: the address is not used.
    let odd = unsafe { Region::attach(pages.ptr().add(8), len - 8, ()) };
    let needed = Region::ALIGNMENT;
    assert_eq!(odd.unwrap_err(), AttachError::Misaligned { needed });
    assert_eq!(attach(len), Err(AttachError::NoRing));
    let needed = Region::required_len(0);
    assert_eq!(attach(100), Err(AttachError::TooShort { len: 100, needed }));

    for capacity in [0, 3, 63, MAX_CAPACITY * 2] {
        let refused = Err(AttachError::Capacity { found: capacity });
        assert_eq!(create(len, capacity), refused);
    }
    let short = Err(AttachError::TooShort {
        len: len - 1,
        needed: len,
    });
    assert_eq!(create(len - 1, 64), short);
    assert_eq!(create(len, 64), Ok(64));
    assert_eq!(attach(len), Ok(64));
    assert_eq!(attach(len - 1), short);

    // The rare words: state, two sleep flags, magic, version, width, capacity.
    let word = |index: usize| {
        // SAFETY: within the header; nothing else uses the ring.
        unsafe {
            pages
                .ptr()
                .add(RARE)
                .cast::<AtomicU32>()
                .add(index)
                .as_ref()
        }
    };
    let with = |index: usize, value: u32| {
        let old = word(index).swap(value, Ordering::Relaxed);
        let refused = attach(len).unwrap_err();
        word(index).store(old, Ordering::Relaxed);
        assert!(refused.to_string().contains(';'), "{refused}");
        refused
    };
    assert_eq!(with(3, 0), AttachError::NoRing);
    let (found, expected) = (7, 2);
    assert_eq!(with(4, 7), AttachError::Version { found, expected });
    let (found, expected) = (16, usize::BITS);
    let width = AttachError::PointerWidth { found, expected };
    assert_eq!(with(5, 16), width);
    for found in [0, 48, 65, 1 << 31, u32::MAX] {
        let capacity = AttachError::Capacity {
            found: found as usize,
        };
        assert_eq!(with(6, found), capacity);
    }
    let needed = Region::required_len(128);
    assert_eq!(with(6, 128), AttachError::TooShort { len, needed });
    assert_eq!(attach(len), Ok(64));
}

// shows R3: each impossible word is an error, and moves nothing.
#[test]
fn impossible_positions() {
    let (one, other) = mapped_twice();
    // SAFETY: one producer, one consumer.
    let (mut producer, mut consumer) = unsafe {
        let producer: Producer<Ring> = one.ring().into_producer().unwrap();
        let consumer: Consumer<Ring> = other.ring().into_consumer().unwrap();
        (producer, consumer)
    };
    assert_eq!(producer.write(&[5; 100]), Ok(100));
    let mut out = [0; 200];
    assert_eq!(consumer.read(&mut out[..50]), Ok(50));
    assert_eq!(producer.vacant(), Ok(CAPACITY - 50));
    let head = one.word(HEAD).load(Ordering::Relaxed);
    let tail = one.word(TAIL).load(Ordering::Relaxed);

    // The consumer says that it read what was not written, or unread some.
    for wrong in [head.wrapping_add(1), tail.wrapping_sub(1), head ^ 1 << 31] {
        one.word(TAIL).store(wrong, Ordering::Relaxed);
        let corrupt = producer.vacant().unwrap_err();
        assert_eq!((corrupt.written(), corrupt.read()), (head, wrong));
        assert_eq!(corrupt.capacity(), CAPACITY);
        assert!(corrupt.to_string().contains("drop the ring"));
        assert_eq!(producer.write(&[1; CAPACITY]), Err(corrupt));
        assert_eq!(producer.prepare_sleep(), Err(corrupt));
    }
    one.word(TAIL).store(tail, Ordering::Relaxed);
    assert_eq!(producer.vacant(), Ok(CAPACITY - 50));

    // The producer says that it wrote more than fits, or unwrote some.
    let full = tail.wrapping_add(CAPACITY);
    for wrong in [full.wrapping_add(1), head.wrapping_sub(1), head ^ 1 << 31] {
        one.word(HEAD).store(wrong, Ordering::Relaxed);
        let corrupt = consumer.available().unwrap_err();
        assert_eq!((corrupt.written(), corrupt.read()), (wrong, tail));
        assert_eq!(consumer.read(&mut out), Err(corrupt));
        assert_eq!(consumer.read_vectored(&mut [&mut out[..]]), Err(corrupt));
        assert_eq!(consumer.prepare_sleep(), Err(corrupt));
    }
    one.word(HEAD).store(head, Ordering::Relaxed);
    assert_eq!(consumer.available(), Ok(50));

    // Both are wrong for whoever attaches anew.
    one.word(HEAD)
        .store(full.wrapping_add(1), Ordering::Relaxed);
    // SAFETY: refused, so that there is no second half.
    unsafe {
        assert!(other.ring().into_producer().is_err());
        assert!(other.ring().into_consumer().is_err());
    }
    assert!(other.ring().into_observer().fill() <= CAPACITY);
    one.word(HEAD).store(head, Ordering::Relaxed);

    // An end that is nowhere near.
    other.ring().into_closer().finish();
    let top = 1_usize << (usize::BITS - 1);
    let long_ago = tail.wrapping_sub(CAPACITY + 1);
    for wrong in [long_ago, full.wrapping_add(1), head ^ 1 << 31] {
        one.word(END).store(wrong | top, Ordering::Relaxed);
        assert!(consumer.available().is_err());
        assert!(consumer.at_end().is_err());
        assert!(producer.settle() <= CAPACITY);
    }
    // An end after bytes that never come.
    let never = head.wrapping_add(7) | top;
    one.word(END).store(never, Ordering::Relaxed);
    assert_eq!(consumer.read(&mut out), Ok(50));
    assert!(consumer.at_end().is_err());
    // The true one.
    one.word(END).store(0, Ordering::Relaxed);
    assert_eq!(producer.settle(), 0);
    assert_eq!(consumer.at_end(), Ok(true));
    // Reading that ended nowhere near: counts stay within a capacity.
    other.ring().into_closer().abandon();
    for wrong in [long_ago, full.wrapping_add(1), head ^ 1 << 31, 1] {
        one.word(READ).store(wrong | top, Ordering::Relaxed);
        let read = other.ring().into_closer().settle_read().unwrap();
        assert!(head.wrapping_sub(read) <= CAPACITY);
        assert!(consumer.settle() <= CAPACITY);
    }
    one.word(RARE).store(1, Ordering::Relaxed);
    // And what is decided here is not undone from there.
    one.word(END).store(never, Ordering::Relaxed);
    one.word(HEAD)
        .store(head.wrapping_add(7), Ordering::Relaxed);
    assert_eq!(consumer.at_end(), Ok(true));
    assert_eq!(consumer.available(), Ok(0));
}

// shows R3, R6: a half that is attached late finds the stream where it is.
#[test]
fn halves_can_be_attached_again() {
    let (one, other) = mapped_twice();
    // SAFETY: each half is dropped before its successor is made.
    unsafe {
        let mut producer: Producer<Ring> = one.ring().into_producer().unwrap();
        assert_eq!(producer.write(b"abc"), Ok(3));
        drop(producer);
        let mut consumer: Consumer<Ring> = other.ring().into_consumer().unwrap();
        assert_eq!(consumer.read(&mut [0; 1]), Ok(1));
        drop(consumer);
        let mut producer: Producer<Ring> = other.ring().into_producer().unwrap();
        assert_eq!(producer.write(b"d"), Ok(1));
        producer.finish();
        let mut consumer: Consumer<Ring> = one.ring().into_consumer().unwrap();
        let mut out = [0; 8];
        assert_eq!(consumer.read(&mut out), Ok(3));
        assert_eq!(&out[..3], b"bcd");
        assert_eq!(consumer.at_end(), Ok(true));
        drop(consumer);
        let mut consumer: Consumer<Ring> = one.ring().into_consumer().unwrap();
        assert_eq!(consumer.at_end(), Ok(true));
    }
}

/// Starts one of the `child_*` tests below in a process of its own, with
/// access to the file.
fn start(child: &str, file: &File) -> Child {
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
            child,
        ])
        .env("RING_FILE", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until a child has said that it is at work.
fn wait_until_ready(child: &mut Child) {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(
        lines
            .map_while(Result::ok)
            .any(|line| line.contains("child is ready")),
        "the child ended early"
    );
}

/// What a child does first: it maps the parent's file, and sees to it that it
/// does not outlive the parent.
///
/// `None` if it was not started by another test of this file.
fn map_as_child() -> Option<Arc<Mapping>> {
    let path = std::env::var("RING_FILE").ok()?;
    let file = File::options().read(true).write(true).open(path).unwrap();
    std::thread::spawn(|| {
        // Ends when the parent does.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    Some(Arc::new(Mapping::new(&file, 2)))
}

#[test]
#[ignore = "a child process of `another_process`"]
fn child_writes_a_stream() {
    let Some(mapping) = map_as_child() else {
        return;
    };
    // SAFETY: the only producer.
    let mut producer = unsafe { mapping.ring().into_producer().unwrap() };
    println!("child is ready");
    let mut place = 0;
    while place < 300_000 {
        let bytes: Vec<u8> = (place..place + 100).map(byte_at).collect();
        place += producer.write(&bytes).unwrap();
    }
    producer.finish();
}

// shows R3
#[test]
fn another_process() {
    let file = memfd();
    let mapping = Arc::new(Mapping::new(&file, 2));
    let len = Region::required_len(CAPACITY);
    // SAFETY: mapped as long as the `Arc` lives; the only consumer.
    let mut consumer = unsafe {
        Region::create(mapping.last(len), len, CAPACITY, mapping.clone())
            .unwrap()
            .into_consumer()
            .unwrap()
    };
    let mut child = start("child_writes_a_stream", &file);
    let mut place = 0;
    let mut out = [0; 333];
    while !consumer.at_end().unwrap() {
        let n = consumer.read(&mut out).unwrap();
        for byte in &out[..n] {
            assert_eq!(*byte, byte_at(place));
            place += 1;
        }
        if n == 0 && child.try_wait().unwrap().is_some() {
            assert!(consumer.is_finished(), "the child ended early");
        }
    }
    assert!(place >= 300_000);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
#[ignore = "a child process of `a_hostile_process`"]
fn child_scribbles() {
    let Some(mapping) = map_as_child() else {
        return;
    };
    let header = Region::required_len(0);
    let start = mapping.last(Region::required_len(CAPACITY));
    let mut random = Random::new(u64::from(std::process::id()));
    println!("child is ready");
    let word = |offset| mapping.word(offset);
    loop {
        let value = random.next() as usize;
        let small = random.below(2 * CAPACITY);
        match random.below(8) {
            // Anything anywhere in the header.
            0 => word(random.below(header / size_of::<usize>()) * size_of::<usize>())
                .store(value, Ordering::Relaxed),
            // Positions that might be right.
            1 => word(HEAD).store(
                word(TAIL).load(Ordering::Relaxed).wrapping_add(small),
                Ordering::Relaxed,
            ),
            2 => word(TAIL).store(
                word(HEAD).load(Ordering::Relaxed).wrapping_sub(small),
                Ordering::Relaxed,
            ),
            // Ends (of the stream and of its reading), flags and no flags.
            3 => word(random.below(2) * (READ - END) + END).store(
                (word(TAIL).load(Ordering::Relaxed).wrapping_add(small)) | 1 << (usize::BITS - 1),
                Ordering::Relaxed,
            ),
            4 => word(random.below(2) * (READ - END) + END).store(0, Ordering::Relaxed),
            5 | 6 => word(RARE).store(value & value >> 8 & 3, Ordering::Relaxed),
            _ => {
                let offset = header + random.below(CAPACITY);
                // SAFETY: a byte of the ring, which the parent also accesses.
                let byte: &AtomicU8 = unsafe { start.add(offset).cast().as_ref() };
                byte.store(value as u8, Ordering::Relaxed);
            }
        }
    }
}

/// Calls of the parent with either outcome, at least.
const ENOUGH: u64 = 20_000;

// shows R3: only `Corrupt`, or wrong bytes.
#[test]
fn a_hostile_process() {
    let file = memfd();
    let mapping = Arc::new(Mapping::new(&file, 2));
    let len = Region::required_len(CAPACITY);
    let ring = || {
        // SAFETY: mapped as long as the `Arc` lives; no half is in use.
        unsafe { Region::create(mapping.last(len), len, CAPACITY, mapping.clone()).unwrap() }
    };
    let (observer, closer) = (ring().into_observer(), ring().into_closer());
    let mut child = start("child_scribbles", &file);
    wait_until_ready(&mut child);

    let mut random = Random::new(1);
    let (mut sound, mut corrupt, mut moved) = (0_u64, 0_u64, 0_u64);
    let mut rounds = 0_u64;
    while sound < ENOUGH || corrupt < ENOUGH || moved < ENOUGH {
        rounds += 1;
        assert!(rounds < 10_000_000, "{sound} {corrupt} {moved}");
        // A ring is used until it is corrupt, like in earnest, and longer.
        let ring = ring();
        // SAFETY: one of each at a time.
        let halves = unsafe { (ring.clone().into_producer(), ring.into_consumer()) };
        let (Ok(mut producer), Ok(mut consumer)) = halves else {
            corrupt += 1;
            continue;
        };
        // On one core the child has its turn only when this process yields its own.
        if rounds.is_multiple_of(16) {
            std::thread::yield_now();
        }
        for _ in 0..50 {
            // The middle of the buffer is what the ring may touch.
            let n = random.below(CAPACITY + 100);
            let mut buffer = vec![0xEE_u8; n + 32];
            let middle = &mut buffer[16..16 + n];
            let outcome = match random.below(12) {
                0 | 1 => producer.write(middle),
                2 => producer.write_vectored(&[&middle[..n / 2], &middle[n / 2..]]),
                3 => producer.vacant(),
                4 | 5 => consumer.read(middle),
                6 => {
                    let (first, second) = middle.split_at_mut(n / 3);
                    consumer.read_vectored(&mut [first, second])
                }
                7 => consumer.available(),
                8 => consumer.at_end().map(usize::from),
                9 => consumer.copy(middle).map(|n| consumer.free(n)),
                10 => Ok(consumer.settle()),
                _ => sleeps(&mut producer, &mut consumer),
            };
            match outcome {
                Ok(n) => {
                    assert!(n <= CAPACITY);
                    sound += 1;
                    moved += n as u64;
                }
                Err(_) => corrupt += 1,
            }
            assert!(producer.settle() <= CAPACITY);
            assert!(observer.fill() <= CAPACITY);
            let _ = (closer.settle_end(), closer.settle_read());
            let _ = (closer.take_wake_consumer(), closer.take_wake_producer());
            let (before, after) = (&buffer[..16], &buffer[16 + n..]);
            assert!(before.iter().chain(after).all(|byte| *byte == 0xEE));
        }
    }
    assert!(child.try_wait().unwrap().is_none(), "the child ended early");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn sleeps(
    producer: &mut Producer<Ring>,
    consumer: &mut Consumer<Ring>,
) -> Result<usize, ringbuf_core::Corrupt> {
    let told = [producer.prepare_sleep()?, consumer.prepare_sleep()?];
    let _ = (producer.signal(), consumer.signal());
    Ok(told.into_iter().filter(|t| *t == Sleep::Asleep).count())
}
