//! The transports of this build, and what has to be known of each.

use channel::{Domain, Endpoint, EndpointError};
use transport_tcp::Tcp;

use super::Role;
use super::links::{Links, PIPE, SERIAL, Wire};
use super::shared_memory;
use super::tls;
use super::usb;

/// The endpoint unless another one is asked for.
pub const USUAL: &str = "mem://echo";

/// The name of the server's broker, unless an endpoint says another.
pub const NAME: &str = "echo";

/// A domain with every transport of this build.
pub fn domain(links: &Links) -> Domain {
    let domain = Domain::new();
    shared_memory::add_to(&domain);
    domain.add(Tcp::new());
    tls::add_to(&domain);
    links.add_to(&domain);
    usb::add_to(&domain);
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

/// Where a transport that was asked for is to be tried; `alone`: no other one was.
pub fn meet(
    transport: &Endpoint,
    alone: bool,
    role: Role,
    links: &Links,
    wire: Wire,
) -> crate::error::Result<Endpoint> {
    let spawn = matches!(role, Role::Both { spawn: true });
    if transport.scheme() == PIPE && (spawn || role == Role::Server) {
        // The standard input and output of whoever serves.
        return Ok(transport.clone());
    }
    if let Some(own) = links.lay(transport, wire)? {
        return Ok(own);
    }
    if let Some(at) = usb::meet(transport, role, alone) {
        return Ok(at);
    }
    Ok(match role {
        Role::Both { .. } => fresh(transport),
        _ => usual(transport),
    })
}

/// Where server and clients of a transport meet on this machine if nobody says more.
fn usual(transport: &Endpoint) -> Endpoint {
    let authority = match (transport.scheme(), transport.is_plain()) {
        ("tcp", false) => "127.0.0.1:7000",
        ("tcp", true) => "127.0.0.1:7001",
        ("tls", false) => "127.0.0.1:7002",
        ("tls", true) => "127.0.0.1:7003",
        _ => NAME,
    };
    at(transport, authority)
}

/// A place of a transport where nobody is yet.
fn fresh(transport: &Endpoint) -> Endpoint {
    match transport.scheme() {
        "tcp" | "tls" => at(transport, "127.0.0.1:0"),
        shared_memory::SCHEME => named(at(transport, &shared_memory::fresh_place())),
        _ => at(transport, NAME),
    }
}

fn at(transport: &Endpoint, authority: &str) -> Endpoint {
    let endpoint = transport.clone().with_authority(authority);
    let endpoint = endpoint.expect("constants that a test tries");
    // In memory the authority is the name; a plain stream has nobody to tell it to.
    match is_network(transport) && !transport.is_plain() {
        true => named(endpoint),
        false => endpoint,
    }
}

fn named(endpoint: Endpoint) -> Endpoint {
    endpoint.with_broker(NAME).expect("it is short")
}

/// The broker that an endpoint names, if it names one.
pub fn broker(endpoint: &Endpoint) -> Option<&str> {
    match endpoint.scheme() {
        _ if endpoint.is_plain() => None,
        SERIAL => endpoint.option("broker"),
        shared_memory::SCHEME => Some(endpoint.broker().unwrap_or(endpoint.authority())),
        _ => endpoint.broker(),
    }
}

/// Whether it is left to the system where exactly a server listens: nobody can be there already.
pub fn is_open(endpoint: &Endpoint) -> bool {
    is_network(endpoint) && endpoint.authority().ends_with(":0")
}

fn is_network(endpoint: &Endpoint) -> bool {
    matches!(endpoint.scheme(), "tcp" | "tls")
}

/// The usual endpoint with certificates.
pub fn secure() -> Endpoint {
    usual(&parse("tls").expect("a constant that a test tries"))
}

/// Options that say where certificates and keys lie. Each side has its own.
const FILES: [&str; 3] = ["ca", "cert", "key"];

/// Whether certificates are needed there and none are given.
pub fn lacks_certificates(endpoint: &Endpoint) -> bool {
    endpoint.scheme() == "tls" && FILES.iter().all(|key| endpoint.option(key).is_none())
}

/// The endpoint without what only one side knows.
pub fn shared(endpoint: &Endpoint) -> Endpoint {
    FILES
        .iter()
        .fold(endpoint.clone(), |at, key| at.without_option(key))
}

/// The host of an endpoint, as a certificate names it.
pub fn host(endpoint: &Endpoint) -> String {
    let host = endpoint.authority().rsplit_once(':');
    let host = host.map_or(endpoint.authority(), |(host, _)| host);
    host.trim_matches(['[', ']']).to_owned()
}
