//! Ctrl-C, where something is to be done before: a process that it ends drops nothing.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, Once};

/// What the shell makes of a process that Ctrl-C has ended.
const STATUS: i32 = 130;

type Farewell = Box<dyn FnOnce() + Send>;

static FAREWELLS: Mutex<Vec<Farewell>> = Mutex::new(Vec::new());
static HANDLER: Once = Once::new();

/// From now on this is done first, in the order of the calls, if the process is interrupted or told to end.
pub fn before_it(farewell: impl FnOnce() + Send + 'static) {
    farewells().push(Box::new(farewell));
    HANDLER.call_once(|| {
        // Without a handler something is left behind, which does no harm.
        let _ = ctrlc::set_handler(|| {
            let farewells = std::mem::take(&mut *farewells());
            farewells.into_iter().for_each(|farewell| farewell());
            std::process::exit(STATUS);
        });
    });
}

/// From now on these files and empty directories are removed, in this order, if the process is interrupted or told to
/// end.
pub fn remove<'a>(paths: impl IntoIterator<Item = &'a Path>) {
    for path in paths {
        let path = path.to_owned();
        before_it(move || {
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        });
    }
}

fn farewells() -> std::sync::MutexGuard<'static, Vec<Farewell>> {
    FAREWELLS.lock().expect("nobody panics with it")
}
