//! What a refused `listen` says, and which kind of `io::Error` stands for it.

use std::io;

use channel::{Domain, Endpoint, ListenError};

// shows B1: who has the name, and what to do about it.
#[test]
fn a_name_that_is_taken_on_this_machine() {
    let taken = |by| ListenError::NameTaken {
        name: "server".to_owned(),
        by,
    };
    assert_eq!(
        taken(Some(4711)).to_string(),
        "the name \"server\" is taken on this machine: process 4711 listens under it; \
         choose another name or end that process"
    );
    assert!(taken(None).to_string().contains("another process listens"));
    let error = io::Error::from(taken(Some(4711)));
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    let inside = error.downcast::<ListenError>().unwrap();
    assert!(matches!(
        inside,
        ListenError::NameTaken { by: Some(4711), .. }
    ));
}

// shows C2: errors of this layer fit into programs that know `io::Error` alone.
#[test]
fn kinds() {
    let at: Endpoint = "mem://server".parse().unwrap();
    let full = io::Error::from(io::ErrorKind::StorageFull);
    for (error, kind) in [
        (ListenError::Taken(at), io::ErrorKind::AddrInUse),
        (
            ListenError::Closed("server".into()),
            io::ErrorKind::NotConnected,
        ),
        (
            ListenError::Unsupported("so".into()),
            io::ErrorKind::Unsupported,
        ),
        (full.into(), io::ErrorKind::StorageFull),
    ] {
        let text = error.to_string();
        let error = io::Error::from(error);
        assert_eq!(error.kind(), kind, "{text}");
        assert_eq!(error.to_string(), text);
    }
    let broker = Domain::new().broker("server").unwrap();
    let listen = |at: &str| broker.listen(&at.parse().unwrap()).unwrap_err().kind();
    assert_eq!(listen("nowhere://x"), io::ErrorKind::Unsupported);
    assert_eq!(
        listen("mem://server?colour=red"),
        io::ErrorKind::InvalidInput
    );
}
