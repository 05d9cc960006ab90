//! shared-mem-queue: a queue of bytes each way, whose two sides spin.

use super::descriptors::{give, take};
use super::{Apart, Task, unix};
use crate::sockets::RawEnd;
use memmap2::MmapRaw;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use shared_mem_queue::byte_queue::ByteQueue;
use std::fs::File;
use std::hint::spin_loop;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

/// Two `ByteQueue`s in shared memory.
pub struct SharedMemQueue;

/// Its two queues as one byte stream each way.
pub struct Queues {
    to: ByteQueue,
    from: ByteQueue,
    /// What the queues point into.
    _memory: MmapRaw,
}

/// Bytes that the crate adds to a queue's capacity: two positions, and one byte that it never uses.
const HEAD: usize = 16;

fn length(task: Task) -> usize {
    task.capacity.max(task.size) + HEAD
}

fn queues(memory: &File, [to, from]: [usize; 2], task: Task) -> RawEnd<Queues> {
    let memory = MmapRaw::map_raw(memory).expect("memory");
    let length = length(task);
    let queue = |number: usize| {
        let start = memory.as_mut_ptr().wrapping_add(number * length);
        // SAFETY: the file has two such lengths, one after the other, and all zeros are an empty
        // queue. The mapping lives as long as the queue, as both are in `Queues`. Either process
        // only writes to the one and only reads from the other.
        unsafe { ByteQueue::attach(start, length) }
    };
    let (to, from) = (queue(to), queue(from));
    RawEnd::new(
        Queues {
            to,
            from,
            _memory: memory,
        },
        task.size,
    )
}

impl Read for Queues {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.from.consume_at_most(buffer) {
                0 => spin_loop(),
                n => return Ok(n),
            }
        }
    }
}

impl Write for Queues {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.to.write_at_most(bytes) {
                0 => spin_loop(),
                n => return Ok(n),
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Apart for SharedMemQueue {
    type Listening = UnixListener;
    type End = RawEnd<Queues>;

    fn listen(_task: Task) -> (UnixListener, String) {
        unix::listen()
    }

    fn accept(listener: UnixListener, task: Task) -> Self::End {
        let memory = memfd_create("queues", MemfdFlags::CLOEXEC).expect("memory");
        ftruncate(&memory, 2 * length(task) as u64).expect("room");
        give(&listener, &[memory.as_fd()]);
        queues(&memory.into(), [1, 0], task)
    }

    fn connect(at: &str, task: Task) -> Self::End {
        let [memory] = take(at);
        queues(&memory, [0, 1], task)
    }
}
