//! The client of bytes: any amount of anything.

use std::io::{self, Read, Write};

use channel::{Channel, Reader, Writer};

use super::{Sender, Sent, Tally};
use crate::error::{Error, Result};
use crate::speech::{Speech, not_written};

/// Read from standard input at once: what a pipe of Linux holds.
const BLOCK: usize = 64 * 1024;

/// Both directions, until the server has ended its stream.
pub fn talk(channel: Channel, mut out: impl Write) -> Result<(Sender, Tally)> {
    let (mut reader, writer) = channel.split();
    let sender = Sender::start(move |finishing| send(io::stdin(), writer, finishing))?;
    Ok((sender, receive(&mut reader, &mut out)?))
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
