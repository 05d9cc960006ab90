//! Ctrl-C, where something is to be removed before: a process that it ends drops nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once};

/// What the shell makes of a process that Ctrl-C has ended.
const STATUS: i32 = 130;

static LEFT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static HANDLER: Once = Once::new();

/// From now on these files and empty directories are removed, in this order, if the process is interrupted or told to
/// end.
pub fn remove<'a>(paths: impl IntoIterator<Item = &'a Path>) {
    left().extend(paths.into_iter().map(Path::to_owned));
    HANDLER.call_once(|| {
        // Without a handler something is left behind, which does no harm.
        let _ = ctrlc::set_handler(|| {
            for path in left().iter() {
                let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
            }
            std::process::exit(STATUS);
        });
    });
}

fn left() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    LEFT.lock().expect("nobody panics with it")
}
