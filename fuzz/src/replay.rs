//! Runs a target over the inputs that are kept, from an ordinary test.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

/// Runs every file of `corpus/TARGET` and `regressions/TARGET`; fails with the names of those
/// that the target did not bear. (One that ends the process is the last that `--nocapture`
/// shows.)
pub fn replay(target: &str, run: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let files = [
        files(&fuzz.join("corpus").join(target)),
        files(&fuzz.join("regressions").join(target)),
    ]
    .concat();
    assert!(!files.is_empty(), "{target} has no corpus");
    let mut failed = Vec::new();
    for file in files {
        println!("{}", file.display());
        let data = fs::read(&file).expect("a readable file");
        if panic::catch_unwind(|| run(&data)).is_err() {
            failed.push(file);
        }
    }
    assert!(failed.is_empty(), "{target} fails on {failed:#?}");
}

/// The files of a directory, in order; none if it does not exist.
fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a readable directory").path())
        .collect();
    files.sort();
    files
}
