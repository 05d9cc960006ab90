//! The options of an endpoint, and what they set about a socket.

use std::io;
use std::time::Duration;

use channel::{DialError, Endpoint, EndpointError, ListenError};
use socket2::{Socket, TcpKeepalive};

/// Defaults, with their reasons, stand in the table of the crate's documentation.
const KEEPALIVE: u64 = 30;
const KEEPALIVE_INTERVAL: u64 = 10;
const KEEPALIVE_COUNT: u64 = 3;
const CONNECT_TIMEOUT: u64 = 10_000;
const BACKLOG: u64 = 4096;

/// Times in seconds are at most what the kernel takes.
const MOST_SECONDS: u64 = 32_767;
/// The kernel keeps these in an `int`.
const MOST_MILLIS: u64 = i32::MAX as u64;
const MOST_BYTES: u64 = 1 << 30;

const KNOWN: [&str; 10] = [
    "nodelay",
    "keepalive",
    "keepalive-interval",
    "keepalive-count",
    "user-timeout",
    "connect-timeout",
    "send-buffer",
    "receive-buffer",
    "backlog",
    "per-peer",
];

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    nodelay: bool,
    keepalive: Option<TcpKeepalive>,
    user_timeout: Option<Duration>,
    send_buffer: Option<usize>,
    receive_buffer: Option<usize>,
    pub(crate) connect_timeout: Duration,
    pub(crate) backlog: i32,
    pub(crate) per_peer: Option<usize>,
}

impl Settings {
    /// `more`: options that mean something to others.
    pub(crate) fn of(endpoint: &Endpoint, more: &[&str]) -> Result<Settings, BadOption> {
        endpoint.check_options(&[&KNOWN, more].concat())?;
        let number = |key, range| number(endpoint, key, range);
        let keepalive = number("keepalive", 0..=MOST_SECONDS)?.unwrap_or(KEEPALIVE);
        let interval = number("keepalive-interval", 1..=MOST_SECONDS)?;
        let count = number("keepalive-count", 1..=127)?;
        let user_timeout = number("user-timeout", 0..=MOST_MILLIS)?.filter(|ms| *ms > 0);
        if user_timeout.is_some() && !cfg!(target_os = "linux") {
            return Err(BadOption::Value(
                "option `user-timeout` exists on Linux only; leave it out".into(),
            ));
        }
        let connect_timeout = number("connect-timeout", 1..=MOST_MILLIS)?;
        let bytes = |key| Ok::<_, BadOption>(number(key, 1..=MOST_BYTES)?.map(|n| n as usize));
        Ok(Settings {
            nodelay: number("nodelay", 0..=1)? != Some(0),
            keepalive: (keepalive > 0).then(|| {
                TcpKeepalive::new()
                    .with_time(Duration::from_secs(keepalive))
                    .with_interval(Duration::from_secs(interval.unwrap_or(KEEPALIVE_INTERVAL)))
                    .with_retries(count.unwrap_or(KEEPALIVE_COUNT) as u32)
            }),
            user_timeout: user_timeout.map(Duration::from_millis),
            send_buffer: bytes("send-buffer")?,
            receive_buffer: bytes("receive-buffer")?,
            connect_timeout: Duration::from_millis(connect_timeout.unwrap_or(CONNECT_TIMEOUT)),
            backlog: number("backlog", 1..=MOST_MILLIS)?.unwrap_or(BACKLOG) as i32,
            per_peer: number("per-peer", 0..=1 << 31)?
                .filter(|n| *n > 0)
                .map(|n| n as usize),
        })
    }

    /// Sets all that concerns a connection. On a listener's socket it is for the connections that come:
    /// see [`inherited`](Settings::inherited). The buffers must be set before the connection is there,
    /// since the window's scale is agreed on then.
    pub(crate) fn apply(&self, socket: &Socket) -> io::Result<()> {
        if self.nodelay {
            socket.set_tcp_nodelay(true)?;
        }
        if let Some(keepalive) = &self.keepalive {
            socket.set_tcp_keepalive(keepalive)?;
        }
        #[cfg(target_os = "linux")]
        if self.user_timeout.is_some() {
            socket.set_tcp_user_timeout(self.user_timeout)?;
        }
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        Ok(())
    }

    /// Whether accepted connections have the settings of their listener already.
    pub(crate) const fn inherited() -> bool {
        cfg!(target_os = "linux")
    }
}

fn number(
    endpoint: &Endpoint,
    key: &'static str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, BadOption> {
    let Some(text) = endpoint.option(key) else {
        return Ok(None);
    };
    // `u64::from_str` alone would take `+7`.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse().ok().filter(|n| digits && range.contains(n)) {
        Some(n) => Ok(Some(n)),
        None => Err(BadOption::Value(format!(
            "option `{key}` is `{text}`: write a number from {} to {}, as in `?{key}={}`",
            range.start(),
            range.end(),
            range.start()
        ))),
    }
}

/// An option that makes no sense.
#[derive(Debug)]
pub(crate) enum BadOption {
    Unknown(EndpointError),
    Value(String),
}

impl From<EndpointError> for BadOption {
    fn from(error: EndpointError) -> BadOption {
        BadOption::Unknown(error)
    }
}

impl From<BadOption> for DialError {
    fn from(bad: BadOption) -> DialError {
        match bad {
            BadOption::Unknown(error) => error.into(),
            BadOption::Value(text) => DialError::Unsupported(text),
        }
    }
}

impl From<BadOption> for ListenError {
    fn from(bad: BadOption) -> ListenError {
        match bad {
            BadOption::Unknown(error) => error.into(),
            BadOption::Value(text) => ListenError::Unsupported(text),
        }
    }
}
