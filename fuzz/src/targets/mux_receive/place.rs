//! One end of a channel between two muxes.

use link_mux::End;

use super::channel::{Shared, contents};

/// One end, and what its application has done.
pub struct Place {
    pub app: Shared,
    pub serial: u64,
    pub written: u64,
    pub ended: Option<End>,
    pub read: u64,
    pub gave_up: bool,
}

impl Place {
    pub fn new(app: Shared, serial: u64) -> Self {
        Place {
            app,
            serial,
            written: 0,
            ended: None,
            read: 0,
            gave_up: false,
        }
    }

    pub fn write(&mut self, n: usize) {
        let bytes = contents(self.serial, self.written, n);
        self.written += self.app.borrow_mut().write(&bytes) as u64;
    }

    pub fn finish(&mut self, end: End) {
        self.app.borrow_mut().finish_writing(end);
        self.ended = match (self.ended, end) {
            (Some(before), End::Orderly) => Some(before),
            _ => Some(end),
        };
    }

    pub fn stop(&mut self, end: End) {
        let mut app = self.app.borrow_mut();
        self.gave_up |= app.ended().is_none();
        app.stop_reading(end);
    }

    /// Reads what `other` has written, unless the link was damaged.
    pub fn read(&mut self, other: Option<&Place>, most: usize, sound: bool) {
        let mut bytes = vec![0; most];
        let n = self.app.borrow_mut().read(&mut bytes);
        if sound && n > 0 {
            let other = other.expect("nobody else has written");
            assert_eq!(bytes[..n], contents(other.serial, self.read, n));
            assert!(self.read + n as u64 <= other.written);
        }
        self.read += n as u64;
    }

    /// What is said of the other end is true. `lost`: it can be lost.
    pub fn check(&self, other: Option<&Place>, lost: bool) {
        let app = self.app.borrow();
        match (app.ended(), other) {
            (Some(End::Orderly), Some(other)) => {
                assert!(self.gave_up || self.read == other.written);
                assert!(other.ended.is_some());
            }
            (Some(End::Orderly), None) => panic!("nobody is there"),
            (Some(End::Abort), other) => {
                assert!(lost || other.is_none_or(|other| other.ended == Some(End::Abort)));
            }
            (None, _) => {}
        }
        match (app.receipt(), other) {
            (Some(Some(read)), Some(other)) => assert_eq!(read, other.read),
            (Some(Some(read)), None) => assert_eq!(read, 0),
            (Some(None), _) => assert!(lost || other.is_none()),
            (None, _) => {}
        }
    }
}
