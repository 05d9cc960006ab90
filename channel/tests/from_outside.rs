//! A resolver and a transport that a program brings along.

mod support;

use std::io;
use std::sync::{Arc, Mutex};

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{
    ConnectError, DialError, Domain, Endpoint, ListenError, Options, ResolveError, Resolver,
};
use support::{Task, within};

type Log = Arc<Mutex<Vec<String>>>;

/// Knows one name, and notes that it was asked.
struct Book {
    name: &'static str,
    knows: &'static str,
    endpoints: Vec<Endpoint>,
    fails: bool,
    log: Log,
}

impl Resolver for Book {
    fn name(&self) -> &str {
        self.name
    }

    fn resolve<'a>(
        &'a self,
        broker: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Endpoint>, ResolveError>> {
        Box::pin(async move {
            self.log
                .lock()
                .unwrap()
                .push(format!("{} asked for {broker}", self.name));
            if self.fails {
                return Err(ResolveError {
                    resolver: self.name.to_owned(),
                    reason: "the page is torn out; buy a new book".to_owned(),
                });
            }
            match broker == self.knows {
                true => Ok(self.endpoints.clone()),
                false => Ok(Vec::new()),
            }
        })
    }
}

/// Dials nowhere: says why, by the endpoint's authority.
struct Nowhere(Log);

impl Transport for Nowhere {
    fn schemes(&self) -> &[&str] {
        &["nowhere", "void"]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        _: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            self.0.lock().unwrap().push(format!("dialled {to}"));
            match to.authority() {
                "slow" => std::future::pending().await,
                "refused" => Err(io::Error::from(io::ErrorKind::ConnectionRefused).into()),
                _ => Err(DialError::NotFound),
            }
        })
    }

    fn listen(&self, at: &Endpoint, _: &Options) -> Result<Box<dyn Listener>, ListenError> {
        Err(ListenError::Unsupported(format!("{at} is nowhere")))
    }
}

fn endpoints(texts: &[&str]) -> Vec<Endpoint> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn world(books: &[(&'static str, &'static str, &[&str], bool)]) -> (Domain, Log) {
    let (domain, log) = (Domain::new(), Log::default());
    domain.add(Nowhere(log.clone()));
    for &(name, knows, places, fails) in books {
        domain.add_resolver(Book {
            name,
            knows,
            endpoints: endpoints(places),
            fails,
            log: log.clone(),
        });
    }
    (domain, log)
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

// shows B6: resolvers are asked in order, this process first; the first that knows decides.
#[test]
fn resolvers_are_asked_in_order() {
    let (domain, log) = world(&[
        ("blue book", "far", &["mem://server"], false),
        ("red book", "far", &["nowhere://x"], false),
    ]);
    let (server, client) = (
        domain.broker("server").unwrap(),
        domain.broker("client").unwrap(),
    );
    let mut accepting = Task::new(server.accept_async(1));
    assert!(accepting.poll().is_pending());
    // Under another name, by the first book's word.
    client.try_connect("far", 1).unwrap();
    assert_eq!(taken(&log), ["blue book asked for far"]);
    let _accepted = accepting.expect_ready("accept").unwrap();
    // The domain's own brokers come first: no book is opened.
    client.try_connect("server", 1).unwrap_err();
    assert!(taken(&log).is_empty());
    // Nobody knows: the error tells who was asked.
    let error = client.connect("nobody", 1).unwrap_err();
    assert!(
        matches!(&error, ConnectError::NoSuchBroker { asked, .. }
            if asked == "this process, blue book, red book"),
        "{error:?}"
    );
    assert_eq!(
        taken(&log),
        ["blue book asked for nobody", "red book asked for nobody"]
    );
}

// shows B6: a resolver that fails keeps nobody from a name that another one knows; if none does, it says why.
#[test]
fn a_resolver_that_fails() {
    let (domain, log) = world(&[
        ("torn book", "far", &[], true),
        ("red book", "far", &["nowhere://x"], false),
    ]);
    let client = domain.broker("client").unwrap();
    let error = client.connect("far", 1).unwrap_err();
    assert!(
        matches!(&error, ConnectError::Dial { endpoint, .. } if endpoint.scheme() == "nowhere"),
        "{error:?}"
    );
    assert_eq!(
        taken(&log),
        [
            "torn book asked for far",
            "red book asked for far",
            "dialled nowhere://x"
        ]
    );
    let (domain, log) = world(&[
        ("torn book", "far", &[], true),
        ("red book", "near", &["nowhere://x"], false),
    ]);
    let client = domain.broker("client").unwrap();
    let error = client.connect("far", 1).unwrap_err();
    assert!(matches!(error, ConnectError::Resolve { .. }));
    assert!(error.to_string().contains("buy a new book"), "{error}");
    assert_eq!(
        taken(&log),
        ["torn book asked for far", "red book asked for far"]
    );
}

// shows B6: a name's endpoints are tried in order; if all fail, the error names each.
#[test]
fn endpoints_are_tried_in_order() {
    within("endpoints", || {
        let places = [
            "nowhere://gone",
            "void://refused",
            "carrier-pigeon://roof",
            "mem://server",
        ];
        let (domain, log) = world(&[
            ("blue book", "far", &places, false),
            ("", "lost", &places[..3], false),
            ("", "one", &places[..1], false),
        ]);
        let (server, client) = (
            domain.broker("server").unwrap(),
            domain.broker("client").unwrap(),
        );
        let mut accepting = Task::new(server.accept_async(1));
        assert!(accepting.poll().is_pending());
        let channel = client.connect("far", 1).unwrap();
        assert_eq!(channel.peer(), places[3].parse().unwrap());
        assert_eq!(
            taken(&log)[1..],
            ["dialled nowhere://gone", "dialled void://refused"]
        );
        let error = client.connect("lost", 1).unwrap_err();
        let ConnectError::AllFailed { name, errors } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((name.as_str(), errors.len()), ("lost", 3));
        let text = error.to_string();
        for place in &places[..3] {
            assert!(text.contains(place), "{text}");
        }
        assert!(text.contains("known here: mem, nowhere, void"), "{text}");
        // One alone is told as it is.
        let error = client.connect("one", 1).unwrap_err();
        assert!(matches!(
            error,
            ConnectError::Dial {
                error: DialError::NotFound,
                ..
            }
        ));
    });
}

// shows B3, B6: a dial that never ends is cut by the time limit, and by the close of the broker.
#[test]
fn a_dial_that_never_ends() {
    let (domain, _log) = world(&[("", "far", &["nowhere://slow"], false)]);
    let client = domain.broker("client").unwrap();
    let at: Endpoint = "nowhere://slow".parse().unwrap();
    let limit = std::time::Duration::from_millis(5);
    let error = client.connect_at(&at, 1, Some(limit)).unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }));
    assert!(matches!(
        client.try_connect("far", 1),
        Err(ConnectError::WouldBlock { .. })
    ));
    let mut connecting = Task::new(client.connect_at_async(&at, 1));
    assert!(connecting.poll().is_pending());
    client.close();
    assert_eq!(connecting.wakes.count(), 1);
    assert!(matches!(
        connecting.expect_ready("connect"),
        Err(ConnectError::Closed { .. })
    ));
}

// shows T1, B6: the table of schemes is open: what was added is known, listening says its own no.
#[test]
fn the_table_of_schemes_is_open() {
    let (domain, _log) = world(&[]);
    assert_eq!(domain.schemes(), ["mem", "nowhere", "void"]);
    let broker = domain.broker("broker").unwrap();
    let error = broker.listen(&"void://x".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("void://x is nowhere"), "{error}");
    assert_eq!(Domain::new().schemes(), ["mem"]);
}
