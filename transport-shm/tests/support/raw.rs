//! The other side by hand: the packets and the memory as they are laid out, written and read through the
//! descriptors. It can do what our own sides never do.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use channel::wire::hello::{Hello, HelloDecoder, Message, Role, Step, Version, Welcome};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::{Errno, pread, pwrite};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind,
    connect, listen, recvmsg, sendmsg, socket_with,
};

use super::eventually;

/// Bytes of a ring's header; its words are below.
pub const HEADER: u64 = 320;
pub const HEAD: u64 = 0;
pub const TAIL: u64 = 128;
pub const STATE: u64 = 256;
pub const PRODUCER_SLEEPS: u64 = 260;
pub const CONSUMER_SLEEPS: u64 = 264;
pub const MAGIC: u64 = 268;
pub const VERSION: u64 = 272;
pub const POINTER_BITS: u64 = 276;
pub const CAPACITY: u64 = 280;
pub const END: u64 = 288;
pub const READ: u64 = 296;

/// Bits of the state.
pub const FINISHED: u32 = 1;
pub const ABANDONED: u32 = 2;

/// A packet of a kind.
pub fn packet(kind: u8, rest: &[u8]) -> Vec<u8> {
    [&b"ChSh"[..], &[1, 0, kind], rest].concat()
}

/// Asks for a buffer of so many bytes.
pub fn request(capacity: u32) -> Vec<u8> {
    packet(1, &[&[0, 0, 0][..], &capacity.to_le_bytes()].concat())
}

/// Offers two rings.
pub fn offer(up: u32, down: u32) -> Vec<u8> {
    packet(2, &[up.to_le_bytes(), down.to_le_bytes()].concat())
}

/// What a connector says first in its ring.
pub fn hello(name: &str, port: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let hello = Message::Hello(Hello::new(name, port));
    hello.encode(&mut bytes).unwrap();
    bytes
}

fn address(directory: &Path, name: &str) -> SocketAddrUnix {
    SocketAddrUnix::new(directory.join(format!("{name}.sock"))).unwrap()
}

fn unix_socket(kind: SocketType) -> OwnedFd {
    socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap()
}

/// A socket to whoever listens there.
pub fn dial(directory: &Path, name: &str) -> OwnedFd {
    try_dial(directory, name, SocketType::SEQPACKET).unwrap()
}

/// The same with a socket of another type.
pub fn try_dial(directory: &Path, name: &str, kind: SocketType) -> Result<OwnedFd, Errno> {
    let socket = unix_socket(kind);
    connect(&socket, &address(directory, name))?;
    Ok(socket)
}

/// A socket that listens.
pub fn bound(directory: &Path, name: &str) -> OwnedFd {
    let socket = unix_socket(SocketType::SEQPACKET);
    bind(&socket, &address(directory, name)).unwrap();
    listen(&socket, 16).unwrap();
    socket
}

/// Takes in a dialler.
pub fn accept(listener: &OwnedFd) -> OwnedFd {
    accept_with(listener, SocketFlags::CLOEXEC).unwrap()
}

/// Takes in a dialler, and its request.
pub fn take_in(listener: &OwnedFd) -> OwnedFd {
    let socket = accept(listener);
    let (request, _) = receive(&socket);
    assert_eq!(request[..7], packet(1, &[])[..]);
    socket
}

pub fn send(socket: &OwnedFd, packet: &[u8], fds: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
    }
    // Whether it arrives is the other side's business.
    let _ = sendmsg(
        socket,
        &[IoSlice::new(packet)],
        &mut control,
        SendFlags::NOSIGNAL,
    );
}

/// The next packet; an empty one at the end.
pub fn receive(socket: &OwnedFd) -> (Vec<u8>, Vec<OwnedFd>) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = vec![0; 512];
    let (into, flags) = (&mut [IoSliceMut::new(&mut bytes)], RecvFlags::CMSG_CLOEXEC);
    let Ok(message) = recvmsg(socket, into, &mut control, flags) else {
        return Default::default();
    };
    let mut fds = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = part {
            fds.extend(more);
        }
    }
    bytes.truncate(message.bytes);
    (bytes, fds)
}

/// Nobody may change the size.
pub const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// The length of the file that holds two rings.
pub fn file_length(up: u32, down: u32) -> u64 {
    (at_down(up.into()) + HEADER + u64::from(down)).next_multiple_of(4096)
}

fn at_down(up: u64) -> u64 {
    (HEADER + up).next_multiple_of(64)
}

/// A file of so many bytes, which can be sealed.
pub fn memory(length: u64) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = memfd_create("channel-shm", flags).unwrap();
    ftruncate(&memory, length).unwrap();
    memory
}

/// A file with two empty rings, as it should be.
pub fn rings(up: u32, down: u32) -> OwnedFd {
    let memory = memory(file_length(up, down));
    for (at, capacity) in [(0, up), (at_down(up.into()), down)] {
        for (word, value) in [
            (MAGIC, u32::from_be_bytes(*b"Ring")),
            (VERSION, 2),
            (POINTER_BITS, usize::BITS),
            (CAPACITY, capacity),
        ] {
            pwrite(&memory, &value.to_ne_bytes(), at + word).unwrap();
        }
    }
    fcntl_add_seals(&memory, SEALS).unwrap();
    memory
}

pub fn bell() -> OwnedFd {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap()
}

/// One end of a connection.
pub struct Raw {
    pub socket: OwnedFd,
    pub memory: OwnedFd,
    /// Of the dialler's reader and writer, and of the listener's.
    pub bells: Vec<OwnedFd>,
    /// Where the rings begin in the file, and their capacities: the outbound one, then the inbound one.
    pub rings: [(u64, u64); 2],
}

impl Raw {
    /// Dials, and has a channel at once if somebody accepts.
    pub fn connect(directory: &Path, name: &str, port: u16) -> Raw {
        let raw = Raw::dial(directory, name);
        raw.say_hello(name, port, usize::MAX);
        let answer = raw.hear(&mut HelloDecoder::new(Role::Connector));
        assert!(matches!(answer, Message::Welcome(_)), "{answer:?}");
        raw.say(&Message::Go);
        raw
    }

    /// Dials; nothing was said in the rings.
    pub fn dial(directory: &Path, name: &str) -> Raw {
        let socket = dial(directory, name);
        send(&socket, &request(1 << 12), &[]);
        let (answer, mut fds) = receive(&socket);
        assert_eq!((answer[..7].to_vec(), fds.len()), (packet(2, &[]), 5));
        let capacity = |at: usize| u32::from_le_bytes(answer[at..at + 4].try_into().unwrap());
        let (up, down) = (u64::from(capacity(7)), u64::from(capacity(11)));
        Raw {
            socket,
            memory: fds.remove(0),
            bells: fds,
            rings: [(0, up), (at_down(up), down)],
        }
    }

    /// Accepts a dialler that asks for `down` bytes: the channel is open.
    pub fn accept(listener: &OwnedFd, down: u32) -> Raw {
        Raw::accept_with(listener, down, bell)
    }

    /// The same, with events of another make.
    pub fn accept_with(listener: &OwnedFd, down: u32, bell: fn() -> OwnedFd) -> Raw {
        let raw = Raw::offer_with(listener, down, bell);
        let mut decoder = HelloDecoder::new(Role::Acceptor);
        let hello = raw.hear(&mut decoder);
        assert!(matches!(hello, Message::Hello(_)), "{hello:?}");
        raw.say(&Message::Welcome(Welcome {
            version: Version::CURRENT,
            capacity: 0,
        }));
        assert_eq!(raw.hear(&mut decoder), Message::Go);
        raw
    }

    /// Makes such a dialler an offer; nothing was said in the rings.
    pub fn offer(listener: &OwnedFd, down: u32) -> Raw {
        Raw::offer_with(listener, down, bell)
    }

    fn offer_with(listener: &OwnedFd, down: u32, bell: fn() -> OwnedFd) -> Raw {
        let socket = take_in(listener);
        let up = 1 << 12;
        let memory = rings(up, down);
        let bells: Vec<_> = std::iter::repeat_with(bell).take(4).collect();
        let mut fds = vec![memory.as_fd()];
        fds.extend(bells.iter().map(AsFd::as_fd));
        send(&socket, &offer(up, down), &fds);
        let (up, down) = (u64::from(up), u64::from(down));
        Raw {
            socket,
            memory,
            bells,
            rings: [(at_down(up), down), (0, up)],
        }
    }

    /// Says the first bytes of a hello, at most so many.
    pub fn say_hello(&self, name: &str, port: u16, most: usize) {
        let mut bytes = hello(name, port);
        bytes.truncate(most);
        assert_eq!(self.write(&bytes), bytes.len());
    }

    /// Returns when the other side has said something.
    pub fn wait_for_bytes(&self) {
        eventually("the other side says something", || !self.is_empty());
    }

    fn say(&self, message: &Message) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes).unwrap();
        assert_eq!(self.write(&bytes), bytes.len());
    }

    /// The next message of the handshake, and not a byte more.
    fn hear(&self, decoder: &mut HelloDecoder) -> Message {
        loop {
            self.wait_for_bytes();
            if let Step::Message { message, .. } = decoder.feed(&self.read(1)).unwrap() {
                return message;
            }
        }
    }

    /// A word of the outbound ring (0) or of the inbound one (1).
    pub fn get(&self, ring: usize, word: u64) -> u64 {
        let mut bytes = [0; 8];
        pread(&self.memory, &mut bytes, self.rings[ring].0 + word).unwrap();
        u64::from_ne_bytes(bytes)
    }

    pub fn set(&self, ring: usize, word: u64, value: &[u8]) {
        pwrite(&self.memory, value, self.rings[ring].0 + word).unwrap();
    }

    /// Wakes both halves of both sides.
    pub fn ring_all(&self) {
        for bell in &self.bells {
            let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
        }
    }

    fn is_empty(&self) -> bool {
        self.get(1, HEAD) == self.get(1, TAIL)
    }

    /// Writes as much as fits; how much.
    pub fn write(&self, bytes: &[u8]) -> usize {
        let (at, capacity) = self.rings[0];
        let head = self.get(0, HEAD);
        let room = capacity.saturating_sub(head.wrapping_sub(self.get(0, TAIL)));
        let bytes = &bytes[..bytes.len().min(room as usize)];
        let offset = head & (capacity - 1);
        let (first, second) = bytes.split_at(bytes.len().min((capacity - offset) as usize));
        pwrite(&self.memory, first, at + HEADER + offset).unwrap();
        pwrite(&self.memory, second, at + HEADER).unwrap();
        let head = head.wrapping_add(bytes.len() as u64);
        self.set(0, HEAD, &head.to_ne_bytes());
        self.ring_all();
        bytes.len()
    }

    /// Reads at most so many bytes.
    pub fn read(&self, most: usize) -> Vec<u8> {
        let (at, capacity) = self.rings[1];
        let tail = self.get(1, TAIL);
        let there = self.get(1, HEAD).wrapping_sub(tail).min(capacity);
        let mut bytes = vec![0; most.min(there as usize)];
        let offset = tail & (capacity - 1);
        let contiguous = bytes.len().min((capacity - offset) as usize);
        let (first, second) = bytes.split_at_mut(contiguous);
        pread(&self.memory, first, at + HEADER + offset).unwrap();
        pread(&self.memory, second, at + HEADER).unwrap();
        let tail = tail.wrapping_add(bytes.len() as u64);
        self.set(1, TAIL, &tail.to_ne_bytes());
        self.ring_all();
        bytes
    }
}
