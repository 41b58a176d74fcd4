//! Files that clients bring in, sealed under their keys piece by piece, so that they can be read from anywhere in them.

use std::io;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use super::{FILE_BYTES_MAX, Imports};
use crate::clock;
use crate::data_folder::{make_private, sync_folder};
use crate::ids;
use crate::vault::ClientKeys;

/// Bytes of the file that are sealed together.
const PIECE_BYTES: usize = 64 * 1024;
/// What a seal adds.
const SEAL_BYTES: usize = 29;
/// With what a file begins: a name of its own, to which its pieces are sealed.
const NAME_BYTES: usize = 30;

/// A file cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// It is longer than a file may be.
    #[error("a file has at most {FILE_BYTES_MAX} bytes")]
    TooLong,
    /// The disk.
    #[error("the file cannot be kept: {0}")]
    Disk(#[from] io::Error),
}

/// A file that is being taken in. Dropped without [`Intake::finish`], it is removed.
pub struct Intake {
    keys: ClientKeys,
    id: String,
    path: PathBuf,
    file: File,
    piece: Vec<u8>,
    pieces: u64,
    bytes: u64,
    is_whole: bool,
}

impl Drop for Intake {
    fn drop(&mut self) {
        if !self.is_whole {
            // What stays is removed at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn aad(id: &str, piece: u64) -> Vec<u8> {
    format!("import:{id}:{piece}").into_bytes()
}

/// The files of one sort that wait to be read: those of imports, those of registers.
pub(crate) struct Files {
    folder: PathBuf,
    /// What their ids begin with, three letters.
    sort: &'static str,
    /// When this server began, ms since 1970.
    began_ms: i64,
}

impl Files {
    /// Files in a folder, whose ids begin with these three letters.
    pub(crate) fn new(folder: PathBuf, sort: &'static str) -> Self {
        Self {
            folder,
            sort,
            began_ms: clock::unix_ms(),
        }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }

    /// Begins to take in a file.
    pub(crate) async fn take_in(&self, keys: &ClientKeys) -> Result<Intake, IntakeError> {
        make_private(&self.folder)?;
        let id = ids::new_id(self.sort);
        let path = self.path(&id);
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&path).await?;
        file.write_all(id.as_bytes()).await?;
        Ok(Intake {
            keys: keys.clone(),
            id,
            file,
            path,
            piece: Vec::with_capacity(PIECE_BYTES),
            pieces: 0,
            bytes: 0,
            is_whole: false,
        })
    }

    /// Removes a file.
    pub(crate) fn discard(&self, id: &str) {
        if let Err(error) = std::fs::remove_file(self.path(id))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(file = id, %error, "a file that was brought in was not removed");
        }
    }

    /// Removes the files that nothing waits for.
    pub(crate) fn tidy(&self, open: &[String]) {
        let Ok(files) = std::fs::read_dir(&self.folder) else {
            return;
        };
        for file in files.flatten() {
            let name = file.file_name();
            let name = name.to_string_lossy();
            let changed = file.metadata().and_then(|of| of.modified());
            let changed = changed
                .ok()
                .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let changed_ms = changed.map_or(0, |at| at.as_millis());
            // What comes in now has no row yet.
            let is_old = changed_ms < u128::try_from(self.began_ms).unwrap_or(0);
            if is_old && ids::is_id(self.sort, &name) && !open.iter().any(|id| *id == *name) {
                self.discard(&name);
            }
        }
    }
}

impl Imports {
    /// Begins to take in a file.
    ///
    /// # Errors
    /// [`IntakeError::Disk`].
    pub async fn take_in(&self, keys: &ClientKeys) -> Result<Intake, IntakeError> {
        self.files.take_in(keys).await
    }

    /// Removes the file of an import.
    pub(crate) fn discard(&self, id: &str) {
        self.files.discard(id);
    }
}

impl Intake {
    /// Takes bytes.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), IntakeError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > FILE_BYTES_MAX {
            return Err(IntakeError::TooLong);
        }
        while !bytes.is_empty() {
            let room = PIECE_BYTES - self.piece.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.piece.extend_from_slice(now);
            bytes = later;
            if self.piece.len() == PIECE_BYTES {
                self.put().await?;
            }
        }
        Ok(())
    }

    async fn put(&mut self) -> Result<(), IntakeError> {
        let sealed = self.keys.seal(&aad(&self.id, self.pieces), &self.piece);
        self.file.write_all(&sealed).await?;
        self.pieces += 1;
        self.piece.clear();
        Ok(())
    }

    /// The file is there under an id, and stays: how long it is.
    ///
    /// # Errors
    /// [`IntakeError::Disk`].
    pub async fn finish(mut self, id: &str) -> Result<u64, IntakeError> {
        if !self.piece.is_empty() {
            self.put().await?;
        }
        self.file.flush().await?;
        self.file.sync_all().await?;
        let path = self.path.with_file_name(id);
        std::fs::rename(&self.path, &path)?;
        if let Some(folder) = path.parent() {
            sync_folder(folder)?;
        }
        self.is_whole = true;
        Ok(self.bytes)
    }
}

/// A file that was brought in, read from anywhere in it.
pub(crate) struct Kept {
    keys: ClientKeys,
    name: String,
    file: File,
    bytes: u64,
    /// Where the next byte of `window` that was read ends, in the file.
    read_to: u64,
    /// What was read and not passed by.
    window: Vec<u8>,
    passed: usize,
}

impl Kept {
    /// Opens it at a position.
    pub(crate) async fn open(
        files: &Files,
        keys: &ClientKeys,
        (id, bytes): (&str, u64),
        position: u64,
    ) -> io::Result<Self> {
        let mut file = File::open(files.path(id)).await?;
        let mut name = [0; NAME_BYTES];
        file.read_exact(&mut name).await?;
        let mut kept = Self {
            keys: keys.clone(),
            name: String::from_utf8_lossy(&name).into_owned(),
            file,
            bytes,
            read_to: position / PIECE_BYTES as u64 * PIECE_BYTES as u64,
            window: Vec::new(),
            passed: 0,
        };
        let within = usize::try_from(position - kept.read_to).unwrap_or(0);
        if position < bytes {
            kept.more().await?;
            kept.pass(within);
        } else {
            kept.read_to = bytes;
        }
        Ok(kept)
    }

    /// What was read and not passed by, and whether nothing comes behind it.
    pub(crate) fn window(&self) -> (&[u8], bool) {
        let window = self.window.get(self.passed..).unwrap_or_default();
        (window, self.read_to >= self.bytes)
    }

    /// Passes bytes of the window by.
    pub(crate) fn pass(&mut self, bytes: usize) {
        self.passed = (self.passed + bytes).min(self.window.len());
    }

    /// Where the window begins.
    pub(crate) fn position(&self) -> u64 {
        self.read_to - (self.window.len() - self.passed) as u64
    }

    /// Reads one piece more into the window.
    pub(crate) async fn more(&mut self) -> io::Result<()> {
        let piece = self.read_to / PIECE_BYTES as u64;
        let left = self.bytes - self.read_to;
        let length = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let at = NAME_BYTES as u64 + piece * (PIECE_BYTES + SEAL_BYTES) as u64;
        self.file.seek(io::SeekFrom::Start(at)).await?;
        let mut sealed = vec![0; length + SEAL_BYTES];
        self.file.read_exact(&mut sealed).await?;
        let opened = self.keys.open(&aad(&self.name, piece), &sealed);
        let opened = opened.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.window.drain(..self.passed);
        self.passed = 0;
        self.window.extend_from_slice(&opened);
        self.read_to += length as u64;
        Ok(())
    }
}
