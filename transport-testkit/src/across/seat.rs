//! A channel of the child, and the calls that are made on it.

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll};

use channel::transport::Receipt;
use channel::{Handle, ReadError, Reader, State, WriteError, Writer};
use parking_lot::Mutex;

use super::control::{CLOSED, ENDED, GONE};
use super::said::{Polled, Said, unknown, waker};
use super::wire::{Ask, How, In, Out, Waits};

/// One channel. Its halves are worked by one call each at a time.
pub(super) struct Seat {
    pub(super) reader: Mutex<Option<Reader>>,
    pub(super) writer: Mutex<Option<Writer>>,
    pub(super) handle: Handle,
}

pub(super) type Seats = Mutex<HashMap<u64, Arc<Seat>>>;

pub(super) fn state(handle: &Handle) -> Out {
    let info = handle.info();
    let flags = match info.state {
        State::PeerLost => GONE,
        State::ReadEnded => ENDED,
        State::WriteEnded => CLOSED,
        State::PeerDisconnected => ENDED | CLOSED,
        _ => 0,
    };
    let totals = info.totals;
    Out::default()
        .byte(flags)
        .number(totals.written)
        .number(totals.read)
        .number(totals.unread)
        .number(totals.unsent)
}

pub(super) fn told_receipt(receipt: Receipt) -> Out {
    match receipt {
        Receipt::Complete => Out::default().byte(0),
        Receipt::Partial { read, unread } => Out::default().byte(1).number(read).number(unread),
        _ => Out::default().byte(2),
    }
}

/// Reads, fills, writes or flushes.
pub(super) fn moved(
    said: &Arc<Said>,
    seat: &Seat,
    channel: u64,
    ask: Ask,
    how: How,
    body: In,
) -> Polled {
    match ask {
        Ask::Read | Ask::Fill => match &mut *seat.reader.lock() {
            Some(reader) => {
                let waker = waker(said, channel, Waits::Reader);
                taken(reader, &mut Context::from_waker(&waker), ask, how, body)
            }
            None => Poll::Ready(Err(unknown())),
        },
        _ => match &mut *seat.writer.lock() {
            Some(writer) => {
                let waker = waker(said, channel, Waits::Writer);
                given(writer, &mut Context::from_waker(&waker), ask, how, body)
            }
            None => Poll::Ready(Err(unknown())),
        },
    }
}

fn taken(reader: &mut Reader, cx: &mut Context<'_>, ask: Ask, how: How, mut body: In) -> Polled {
    let result = if ask == Ask::Fill {
        let lent = match how {
            How::Poll => std::task::ready!(reader.poll_fill_buf(cx)),
            How::Block(None) => reader.fill_buf(),
            How::Block(Some(limit)) => reader.fill_buf_timeout(limit),
        };
        lent.map(|lent| Out::default().bytes(lent))
    } else {
        let count = body.number()?;
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push(vec![0; body.number()? as usize]);
        }
        let mut out: Vec<_> = parts.iter_mut().map(|p| IoSliceMut::new(p)).collect();
        let n = match how {
            How::Poll => std::task::ready!(reader.poll_read_vectored(cx, &mut out)),
            How::Block(None) => reader.read_vectored(&mut out),
            How::Block(Some(limit)) => reader.read_vectored_timeout(&mut out, limit),
        };
        n.map(|n| Out::default().bytes(&parts.concat()[..n]))
    };
    Poll::Ready(result.map_err(|error: ReadError| error.into()))
}

fn given(writer: &mut Writer, cx: &mut Context<'_>, ask: Ask, how: How, mut body: In) -> Polled {
    let result = if ask == Ask::Flush {
        let flushed = match how {
            How::Poll => std::task::ready!(writer.poll_flush(cx)),
            How::Block(None) => writer.flush(),
            How::Block(Some(limit)) => writer.flush_timeout(limit),
        };
        flushed.map(|()| Out::default())
    } else {
        let count = body.number()?;
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push(body.bytes()?.to_vec());
        }
        let slices: Vec<_> = parts.iter().map(|p| IoSlice::new(p)).collect();
        let n = match how {
            How::Poll => std::task::ready!(writer.poll_write_vectored(cx, &slices)),
            How::Block(None) => writer.write_vectored(&slices),
            How::Block(Some(limit)) => writer.write_vectored_timeout(&slices, limit),
        };
        n.map(|n| Out::default().number(n as u64))
    };
    Poll::Ready(result.map_err(|error: WriteError| error.into()))
}
