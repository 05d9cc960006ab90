//! B6: a program that knows a name, and a table that knows machines.

mod support;

use std::net::TcpListener;

use channel::Names;
use support::{LIMIT, domain, listen, talk};

// shows B6: the same two calls as in one process; a dead endpoint is passed over.
#[test]
fn a_name_reaches_another_domain() {
    let (server, bound) = listen("tcp://127.0.0.1:0/server");
    let dead = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let names = Names::new();
    names.add("server", format!("tcp://{dead}/server").parse().unwrap());
    names.add("server", bound);
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

    // Each one that failed is named.
    names.set(
        "server",
        [
            format!("tcp://{dead}/server").parse().unwrap(),
            format!("tcp://{dead}/other").parse().unwrap(),
        ],
    );
    let error = client.connect("server", 8).unwrap_err().to_string();
    assert_eq!(
        error.matches("refused: nobody listens there").count(),
        2,
        "{error}"
    );
}
