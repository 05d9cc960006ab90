//! A link that carries many channels: what its driver does with the mux.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use channel::DialError;
use channel::transport::{Carrier, Connection};
use link_mux::{ChannelId, DownReason, Event, OpenError, Refusal, Session};

use crate::dial::{Request, withdraw};
use crate::error;
use crate::load::Load;
use crate::shared::{Shared, Toucher};
use crate::state::{self, READING, STREAM, State};
use crate::stream::{ChannelStream, Departing};

pub(crate) struct Muxed {
    shared: Arc<Shared>,
    session: Session<ChannelStream>,
    /// Wait for a session.
    waiting: VecDeque<Arc<Request>>,
    /// Wait for the peer's answer.
    opening: HashMap<ChannelId, (Arc<Request>, Connection)>,
    up: bool,
    /// How long a link may be without a session, if it is opened anew then.
    patience: Option<Duration>,
    /// Since when there is no session.
    alone: Option<Duration>,
    /// A session ended because nothing was heard, or none began, and the link is to be opened anew.
    silent: bool,
    /// Why no session can be had with the peer that is there.
    trouble: Option<DialError>,
    departing: Departing,
    /// Users that have left, and until when the process lingers for them.
    lingering: Vec<(Duration, Arc<State>)>,
    touched: Vec<Arc<Toucher>>,
}

impl Muxed {
    /// `patience`: how long a link may be without a session that is opened anew then, see
    /// [`Settings::reopen`](crate::Settings::reopen).
    pub(crate) fn new(
        shared: Arc<Shared>,
        session: Session<ChannelStream>,
        patience: Option<Duration>,
    ) -> Muxed {
        Muxed {
            shared,
            session,
            waiting: VecDeque::new(),
            opening: HashMap::new(),
            up: false,
            patience,
            alone: None,
            silent: false,
            trouble: None,
            departing: Departing::default(),
            lingering: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Opens a channel for everybody who waits.
    fn open_all(&mut self) {
        if let Some(trouble) = &self.trouble {
            for request in self.waiting.drain(..) {
                request.answer(Err(trouble.clone()));
            }
        }
        while self.up
            && let Some(request) = self.waiting.pop_front()
        {
            self.open(request);
        }
    }

    fn open(&mut self, request: Arc<Request>) {
        let made = state::channel(&self.shared, &request.to, &request.options, Carrier::Native);
        let (connection, ends) = match made {
            Ok(made) => made,
            Err(error) => return request.answer(Err(error.into())),
        };
        let toucher = ends.state.toucher.clone();
        let stream = ChannelStream::new(ends, self.departing.clone());
        match self.session.mux().open(stream) {
            Ok(id) => {
                let _ = toucher.id.set(id);
                self.opening.insert(id, (request, connection));
            }
            Err((OpenError::Down, _)) => {
                self.up = false;
                self.waiting.push_front(request);
            }
            Err((error, _)) => {
                let error = io::Error::new(io::ErrorKind::QuotaExceeded, error.to_string());
                request.answer(Err(error.into()));
            }
        }
    }

    fn incoming(&mut self, id: ChannelId) {
        let mut desk = self.shared.desk();
        let refused = match &mut desk.listening {
            None => Refusal::NobodyListens,
            Some(to) if to.backlog.len() >= to.options.max_hellos() => Refusal::Limit,
            Some(to) => {
                let made = state::channel(&self.shared, &to.local, &to.options, Carrier::Native);
                match made {
                    Ok((connection, ends)) => {
                        let toucher = ends.state.toucher.clone();
                        let _ = toucher.id.set(id);
                        let stream = ChannelStream::new(ends, self.departing.clone());
                        if self.session.mux().accept(id, stream).is_ok() {
                            to.backlog.push_back(connection);
                            let waker = to.waker.take();
                            drop(desk);
                            if let Some(waker) = waker {
                                waker.wake();
                            }
                        }
                        return;
                    }
                    Err(error) => {
                        tracing::warn!(
                            target: "transport_link", link = %self.shared.name, %error,
                            "a channel cannot be accepted"
                        );
                        Refusal::Limit
                    }
                }
            }
        };
        drop(desk);
        tracing::debug!(target: "transport_link", link = %self.shared.name, ?refused, "refuse");
        self.session.mux().refuse(id, refused);
    }

    fn events(&mut self) {
        let name = self.shared.clone();
        let name = name.name.as_str();
        while let Some(event) = self.session.mux().poll_event() {
            match event {
                Event::Up(peer) => {
                    tracing::debug!(target: "transport_link", link = name, session = peer.session, "session begins");
                    self.up = true;
                    self.trouble = None;
                }
                Event::Down(why) => {
                    tracing::debug!(target: "transport_link", link = name, %why, "session ends");
                    self.up = false;
                    self.silent |= self.patience.is_some() && why == DownReason::Silence;
                    // They have not been told anything: the next session is theirs.
                    for (_, (request, connection)) in self.opening.drain() {
                        drop(connection);
                        self.waiting.push_front(request);
                    }
                }
                Event::Version { theirs } => self.fails(error::version(theirs)),
                Event::Loop => self.fails(error::LOOP.to_owned()),
                Event::Incoming(id) => self.incoming(id),
                Event::Accepted(id) => {
                    if let Some((request, connection)) = self.opening.remove(&id) {
                        request.answer(Ok(connection));
                    }
                }
                Event::Refused(id, why) => {
                    if let Some((request, connection)) = self.opening.remove(&id) {
                        drop(connection);
                        request.answer(Err(error::refused(why)));
                    }
                }
                // The stream was dropped, and with it all that there was.
                Event::Closed(_) => {}
                _ => {}
            }
        }
    }

    fn fails(&mut self, why: String) {
        tracing::warn!(target: "transport_link", link = %self.shared.name, "{why}");
        self.trouble = Some(DialError::Unsupported(why));
    }

    /// What users did with their channels.
    fn touch(&mut self, now: Duration) {
        let mut leaving = Vec::new();
        let mut touched = std::mem::take(&mut self.touched);
        self.shared.take_touched(&mut touched, &mut leaving);
        for toucher in touched.drain(..) {
            toucher.taken();
            if let Some(&id) = toucher.id.get() {
                let mux = self.session.mux();
                // An id that is another channel's by now: a look for nothing.
                if let Some(stream) = mux.stream_mut(id) {
                    stream.woken();
                    mux.touch(id);
                }
            }
        }
        self.touched = touched;
        for state in leaving {
            let until = now.saturating_add(state.linger);
            self.lingering.push((until, state));
        }
    }

    fn sweep(&mut self, now: Duration) {
        self.lingering.retain(|(until, state)| {
            if !state.is_leaving() {
                return false;
            }
            if *until > now {
                return true;
            }
            tracing::debug!(target: "transport_link", "linger time over before everything was sent");
            state.has_left(STREAM | READING);
            false
        });
    }
}

impl Load for Muxed {
    fn news(&mut self, now: Duration) -> bool {
        self.touch(now);
        let mut desk = self.shared.desk();
        if !std::mem::take(&mut desk.news) {
            return false;
        }
        self.waiting.extend(desk.dials.drain(..));
        let withdrawn = std::mem::take(&mut desk.withdrawn);
        drop(desk);
        if withdrawn {
            self.waiting.retain(|request| !request.is_withdrawn());
            let gone = self
                .opening
                .extract_if(|_, (request, _)| request.is_withdrawn());
            gone.for_each(|(_, (_, connection))| withdraw(Ok(connection)));
            // An abort is a touch.
            self.touch(now);
        }
        self.open_all();
        true
    }

    fn link_up(&mut self, now: Duration) {
        self.alone = None;
        self.session.link_up(now);
        self.events();
    }

    fn link_down(&mut self) {
        self.session.link_down();
        self.departing.over();
        self.trouble = None;
        self.events();
        self.silent = false;
    }

    fn cannot_open(&mut self, error: &Arc<io::Error>) {
        for request in self.waiting.drain(..) {
            request.answer(Err(DialError::Io(error.clone())));
        }
    }

    fn receive(&mut self, now: Duration, bytes: &[u8]) {
        self.session.receive(now, bytes);
        self.events();
        self.open_all();
    }

    fn transmit(&mut self, now: Duration, out: &mut [u8]) -> usize {
        let n = self.session.transmit(now, out);
        self.events();
        n
    }

    fn sent(&mut self) {
        if !self.departing.is_empty() {
            self.departing.sent(&mut self.session);
        }
    }

    fn deadline(&self) -> Option<Duration> {
        let lingering = self.lingering.iter().map(|(until, _)| *until).min();
        [self.session.deadline(), lingering]
            .into_iter()
            .flatten()
            .min()
    }

    fn tick(&mut self, now: Duration) {
        if self.session.deadline().is_some_and(|due| due <= now) {
            // While the link takes nothing, `transmit` is not called.
            self.session.mux().tick(now);
            self.events();
        }
        if !self.lingering.is_empty() {
            self.sweep(now);
        }
        if self.up {
            self.alone = None;
        } else if let Some(patience) = self.patience {
            let since = *self.alone.get_or_insert(now);
            self.silent |= now >= since + patience;
        }
    }

    fn wants_link(&mut self) -> bool {
        true
    }

    fn is_silent(&self) -> bool {
        self.silent
    }

    fn is_idle(&mut self) -> bool {
        self.waiting.is_empty() && self.session.mux().channels() == 0 && self.session.is_settled()
    }
}

impl Drop for Muxed {
    fn drop(&mut self) {
        let opening = self.opening.drain().map(|(_, (request, _))| request);
        self.shared
            .abandon_dials(self.waiting.drain(..).chain(opening));
    }
}
