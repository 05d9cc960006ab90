//! Locks that their holder cannot leave behind: the kernel releases them when it dies.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Others set up a gadget in a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// A lock that is waited for is tried so often: there is no wait with a limit.
const PAUSE: Duration = Duration::from_millis(10);

/// Locks a file or a directory, if nobody has.
///
/// # Errors
/// `AddrInUse`: somebody has; the text says who, as far as can be known.
pub(super) fn take(file: &File, what: &str) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("{what} belongs to {}, which runs", holder(file)),
        )),
    }
}

/// Locks a directory, waiting for others.
///
/// # Errors
/// `AddrInUse`: somebody keeps it for longer than what is done under it takes.
pub(super) fn wait(directory: &Path, what: &str) -> io::Result<File> {
    let file = File::open(directory)?;
    let end = Instant::now() + PATIENCE;
    loop {
        match take(&file, what) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => {
                thread::sleep(PAUSE);
            }
            locked => return locked.map(|()| file),
        }
    }
}

/// Whoever has the lock, in words.
fn holder(file: &File) -> String {
    let holder = || {
        let file = file.metadata().ok()?;
        holder_in(
            &fs::read_to_string("/proc/locks").ok()?,
            file.dev(),
            file.ino(),
        )
    };
    match holder() {
        None => "another process".to_owned(),
        Some(pid) if pid == std::process::id() => "this process".to_owned(),
        Some(pid) => match fs::read_to_string(format!("/proc/{pid}/comm")) {
            Ok(name) => format!("process {pid} ({})", name.trim_end()),
            Err(_) => format!("process {pid}"),
        },
    }
}

/// Whoever has the lock of that file, out of what `/proc/locks` says.
fn holder_in(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        // `->`: one who waits.
        let kind = words.next().filter(|kind| *kind == "FLOCK");
        let pid = words.nth(2);
        (kind.is_some() && words.next() == Some(&file)).then_some(pid?.parse().ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_one_holders_and_tells_whose() {
        let directory = tempfile::tempdir().unwrap();
        let one = wait(directory.path(), "it").unwrap();
        let other = File::open(directory.path()).unwrap();
        let error = take(&other, "the gadget").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let text = error.to_string();
        assert!(text.contains("the gadget belongs to"), "{text}");
        drop(one);
        take(&other, "the gadget").unwrap();
    }

    #[test]
    fn the_holder_is_found_by_device_and_inode() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 00:1a:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 12 00:1a:78 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 13 00:1a:77 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 14 00:1a:77 0 EOF\n\
                     odd";
        assert_eq!(holder_in(locks, rustix::fs::makedev(0, 0x1a), 77), Some(13));
        assert_eq!(holder_in(locks, rustix::fs::makedev(0, 0x1a), 79), None);
        assert_eq!(holder_in(locks, rustix::fs::makedev(1, 0x1a), 77), None);
        assert_eq!(holder_in("", 0, 0), None);
    }
}
