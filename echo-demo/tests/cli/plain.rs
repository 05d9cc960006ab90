//! Programs that know nothing of ours at the other end of a plain stream.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::network::Server;
use super::{document, noise, piped, run};

/// The address of an endpoint.
fn address(at: &str) -> &str {
    let rest = at.split_once("://").unwrap().1;
    rest.split(['/', '?']).next().unwrap()
}

/// Sends all of it and gives what comes back.
fn echoed(at: &str, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address(at)).unwrap();
    let mut sending = socket.try_clone().unwrap();
    let mut back = Vec::new();
    thread::scope(|scope| {
        scope.spawn(move || {
            sending.write_all(bytes).unwrap();
            sending.shutdown(Shutdown::Write).unwrap();
        });
        socket.read_to_end(&mut back).unwrap();
    });
    back
}

// shows T6, E2
#[test]
fn any_program_gets_its_bytes_and_messages_back() {
    for style in ["blocking", "poller"] {
        for what in ["bytes", "messages"] {
            let plain = ["-e", "tcp+plain://127.0.0.1:0?port=9", "--as", what];
            let server = Server::start(&[&plain[..], &["--server", style]].concat());
            let mut sent = Vec::new();
            for message in [&b""[..], b"hello", &noise(200_000)] {
                sent.extend((message.len() as u32).to_be_bytes());
                sent.extend(message);
            }
            assert!(echoed(&server.at[0], &sent) == sent, "{style}, {what}");
            assert!(echoed(&server.at[0], b"").is_empty());
            let served = server.end();
            assert_eq!(served.len(), 2);
            for one in served {
                assert_eq!(one["end"], "orderly", "{one}");
                assert_eq!(one["client"], "");
            }
        }
    }
}

// shows T6, E2
#[test]
fn any_echo_server_passes_the_tests() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let at = format!("tcp+plain://127.0.0.1:{port}?port=7");
    // It ends with the process.
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            thread::spawn(move || {
                let mut reading = socket.try_clone().unwrap();
                std::io::copy(&mut reading, &mut socket)
            });
        }
    });
    for what in ["bytes", "messages"] {
        let test = ["test", "--json", "-e", &at, "--as", what];
        let load = ["load", "--json", "-e", &at, "--as", what, "-n", "20"];
        for args in [&test[..], &[&load[..], &["-b", "30001"]].concat()] {
            let output = run(args);
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            assert_eq!(document(&output)["passed"], true);
            assert_eq!(document(&output)["server_runs"], "elsewhere");
        }
    }
    let input = noise(1 << 20);
    let output = piped(&["client", "-e", &at], input.clone());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout == input, "not the same bytes");
}

// shows C8: what it has sent is not lost with what it has not read
#[test]
fn a_server_that_ends_with_unread_bytes_loses_none_of_its_own() {
    for style in ["blocking", "poller"] {
        let mut server = Server::start(&[
            "-e",
            "tcp+plain://127.0.0.1:0",
            "--as=messages",
            "--max-message=1MiB",
            "--count=1",
            "--server",
            style,
        ]);
        let mut socket = TcpStream::connect(address(&server.at[0])).unwrap();
        let mut message = 400_000_u32.to_be_bytes().to_vec();
        message.extend(noise(400_000));
        socket.write_all(&message).unwrap();
        // Its answer is on the way, of which more than we hold unread is still at the server.
        assert_eq!(socket.peek(&mut [0]).unwrap(), 1);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut socket = &socket;
                // No such message is taken; nor is anything behind it, as long as we read.
                while !done.load(Ordering::Relaxed) {
                    if socket.write_all(&[0xff; 4096]).is_err() {
                        return;
                    }
                }
                let _ = socket.shutdown(Shutdown::Write);
            });
            let served = server.next();
            assert!(served["end"]["strange"].is_string(), "{served}");
            // If it does not wait for us, it is gone by then, and with it what it had to send.
            server.ends_within(Duration::from_millis(300));
            let mut back = Vec::new();
            let read = (&socket).read_to_end(&mut back);
            done.store(true, Ordering::Relaxed);
            read.unwrap();
            assert!(back == message, "{style}: {} bytes came back", back.len());
        });
        server.end();
    }
}
