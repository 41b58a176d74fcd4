//! The key file: the one secret that everything stored hangs on, as text that can be printed and put in a safe.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::sealing::Secret;
use super::{FILE_BYTES_MAX, VaultError};
use crate::ids;

const TITLE: &str = "trunkline key file 1";
const TITLE_ANY: &str = "trunkline key file ";
const NOTE: &str = "# Whoever has this file can read what the server stored. Without it nobody can.\n\
                    # Keep a copy in a safe, apart from the backups of the data folder.\n";
const PREFIX: &str = "kek";
const CHECK_BYTES: usize = 8;

/// What the file holds.
pub(super) struct KeyFile {
    /// Names the key; a new key has a new name.
    pub(super) id: String,
    /// Wraps the clients' keys.
    pub(super) key: Secret,
    /// Goes into every keyed hash; stays when the key is changed, or nothing could be looked up any more.
    pub(super) pepper: Secret,
}

impl KeyFile {
    pub(super) fn random() -> Self {
        Self {
            id: ids::new_id(PREFIX),
            key: Secret::random(),
            pepper: Secret::random(),
        }
    }

    /// Another key with the same pepper.
    pub(super) fn successor(&self) -> Self {
        Self {
            pepper: self.pepper.clone(),
            ..Self::random()
        }
    }

    /// Reads the file, whose owner alone may be able to.
    pub(super) fn read(path: &Path) -> Result<Self, VaultError> {
        let unreadable = |cause: std::io::Error| {
            let path = path.to_owned();
            if cause.kind() == ErrorKind::NotFound {
                VaultError::KeyMissing { path }
            } else {
                VaultError::KeyUnreadable { path, cause }
            }
        };
        let file = File::open(path).map_err(unreadable)?;
        refuse_exposed(path, &file.metadata().map_err(unreadable)?)?;
        let mut text = Zeroizing::new(String::new());
        match file.take(FILE_BYTES_MAX).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(corrupt(path, "it is not text"));
            }
            Err(error) => return Err(unreadable(error)),
        }
        Self::parse(&text).map_err(|problem| corrupt(path, problem))
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        match lines.next() {
            Some(TITLE) => {}
            Some(line) if line.starts_with(TITLE_ANY) => {
                return Err("it was made by a newer server");
            }
            Some(_) | None => return Err("it does not begin as a key file"),
        }
        let mut field = |name: &str, problem| {
            let line = lines.next().and_then(|line| line.strip_prefix(name));
            line.filter(|rest| rest.starts_with(' '))
                .map(str::trim)
                .ok_or(problem)
        };
        let id = field("id", "its second line should be the id")?;
        let key = field("key", "its third line should be the key")?;
        let pepper = field("pepper", "its fourth line should be the pepper")?;
        let check = field("check", "its last line should be the check sum")?;
        if !ids::is_id(PREFIX, id) {
            return Err("its id is not one");
        }
        let key = secret(key).ok_or("its key is not one")?;
        let pepper = secret(pepper).ok_or("its pepper is not one")?;
        let file = Self {
            id: id.to_owned(),
            key,
            pepper,
        };
        if file.check() == check {
            Ok(file)
        } else {
            Err("its check sum does not fit: a character was changed")
        }
    }

    fn text(&self) -> Zeroizing<String> {
        let key = Zeroizing::new(BASE64.encode(self.key.bytes()));
        let pepper = Zeroizing::new(BASE64.encode(self.pepper.bytes()));
        Zeroizing::new(format!(
            "{TITLE}\n{NOTE}id {}\nkey {}\npepper {}\ncheck {}\n",
            self.id,
            *key,
            *pepper,
            self.check()
        ))
    }

    fn check(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(TITLE);
        hash.update(&self.id);
        hash.update(self.key.bytes());
        hash.update(self.pepper.bytes());
        let hash = hash.finalize();
        hash.iter()
            .take(CHECK_BYTES)
            .map(|b| format!("{b:02x}"))
            .collect()
    }

    /// Writes the file, readable by its owner alone, in place of a left-over of that name, and makes it last.
    pub(super) fn write(&self, path: &Path) -> Result<(), VaultError> {
        let failed = |cause| VaultError::KeyUnwritten {
            path: path.to_owned(),
            cause,
        };
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        let written = file.write_all(self.text().as_bytes());
        written.and_then(|()| file.sync_all()).map_err(failed)
    }
}

fn secret(text: &str) -> Option<Secret> {
    let bytes = Zeroizing::new(BASE64.decode(text).ok()?);
    Secret::from_slice(&bytes)
}

fn corrupt(path: &Path, problem: &'static str) -> VaultError {
    VaultError::KeyCorrupt {
        path: PathBuf::from(path),
        problem,
    }
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, metadata: &std::fs::Metadata) -> Result<(), VaultError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(VaultError::KeyExposed {
        path: path.to_owned(),
        mode,
    })
}

#[cfg(not(unix))]
fn refuse_exposed(_path: &Path, _metadata: &std::fs::Metadata) -> Result<(), VaultError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_reads_back() {
        let file = KeyFile::random();
        let read = KeyFile::parse(&file.text()).unwrap();
        assert_eq!(read.id, file.id);
        assert_eq!(read.key.bytes(), file.key.bytes());
        assert_eq!(read.pepper.bytes(), file.pepper.bytes());
        // A copy from a safe may have other line ends, and no comments.
        let typed = file
            .text()
            .replace(NOTE, "")
            .replace('\n', "\r\n  ")
            .replace("key ", "key   ");
        assert!(KeyFile::parse(&typed.replace("trunkline key   ", "trunkline key ")).is_ok());
    }

    #[test]
    fn a_slip_of_the_pen_is_noticed_and_named() {
        let text = KeyFile::random().text();
        let swap = |line: &str, to: &str| {
            let found = text
                .lines()
                .find(|have| have.starts_with(line))
                .unwrap()
                .to_owned();
            text.replace(&found, to)
        };
        let key = text.lines().find(|line| line.starts_with("key ")).unwrap();
        let other = if key.as_bytes()[10] == b'A' { "B" } else { "A" };
        let mut slipped = key.to_owned();
        slipped.replace_range(10..11, other);
        for (bent, names) in [
            (String::new(), "begin"),
            ("0123456789abcdef".into(), "begin"),
            (text.replace("file 1", "file 2"), "newer"),
            (swap("id ", "id kek_x"), "id"),
            (swap("key ", "key AAAA"), "key"),
            (swap("key ", "keyAAAA"), "key"),
            (swap("key ", &slipped), "check sum"),
            (swap("pepper ", "pepper ????"), "pepper"),
            (swap("check ", "check 00"), "check sum"),
            (swap("check ", ""), "check sum"),
        ] {
            let problem = KeyFile::parse(&bent).err().expect(names);
            assert!(problem.contains(names), "{names}: {problem}");
        }
    }
}
