//! What the application does.

use std::cell::RefCell;
use std::rc::Rc;

use link_mux::{ChannelId, End, OpenError, Queues, Refusal};

use super::super::channel::{Channel, Shared};
use super::Play;
use crate::input::Input;

impl Play {
    pub(super) fn streams(&mut self, input: &mut Input<'_>) -> (Shared, (u32, u32)) {
        let sizes = (1 + u32::from(input.byte()), 1 + u32::from(input.byte()));
        let queues = match sizes.0 & 1 {
            0 => Queues::new(sizes.0, sizes.1),
            _ => Queues::on_demand(sizes.0, sizes.1),
        };
        self.serial += 1;
        (Rc::new(RefCell::new(queues)), sizes)
    }

    pub(super) fn credit_is_left(&mut self, more: u32) -> bool {
        let channels = self.session().channels.values();
        let sum: u64 = channels.map(|channel| u64::from(channel.inbound)).sum();
        sum + u64::from(more) <= self.config.max_credit
    }

    pub(super) fn open(&mut self, input: &mut Input<'_>) {
        let (app, sizes) = self.streams(input);
        let (serial, fits) = (self.serial, self.credit_is_left(sizes.0));
        let result = self.mux.open(app.clone());
        let limit = self.config.max_credit;
        let session = self.session();
        let ours = session.channels.values().filter(|c| c.ours).count();
        match result {
            Ok(id) => {
                assert!(fits && ours < usize::from(session.max_channels));
                assert!(id.get() & 1 == session.role && id.get() >> 1 < session.max_channels);
                let mut channel = Channel::new(id, serial, true);
                channel.attach(app, sizes);
                channel.granted = sizes.0.into();
                assert!(session.channels.insert(id.get(), channel).is_none());
            }
            Err((OpenError::Credit { limit: said }, _)) => assert!(!fits && said == limit),
            Err((e, _)) => {
                let limit = session.max_channels;
                assert_eq!(e, OpenError::Channels { limit });
                assert!(ours == usize::from(limit));
            }
        }
    }

    /// Of channels that the peer has opened, or others: then nothing happens.
    pub(super) fn decide(&mut self, input: &mut Input<'_>) {
        let (pick, choice) = (usize::from(input.byte()), input.byte());
        let waits = |c: &Channel| !c.ours && c.app.is_none() && c.refused.is_none();
        let channels = &self.session().channels;
        let waiting: Vec<_> = channels.values().filter(|c| waits(c)).collect();
        let picked = match waiting.len() {
            0 => channels.values().nth(pick % channels.len().max(1)),
            n => Some(waiting[pick % n]),
        };
        let Some(channel) = picked else {
            return;
        };
        let (id, waiting) = (channel.id, waits(channel));
        if choice & 3 == 0 {
            let why = Refusal::Other(choice);
            self.mux.refuse(id, why);
            if waiting {
                self.channel(id).refused = Some(choice);
            }
            return;
        }
        let (app, sizes) = self.streams(input);
        let (serial, fits) = (self.serial, self.credit_is_left(sizes.0));
        let result = self.mux.accept(id, app.clone());
        assert_eq!(result.is_ok(), waiting && fits);
        if result.is_ok() {
            let channel = self.channel(id);
            channel.attach(app, sizes);
            channel.serial = serial;
        } else if waiting {
            self.channel(id).refused = Some(2);
        }
    }

    pub(super) fn channel(&mut self, id: ChannelId) -> &mut Channel {
        let channels = &mut self.session().channels;
        channels.get_mut(&id.get()).expect("a channel")
    }

    /// What an application does with a stream.
    pub(super) fn application(&mut self, input: &mut Input<'_>) {
        let (pick, what, n) = (usize::from(input.byte()), input.byte(), input.byte());
        let channels = self.session().channels.values_mut();
        let mut channels: Vec<_> = channels.filter(|c| c.app.is_some()).collect();
        if channels.is_empty() {
            return;
        }
        let pick = pick % channels.len();
        let channel = &mut channels[pick];
        let app = channel.app.clone().expect("filtered");
        let end = match what & 0x80 {
            0 => End::Orderly,
            _ => End::Abort,
        };
        match what % 16 {
            0 => channel.end_writing(&app, end),
            1 => channel.end_reading(&app, end),
            2..9 => channel.write_some(&app, n.into()),
            _ => channel.read_some(&app, n.into()),
        }
        let id = channel.id;
        self.mux.touch(id);
    }
}
