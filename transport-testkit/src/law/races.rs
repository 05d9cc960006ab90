//! C4, C6: disconnects and aborts at random moments; the counts are exact, and nobody hangs.

use channel::{Channel, ReadError, WriteError};

use crate::suite::streams::{read_in_all_forms, write_in_all_forms};
use crate::suite::support::go;
use crate::suite::world::{Place, World};

/// How many rounds a race has.
const ROUNDS: u64 = 150;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Writer,
    WriterAborts,
    Reader,
    Both,
}

fn one_race(w: &World, place: &Place, who: Who, round: u64) {
    let mut rng = w.rng(round);
    let (ours, theirs) = place.meet(1);
    // Either side writes.
    let (writing, reading): (Channel, Channel) = match rng.below(2) {
        0 => (ours, theirs),
        _ => (theirs, ours),
    };
    let handles = (writing.handle(), reading.handle());
    let ((_wr, mut writer), (mut reader, _rw)) = (writing.split(), reading.split());
    let length = rng.below(20_000);
    let (mut ww, mut rr) = (w.rng(round | 1 << 40), w.rng(round | 2 << 40));
    let write = go(move || {
        let result = write_in_all_forms(&mut writer, round, length, 300, &mut ww);
        if result.1.is_none() {
            drop(writer);
        }
        result
    });
    let read = go(move || read_in_all_forms(&mut reader, round, 300, &mut rr));
    rng.spin(200_000);
    match who {
        Who::Writer => handles.0.disconnect(),
        Who::WriterAborts => handles.0.abort(),
        Who::Reader => handles.1.disconnect(),
        Who::Both => {
            handles.0.disconnect();
            handles.1.disconnect();
        }
    }
    let (written, failed) = write.join("the writer in a disconnect race");
    let (read, ended) = read.join("the reader in a disconnect race");
    let what = format!(
        "round {round}, {who:?}: {written} of {length} written ({failed:?}), {read} read ({ended:?})"
    );
    let own = matches!(failed, None | Some(WriteError::Disconnected));
    let orderly = matches!(ended, None | Some(ReadError::Disconnected));
    match who {
        // A write that says it took bytes is believed.
        Who::Writer => assert!(read == written && ended.is_none() && own, "{what}"),
        Who::WriterAborts => {
            assert!(read <= written && own, "{what}");
            let lost = matches!(ended, Some(ReadError::PeerLost(_)));
            assert!(
                lost || read == written && ended.is_none() && failed.is_none(),
                "{what}"
            );
        }
        Who::Reader => {
            assert!(read <= written && orderly, "{what}");
            assert!(
                matches!(failed, None | Some(WriteError::PeerClosed)),
                "{what}"
            );
        }
        Who::Both => {
            assert!(read <= written && orderly, "{what}");
            let fits = own || matches!(failed, Some(WriteError::PeerClosed));
            assert!(fits, "{what}");
        }
    }
}

fn race(w: &World, who: Who) {
    let place = w.place_with(&channel::Options::new().with_capacity(512));
    for round in 0..ROUNDS {
        one_race(w, &place, who, round);
    }
}

pub(crate) fn c4_counts_are_exact_when_the_writer_disconnects(w: &World) {
    race(w, Who::Writer);
}

pub(crate) fn c4_counts_hold_when_the_reader_disconnects(w: &World) {
    race(w, Who::Reader);
}

pub(crate) fn c4_both_sides_disconnect_at_once(w: &World) {
    race(w, Who::Both);
}

pub(crate) fn c6_an_abort_in_the_middle_is_a_loss(w: &World) {
    race(w, Who::WriterAborts);
}
