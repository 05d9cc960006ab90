//! shmem-ipc: a ring each way, with event descriptors that a side sleeps on.

use super::descriptors::{give, take};
use super::{Apart, Task, unix};
use crate::sockets::RawEnd;
use shmem_ipc::sharedring::{Receiver, Sender};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

/// Two rings of bytes.
pub struct ShmemIpc;

/// The two rings as one byte stream each way.
pub struct Rings {
    to: Sender<u8>,
    from: Receiver<u8>,
}

impl Read for Rings {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.from.block_until_readable().map_err(io::Error::other)?;
        let mut n = 0;
        let taken = self.from.receive_raw(|bytes, count| {
            n = count.min(buffer.len());
            // SAFETY: the crate vouches for `count` readable bytes; `buffer` is this process's own.
            unsafe { bytes.copy_to_nonoverlapping(buffer.as_mut_ptr(), n) };
            n
        });
        taken.map_err(io::Error::other)?;
        Ok(n)
    }
}

impl Write for Rings {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.block_until_writable().map_err(io::Error::other)?;
        let mut n = 0;
        let sent = self.to.send_raw(|place, count| {
            n = count.min(bytes.len());
            // SAFETY: the crate vouches for `count` writable bytes; `bytes` is this process's own.
            unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), n) };
            n
        });
        sent.map_err(io::Error::other)?;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Apart for ShmemIpc {
    type Listening = UnixListener;
    type End = RawEnd<Rings>;

    fn listen(_task: Task) -> (UnixListener, String) {
        unix::listen()
    }

    fn accept(listener: UnixListener, task: Task) -> Self::End {
        let to = Sender::new(task.capacity).expect("a ring");
        let from = Receiver::new(task.capacity).expect("a ring");
        let files = [
            to.memfd().as_file(),
            to.empty_signal(),
            to.full_signal(),
            from.memfd().as_file(),
            from.empty_signal(),
            from.full_signal(),
        ];
        give(&listener, &files.map(|file| file.as_fd()));
        RawEnd::new(Rings { to, from }, task.size)
    }

    fn connect(at: &str, task: Task) -> Self::End {
        let [a, b, c, d, e, f] = take(at);
        let from = Receiver::open(task.capacity, a, b, c).expect("a ring");
        let to = Sender::open(task.capacity, d, e, f).expect("a ring");
        RawEnd::new(Rings { to, from }, task.size)
    }
}
