//! B6: names are looked up in this process, then by the transports (this machine), then wherever the program has
//! configured.

use std::sync::{Arc, Mutex, Weak};

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{
    Broker, ConnectError, DialError, Domain, Endpoint, ListenError, Names, Options, ResolveError,
    Resolver,
};

/// Knows one name, and notes whom it was asked for.
struct Book {
    called: &'static str,
    knows: Option<Endpoint>,
    asked: Mutex<Vec<String>>,
}

impl Book {
    fn of(scheme: &'static str) -> Arc<Book> {
        Arc::new(Book {
            called: scheme,
            knows: Some(Endpoint::new(scheme, "here").unwrap()),
            asked: Mutex::default(),
        })
    }
}

impl Resolver for Book {
    fn name(&self) -> &str {
        self.called
    }

    fn resolve<'a>(
        &'a self,
        broker: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Endpoint>, ResolveError>> {
        self.asked.lock().unwrap().push(broker.to_owned());
        let knows = self.knows.iter().filter(|_| broker == "server");
        Box::pin(std::future::ready(Ok(knows.cloned().collect())))
    }
}

/// Nobody can be reached over it, and it knows whom one cannot reach.
struct Machine {
    schemes: &'static [&'static str],
    book: Arc<Book>,
    /// Asks it something when it is dropped, as a transport might.
    domain: Option<Domain>,
}

fn machine(schemes: &'static [&'static str]) -> (Machine, Arc<Book>) {
    let book = Book::of(schemes[0]);
    let machine = Machine {
        schemes,
        book: book.clone(),
        domain: None,
    };
    (machine, book)
}

impl Transport for Machine {
    fn schemes(&self) -> &[&str] {
        self.schemes
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

    fn resolver(&self) -> Option<Arc<dyn Resolver>> {
        Some(self.book.clone())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(domain) = &self.domain {
            assert!(domain.schemes().contains(&"machine".to_owned()));
        }
    }
}

/// Who was asked for a name that nobody knows.
fn asked(client: &Broker) -> String {
    match client.try_connect("nobody", 7) {
        Err(ConnectError::NoSuchBroker { asked, .. }) => asked,
        other => panic!("{other:?}"),
    }
}

/// The endpoint at which a connect to a name failed.
fn dialled(client: &Broker, name: &str) -> String {
    match client.try_connect(name, 7) {
        Err(ConnectError::Dial { endpoint, .. }) => endpoint.to_string(),
        other => panic!("{other:?}"),
    }
}

// shows B6: whatever the order of the calls.
#[test]
fn transports_are_asked_before_what_is_configured() {
    for machine_is_last in [true, false] {
        let domain = Domain::new();
        let client = domain.broker("client").unwrap();
        assert_eq!(asked(&client), "this process");
        let (machine, book) = machine(&["machine"]);
        let names = Names::new();
        names.add("server", Endpoint::new("table", "there").unwrap());
        names.add("other", Endpoint::new("table", "there").unwrap());
        if machine_is_last {
            domain.add_resolver(names);
            domain.add(machine);
        } else {
            domain.add(machine);
            domain.add_resolver(names);
        }
        assert_eq!(asked(&client), "this process, machine, table of names");
        // The first that knows the name decides.
        assert_eq!(dialled(&client, "server"), "machine://here");
        assert_eq!(dialled(&client, "other"), "table://there");
        let heard = std::mem::take(&mut *book.asked.lock().unwrap());
        assert_eq!(heard, ["nobody", "server", "other"]);
        // The process's own brokers come first: nobody else is asked.
        let _server = domain.broker("server").unwrap();
        let waits = client.try_connect("server", 7);
        assert!(
            matches!(waits, Err(ConnectError::WouldBlock { .. })),
            "{waits:?}"
        );
        assert!(book.asked.lock().unwrap().is_empty());
    }
}

// shows B6: several transports in the order in which they were added.
#[test]
fn a_transport_that_is_replaced_is_asked_no_more() {
    let domain = Domain::new();
    let client = domain.broker("client").unwrap();
    let mut first = machine(&["machine", "engine"]).0;
    first.domain = Some(domain.clone());
    let book: Weak<Book> = Arc::downgrade(&first.book);
    domain.add(first);
    domain.add(machine(&["rail"]).0);
    assert_eq!(asked(&client), "this process, machine, rail");
    // It still serves one of its schemes.
    domain.add(machine(&["engine"]).0);
    assert_eq!(asked(&client), "this process, machine, rail, engine");
    assert!(book.upgrade().is_some());
    domain.add(machine(&["machine"]).0);
    assert_eq!(asked(&client), "this process, rail, engine, machine");
    assert!(book.upgrade().is_none(), "it is kept for nothing");
    // Once more the same.
    domain.add(machine(&["machine"]).0);
    assert_eq!(asked(&client), "this process, rail, engine, machine");
}
