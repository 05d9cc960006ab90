//! A transport made of the cable's two ends, which are not called the same: one is listened at, the other dialled.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError, Options};

/// What an endpoint of the suite stands for.
pub trait Ends: Send + Sync {
    /// Lays a cable for a place that is about to be listened at. What comes back lasts as long as somebody listens.
    fn lay(&self, at: &Endpoint) -> Box<dyn Any + Send>;

    /// The end that is listened at, and the other one.
    fn ends(&self, at: &Endpoint) -> [Endpoint; 2];
}

/// Listens at the near ends, and dials the far ones.
pub struct Crossing {
    pub near: Arc<dyn Transport>,
    pub far: Arc<dyn Transport>,
    pub ends: Arc<dyn Ends>,
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
            let [_, far] = self.ends.ends(to);
            let mut connection = self.far.dial(&far, options).await?;
            connection.peer = to.clone();
            Ok(connection)
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        let laid = self.ends.lay(at);
        let [near, _] = self.ends.ends(at);
        Ok(Box::new(Listening {
            listener: self.near.listen(&near, options)?,
            local: at.clone(),
            _laid: laid,
        }))
    }
}

struct Listening {
    listener: Box<dyn Listener>,
    local: Endpoint,
    _laid: Box<dyn Any + Send>,
}

impl Listener for Listening {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        self.listener.poll_accept(cx)
    }

    fn local(&self) -> &Endpoint {
        &self.local
    }
}
