//! The job that sends, in the background, ciphertext that the system did not take at once.
//!
//! It runs only while there is some, and a process that lingers waits for it. The writer helps, while there is
//! one; once nobody of this side is there any more, the time to linger runs.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use channel::transport::Lingering;
use channel::transport::background::{self, Sleep};
use transport_reactor::after;

use super::stream::{Sent, TlsStream};

pub(super) fn start(stream: Arc<TlsStream>) {
    let lingering = Lingering::new();
    background::run(async move {
        let mut timer = None;
        poll_fn(|cx| poll(&stream, cx, &mut timer)).await;
        drop(lingering);
    });
}

fn poll(stream: &Arc<TlsStream>, cx: &mut Context<'_>, timer: &mut Option<Sleep>) -> Poll<()> {
    stream.wakers.flusher.set(cx.waker());
    let mut over = false;
    loop {
        match stream.flush() {
            Ok(Sent::All) => {}
            // Nothing can leave any more.
            Err(_) => over = true,
            Ok(Sent::Elsewhere) => return Poll::Pending,
            Ok(Sent::Blocked) if over => {}
            Ok(Sent::Blocked) => match stream.socket.poll_writable(&mut stream.news()) {
                Poll::Ready(Ok(())) => continue,
                Poll::Ready(Err(_)) => over = true,
                Poll::Pending => {
                    // The peer may wait for us to read, and nobody reads any more.
                    stream.socket.discard_if_due(true);
                    if !stream.is_deserted() {
                        return Poll::Pending;
                    }
                    let linger = stream.socket.linger;
                    let timer = timer.get_or_insert_with(|| after(linger));
                    if Pin::new(timer).poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    tracing::warn!(target: "transport_tcp", "linger time over before all was sent");
                    over = true;
                }
            },
        }
        if stream.end_flusher(over) {
            stream.settle();
            // The wake-up may have come here, and there is room now.
            stream.wakers.writer.wake();
            return Poll::Ready(());
        }
    }
}
