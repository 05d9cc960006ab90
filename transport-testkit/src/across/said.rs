//! What the child says to its parent.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use parking_lot::Mutex;

use super::wire::{Out, WAKE, Waits};

/// What goes to the parent.
#[derive(Default)]
pub(super) struct Said {
    one_at_a_time: Mutex<()>,
    /// Threads that block in calls, by the questions that they answer.
    pub(super) sleepers: Mutex<HashMap<u64, u64>>,
}

impl Said {
    pub(super) fn say(&self, number: u64, body: Out) {
        let _turn = self.one_at_a_time.lock();
        // Nobody is there any more to be told of an error.
        let _ = body.send(number, &mut io::stdout());
    }
}

/// Tells the parent that somebody is to be woken.
struct Woken {
    said: Arc<Said>,
    channel: u64,
    who: Waits,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let body = Out::default().number(self.channel).byte(self.who as u8);
        self.said.say(WAKE, body);
    }
}

pub(super) fn waker(said: &Arc<Said>, channel: u64, who: Waits) -> Waker {
    Waker::from(Arc::new(Woken {
        said: said.clone(),
        channel,
        who,
    }))
}

/// A result that may be pending, as the parent reads it.
pub(super) type Polled = Poll<io::Result<Out>>;

pub(super) fn told(polled: Polled) -> Out {
    match polled {
        Poll::Ready(Ok(body)) => {
            let mut told = Out::default().byte(1);
            told.0.extend(body.0);
            told
        }
        Poll::Ready(Err(error)) => {
            // The channel there says again what that is called: only the reason goes.
            let reason = error.get_ref().and_then(|error| error.source());
            let text = reason.map_or_else(|| error.to_string(), ToString::to_string);
            Out::default().byte(0).error(error.kind(), &text)
        }
        Poll::Pending => Out::default().byte(2),
    }
}

pub(super) fn done() -> Polled {
    Poll::Ready(Ok(Out::default()))
}

pub(super) fn unknown() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "there is no such channel")
}
