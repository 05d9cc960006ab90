//! Packets with descriptors over a Unix socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::setup::LONGEST;

/// Most descriptors that go along with a packet.
pub(crate) const MOST: usize = 5;

/// Sends one packet, at once or not at all.
pub(crate) fn send(socket: impl AsFd, packet: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(socket, &[IoSlice::new(packet)], &mut control, flags)?;
    Ok(())
}

/// A packet and what came along.
pub(crate) struct Received {
    bytes: [u8; LONGEST],
    len: usize,
    pub(crate) fds: Vec<OwnedFd>,
}

impl Received {
    pub(crate) fn packet(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The next packet, if it is there; an empty one at the end.
pub(crate) fn receive(socket: impl AsFd) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; LONGEST];
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let message = recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut bytes)],
        &mut control,
        flags,
    )?;
    let mut fds = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = part {
            fds.extend(more);
        }
    }
    if message.flags.contains(ReturnFlags::CTRUNC) && fds.len() < MOST {
        // The system found no place for them. (Of more than there is room for here, the rest is closed.)
        return Err(rustix::io::Errno::MFILE.into());
    }
    Ok(Received {
        len: message.bytes,
        bytes,
        fds,
    })
}
