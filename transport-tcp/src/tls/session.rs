//! TLS itself: bytes in, bytes out, no system calls.

use std::io::IoSlice;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};

use super::error::TlsError;

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

/// What a run through the library is for.
enum Task<'a> {
    Receive(&'a mut dyn FnMut(&[u8])),
    Seal {
        bufs: &'a [IoSlice<'a>],
        out: &'a mut [u8],
        /// For a record from several of `bufs`.
        gathered: &'a mut [u8],
        /// Bytes of `bufs` that were taken, and of `out` that were used.
        taken: usize,
        used: usize,
    },
    Close,
}

enum Step {
    Again,
    /// More must come from the peer, or from us.
    Idle,
    Established,
    PeerClosed,
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

/// One answer of the library. Returns how many received bytes it has done with.
fn handle<D>(
    status: UnbufferedStatus<'_, '_, D>,
    outgoing: &mut Vec<u8>,
    task: &mut Task<'_>,
) -> (usize, Result<Step, TlsError>) {
    let mut discard = status.discard;
    let state = match status.state {
        Ok(state) => state,
        Err(error) => return (discard, Err(error.into())),
    };
    let step = match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            let mut result = Ok(Step::Again);
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        if let Task::Receive(deliver) = task {
                            deliver(record.payload);
                        }
                    }
                    Err(error) => {
                        result = Err(error.into());
                        break;
                    }
                }
            }
            result
        }
        ConnectionState::EncodeTlsData(data) => match task {
            // Ahead of what is sealed.
            Task::Seal { out, used, .. } => encode(data, &mut Room::Slice(out, used)),
            _ => encode(data, &mut Room::Vec(outgoing)),
        }
        .map(|()| Step::Again),
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok(Step::Again)
        }
        ConnectionState::PeerClosed => Ok(Step::PeerClosed),
        ConnectionState::WriteTraffic(traffic) => match task {
            Task::Receive(_) => Ok(()),
            Task::Seal {
                bufs,
                out,
                gathered,
                taken,
                used,
            } => seal(traffic, bufs, out, gathered, taken, used),
            Task::Close => close(traffic, outgoing),
        }
        .map(|()| Step::Established),
        _ => Ok(Step::Idle),
    };
    (discard, step)
}

/// Where the library's own messages go.
enum Room<'a, 'b> {
    Vec(&'a mut Vec<u8>),
    Slice(&'a mut &'b mut [u8], &'a mut usize),
}

fn encode<D>(mut data: EncodeTlsData<'_, D>, room: &mut Room<'_, '_>) -> Result<(), TlsError> {
    let failed = |error: EncodeError| TlsError::Protocol(error.to_string());
    match room {
        Room::Slice(out, used) => {
            **used += data.encode(&mut out[**used..]).map_err(failed)?;
        }
        Room::Vec(vec) => {
            let needed = match data.encode(&mut []) {
                Err(EncodeError::InsufficientSize(error)) => error.required_size,
                Err(error) => return Err(failed(error)),
                Ok(_) => return Ok(()),
            };
            let start = vec.len();
            vec.resize(start + needed, 0);
            data.encode(&mut vec[start..]).map_err(failed)?;
        }
    }
    Ok(())
}

fn seal<D>(
    mut traffic: WriteTraffic<'_, D>,
    bufs: &[IoSlice<'_>],
    out: &mut [u8],
    gathered: &mut [u8],
    taken: &mut usize,
    used: &mut usize,
) -> Result<(), TlsError> {
    // The slice, and the place in it.
    let (mut slice, mut place) = (0, 0);
    while out.len() - *used >= FRAGMENT + OVERHEAD {
        while slice < bufs.len() && place == bufs[slice].len() {
            (slice, place) = (slice + 1, 0);
        }
        if slice == bufs.len() {
            break;
        }
        // Straight from the slice if it fills a record or is the last; else a record takes several.
        let rest = &bufs[slice][place..];
        let n = if rest.len() >= FRAGMENT || slice + 1 == bufs.len() {
            let part = &rest[..rest.len().min(FRAGMENT)];
            *used += traffic.encrypt(part, &mut out[*used..]).map_err(failed)?;
            place += part.len();
            part.len()
        } else {
            let mut n = 0;
            while n < FRAGMENT && slice < bufs.len() {
                let rest = &bufs[slice][place..];
                let part = rest.len().min(FRAGMENT - n);
                gathered[n..n + part].copy_from_slice(&rest[..part]);
                (n, place) = (n + part, place + part);
                if place == bufs[slice].len() {
                    (slice, place) = (slice + 1, 0);
                }
            }
            let part = &gathered[..n];
            *used += traffic.encrypt(part, &mut out[*used..]).map_err(failed)?;
            n
        };
        *taken += n;
    }
    Ok(())
}

fn close<D>(mut traffic: WriteTraffic<'_, D>, outgoing: &mut Vec<u8>) -> Result<(), TlsError> {
    let start = outgoing.len();
    outgoing.resize(start + OVERHEAD, 0);
    let result = traffic.queue_close_notify(&mut outgoing[start..]);
    outgoing.truncate(start + *result.as_ref().unwrap_or(&0));
    result.map(drop).map_err(failed)
}

fn failed(error: EncryptError) -> TlsError {
    TlsError::Protocol(error.to_string())
}
