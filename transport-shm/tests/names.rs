//! Brokers of other processes are found by their names alone, in a runtime directory of the test's own.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use channel::{Broker, ConnectError, Domain, ListenError};
use transport_shm::{DirectoryError, Shm, list};

const LIMIT: Duration = Duration::from_secs(60);

/// In the process that has a runtime directory of its own.
const INSIDE: &str = "TRANSPORT_SHM_TEST_INSIDE";
const SERVES: &str = "TRANSPORT_SHM_TEST_SERVES";
/// Begins the lines that a server says; all others are the test harness's.
const MARK: &str = "\u{1}says ";

/// Runs `body` in a process of its own, since the runtime directory is a matter of its environment. `test` is the
/// caller's name, which is how that process finds it.
fn with_directory(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let mut builder = tempfile::Builder::new();
    let builder = builder.permissions(fs::Permissions::from_mode(0o700));
    let directory = builder.tempdir().unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .env("CHANNEL_RUNTIME_DIR", directory.path())
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{test}: see above");
}

fn broker(name: &str) -> Broker {
    let domain = Domain::new();
    domain.add(Shm::new());
    domain.broker(name).unwrap()
}

/// Another process, whose broker answers at port 7 for one byte with the next one. Ended with the test.
struct Server(Child);

// Not a test: what that process runs.
#[test]
fn the_other_process() {
    let Ok(name) = std::env::var(SERVES) else {
        return;
    };
    let server = broker(&name);
    let bound = server.listen(&format!("shm://{name}").parse().unwrap());
    let said = bound
        .as_ref()
        .map_or_else(ToString::to_string, |_| "listens".into());
    let mut out = std::io::stdout();
    out.write_all(format!("\n{MARK}{said}\n").as_bytes())
        .unwrap();
    out.flush().unwrap();
    while let Ok(mut channel) = server.accept(7) {
        let mut byte = [0];
        channel.read_exact(&mut byte).unwrap();
        channel.write_all(&[byte[0] + 1]).unwrap();
    }
}

impl Server {
    fn start(name: &str) -> Server {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process", "--nocapture"])
            .env(SERVES, name)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.find_map(|line| line.unwrap().strip_prefix(MARK).map(str::to_owned));
        assert_eq!(said.as_deref(), Some("listens"));
        Server(child)
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn answers(client: &Broker, name: &str) {
    let mut channel = client.connect_timeout(name, 7, LIMIT).unwrap();
    channel.write_all(&[41]).unwrap();
    let mut byte = [0];
    channel.read_exact(&mut byte).unwrap();
    assert_eq!(byte, [42]);
}

fn is_unknown(client: &Broker, name: &str) {
    match client.connect_timeout(name, 7, LIMIT) {
        Err(ConnectError::NoSuchBroker { asked, .. }) => {
            assert_eq!(asked, "this process, this machine");
        }
        other => panic!("{other:?}"),
    }
}

// shows B3, B6
#[test]
fn a_broker_of_another_process_is_found_by_its_name() {
    with_directory("a_broker_of_another_process_is_found_by_its_name", || {
        let client = broker("client");
        is_unknown(&client, "server");
        let mut server = Server::start("server");
        answers(&client, "server");
        is_unknown(&client, "other");
        server.kill();
        is_unknown(&client, "server");
        let _again = Server::start("server");
        answers(&client, "server");
    });
}

// shows B6: a broker of this process comes first.
#[test]
fn what_is_near_is_found_first() {
    with_directory("what_is_near_is_found_first", || {
        let domain = Domain::new();
        domain.add(Shm::new());
        let _far = Server::start("server");
        let near = domain.broker("server").unwrap();
        let client = domain.broker("client").unwrap();
        let connecting = std::thread::spawn(move || client.connect_timeout("server", 7, LIMIT));
        near.accept_timeout(7, LIMIT).unwrap();
        connecting.join().unwrap().unwrap();
    });
}

// shows B1
#[test]
fn a_name_that_another_process_has_is_refused_until_that_ends() {
    let test = "a_name_that_another_process_has_is_refused_until_that_ends";
    with_directory(test, || {
        let mut server = Server::start("server");
        let ours = broker("server");
        let at = "shm://server".parse().unwrap();
        match ours.listen(&at) {
            Err(ListenError::NameTaken { name, by }) => {
                assert_eq!((&*name, by), ("server", Some(server.0.id())));
            }
            other => panic!("{other:?}"),
        }
        server.kill();
        let _bound = ours.listen(&at).unwrap();
    });
}

// shows B1, T2
#[test]
fn those_that_live_are_listed() {
    with_directory("those_that_live_are_listed", || {
        assert!(list().unwrap().is_empty());
        let (mut b, a) = (Server::start("b"), Server::start("a"));
        let listed = || {
            let all = list().unwrap().into_iter();
            all.map(|one| (one.name, one.pid)).collect::<Vec<_>>()
        };
        let (a, b_too) = (("a".into(), Some(a.0.id())), ("b".into(), Some(b.0.id())));
        assert_eq!(listed(), [a.clone(), b_too]);
        b.kill();
        assert_eq!(listed(), [a]);
    });
}

// shows B6: what the user has to put right is told, and not taken for an unknown name.
#[test]
fn a_runtime_directory_that_is_open_to_others() {
    with_directory("a_runtime_directory_that_is_open_to_others", || {
        let path = std::env::var_os("CHANNEL_RUNTIME_DIR").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o770)).unwrap();
        let ours = broker("server");
        let error = ours.connect_timeout("other", 7, LIMIT).unwrap_err();
        assert!(error.to_string().contains("chmod 700"), "{error}");
        match ours.listen(&"shm://server".parse().unwrap()) {
            Err(ListenError::Io(error)) => {
                let inside = error.get_ref().unwrap().downcast_ref();
                assert!(matches!(
                    inside,
                    Some(DirectoryError::Exposed { mode: 0o770, .. })
                ));
            }
            other => panic!("{other:?}"),
        }
    });
}
