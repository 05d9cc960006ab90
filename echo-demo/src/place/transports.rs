//! The transports of this build, and what has to be known of each.

use channel::{Domain, Endpoint, EndpointError};
use transport_tcp::Tcp;

/// The endpoint unless another one is asked for.
pub const USUAL: &str = "mem://echo";

/// The name of the server's broker, unless an endpoint says another.
pub const NAME: &str = "echo";

/// A domain with every transport of this build.
pub fn domain() -> Domain {
    let domain = Domain::new();
    domain.add(Tcp::new());
    domain
}

/// Reads `tcp` or `tcp+plain`: an endpoint without anything behind it.
pub fn parse(transport: &str) -> Result<Endpoint, String> {
    if transport.contains(':') {
        return Err(
            "a transport is a scheme alone, as in `tcp`; give the whole as --endpoint".into(),
        );
    }
    let endpoint = format!("{transport}://").parse();
    endpoint.map_err(|error: EndpointError| error.to_string())
}

/// Where server and clients of a transport meet on this machine if nobody says more.
pub fn usual(transport: &Endpoint) -> Endpoint {
    let authority = match (transport.scheme(), transport.is_plain()) {
        ("tcp", false) => "127.0.0.1:7000",
        ("tcp", true) => "127.0.0.1:7001",
        _ => NAME,
    };
    at(transport, authority)
}

/// A place of a transport where nobody is yet: see [`is_open`].
pub fn fresh(transport: &Endpoint) -> Endpoint {
    let authority = match transport.scheme() {
        "tcp" => "127.0.0.1:0",
        _ => NAME,
    };
    at(transport, authority)
}

fn at(transport: &Endpoint, authority: &str) -> Endpoint {
    let endpoint = transport.clone().with_authority(authority);
    let endpoint = endpoint.expect("constants that a test tries");
    // In memory the authority is the name; a plain stream has nobody to tell it to.
    match is_network(transport) && !transport.is_plain() {
        true => endpoint.with_broker(NAME).expect("it is short"),
        false => endpoint,
    }
}

/// Whether it is left to the system where exactly a server listens: nobody can be there already.
pub fn is_open(endpoint: &Endpoint) -> bool {
    is_network(endpoint) && endpoint.authority().ends_with(":0")
}

fn is_network(endpoint: &Endpoint) -> bool {
    endpoint.scheme() == "tcp"
}
