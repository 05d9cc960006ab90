use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread;

use super::*;
use crate::source::attempt;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

/// A plain connection, its socket, and the stream at its other end.
fn pair() -> (Connection, Arc<Socket>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_write_timeout(Some(LIMIT)).unwrap();
    let socket = Socket::open(Stream::new(near), &Options::new(), true, None);
    let connection = Connection {
        source: Box::new(TcpSource::new(
            socket.clone(),
            READ_AHEAD,
            Options::new().spin(),
        )),
        sink: Box::new(TcpSink::new(socket.clone())),
        control: Arc::new(TcpControl::of(&socket)),
        peer: Endpoint::new("tcp", "127.0.0.1:1").unwrap(),
        carrier: Carrier::Bytes,
    };
    (connection, socket, far)
}

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what}");
        thread::yield_now();
    }
}

#[derive(Default)]
pub(crate) struct Woken(AtomicBool);

impl Woken {
    pub(crate) fn is(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

// shows C7, T6: a writer that waits when its reader is dropped looks again, and has what the peer sends discarded: a peer
// that is blocked on that would never read.
#[test]
fn a_writer_that_waits_hears_that_nobody_reads_any_more() {
    let (connection, _, mut far) = pair();
    let (source, mut sink) = (connection.source, connection.sink);
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(woken.clone());
    let mut write = || {
        let block = [1; 64 * 1024];
        let bufs = [IoSlice::new(&block)];
        while sink
            .poll_write(&mut Context::from_waker(&waker), &bufs)
            .is_ready()
        {}
    };
    write();
    woken.0.store(false, Ordering::SeqCst);
    drop(source);
    assert!(woken.is());
    write();
    far.write_all(&vec![2; 32 << 20]).unwrap();
}

// shows C4, C1: bytes behind a gap are not read: a disconnect comes between the reader's look for one and its read, and
// what lay before those bytes is discarded.
#[test]
fn nothing_is_read_behind_what_was_discarded() {
    let (_connection, socket, mut far) = pair();
    far.write_all(b"one").unwrap();
    let mut read = |socket: &Socket| {
        socket.state.set(LEFT);
        eventually("nothing came", || {
            matches!(socket.discard(), Discarded::Some).then_some(())
        });
        far.write_all(b"two").unwrap();
        eventually("nothing came", || socket.read_one(&mut [0; 8]).ok().map(Ok))
    };
    let error = attempt(&socket, &mut read).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
}

// shows C6, T6: the system tells of a loss once, here somebody who has yet to note it when the reader asks. The reader
// waits for that, and does not take the connection for ended.
#[test]
fn a_loss_that_somebody_else_was_told_is_no_end() {
    let (connection, socket, far) = pair();
    let mut source = connection.source;
    socket2::SockRef::from(&far)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(far);
    thread::scope(|scope| {
        let mut reading = None;
        let asked = socket.state.ask(|| {
            let error = eventually("no reset came", || {
                socket.stream.get_ref().take_error().unwrap()
            });
            let reading = reading.insert(scope.spawn(move || source.fill(None)));
            // It does not come back, however long the answer takes to be noted.
            let until = Instant::now() + Duration::from_millis(50);
            while Instant::now() < until {
                assert!(!reading.is_finished(), "it did not wait");
                thread::yield_now();
            }
            Err::<(), _>(error)
        });
        let read = reading.unwrap().join().unwrap();
        for error in [asked.unwrap_err(), read.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
    });
}
