//! The poller style of the echo server: a few tasks serve any number of channels.
//!
//! Each task has a poller, a place in the broker's line, and the channels it was matched with;
//! the tasks share nothing. No call blocks but the wait at the poller.

use std::collections::HashMap;

use channel::{AcceptError, Broker, JoinHandle, Key, Poller, Task};

use crate::error::{Error, Result};
use crate::server::{Observer, Session, Turn};
use crate::speech::Speech;

/// Tasks of one server: two, so that echoing uses a second core where there is one.
const TASKS: usize = 2;

/// The key of the acceptor; channels are numbered from 1.
const ACCEPTOR: Key = 0;

pub fn start(
    broker: &Broker,
    port: u16,
    speech: Speech,
    observer: &Observer,
) -> Result<Vec<JoinHandle<()>>> {
    (1..=TASKS)
        .map(|number| {
            let observer = observer.clone();
            Task::spawn(
                &format!("echo-poller-{number}"),
                [broker.clone()],
                move || serve(port, speech, &observer),
            )
            .map_err(Error::Task)
        })
        .collect()
}

/// Serves until the broker is closed and the last channel has ended.
fn serve(port: u16, speech: Speech, observer: &Observer) {
    let poller = Poller::new();
    let broker = Task::broker().expect("the task was given its broker");
    let mut acceptor = Some(broker.acceptor(port));
    if let Some(acceptor) = &mut acceptor {
        acceptor.register(&poller, ACCEPTOR);
    }
    let mut sessions: HashMap<Key, Session> = HashMap::new();
    let mut last = ACCEPTOR;
    // Keys to work on now, and those whose turn was over before their work was.
    let (mut ready, mut again) = (Vec::new(), Vec::new());

    while acceptor.is_some() || !sessions.is_empty() {
        if ready.is_empty() {
            poller.wait(&mut ready);
        } else {
            poller.try_wait(&mut ready);
        }
        for key in ready.drain(..) {
            if key == ACCEPTOR {
                // Until it says WouldBlock: only then the poller tells of the next one.
                while let Some(waiting) = &mut acceptor {
                    match waiting.try_accept() {
                        Ok(channel) => {
                            last += 1;
                            let mut session = Session::new(channel, speech);
                            session.register(&poller, last);
                            sessions.insert(last, session);
                        }
                        Err(AcceptError::WouldBlock { .. }) => break,
                        Err(_) => acceptor = None,
                    }
                }
            } else if let Some(session) = sessions.get_mut(&key) {
                match session.turn() {
                    Turn::Waiting => {}
                    Turn::More => again.push(key),
                    Turn::Ended(end) => {
                        let session = sessions.remove(&key).expect("it was there");
                        observer(session.ended(end));
                    }
                }
            }
        }
        ready.append(&mut again);
    }
}
