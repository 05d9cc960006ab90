//! With certificates: those of `certs`, and those that are made for one run.

use std::fs;
use std::path::Path;

use super::network::Server;
use super::{document, noise, piped, run, text};

/// What `certs` tells of a new directory.
fn certs(directory: &Path) -> serde_json::Value {
    let output = run(&["certs", directory.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    document(&output)
}

/// The endpoint, with the files that another one names.
fn with_files(at: &str, files: &str) -> String {
    format!("{at}?{}", files.split_once('?').unwrap().1)
}

// shows E2, E3, T3
#[test]
fn two_processes_meet_with_the_certificates_that_were_made() {
    let directory = tempfile::tempdir().unwrap();
    // Characters that an endpoint and a shell would take for something else.
    let report = certs(&directory.path().join("it's a &?# %20"));
    let [server, client] = ["server_endpoint", "client_endpoint"].map(|key| &report[key]);
    let [server, client] = [server, client].map(|at| at.as_str().unwrap());
    let listen = with_files("tls://127.0.0.1:0/echo", server);
    let server = Server::start(&["-e", &listen, "-e", "tcp://127.0.0.1:0/echo"]);
    // What is told to everybody says nothing of the server's own files.
    assert!(server.at[0].ends_with("/echo"), "{}", server.at[0]);
    let at = with_files(&server.at[0], client);
    let output = run(&["test", "--json", "-e", &at]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(document(&output)["endpoint"], server.at[0]);
    let input = noise(300_000);
    let output = piped(&["client", "-e", &at], input.clone());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout == input, "not the same bytes");
    assert_eq!(server.end().len(), 2);
}

// shows E3: each mistake with what to do next
#[test]
fn what_does_not_fit_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| certs(&directory.path().join(name)));
    let ours = |key: &str| ours[key].as_str().unwrap().to_owned();
    let listen = with_files("tls://127.0.0.1:0/echo", &ours("server_endpoint"));
    let server = Server::start(&["-e", &listen, "-e", "tcp://127.0.0.1:0/echo"]);
    let (at, tcp) = (&server.at[0], &server.at[1]);
    let good = with_files(at, &ours("client_endpoint"));
    let stranger = with_files(at, theirs["client_endpoint"].as_str().unwrap());
    let ca = good.split('&').next().unwrap();
    for (endpoint, hint) in [
        (at.as_str(), "`echo-demo certs DIR`"),
        (&stranger, "untrusted certificate"),
        (ca, "give `cert` and `key`"),
        (&format!("{good}&name=elsewhere"), "?name=NAME"),
        (
            &with_files(tcp, &good).replace("tcp:", "tls:"),
            "does it speak TLS",
        ),
        (
            &at.replace("tls:", "tcp:"),
            "The server prints the endpoints",
        ),
    ] {
        let output = run(&["test", "-e", endpoint]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{endpoint}: {said}");
        assert!(said.contains(hint), "{endpoint}: {hint:?} in {said}");
        assert_eq!(said.lines().count(), 1, "{endpoint}: {said}");
    }
    // And nobody was disturbed.
    let output = run(&["test", "-e", &good]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    server.end();
}

// shows E3
#[test]
fn certificates_are_private_and_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new").join("certs");
    let output = run(&["certs", path.to_str().unwrap(), "--host", "a.example,::1"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stdout);
    for part in [
        "echo-demo serve ",
        "echo-demo client ",
        "'tls://a.example:7002/echo?ca=",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    let mut files: Vec<_> = fs::read_dir(&path).unwrap().map(Result::unwrap).collect();
    files.sort_by_key(|file| file.file_name());
    let names: Vec<_> = files.iter().map(|file| file.file_name()).collect();
    assert_eq!(
        names,
        [
            "ca.pem",
            "client.key",
            "client.pem",
            "server.key",
            "server.pem"
        ]
    );
    #[cfg(unix)]
    for file in &files {
        use std::os::unix::fs::PermissionsExt;
        let secret = file.path().extension().unwrap() == "key";
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(secret, mode == 0o600, "{file:?}: {mode:o}");
    }
    let before = fs::read(path.join("server.key")).unwrap();
    fs::remove_file(path.join("ca.pem")).unwrap();
    let output = run(&["certs", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("another directory"),
        "{output:?}"
    );
    assert_eq!(fs::read(path.join("server.key")).unwrap(), before);
    assert!(
        !path.join("ca.pem").exists(),
        "half of them is worse than none"
    );
}

// shows E2
#[test]
fn certificates_that_were_made_for_one_run_are_removed() {
    let temporary = tempfile::tempdir().unwrap();
    for spawn in [&[][..], &["--spawn"]] {
        let args = [&["test", "--transport", "tls"][..], spawn].concat();
        let output = super::demo(&args)
            .env("TMPDIR", temporary.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(text(&output.stdout).contains("PASSED"));
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    }
}
