//! A transport made of two, for links whose ends are not called the same.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError, Options};

/// A transport whose links have two different ends, one to listen at and one to dial: a line with two devices, a
/// cable between a host and a gadget. The suite, which knows one endpoint a place, sees it as one.
pub struct Crossing {
    near: Arc<dyn Transport>,
    far: Arc<dyn Transport>,
    ends: Box<Ends>,
    lay: Box<dyn Fn(&Endpoint) -> Laid + Send + Sync>,
}

type Ends = dyn Fn(&Endpoint) -> [Endpoint; 2] + Send + Sync;

/// What has to last as long as somebody listens.
pub type Laid = Box<dyn Any + Send>;

impl Crossing {
    /// Listens with `near` and dials with `far`; it has the schemes of `near`. `ends` says what an endpoint of the
    /// suite is at the end that is listened at, and at the other. `lay` is called when an endpoint is about to be
    /// listened at, and makes its link.
    pub fn new(
        [near, far]: [Arc<dyn Transport>; 2],
        ends: impl Fn(&Endpoint) -> [Endpoint; 2] + Send + Sync + 'static,
        lay: impl Fn(&Endpoint) -> Laid + Send + Sync + 'static,
    ) -> Crossing {
        Crossing {
            near,
            far,
            ends: Box::new(ends),
            lay: Box::new(lay),
        }
    }
}

impl std::fmt::Debug for Crossing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crossing")
            .field("schemes", &self.near.schemes())
            .finish_non_exhaustive()
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
        let laid = (self.lay)(at);
        let [near, _] = (self.ends)(at);
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
    _laid: Laid,
}

impl Listener for Listening {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        self.listener.poll_accept(cx)
    }

    fn local(&self) -> &Endpoint {
        &self.local
    }
}
