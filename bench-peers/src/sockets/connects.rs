//! How fast connections come and go.

use super::now;
use crate::machine::pin;
use crate::measure::{Sample, Watch};

/// A way to connect, to echo a byte and to close, again and again.
#[allow(
    async_fn_in_trait,
    reason = "nobody needs to know whether the futures are Send"
)]
pub trait Connects: 'static {
    /// What the server needs.
    type Listening: Send;
    /// Where it is.
    type At: Send + Sync;
    /// What the client keeps from connection to connection.
    type Client;

    /// Listens at a fresh place.
    fn listen() -> (Self::Listening, Self::At);

    /// Accepts `times` connections, one after the other: takes a byte, sends it back, closes.
    async fn serve(listening: Self::Listening, times: u64);

    /// What the client keeps.
    async fn client() -> Self::Client;

    /// Connects, asks with a byte, waits for the answer, closes.
    async fn once(client: &Self::Client, at: &Self::At, byte: u8) -> u8;

    /// Runs a future on this thread.
    fn run_one<F: Future>(future: F) -> F::Output {
        now(future)
    }
}

/// Connections before the clock starts.
pub(crate) fn warm_connects(times: u64) -> u64 {
    (times / 8).clamp(4, 500)
}

/// Connects, asks and closes `times` times. The server serves [`warm_connects`] more.
pub(crate) async fn ask_anew<C: Connects>(client: &C::Client, at: &C::At, times: u64) -> Sample {
    let warm = warm_connects(times);
    let mut watch = Watch::start();
    for number in 0..warm + times {
        if number == warm {
            watch = Watch::start();
        }
        let byte = number as u8;
        let answer = C::once(client, at, byte).await;
        assert_eq!(answer, byte, "the answer to another question");
    }
    Sample {
        share: 1.0,
        ..watch.stop()
    }
}

/// One thread connects, asks and closes `times` times, the other serves.
pub fn connects<C: Connects>(cores: [usize; 2], times: u64) -> Sample {
    let (listening, at) = C::listen();
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            pin(cores[0]);
            C::run_one(async {
                let client = C::client().await;
                ask_anew::<C>(&client, &at, times).await
            })
        });
        scope.spawn(move || {
            pin(cores[1]);
            C::run_one(C::serve(listening, warm_connects(times) + times));
        });
        asking.join().expect("the asking thread")
    })
}
