//! B6: a program that knows a name, and a table that knows machines.

mod support;

use std::net::TcpListener;

use channel::{ConnectError, Domain, Endpoint, Names};
use support::{LIMIT, at, domain, listen, talk};
use transport_tcp::{Failure, Failures};
use transport_testkit::process::{given, start, tell, wait_for_word};

/// The program: it knows that there is a server, and nothing else.
fn program(domain: &Domain) {
    let client = domain.broker("client").unwrap();
    let mut channel = client.connect_timeout("server", 7, LIMIT).unwrap();
    assert_eq!(channel.handle().peer_name(), "server");
    let mut buf = [0; 5];
    channel.write_all(b"hello").unwrap();
    channel.read_exact_timeout(&mut buf, LIMIT).unwrap();
    assert_eq!(&buf, b"HELLO");
}

/// The other program: says in capitals what it hears, until the stream ends.
fn serve(server: &channel::Broker) {
    let mut channel = server.accept_timeout(7, LIMIT).unwrap();
    let mut buf = [0; 100];
    loop {
        let n = channel.read_timeout(&mut buf, LIMIT).unwrap();
        if n == 0 {
            return;
        }
        buf.make_ascii_uppercase();
        channel.write_all(&buf[..n]).unwrap();
    }
}

/// The life of a process that serves once.
#[test]
fn a_serving_process() {
    if given().is_some() {
        let (server, at) = listen("tcp://127.0.0.1:0/server");
        tell(&at.to_string());
        serve(&server);
        wait_for_word();
    }
}

// shows B6: the same program finds the server in its own process, or in another one, as the table has it.
#[test]
fn a_program_that_knows_a_name() {
    let here = domain();
    let server = here.broker("server").unwrap();
    let serving = std::thread::spawn(move || serve(&server));
    program(&here);
    serving.join().unwrap();

    let mut process = start("a_serving_process", "");
    let names = Names::new();
    names.add("server", at(&process.hear()));
    let elsewhere = domain();
    elsewhere.add_resolver(names);
    program(&elsewhere);
    assert!(process.ended().success());
}

/// An endpoint at which nobody listens.
fn dead(broker: &str) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    at(&format!(
        "tcp://{}/{broker}",
        listener.local_addr().unwrap()
    ))
}

// shows B6: the endpoints of a name are tried in order.
#[test]
fn a_dead_endpoint_is_passed_over() {
    let (server, bound) = listen("tcp://127.0.0.1:0/server");
    let names = Names::new();
    names.add("server", dead("server"));
    names.add("server", bound.clone());
    // Never asked.
    names.add("server", at("tcp://nowhere.invalid:7000/server"));
    let domain = domain();
    domain.add_resolver(names.clone());
    let client = domain.broker("client").unwrap();
    let connecting = std::thread::spawn({
        let client = client.clone();
        move || client.connect_timeout("server", 7, LIMIT)
    });
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    let mut theirs = connecting.join().unwrap().unwrap();
    talk(&mut ours, &mut theirs);
    assert_eq!(ours.handle().peer_name(), "client");
    assert_eq!(theirs.peer(), bound);
}

// shows B6: and if it is in vain, each is named with its own reason.
#[test]
fn all_endpoints_fail() {
    let (_server, bound) = listen("tcp://127.0.0.1:0/server");
    let endpoints = [
        dead("server"),
        bound.with_broker("other").unwrap(),
        at("ftp://127.0.0.1:7000/server"),
        dead("server"),
    ];
    let names = Names::new();
    names.set("server", endpoints.clone());
    let domain = domain();
    domain.add_resolver(names.clone());
    let client = domain.broker("client").unwrap();
    let error = client.connect_timeout("server", 7, LIMIT).unwrap_err();
    let text = error.to_string();
    let ConnectError::AllFailed { name, errors } = error else {
        panic!("{error}");
    };
    assert_eq!(name, "server");
    let mut from = 0;
    for (endpoint, error) in endpoints.iter().zip(&errors) {
        assert!(error.to_string().contains(endpoint.authority()), "{error}");
        // In the order tried.
        let at = text[from..].find(&endpoint.to_string());
        from += at.unwrap_or_else(|| panic!("{endpoint} is not in order: {text}"));
    }
    assert!(
        matches!(errors[1], ConnectError::NoSuchBroker { .. }),
        "{text}"
    );
    for i in [0, 3] {
        let failures = Failures::of(&errors[i]).unwrap_or_else(|| panic!("{text}"));
        assert!(
            matches!(failures.all(), [Failure::Refused { .. }]),
            "{text}"
        );
    }
    assert_eq!(errors.len(), endpoints.len());

    // One alone is told as it is; and a name that is in no table.
    names.set("server", [dead("server")]);
    let error = client.connect_timeout("server", 7, LIMIT).unwrap_err();
    assert!(matches!(error, ConnectError::Dial { .. }), "{error}");
    let error = client.connect_timeout("sever", 7, LIMIT).unwrap_err();
    assert!(
        matches!(&error, ConnectError::NoSuchBroker { name, asked }
            if name == "sever" && asked.contains("table of names")),
        "{error}"
    );
}

// shows B3: a time limit, too, says where it was waited.
#[test]
fn a_time_limit_names_the_endpoint() {
    let (_server, bound) = listen("tcp://127.0.0.1:0/server");
    let names = Names::new();
    names.add("server", dead("server"));
    names.add("server", bound.clone());
    let domain = domain();
    domain.add_resolver(names);
    let client = domain.broker("client").unwrap();
    let limit = std::time::Duration::from_millis(50);
    let error = client.connect_timeout("server", 7, limit).unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("server") && text.contains(&bound.to_string()),
        "{text}"
    );
}
