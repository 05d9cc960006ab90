//! A transport made of two, for links whose ends are not called the same.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError, Options};

/// A transport whose links have two different ends: one to listen at, and one to dial.
pub struct Crossing {
    near: Arc<dyn Transport>,
    far: Arc<dyn Transport>,
    /// What an endpoint is at the end that is listened at, and at the other.
    ends: fn(&Endpoint) -> [Endpoint; 2],
    /// Makes the link of an endpoint that is listened at.
    make: Box<dyn Fn(&Endpoint) -> Made + Send + Sync>,
}

/// What has to last as long as somebody listens.
pub type Made = Box<dyn Any + Send>;

impl Crossing {
    pub fn new(
        [near, far]: [Arc<dyn Transport>; 2],
        ends: fn(&Endpoint) -> [Endpoint; 2],
        make: impl Fn(&Endpoint) -> Made + Send + Sync + 'static,
    ) -> Crossing {
        Crossing {
            near,
            far,
            ends,
            make: Box::new(make),
        }
    }
}

impl Transport for Crossing {
    fn schemes(&self) -> &[&str] {
        self.near.schemes()
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            let [_, far] = (self.ends)(to);
            let mut connection = self.far.dial(&far, options).await?;
            connection.peer = to.clone();
            Ok(connection)
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        let made = (self.make)(at);
        let [near, _] = (self.ends)(at);
        Ok(Box::new(Listening {
            listener: self.near.listen(&near, options)?,
            local: at.clone(),
            _made: made,
        }))
    }
}

struct Listening {
    listener: Box<dyn Listener>,
    local: Endpoint,
    _made: Made,
}

impl Listener for Listening {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        self.listener.poll_accept(cx)
    }

    fn local(&self) -> &Endpoint {
        &self.local
    }
}
