//! What the mux does, and whether that is right.

use link_mux::{DownReason, Event, Refusal};

use super::super::channel::Channel;
use super::super::frame::{self, Frame, HEAD, HELLO, Hello, PING};
use super::{LARGEST, News, Play};

impl Play {
    /// Takes what the mux says until it has nothing more to say, and compares what it knows.
    pub(super) fn settle(&mut self) {
        let silence = self.session.as_ref().and_then(|session| session.keep_alive);
        let silent = silence.is_some_and(|interval| self.now >= self.last_heard + interval * 5);
        let mut out = [0; LARGEST];
        let mut first = true;
        loop {
            let n = self.mux.transmit(self.now, &mut out[..self.room]);
            if first && silent {
                self.over("silence");
            }
            first = false;
            if n == 0 {
                break;
            }
            let tag = self.session.as_ref().map_or(0, |session| session.tags.1);
            for frame in Frame::all(&out[..n], tag) {
                self.heard(&frame);
            }
        }
        self.close();
        self.events();
        self.check();
    }

    pub(super) fn heard(&mut self, frame: &Frame) {
        if frame.kind == HELLO {
            let hello = Hello::of(frame);
            assert_eq!(hello.up, u16::from(self.session.is_some()));
            if self.session.is_some() {
                assert_eq!((hello.own, hello.heard), (self.mux_id, self.peer_id));
            }
            self.mux_id = hello.own;
            self.hello_due = false;
            assert_eq!(hello.max_frame, self.config.max_frame);
            assert_eq!(hello.max_channels, self.config.max_channels);
            return;
        }
        assert!(!self.hello_due, "the hello comes first");
        let session = self.session();
        assert!(HEAD + frame.body.len() <= session.max_frame);
        assert!(frame.is_well_formed());
        if frame.kind == PING {
            return assert!(session.keep_alive.is_some());
        }
        let channel = session.channels.get_mut(&frame.channel);
        channel.expect("a frame of a channel").sent(frame);
    }

    /// Channels of which both ends know all are gone.
    pub(super) fn close(&mut self) {
        let Some(session) = &mut self.session else {
            return;
        };
        for (id, channel) in session.channels.extract_if(.., |_, c| c.is_over()) {
            if channel.app.is_some() {
                self.expected.push(News::Closed(id));
            }
        }
    }

    pub(super) fn events(&mut self) {
        let mut news = Vec::new();
        while let Some(event) = self.mux.poll_event() {
            news.push(match event {
                Event::Up(peer) => News::Up(peer.session, peer.max_frame, peer.max_channels),
                Event::Down(DownReason::Violation(_)) => News::Down("violation"),
                Event::Down(DownReason::Link) => News::Down("link"),
                Event::Down(DownReason::Silence) => News::Down("silence"),
                Event::Down(DownReason::Restarted) => News::Down("restarted"),
                Event::Version { theirs } => {
                    assert_ne!(theirs >> 4, frame::VERSION >> 4);
                    continue;
                }
                Event::Loop => {
                    assert!(self.looped);
                    continue;
                }
                Event::Incoming(id) => {
                    let serial = self.serial;
                    let session = self.session();
                    let (opened, window) = session.opening.take().expect("an open");
                    assert_eq!(id.get(), opened);
                    let mut channel = Channel::new(id, serial, false);
                    channel.limit = window.into();
                    session.channels.insert(opened, channel);
                    continue;
                }
                Event::Accepted(id) => News::Accepted(id.get()),
                Event::Refused(id, why) => News::Refused(
                    id.get(),
                    match why {
                        Refusal::NobodyListens => 1,
                        Refusal::Limit => 2,
                        Refusal::Other(code) => code,
                        other => panic!("{other:?}"),
                    },
                ),
                Event::Closed(id) => News::Closed(id.get()),
                other => panic!("{other:?}"),
            });
        }
        news.sort();
        self.expected.sort();
        assert_eq!(news, self.expected);
        self.expected.clear();
    }

    pub(super) fn check(&self) {
        assert_eq!(self.mux.is_up(), self.session.is_some());
        let Some(session) = &self.session else {
            return assert_eq!(self.mux.channels(), 0);
        };
        assert!(session.opening.is_none());
        assert_eq!(self.mux.channels(), session.channels.len());
        assert!(!self.hello_due);
        for channel in session.channels.values() {
            channel.check_rest();
            let stream = self.mux.stream(channel.id);
            assert_eq!(stream.is_some(), channel.app.is_some());
        }
    }
}
