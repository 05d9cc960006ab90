//! The inbound stream: the carrier's source, and where in the records it stands.
//!
//! Only decodes and notes facts in [`Shared`]; whoever calls tells those whom the facts concern,
//! after letting go of the locks.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::{ENDED, LEFT, LOST, PEER_ABORTED, SILENT, STOPPED, Shared};
use crate::transport::Source;
use crate::wire::record::{Event, RecordDecoder, RecordError};

/// Records looked at, at one go, by somebody who discards them. A peer that sends as fast as it
/// can must not keep the reception thread from others.
const LOOKS: usize = 64;

/// An error that is given again and again.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: io::ErrorKind,
    text: Arc<str>,
}

impl Failure {
    pub(super) fn new(kind: io::ErrorKind, text: impl Into<Arc<str>>) -> Failure {
        Failure {
            kind,
            text: text.into(),
        }
    }

    /// What the carrier said, with kinds that mean something else above the record layer turned
    /// into a loss: `TimedOut` is no time limit here (a poll has none) but a keep-alive that ran
    /// out, and it was not this side's disconnect that made the carrier say `NotConnected`.
    pub(super) fn of_carrier(error: &io::Error) -> Failure {
        let kind = match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::NotConnected => io::ErrorKind::ConnectionReset,
            kind => kind,
        };
        Failure::new(kind, error.to_string())
    }

    fn refusal(&self) -> Option<io::Error> {
        (self.kind == io::ErrorKind::ConnectionRefused).then(|| self.error())
    }

    pub(super) fn error(&self) -> io::Error {
        io::Error::new(self.kind, &*self.text)
    }
}

/// How the peer's bytes ended.
enum Over {
    Ended,
    Failed(Failure),
}

/// What one step of decoding found.
enum Step {
    /// Payload, for the reader.
    Payload,
    /// A record that was dealt with.
    Event,
    /// Nothing whole: more has to come from the carrier.
    Starved,
}

/// What a look found.
pub(super) struct Look {
    /// Something for the reader: bytes or the end.
    pub(super) ready: bool,
    /// There may be more to discard.
    pub(super) more: bool,
}

pub(super) struct Inbound {
    source: Box<dyn Source>,
    decoder: RecordDecoder,
    /// How much of `source.filled()`, from its start, is payload of the current record.
    payload: usize,
    /// How much of the current record has yet to come from the carrier, while there is no payload.
    missing: usize,
    over: Option<Over>,
    /// The carrier is not asked again.
    silent: bool,
}

impl Inbound {
    pub(super) fn new(source: Box<dyn Source>) -> Inbound {
        Inbound {
            source,
            decoder: RecordDecoder::new(),
            payload: 0,
            missing: 0,
            over: None,
            silent: false,
        }
    }

    /// The bytes of the channel that are next, where the carrier has them.
    pub(super) fn payload(&self) -> &[u8] {
        &self.source.filled()[..self.payload]
    }

    /// Takes out the first `n` bytes of [`payload`](Self::payload).
    pub(super) fn consume(&mut self, n: usize) {
        self.payload -= n;
        self.source.consume(n);
        self.decoder.consumed_payload(n);
    }

    /// Goes through what has arrived, up to payload or the end; `false` if there is neither.
    pub(super) fn decode(&mut self, shared: &Shared) -> bool {
        while self.over.is_none() {
            match self.step(shared) {
                Step::Payload => return true,
                Step::Event => {}
                Step::Starved => return false,
            }
        }
        true
    }

    /// Ready when there is payload (`Ok` of its length), or the end.
    pub(super) fn poll_payload(
        &mut self,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        while !self.decode(shared) {
            ready!(self.refill(shared, cx));
        }
        Poll::Ready(self.outcome())
    }

    /// See [`InboundSlot::refusal`](super::InboundSlot::refusal).
    pub(super) fn refusal(&self) -> Option<io::Error> {
        match &self.over {
            Some(Over::Failed(failure)) => failure.refusal(),
            _ => None,
        }
    }

    /// Once [`decode`](Self::decode) has said `true`: the length of the payload, or the end.
    pub(super) fn outcome(&self) -> io::Result<usize> {
        match &self.over {
            Some(Over::Failed(failure)) => Err(failure.error()),
            _ => Ok(self.payload),
        }
    }

    /// Goes through what there is, also behind the end, up to payload, or, if that is to be
    /// discarded, through it.
    pub(super) fn look(&mut self, shared: &Shared, discard: bool) -> Look {
        let mut cx = Context::from_waker(&shared.inbound_news);
        for _ in 0..LOOKS {
            if self.silent {
                return self.looked();
            }
            match self.step(shared) {
                Step::Payload if discard => self.consume(self.payload),
                Step::Payload => return self.looked(),
                Step::Event => {}
                Step::Starved => {
                    if self.refill(shared, &mut cx).is_pending() {
                        return self.looked();
                    }
                }
            }
        }
        Look {
            ready: self.over.is_some(),
            more: true,
        }
    }

    fn looked(&self) -> Look {
        Look {
            ready: self.payload > 0 || self.over.is_some(),
            more: false,
        }
    }

    fn step(&mut self, shared: &Shared) -> Step {
        if self.payload > 0 {
            return Step::Payload;
        }
        let step = match self.decoder.feed(self.source.filled()) {
            Ok(step) => step,
            Err(error) => {
                self.lost(shared, Failure::new(kind_of(error), error.to_string()));
                return Step::Event;
            }
        };
        if step.consumed > 0 {
            self.source.consume(step.consumed);
        }
        self.missing = 0;
        match step.event {
            Event::NeedMore => return Step::Starved,
            Event::Payload { remaining } => {
                self.missing = remaining;
                self.payload = remaining.min(self.source.filled().len());
                return if self.payload > 0 {
                    Step::Payload
                } else {
                    Step::Starved
                };
            }
            Event::End { .. } => {
                self.over = Some(Over::Ended);
                shared.set(ENDED);
            }
            Event::Abort => {
                shared.set(PEER_ABORTED);
                let why = "the peer aborted the channel";
                self.lost(shared, Failure::new(io::ErrorKind::ConnectionReset, why));
            }
            Event::Receipt { read } => shared.peer_stopped(read),
        }
        Step::Event
    }

    /// Asks the carrier for more.
    fn refill(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<()> {
        if self.silent {
            return Poll::Ready(());
        }
        let filled = ready!(self.source.poll_fill(cx));
        self.filled(shared, filled);
        Poll::Ready(())
    }

    /// As [`poll_payload`](Self::poll_payload), in the carrier's own blocking form. Comes back early,
    /// with `Interrupted`, when the caller is called away, and when it has news to pass on.
    pub(super) fn wait_payload(
        &mut self,
        shared: &Shared,
        until: Option<Instant>,
    ) -> io::Result<usize> {
        let before = shared.flags();
        while !self.decode(shared) {
            if shared.flags() != before {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match self.source.fill(until) {
                // The caller's own: a carrier whose peer does not answer says so in other words.
                Err(error) if is_callers(&error) => return Err(error),
                filled => self.filled(shared, filled),
            }
        }
        self.outcome()
    }

    /// How much of the current record can go straight from the carrier to where it is wanted, once
    /// [`decode`](Self::decode) has found nothing.
    pub(super) fn direct(&self) -> usize {
        match self.over {
            None => self.missing,
            Some(_) => 0,
        }
    }

    /// Reads payload, at most [`direct`](Self::direct) bytes, straight from the carrier. `None`: the
    /// carrier has ended or failed, and the outcome is known.
    pub(super) fn poll_direct(
        &mut self,
        shared: &Shared,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<Option<usize>> {
        let read = ready!(self.source.poll_read_ahead(cx, out));
        Poll::Ready(self.took(shared, read))
    }

    /// As [`poll_direct`](Self::poll_direct), blocking as [`wait_payload`](Self::wait_payload) does.
    pub(super) fn wait_direct(
        &mut self,
        shared: &Shared,
        until: Option<Instant>,
        out: &mut [u8],
    ) -> io::Result<Option<usize>> {
        match self.source.read_ahead(out, until) {
            Err(error) if is_callers(&error) => Err(error),
            read => Ok(self.took(shared, read)),
        }
    }

    fn took(&mut self, shared: &Shared, read: io::Result<usize>) -> Option<usize> {
        match read {
            Ok(n) if n > 0 => {
                self.missing -= n;
                self.decoder.consumed_payload(n);
                Some(n)
            }
            other => {
                self.filled(shared, other);
                None
            }
        }
    }

    /// What the carrier said when it was asked for more.
    fn filled(&mut self, shared: &Shared, filled: io::Result<usize>) {
        match filled {
            Ok(0) => match self.decoder.end_of_input() {
                Err(error) => {
                    self.lost(shared, Failure::new(kind_of(error), error.to_string()));
                }
                // Our own ends send their RECEIPT before they end the carrier's stream.
                Ok(()) => self.fell_silent(shared),
            },
            Ok(_) => {}
            Err(error) => {
                let mut failure = Failure::of_carrier(&error);
                if failure.kind == io::ErrorKind::BrokenPipe {
                    failure.kind = io::ErrorKind::ConnectionReset;
                }
                // An abort closes the carrier under a reader that is in it: no loss, for that reader.
                if shared.has_any(LEFT) {
                    let why = "this side has disconnected";
                    failure = Failure::new(io::ErrorKind::NotConnected, why);
                }
                if self.over.is_none() {
                    self.lost(shared, failure);
                } else {
                    self.fell_silent(shared);
                }
            }
        }
    }

    /// The carrier's stream ended after the peer's END: a loss only if the receipt is missing.
    fn fell_silent(&mut self, shared: &Shared) {
        self.silent = true;
        let lost = if shared.has_any(STOPPED) { 0 } else { LOST };
        shared.set(SILENT | lost);
    }

    /// The stream broke. What the reader was told stays: after END, the end.
    fn lost(&mut self, shared: &Shared, failure: Failure) {
        self.silent = true;
        self.over.get_or_insert(Over::Failed(failure));
        shared.set(SILENT | LOST);
    }
}

/// Whether a blocking call of the carrier's ended for reasons of its caller.
fn is_callers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::TimedOut
    )
}

fn kind_of(error: RecordError) -> io::ErrorKind {
    io::Error::from(error).kind()
}
