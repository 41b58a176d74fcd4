//! The one thread that changes journals.

mod erasing;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use trunkline_core::journal::{
    Encoder, Ended, Entry, Event, Header, SAMPLES_PER_MS, Step, encode_header,
};

use super::disk::{Disk, JournalFile};
use super::failure::JournalFailure;
use super::orders::{Begin, Order};
use super::place::{Place, Root};
use super::rewrite;
use super::{JournalSettings, Registry, RowSink, Settled, SyncWhen, lock};
use crate::clock;
use crate::data_folder::sync_folder;
use crate::vault::CallKey;

/// How often what could not be done before is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Between one look at what was handed over and the next while calls go on. A call hands over once a second: a thread
/// that is woken for each of them does little else than wake up, and whoever wakes it pays for that too.
const BEAT: Duration = Duration::from_millis(50);

/// A call that is going on.
struct Live {
    begin: Begin,
    /// `None` until it could be made.
    open: Option<OpenFile>,
    mark: Option<PathBuf>,
    /// The end of the latest thing that was written, ms.
    last_ms: u64,
    ended: bool,
    /// Content below this number has to go, and could not yet.
    erase_before: Option<u64>,
}

struct OpenFile {
    file: JournalFile,
    encoder: Encoder,
    key: CallKey,
    header: Header,
    /// The number behind the last record that is in the file.
    next_seq: u64,
}

pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) root: Root,
    pub(super) sink: Arc<dyn RowSink>,
    settings: JournalSettings,
    calls: Arc<Registry>,
    live: BTreeMap<u64, Live>,
    block: Vec<u8>,
    stopping: bool,
}

impl Writer {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        root: Root,
        sink: Arc<dyn RowSink>,
        settings: JournalSettings,
        calls: Arc<Registry>,
    ) -> Self {
        Self {
            disk,
            root,
            sink,
            settings,
            calls,
            live: BTreeMap::new(),
            block: Vec::new(),
            stopping: false,
        }
    }

    /// Until [`Writer::stop`], or until nobody is left to give orders. Looks for them at every beat, and whenever the
    /// thread is unparked.
    pub(super) fn run(mut self, due: &Receiver<Order>) {
        let mut tried = clock::timer_now();
        while !self.stopping {
            let beat = if self.live.is_empty() { AGAIN } else { BEAT };
            std::thread::park_timeout(beat);
            // First who is gone, then what they may have handed over before: so nothing of it is missed.
            let closed: Vec<u64> = self.closed().collect();
            for _ in 0..self.settings.waiting_max {
                match due.try_recv() {
                    Ok(order) => self.obey(order),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        self.stopping = true;
                        break;
                    }
                }
            }
            for id in closed {
                self.finish(id);
            }
            if tried.elapsed() >= AGAIN {
                tried = clock::timer_now();
                self.erase_due();
            }
        }
        while let Some((&id, _)) = self.live.first_key_value() {
            self.finish(id);
        }
    }

    pub(super) fn stop(&mut self) {
        self.stopping = true;
    }

    fn closed(&self) -> impl Iterator<Item = u64> {
        let live = self.live.iter();
        live.filter(|(_, live)| live.begin.shared.is_closed())
            .map(|(id, _)| *id)
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Begin(begin) => self.begin(*begin),
            Order::Append { id, entries } => self.append(id, entries),
            Order::Close { id } => self.finish(id),
            Order::Task(task) => task(self),
        }
    }

    fn begin(&mut self, begin: Begin) {
        let id = begin.id;
        let mut live = Live {
            begin,
            open: None,
            mark: None,
            last_ms: 0,
            ended: false,
            erase_before: None,
        };
        if let Err(failure) = self.make(&mut live) {
            live.fail(failure);
        }
        self.live.insert(id, live);
    }

    /// Makes the file with its head and first entry, on disk when this returns.
    fn make(&mut self, live: &mut Live) -> Result<(), JournalFailure> {
        let Begin {
            place,
            subject,
            began,
            ..
        } = &live.begin;
        let (mut key, sealed_key) = subject.new_call_key();
        let header = Header {
            client_id: place.client.to_string(),
            call_id: place.call_id.clone(),
            subject_id: subject.id().as_str().to_owned(),
            sealed_key,
            unix_ms: began.unix_ms,
        };
        let (mut block, hash) = encode_header(&header).map_err(|_| JournalFailure::Ids)?;
        let mut encoder = Encoder::new(hash);
        let entry = Entry::Began(began.clone());
        encoder
            .append(&entry, &mut key, &mut block)
            .map_err(|_| JournalFailure::Ids)?;
        let path = self.root.file(place);
        if live.mark.is_none() {
            let mark = self.root.mark(place);
            live.mark = Some(mark.map_err(|error| JournalFailure::from(&error))?);
        }
        let made = self.root.make_folder(place);
        let made = made.and_then(|()| JournalFile::create(&path));
        let mut file = made.map_err(|error| JournalFailure::from(&error))?;
        let written = file
            .append(&*self.disk, &block)
            .and_then(|()| file.sync(&*self.disk))
            .and_then(|()| sync_folder(&self.root.date_folder(place)));
        if let Err(error) = written {
            // There is nothing in it yet.
            drop(std::fs::remove_file(&path));
            return Err(JournalFailure::from(&error));
        }
        let (client, call_id) = (&place.client, &place.call_id);
        self.sink
            .rekeyed(client, call_id, subject.id(), &header.sealed_key);
        self.sink.rows(client, call_id, 0, &entry, &key);
        let next_seq = encoder.next_seq();
        live.open = Some(OpenFile {
            file,
            encoder,
            key,
            header,
            next_seq,
        });
        Ok(())
    }

    fn append(&mut self, id: u64, entries: Vec<Entry>) {
        let Some(mut live) = self.live.remove(&id) else {
            return;
        };
        if live.begin.shared.failed().is_some() {
            live.begin.shared.keep_rest(&entries);
        } else if let Err(failure) = self.write(&mut live, entries) {
            live.fail(failure);
        }
        if live.erase_before.is_some() {
            self.obey_withdrawal(&mut live);
        }
        self.live.insert(id, live);
    }

    /// Seals and writes entries, in one write.
    fn write(&mut self, live: &mut Live, mut entries: Vec<Entry>) -> Result<(), JournalFailure> {
        let Some(open) = &mut live.open else {
            return Ok(());
        };
        self.block.clear();
        let mut rows = Vec::new();
        let mut erase_before = None;
        for (at, entry) in entries.iter_mut().enumerate() {
            let seq = open
                .encoder
                .append(entry, &mut open.key, &mut self.block)
                .or_else(|problem| {
                    *entry = Entry::Event(Event {
                        at_ms: entry.at_ms(),
                        kind: "entry_lost".to_owned(),
                        detail: problem.to_string(),
                    });
                    open.encoder.append(entry, &mut open.key, &mut self.block)
                })
                .map_err(|_| JournalFailure::Disk(io::ErrorKind::InvalidData))?;
            erase_before = rewrite::ordered(seq, entry).or(erase_before);
            rows.push((seq, at));
        }
        let last = entries
            .iter()
            .any(|entry| matches!(entry, Entry::Consent(_) | Entry::Ended(_)));
        let written = open.file.append(&*self.disk, &self.block);
        let written = written.map(|()| open.next_seq = open.encoder.next_seq());
        let made = written.and_then(|()| {
            if last || self.settings.sync == SyncWhen::Second {
                open.file.sync(&*self.disk)?;
            }
            Ok(())
        });
        made.map_err(|error| JournalFailure::from(&error))?;
        let place = &live.begin.place;
        for (seq, at) in rows {
            let entry = &entries[at];
            live.last_ms = live.last_ms.max(end_ms(entry));
            live.ended |= matches!(entry, Entry::Ended(_));
            if !matches!(entry, Entry::Audio(_)) {
                self.sink
                    .rows(&place.client, &place.call_id, seq, entry, &open.key);
            }
        }
        live.erase_before = erase_before.or(live.erase_before);
        Ok(())
    }

    /// Ends a call's journal, as well as the disk allows.
    fn finish(&mut self, id: u64) {
        let Some(mut live) = self.live.remove(&id) else {
            return;
        };
        let ended = self.write_end(&mut live);
        if live.erase_before.is_some() {
            self.obey_withdrawal(&mut live);
        }
        let place = &live.begin.place;
        let name = (place.client.clone(), place.call_id.clone());
        let marks = live.mark.take().into_iter().collect();
        let is_whole = ended.is_ok() && live.erase_before.is_none();
        let settled = if live.open.is_none() {
            // There is nothing to come back to.
            Settled { marks }.done();
            Some(Settled { marks: Vec::new() })
        } else {
            is_whole.then_some(Settled { marks })
        };
        if let Some(settled) = settled {
            self.sink.caught_up(&place.client, &place.call_id, settled);
        }
        lock(&self.calls).remove(&name);
    }

    fn write_end(&mut self, live: &mut Live) -> Result<(), JournalFailure> {
        if live.ended {
            return Ok(());
        }
        let failure = live.begin.shared.failed();
        let rest = end_of(live, failure);
        match &mut live.open {
            // Numbers that a torn record may have had are not used again.
            Some(open) if failure.is_some() => {
                let (_, hash) = encode_header(&open.header).map_err(|_| JournalFailure::Ids)?;
                open.encoder = Encoder::resume(hash, open.next_seq);
            }
            Some(_) => {}
            None => {
                if let Err(failure) = self.make(live) {
                    let (key, _) = live.begin.subject.new_call_key();
                    let began = Entry::Began(live.begin.began.clone());
                    self.tell_rows(
                        &live.begin.place,
                        (0, &key),
                        std::iter::once(&began).chain(&rest),
                    );
                    return Err(failure);
                }
            }
        }
        let first = live.open.as_ref().map_or(0, |open| open.encoder.next_seq());
        let written = self.write(live, rest.clone());
        if written.is_err() {
            self.end_unwritten(live, first, &rest);
        }
        written
    }

    /// The end could not be written: the rows say it all the same, and what had to go goes with the whole file, for which
    /// there is always room.
    fn end_unwritten(&mut self, live: &mut Live, first: u64, rest: &[Entry]) {
        let Some(open) = &live.open else {
            return;
        };
        let place = &live.begin.place;
        self.tell_rows(place, (first, &open.key), rest);
        let last_ms = live.last_ms;
        let Some(at) = rest.iter().position(|entry| takes_from(entry, last_ms)) else {
            return;
        };
        self.sink
            .erased(&place.client, &place.call_id, first + at as u64);
        match std::fs::remove_file(self.root.file(place)) {
            Ok(()) => {
                tracing::warn!(
                    call.id = place.call_id,
                    "withdrawn, with no room to keep the rest: deleted"
                );
                live.open = None;
            }
            Err(error) => tracing::error!(
                call.id = place.call_id,
                %error,
                "what a caller wanted deleted is still on the disk"
            ),
        }
    }

    fn tell_rows<'a>(
        &self,
        place: &Place,
        (first, key): (u64, &CallKey),
        entries: impl IntoIterator<Item = &'a Entry>,
    ) {
        for (seq, entry) in (first..).zip(entries) {
            self.sink
                .rows(&place.client, &place.call_id, seq, entry, key);
        }
    }
}

impl Live {
    fn fail(&mut self, failure: JournalFailure) {
        if self.begin.shared.fail(failure) {
            let Place {
                client, call_id, ..
            } = &self.begin.place;
            tracing::warn!(client.id = %client, call.id = call_id, %failure, "recording stops");
        }
    }
}

/// What a journal ends with whose session has not ended it: why, what was agreed to since, and the end.
fn end_of(live: &Live, failure: Option<JournalFailure>) -> Vec<Entry> {
    let (kind, detail) = match failure {
        Some(failure) => ("recording_failed", format!("reason={}", failure.code())),
        None => ("session_lost", String::new()),
    };
    let rest = live.begin.shared.take_rest();
    let end_ms = rest.last().map_or(live.last_ms, Entry::at_ms);
    let mut end = vec![Entry::Event(Event {
        at_ms: live.last_ms.min(end_ms),
        kind: kind.to_owned(),
        detail,
    })];
    end.extend(rest);
    if !matches!(end.last(), Some(Entry::Ended(_))) {
        end.push(Entry::Ended(Ended {
            at_ms: live.last_ms,
            reason: kind.to_owned(),
        }));
    }
    end
}

/// Whether an entry takes away of what is stored up to `last_ms`.
fn takes_from(entry: &Entry, last_ms: u64) -> bool {
    let Entry::Consent(consent) = entry else {
        return false;
    };
    matches!(consent.step, Step::Withdrawn { erase, from_ms, .. } if erase || from_ms < last_ms)
}

/// When what an entry is about was over, ms.
pub(super) fn end_ms(entry: &Entry) -> u64 {
    match entry {
        Entry::Audio(audio) => (audio.from + u64::from(audio.samples)) / SAMPLES_PER_MS,
        Entry::Turn(turn) => turn.to_ms,
        Entry::NotKept { to_ms, .. } => *to_ms,
        Entry::Began(_)
        | Entry::Consent(_)
        | Entry::Event(_)
        | Entry::Second { .. }
        | Entry::Erased { .. }
        | Entry::Ended(_) => entry.at_ms(),
    }
}
