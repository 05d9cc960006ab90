//! Values of a type of the program's own.
#![cfg(feature = "typed")]
mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::*;
use message_queue::{
    DecodeError, ReceiveError, SendError, TypedQueue, TypedReceiveError, TypedSendError,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum Command {
    Stop,
    Move { x: i32, y: i32 },
    Named(BTreeMap<String, Option<Vec<u8>>>),
}

fn commands() -> Vec<Command> {
    vec![
        Command::Stop,
        Command::Move { x: -1, y: i32::MAX },
        Command::Named(BTreeMap::from([
            ("a".into(), None),
            ("b".into(), Some(vec![0; 300])),
        ])),
    ]
}

// shows M8: values of any serde type, in every form; different types each way.
#[test]
fn values_travel() {
    let (a, b) = queues();
    let a: TypedQueue<Command, u64> = a.into();
    let b: TypedQueue<u64, Command> = b.into();
    for command in commands() {
        a.send(&command).unwrap();
        assert_eq!(b.receive().unwrap(), command);
        a.try_send(&command).unwrap();
        assert_eq!(b.try_receive().unwrap(), command);
        a.send_timeout(&command, LONG).unwrap();
        assert_eq!(b.receive_timeout(LONG).unwrap(), command);
        block_on(a.send_async(&command)).unwrap();
        assert_eq!(block_on(b.receive_async()).unwrap(), command);
        a.feed(&command).unwrap();
        a.flush().unwrap();
        assert_eq!(b.receive().unwrap(), command);
    }
    b.send(&7).unwrap();
    assert_eq!(a.receive().unwrap(), 7);
    assert!(matches!(
        a.receive_timeout(Duration::from_millis(1)),
        Err(TypedReceiveError::Receive(ReceiveError::TimedOut))
    ));
    drop(b);
    assert!(matches!(
        a.receive(),
        Err(TypedReceiveError::Receive(ReceiveError::PeerClosed))
    ));
    assert!(matches!(
        a.send(&Command::Stop),
        Err(TypedSendError::Send(SendError::PeerClosed))
    ));
}

// shows M8: a message that is no value of the type is given back, and the queue goes on with the next.
#[test]
fn what_does_not_decode() {
    let (a, b) = queues();
    let b: TypedQueue<(), Command> = b.into();
    let good: TypedQueue<Command, ()> = a.into();
    good.queue().send(b"").unwrap();
    good.queue().send(&[9, 9, 9]).unwrap();
    // A value, and something behind it.
    good.queue().send(&[0, 1, 2]).unwrap();
    good.send(&Command::Stop).unwrap();
    for (bytes, trailing) in [(&b""[..], false), (&[9, 9, 9], false), (&[0, 1, 2], true)] {
        match b.receive() {
            Err(TypedReceiveError::Decode { message, reason }) => {
                assert_eq!(message, bytes);
                assert_eq!(reason == DecodeError::Trailing(2), trailing);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(b.receive().unwrap(), Command::Stop);
}

// shows M4, M8: a value over the limit is refused like any message.
#[test]
fn a_large_value() {
    let (a, _b) = pair();
    let a: TypedQueue<Vec<u8>> = message_queue::MessageQueue::with_max_message(a, 10).into();
    assert!(matches!(
        a.send(&vec![0; 20]),
        Err(TypedSendError::Send(SendError::TooLarge(_)))
    ));
    a.send(&vec![0; 5]).unwrap();
}
