//! The gadgets that the machine has, as the kernel shows them in configfs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::lock;

/// What the directories of our gadgets begin with.
const PREFIX: &str = "channel-link-";

/// The directory of all gadgets.
pub(super) struct Tree(PathBuf);

impl Tree {
    /// Of this machine.
    ///
    /// # Errors
    /// `Unsupported`: there is none, and what to do.
    pub(super) fn find() -> io::Result<Tree> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let Some(configfs) = mounts_of(&mounts, "configfs").next() else {
            return Err(unsupported(
                "configfs is not mounted: as root, `mount -t configfs none /sys/kernel/config` mounts it",
            ));
        };
        let tree = configfs.at.join("usb_gadget");
        if !tree.is_dir() {
            // This loads the module, if it can.
            let _ = usb_gadget::registered();
        }
        if !tree.is_dir() {
            return Err(unsupported(&format!(
                "the kernel's support for USB gadgets is not there ({} is missing): as root, `modprobe libcomposite` loads \
                 it; a kernel of one's own needs CONFIG_USB_CONFIGFS and CONFIG_USB_CONFIGFS_F_FS",
                tree.display()
            )));
        }
        Ok(Tree(tree))
    }

    /// One at a time sets gadgets up and tidies up behind others: until the file is dropped.
    pub(super) fn turn(&self) -> io::Result<File> {
        lock::wait(&self.0, "the directory of all USB gadgets")
    }

    /// The directory's name of our gadget of that name.
    pub(super) fn ours(name: &str) -> String {
        format!("{PREFIX}{name}")
    }

    /// The directory of a gadget, which says by its lock whether its owner lives.
    pub(super) fn gadget(&self, directory: &str) -> io::Result<File> {
        File::open(self.0.join(directory))
    }

    /// The directories of gadgets that were made here, or are as if they were, by anybody.
    pub(super) fn all_ours(&self) -> Vec<String> {
        let ours = |name: &String| {
            let functions = entries(&self.0.join(name).join("functions"));
            // One that was left half made has none.
            name.starts_with(PREFIX)
                && functions
                    .iter()
                    .all(|function| *function == format!("ffs.{name}-0"))
        };
        entries(&self.0).into_iter().filter(ours).collect()
    }

    /// The gadget that has that controller.
    pub(super) fn holder(&self, udc: &str) -> Option<String> {
        let has = |name: &String| self.udc(name).is_some_and(|bound| bound == udc);
        entries(&self.0).into_iter().find(has)
    }

    /// The directory of the gadget with that FunctionFS.
    pub(super) fn with_functionfs(&self, instance: &str) -> Option<PathBuf> {
        let function = format!("ffs.{instance}");
        let has = |path: &PathBuf| path.join("functions").join(&function).is_dir();
        entries(&self.0)
            .iter()
            .map(|name| self.0.join(name))
            .find(has)
    }

    /// The controller that a gadget is bound to; empty: none.
    pub(super) fn udc(&self, name: &str) -> Option<String> {
        let udc = fs::read_to_string(self.0.join(name).join("UDC")).ok()?;
        Some(udc.trim().to_owned())
    }

    /// How the controller is taken from a gadget.
    pub(super) fn how_to_free(&self, name: &str) -> String {
        format!(
            "`echo | sudo tee {}/UDC` frees it",
            self.0.join(name).display()
        )
    }
}

/// A line of `/proc/mounts`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) source: String,
    pub(super) at: PathBuf,
}

/// The mounts of a kind, out of what `/proc/mounts` says; the last one of a place covers those before.
pub(super) fn mounts_of(mounts: &str, kind: &str) -> impl DoubleEndedIterator<Item = Mount> {
    mounts.lines().filter_map(move |line| {
        let mut words = line.split(' ');
        let (source, at) = (words.next()?, words.next()?);
        (words.next() == Some(kind)).then(|| Mount {
            source: unescaped(source),
            at: unescaped(at).into(),
        })
    })
}

/// Blanks and backslashes are written as three octal digits behind a backslash.
fn unescaped(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (code, plain)| {
            text.replace(code, plain)
        })
}

/// The names in a directory, in order; none, if it cannot be read.
fn entries(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort();
    names
}

pub(super) fn unsupported(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree as the kernel shows it: gadgets with a controller and functions.
    fn tree(gadgets: &[(&str, &str, &[&str])]) -> (tempfile::TempDir, Tree) {
        let root = tempfile::tempdir().unwrap();
        for (name, udc, functions) in gadgets {
            let gadget = root.path().join(name);
            fs::create_dir_all(gadget.join("functions")).unwrap();
            fs::write(gadget.join("UDC"), format!("{udc}\n")).unwrap();
            for function in *functions {
                fs::create_dir(gadget.join("functions").join(function)).unwrap();
            }
        }
        let tree = Tree(root.path().to_owned());
        (root, tree)
    }

    #[test]
    fn ours_are_told_from_others() {
        let (_root, tree) = tree(&[
            ("g1", "fe980000.usb", &["acm.0"]),
            ("channel-link-a", "", &["ffs.channel-link-a-0"]),
            ("channel-link-half", "", &[]),
            (
                "channel-link-ether",
                "",
                &["ecm.usb0", "ffs.channel-link-ether-0"],
            ),
            ("channel-linked", "", &[]),
        ]);
        assert_eq!(tree.all_ours(), ["channel-link-a", "channel-link-half"]);
        assert_eq!(Tree::ours("a"), "channel-link-a");
    }

    #[test]
    fn whoever_has_a_controller_is_found() {
        let (_root, tree) = tree(&[("g1", "fe980000.usb", &["acm.0"]), ("g2", "", &["ffs.x"])]);
        assert_eq!(tree.holder("fe980000.usb").as_deref(), Some("g1"));
        assert_eq!(tree.holder("dummy_udc.0"), None);
        let found = tree.with_functionfs("x").unwrap();
        assert!(found.ends_with("g2"), "{found:?}");
        assert_eq!(tree.with_functionfs("y"), None);
        assert!(tree.how_to_free("g1").contains("g1/UDC"));
    }

    #[test]
    fn mounts_are_read() {
        let mounts = "none /sys/kernel/config configfs rw 0 0\n\
                      a\\040b /dev/ffs\\134x functionfs rw 0 0\n\
                      odd\n";
        let found: Vec<Mount> = mounts_of(mounts, "functionfs").collect();
        let expected = Mount {
            source: "a b".to_owned(),
            at: "/dev/ffs\\x".into(),
        };
        assert_eq!(found, [expected]);
        assert_eq!(mounts_of(mounts, "configfs").count(), 1);
    }
}
