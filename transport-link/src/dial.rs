//! A dial, as its caller sees it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use channel::transport::{Connection, Disconnect};
use channel::{DialError, Endpoint, Options};
use parking_lot::Mutex;

use crate::registry::Use;

/// What a dial and the driver tell each other.
pub(crate) struct Request {
    pub(crate) to: Endpoint,
    pub(crate) options: Options,
    answer: Mutex<Answer>,
}

enum Answer {
    Awaited(Option<Waker>),
    Given(Result<Connection, DialError>),
    /// Nobody waits for it any more.
    Withdrawn,
}

impl Request {
    pub(crate) fn is_withdrawn(&self) -> bool {
        matches!(*self.answer.lock(), Answer::Withdrawn)
    }

    pub(crate) fn answer(&self, result: Result<Connection, DialError>) {
        let mut answer = self.answer.lock();
        match &mut *answer {
            Answer::Awaited(waker) => {
                let waker = waker.take();
                *answer = Answer::Given(result);
                drop(answer);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            _ => {
                drop(answer);
                withdraw(result);
            }
        }
    }
}

/// The peer is not to take it for somebody who came and left.
pub(crate) fn withdraw(result: Result<Connection, DialError>) {
    if let Ok(connection) = result {
        connection.control.disconnect(Disconnect::Abort);
    }
}

/// The future of a dial. Dropping it withdraws.
pub(crate) struct Dial {
    request: Arc<Request>,
    driver: Use,
}

impl Dial {
    pub(crate) fn start(driver: Use, to: &Endpoint, options: &Options) -> Dial {
        let request = Arc::new(Request {
            to: to.clone(),
            options: options.clone(),
            answer: Mutex::new(Answer::Awaited(None)),
        });
        driver.0.tell(|desk| desk.dials.push(request.clone()));
        Dial { request, driver }
    }
}

impl Future for Dial {
    type Output = Result<Connection, DialError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Cloned outside of the lock: it may be anybody's code.
        let waker = cx.waker().clone();
        let mut answer = self.request.answer.lock();
        let old = match &mut *answer {
            Answer::Awaited(slot) => slot.replace(waker),
            _ => match std::mem::replace(&mut *answer, Answer::Withdrawn) {
                Answer::Given(result) => return Poll::Ready(result),
                _ => panic!("a dial was polled after it was ready"),
            },
        };
        drop(answer);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        match std::mem::replace(&mut *self.request.answer.lock(), Answer::Withdrawn) {
            // It was ready, and is taken.
            Answer::Withdrawn => {}
            Answer::Given(result) => withdraw(result),
            Answer::Awaited(_) => self.driver.0.tell(|desk| desk.withdrawn = true),
        }
    }
}
