//! What works from any thread on a channel of the other process.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use channel::transport::{Control, Disconnect, Receipt, Totals};

use super::halves::{Far, outcome};
use super::wire::{Ask, Waits};

pub(super) struct FarControl(pub(super) Arc<Far>);

/// What the state of a channel says.
pub(super) const GONE: u8 = 1;
pub(super) const CLOSED: u8 = 2;
pub(super) const ENDED: u8 = 4;

impl FarControl {
    fn state(&self) -> io::Result<(u8, Totals)> {
        let mut answer = self.0.call(Ask::State, self.0.body())?;
        let flags = answer.byte()?;
        let mut totals = Totals::default();
        totals.written = answer.number()?;
        totals.read = answer.number()?;
        totals.unread = answer.number()?;
        totals.unsent = answer.number()?;
        Ok((flags, totals))
    }

    fn is(&self, flag: u8) -> bool {
        self.state().is_ok_and(|(flags, _)| flags & flag != 0)
    }
}

impl Control for FarControl {
    fn disconnect(&self, how: Disconnect) {
        let body = self.0.body().byte(u8::from(how == Disconnect::Abort));
        let _ = self.0.call(Ask::Disconnect, body);
    }

    fn peer_gone(&self) -> bool {
        self.is(GONE)
    }

    fn peer_closed(&self) -> bool {
        self.is(CLOSED)
    }

    fn ended(&self) -> bool {
        self.is(ENDED)
    }

    fn totals(&self) -> Totals {
        self.state().map(|(_, totals)| totals).unwrap_or_default()
    }

    fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        let asked = |_| outcome(self.0.peer.call(Ask::Receipt, self.0.body())?);
        self.0.poll(cx, Waits::Receipt, asked).map(|answer| {
            let receipt = answer.and_then(|mut answer| match answer.byte()? {
                0 => Ok(Receipt::Complete),
                1 => Ok(Receipt::Partial {
                    read: answer.number()?,
                    unread: answer.number()?,
                }),
                _ => Ok(Receipt::Unknown),
            });
            receipt.unwrap_or(Receipt::Unknown)
        })
    }
}

impl Drop for FarControl {
    fn drop(&mut self) {
        self.0.peer.forgets(self.0.number, Waits::Receipt);
        let _ = self.0.call(Ask::DropControl, self.0.body());
    }
}
