//! Strangers cost a bounded time and memory, no thread each, and disturb nobody.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use channel::Options;

use crate::stage::{DEADLINE, LONG, Place, Raw, eventually};

struct Counting;
static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

fn serve_one(place: &Place, server: &channel::Broker) {
    let (client, at) = (place.client(), place.endpoint());
    let connecting = thread::spawn(move || client.connect_at(&at, 7, Some(LONG)).unwrap());
    server.accept_timeout(7, LONG).unwrap();
    connecting.join().unwrap();
}

// shows T3: 1,000 silent strangers cost bounded memory and no thread each.
#[test]
fn a_thousand_silent_strangers() {
    let place = Place::new();
    let server = place.server(Options::new().with_hello_deadline(LONG * 10));
    serve_one(&place, &server);
    let (memory, before) = (LIVE.load(Relaxed), threads());
    let mut strangers: Vec<Raw> = (0..1000)
        .map(|i| {
            let mut raw = place.raw();
            // Half of them say a little, and then nothing more.
            if i % 2 == 0 {
                raw.stream
                    .write_all(&channel::wire::hello::MAGIC[..i % 4 + 1])
                    .unwrap();
            }
            raw
        })
        .collect();
    // Connections are taken in order: an honest one behind them shows that all were.
    serve_one(&place, &server);
    let each = (LIVE.load(Relaxed).saturating_sub(memory)) / 1000;
    println!(
        "{each} bytes a stranger, {} threads more",
        threads().saturating_sub(before)
    );
    assert!(each < 4096, "{each} bytes a stranger");
    // Other tests of this program run beside this one; a thread each would be hundreds.
    assert!(
        threads() < before + 100,
        "{} threads, {before} before",
        threads()
    );
    strangers.truncate(500);
    serve_one(&place, &server);
}

// shows T3: beyond the limit the oldest is dropped, and honest ones are served all the while.
#[test]
fn too_many_strangers() {
    let place = Place::new();
    let options = Options::new()
        .with_max_hellos(100)
        .with_hello_deadline(LONG * 10);
    let server = place.server(options);
    let mut strangers: Vec<Raw> = (0..300).map(|_| place.raw()).collect();
    serve_one(&place, &server);
    for raw in &mut strangers[..200] {
        raw.end();
    }
    let newest = &mut strangers[299];
    newest.hello(7);
    eventually("the newest is in the line", || {
        server.waiting(7).connectors == 1
    });
}

// shows T3: a slow hello is dropped at its deadline.
#[test]
fn slow_strangers_are_dropped_at_the_deadline() {
    let place = Place::new();
    let server = place.server(Options::new().with_hello_deadline(DEADLINE));
    let mut raw = place.raw();
    raw.stream.write_all(&channel::wire::hello::MAGIC).unwrap();
    raw.end();
    serve_one(&place, &server);
}

// shows T3: garbage and oversized hellos end at once.
#[test]
fn garbage_is_recognised() {
    let place = Place::new();
    let server = place.server(Options::new().with_hello_deadline(LONG * 10));
    let mut oversized = channel::wire::hello::MAGIC.to_vec();
    oversized.extend([0x10, 1, 0xFF, 0xFF]);
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0x16, 3, 1, 2, 0],
        &oversized,
        &[0; 64],
    ] {
        let mut raw = place.raw();
        raw.stream.write_all(garbage).unwrap();
        raw.end();
    }
    serve_one(&place, &server);
}

// shows T3: a connector that sends data before its welcome is refused.
#[test]
fn too_eager_is_refused() {
    let place = Place::new();
    let server = place.server(Options::new());
    let mut raw = place.raw();
    raw.hello(7);
    raw.stream.write_all(b"data").unwrap();
    let mut answer = Vec::new();
    raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = raw.stream.read_to_end(&mut answer);
    serve_one(&place, &server);
}
