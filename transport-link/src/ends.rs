//! The user's halves of a channel: the near ends of two pipes, which tell when they end.

use std::io::{self, IoSlice, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use channel::pipe::{PipeReader, PipeWriter};
use channel::transport::{Sink, Source};

use crate::state::{READING, STREAM, State};

pub(crate) struct LinkSource {
    reader: PipeReader,
    state: Arc<State>,
}

impl LinkSource {
    pub(crate) fn new(reader: PipeReader, state: Arc<State>) -> LinkSource {
        LinkSource { reader, state }
    }
}

impl Source for LinkSource {
    #[inline]
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.reader.poll_fill(cx)
    }

    #[inline]
    fn filled(&self) -> &[u8] {
        self.reader.filled()
    }

    #[inline]
    fn consume(&mut self, n: usize) {
        self.reader.consume(n);
    }

    #[inline]
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.reader.poll_read(cx, out)
    }

    #[inline]
    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        self.reader.read(out, until)
    }

    #[inline]
    fn fill(&mut self, until: Option<Instant>) -> io::Result<usize> {
        self.reader.fill(until)
    }
}

impl Drop for LinkSource {
    // The reader's own drop, which follows, ends the reading.
    fn drop(&mut self) {
        self.state.leaves(READING);
    }
}

pub(crate) struct LinkSink {
    writer: PipeWriter,
    state: Arc<State>,
}

impl LinkSink {
    pub(crate) fn new(writer: PipeWriter, state: Arc<State>) -> LinkSink {
        LinkSink { writer, state }
    }
}

impl Sink for LinkSink {
    #[inline]
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writer.poll_write(cx, bufs)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.poll_flush(cx)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.state.leaves(STREAM);
        self.writer.finish()
    }

    #[inline]
    fn write(&mut self, bufs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        self.writer.write(bufs, until)
    }
}

impl Drop for LinkSink {
    // The writer's own drop, which follows, ends the stream.
    fn drop(&mut self) {
        self.state.leaves(STREAM);
    }
}
