//! A serial device, opened and set up.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::termios::isatty;
use serialport::{ClearBuffer, SerialPort, TTYPort};
use transport_link::{Descriptor, Descriptors, Link};

use super::options::Options;

/// A device of this process alone, until it is dropped.
///
/// Two descriptors: the library's, which took the device for this process, set it up, and gives it back; and one of
/// this crate's, over which the bytes go without blocking. (The library hands its own out as a bare number only,
/// out of which nothing that owns it can be made without unsafe code; and its calls block.)
pub(super) struct Port {
    bytes: Descriptor,
    held: TTYPort,
    pace: Option<Pace>,
}

/// What a terminal of Linux takes before it blocks.
const SYSTEM_BUFFER: usize = 4096;
/// How far the system may be ahead of the line: a driver that is woken so late leaves no gap, and what is
/// urgent waits no longer for what went before.
const AHEAD: Duration = Duration::from_millis(20);

/// What the line does with the bytes that it was given, by its baud rate.
struct Pace {
    /// Nanoseconds.
    a_byte: u64,
    /// When it will have sent all.
    done: Instant,
}

impl Pace {
    /// `None`: the line is so fast that the system's buffer holds no more than it may be ahead.
    fn of(options: &Options) -> Option<Pace> {
        (options.bytes_in(AHEAD) < SYSTEM_BUFFER).then(|| Pace {
            a_byte: 1_000_000_000 / options.bytes_in(Duration::from_secs(1)).max(1) as u64,
            done: Instant::now(),
        })
    }

    fn gave(&mut self, bytes: usize) {
        let begun = self.done.max(Instant::now());
        self.done = begun + Duration::from_nanos(bytes as u64 * self.a_byte);
    }
}

/// From so many bytes that have not left yet, a terminal of Linux does not count as writable (`WAKEUP_CHARS`).
const NOT_WRITABLE: u32 = 256;

/// Why a device could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// It is not there: not plugged in, or just being made.
    #[error("there is no device {}", .0.display())]
    Absent(PathBuf),
    /// Waiting alone does not help, but somebody can.
    #[error("{0}")]
    Told(io::Error),
}

impl Port {
    /// Opens the device, takes it for this process, and sets it up; what came in before is dropped.
    pub(super) fn open(options: &Options) -> Result<Port, OpenError> {
        let path = &*options.path;
        // This one first: a device that was taken cannot be opened a second time.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = open(path, flags, Mode::empty()).map_err(|errno| refused(path, errno, 0))?;
        if !isatty(&fd) {
            return Err(told(
                io::ErrorKind::InvalidInput,
                format!(
                    "{} is not a serial device; if bytes pass there both ways all the same, open it in the program and \
                     give it to `Pipe::with_pair`",
                    path.display()
                ),
            ));
        }
        let held = serialport::new(path.to_string_lossy(), options.baud)
            .parity(options.parity)
            .data_bits(options.data_bits)
            .stop_bits(options.stop_bits)
            .flow_control(options.flow)
            .open_native()
            .map_err(|error| match error.kind() {
                // What the library says where somebody else has the device to itself.
                serialport::ErrorKind::NoDevice => refused(path, Errno::BUSY, 1),
                serialport::ErrorKind::Io(io::ErrorKind::NotFound) => {
                    OpenError::Absent(path.into())
                }
                _ => told(
                    io::ErrorKind::Other,
                    format!("{} could not be set up: {error}", path.display()),
                ),
            })?;
        let _ = held.clear(ClearBuffer::All);
        let bytes = Descriptor::new(fd).map_err(OpenError::Told)?;
        let pace = Pace::of(options);
        Ok(Port { bytes, held, pace })
    }
}

impl Link for Port {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.bytes.poll_read(cx, into)
    }

    /// Takes nothing while the system still has enough to send, whatever the pace says: a line may be slower, or
    /// be stopped by its flow control, and nothing urgent could overtake what lies in the system's buffer.
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        // (A device that cannot tell has no such buffer: a pseudo-terminal.)
        if self.held.bytes_to_write().is_ok_and(|n| n >= NOT_WRITABLE) {
            return Poll::Pending;
        }
        let written = self.bytes.poll_write(cx, from);
        if let (Some(pace), Poll::Ready(Ok(n))) = (&mut self.pace, &written) {
            pace.gave(*n);
        }
        written
    }

    fn busy_until(&self) -> Option<Instant> {
        self.pace.as_ref()?.done.checked_sub(AHEAD)
    }

    fn descriptors(&self) -> Option<Descriptors<'_>> {
        self.bytes.descriptors()
    }
}

fn told(kind: io::ErrorKind, text: String) -> OpenError {
    OpenError::Told(io::Error::new(kind, text))
}

/// `mine`: how many descriptors this attempt has for the device.
fn refused(path: &Path, errno: Errno, mine: usize) -> OpenError {
    let device = path.display();
    match errno {
        // NXIO, NODEV, IO: the file is there, the hardware is not, or not any more.
        Errno::NOENT | Errno::NOTDIR | Errno::NXIO | Errno::NODEV | Errno::IO => {
            OpenError::Absent(path.into())
        }
        Errno::BUSY => told(
            io::ErrorKind::ResourceBusy,
            match holder(path, mine) {
                Some(who) => {
                    format!("{device} is in use by {who}; end that, or use another device")
                }
                None => format!(
                    "{device} is in use by another process; `fuser {device}` (as root) tells which"
                ),
            },
        ),
        Errno::ACCESS | Errno::PERM => told(
            io::ErrorKind::PermissionDenied,
            match group(path) {
                Some(group) => format!(
                    "no permission for {device}, which belongs to the group `{group}`: \
                     `sudo usermod -aG {group} $USER`, then log in again"
                ),
                None => format!("no permission for {device}: its owner alone may use it"),
            },
        ),
        other => told(
            io::Error::from(other).kind(),
            format!("{device} could not be opened: {}", io::Error::from(other)),
        ),
    }
}

/// The process that has the device open, as far as this user may know: another one, if there is one.
fn holder(path: &Path, mine: usize) -> Option<String> {
    let device = path.canonicalize().ok()?;
    let own = std::process::id();
    let mut myself = None;
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(id) = name.to_str().and_then(|id| id.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(fds) = process.path().join("fd").read_dir() else {
            continue;
        };
        let links = fds.flatten().filter_map(|fd| fd.path().read_link().ok());
        let open = links.filter(|target| *target == device).count();
        if id == own && open > mine {
            myself = Some("this process itself".to_owned());
        }
        if id != own && open > 0 {
            let name = std::fs::read_to_string(process.path().join("comm"));
            let name = name.unwrap_or_default();
            return Some(format!("process {id} ({})", name.trim_end()));
        }
    }
    myself
}

/// The name of the group whose members may use the device; `None`: there is none, or none to be recommended.
fn group(path: &Path) -> Option<String> {
    let meta = path.metadata().ok()?;
    if meta.mode() & 0o060 != 0o060 || meta.gid() == 0 {
        return None;
    }
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let named = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == meta.gid().to_string()).then(|| name.to_owned())
    });
    Some(named.unwrap_or_else(|| meta.gid().to_string()))
}
