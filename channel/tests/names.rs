//! B6: a name leads to other places by a table.

use channel::mem::Mem;
use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{Broker, ConnectError, DialError, Domain, Endpoint, ListenError, Names, Options};

/// Nobody can be reached over it.
struct Nowhere;

impl Transport for Nowhere {
    fn schemes(&self) -> &[&str] {
        &["nowhere"]
    }

    fn dial<'a>(
        &'a self,
        _: &'a Endpoint,
        _: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(std::future::ready(Err(DialError::NotFound)))
    }

    fn listen(&self, _: &Endpoint, _: &Options) -> Result<Box<dyn Listener>, ListenError> {
        Err(ListenError::Unsupported("nobody listens here".into()))
    }
}

fn stage() -> (Names, Broker, Broker) {
    let domain = Domain::new();
    domain.add(Nowhere);
    let names = Names::new();
    domain.add_resolver(names.clone());
    let server = domain.broker("server").unwrap();
    (names, server, domain.broker("client").unwrap())
}

fn nowhere(name: &str) -> Endpoint {
    Endpoint::new("nowhere", name).unwrap()
}

// shows B6: the endpoints of a name are tried in order.
#[test]
fn the_first_that_can_be_reached() {
    let (names, server, client) = stage();
    names.add("service", nowhere("one"));
    names.add("service", Mem::endpoint("server").unwrap());
    names.add("service", nowhere("two"));
    let connecting = std::thread::spawn(move || client.connect("service", 7));
    let mut ours = server.accept(7).unwrap();
    let mut theirs = connecting.join().unwrap().unwrap();
    theirs.write_all(b"x").unwrap();
    ours.read_exact(&mut [0]).unwrap();
}

// shows B6: each one that failed is named.
#[test]
fn none_can_be_reached() {
    let (names, _server, client) = stage();
    names.set("service", [nowhere("one"), nowhere("two")]);
    let error = client.connect("service", 7).unwrap_err();
    assert!(matches!(&error, ConnectError::AllFailed { errors, .. } if errors.len() == 2));
    let text = error.to_string();
    assert!(
        text.contains("nowhere://one") && text.contains("nowhere://two"),
        "{text}"
    );
}

// shows B3, B6: who was asked in vain.
#[test]
fn unknown() {
    let (names, _server, client) = stage();
    names.add("service", nowhere("one"));
    names.set("service", []);
    assert!(names.endpoints("service").is_empty());
    let error = client.connect("service", 7).unwrap_err();
    assert!(
        matches!(error, ConnectError::NoSuchBroker { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("table of names"), "{error}");
}

// shows B6: the process's own brokers come first.
#[test]
fn the_own_brokers_come_first() {
    let (names, server, client) = stage();
    names.add("server", nowhere("elsewhere"));
    let connecting = std::thread::spawn(move || client.connect("server", 7));
    server.accept(7).unwrap();
    connecting.join().unwrap().unwrap();
}
