//! The client of bytes: any amount of anything.

use std::io::{self, Read, Write};
use std::time::Duration;

use channel::{Channel, ReadError, Reader, Writer};

use super::{Sender, Sent, Tally};
use crate::error::{Error, Result};
use crate::speech::{Speech, not_written};

/// Read from standard input at once: what a pipe of Linux holds.
const BLOCK: usize = 64 * 1024;

/// Where no end of a stream can be told, it is over when nothing has come for so long after all was sent.
const QUIET: Duration = Duration::from_secs(1);

/// Both directions, until the server has ended its stream. `ends`: it can tell so.
pub fn talk(channel: Channel, mut out: impl Write, ends: bool) -> Result<(Sender, Tally)> {
    let (mut reader, writer) = channel.split();
    let sender = Sender::start(move |finishing| send(io::stdin(), writer, finishing))?;
    let tally = match ends {
        true => receive(&mut reader, &mut out)?,
        false => receive_until_quiet(&mut reader, &mut out, || sender.has_finished())?,
    };
    Ok((sender, tally))
}

/// Sends all of `input`, then finishes.
fn send(mut input: impl Read, mut writer: Writer, finishing: &dyn Fn()) -> Sent {
    let mut tally = Tally::new(Speech::Bytes);
    let mut block = vec![0; BLOCK];
    let trouble = loop {
        let n = match input.read(&mut block) {
            Ok(0) => break None,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Some(Error::Stdin(error)),
        };
        match writer.write_all(&block[..n]) {
            Ok(()) => tally.bytes(&block[..n]),
            Err(cut) => break Some(Error::Cut(not_written(&cut.error))),
        }
    };
    finishing();
    // If it fails, the receiving direction tells why.
    let _ = writer.finish();
    (tally, trouble)
}

/// Copies what comes to `out`, piece by piece as it comes, until the server ends its stream.
fn receive(reader: &mut Reader, out: &mut impl Write) -> Result<Tally> {
    let mut tally = Tally::new(Speech::Bytes);
    loop {
        let n = match reader.fill_buf() {
            Ok([]) => return Ok(tally),
            Ok(arrived) => {
                out.write_all(arrived)
                    .and_then(|()| out.flush())
                    .map_err(Error::stdout)?;
                tally.bytes(arrived);
                arrived.len()
            }
            Err(error) => return Err(Error::Cut(error.to_string())),
        };
        reader.consume(n);
    }
}

/// The same, until nothing comes any more to a client that has sent everything.
fn receive_until_quiet(
    reader: &mut Reader,
    out: &mut impl Write,
    has_finished: impl Fn() -> bool,
) -> Result<Tally> {
    let mut tally = Tally::new(Speech::Bytes);
    let mut block = vec![0; BLOCK];
    loop {
        // Asked before: what is finished in the meantime may be on its way.
        let last = has_finished();
        match reader.read_timeout(&mut block, QUIET) {
            Ok(0) => return Ok(tally),
            Ok(n) => {
                out.write_all(&block[..n])
                    .and_then(|()| out.flush())
                    .map_err(Error::stdout)?;
                tally.bytes(&block[..n]);
            }
            Err(ReadError::TimedOut) if last => return Ok(tally),
            Err(ReadError::TimedOut) => {}
            Err(error) => return Err(Error::Cut(error.to_string())),
        }
    }
}
