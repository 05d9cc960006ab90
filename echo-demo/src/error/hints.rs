//! What to do next, where the libraries' errors leave it open.

use std::io;

use channel::{BrokerError, ConnectError, DialError, Endpoint, EndpointError, ListenError};

use crate::place::links::{self, PIPE, SERIAL};
use crate::place::shared_memory;
use crate::place::tls::{is_about_certificates, is_about_tls};
use crate::place::transports::shared;
use crate::place::usb;

/// How to get certificates.
const CERTS: &str = "; `echo-demo certs DIR` makes some to try with, and prints how to use them";

/// Without USB.
const NO_CABLE: &str = "; `lab/echo` runs this in a virtual machine that has both ends of a cable";

/// What was tried with a gadget of this process.
const OTHER_MACHINE: &str = "; this process is the device, and its cable leads to another machine, or nowhere: run \
    `echo-demo serve --transport usb` here, and `echo-demo --transport usb` there.";

/// About a file that could not be written.
pub fn other_directory(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "; give another directory, or remove what is there",
        _ => "; give a directory that can be written",
    }
}

pub fn no_broker(error: &BrokerError, at: &Endpoint) -> String {
    match error {
        BrokerError::Capacity(error) => format!("--capacity: {error}"),
        BrokerError::BadName { .. } => format!("{at} names no broker: {error}"),
        error => error.to_string(),
    }
}

/// What to do without a transport.
fn other_scheme(scheme: &str) -> &'static str {
    match scheme {
        shared_memory::SCHEME => {
            "; shared memory is for Linux alone: pick another one with --endpoint SCHEME://..."
        }
        SERIAL | PIPE => {
            "; serial lines and pipes are for Linux alone: pick another one with --endpoint SCHEME://..."
        }
        "tls" => "; this build has no TLS: build it with `--features tls`, or pick another one",
        usb::HOST => {
            "; this build is no USB host: build it with `--features usb`, or pick another one"
        }
        usb::GADGET if cfg!(target_os = "linux") => {
            "; this build is no USB device: build it with `--features gadget`, or pick another one"
        }
        usb::GADGET => {
            "; USB gadgets are for Linux alone: pick another one with --endpoint SCHEME://..."
        }
        _ => "; pick one of them with --endpoint SCHEME://...",
    }
}

pub fn where_then(error: &ListenError, at: &Endpoint) -> &'static str {
    match error {
        ListenError::UnknownScheme { scheme, .. } => other_scheme(scheme),
        ListenError::NameTaken { .. } => "; `echo-demo list` shows all names that are taken",
        ListenError::Endpoint(error) => which_port(error),
        ListenError::Taken(_) if matches!(at.scheme(), SERIAL | PIPE | usb::HOST | usb::GADGET) => {
            "; one server listens at this end: give it this endpoint once"
        }
        ListenError::Taken(_) => "; take another port, or port 0 for any free one",
        ListenError::Io(error) if is_about_certificates(error) => CERTS,
        ListenError::Io(error)
            if at.scheme() == usb::GADGET && error.kind() == io::ErrorKind::Unsupported =>
        {
            "; this end can be the host as well: `echo-demo client --transport usb` for a server on a device"
        }
        // It says what to do itself.
        ListenError::Io(_)
            if matches!(
                at.scheme(),
                shared_memory::SCHEME | SERIAL | PIPE | usb::HOST | usb::GADGET
            ) =>
        {
            ""
        }
        ListenError::Io(error) => match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "; ports below 1024 are the system's: take a higher one"
            }
            io::ErrorKind::AddrNotAvailable => {
                "; take an address of this machine: 127.0.0.1 for itself alone, 0.0.0.0 for all"
            }
            _ => "",
        },
        _ => "",
    }
}

pub fn what_next(error: &ConnectError, at: &Endpoint) -> String {
    match error {
        error if is_about_tls(error) => String::new(),
        ConnectError::Dial { error, .. } => match error {
            DialError::UnknownScheme { scheme, .. } => other_scheme(scheme).into(),
            DialError::Capacity(_) => "; change --capacity".into(),
            DialError::Io(error) => no_way_there(error, at),
            DialError::Endpoint(error) => which_port(error).into(),
            DialError::NotFound => is_it_running(at),
            // They say what to write.
            _ => String::new(),
        },
        ConnectError::TimedOut { .. } => format!(
            "{} --timeout waits longer",
            is_it_running_with(", with the same --port", at)
        ),
        ConnectError::NoSuchBroker { .. } if at.scheme() == shared_memory::SCHEME => {
            "; a server prints the endpoint that it has".into()
        }
        ConnectError::NoSuchBroker { .. } => {
            "; a server prints the endpoint that it has; without /NAME whichever listens there is meant"
                .into()
        }
        // It ends in a question.
        ConnectError::Protocol { .. } => " The server prints the endpoints that it has".into(),
        ConnectError::Lost { .. } => "; the server prints the endpoints that it has".into(),
        _ => is_it_running(at),
    }
}

fn which_port(error: &EndpointError) -> &'static str {
    match error {
        EndpointError::UnknownOption { key, .. } if key == "port" => {
            "; a plain stream has that option, and everything else takes --port"
        }
        _ => "",
    }
}

fn no_way_there(error: &io::Error, at: &Endpoint) -> String {
    if is_about_certificates(error) {
        return CERTS.into();
    }
    // EMFILE and ENFILE have no kind of their own.
    if error.to_string().contains("Too many open files") {
        return "; give fewer --clients, or allow more open files (ulimit -n 65536)".into();
    }
    if error.to_string().contains("channels at once") {
        return "; give fewer --clients".into();
    }
    match error.kind() {
        io::ErrorKind::Unsupported if at.scheme() == usb::HOST && usb::devices().is_err() => {
            NO_CABLE.into()
        }
        io::ErrorKind::ConnectionRefused => start_it(at),
        // The address or the way there is wrong, and the error says what to check.
        _ => String::new(),
    }
}

/// The transport has said already that a server is to be started: how, then.
fn start_it(at: &Endpoint) -> String {
    format!(" (here: `echo-demo serve --endpoint {}`)", shared(at))
}

fn is_it_running(at: &Endpoint) -> String {
    let list = match at.scheme() {
        shared_memory::SCHEME => " `echo-demo list` shows who is there",
        _ => "",
    };
    is_it_running_with("", at) + list
}

fn is_it_running_with(more: &str, at: &Endpoint) -> String {
    if let Some(device) = links::absent(at) {
        return format!("; there is no device {}: plug it in.", device.display());
    }
    let plain = if at.is_plain() { "+plain" } else { "" };
    let serves = format!("`echo-demo serve --endpoint {}{plain}://", at.scheme());
    match at.scheme() {
        // With another speed, nothing is heard.
        SERIAL => {
            return format!(
                "; is {serves}/dev/...` running at the other end of the line, at the same speed{more}?"
            );
        }
        PIPE => return format!("; does the command run {serves}`{more}?"),
        usb::HOST if usb::is_own(at) => return OTHER_MACHINE.into(),
        usb::HOST => {
            return format!(
                "; is `echo-demo serve --transport usb{plain}` running on the device{more}, and its cable plugged in here? \
                 `echo-demo usb list` shows what is plugged in."
            );
        }
        usb::GADGET => {
            return format!(
                "; is `echo-demo serve --endpoint {}` running on the host{more}, and the cable plugged in there?",
                usb::across(at).map_or_else(|| "usb://".into(), |at| at.to_string())
            );
        }
        _ => {}
    }
    let at = shared(at);
    format!("; is `echo-demo serve --endpoint {at}` running{more}?")
}

#[cfg(test)]
mod tests {
    use super::*;

    // shows E3
    #[test]
    fn where_there_is_no_shared_memory_that_is_told() {
        let at: Endpoint = "shm://echo".parse().unwrap();
        let (scheme, known) = ("shm".to_owned(), "mem, tcp, tls".to_owned());
        let listen = ListenError::UnknownScheme {
            scheme: scheme.clone(),
            known: known.clone(),
        };
        let connect = ConnectError::Dial {
            endpoint: at.clone(),
            error: DialError::UnknownScheme { scheme, known },
        };
        for said in [where_then(&listen, &at), &what_next(&connect, &at)] {
            assert!(said.contains("for Linux alone"), "{said}");
        }
    }
}
