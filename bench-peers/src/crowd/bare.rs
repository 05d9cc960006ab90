//! Bare descriptors and the system's readiness: the least that a server can hold for a connection.
//! The clients of this kind also talk to the framed server.

use super::{Crowd, SIZE};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

const LISTENER: Token = Token(usize::MAX);
/// A question with its length before it.
const FRAME: usize = 4 + SIZE;

pub(super) fn serve(say: &dyn Fn(&str)) {
    let mut poll = Poll::new().expect("a poller");
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let registry = poll.registry();
    let added = registry.register(&mut listener, LISTENER, Interest::READABLE);
    added.expect("a socket");
    say(&listener.local_addr().expect("its address").to_string());
    let mut streams: Vec<Option<TcpStream>> = Vec::new();
    let mut events = Events::with_capacity(1024);
    loop {
        poll.poll(&mut events, None).expect("a poller");
        for event in &events {
            if event.token() != LISTENER {
                let slot = &mut streams[event.token().0];
                if slot.as_ref().is_some_and(|stream| !answer(stream)) {
                    *slot = None;
                }
                continue;
            }
            while let Ok((mut stream, _)) = listener.accept() {
                let token = Token(streams.len());
                let registry = poll.registry();
                let added = registry.register(&mut stream, token, Interest::READABLE);
                added.expect("a socket");
                stream.set_nodelay(true).expect("a TCP socket");
                streams.push(Some(stream));
            }
        }
    }
}

/// Sends back what there is; whether more may come.
fn answer(mut stream: &TcpStream) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            // So little always fits.
            Ok(n) if stream.write(&buffer[..n]).is_ok_and(|sent| sent == n) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            _ => return false,
        }
    }
}

/// One client's connection.
struct Client {
    stream: TcpStream,
    /// Bytes that it has of an answer.
    had: usize,
    answers: u32,
    done: Option<Duration>,
}

struct Clients {
    poll: Poll,
    clients: Vec<Client>,
}

pub(super) fn connect(at: &str, count: usize) -> Box<dyn Crowd> {
    let at = at.parse().expect("an address");
    let mut poll = Poll::new().expect("a poller");
    let mut clients = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = TcpStream::connect(at).expect("a socket");
        let both = Interest::READABLE | Interest::WRITABLE;
        let registry = poll.registry();
        let added = registry.register(&mut stream, Token(number), both);
        added.expect("a socket");
        clients.push(Client {
            stream,
            had: 0,
            answers: 0,
            done: None,
        });
    }
    let mut events = Events::with_capacity(1024);
    let mut connected = vec![false; count];
    let mut missing = count;
    while missing > 0 {
        let limit = Duration::from_secs(30);
        poll.poll(&mut events, Some(limit)).expect("a poller");
        assert!(!events.is_empty(), "{missing} of {count} never connected");
        for event in &events {
            let Token(number) = event.token();
            let stream = &clients[number].stream;
            if let Some(error) = stream.take_error().expect("a socket") {
                panic!("connection {number} was lost: {error}");
            }
            if stream.peer_addr().is_ok() && !std::mem::replace(&mut connected[number], true) {
                stream.set_nodelay(true).expect("a TCP socket");
                missing -= 1;
            }
        }
    }
    Box::new(Clients { poll, clients })
}

fn question(number: usize, answers: u32) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    frame[..4].copy_from_slice(&(SIZE as u32).to_be_bytes());
    frame[4..12].copy_from_slice(&(number as u64).to_be_bytes());
    frame[12..16].copy_from_slice(&answers.to_be_bytes());
    frame
}

impl Client {
    fn ask(&mut self, number: usize) {
        let frame = question(number, self.answers);
        let sent = self.stream.write(&frame);
        assert_eq!(sent.expect("the connection lives"), FRAME);
    }

    /// Takes what has come.
    fn go_on(&mut self, number: usize, times: u32, begun: Instant) {
        let mut frame = [0; FRAME];
        while self.done.is_none() {
            match self.stream.read(&mut frame[..FRAME - self.had]) {
                Ok(0) => panic!("connection {number} was lost"),
                Ok(n) => {
                    let expected = &question(number, self.answers)[self.had..][..n];
                    assert_eq!(&frame[..n], expected, "the answer to another question");
                    self.had += n;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("connection {number} was lost: {error}"),
            }
            if self.had == FRAME {
                self.had = 0;
                self.answers += 1;
                if self.answers == times {
                    self.done = Some(begun.elapsed());
                    return;
                }
                self.ask(number);
            }
        }
    }
}

impl Crowd for Clients {
    fn echo(&mut self, times: u32) -> Vec<Duration> {
        let begun = Instant::now();
        for (number, client) in self.clients.iter_mut().enumerate() {
            (client.had, client.answers, client.done) = (0, 0, None);
            client.ask(number);
        }
        let mut events = Events::with_capacity(1024);
        while self.clients.iter().any(|client| client.done.is_none()) {
            let limit = Some(Duration::from_secs(30));
            self.poll.poll(&mut events, limit).expect("a poller");
            assert!(!events.is_empty(), "an answer never came");
            for event in &events {
                let Token(number) = event.token();
                self.clients[number].go_on(number, times, begun);
            }
        }
        self.clients.iter().filter_map(|one| one.done).collect()
    }
}
