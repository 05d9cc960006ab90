//! TLS itself: bytes in, bytes out, no system calls.

mod step;
#[cfg(test)]
pub(super) mod tests;

use std::io::IoSlice;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;

use super::error::TlsError;
use step::{Step, Task, handle};

/// Plaintext in one record.
pub(super) const FRAGMENT: usize = 16 * 1024;
/// What a record adds to its plaintext at most, and a change of keys ahead of it.
const OVERHEAD: usize = 512;
/// Records sealed at one go: 64 KiB and a header of ours leave in one system call.
const RECORDS: usize = 5;
/// Room for what is sealed at one go.
pub(super) const SEALED: usize = RECORDS * (FRAGMENT + OVERHEAD);

pub(super) enum Side {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// One connection's TLS.
pub(super) struct Session {
    side: Side,
    /// Received and not digested: the beginning of a record, or of a message of the handshake.
    undigested: Vec<u8>,
    /// Ciphertext that the system has not taken: what a write left over, one record or five at most,
    /// and what the protocol itself says (flights of the handshake, alerts, a change of keys), which is
    /// little, as the library answers a flood of requests once.
    pub(super) outgoing: Vec<u8>,
    /// Both sides have proved who they are, as far as this side can know.
    established: bool,
    /// The peer's end has come.
    ended: bool,
    closing: bool,
    failed: Option<TlsError>,
}

impl Session {
    pub(super) fn new(side: Side) -> Session {
        Session {
            side,
            undigested: Vec::new(),
            outgoing: Vec::new(),
            established: false,
            ended: false,
            closing: false,
            failed: None,
        }
    }

    pub(super) fn is_established(&self) -> bool {
        self.established
    }

    /// The peer has ended its stream in an orderly way.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Why nothing more is received. It stays.
    pub(super) fn failure(&self) -> Option<&TlsError> {
        self.failed.as_ref()
    }

    /// Bytes that are to lie ahead of those that are given to [`receive`](Session::receive).
    pub(super) fn undigested(&self) -> usize {
        self.undigested.len()
    }

    /// Takes in the first flight of the handshake: nothing has come yet.
    pub(super) fn start(&mut self) {
        self.receive(&mut [], 0, &mut |_| {});
    }

    /// Takes in what has come: `wire` from `new` on. Before that it has room for at least as many bytes as
    /// were undigested. Plaintext goes to `deliver`, never more than `wire` is long.
    pub(super) fn receive(&mut self, wire: &mut [u8], new: usize, deliver: &mut dyn FnMut(&[u8])) {
        let start = new - self.undigested.len();
        wire[start..new].copy_from_slice(&self.undigested);
        let wire = &mut wire[start..];
        let digested = self.run(wire, &mut Task::Receive(deliver));
        let rest = &wire[digested..];
        self.undigested.clear();
        if rest.is_empty() || self.ended || self.failed.is_some() {
            // An idle connection owns no buffer.
            self.undigested = Vec::new();
        } else {
            self.undigested.extend_from_slice(rest);
        }
        if self.established && self.closing {
            self.say_close();
        }
    }

    /// The connection's stream has ended. If TLS has not, somebody may have cut it.
    pub(super) fn end_of_input(&mut self) {
        if !self.ended && self.failed.is_none() {
            self.failed = Some(if self.established {
                TlsError::Truncated
            } else {
                TlsError::Left
            });
        }
    }

    /// More has come than is held at one go, and it makes no whole message.
    pub(super) fn too_large(&mut self) {
        let text = "a message of the handshake is too large".into();
        self.failed.get_or_insert(TlsError::Protocol(text));
    }

    /// Seals as much of `bufs` as fits `out`, which has room for [`SEALED`] bytes; `gathered` has room for
    /// [`FRAGMENT`]. Returns how much of `bufs` and of `out` was used.
    pub(super) fn seal(
        &mut self,
        bufs: &[IoSlice<'_>],
        out: &mut [u8],
        gathered: &mut [u8],
    ) -> Result<(usize, usize), TlsError> {
        let mut task = Task::Seal {
            bufs,
            out,
            gathered,
            taken: 0,
            used: 0,
        };
        self.rerun(&mut task)?;
        match task {
            Task::Seal { taken, used, .. } if taken > 0 => Ok((taken, used)),
            _ => Err(TlsError::Protocol("nothing can be sealed now".into())),
        }
    }

    /// Says that nothing more will be written; once the handshake is done, if it is not yet.
    pub(super) fn close(&mut self) {
        if !self.closing {
            self.closing = true;
            if self.established {
                self.say_close();
            }
        }
    }

    fn say_close(&mut self) {
        self.closing = false;
        // It fails if the connection has failed, and then nobody misses it.
        let _ = self.rerun(&mut Task::Close);
    }

    /// Runs with what is undigested: the library keeps account of where it stands in that.
    fn rerun(&mut self, task: &mut Task<'_>) -> Result<(), TlsError> {
        let mut wire = std::mem::take(&mut self.undigested);
        let before = self.failed.is_some();
        let digested = self.run(&mut wire, task);
        wire.drain(..digested);
        self.undigested = wire;
        match &self.failed {
            Some(error) if !before => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Runs the library until it wants something from outside; returns how much of `wire` was digested.
    fn run(&mut self, wire: &mut [u8], task: &mut Task<'_>) -> usize {
        let mut digested = 0;
        loop {
            let rest = &mut wire[digested..];
            let (discard, step) = match &mut self.side {
                Side::Client(tls) => {
                    handle(tls.process_tls_records(rest), &mut self.outgoing, task)
                }
                Side::Server(tls) => {
                    handle(tls.process_tls_records(rest), &mut self.outgoing, task)
                }
            };
            digested += discard;
            match step {
                Ok(Step::Again) => {}
                Ok(Step::PeerClosed) => self.ended = true,
                Ok(Step::Established) => {
                    self.established = true;
                    return digested;
                }
                Ok(Step::Idle) => return digested,
                Err(error) => {
                    let error = match error {
                        // It did speak TLS before.
                        TlsError::NotTls(what) if self.established => TlsError::Protocol(what),
                        error => error,
                    };
                    self.failed.get_or_insert(error);
                    self.tell_why(&mut wire[digested..]);
                    return digested;
                }
            }
        }
    }

    /// Takes the alert that tells the peer why out of the library.
    fn tell_why(&mut self, wire: &mut [u8]) {
        let mut nowhere = |_: &[u8]| {};
        let mut task = Task::Receive(&mut nowhere);
        let (_, _) = match &mut self.side {
            Side::Client(tls) => {
                handle(tls.process_tls_records(wire), &mut self.outgoing, &mut task)
            }
            Side::Server(tls) => {
                handle(tls.process_tls_records(wire), &mut self.outgoing, &mut task)
            }
        };
    }
}
