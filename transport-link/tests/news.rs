//! Links and devices that tell of everything at one descriptor.
#![cfg(target_os = "linux")]

mod support;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::Errno;
use transport_link::{Descriptors, Device, Link, Once, RETRY, Settings};

use support::{LIMIT, at, domain, meet};

/// A socket that is slept on through an epoll which says everything once, whichever half asks first.
struct Told {
    socket: OwnedFd,
    epoll: OwnedFd,
    /// What was said and not used up.
    readable: bool,
    writable: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Told {
    fn new(socket: UnixStream) -> io::Result<Told> {
        socket.set_nonblocking(true)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let all = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        epoll::add(&epoll, &socket, epoll::EventData::new_u64(0), all)?;
        Ok(Told {
            socket: socket.into(),
            epoll,
            readable: false,
            writable: false,
            reader: None,
            writer: None,
        })
    }

    fn note(&mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(1);
        let now = rustix::event::Timespec::default();
        epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut events),
            Some(&now),
        )?;
        for event in events {
            let flags = event.flags;
            self.readable |= flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP);
            self.writable |= flags.intersects(epoll::EventFlags::OUT | epoll::EventFlags::HUP);
        }
        Ok(())
    }
}

impl Link for Told {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.note()?;
        if self.writable
            && let Some(writer) = self.writer.take()
        {
            writer.wake();
        }
        if self.readable {
            match rustix::io::read(&self.socket, &mut *into) {
                Err(Errno::AGAIN) => self.readable = false,
                other => return Poll::Ready(Ok(other?)),
            }
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.note()?;
        if self.readable
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
        if self.writable {
            match rustix::io::write(&self.socket, from) {
                Err(Errno::AGAIN) => self.writable = false,
                other => return Poll::Ready(Ok(other?)),
            }
        }
        self.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn descriptors(&self) -> Option<Descriptors<'_>> {
        Some(Descriptors::News(self.epoll.as_fd()))
    }
}

// shows C1, T6: news that come while the other half is asked are not lost.
#[test]
fn a_link_that_says_everything_once_stands_never_still() {
    let (near, far) = UnixStream::pair().unwrap();
    let a = domain(Settings::default(), Once::new(Told::new(near).unwrap()));
    let b = domain(Settings::default(), Once::new(Told::new(far).unwrap()));
    let (server, client) = (a.broker("server").unwrap(), b.broker("client").unwrap());
    let _bound = server.listen(&at("link://cable")).unwrap();
    let (client, server) = meet(&server, &client, 1);
    // More than all buffers on the way hold, both ways at once.
    const BYTES: usize = 1 << 22;
    thread::scope(|scope| {
        for channel in [client, server] {
            let (mut reader, mut writer) = channel.split();
            scope.spawn(move || {
                let block: Vec<u8> = (0..=255).collect();
                for _ in 0..BYTES / block.len() {
                    writer.write_all(&block).unwrap();
                }
                // The end, with the drop.
            });
            scope.spawn(move || {
                let (mut got, mut into) = (0, [0; 5000]);
                loop {
                    let n = reader.read_timeout(&mut into, LIMIT).unwrap();
                    if n == 0 {
                        break;
                    }
                    for byte in &into[..n] {
                        assert_eq!(usize::from(*byte), got % 256, "at {got}");
                        got += 1;
                    }
                }
                assert_eq!(got, BYTES);
            });
        }
    });
}

/// Comes after it was looked for so often, and says after each look that another one is worth it.
struct Shy {
    looks: u32,
    news: Arc<OwnedFd>,
    link: Arc<Mutex<Option<Told>>>,
}

impl Device for Shy {
    fn open(&mut self) -> io::Result<Box<dyn Link>> {
        let _ = rustix::io::read(&self.news, &mut [0; 8]);
        if self.looks > 0 {
            self.looks -= 1;
            rustix::io::write(&self.news, &1_u64.to_ne_bytes())?;
            return Err(io::ErrorKind::NotFound.into());
        }
        match self.link.lock().unwrap().take() {
            Some(link) => Ok(Box::new(link)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn news(&self) -> Option<BorrowedFd<'_>> {
        Some(self.news.as_fd())
    }
}

// shows T4: a device that says when it may have come is not waited for by the clock.
#[test]
fn a_device_is_opened_when_there_are_news() {
    const LOOKS: u32 = 2000;
    assert!(RETRY * LOOKS > 4 * LIMIT, "else the clock would do");
    let (near, far) = UnixStream::pair().unwrap();
    let news = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap();
    let shy = Shy {
        looks: LOOKS,
        news: Arc::new(news),
        link: Arc::new(Mutex::new(Some(Told::new(near).unwrap()))),
    };
    let links = transport_link::LinkTransport::new(["link"], {
        let shy = Mutex::new(Some(shy));
        move |_| {
            Ok(transport_link::Place {
                key: "shy".into(),
                settings: Settings::default(),
                device: match shy.lock().unwrap().take() {
                    Some(shy) => Box::new(shy),
                    None => Box::new(|| Err(io::ErrorKind::NotFound.into())),
                },
            })
        }
    });
    let a = channel::Domain::new();
    a.add(links);
    let b = domain(Settings::default(), Once::new(Told::new(far).unwrap()));
    let server = b.broker("server").unwrap();
    let _bound = server.listen(&at("link://cable")).unwrap();
    let accepting = thread::spawn(move || server.accept_timeout(1, LIMIT));
    let client = a.broker("client").unwrap();
    let connected = client.connect_at(&at("link://shy"), 1, Some(LIMIT));
    let accepted = accepting.join().unwrap();
    drop((connected.unwrap(), accepted.unwrap()));
}
