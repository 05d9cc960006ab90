//! The commands between two domains, as between two processes: everything that comes over another
//! transport than memory takes this way, through hello and reception.

mod messages;

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{io, thread};

use channel::mem::Mem;
use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError, Options};

use crate::args::{Bench, Load, Serve, Style, Test};
use crate::place::{Place, Role, ServerRuns};
use crate::report::Output;
use crate::server::{EchoServer, End, Served};
use crate::speech::Speech;
use crate::{bench, formal, load, place, serve};

/// What a step may take: far longer than it does, but for the slowness of a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// A transport that says of itself that its ends lie apart.
#[derive(Clone)]
struct Far(Arc<Mem>);

fn near(far: &Endpoint) -> Endpoint {
    Endpoint::new(channel::mem::SCHEME, far.authority()).unwrap()
}

impl Transport for Far {
    fn schemes(&self) -> &[&str] {
        &["far"]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move { self.0.dial(&near(to), options).await })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        Ok(Box::new(FarListener {
            inner: self.0.listen(&near(at), options)?,
            at: at.clone(),
        }))
    }
}

struct FarListener {
    inner: Box<dyn Listener>,
    at: Endpoint,
}

impl Listener for FarListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        self.inner.poll_accept(cx)
    }

    fn local(&self) -> &Endpoint {
        &self.at
    }
}

/// The same place, seen from two domains.
fn places(capacity: usize) -> [Place; 2] {
    let far = Far(Arc::new(Mem::new()));
    [far.clone(), far].map(|far| {
        let links = Arc::default();
        let domain = place::transports::domain(&links);
        domain.add(far);
        Place {
            domain,
            links,
            endpoints: vec!["far://desk/echo".parse().unwrap()],
            port: 9,
            options: Options::new().with_capacity(capacity),
            limit: LONG,
            speech: Speech::Bytes,
            server: ServerRuns::Elsewhere,
        }
    })
}

/// Two ends of one transport, and what the server was told.
struct World {
    client: Place,
    server: Option<EchoServer>,
    served: Arc<Mutex<Vec<Served>>>,
}

impl World {
    fn new(style: Style, capacity: usize) -> World {
        World::speaking([Speech::Bytes; 2], style, capacity)
    }

    /// `speech`: the server's and the client's, who may misunderstand each other.
    fn speaking(speech: [Speech; 2], style: Style, capacity: usize) -> World {
        let [mut server, mut client] = places(capacity);
        [server.speech, client.speech] = speech;
        let served = Arc::new(Mutex::new(Vec::new()));
        let observer = {
            let served = served.clone();
            Arc::new(move |one: Served| served.lock().unwrap().push(one))
        };
        let (broker, at) = server.server().unwrap();
        assert_eq!(at, client.endpoints);
        World {
            client,
            server: Some(EchoServer::start(broker, 9, server.speech, style, observer).unwrap()),
            served,
        }
    }

    /// Waits for all channels' ends and gives them.
    fn ends(&mut self) -> Vec<End> {
        self.all_served().into_iter().map(|one| one.end).collect()
    }

    /// Waits for all channels' ends and gives all that is told of them.
    fn all_served(&mut self) -> Vec<Served> {
        self.server.take().unwrap().stop().unwrap();
        self.served.lock().unwrap().clone()
    }
}

const STYLES: [Style; 2] = [Style::Blocking, Style::Poller];

// shows E2
#[test]
fn the_formal_test_passes_between_two_domains() {
    for style in STYLES {
        let mut world = World::new(style, 64);
        formal::run(&world.client, &Test::default(), Output::silent()).unwrap();
        assert_eq!(world.ends(), [End::Orderly], "{style:?}");
    }
}

// shows E2
#[test]
fn a_server_that_was_told_how_many_ends_after_them() {
    let [server, client] = places(4096);
    let serving = thread::spawn(move || {
        let args = Serve {
            server: Style::Poller,
            count: Some(2),
            until_eof: false,
        };
        serve::run(&server, &args, Output::silent())
    });
    // The transport says at once when nobody listens: so this may come too early.
    let started = Instant::now();
    while formal::run(&client, &Test::default(), Output::silent()).is_err() {
        assert!(started.elapsed() < LONG);
        thread::sleep(Duration::from_millis(5));
    }
    formal::run(&client, &Test::default(), Output::silent()).unwrap();
    serving.join().unwrap().unwrap();
}

// shows E2
#[test]
fn a_load_through_tiny_buffers_is_lossless() {
    for style in STYLES {
        let mut world = World::new(style, 64);
        let args = Load {
            clients: 20,
            bytes: Some(30_001),
            size: None,
            seed: 7,
            server: style,
            spawn: false,
        };
        load::run(&world.client, &args, Output::silent()).unwrap();
        assert_eq!(world.ends(), vec![End::Orderly; 20], "{style:?}");
    }
}

// shows E2
#[test]
fn messages_larger_than_all_buffers_are_measured() {
    let mut world = World::new(Style::Blocking, 256);
    let args = Bench {
        sizes: vec![1, 5000],
        seconds: Duration::from_millis(40),
        batch: false,
        server: Style::Blocking,
        spawn: false,
    };
    bench::run(&world.client, &args, Output::silent()).unwrap();
    assert_eq!(world.ends(), vec![End::Orderly; 4]);
}

// shows E2, C1
#[test]
fn a_client_that_does_not_read_is_not_read_from_and_loses_nothing() {
    for style in STYLES {
        let mut world = World::new(style, 1024);
        let broker = world.client.client().unwrap();
        let (mut reader, mut writer) = world.client.connect(&broker).unwrap().split();
        // No more fits than the buffers on the way hold, however long one tries.
        let (mut sent, begun) = (0_usize, Instant::now());
        // (The server may have to wait for its turn on a busy machine: so much fits for certain.)
        loop {
            match writer.write_timeout(&[sent as u8], Duration::from_millis(200)) {
                Ok(n) => sent += n,
                Err(_) if sent < 2048 && begun.elapsed() < LONG => {}
                Err(_) => break,
            }
        }
        assert!((2048..=8192).contains(&sent), "{style:?}: {sent}");
        writer.finish().unwrap();
        let mut back = Vec::new();
        io::Read::read_to_end(&mut reader, &mut back).unwrap();
        assert_eq!(back.len(), sent);
        assert!(back.iter().enumerate().all(|(i, byte)| *byte == i as u8));
        drop((reader, writer));
        assert_eq!(world.ends(), [End::Orderly], "{style:?}");
    }
}

// shows C5, C6
#[test]
fn the_server_tells_how_a_client_left() {
    for style in STYLES {
        let mut world = World::new(style, 1024);
        let broker = world.client.client().unwrap();
        let mut lost = world.client.connect(&broker).unwrap();
        // Once a byte is back, the server has the channel for certain.
        lost.write_all(b"?").unwrap();
        lost.read_exact(&mut [0]).unwrap();
        lost.handle().abort();
        let full = world.client.connect(&broker).unwrap();
        let (reader, mut writer) = full.split();
        while writer
            .write_timeout(&[0; 64], Duration::from_millis(100))
            .is_ok()
        {}
        drop(reader);
        thread::sleep(Duration::from_millis(50));
        drop(writer);
        let ends = world.ends();
        assert_eq!(ends.len(), 2);
        assert!(
            ends.iter().any(|end| matches!(end, End::Lost(_))),
            "{ends:?}"
        );
        assert!(ends.contains(&End::Refused), "{ends:?}");
    }
}

// shows E3, B3
#[test]
fn nobody_there_is_told_within_the_limit() {
    let [_, mut place] = places(64);
    place.limit = Duration::from_millis(100);
    let error = formal::run(&place, &Test::default(), Output::silent())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("serve --endpoint far://desk/echo"),
        "{error}"
    );
}

// shows E2
#[test]
fn the_usual_endpoint_is_in_this_process() {
    use clap::Parser;
    let common = crate::args::Cli::parse_from(["echo-demo"]).common;
    let place = Place::new(&common, Role::Client).unwrap();
    assert!(place.is_private());
    assert_eq!(place.server, ServerRuns::Here);
    assert_eq!(place.name(), "mem://echo, port 7");
}
