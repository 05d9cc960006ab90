//! This project's: one thread and a [`Poller`] serve all.

use super::{Crowd, SIZE};
use crate::sockets::broker;
use channel::{AcceptError, Channel, Endpoint, Poller, ReadError};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use message_queue::{MessageQueue, ReceiveError};
use std::time::{Duration, Instant};

const PORT: u16 = 7;
const ACCEPTOR: u64 = u64::MAX;
/// Nothing here takes so long; if it does, something is lost.
const LIMIT: Duration = Duration::from_secs(60);

/// What is held for a connection.
trait Line: From<Channel> {
    fn join(&mut self, poller: &Poller, key: u64);

    /// Takes what has come, at most one message: how many bytes, 0 for the end; `None` if nothing has.
    fn take(&mut self, buffer: &mut [u8]) -> Option<usize>;

    /// Sends; so little always fits.
    fn put(&mut self, bytes: &[u8]);
}

impl Line for Channel {
    fn join(&mut self, poller: &Poller, key: u64) {
        self.register(poller, key);
    }
    fn take(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self.try_read(buffer) {
            Ok(n) => Some(n),
            Err(ReadError::WouldBlock) => None,
            Err(error) => panic!("a connection was lost: {error}"),
        }
    }
    fn put(&mut self, bytes: &[u8]) {
        let n = self.try_write(bytes).expect("there is room");
        assert_eq!(n, bytes.len(), "there is room");
    }
}

impl Line for MessageQueue {
    fn join(&mut self, poller: &Poller, key: u64) {
        self.register(poller, key);
    }
    fn take(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self.try_receive_into(buffer) {
            Ok(n) => Some(n),
            Err(ReceiveError::WouldBlock) => None,
            Err(ReceiveError::PeerClosed) => Some(0),
            Err(error) => panic!("a connection was lost: {error}"),
        }
    }
    fn put(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("there is room");
    }
}

pub(super) fn serve_channels(say: &dyn Fn(&str)) {
    serve::<Channel>(say);
}

pub(super) fn serve_queues(say: &dyn Fn(&str)) {
    serve::<MessageQueue>(say);
}

fn serve<L: Line>(say: &dyn Fn(&str)) {
    let server = broker("server");
    let at = "tcp://127.0.0.1:0/server".parse().expect("an endpoint");
    let bound = server.listen(&at).expect("a port");
    let poller = Poller::new();
    let mut acceptor = server.acceptor(PORT);
    acceptor.register(&poller, ACCEPTOR);
    say(&bound.endpoint().to_string());
    let mut lines: Vec<Option<L>> = Vec::new();
    let (mut keys, mut buffer) = (Vec::new(), [0; SIZE]);
    loop {
        poller.wait(&mut keys);
        for key in keys.drain(..) {
            if key != ACCEPTOR {
                let slot = &mut lines[key as usize];
                if slot.as_mut().is_some_and(|line| !answer(line, &mut buffer)) {
                    *slot = None;
                }
                continue;
            }
            loop {
                match acceptor.try_accept() {
                    Ok(channel) => {
                        let mut line = L::from(channel);
                        line.join(&poller, lines.len() as u64);
                        lines.push(Some(line));
                    }
                    Err(AcceptError::WouldBlock { .. }) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}

/// Sends back what there is; whether more may come.
fn answer<L: Line>(line: &mut L, buffer: &mut [u8]) -> bool {
    while let Some(n) = line.take(buffer) {
        if n == 0 {
            return false;
        }
        line.put(&buffer[..n]);
    }
    true
}

/// One client's connection.
struct Client<L> {
    line: L,
    had: usize,
    answers: u32,
    done: Option<Duration>,
}

struct Clients<L> {
    poller: Poller,
    clients: Vec<Client<L>>,
}

pub(super) fn connect_channels(at: &str, count: usize) -> Box<dyn Crowd> {
    connect::<Channel>(at, count)
}

pub(super) fn connect_queues(at: &str, count: usize) -> Box<dyn Crowd> {
    connect::<MessageQueue>(at, count)
}

fn connect<L: Line + 'static>(at: &str, count: usize) -> Box<dyn Crowd> {
    let at: Endpoint = at.parse().expect("an endpoint");
    let broker = broker("client");
    let connecting: FuturesUnordered<_> = (0..count)
        .map(|_| broker.connect_at_async(&at, PORT))
        .collect();
    let connected: Vec<_> = futures_lite::future::block_on(connecting.collect());
    let poller = Poller::new();
    let clients = connected.into_iter().enumerate().map(|(number, channel)| {
        let channel = channel.unwrap_or_else(|error| panic!("a connect was lost: {error}"));
        let mut line = L::from(channel);
        line.join(&poller, number as u64);
        Client {
            line,
            had: 0,
            answers: 0,
            done: None,
        }
    });
    let clients = clients.collect();
    Box::new(Clients { poller, clients })
}

fn question(number: usize, answers: u32) -> [u8; SIZE] {
    let mut question = [0; SIZE];
    question[..8].copy_from_slice(&(number as u64).to_be_bytes());
    question[8..12].copy_from_slice(&answers.to_be_bytes());
    question
}

impl<L: Line> Client<L> {
    /// Takes what has come.
    fn go_on(&mut self, number: usize, times: u32, begun: Instant) {
        let mut answer = [0; SIZE];
        while let Some(n) = self.line.take(&mut answer[self.had..]) {
            assert!(n > 0, "connection {number} has ended");
            assert!(self.done.is_none(), "more than was asked for");
            self.had += n;
            if self.had < SIZE {
                // Bytes may come in pieces: what there is of them so far is looked at now.
                let expected = &question(number, self.answers)[..self.had];
                assert_eq!(&answer[self.had - n..self.had], &expected[self.had - n..]);
                continue;
            }
            let expected = question(number, self.answers);
            assert_eq!(answer[SIZE - n..], expected[SIZE - n..], "another answer");
            self.had = 0;
            self.answers += 1;
            if self.answers == times {
                // And one more look, which says that nothing is there: so the next round is heard of.
                self.done = Some(begun.elapsed());
            } else {
                self.line.put(&question(number, self.answers));
            }
        }
    }
}

impl<L: Line> Crowd for Clients<L> {
    fn echo(&mut self, times: u32) -> Vec<Duration> {
        let begun = Instant::now();
        let mut missing = self.clients.len();
        for (number, client) in self.clients.iter_mut().enumerate() {
            (client.had, client.answers, client.done) = (0, 0, None);
            client.line.put(&question(number, 0));
        }
        let mut keys = Vec::new();
        while missing > 0 {
            let found = self.poller.wait_timeout(&mut keys, LIMIT);
            found.expect("every answer comes");
            for key in keys.drain(..) {
                let client = &mut self.clients[key as usize];
                let missed = client.done.is_none();
                client.go_on(key as usize, times, begun);
                missing -= usize::from(missed && client.done.is_some());
            }
        }
        self.clients.iter().filter_map(|one| one.done).collect()
    }
}
