//! The folder that holds everything the server stores; one server at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";
/// Room for a process id in digits.
const NOTE_BYTES_MAX: u64 = 20;

/// The folder, held until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

/// The folder cannot be used. Says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    /// Another server has it.
    #[error("{}: another server{} uses this data folder; end that one, or set `data` to a folder of its own", path.display(), holder.map(|id| format!(" (process {id})")).unwrap_or_default())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process, as far as it is known.
        holder: Option<u32>,
    },
    /// It cannot be made or written to.
    #[error("{}: {cause}; set `data` to a folder that this user may write to", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

impl DataFolder {
    /// Makes the folder, for its owner alone, if it is not there, and takes it.
    pub fn lock(path: &Path) -> Result<Self, DataFolderError> {
        let unusable = |cause| DataFolderError::Unusable {
            path: path.to_owned(),
            cause,
        };
        make_private(path).map_err(unusable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = options.open(path.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut note = String::new();
                let read = (&lock).take(NOTE_BYTES_MAX).read_to_string(&mut note);
                return Err(DataFolderError::InUse {
                    path: path.to_owned(),
                    holder: read.ok().and_then(|_| note.trim().parse().ok()),
                });
            }
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        // For whoever finds the folder taken. A disk without room for it is for others to complain of.
        let noted = lock
            .set_len(0)
            .and_then(|()| lock.seek(SeekFrom::Start(0)))
            .and_then(|_| lock.write_all(std::process::id().to_string().as_bytes()));
        drop(noted);
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a folder and those above it, for their owner alone; leaves those alone that are there.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes what was created, renamed or removed in a folder last.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_told_of_the_first() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/data");
        let first = DataFolder::lock(&path).unwrap();
        let said = DataFolder::lock(&path).unwrap_err().to_string();
        for part in [
            path.to_str().unwrap(),
            &std::process::id().to_string(),
            "`data`",
        ] {
            assert!(said.contains(part), "{said:?} does not say {part:?}");
        }
        assert_eq!(first.path(), path);
        drop(first);
        DataFolder::lock(&path).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = DataFolder::lock(&path).unwrap_err();
            assert!(
                matches!(error, DataFolderError::Unusable { .. }),
                "{error:?}"
            );
            assert!(error.to_string().contains(path.to_str().unwrap()));
        }
    }
}
