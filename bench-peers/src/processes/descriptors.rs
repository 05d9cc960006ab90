//! Passing descriptors from one process to the other.

use super::unix;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixListener;

/// The most that are passed at once.
const MOST: usize = 8;

/// Waits for somebody who connects, and gives them those descriptors.
pub(super) fn give(listener: &UnixListener, descriptors: &[BorrowedFd]) {
    let socket = unix::accept(listener);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    let byte = [IoSlice::new(b"x")];
    let sent = sendmsg(&socket, &byte, &mut control, SendFlags::NOSIGNAL);
    assert_eq!(sent, Ok(1), "the other process");
}

/// Connects to who listens under that name, and takes so many descriptors.
pub(super) fn take<const COUNT: usize>(at: &str) -> [File; COUNT] {
    let socket = unix::connect(at);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut into = [IoSliceMut::new(&mut byte)];
    let got = recvmsg(&socket, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC);
    assert_eq!(got.map(|got| got.bytes), Ok(1), "the other process");
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            files.extend(descriptors.map(File::from));
        }
    }
    files.try_into().expect("all descriptors")
}
