//! A ring in a region whose other owner writes what it likes into the header, before it is
//! attached and between any two calls.

// Found alike by the tests that include this file.
#[path = "region/place.rs"]
mod place;
#[path = "region/play.rs"]
mod play;

use ringbuf_core::Region;

use crate::input::Input;
use place::Place;
use play::Play;

/// The most calls per input: enough to get anywhere, and no input is slow.
const CALLS: usize = 100;

/// The ring's capacity: small, so that it is soon full and wraps; or more than a call moves at
/// once.
fn capacity(choice: u8) -> usize {
    match choice {
        0xF8.. => 1 << 15,
        _ => 1 << (choice % 8),
    }
}

/// A byte of choices, the place, the ring, then calls and foreign writes by turns.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.byte();
    let capacity = capacity(input.byte());
    // Now and then misaligned or too short; without guards a sanitizer sees to the edges.
    let shift = if choice & 0x30 == 0x30 {
        usize::from(input.byte())
    } else {
        0
    };
    let missing = if choice & 0xC0 == 0xC0 {
        usize::from(input.byte())
    } else {
        0
    };
    let guard = if choice & 1 == 0 { 64 } else { 0 };
    let len = Region::required_len(capacity).saturating_sub(missing);
    let place = Place::new(guard, shift, len);

    // The other owner's header, or ours, as it is or with one word changed.
    let (raw, honest) = (choice & 2 != 0, choice & 6 == 0);
    if raw {
        place.scribble(0, input.bytes(Region::required_len(0)));
    } else {
        // Near 0 on either side, so that positions wrap.
        let start = input.short() as i16 as usize;
        // SAFETY: the place outlives all that is made here; the only ring in it.
        if let Err(e) = unsafe { Region::create_starting_at(place.ptr(), len, capacity, (), start) }
        {
            assert!(e.to_string().contains(';') && (missing > 0 || shift > 0));
            return;
        }
        assert!(missing == 0 && shift.is_multiple_of(Region::ALIGNMENT));
        if !honest {
            place.change_constant(&mut input);
        }
    }
    if let Some(mut play) = Play::new(&place, len, honest) {
        assert!(!honest || play.capacity == capacity);
        for _ in 0..CALLS {
            if input.is_empty() {
                break;
            }
            play.step(&mut input);
            place.check_guards();
        }
        assert!(!format!("{play:?}").is_empty());
    }
    place.check_guards();
}
