//! Channels of `Vec<u8>`: a message is copied into a vector, of which the pointer is passed.

use super::{End, Pair, messages};

macro_rules! vectors {
    ($pair:ident, $end:ident, $sender:ty, $receiver:ty, $bounded:path, $doc:literal) => {
        #[doc = $doc]
        pub struct $pair;
        #[doc = concat!("One end of [`", stringify!($pair), "`].")]
        pub struct $end {
            sender: $sender,
            receiver: $receiver,
        }
        impl End for $end {
            fn send(&mut self, message: &[u8]) {
                let message = message.to_vec();
                self.sender.send(message).expect("the channel is open");
            }
            fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
                look(&self.receiver.recv().expect("the channel is open"))
            }
            fn echo(&mut self, look: impl FnOnce(&[u8])) {
                let message = self.receiver.recv().expect("the channel is open");
                look(&message);
                self.sender.send(message).expect("the channel is open");
            }
        }
        impl Pair for $pair {
            type End = $end;
            fn pair(capacity: usize, size: usize) -> ($end, $end) {
                let (send_a, receive_b) = $bounded(messages(capacity, size));
                let (send_b, receive_a) = $bounded(messages(capacity, size));
                let end = |sender, receiver| $end { sender, receiver };
                (end(send_a, receive_a), end(send_b, receive_b))
            }
        }
    };
}
vectors!(
    Crossbeam,
    CrossbeamEnd,
    crossbeam_channel::Sender<Vec<u8>>,
    crossbeam_channel::Receiver<Vec<u8>>,
    crossbeam_channel::bounded,
    "Two bounded channels of `crossbeam-channel`."
);
vectors!(
    Kanal,
    KanalEnd,
    kanal::Sender<Vec<u8>>,
    kanal::Receiver<Vec<u8>>,
    kanal::bounded,
    "Two bounded channels of `kanal`."
);
