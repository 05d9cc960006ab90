//! The other process, as this one sees it: started, asked, killed, reaped.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::wire::{Ask, BEGIN, In, Out, WAKE, Waits, strange};

/// A process that serves. It is killed when nobody needs it any more.
pub(crate) struct Peer {
    child: Mutex<Child>,
    input: Mutex<Option<ChildStdin>>,
    news: Arc<News>,
    next: AtomicU64,
}

/// What came from the other process, and who waits for it.
#[derive(Default)]
struct News {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    /// Questions that wait for their answers, some of them as futures.
    asked: HashMap<u64, Option<Waker>>,
    answers: HashMap<u64, In>,
    /// Nobody waits for these any more.
    forgotten: HashSet<u64>,
    wakers: HashMap<(u64, Waits), Waker>,
    /// It says nothing any more, and why.
    over: Option<String>,
}

impl Peer {
    pub(super) fn start(mut command: Command) -> io::Result<Arc<Peer>> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().expect("it is piped");
        let peer = Arc::new(Peer {
            child: Mutex::new(child),
            input: Mutex::new(input),
            news: Arc::default(),
            next: AtomicU64::new(WAKE + 1),
        });
        let news = peer.news.clone();
        // On a thread of their own: what is woken may ask.
        let (wake, woken) = mpsc::channel::<Waker>();
        let named = |name: &str| thread::Builder::new().name(name.to_owned());
        named("testkit-wakes").spawn(move || woken.into_iter().for_each(Waker::wake))?;
        named("testkit-peer").spawn(move || news.listen(output, &wake))?;
        Ok(peer)
    }

    /// A number for a broker or a channel there.
    pub(super) fn number(&self) -> u64 {
        // Relaxed: only uniqueness counts.
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks; the answer comes later.
    pub(super) fn ask(self: &Arc<Self>, ask: Ask, body: Out) -> Asked {
        let number = self.number();
        self.news.state.lock().asked.insert(number, None);
        let mut framed = Out::default().byte(ask as u8);
        framed.0.extend(body.0);
        if let Some(input) = &mut *self.input.lock() {
            // If nobody reads it, its end is on its way, and tells.
            let _ = framed.send(number, input);
        }
        Asked {
            peer: self.clone(),
            number,
        }
    }

    /// Asks, and blocks until the answer is there.
    pub(super) fn call(self: &Arc<Self>, ask: Ask, body: Out) -> io::Result<In> {
        self.ask(ask, body).wait()
    }

    /// Who is to be woken by news of a channel; the last one counts.
    pub(super) fn waits(&self, channel: u64, who: Waits, waker: &Waker) {
        let waker = waker.clone();
        let before = self.news.state.lock().wakers.insert((channel, who), waker);
        drop(before);
    }

    /// Nobody waits for news of a channel any more.
    pub(super) fn forgets(&self, channel: u64, who: Waits) {
        let waker = self.news.state.lock().wakers.remove(&(channel, who));
        drop(waker);
    }

    /// Returns when all calls that block there sleep.
    pub(crate) fn settle(self: &Arc<Self>) {
        // One that is gone blocks in nothing.
        let _ = self.call(Ask::Settle, Out::default());
    }

    /// Ends it as `kill -9` does; returns when it is gone.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock();
        // It may be gone already.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Has it exit with its channels open; returns when it is gone.
    pub(crate) fn exit(self: &Arc<Self>) {
        // The answer is its end.
        let _ = self.call(Ask::Exit, Out::default());
        let _ = self.child.lock().wait();
    }

    /// Why it does not answer any more.
    fn gone(&self, why: &str) -> io::Error {
        let status = match self.child.try_lock() {
            Some(mut child) => ended_with(&mut child),
            None => None,
        };
        let status = status.map_or_else(|| why.to_owned(), |status| status.to_string());
        io::Error::other(format!("the other process is gone: {status}"))
    }
}

/// A process whose output has ended ends soon.
fn ended_with(child: &mut Child) -> Option<ExitStatus> {
    for _ in 0..200 {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(1));
    }
    None
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends by itself when its input does; but not if it hangs.
        drop(self.input.lock().take());
        self.kill();
    }
}

impl News {
    fn listen(&self, mut from: ChildStdout, wake: &mpsc::Sender<Waker>) {
        let why = match skip_to_begin(&mut from) {
            Ok(()) => loop {
                if let Err(error) = self.take_in(&mut from, wake) {
                    break error.to_string();
                }
            },
            Err(error) => format!("it did not begin to serve: {error}"),
        };
        let wakers: Vec<_> = {
            let mut state = self.state.lock();
            state.over = Some(why);
            let asked = std::mem::take(&mut state.asked).into_values().flatten();
            let asked: Vec<_> = asked.collect();
            asked
                .into_iter()
                .chain(state.wakers.drain().map(|(_, waker)| waker))
                .collect()
        };
        self.came.notify_all();
        for waker in wakers {
            let _ = wake.send(waker);
        }
    }

    fn take_in(&self, from: &mut ChildStdout, wake: &mpsc::Sender<Waker>) -> io::Result<()> {
        let (number, mut body) = In::receive(from)?;
        let waker = if number == WAKE {
            let key = (body.number()?, body.waits()?);
            self.state.lock().wakers.remove(&key)
        } else {
            let mut state = self.state.lock();
            let asked = state.asked.remove(&number);
            if !state.forgotten.remove(&number) {
                let asked = asked.ok_or_else(|| strange("an answer to no question"))?;
                state.answers.insert(number, body);
                asked
            } else {
                None
            }
        };
        self.came.notify_all();
        if let Some(waker) = waker {
            // It lives as long as this thread.
            let _ = wake.send(waker);
        }
        Ok(())
    }
}

/// What a test harness prints in front is no business of ours.
fn skip_to_begin(from: &mut ChildStdout) -> io::Result<()> {
    let mut last = Vec::new();
    let mut byte = [0];
    while !last.ends_with(BEGIN) {
        from.read_exact(&mut byte)?;
        last.push(byte[0]);
    }
    Ok(())
}

/// A question that was asked. Dropped, nobody waits for the answer.
pub(super) struct Asked {
    peer: Arc<Peer>,
    number: u64,
}

impl Asked {
    fn taken(&self, state: &mut State) -> Option<io::Result<In>> {
        match (state.answers.remove(&self.number), &state.over) {
            (Some(answer), _) => Some(Ok(answer)),
            (None, Some(why)) => Some(Err(io::Error::other(why.clone()))),
            (None, None) => None,
        }
    }

    fn finished(&self, result: io::Result<In>) -> io::Result<In> {
        result.map_err(|why| self.peer.gone(&why.to_string()))
    }

    fn wait(self) -> io::Result<In> {
        // Not by parking: a poll function that asks must not use up what unparks its own caller.
        let mut state = self.peer.news.state.lock();
        let result = loop {
            if let Some(result) = self.taken(&mut state) {
                break result;
            }
            self.peer.news.came.wait(&mut state);
        };
        drop(state);
        self.finished(result)
    }

    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<In>> {
        let mut state = self.peer.news.state.lock();
        match self.taken(&mut state) {
            Some(result) => {
                drop(state);
                Poll::Ready(self.finished(result))
            }
            None => {
                let before = state.asked.insert(self.number, Some(cx.waker().clone()));
                drop(state);
                drop(before);
                Poll::Pending
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.peer.news.state.lock();
        let waker = state.asked.remove(&self.number);
        // Only if the answer has not come.
        if waker.is_some() && state.over.is_none() {
            state.forgotten.insert(self.number);
        }
        let answer = state.answers.remove(&self.number);
        drop(state);
        drop((waker, answer));
    }
}
