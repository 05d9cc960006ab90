//! Time limits of calls that spin.
mod support;

use std::time::{Duration, Instant};

use channel::{Options, ReadError, Spin, WriteError};
use support::{pair_with, within};

// shows C3: a time limit that is shorter than the spin counts.
#[test]
fn a_long_spin_keeps_to_the_time_limit() {
    within("a long spin", || {
        let options = Options::new()
            .with_capacity(16)
            .with_spin(Spin::up_to(Duration::from_secs(4)));
        let (mut ours, _theirs) = pair_with(&options);
        let limit = Duration::from_millis(10);
        let start = Instant::now();
        let late = ours.read_timeout(&mut [0; 1], limit);
        assert!(matches!(late, Err(ReadError::TimedOut)));
        assert!(start.elapsed() >= limit, "early");
        ours.write_all(&[0; 16]).unwrap();
        let late = ours.write_timeout(b"x", limit);
        assert!(matches!(late, Err(WriteError::TimedOut)));
        let took = start.elapsed();
        assert!(took < Duration::from_secs(3), "10 ms twice took {took:?}");
    });
}
