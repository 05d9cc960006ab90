//! The memory of one channel: a sealed file without a name that holds two rings side by side.
//!
//! This is the only file of the crate with unsafe code. The listener's side makes the file, the dialler's
//! maps it; both close the descriptor once it is mapped. The file is sealed against a change of its size, so
//! that no access to the mapping can fail (`SIGBUS`), whatever the other process does; what it writes there
//! is checked by [`ringbuf_core`] at each use.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};
use ringbuf_core::{Closer, Consumer, Observer, Producer, Region};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::process::{Resource, getrlimit};

use crate::error::foreign;

/// What keeps a ring's memory.
pub(crate) type Mapped = Region<Arc<MmapRaw>>;

/// Nobody may change the size of the file any more, nor take that back.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// One side's halves of the two rings.
pub(crate) struct Halves {
    pub(crate) producer: Producer<Mapped>,
    pub(crate) consumer: Consumer<Mapped>,
}

/// A ring as those see it who are not one of its halves.
pub(crate) struct Ring {
    pub(crate) closer: Closer<Mapped>,
    pub(crate) observer: Observer<Mapped>,
}

/// The capacities in bytes of the ring that leads up to the listener and of the one that leads down to the
/// dialler: powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacities {
    pub(crate) up: usize,
    pub(crate) down: usize,
}

/// Which side of a connection this is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Listener,
    Dialler,
}

/// Where the rings lie in the file.
struct Layout {
    up: usize,
    down: usize,
    at_down: usize,
    len: usize,
}

impl Layout {
    fn of(capacities: Capacities) -> Layout {
        let up = Region::required_len(capacities.up);
        let down = Region::required_len(capacities.down);
        let at_down = up.next_multiple_of(Region::ALIGNMENT);
        let page = rustix::param::page_size();
        Layout {
            up,
            down,
            at_down,
            len: (at_down + down).next_multiple_of(page),
        }
    }
}

/// Makes the file and the listener's halves; the descriptor is for the dialler.
pub(crate) fn create(capacities: Capacities) -> io::Result<(OwnedFd, Halves)> {
    let layout = Layout::of(capacities);
    let file = rustix::fs::memfd_create(
        "channel-shm",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?;
    let len = layout.len as u64;
    if let Some(most) = getrlimit(Resource::Fsize)
        .current
        .filter(|most| *most < len)
    {
        // The call below would not fail, but have the process killed.
        let text = format!(
            "the channel's memory takes {len} bytes, and a file of this process may have {most} at most: \
             ask for smaller buffers, or raise the limit (`ulimit -f`) where it listens"
        );
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    rustix::fs::ftruncate(&file, len)?;
    rustix::fs::fcntl_add_seals(&file, SEALS)?;
    let halves = halves(
        &file,
        &layout,
        Role::Listener,
        |ptr, len, capacity, map| {
            // SAFETY: the caller, `halves`, gives a part of the mapping that `map` keeps, and no other ring
            // was ever there.
            unsafe { Region::create(ptr, len, capacity, map) }
        },
        capacities,
    )?;
    Ok((file, halves))
}

/// Maps the file that a listener made; the dialler's halves.
pub(crate) fn attach(file: OwnedFd, capacities: Capacities) -> io::Result<Halves> {
    let layout = Layout::of(capacities);
    // Without the seals the file could shrink under the mapping.
    if !rustix::fs::fcntl_get_seals(&file)?.contains(SEALS) {
        return Err(foreign("its memory is not sealed"));
    }
    let size = rustix::fs::fstat(&file)?.st_size;
    if u64::try_from(size) != Ok(layout.len as u64) {
        return Err(foreign("its memory has not the size that it says"));
    }
    halves(
        &file,
        &layout,
        Role::Dialler,
        |ptr, len, capacity, map| {
            // SAFETY: the caller, `halves`, gives a part of the mapping that `map` keeps.
            let region = unsafe { Region::attach(ptr, len, map) }?;
            if region.capacity() != capacity {
                return Err(ringbuf_core::AttachError::Capacity {
                    found: region.capacity(),
                });
            }
            Ok(region)
        },
        capacities,
    )
}

/// Finds (`place`) both rings in the file, and takes this side's halves.
fn halves(
    file: &OwnedFd,
    layout: &Layout,
    role: Role,
    place: impl Fn(NonNull<u8>, usize, usize, Arc<MmapRaw>) -> Result<Mapped, ringbuf_core::AttachError>,
    capacities: Capacities,
) -> io::Result<Halves> {
    let map = Arc::new(
        MmapOptions::new()
            .len(layout.len)
            .map_raw(file.as_raw_fd())?,
    );
    let start = NonNull::new(map.as_mut_ptr()).ok_or(io::ErrorKind::OutOfMemory)?;
    // SAFETY: `at_down` lies within the mapping.
    let at_down = unsafe { start.add(layout.at_down) };
    let bad = |error| foreign(&format!("its memory holds no ring of ours: {error}"));
    let up = place(start, layout.up, capacities.up, map.clone()).map_err(bad)?;
    let down = place(at_down, layout.down, capacities.down, map).map_err(bad)?;
    let (outbound, inbound) = match role {
        Role::Listener => (down, up),
        Role::Dialler => (up, down),
    };
    let corrupt = |error: ringbuf_core::Corrupt| foreign(&error.to_string());
    // SAFETY: the mapping was made here, for this side alone, which takes each half once.
    let producer = unsafe { outbound.into_producer() }.map_err(corrupt)?;
    // SAFETY: as above.
    let consumer = unsafe { inbound.into_consumer() }.map_err(corrupt)?;
    Ok(Halves { producer, consumer })
}
