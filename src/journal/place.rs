//! Where journals are: `journal/<client>/<yyyy-mm-dd>/<call>.tlj` in the data folder, and beside them, in `journal/open`,
//! a mark for each whose rows may not be complete, and one for each caller who was promised not to be called again.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use ulid::Ulid;

use crate::data_folder::{make_private, sync_folder};
use crate::ids::{ClientId, is_file_name};

const FOLDER: &str = "journal";
const MARKS: &str = "open";
const SUFFIX: &str = "tlj";
const SUFFIX_NEXT: &str = "tlj.next";
/// With what the mark of a promise ends.
const PROMISE: &str = "opt_out";

/// The folder of all journals.
#[derive(Clone, Debug)]
pub(super) struct Root {
    folder: PathBuf,
    marks: PathBuf,
}

/// One journal's place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) client: ClientId,
    pub(super) call_id: String,
    date: String,
}

impl Root {
    /// Makes the folders that are missing.
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        let marks = folder.join(MARKS);
        make_private(&marks)?;
        sync_folder(&folder)?;
        Ok(Self { folder, marks })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the journal of a new call will be. `None` for ids that cannot be names of files.
    pub(super) fn new_place(client: &ClientId, call_id: &str, unix_ms: i64) -> Option<Place> {
        is_file_name(call_id).then(|| Place {
            client: client.clone(),
            call_id: call_id.to_owned(),
            date: date(unix_ms),
        })
    }

    /// Where the journal of a call is.
    pub(super) fn find(&self, client: &ClientId, call_id: &str) -> io::Result<Option<Place>> {
        if !is_file_name(call_id) {
            return Ok(None);
        }
        let place = |date: String| Place {
            client: client.clone(),
            call_id: call_id.to_owned(),
            date,
        };
        // Ids say when they were made, and most calls begin on that day.
        let made = call_id.split_once('_').map(|(_, id)| Ulid::from_string(id));
        if let Some(Ok(id)) = made {
            let likely = place(date(i64::try_from(id.timestamp_ms()).unwrap_or(0)));
            if self.file(&likely).is_file() {
                return Ok(Some(likely));
            }
        }
        let found = self.dates(client)?.into_iter().map(place);
        Ok(found.rev().find(|place| self.file(place).is_file()))
    }

    pub(super) fn file(&self, place: &Place) -> PathBuf {
        let name = format!("{}.{SUFFIX}", place.call_id);
        self.date_folder(place).join(name)
    }

    /// What takes the place of the file once it is whole.
    pub(super) fn next_file(&self, place: &Place) -> PathBuf {
        let name = format!("{}.{SUFFIX_NEXT}", place.call_id);
        self.date_folder(place).join(name)
    }

    pub(super) fn date_folder(&self, place: &Place) -> PathBuf {
        self.folder.join(place.client.as_str()).join(&place.date)
    }

    /// Makes the folder of a place, but never the one of all journals: where that is gone, a disk is missing.
    pub(super) fn make_folder(&self, place: &Place) -> io::Result<()> {
        let date = self.date_folder(place);
        if date.is_dir() {
            return Ok(());
        }
        let client = self.folder.join(place.client.as_str());
        for (folder, above) in [(&client, &self.folder), (&date, &client)] {
            match folder_builder().create(folder) {
                Ok(()) => sync_folder(above)?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Marks a journal as one whose rows may not be complete.
    pub(super) fn mark(&self, place: &Place) -> io::Result<PathBuf> {
        self.make_mark(mark_name(place))
    }

    /// Marks a call whose caller was promised not to be called again, until that is a suppression.
    pub(super) fn promise(&self, place: &Place) -> io::Result<PathBuf> {
        self.make_mark(format!("{}.{PROMISE}", mark_name(place)))
    }

    fn make_mark(&self, name: String) -> io::Result<PathBuf> {
        let mark = self.marks.join(name);
        make_empty(&mark)?;
        sync_folder(&self.marks)?;
        Ok(mark)
    }

    /// Marks every journal of these clients that is not marked; on disk when this returns. How many have a mark now.
    pub(super) fn mark_all(&self, clients: &[ClientId]) -> io::Result<u64> {
        let is_theirs = |place: &Place| clients.contains(&place.client);
        let mut marked: BTreeSet<Place> = BTreeSet::new();
        for (place, marks) in self.marked()? {
            if is_theirs(&place) && !marks.iter().all(|mark| is_promise(mark)) {
                marked.insert(place);
            }
        }
        for place in self.all()?.into_iter().filter(is_theirs) {
            if !marked.contains(&place) {
                make_empty(&self.marks.join(mark_name(&place)))?;
                marked.insert(place);
            }
        }
        sync_folder(&self.marks)?;
        Ok(marked.len() as u64)
    }

    /// The marked journals in order, each with its marks.
    pub(super) fn marked(&self) -> io::Result<Vec<(Place, Vec<PathBuf>)>> {
        let mut marks = Vec::new();
        for entry in std::fs::read_dir(&self.marks)? {
            let entry = entry?;
            if let Some(place) = entry.file_name().to_str().and_then(parse_mark) {
                marks.push((place, entry.path()));
            }
        }
        marks.sort();
        let mut places: Vec<(Place, Vec<PathBuf>)> = Vec::new();
        for (place, mark) in marks {
            match places.last_mut() {
                Some((last, marks)) if *last == place => marks.push(mark),
                Some(_) | None => places.push((place, vec![mark])),
            }
        }
        Ok(places)
    }

    /// The clients that have a folder with days in it, in order.
    pub(super) fn clients(&self) -> io::Result<Vec<ClientId>> {
        let mut clients = Vec::new();
        for name in names(&self.folder)? {
            let Ok(client) = ClientId::parse(&name) else {
                continue;
            };
            if !self.dates(&client)?.is_empty() {
                clients.push(client);
            }
        }
        Ok(clients)
    }

    /// Every journal there is, in order.
    pub(super) fn all(&self) -> io::Result<Vec<Place>> {
        let mut places = Vec::new();
        for client in self.clients()? {
            for date in self.dates(&client)? {
                let folder = self.folder.join(client.as_str()).join(&date);
                for name in names(&folder)? {
                    let call_id = name.strip_suffix(SUFFIX).and_then(|n| n.strip_suffix('.'));
                    if let Some(call_id) = call_id.filter(|id| is_file_name(id)) {
                        places.push(Place {
                            client: client.clone(),
                            call_id: call_id.to_owned(),
                            date: date.clone(),
                        });
                    }
                }
            }
        }
        Ok(places)
    }

    /// The days on which a client had calls, in order.
    fn dates(&self, client: &ClientId) -> io::Result<Vec<String>> {
        let mut dates = names(&self.folder.join(client.as_str()))?;
        dates.retain(|name| is_date(name));
        Ok(dates)
    }
}

/// The names in a folder in order; none, if it is not there.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn make_empty(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).open(path).map(drop)
}

/// Each mark is another, so that taking off an older one leaves a newer one standing.
fn mark_name(place: &Place) -> String {
    let Place {
        client,
        call_id,
        date,
    } = place;
    format!("{client}.{date}.{call_id}.{}", Ulid::new())
}

/// Whether a mark is one of [`Root::promise`].
pub(super) fn is_promise(mark: &Path) -> bool {
    mark.extension().is_some_and(|ending| ending == PROMISE)
}

fn parse_mark(name: &str) -> Option<Place> {
    let mut parts = name.split('.');
    let (client, date, call_id) = (parts.next()?, parts.next()?, parts.next()?);
    let _ulid = parts.next()?;
    let is_known = parts.next().is_none_or(|ending| ending == PROMISE);
    if !is_known || parts.next().is_some() || !is_date(date) || !is_file_name(call_id) {
        return None;
    }
    Some(Place {
        client: ClientId::parse(client).ok()?,
        call_id: call_id.to_owned(),
        date: date.to_owned(),
    })
}

fn folder_builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// The day as `yyyy-mm-dd`, UTC; the first of all days for a clock that is off by thousands of years.
fn date(unix_ms: i64) -> String {
    let day = DateTime::from_timestamp_millis(unix_ms).unwrap_or_default();
    let text = day.format("%Y-%m-%d").to_string();
    if is_date(&text) {
        text
    } else {
        "1970-01-01".to_owned()
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| match at {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_folder_whatever_the_clock_says() {
        for (unix_ms, day) in [
            (0, "1970-01-01"),
            (1_767_225_599_999, "2025-12-31"),
            (1_767_225_600_000, "2026-01-01"),
            (-1, "1969-12-31"),
            (i64::MAX, "1970-01-01"),
            (i64::MIN, "1970-01-01"),
            (400_000_000_000_000, "1970-01-01"),
        ] {
            assert_eq!(date(unix_ms), day, "{unix_ms}");
        }
    }

    #[test]
    fn marks_name_their_journal() {
        let data = tempfile::tempdir().unwrap();
        let root = Root::open(data.path()).unwrap();
        let client = ClientId::new();
        let place = Root::new_place(&client, "call_1", 0).unwrap();
        let (first, second) = (root.mark(&place).unwrap(), root.mark(&place).unwrap());
        std::fs::write(root.marks.join("nonsense"), "").unwrap();
        std::fs::write(root.marks.join(format!("{client}.x.call_1.1")), "").unwrap();
        let mut marks = vec![first.clone(), second];
        marks.sort();
        assert_eq!(root.marked().unwrap(), [(place.clone(), marks)]);
        std::fs::remove_file(first).unwrap();
        assert_eq!(root.marked().unwrap().len(), 1);
        let promise = root.promise(&place).unwrap();
        let marked = root.marked().unwrap();
        let [(of, marks)] = &marked[..] else {
            panic!("{marked:?}");
        };
        let promises: Vec<_> = marks.iter().filter(|mark| is_promise(mark)).collect();
        assert_eq!((of, marks.len(), promises), (&place, 2, vec![&promise]));
        for id in ["../x", "", "a/b"] {
            assert_eq!(Root::new_place(&client, id, 0), None);
            assert_eq!(root.find(&client, id).unwrap(), None);
        }
    }
}
