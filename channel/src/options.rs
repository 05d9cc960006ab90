//! What can be set about brokers, listeners and connects.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::wait::Spin;

/// Capacity of a channel's receive buffer unless something else is asked for: 64 KiB, the size of a
/// Linux pipe, and large enough that two threads rarely meet at its edges.
pub const DEFAULT_CAPACITY: usize = 64 * 1024;

/// How long a stranger may take to complete its hello, and a connector to answer a welcome.
pub const DEFAULT_HELLO_DEADLINE: Duration = Duration::from_secs(10);

/// How many connections may be in the middle of their hello at one listener. At about 1 KiB each
/// this bounds what strangers can cost to 1 MiB.
pub const DEFAULT_MAX_HELLOS: usize = 1024;

/// How many connectors of other processes may wait at one broker for somebody to accept them. One costs
/// a descriptor and about 1 KiB, and an [eager](Options::with_eager) one up to 64 KiB of its first bytes.
pub const DEFAULT_MAX_WAITING: usize = 16 * 1024;

/// Writes that follow each other within this time leave together, over bare byte streams: well above the
/// cost of a system call, well below what anybody waits for.
pub const DEFAULT_COALESCING: Duration = Duration::from_micros(20);

/// How long bytes that were written before a disconnect may take to leave in the background.
pub const DEFAULT_LINGER: Duration = Duration::from_secs(30);

/// Settings of a broker, a listener or a single connect. Cheap to clone.
///
/// Each side sets the buffer that it *receives* into, as with a socket's `SO_RCVBUF`. Capacities
/// are rounded up to the next power of two; zero and more than 1 GiB are refused with an error
/// where they are used.
///
/// ```
/// use channel::Options;
/// let options = Options::new().with_capacity(4096).with_port_capacity(7, 1 << 20);
/// assert_eq!((options.capacity(None), options.capacity(Some(7))), (4096, 1 << 20));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Options {
    capacity: usize,
    port_capacity: BTreeMap<u16, usize>,
    spin: Spin,
    hello_deadline: Duration,
    max_hellos: usize,
    max_waiting: usize,
    linger: Duration,
    coalescing: Duration,
    eager: bool,
    #[cfg_attr(feature = "serde", serde(skip))]
    port: Option<u16>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            capacity: DEFAULT_CAPACITY,
            port_capacity: BTreeMap::new(),
            spin: Spin::default(),
            hello_deadline: DEFAULT_HELLO_DEADLINE,
            max_hellos: DEFAULT_MAX_HELLOS,
            max_waiting: DEFAULT_MAX_WAITING,
            linger: DEFAULT_LINGER,
            coalescing: DEFAULT_COALESCING,
            eager: false,
            port: None,
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Options {
        Options::default()
    }

    /// Sets the capacity in bytes of the receive buffer.
    pub fn with_capacity(mut self, bytes: usize) -> Options {
        self.capacity = bytes;
        self
    }

    /// Sets the capacity in bytes of the receive buffer of channels accepted at one port. It holds
    /// for connectors that come after the broker was made with these options.
    pub fn with_port_capacity(mut self, port: u16, bytes: usize) -> Options {
        self.port_capacity.insert(port, bytes);
        self
    }

    /// Sets how long a blocking call may spin before it sleeps.
    pub fn with_spin(mut self, spin: Spin) -> Options {
        self.spin = spin;
        self
    }

    /// Sets how long a stranger may take to complete its hello.
    pub fn with_hello_deadline(mut self, limit: Duration) -> Options {
        self.hello_deadline = limit;
        self
    }

    /// Sets how many connections may be in the middle of their hello at one listener. One more
    /// waits until one of them is through, or until the oldest has had 200 ms: then that is dropped.
    pub fn with_max_hellos(mut self, count: usize) -> Options {
        self.max_hellos = count.max(1);
        self
    }

    /// Sets how many remote connectors may wait at the broker; one more is refused.
    pub fn with_max_waiting(mut self, count: usize) -> Options {
        self.max_waiting = count;
        self
    }

    /// Sets how long bytes that were written before a disconnect, or given to
    /// [`Writer::finish_after`](crate::Writer::finish_after), may take to leave in the background.
    pub fn with_linger(mut self, limit: Duration) -> Options {
        self.linger = limit;
        self
    }

    /// Sets within what time one small write must follow the last to be held back a little, so that it
    /// leaves together with others. Zero: never.
    ///
    /// It matters where each write costs a system call (TCP, TLS, other bare byte streams). A write that
    /// comes alone leaves at once, and so does an answer, which is a write after a read. One that is held
    /// leaves at the latest after some 50 µs (and what the system needs to wake a thread), or as soon as
    /// 32 KiB are held, this side waits for bytes, flushes, finishes or disconnects.
    pub fn with_coalescing(mut self, within: Duration) -> Options {
        self.coalescing = within;
        self
    }

    /// Sets whether a connect over a transport that carries our hello comes back as soon as the hello is
    /// sent, without waiting to be accepted. It saves a round trip: the first bytes follow the hello at
    /// once.
    ///
    /// Then an unknown broker, or one that closes, is told by the first read or write that fails after
    /// the refusal has come (`Broken`, with an [`io::Error`](std::io::Error) of the kind
    /// `ConnectionRefused` that says what the [`ConnectError`](crate::ConnectError) would have said), the
    /// time limit of the connect is for the connection alone, and a connector that is lost while it waits may be accepted
    /// still: what it wrote is read, and then the loss. Connects inside of the process wait as always.
    pub fn with_eager(mut self, eager: bool) -> Options {
        self.eager = eager;
        self
    }

    /// The same options, for a transport: this is the port that is asked for.
    pub(crate) fn for_port(&self, port: u16) -> Options {
        let mut options = self.clone();
        options.port = Some(port);
        options
    }

    /// The port that a dial is for, where it is known. For transports.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The capacity asked for, in bytes, for channels at `port`, or at any port without a setting
    /// of its own.
    pub fn capacity(&self, port: Option<u16>) -> usize {
        port.and_then(|port| self.port_capacity.get(&port).copied())
            .unwrap_or(self.capacity)
    }

    /// All capacities that are set.
    pub(crate) fn capacities(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.capacity).chain(self.port_capacity.values().copied())
    }

    /// How long a blocking call may spin before it sleeps.
    pub fn spin(&self) -> Spin {
        self.spin
    }

    /// How long a stranger may take to complete its hello.
    pub fn hello_deadline(&self) -> Duration {
        self.hello_deadline
    }

    /// How many connections may be in the middle of their hello at one listener.
    pub fn max_hellos(&self) -> usize {
        self.max_hellos
    }

    /// How many remote connectors may wait at the broker.
    pub fn max_waiting(&self) -> usize {
        self.max_waiting
    }

    /// Whether a connect comes back without waiting to be accepted.
    pub fn eager(&self) -> bool {
        self.eager
    }

    /// Within what time one small write must follow the last to be held back a little.
    pub fn coalescing(&self) -> Duration {
        self.coalescing
    }

    /// How long bytes that were written before a disconnect may take to leave.
    pub fn linger(&self) -> Duration {
        self.linger
    }
}
