//! Listening: the socket of a name, and the connections that come.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use channel::transport::background::Sleep;
use channel::transport::{Connection, Listener};
use channel::{Endpoint, ListenError, Options};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};
use transport_reactor::{Watched, after};

use crate::claim::Claim;
use crate::connection::{Bells, Parts, connection};
use crate::packets;
use crate::peer::Peer;
use crate::resolver::SCHEME;
use crate::segment::{self, Capacities, Role};
use crate::settings::Settings;
use crate::setup::{Answer, Request, SetupError};

/// When the process or the system has run out of something (descriptors, say), the next connection is taken
/// in after so long: soon enough for whoever waits in the backlog, and no busy loop.
const PAUSE: Duration = Duration::from_millis(100);
/// So many connections are taken in, or looked at, in one poll, before others get their turn.
const AT_ONCE: usize = 16;

/// A connection whose request has not come yet.
struct Unasked {
    socket: Watched<OwnedFd>,
    peer: Peer,
    late: Sleep,
}

pub(crate) struct ShmListener {
    socket: Watched<Claim>,
    local: Endpoint,
    settings: Settings,
    options: Options,
    /// Oldest first. A dialler asks at once: one that does not is a stranger, and has the time of a hello.
    unasked: VecDeque<Unasked>,
    pause: Option<Sleep>,
    /// Ran out of something, and has told so.
    exhausted: bool,
}

/// What became of a connection.
enum Asked {
    Connection(Connection),
    /// It was told why, where that was possible.
    Refused,
    NotYet(Unasked),
}

impl ShmListener {
    pub(crate) fn start(at: &Endpoint, options: &Options) -> Result<ShmListener, ListenError> {
        let settings = Settings::of(at)?;
        // A connection that comes later is not to fail for the want of it.
        transport_reactor::start()?;
        Ok(ShmListener {
            socket: Watched::inbound(Claim::new(&settings)?),
            local: at.clone(),
            settings,
            options: options.clone(),
            unasked: VecDeque::new(),
            pause: None,
            exhausted: false,
        })
    }

    /// The next connection of the backlog.
    fn accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Unasked>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(Pin::new(pause).poll(cx));
                self.pause = None;
            }
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            match accept_with(self.socket.get_ref(), flags) {
                Ok(socket) => return Poll::Ready(self.admit(socket)),
                Err(Errno::AGAIN) => ready!(self.socket.poll_readable(cx))?,
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(error) => {
                    if !std::mem::replace(&mut self.exhausted, true) {
                        tracing::warn!(
                            target: "transport_shm", endpoint = %self.local, %error,
                            "no connection can be taken in; trying again until it works"
                        );
                    }
                    self.pause = Some(after(PAUSE));
                }
            }
        }
    }

    fn admit(&mut self, socket: OwnedFd) -> io::Result<Unasked> {
        self.exhausted = false;
        let peer = Peer::of(&socket).inspect_err(|error| refuse(&socket, &reason(error)))?;
        if let Err(error) = peer.check(&self.settings.place.users) {
            refuse(&socket, &error.to_string());
            return Err(error.into());
        }
        Ok(Unasked {
            socket: Watched::inbound(socket),
            peer,
            late: after(self.options.hello_deadline()),
        })
    }

    /// Serves a connection if its request is there.
    fn serve(&self, mut unasked: Unasked, cx: &mut Context<'_>) -> io::Result<Asked> {
        loop {
            match packets::receive(unasked.socket.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if unasked.socket.poll_readable(cx)?.is_ready() {
                        continue;
                    }
                    if Pin::new(&mut unasked.late).poll(cx).is_ready() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    return Ok(Asked::NotYet(unasked));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                // A look whether somebody listens here.
                Ok(received) if received.packet().is_empty() => return Ok(Asked::Refused),
                Ok(received) => {
                    return match Request::decode(received.packet()) {
                        Ok(request) => self.open(unasked, request).map(Asked::Connection),
                        Err(error) => {
                            refuse(unasked.socket.get_ref(), &error.to_string());
                            Err(error.into())
                        }
                    };
                }
            }
        }
    }

    fn open(&self, unasked: Unasked, request: Request) -> io::Result<Connection> {
        let Unasked { socket, peer, .. } = unasked;
        let from = whence(&peer)?;
        let own = self.options.capacity(request.port);
        let capacities = Capacities {
            up: ringbuf_core::rounded_capacity(own).map_err(io::Error::other)?,
            down: request.capacity as usize,
        };
        let made = || {
            if capacities.down > self.settings.max_capacity {
                return Err(SetupError::TooMuch {
                    asked: request.capacity,
                    most: self.settings.max_capacity,
                }
                .into());
            }
            let (file, halves) = segment::create(capacities)?;
            let bells = Bells::new()?;
            let [a, b, c, d] = bells.in_order().map(AsFd::as_fd);
            let fds = [file.as_fd(), a, b, c, d];
            packets::send(socket.get_ref(), &Answer::Offer(capacities).encode(), &fds)?;
            Ok((halves, bells))
        };
        match made() {
            Err(error) => {
                let error: io::Error = error;
                refuse(socket.get_ref(), &reason(&error));
                Err(error)
            }
            Ok((halves, bells)) => {
                let parts = Parts {
                    role: Role::Listener,
                    socket,
                    peer,
                    place: self.settings.place.clone(),
                    bells,
                    halves,
                };
                Ok(connection(parts, from, self.options.spin()))
            }
        }
    }

    /// Those whose request has not come yet.
    fn look_through(&mut self, cx: &mut Context<'_>) -> Option<Connection> {
        for _ in 0..self.unasked.len() {
            let Some(unasked) = self.unasked.pop_front() else {
                break;
            };
            match self.serve(unasked, cx) {
                Ok(Asked::Connection(connection)) => return Some(connection),
                Ok(Asked::NotYet(unasked)) => self.unasked.push_back(unasked),
                Ok(Asked::Refused) => {}
                Err(error) => self.failed(&error),
            }
        }
        None
    }

    /// What concerns one connection.
    fn failed(&self, error: &io::Error) {
        tracing::debug!(target: "transport_shm", endpoint = %self.local, %error, "refuse");
    }
}

/// Where a connection came from.
fn whence(peer: &Peer) -> io::Result<Endpoint> {
    let process = match peer.pid() {
        Some(pid) => format!("pid-{pid}"),
        None => "elsewhere".to_owned(),
    };
    Ok(Endpoint::new(SCHEME, &process)?)
}

/// Why a connection was not made, for somebody who sees neither this process nor its limits.
fn reason(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => format!(
            "its process has no descriptors left ({error}): have it close channels, or raise its limit (`ulimit -n`)"
        ),
        _ => error.to_string(),
    }
}

/// Tells the other end why.
fn refuse(socket: &OwnedFd, why: &str) {
    // If it does not hear it, it sees that it was left.
    let _ = packets::send(socket, &Answer::Refusal(why.to_owned()).encode(), &[]);
}

impl Listener for ShmListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        if let Some(connection) = self.look_through(cx) {
            return Poll::Ready(Ok(connection));
        }
        for _ in 0..AT_ONCE {
            match ready!(self.accept(cx)).and_then(|unasked| self.serve(unasked, cx)) {
                Ok(Asked::Connection(connection)) => return Poll::Ready(Ok(connection)),
                Ok(Asked::NotYet(unasked)) => {
                    if self.unasked.len() >= self.options.max_hellos() {
                        // The one that has been silent for longest.
                        self.unasked.pop_front();
                    }
                    self.unasked.push_back(unasked);
                }
                Ok(Asked::Refused) => {}
                Err(error) => self.failed(&error),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn local(&self) -> &Endpoint {
        &self.local
    }
}
