//! The key that signs media URLs: made once, kept in the data folder, readable by its owner alone.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use trunkline_core::token::Key;

const FILE: &str = "media.key";
const BYTES: usize = 32;

/// The key cannot be read or made. Says what, where and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct MediaKeyError {
    path: PathBuf,
    problem: String,
}

/// Reads the key in the data folder, or makes both.
pub fn open_or_make(data: &Path) -> Result<Key, MediaKeyError> {
    let path = data.join(FILE);
    let wrong = |problem: String| MediaKeyError {
        path: path.clone(),
        problem,
    };
    std::fs::create_dir_all(data).map_err(|error| {
        wrong(format!(
            "the data folder cannot be made: {error}; set `data` to a folder of yours"
        ))
    })?;
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text)
            .ok_or_else(|| wrong("is not a key; delete it and all media URLs become void".into())),
        Err(error) if error.kind() == ErrorKind::NotFound => make(&path).map_err(wrong),
        Err(error) => Err(wrong(format!("cannot be read: {error}"))),
    }
}

fn make(path: &Path) -> Result<Key, String> {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| format!("no randomness to be had: {error}"))?;
    let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => {
            let written = file
                .write_all(text.as_bytes())
                .and_then(|()| file.sync_all());
            written.map_err(|error| format!("cannot be written: {error}"))?;
            Key::from_bytes(&bytes).map_err(|error| error.to_string())
        }
        // Another process was quicker: its key is the key.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => std::fs::read_to_string(path)
            .ok()
            .and_then(|text| parse(&text))
            .ok_or_else(|| "is being written by another process; try again".into()),
        Err(error) => Err(format!("cannot be written: {error}")),
    }
}

fn parse(text: &str) -> Option<Key> {
    let text = text.trim();
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect();
    Key::from_bytes(&bytes.filter(|bytes| bytes.len() == BYTES)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("deep/data");
        open_or_make(&data).unwrap();
        let written = std::fs::read(data.join(FILE)).unwrap();
        open_or_make(&data).unwrap();
        assert_eq!(std::fs::read(data.join(FILE)).unwrap(), written);
        std::fs::write(data.join(FILE), "short").unwrap();
        assert!(
            open_or_make(&data)
                .unwrap_err()
                .to_string()
                .contains("media.key")
        );
    }
}
