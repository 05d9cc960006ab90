//! Runtime directories that cannot be used, and a process that has no descriptors left.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use channel::{DialError, Endpoint, ListenError};
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use super::process::{start, tell};
use super::{LIMIT, assert_says, at, files, leave_stale, not_run, private_directory, settings};
use crate::claim::Claim;
use crate::connect::connect;
use crate::directory::Directory;
use crate::place::own_uid;
use crate::segment::{self, Capacities};

fn refused(server: &Endpoint, kind: ErrorKind, says: &[&str]) {
    match Claim::new(&settings(server)) {
        Err(ListenError::Io(error)) => {
            assert_says(&error, says);
            assert_eq!(error.kind(), kind, "{error}");
        }
        other => panic!("{other:?}"),
    }
}

/// As [`refused`], and so for all who connect.
fn unusable(server: &Endpoint, kind: ErrorKind, says: &[&str]) {
    refused(server, kind, says);
    match connect(&settings(server)) {
        Err(DialError::Io(error)) => assert_says(&error, says),
        other => panic!("{other:?}"),
    }
    assert!(crate::list_in(server.option("dir").unwrap()).is_err());
}

// shows T2
#[test]
fn a_parent_that_is_missing() {
    let directory = private_directory();
    let path = directory.path().join("missing/run");
    let server = at(&path, "server");
    let parent = path.parent().unwrap().to_str().unwrap();
    let says = [
        "since",
        parent,
        "make that directory",
        "CHANNEL_RUNTIME_DIR",
    ];
    refused(&server, ErrorKind::NotFound, &says);
    // For all others there is nobody.
    assert!(matches!(
        connect(&settings(&server)),
        Err(DialError::NotFound)
    ));
    assert!(crate::list_in(&path).unwrap().is_empty());
}

// shows T2
#[test]
fn something_else_in_its_place() {
    let directory = private_directory();
    let path = directory.path().join("run");
    fs::write(&path, "precious").unwrap();
    let says = [path.to_str().unwrap(), "not a directory", "remove that"];
    unusable(&at(&path, "server"), ErrorKind::NotADirectory, &says);

    let link = directory.path().join("link");
    symlink(directory.path(), &link).unwrap();
    let says = [link.to_str().unwrap(), "a symbolic link", "remove that"];
    unusable(&at(&link, "server"), ErrorKind::NotADirectory, &says);
    // A slash behind it changes nothing.
    let slash = at(&link.join(""), "server");
    unusable(&slash, ErrorKind::NotADirectory, &says);
    assert_eq!(files(directory.path()), ["link", "run"]);
}

// shows T2
#[test]
fn others_have_rights_there() {
    let directory = private_directory();
    let path = directory.path();
    fs::set_permissions(path, Permissions::from_mode(0o750)).unwrap();
    let server = at(path, "server");
    let says = [path.to_str().unwrap(), "mode 0750", "chmod 700"];
    refused(&server, ErrorKind::PermissionDenied, &says);
    assert!(connect(&settings(&server)).is_err());
    // Others may look, where that is asked for, but not write.
    let shared = server.with_option("allow", "12345").unwrap();
    drop(Claim::new(&settings(&shared)).unwrap());
    for mode in [0o1777, 0o775, 0o757] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let mode = format!("mode {mode:04o}");
        let says = [path.to_str().unwrap(), &mode, "chmod 755"];
        unusable(&shared, ErrorKind::PermissionDenied, &says);
    }
    assert!(files(path).is_empty());
}

// shows T2
#[test]
fn it_belongs_to_another_user() {
    let directory = private_directory();
    // Somebody else's, whoever runs this.
    let (path, owner) = match own_uid() {
        0 => {
            chown(directory.path(), Some(12345), None).unwrap();
            (directory.path(), 12345)
        }
        _ => (Path::new("/"), 0),
    };
    let owner = format!("belongs to user {owner}");
    let user = format!("runs as user {}", own_uid());
    let says = [
        path.to_str().unwrap(),
        &owner,
        &user,
        "directory of your own",
    ];
    unusable(&at(path, "server"), ErrorKind::PermissionDenied, &says);
}

// shows T2
#[test]
fn it_cannot_be_written() {
    let directory = private_directory();
    let path = directory.path();
    fs::set_permissions(path, Permissions::from_mode(0o500)).unwrap();
    // A thread of its own: root gives up there what lets it write all the same.
    let tried = std::thread::scope(|scope| {
        let tried = scope.spawn(|| {
            let mut held = capabilities(None).unwrap();
            held.effective -= CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
            set_capabilities(None, held).unwrap();
            let shown = path.to_str().unwrap();
            let says = ["no permission", shown, "who owns it", "?dir="];
            // It cannot be made there,
            let inside = at(&path.join("run"), "server");
            refused(&inside, ErrorKind::PermissionDenied, &says);
            // nor can a socket.
            refused(&at(path, "server"), ErrorKind::PermissionDenied, &says);
        });
        tried.join()
    });
    fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
    tried.unwrap();
    assert!(files(path).is_empty());
}

// shows T2
#[test]
fn another_process_keeps_it_locked() {
    let directory = private_directory();
    let server = at(directory.path(), "server");
    let one = Directory::make(&settings(&server).place).unwrap();
    let lock = one.lock(LIMIT).unwrap();
    // Whoever asks in the same process is another one, too.
    let error = one.lock(Duration::from_millis(5)).err().unwrap();
    let shown = directory.path().to_str().unwrap();
    assert_says(&error, &[shown, "locked for 5ms", "lslocks"]);
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    // Nobody who connects needs it.
    leave_stale(directory.path(), "server");
    assert!(matches!(
        connect(&settings(&server)),
        Err(DialError::NotFound)
    ));
    drop(lock);
    drop(Claim::new(&settings(&server)).unwrap());
}

// shows T2: in a namespace of its own, where it may mount what it likes.
#[test]
fn a_full_file_system() {
    const INSIDE: &str = "TRANSPORT_SHM_TEST_FULL";
    const TEST: &str = "tests::bad_input::a_full_file_system";
    let run = |command: &mut Command| {
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    };
    let mount = |at: &Path, inodes: u32| {
        let room = format!("mode=700,nr_inodes={inodes}");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &room, "none"])
            .arg(at))
    };
    let directory = private_directory();
    if std::env::var_os(INSIDE).is_none() {
        let mount = "mount -t tmpfs -o nr_inodes=1 none \"$0\"";
        let try_out = ["-Urm", "sh", "-c", mount];
        if let Err(why) = run(Command::new("unshare").args(try_out).arg(directory.path())) {
            return not_run(
                TEST,
                &format!("no namespace to mount a small tmpfs in: {why}"),
            );
        }
        let status = Command::new("unshare")
            .arg("-Urm")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(INSIDE, "1")
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "see above");
        return;
    }
    let path = directory.path();
    let says = ["no room", path.to_str().unwrap(), "make room", "?dir="];
    // One for the file system's root.
    mount(path, 1).unwrap();
    let inside = at(&path.join("run"), "server");
    refused(&inside, ErrorKind::StorageFull, &says);
    mount(path, 2).unwrap();
    let server = at(path, "server");
    fs::write(path.join("other"), "").unwrap();
    refused(&server, ErrorKind::StorageFull, &says);
    assert_eq!(files(path), ["other"]);
    fs::remove_file(path.join("other")).unwrap();
    drop(Claim::new(&settings(&server)).unwrap());
}

// shows T2
#[test]
fn no_descriptors_are_left() {
    let directory = private_directory();
    let role = format!("descriptors {}", directory.path().display());
    assert_eq!(start(&role).hear(), "recovered");
}

/// In a process of its own, as the limit is the process's.
pub fn run_out_of_descriptors(directory: &Path) {
    let server = at(directory, "server");
    let living = at(directory, "living");
    let claim = Claim::new(&settings(&living)).unwrap();
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = Some(64);
    setrlimit(Resource::Nofile, limits).unwrap();
    let mut held = Vec::new();
    while let Ok(file) = fs::File::open("/dev/null") {
        held.push(file);
    }
    // Every call fails at each of its descriptors in turn, until there are enough.
    let says = ["Too many open files"];
    let mut failed = (0, 0);
    while let Err(error) = Claim::new(&settings(&server)) {
        assert_says(&error, &says);
        assert_eq!(files_by_name(directory, "server"), 0);
        failed.0 += 1;
        held.pop();
    }
    while let Ok(file) = fs::File::open("/dev/null") {
        held.push(file);
    }
    while let Err(error) = connect(&settings(&living)) {
        assert_says(&error, &says);
        failed.1 += 1;
        held.pop();
    }
    assert!(failed.0 >= 3 && failed.1 >= 3, "{failed:?}");
    drop(claim);
    tell("recovered");
}

/// Whether a name has a socket; without a descriptor.
fn files_by_name(directory: &Path, name: &str) -> usize {
    usize::from(fs::symlink_metadata(directory.join(format!("{name}.sock"))).is_ok())
}

// shows T2
#[test]
fn files_have_to_be_small() {
    assert_eq!(start("small-files").hear(), "lives");
}

/// In a process of its own, as the limit is the process's, and as the system kills one that goes beyond it.
pub fn keep_to_small_files() {
    let mut limits = getrlimit(Resource::Fsize);
    limits.current = Some(1 << 16);
    setrlimit(Resource::Fsize, limits).unwrap();
    let create = |up| segment::create(Capacities { up, down: 64 });
    let error = create(1 << 16).err().expect("the rings lie in a file");
    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    assert_says(&error, &["65536 at most", "smaller buffers", "ulimit -f"]);
    create(1 << 14).unwrap();
    tell("lives");
}
