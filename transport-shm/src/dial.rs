//! Opening connections.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Poll, ready};
use std::time::Duration;

use channel::transport::{Connection, Lingering};
use channel::{DialError, Endpoint, Options};
use transport_reactor::{Watched, after};

use crate::connect::connect;
use crate::connection::{Bells, Parts, connection};
use crate::error::foreign;
use crate::list::sweep_once_ended;
use crate::packets::{self, Received};
use crate::segment::{self, Role};
use crate::settings::Settings;
use crate::setup::{Answer, Request};

/// A listener whose backlog is full is tried again after so long.
const BUSY: Duration = Duration::from_millis(2);

/// A power of two that holds the welcome: an eager connector may not read before it has written all it has,
/// and whoever accepts it must not have to wait for that.
const WELCOME: usize = 64;

pub(crate) async fn dial(to: &Endpoint, options: &Options) -> Result<Connection, DialError> {
    let settings = Settings::of(to)?;
    let mut capacity = ringbuf_core::rounded_capacity(options.capacity(options.port()))?;
    if options.eager() {
        capacity = capacity.max(WELCOME);
    }
    let (socket, peer) = loop {
        match connect(&settings)? {
            Some(reached) => break reached,
            None => after(BUSY).await,
        }
    };
    let request = Request {
        port: options.port(),
        // Fits: at most 2^30.
        capacity: capacity as u32,
    };
    match packets::send(&socket, &request.encode(), &[]) {
        // It has left already, and may have said why.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        sent => sent?,
    }
    let socket = Watched::inbound(socket);
    // A process may have been killed just now that hangs up.
    let answer = receive(&socket)
        .await
        .inspect_err(|_| sweep_once_ended(&peer, &settings.place, Lingering::new()))?;
    let (halves, bells) = match Answer::decode(answer.packet()).map_err(io::Error::from)? {
        Answer::Refusal(why) => {
            let text = format!("it refused the connection: {}", why.escape_debug());
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, text).into());
        }
        Answer::Offer(capacities) if capacities.down != capacity => {
            return Err(foreign("it offers another buffer than it was asked for").into());
        }
        Answer::Offer(capacities) => {
            let fds = <[OwnedFd; 5]>::try_from(answer.fds)
                .map_err(|_| foreign("its offer has not the descriptors that belong to it"))?;
            let [file, bells @ ..] = fds;
            (segment::attach(file, capacities)?, Bells::try_from(bells)?)
        }
    };
    let parts = Parts {
        role: Role::Dialler,
        socket,
        peer,
        place: settings.place,
        bells,
        halves,
    };
    Ok(connection(parts, to.clone(), options.spin()))
}

async fn receive(socket: &Watched<OwnedFd>) -> io::Result<Received> {
    let mut reset = false;
    let received = poll_fn(|cx| {
        loop {
            match packets::receive(socket.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(socket.poll_readable(cx))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It has left without reading the request; what it said comes after that news.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset && !reset => {
                    reset = true;
                }
                result => return Poll::Ready(result),
            }
        }
    });
    match received.await {
        Ok(received) if received.packet().is_empty() => Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            "what listens there hung up without an answer: the process has ended, or it is no broker of ours",
        )),
        result => result,
    }
}
