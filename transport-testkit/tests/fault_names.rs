//! What the injector does not do: look up names.

use std::sync::Arc;

use channel::mem::Mem;
use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Domain, Endpoint, ListenError, Names, Options, Resolver};
use transport_testkit::fault::Fault;

/// Memory that knows a name.
struct Known(Mem);

impl Transport for Known {
    fn schemes(&self) -> &[&str] {
        self.0.schemes()
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        self.0.dial(to, options)
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        self.0.listen(at, options)
    }

    fn resolver(&self) -> Option<Arc<dyn Resolver>> {
        let names = Names::new();
        names.add("alias", Mem::endpoint("server").unwrap());
        Some(Arc::new(names))
    }
}

// shows B6: a name leads to the transport itself, never to the injector around it, which is reached by endpoints.
#[test]
fn faults_have_no_names() {
    assert!(Known(Mem::new()).resolver().is_some());
    assert!(Fault::over(Known(Mem::new())).resolver().is_none());
    let domain = Domain::new();
    domain.add(Fault::over(Known(Mem::new())));
    let client = domain.broker("client").unwrap();
    let error = client.try_connect("alias", 7).unwrap_err().to_string();
    assert!(error.contains("asked: this process)"), "{error}");
}
