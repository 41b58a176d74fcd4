//! The rows of one transaction: which are new, which are there already, and which cannot be used.

use std::collections::{BTreeSet, HashMap, HashSet};

use trunkline_core::contact::{Contact, Details, Fault, Schema, of_json};
use trunkline_core::opt_outs;
use trunkline_core::phone::Country;
use trunkline_core::sheet::{Fault as RowFault, Sheet};

use super::opt_outs::step as opt_outs_step;
use super::{Imports, Reading, Table, Undone};
use crate::clock;
use crate::contacts::{NotOpened, external_index, number_index, open_all, seal};
use crate::ids::new_id;
use crate::imports::{ERRORS_MAX, Settings};
use crate::store::contacts::{Contact as Row, ContactRow};
use crate::store::imports::{RowError, Step};
use crate::vault::{ClientKeys, SubjectKeys};

/// Most errors of one row that are told.
const ERRORS_OF_ROW: usize = 10;

/// Numbers and external ids that a dry run has seen, by their keyed hashes.
pub(super) type Seen = HashSet<[u8; 32]>;

/// Rows as they were read.
#[derive(Default)]
pub(super) struct Batch {
    /// How many, also of those that cannot be used.
    pub(super) rows: u64,
    said: Vec<Said>,
    /// Numbers that are not to be called, each with its line.
    listed: Vec<(u64, opt_outs::Row)>,
    failed: u64,
    errors: Vec<RowError>,
}

/// What one row says.
struct Said {
    line: u64,
    details: Details,
}

impl Said {
    /// All of it, and as within which country its numbers are written: the row's own, else the one that is named for all.
    fn details(&self, reading: &Reading) -> Details {
        let own = || Country::parse(self.details.country.as_deref()?).ok();
        let default = reading.settings.default_country;
        Details {
            numbers_of: default.map(|default| own().unwrap_or(default)),
            ..self.details.clone()
        }
    }
}

pub(super) fn error(line: u64, place: usize, cell: Option<usize>, fault: Fault) -> RowError {
    RowError {
        line,
        place: u32::try_from(place).unwrap_or(u32::MAX),
        cell: cell.and_then(|cell| u32::try_from(cell).ok()),
        field: of_the_form(fault.pointer),
        code: fault.code.to_owned(),
        detail: fault.detail,
    }
}

impl Batch {
    /// Takes a row of cells.
    pub(super) fn cells(&mut self, line: u64, columns: &Table, sheet: &Sheet) {
        self.rows += 1;
        match columns {
            Table::Contacts(columns) => self.said.push(Said {
                line,
                details: columns.details(sheet.cells()),
            }),
            Table::OptOuts(columns) => match columns.row(sheet.cells()) {
                Ok(row) => self.listed.push((line, row)),
                Err(fault) => self.fault(line, columns.of_fault(&fault.pointer), fault),
            },
        }
    }

    /// Notes what is wrong with a row that was counted.
    fn fault(&mut self, line: u64, cell: Option<usize>, fault: Fault) {
        self.failed += 1;
        self.errors.push(error(line, 0, cell, fault));
    }

    /// Takes a line of JSON.
    pub(super) fn json(&mut self, line: u64, settings: &Settings, text: &str) {
        let Ok(object) = serde_json::from_str(text) else {
            return self.bad(line, RowFault::NotJson, None);
        };
        self.rows += 1;
        let read = match settings.opt_outs {
            None => of_json(object, &settings.mapping)
                .map(|details| self.said.push(Said { line, details })),
            Some(_) => opt_outs::of_json(object, &settings.mapping, settings.default_country)
                .map(|row| self.listed.push((line, row))),
        };
        if let Err(fault) = read {
            self.fault(line, None, fault);
        }
    }

    /// Takes a row that cannot be used.
    pub(super) fn bad(&mut self, line: u64, fault: RowFault, cell: Option<usize>) {
        self.rows += 1;
        let fault = Fault {
            pointer: String::new(),
            code: fault.code(),
            detail: fault.to_string(),
        };
        self.fault(line, cell, fault);
    }

    /// What the rows come to, as the contacts are now; and, of a dry run, whom it has seen.
    pub(super) async fn step(
        &self,
        imports: &Imports,
        reading: &Reading,
        schemas: &[&Schema],
    ) -> Result<(Step, Seen), Undone> {
        let (mut step, seen) = match &reading.settings.opt_outs {
            None => self.people(imports, reading, schemas).await?,
            Some(of) => opt_outs_step(imports, reading, of, &self.listed).await?,
        };
        step.rows = self.rows;
        step.failed += self.failed;
        step.errors.extend(self.errors.iter().cloned());
        let room = ERRORS_MAX.saturating_sub(reading.import.failed);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        step.errors.truncate(room);
        Ok((step, seen))
    }

    /// What rows of contacts come to.
    async fn people(
        &self,
        imports: &Imports,
        reading: &Reading,
        schemas: &[&Schema],
    ) -> Result<(Step, Seen), Undone> {
        let mut sorted = Sorted::new(reading, schemas);
        let mut rows = Vec::with_capacity(self.said.len());
        for (at, said) in self.said.iter().enumerate() {
            if at % 50 == 49 {
                tokio::task::yield_now().await;
            }
            match Contact::read(said.details(reading), schemas) {
                Ok(contact) => rows.push((said, hashes(&reading.keys, &contact), contact)),
                Err(faults) => sorted.fail(said, faults),
            }
        }
        let all: Vec<&Hashes> = rows.iter().map(|(_, hashes, _)| hashes).collect();
        sorted.look(imports, &all).await?;
        for (said, hashes, contact) in rows {
            if let Err(faults) = sorted.take(said, hashes, contact) {
                sorted.fail(said, faults);
            }
        }
        sorted.finish().await
    }
}

/// By what a contact is found.
struct Hashes {
    numbers: Vec<[u8; 32]>,
    external: Option<[u8; 32]>,
}

fn hashes(keys: &ClientKeys, contact: &Contact) -> Hashes {
    let phones = contact.phones.iter();
    let external = contact.external_id.as_deref();
    Hashes {
        numbers: phones
            .map(|phone| number_index(keys, &phone.number))
            .collect(),
        external: external.map(|text| external_index(keys, text)),
    }
}

/// Somebody whom rows are about.
struct Person {
    contact: Contact,
    /// Of whoever was there before these rows: their row and their keys.
    there: Option<(Row, SubjectKeys)>,
    is_changed: bool,
}

/// Rows, by what becomes of them.
struct Sorted<'a> {
    reading: &'a Reading,
    schemas: &'a [&'a Schema],
    /// Whose each number and external id is; empty for somebody whom a dry run has seen.
    owners: HashMap<[u8; 32], String>,
    people: HashMap<String, Person>,
    /// New ones, in the order of their rows.
    new: Vec<String>,
    seen: Seen,
    step: Step,
}

impl<'a> Sorted<'a> {
    fn new(reading: &'a Reading, schemas: &'a [&'a Schema]) -> Self {
        Self {
            reading,
            schemas,
            owners: HashMap::new(),
            people: HashMap::new(),
            new: Vec::new(),
            seen: Seen::new(),
            step: Step::default(),
        }
    }

    fn fail(&mut self, said: &Said, faults: Vec<Fault>) {
        self.step.failed += 1;
        let faults = faults.into_iter().take(ERRORS_OF_ROW).enumerate();
        self.step.errors.extend(faults.map(|(place, fault)| {
            let columns = self.reading.columns.as_ref();
            let cell = columns.and_then(|columns| columns.of_fault(&fault.pointer));
            error(said.line, place, cell, fault)
        }));
    }

    /// Looks up who is there already.
    async fn look(&mut self, imports: &Imports, rows: &[&Hashes]) -> Result<(), Undone> {
        let (client, contacts) = (&self.reading.import.client, imports.desk.store.contacts());
        let numbers: Vec<_> = rows
            .iter()
            .flat_map(|row| row.numbers.iter().copied())
            .collect();
        let externals: Vec<_> = rows.iter().filter_map(|row| row.external).collect();
        if self.reading.import.is_dry {
            let seen = |hash: &&[u8; 32]| self.reading.seen.contains(*hash);
            let before = numbers.iter().chain(&externals).filter(seen);
            self.owners
                .extend(before.map(|hash| (*hash, String::new())));
        }
        self.owners
            .extend(contacts.of_numbers(client, &numbers).await?);
        self.owners
            .extend(contacts.of_externals(client, &externals).await?);
        if self.reading.updates() {
            let ids: BTreeSet<&String> = self.owners.values().filter(|id| !id.is_empty()).collect();
            let ids: Vec<String> = ids.into_iter().cloned().collect();
            let mut rows = contacts.find_all(client, &ids).await?;
            // A question is filled up with what it asked for already.
            rows.sort_by(|a, b| a.id.cmp(&b.id));
            rows.dedup_by(|a, b| a.id == b.id);
            for (row, contact, keys) in open_all(&self.reading.keys, rows).await? {
                let id = row.id.clone();
                let person = Person {
                    contact,
                    there: Some((row, keys)),
                    is_changed: false,
                };
                self.people.insert(id, person);
            }
        }
        Ok(())
    }

    fn take(&mut self, said: &Said, hashes: Hashes, contact: Contact) -> Result<(), Vec<Fault>> {
        let all: Vec<[u8; 32]> = hashes
            .external
            .iter()
            .chain(&hashes.numbers)
            .copied()
            .collect();
        let owners: BTreeSet<String> = all
            .iter()
            .filter_map(|hash| self.owners.get(hash).cloned())
            .collect();
        let mut owners = owners.into_iter();
        let (owner, other) = (owners.next(), owners.next());
        if other.is_some() {
            let detail = "its numbers and its external id are those of several contacts";
            return Err(vec![fault("/phones", "several_contacts", detail)]);
        }
        let is_passed_over = owner.is_some() && !self.reading.updates();
        let id = match owner {
            None => {
                let id = new_id("con");
                self.step.added += 1;
                self.new.push(id.clone());
                let person = Person {
                    contact,
                    there: None,
                    is_changed: false,
                };
                self.people.insert(id.clone(), person);
                id
            }
            Some(id) if self.reading.updates() => {
                self.update(&id, said)?;
                self.step.updated += 1;
                id
            }
            Some(id) => {
                self.step.skipped += 1;
                id
            }
        };
        if !id.is_empty() {
            self.step.members.push(id.clone());
        }
        if self.reading.import.is_dry {
            self.seen.extend(all.iter().copied());
        }
        if is_passed_over {
            // Nothing else that it says is anybody's.
            return Ok(());
        }
        self.owners
            .extend(all.into_iter().map(|hash| (hash, id.clone())));
        Ok(())
    }

    /// Takes over what a row says of somebody who is there.
    fn update(&mut self, id: &str, said: &Said) -> Result<(), Vec<Fault>> {
        if id.is_empty() {
            return Ok(());
        }
        let Some(person) = self.people.get_mut(id) else {
            let detail = "the contact with this number was forgotten; remove it first";
            return Err(vec![fault("/phones", "forgotten", detail)]);
        };
        let known = person.contact.clone().into_details();
        let merged = Contact::read(over(said.details(self.reading), known), self.schemas)?;
        person.is_changed = true;
        person.contact = merged;
        Ok(())
    }

    async fn finish(mut self) -> Result<(Step, Seen), Undone> {
        if self.reading.import.is_dry {
            self.step.members.clear();
            return Ok((self.step, self.seen));
        }
        let keys = &self.reading.keys;
        let subjects = self.new.iter().map(|id| keys.contact_id(id)).collect();
        let subjects = keys.new_subjects(subjects).await?;
        let mut people = Vec::with_capacity(self.new.len());
        for (id, subject) in self.new.iter().zip(subjects) {
            if let Some(person) = self.people.remove(id) {
                people.push((id.clone(), subject, person.contact, None));
            }
        }
        for (id, person) in self.people {
            if let Some((row, subject)) = person.there.filter(|_| person.is_changed) {
                people.push((id, subject, person.contact, Some(row.revision)));
            }
        }
        let (keys, now_ms) = (keys.clone(), clock::unix_ms());
        let sealed = tokio::task::spawn_blocking(move || {
            let rows = people.into_iter().map(|(id, subject, contact, revision)| {
                (revision, seal(&keys, &subject, &id, &contact, now_ms))
            });
            rows.collect::<Vec<(Option<i64>, ContactRow)>>()
        });
        for (revision, row) in sealed.await.map_err(|_| NotOpened::Unreadable)? {
            match revision {
                None => self.step.new.push(row),
                Some(revision) => self.step.changed.push((revision, row)),
            }
        }
        self.step.members.sort_unstable();
        self.step.members.dedup();
        Ok((self.step, self.seen))
    }
}

fn fault(pointer: &str, code: &'static str, detail: &str) -> Fault {
    Fault {
        pointer: pointer.to_owned(),
        code,
        detail: detail.to_owned(),
    }
}

/// What a row says, over what was known: numbers, variables and preferences are added to those that are there.
fn over(said: Details, mut known: Details) -> Details {
    known.phones.extend(said.phones);
    known.variables.extend(said.variables);
    known.preferences.extend(said.preferences);
    let has_country = said.country.is_some();
    Details {
        phones: known.phones,
        external_id: said.external_id.or(known.external_id),
        time_zone: said.time_zone.or(known.time_zone),
        postal_code: said.postal_code.or(known.postal_code),
        region: said.region.or(known.region.filter(|_| !has_country)),
        country: said.country.or(known.country),
        language: said.language.or(known.language),
        kind: said.kind.or(known.kind),
        variables: known.variables,
        source: said.source.or(known.source),
        lawful_basis: said.lawful_basis.or(known.lawful_basis),
        preferences: known.preferences,
        // No file lifts what the client noted.
        restricted: known.restricted.or(said.restricted),
        numbers_of: said.numbers_of,
    }
}

/// The field that a fault is about, as far as its name is not the row's own: what a client's rows call a thing may be about the
/// person.
fn of_the_form(pointer: String) -> String {
    for own in ["/variables", "/preferences"] {
        let name = pointer
            .strip_prefix(own)
            .and_then(|rest| rest.strip_prefix('/'));
        let is_plain = |name: &str| {
            (1..=64).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if name.is_some_and(|name| !is_plain(name)) {
            return own.to_owned();
        }
    }
    pointer
}
