//! The authority of an endpoint, `host:port`, and the addresses that it stands for.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// More addresses of one name are not tried: at the default time limit they take minutes already.
pub(crate) const MOST_ADDRESSES: usize = 16;

/// How the addresses of a name are found. May block.
pub(crate) type Lookup = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// The system's own way: its hosts file, then its name servers.
pub(crate) fn ask_the_system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// What stands between `://` and the path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// No host.
    Any(u16),
    /// An address in figures.
    Address(SocketAddr),
    /// A name, or an address that only the system can read (`fe80::1%eth0`).
    Name(&'a str, u16),
}

impl<'a> Place<'a> {
    pub(crate) fn parse(authority: &'a str) -> Result<Place<'a>, String> {
        if let Ok(address) = authority.parse() {
            return Ok(Place::Address(address));
        }
        let bad = |what: &str| {
            Err(format!(
                "`{authority}` {what}: write `host:port`, as in `tcp://box:7000` or `tcp://[::1]:7000`"
            ))
        };
        let Some((host, port)) = authority.rsplit_once(':') else {
            return bad("names no port");
        };
        // `u16::from_str` alone would take `+7`.
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let Some(port) = port.parse().ok().filter(|_| digits) else {
            return bad("ends in no port number from 0 to 65535");
        };
        match host.strip_prefix('[') {
            Some(inner) => match inner.strip_suffix(']') {
                Some(inner) if !inner.is_empty() => Ok(Place::Name(inner, port)),
                _ => bad("holds no IPv6 address in brackets"),
            },
            None if host.contains(':') => bad("holds an IPv6 address without its brackets"),
            None if host.is_empty() => Ok(Place::Any(port)),
            None => Ok(Place::Name(host, port)),
        }
    }
}

/// The addresses that mean every address of this machine, in the order to be tried: IPv6 serves IPv4 as
/// well, where the machine has it.
pub(crate) fn any(port: u16) -> Vec<SocketAddr> {
    vec![
        (Ipv6Addr::UNSPECIFIED, port).into(),
        (Ipv4Addr::UNSPECIFIED, port).into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let address = |text: &str| Ok(Place::Address(text.parse().unwrap()));
        assert_eq!(Place::parse("127.0.0.1:7"), address("127.0.0.1:7"));
        assert_eq!(Place::parse("[::1]:0"), address("[::1]:0"));
        assert_eq!(Place::parse("[fe80::1%2]:9"), address("[fe80::1%2]:9"));
        assert_eq!(
            Place::parse("[fe80::1%eth0]:9"),
            Ok(Place::Name("fe80::1%eth0", 9))
        );
        assert_eq!(Place::parse(":7000"), Ok(Place::Any(7000)));
        assert_eq!(Place::parse("box:65535"), Ok(Place::Name("box", 65535)));
    }

    // Each says what is wrong with it, and what to write.
    #[test]
    fn what_is_no_place() {
        for (text, says) in [
            ("", "no port"),
            ("box", "no port"),
            ("box:", "no port number"),
            ("box:http", "no port number"),
            ("box:+7", "no port number"),
            ("box:65536", "no port number"),
            ("::1:7000", "without its brackets"),
            ("[]:7", "in brackets"),
            ("[::1:7", "in brackets"),
        ] {
            let error = Place::parse(text).unwrap_err();
            assert!(error.contains(says) && error.contains("write"), "{error}");
        }
    }
}
