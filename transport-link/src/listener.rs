//! Listening, as its caller sees it.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use channel::transport::{Connection, Listener};
use channel::{Endpoint, ListenError, Options};

use crate::registry::Use;
use crate::shared::Listening;

pub(crate) struct LinkListener {
    driver: Use,
    local: Endpoint,
}

impl LinkListener {
    /// Waits for the first attempt to open the device: an error that will not pass by itself is told here.
    pub(crate) fn start(
        driver: Use,
        at: &Endpoint,
        options: &Options,
    ) -> Result<LinkListener, ListenError> {
        let listening = Listening {
            options: options.clone(),
            local: at.clone(),
            backlog: VecDeque::new(),
            waker: None,
        };
        driver.0.tell(|desk| {
            if desk.listening.is_some() {
                return Err(ListenError::Taken(at.clone()));
            }
            desk.listening = Some(listening);
            Ok(())
        })?;
        let listener = LinkListener {
            driver,
            local: at.clone(),
        };
        match listener.driver.0.wait_until_tried() {
            Ok(()) => Ok(listener),
            Err(error) => Err(ListenError::Io(error)),
        }
    }
}

impl Listener for LinkListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        // Cloned outside of the lock: it may be anybody's code.
        let waker = cx.waker().clone();
        let mut desk = self.driver.0.desk();
        let Some(listening) = &mut desk.listening else {
            return Poll::Pending;
        };
        if let Some(connection) = listening.backlog.pop_front() {
            return Poll::Ready(Ok(connection));
        }
        let old = listening.waker.replace(waker);
        drop(desk);
        drop(old);
        Poll::Pending
    }

    fn local(&self) -> &Endpoint {
        &self.local
    }
}

impl Drop for LinkListener {
    fn drop(&mut self) {
        let left = self.driver.0.tell(|desk| desk.listening.take());
        drop(left);
    }
}
