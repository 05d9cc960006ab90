//! The crate `yamux`, polled by hand: no executor's cost, and every stream only when its waker was told.

use super::{DuplexEnd, LINK, Muxed, Notes, duplex};
use futures_util::io::{AsyncRead, AsyncWrite};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use yamux::{Config, Connection, Mode, Stream};

/// Two connections over the link in memory, with frames of at most `SPLIT` bytes.
pub struct Yamux<const SPLIT: usize> {
    connections: [Connection<DuplexEnd>; 2],
    writers: Vec<(Stream, Waker)>,
    readers: Vec<(Stream, Waker)>,
    notes: Notes,
}

fn moved(polled: Poll<io::Result<usize>>) -> usize {
    match polled {
        Poll::Ready(n) => n.expect("the stream is open"),
        Poll::Pending => 0,
    }
}

impl<const SPLIT: usize> Muxed for Yamux<SPLIT> {
    fn pair(channels: usize) -> Self {
        let mut config = Config::default();
        config.set_split_send_size(SPLIT);
        let [a, b] = duplex(LINK);
        let mut connections = [
            Connection::new(a, config.clone(), Mode::Client),
            Connection::new(b, config, Mode::Server),
        ];
        let notes = Notes::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut writers = Vec::new();
        let mut readers = Vec::new();
        for channel in 0..channels as u32 {
            let Poll::Ready(Ok(mut stream)) = connections[0].poll_new_outbound(&mut cx) else {
                panic!("no room for a channel");
            };
            // A stream is opened by its first bytes.
            let opening = Pin::new(&mut stream).poll_write(&mut cx, &[0]);
            assert_eq!(moved(opening), 1);
            writers.push((stream, notes.when_writable(channel)));
            while readers.len() < writers.len() {
                let _ = connections[0].poll_next_inbound(&mut cx);
                if let Poll::Ready(Some(stream)) = connections[1].poll_next_inbound(&mut cx) {
                    let mut stream = stream.expect("the connection is open");
                    let opening = Pin::new(&mut stream).poll_read(&mut cx, &mut [0]);
                    assert_eq!(moved(opening), 1);
                    let waker = notes.when_readable(channel);
                    // From now on it is told.
                    let mut cx = Context::from_waker(&waker);
                    let more = Pin::new(&mut stream).poll_read(&mut cx, &mut [0]);
                    assert!(more.is_pending());
                    readers.push((stream, waker));
                }
            }
        }
        Yamux {
            connections,
            writers,
            readers,
            notes,
        }
    }

    fn channels(&self) -> usize {
        self.writers.len()
    }

    fn write(&mut self, channel: usize, bytes: &[u8]) -> usize {
        let (stream, waker) = &mut self.writers[channel];
        moved(Pin::new(stream).poll_write(&mut Context::from_waker(waker), bytes))
    }

    fn read(&mut self, channel: usize, out: &mut [u8]) -> usize {
        let (stream, waker) = &mut self.readers[channel];
        moved(Pin::new(stream).poll_read(&mut Context::from_waker(waker), out))
    }

    fn pump(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        for connection in &mut self.connections {
            // Each poll goes on until the link is full, and empty.
            let polled = connection.poll_next_inbound(&mut cx);
            assert!(polled.is_pending(), "no channel is opened, and none fails");
        }
    }

    fn notes(&self) -> &Notes {
        &self.notes
    }
}
