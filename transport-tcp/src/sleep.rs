//! Sleeping in the kernel until a socket is ready: how a blocking call waits.
//!
//! The thread waits for the socket and for an event of its own at once, so that others can call it
//! away. Where the system has no such event, or has no descriptor left for it, the caller waits at the
//! reactor instead.

use std::io;
use std::net::TcpStream;
use std::time::Instant;

use parking_lot::Mutex;

/// Has what this thread needs for a sleep made with its first blocking call, whether that sleeps or not:
/// how many descriptors a program has does not depend on how lucky it is.
pub(crate) fn prepare() {
    let _ = alarm::with(|_| ());
}

/// Where the blocking calls of one direction of a connection sleep, one at a time.
#[derive(Default)]
pub(crate) struct Bed(Mutex<Sleeper>);

#[derive(Default)]
struct Sleeper {
    /// The sleep under way, or else the next one, is to end at once.
    called: bool,
    alarm: Option<alarm::Alarm>,
}

impl Bed {
    /// Ends the sleep that is under way, or else the next one.
    pub(crate) fn call(&self) {
        let mut sleeper = self.0.lock();
        if !std::mem::replace(&mut sleeper.called, true)
            && let Some(alarm) = &sleeper.alarm
        {
            alarm.ring();
        }
    }

    /// Whether somebody called, since this was asked last.
    pub(crate) fn take_call(&self) -> bool {
        std::mem::take(&mut self.0.lock().called)
    }

    /// Sleeps until a read is worth a try; `Interrupted` if somebody calls, `TimedOut` when `until` has
    /// passed. `None` if this cannot be done here.
    pub(crate) fn sleep(
        &self,
        socket: &TcpStream,
        until: Option<Instant>,
    ) -> Option<io::Result<()>> {
        alarm::with(|alarm| {
            let mut sleeper = self.0.lock();
            if std::mem::take(&mut sleeper.called) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            sleeper.alarm = Some(alarm.clone());
            drop(sleeper);
            let slept = alarm.wait(socket, until);
            let mut sleeper = self.0.lock();
            sleeper.alarm = None;
            let called = std::mem::take(&mut sleeper.called);
            drop(sleeper);
            if called {
                // It rang, and it will be another sleep's.
                alarm.silence();
                return Err(io::ErrorKind::Interrupted.into());
            }
            slept
        })
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod alarm {
    use std::cell::Cell;
    use std::io;
    use std::net::TcpStream;
    use std::os::fd::OwnedFd;
    use std::sync::Arc;
    use std::time::Instant;

    use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
    use rustix::io::{Errno, read, write};

    /// One thread's own event.
    #[derive(Clone)]
    pub(super) struct Alarm(Arc<OwnedFd>);

    thread_local! {
        // One descriptor for each thread that ever blocks, whatever the number of its connections.
        static ALARM: Cell<Option<Alarm>> = const { Cell::new(None) };
    }

    pub(super) fn with<T>(f: impl FnOnce(&Alarm) -> T) -> Option<T> {
        let alarm = match ALARM.try_with(Cell::take).ok().flatten() {
            Some(alarm) => alarm,
            None => {
                let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
                Alarm(Arc::new(eventfd(0, flags).ok()?))
            }
        };
        let result = f(&alarm);
        let _ = ALARM.try_with(|cell| cell.set(Some(alarm)));
        Some(result)
    }

    impl Alarm {
        pub(super) fn ring(&self) {
            // It cannot fail: the counter is silenced after each sleep that it ended.
            let _ = write(&self.0, &1_u64.to_ne_bytes());
        }

        pub(super) fn silence(&self) {
            let _ = read(&self.0, &mut [0; 8]);
        }

        /// Until there is something to read, or this rings.
        pub(super) fn wait(&self, socket: &TcpStream, until: Option<Instant>) -> io::Result<()> {
            loop {
                let limit = match until {
                    None => None,
                    // More than the kernel can count is for ever.
                    Some(until) => {
                        Timespec::try_from(until.saturating_duration_since(Instant::now())).ok()
                    }
                };
                let mut fds = [
                    PollFd::new(socket, PollFlags::IN),
                    PollFd::new(&self.0, PollFlags::IN),
                ];
                match poll(&mut fds, limit.as_ref()) {
                    Ok(0) if until.is_some_and(|until| Instant::now() >= until) => {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    Ok(0) | Err(Errno::INTR) => {}
                    Ok(_) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod alarm {
    use std::io;
    use std::net::TcpStream;
    use std::time::Instant;

    #[derive(Clone)]
    pub(super) enum Alarm {}

    pub(super) fn with<T>(_: impl FnOnce(&Alarm) -> T) -> Option<T> {
        None
    }

    impl Alarm {
        pub(super) fn ring(&self) {
            match *self {}
        }

        pub(super) fn silence(&self) {
            match *self {}
        }

        pub(super) fn wait(&self, _: &TcpStream, _: Option<Instant>) -> io::Result<()> {
            match *self {}
        }
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Long enough for any machine; only a failing test waits for it.
    const LIMIT: Duration = Duration::from_secs(30);

    fn quiet() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    fn sleep(bed: &Bed, socket: &TcpStream, limit: Duration) -> io::ErrorKind {
        let until = Instant::now() + limit;
        let slept = bed.sleep(socket, Some(until)).unwrap();
        let kind = slept.unwrap_err().kind();
        assert_eq!(kind == io::ErrorKind::TimedOut, Instant::now() >= until);
        kind
    }

    // shows C4: no call is lost, whenever it comes, and each ends one sleep.
    #[test]
    fn a_call_ends_the_sleep_under_way_or_else_the_next() {
        let (socket, _other) = quiet();
        let bed = Arc::new(Bed::default());
        let short = Duration::from_millis(1);
        bed.call();
        bed.call();
        assert_eq!(sleep(&bed, &socket, LIMIT), io::ErrorKind::Interrupted);
        assert_eq!(sleep(&bed, &socket, short), io::ErrorKind::TimedOut);
        for _ in 0..100 {
            let calling = bed.clone();
            let caller = thread::spawn(move || calling.call());
            assert_eq!(sleep(&bed, &socket, LIMIT), io::ErrorKind::Interrupted);
            caller.join().unwrap();
            // Neither the flag nor the event is left over, here or for another socket.
            assert_eq!(sleep(&bed, &socket, short), io::ErrorKind::TimedOut);
            assert_eq!(
                sleep(&Bed::default(), &socket, short),
                io::ErrorKind::TimedOut
            );
        }
    }
}
