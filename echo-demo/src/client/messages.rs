//! The client of messages: each line is one, without its end.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use channel::Channel;
use message_queue::{MessageReceiver, MessageSender, ReceiveError, SendError};

use super::{Sender, Sent, Tally};
use crate::error::{Error, Result};
use crate::speech::{Speech, not_received, not_sent, queue};

/// The number of the line, from 1, whose end is the end of the input and not a newline. It is
/// printed without one too, so that exactly what came in goes out.
type Unended = AtomicU64;

/// Both directions, until the server has ended its stream.
pub fn talk(channel: Channel, max: usize, mut out: impl Write) -> Result<(Sender, Tally)> {
    let (sender, mut receiver) = queue(channel, max).split();
    let unended = Arc::new(Unended::new(0));
    let sending = {
        let unended = unended.clone();
        Sender::start(move |finishing| send(io::stdin().lock(), sender, &unended, finishing))?
    };
    let received = receive(&mut receiver, max, &unended, &mut out)?;
    Ok((sending, received))
}

/// Sends all lines of `input`, then finishes.
fn send(
    mut input: impl BufRead,
    mut sender: MessageSender,
    unended: &Unended,
    finishing: &dyn Fn(),
) -> Sent {
    let max = sender.max_message();
    let mut tally = Tally::new(Speech::Messages { max });
    let mut line = Vec::new();
    let trouble = (1..).find_map(|number| {
        match next_line(&mut input, &mut line, max) {
            Ok(Line::Ended) => {}
            // Relaxed: sending the line and getting it back says it to the other task.
            Ok(Line::Last) => unended.store(number, Ordering::Relaxed),
            Ok(Line::TooLong) => return Some(Some(Error::LongLine { number, max })),
            Ok(Line::None) => return Some(None),
            Err(error) => return Some(Some(Error::Stdin(error))),
        }
        match sender.send(&line) {
            Ok(()) => tally.message(&line),
            Err(error) => return Some(Some(Error::Cut(not_sent(&error)))),
        }
        None
    });
    finishing();
    // If it fails, the receiving direction tells why.
    let _: Result<(), SendError> = sender.finish();
    (tally, trouble.flatten())
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Ended,
    /// The input ended behind it, without a newline.
    Last,
    TooLong,
    /// There is no more.
    None,
}

/// Reads a line, without its newline. One that is too long is not read to its end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>, max: usize) -> io::Result<Line> {
    line.clear();
    // The newline counts, and one byte more tells that it is too long.
    let most = (max as u64).saturating_add(1);
    input.by_ref().take(most).read_until(b'\n', line)?;
    Ok(match line.pop() {
        None => Line::None,
        Some(b'\n') => Line::Ended,
        Some(last) => {
            line.push(last);
            match line.len() > max {
                true => Line::TooLong,
                false => Line::Last,
            }
        }
    })
}

/// Copies the messages that come to `out`, a line each, until the server ends its stream.
fn receive(
    receiver: &mut MessageReceiver,
    max: usize,
    unended: &Unended,
    out: &mut impl Write,
) -> Result<Tally> {
    let mut tally = Tally::new(Speech::Messages { max });
    for number in 1.. {
        let stopped = match receiver.receive_ref() {
            Ok(message) => {
                let end: &[u8] = match unended.load(Ordering::Relaxed) == number {
                    true => b"",
                    false => b"\n",
                };
                out.write_all(&message)
                    .and_then(|()| out.write_all(end))
                    .and_then(|()| out.flush())
                    .map_err(Error::stdout)?;
                tally.message(&message);
                continue;
            }
            Err(stopped) => stopped,
        };
        match stopped {
            ReceiveError::PeerClosed => break,
            error => {
                let why = not_received(&error, || receiver.try_receive().err());
                return Err(Error::Cut(why));
            }
        }
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    // shows E2, M4
    #[test]
    fn lines_are_read_up_to_the_limit_and_no_further() {
        let read = |mut input: &[u8], max| {
            let mut lines = Vec::new();
            let mut line = Vec::new();
            loop {
                let kind = next_line(&mut input, &mut line, max).unwrap();
                let last = matches!(kind, Line::None | Line::TooLong);
                lines.push((kind, String::from_utf8(line.clone()).unwrap()));
                if last {
                    return lines;
                }
            }
        };
        let ended = |text: &str| (Line::Ended, text.to_owned());
        let none = (Line::None, String::new());
        assert_eq!(read(b"", 5), [(Line::None, String::new())]);
        assert_eq!(
            read(b"a\n\nhello\n", 5),
            [
                ended("a"),
                ended(""),
                ended("hello"),
                (Line::None, String::new())
            ]
        );
        assert_eq!(read(b"hello", 5), [(Line::Last, "hello".into()), none]);
        assert_eq!(read(b"hello!\nx", 5), [(Line::TooLong, "hello!".into())]);
        assert_eq!(read(b"\n!", 0), [ended(""), (Line::TooLong, "!".into())]);
    }
}
