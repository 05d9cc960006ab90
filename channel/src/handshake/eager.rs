//! A connector that does not wait to be welcomed: it reads the answer ahead of the channel's bytes.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use super::{SinceHello, protocol, refusal};
use crate::endpoint::Endpoint;
use crate::transport::Source;
use crate::wire::hello::{HelloDecoder, Message, Role, Step};

/// The inbound half of a connection whose first bytes are the acceptor's answer. A refusal is its first
/// error, and of the kind `ConnectionRefused`.
pub(super) struct Answer {
    source: Box<dyn Source>,
    /// Until the answer is there.
    awaited: Option<Box<Awaited>>,
}

struct Awaited {
    decoder: HelloDecoder,
    endpoint: Endpoint,
    broker: String,
    refused: Option<String>,
    /// Of a native carrier: what counts the channel's bytes, and not these.
    since: Option<Arc<SinceHello>>,
}

impl Awaited {
    /// These bytes are the answer's.
    fn take(&self, source: &mut dyn Source, bytes: usize) {
        source.consume(bytes);
        if let Some(since) = &self.since {
            since.discount_read(bytes);
        }
    }
}

impl Answer {
    pub(super) fn new(
        source: Box<dyn Source>,
        endpoint: &Endpoint,
        broker: &str,
        since: Option<Arc<SinceHello>>,
    ) -> Answer {
        Answer {
            source,
            awaited: Some(Box::new(Awaited {
                decoder: HelloDecoder::new(Role::Connector),
                endpoint: endpoint.clone(),
                broker: broker.to_owned(),
                refused: None,
                since,
            })),
        }
    }

    /// Looks at what the carrier has brought: `n` bytes, or its end. Whether more has to come before
    /// there is something to show.
    fn look(&mut self, n: usize) -> io::Result<bool> {
        let Some(awaited) = &mut self.awaited else {
            return Ok(false);
        };
        if let Some(error) = &awaited.refused {
            return Err(refused(error));
        }
        let found = if n == 0 {
            match awaited.decoder.end_of_input() {
                Ok(()) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) => Err(error),
            }
        } else {
            awaited.decoder.feed(self.source.filled())
        };
        let error = match found {
            Ok(Step::Message { consumed, message }) => {
                awaited.take(&mut *self.source, consumed);
                match message {
                    Message::Refused(why) => refusal(why, &awaited.endpoint, &awaited.broker),
                    // The decoder lets nothing else through.
                    _welcome => {
                        self.awaited = None;
                        return Ok(self.source.filled().is_empty());
                    }
                }
            }
            Ok(_) => {
                awaited.take(&mut *self.source, n);
                return Ok(true);
            }
            Err(error) => protocol(error, &awaited.endpoint),
        };
        Err(refused(awaited.refused.insert(error.to_string())))
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why)
}

impl Source for Answer {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            let n = ready!(self.source.poll_fill(cx))?;
            if self.awaited.is_none() {
                return Poll::Ready(Ok(n));
            }
            if !self.look(n)? {
                return Poll::Ready(Ok(self.source.filled().len()));
            }
        }
    }

    fn filled(&self) -> &[u8] {
        match self.awaited {
            Some(_) => &[],
            None => self.source.filled(),
        }
    }

    fn consume(&mut self, n: usize) {
        self.source.consume(n);
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.awaited.is_some() {
            ready!(self.poll_fill(cx))?;
        }
        self.source.poll_read(cx, out)
    }

    fn fill(&mut self, until: Option<Instant>) -> io::Result<usize> {
        loop {
            let n = self.source.fill(until)?;
            if self.awaited.is_none() {
                return Ok(n);
            }
            if !self.look(n)? {
                return Ok(self.source.filled().len());
            }
        }
    }

    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        if self.awaited.is_some() {
            self.fill(until)?;
        }
        self.source.read(out, until)
    }

    fn poll_read_ahead(&mut self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.awaited {
            Some(_) => self.poll_read(cx, &mut [IoSliceMut::new(out)]),
            None => self.source.poll_read_ahead(cx, out),
        }
    }

    fn read_ahead(&mut self, out: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        match self.awaited {
            Some(_) => self.read(&mut [IoSliceMut::new(out)], until),
            None => self.source.read_ahead(out, until),
        }
    }

    fn interrupter(&self) -> Option<Waker> {
        self.source.interrupter()
    }
}
