//! The forms of a call: four ways to wait.

use channel::{Poller, ReadError, Reader, WriteError, Writer};
use futures_lite::future::block_on;
use message_queue::{MessageQueue, ReceiveError};

use crate::support::LIMIT;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    Blocking,
    TimeLimit,
    Async,
    Poller,
}

impl Form {
    pub const ALL: [Form; 4] = [Form::Blocking, Form::TimeLimit, Form::Async, Form::Poller];

    /// A thread's way to call one half.
    pub fn caller(self) -> Caller {
        Caller {
            form: self,
            poller: None,
        }
    }
}

pub struct Caller {
    form: Form,
    poller: Option<Poller>,
}

impl Caller {
    pub fn read(&mut self, reader: &mut Reader, buf: &mut [u8]) -> Result<usize, ReadError> {
        match self.form {
            Form::Blocking => reader.read(buf),
            Form::TimeLimit => reader.read_timeout(buf, LIMIT),
            Form::Async => block_on(reader.read_async(buf)),
            Form::Poller => {
                let register = |poller: &Poller| reader.register(poller, 1);
                let poller = registered(&mut self.poller, register);
                loop {
                    match reader.try_read(buf) {
                        Err(ReadError::WouldBlock) => wait(poller),
                        result => return result,
                    }
                }
            }
        }
    }

    pub fn write(&mut self, writer: &mut Writer, bytes: &[u8]) -> Result<usize, WriteError> {
        match self.form {
            Form::Blocking => writer.write(bytes),
            Form::TimeLimit => writer.write_timeout(bytes, LIMIT),
            Form::Async => block_on(writer.write_async(bytes)),
            Form::Poller => {
                let register = |poller: &Poller| writer.register(poller, 1);
                let poller = registered(&mut self.poller, register);
                loop {
                    match writer.try_write(bytes) {
                        Err(WriteError::WouldBlock) => wait(poller),
                        result => return result,
                    }
                }
            }
        }
    }

    pub fn receive(&mut self, queue: &MessageQueue) -> Result<Vec<u8>, ReceiveError> {
        match self.form {
            Form::Blocking => queue.receive(),
            Form::TimeLimit => queue.receive_timeout(LIMIT),
            Form::Async => block_on(queue.receive_async()),
            Form::Poller => {
                let register = |poller: &Poller| queue.register(poller, 1);
                let poller = registered(&mut self.poller, register);
                loop {
                    match queue.try_receive() {
                        Err(ReceiveError::WouldBlock) => wait(poller),
                        result => return result,
                    }
                }
            }
        }
    }
}

/// The poller, which is told of the half once.
fn registered(slot: &mut Option<Poller>, register: impl FnOnce(&Poller)) -> &Poller {
    slot.get_or_insert_with(|| {
        let poller = Poller::new();
        register(&poller);
        poller
    })
}

fn wait(poller: &Poller) {
    let news = poller.wait_timeout(&mut Vec::new(), LIMIT);
    assert!(news.is_some(), "the poller was told nothing");
}
