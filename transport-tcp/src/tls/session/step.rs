//! One step of the library's state machine, for either role.

use std::io::IoSlice;

use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};

use super::{FRAGMENT, OVERHEAD};
use crate::tls::error::TlsError;

/// What a run through the library is for.
pub(super) enum Task<'a> {
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

pub(super) enum Step {
    Again,
    /// More must come from the peer, or from us.
    Idle,
    Established,
    PeerClosed,
}

/// One answer of the library. Returns how many received bytes it has done with.
pub(super) fn handle<D>(
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
