//! One open journal file, and the disk below it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What a journal asks of a disk. The methods are the real disk's; a test may have one that runs full.
pub trait Disk: Send + Sync {
    /// Writes some of `bytes` at the end of `file`, at least one; gives how many.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    /// Makes what was written last.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// The disk of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {}

/// A file that only grows, by whole records.
pub(super) struct JournalFile {
    file: File,
    path: PathBuf,
    bytes: u64,
    unsynced: bool,
    /// Part of something may lie behind `bytes`.
    torn: bool,
}

impl JournalFile {
    /// A file that is not there yet.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Self::with(path, options().create_new(true))
    }

    /// A file that may be there, of which nothing stays.
    pub(super) fn replace(path: &Path) -> io::Result<Self> {
        let mut file = Self::with(path, options().create(true))?;
        file.cut_to(0)?;
        Ok(file)
    }

    /// A file that is there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::with(path, &mut options())
    }

    fn with(path: &Path, options: &mut OpenOptions) -> io::Result<Self> {
        let file = options.open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            file,
            path: path.to_owned(),
            bytes,
            unsynced: false,
            torn: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file was renamed.
    pub(super) fn is_now(&mut self, path: &Path) {
        self.path = path.to_owned();
    }

    /// Appends all of `bytes`, or nothing: what was written of them is cut off again.
    pub(super) fn append(&mut self, disk: &dyn Disk, bytes: &[u8]) -> io::Result<()> {
        self.refuse_vanished()?;
        self.mend()?;
        let mut rest = bytes;
        while !rest.is_empty() {
            match disk.write(&mut self.file, rest) {
                Ok(0) => return Err(self.tear(io::ErrorKind::WriteZero.into())),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.tear(error)),
            }
        }
        self.bytes += bytes.len() as u64;
        self.unsynced = true;
        Ok(())
    }

    fn tear(&mut self, error: io::Error) -> io::Error {
        self.torn = true;
        // Where even this fails, it is tried again before the next record, and when the server starts.
        drop(self.mend());
        error
    }

    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.bytes)?;
            self.torn = false;
        }
        Ok(())
    }

    /// Makes all of it last.
    pub(super) fn sync(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.unsynced {
            disk.sync(&self.file)?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Cuts off what lies behind a place.
    pub(super) fn cut_to(&mut self, bytes: u64) -> io::Result<()> {
        if bytes < self.bytes {
            self.file.set_len(bytes)?;
            self.bytes = bytes;
            self.unsynced = true;
        }
        Ok(())
    }

    /// A deleted file takes whatever is written to it, and keeps nothing.
    #[cfg(unix)]
    fn refuse_vanished(&self) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt as _;
        if self.file.metadata()?.nlink() == 0 {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn refuse_vanished(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads exactly what fits `buffer` from a place in a file.
#[cfg(unix)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Reads exactly what fits `buffer` from a place in a file.
#[cfg(not(unix))]
pub(super) fn read_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
