//! The packs of rules by which calls are placed and recorded: those that ship, or the operator's over them, which can be
//! replaced while the server runs.
//!
//! `core` reads packs and lays one over another; here is which files they come from, and when they are read again. All of
//! them are taken together: one that is wrong keeps the others from being taken too, and what held before goes on to hold.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use trunkline_core::consent::RulePack;
use trunkline_core::policy::pack::PACK_BYTES_MAX;
use trunkline_core::policy::{HoursPack, PackError, PermissionPack};

use crate::app::App;
use crate::clock;
use crate::metrics;
use crate::store::{Store, StoreError};

/// How often the files are looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(2);

const DAY_MS: i64 = 24 * 3_600_000;
/// How often old decisions are looked for.
const FORGOTTEN_EVERY: Duration = Duration::from_secs(3_600);
/// Between two of many steps, so that others can write.
const FORGOTTEN_AGAIN: Duration = Duration::from_millis(100);
/// Decisions that are forgotten in one step.
const FORGOTTEN_MAX: u32 = 1_000;

/// The file of calling hours.
pub const HOURS_FILE: &str = "calling_hours.json";
/// The file of what a call needs, and of registers.
pub const PERMISSION_FILE: &str = "call_permission.json";
/// The file of consent to recording.
pub const CONSENT_FILE: &str = "recording_consent.json";
const FILES: [&str; 3] = [HOURS_FILE, PERMISSION_FILE, CONSENT_FILE];

/// Packs that hold together.
#[derive(Clone, Debug)]
pub struct Packs {
    /// At which hours people are called.
    pub hours: HoursPack,
    /// What a call needs.
    pub permission: PermissionPack,
    /// What must have been agreed to before anything is stored.
    pub consent: RulePack,
    /// The texts they were made of.
    pub texts: Vec<Text>,
}

/// The text of a pack.
#[derive(Clone, Debug)]
pub struct Text {
    /// Schema and day; behind a `~` the day of the pack below it.
    pub id: String,
    /// Its checksum, 64 hexadecimal digits.
    pub sha256: String,
    /// JSON.
    pub body: Arc<str>,
    /// Whether it is a file of the operator's.
    pub is_own: bool,
}

/// Why packs cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// There is no such folder.
    #[error("{}: there is no such folder; `rules.folder` names one with {HOURS_FILE}, {PERMISSION_FILE} or {CONSENT_FILE}", folder.display())]
    NoFolder {
        /// Which.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error("{}: {cause}", file.display())]
    Unread {
        /// Which.
        file: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A file is no pack.
    #[error("{}: {cause}", file.display())]
    Wrong {
        /// Which.
        file: PathBuf,
        /// What is wrong, and where.
        cause: PackError,
    },
    /// The store.
    #[error("the packs cannot be kept: {0}")]
    Store(#[from] StoreError),
}

impl Default for Packs {
    /// Those that ship.
    fn default() -> Self {
        Self::made(
            (HoursPack::shipped().clone(), None),
            (PermissionPack::shipped().clone(), None),
            (RulePack::shipped().clone(), None),
        )
    }
}

impl Packs {
    fn made(
        (hours, hours_text): (HoursPack, Option<String>),
        (permission, permission_text): (PermissionPack, Option<String>),
        (consent, consent_text): (RulePack, Option<String>),
    ) -> Self {
        let text = |id: &str, sha256: &str, own: Option<String>, shipped: &'static str| Text {
            id: id.to_owned(),
            sha256: sha256.to_owned(),
            is_own: own.is_some(),
            body: own.map_or_else(|| shipped.into(), Arc::from),
        };
        let name = permission.name();
        let texts = vec![
            text(
                hours.id(),
                hours.sha256(),
                hours_text,
                HoursPack::SHIPPED_TEXT,
            ),
            text(
                &name.id,
                &name.sha256,
                permission_text,
                PermissionPack::SHIPPED_TEXT,
            ),
            text(
                consent.id(),
                consent.sha256(),
                consent_text,
                RulePack::SHIPPED_TEXT,
            ),
        ];
        Self {
            hours,
            permission,
            consent,
            texts,
        }
    }

    /// Reads those of a folder over the ones that ship. A file that is not there leaves what ships.
    ///
    /// # Errors
    /// Every one but [`RulesError::Store`].
    pub fn read(folder: &Path) -> Result<Self, RulesError> {
        if !folder.is_dir() {
            let folder = folder.to_owned();
            return Err(RulesError::NoFolder { folder });
        }
        let read = |name: &str| text_of(&folder.join(name));
        let wrong = |name: &str| {
            let file = folder.join(name);
            move |cause| RulesError::Wrong { file, cause }
        };
        let hours_text = read(HOURS_FILE)?;
        let hours = hours_text.as_ref().map_or_else(
            || Ok(HoursPack::shipped().clone()),
            |text| HoursPack::replacing(text, HoursPack::shipped()),
        );
        let permission_text = read(PERMISSION_FILE)?;
        let permission = permission_text.as_ref().map_or_else(
            || Ok(PermissionPack::shipped().clone()),
            |text| PermissionPack::replacing(text, PermissionPack::shipped()),
        );
        let consent_text = read(CONSENT_FILE)?;
        let consent = consent_text.as_ref().map_or_else(
            || Ok(RulePack::shipped().clone()),
            |text| RulePack::replacing(text, RulePack::shipped()),
        );
        Ok(Self::made(
            (hours.map_err(wrong(HOURS_FILE))?, hours_text),
            (permission.map_err(wrong(PERMISSION_FILE))?, permission_text),
            (consent.map_err(wrong(CONSENT_FILE))?, consent_text),
        ))
    }
}

/// A file's text; none if it is not there.
fn text_of(file: &Path) -> Result<Option<String>, RulesError> {
    let unread = |cause| RulesError::Unread {
        file: file.to_owned(),
        cause,
    };
    let opened = match std::fs::File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unread(error)),
    };
    let mut text = String::new();
    // One byte more shows that it is too long, which the pack says in its own words.
    let mut bounded = opened.take(PACK_BYTES_MAX as u64 + 1);
    bounded.read_to_string(&mut text).map_err(unread)?;
    Ok(Some(text))
}

/// What tells that files are others than before: of each that is there, when it was written and its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks([Option<(SystemTime, u64)>; FILES.len()]);

impl Looks {
    fn of(folder: &Path) -> Self {
        Self(FILES.map(|name| {
            let known = std::fs::metadata(folder.join(name)).ok()?;
            Some((known.modified().ok()?, known.len()))
        }))
    }
}

/// The packs that hold now. A clone tells of the same ones.
#[derive(Clone, Debug, Default)]
pub struct Rules(Arc<RwLock<Arc<Packs>>>);

impl Rules {
    /// Those that hold now. Whoever decides takes them once.
    #[must_use]
    pub fn now(&self) -> Arc<Packs> {
        let packs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&packs)
    }

    /// Keeps the texts of the packs that hold now, so that what a decision names can be looked up.
    pub(crate) async fn keep(&self, store: &Store) -> Result<(), StoreError> {
        keep(&self.now(), store).await
    }

    /// Takes the packs of a folder, once their texts are kept. What the files looked like then is for [`watch`].
    ///
    /// # Errors
    /// [`RulesError`]; what held before goes on to hold.
    pub async fn take(&self, store: &Store, folder: &Path) -> Result<Looks, RulesError> {
        let looks = Looks::of(folder);
        let packs = read(folder).await?;
        keep(&packs, store).await?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(packs);
        Ok(looks)
    }
}

async fn read(folder: &Path) -> Result<Packs, RulesError> {
    let (named, folder) = (folder.to_owned(), folder.to_owned());
    let reading = tokio::task::spawn_blocking(move || Packs::read(&folder));
    reading.await.unwrap_or_else(|error| {
        Err(RulesError::Unread {
            file: named,
            cause: std::io::Error::other(error),
        })
    })
}

async fn keep(packs: &Packs, store: &Store) -> Result<(), StoreError> {
    let now_ms = clock::unix_ms();
    for text in &packs.texts {
        let rows = store.rules();
        let body = deflated(&text.body).map_err(|_| StoreError::Unreadable { what: "a pack" })?;
        rows.keep(&text.sha256, &text.id, &body, now_ms).await?;
    }
    Ok(())
}

/// A pack as rows hold it: it is a tenth as long then, and reads like nobody's words.
fn deflated(text: &str) -> std::io::Result<Vec<u8>> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes())?;
    packed.finish()
}

/// The text of a pack that rows hold.
///
/// # Errors
/// It is not what this server wrote.
pub fn inflated(body: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    let bounded = DeflateDecoder::new(body).take(PACK_BYTES_MAX as u64);
    std::io::BufReader::new(bounded).read_to_string(&mut text)?;
    Ok(text)
}

/// Takes the packs of a folder again whenever one of its files is another than it was when they were taken; for ever.
pub async fn watch(rules: Rules, store: Store, folder: PathBuf, mut seen: Looks) {
    loop {
        tokio::time::sleep(LOOKED_AT_EVERY).await;
        let now = Looks::of(&folder);
        if now == seen {
            continue;
        }
        match rules.take(&store, &folder).await {
            Ok(taken) => {
                seen = taken;
                tell(&rules.now());
            }
            Err(RulesError::Store(error)) => {
                tracing::warn!(%error, "new packs of rules are not taken yet");
            }
            Err(error) => {
                seen = now;
                metrics::rules_refused(true);
                tracing::error!(%error, "the packs of rules that held before go on to hold");
            }
        }
    }
}

/// Forgets decisions that are older than so many days; for ever.
pub async fn forget(app: &App, days: u32) {
    loop {
        let before_ms = app.dialer().now_ms() - i64::from(days) * DAY_MS;
        loop {
            let system = app.desk.store.system();
            match system.forget_decisions(before_ms, FORGOTTEN_MAX).await {
                Ok(gone) if gone >= u64::from(FORGOTTEN_MAX) => {
                    tokio::time::sleep(FORGOTTEN_AGAIN).await;
                }
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "old decisions are not forgotten yet");
                    break;
                }
            }
        }
        tokio::time::sleep(FORGOTTEN_EVERY).await;
    }
}

/// Says which packs hold.
pub fn tell(packs: &Packs) {
    metrics::rules_refused(false);
    for text in packs.texts.iter().filter(|text| text.is_own) {
        tracing::info!(pack = %text.id, sha256 = %text.sha256, "a pack of rules holds");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_one_file_leaves_the_others_as_they_ship() {
        let folder = tempfile::tempdir().unwrap();
        let packs = Packs::read(folder.path()).unwrap();
        assert!(packs.texts.iter().all(|text| !text.is_own));
        let own = HoursPack::SHIPPED_TEXT.replace("\"as_of\": \"2026", "\"as_of\": \"2027");
        std::fs::write(folder.path().join(HOURS_FILE), &own).unwrap();
        let packs = Packs::read(folder.path()).unwrap();
        assert_eq!(
            packs.hours.id(),
            "callserver/calling-hours/1+2027-11-22~2026-11-22"
        );
        let own: Vec<bool> = packs.texts.iter().map(|text| text.is_own).collect();
        assert_eq!(own, [true, false, false]);
        assert_eq!(packs.consent.sha256(), RulePack::shipped().sha256());
    }

    #[test]
    fn a_pack_is_kept_short_and_whole() {
        let text = HoursPack::SHIPPED_TEXT;
        let body = deflated(text).unwrap();
        assert!(body.len() * 5 < text.len(), "{}", body.len());
        assert_eq!(inflated(&body).unwrap(), text);
        assert!(inflated(b"no pack at all").is_err());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(CONSENT_FILE), "{}").unwrap();
        let why = Packs::read(folder.path()).unwrap_err().to_string();
        assert!(
            why.contains(CONSENT_FILE) && why.contains("schema"),
            "{why}"
        );
        let too_long = " ".repeat(PACK_BYTES_MAX + 9);
        std::fs::write(folder.path().join(CONSENT_FILE), too_long).unwrap();
        let why = Packs::read(folder.path()).unwrap_err().to_string();
        assert!(why.contains("at most 1048576 are read"), "{why}");
        let none = folder.path().join("none");
        assert!(matches!(
            Packs::read(&none),
            Err(RulesError::NoFolder { .. })
        ));
    }
}
