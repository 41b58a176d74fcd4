//! Journals: one append-only file per call, sealed, from which everything else that is stored of a call can be made again.
//!
//! One thread writes them all, so that no call ever waits for a disk: [`CallJournal::append`] hands over and returns. What
//! is not sound goes on to a [`RowSink`] once it is in the file. While the rows of a call may be incomplete, a mark stands
//! for it; [`Journals::recover`] looks at the marks, not at every journal there is.

mod disk;
mod failure;
mod live;
mod orders;
mod over;
mod place;
mod reading;
mod recovery;
mod rewrite;
mod sealed;
mod writer;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use trunkline_core::journal::{Began, Entry};

pub use disk::{Disk, RealDisk};
pub use failure::{JournalError, JournalFailure};
pub use live::CallJournal;
pub use reading::{Contents, Reading, SAMPLES_AT_ONCE_MAX, Sound};
pub use recovery::{Kept, Left, OptedOut, Recovery};

use self::live::Shared;
use self::orders::{Begin, Order, Orders};
use self::place::{Place, Root};
use self::sealed::Sealed;
use self::writer::Writer;
use crate::ids::ClientId;
use crate::vault::{CallKey, SubjectId, SubjectKeys, Vault};

/// When what was written is made to survive a loss of power. A crash of the server alone loses nothing that was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncWhen {
    /// When a call begins and ends, and at every step of consent.
    #[default]
    End,
    /// Also with every write, so each second.
    Second,
}

/// How journals are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// When what was written is made to last.
    pub sync: SyncWhen,
    /// Handed-over pieces that may wait for the disk, of all calls; about 16 kB each. Beyond, calls stop being recorded.
    pub waiting_max: usize,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            sync: SyncWhen::End,
            waiting_max: 2_048,
        }
    }
}

/// Takes what is to become rows. Called on the one thread that writes journals, so it must not wait; and again with the
/// same entries after a crash, so what it has it replaces.
pub trait RowSink: Send + Sync {
    /// From now on the rows of this call are sealed with a key that opens from `sealed_key` under the subject's.
    fn rekeyed(&self, client: &ClientId, call_id: &str, subject: &SubjectId, sealed_key: &[u8]);

    /// An entry that is in the journal under number `seq`; never sound.
    fn rows(&self, client: &ClientId, call_id: &str, seq: u64, entry: &Entry, key: &CallKey);

    /// Rows of content with a number below `before_seq` have to go, at once. What may stay of them comes again.
    fn erased(&self, client: &ClientId, call_id: &str, before_seq: u64);

    /// There will be no more of this call. Call [`Settled::done`] when all of it is committed; if anything of it was lost,
    /// drop it, and all comes again when the server starts.
    fn caught_up(&self, client: &ClientId, call_id: &str, settled: Settled);
}

/// The right to take the mark off a journal whose rows are all committed.
#[derive(Debug)]
#[must_use = "dropping it makes all rows come again when the server starts"]
pub struct Settled {
    marks: Vec<std::path::PathBuf>,
}

impl Settled {
    /// All rows are committed. Touches the disk, briefly.
    pub fn done(self) {
        for mark in self.marks {
            // A mark that stays costs a second look at the next start, nothing else.
            if let Err(error) = std::fs::remove_file(&mark) {
                tracing::debug!(%error, "mark of a journal stays");
            }
        }
    }
}

/// Calls that are being recorded now.
type Registry = Mutex<BTreeSet<(ClientId, String)>>;

/// All journals of a data folder; clones are the same.
#[derive(Clone)]
pub struct Journals(Arc<Inner>);

struct Inner {
    root: Root,
    vault: Vault,
    orders: Orders,
    calls: Arc<Registry>,
    next_id: AtomicU64,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Journals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journals")
            .field("folder", &self.0.root.folder())
            .finish_non_exhaustive()
    }
}

impl Journals {
    /// Opens the journals of a data folder, on the machine's disk.
    pub fn open(
        data: &Path,
        vault: Vault,
        sink: Arc<dyn RowSink>,
        settings: JournalSettings,
    ) -> Result<Self, JournalError> {
        Self::open_on(Arc::new(RealDisk), data, vault, sink, settings)
    }

    /// The same on a disk of one's own.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        data: &Path,
        vault: Vault,
        sink: Arc<dyn RowSink>,
        settings: JournalSettings,
    ) -> Result<Self, JournalError> {
        let io = |cause| JournalError::Io {
            path: data.to_owned(),
            cause,
        };
        let root = Root::open(data).map_err(io)?;
        let (sender, due) = sync_channel(settings.waiting_max.max(1));
        let calls = Arc::new(Registry::default());
        let writer = Writer::new(disk, root.clone(), sink, settings, Arc::clone(&calls));
        let writer = std::thread::Builder::new()
            .name("journals".into())
            .spawn(move || writer.run(&due))
            .map_err(io)?;
        let orders = Orders {
            due: sender,
            writer: writer.thread().clone(),
        };
        Ok(Self(Arc::new(Inner {
            root,
            vault,
            orders,
            calls,
            next_id: AtomicU64::new(0),
            writer: Mutex::new(Some(writer)),
        })))
    }

    /// Begins the journal of a call. Never waits for the disk: whether it could be made is known a moment later, by
    /// [`CallJournal::failed`].
    pub fn begin(
        &self,
        client: &ClientId,
        call_id: &str,
        subject: SubjectKeys,
        began: Began,
    ) -> Result<CallJournal, JournalError> {
        let place = Root::new_place(client, call_id, began.unix_ms);
        let place = place.ok_or(JournalError::Unfit)?;
        if subject.client() != client {
            return Err(JournalError::Unfit);
        }
        let name = (client.clone(), call_id.to_owned());
        if !lock(&self.0.calls).insert(name.clone()) {
            return Err(JournalError::Present { call_id: name.1 });
        }
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(Shared::default());
        let begin = Begin {
            id,
            place,
            subject,
            began,
            shared: Arc::clone(&shared),
        };
        let sent = self.0.orders.send(Order::Begin(Box::new(begin)));
        if let Err(error) = sent {
            lock(&self.0.calls).remove(&name);
            let failure = match error {
                TrySendError::Full(_) => JournalFailure::Behind,
                TrySendError::Disconnected(_) => JournalFailure::Stopped,
            };
            let call_id = name.1;
            return Err(JournalError::Failed { call_id, failure });
        }
        Ok(CallJournal::new(id, self.0.orders.clone(), shared))
    }

    /// Notes beside the journal of a call that began then that its caller is not to be called again: on disk when this
    /// returns, and found by [`Journals::recover`] until [`Settled::done`].
    pub async fn promise(
        &self,
        client: &ClientId,
        call_id: &str,
        unix_ms: i64,
    ) -> Result<Settled, JournalError> {
        let place = Root::new_place(client, call_id, unix_ms).ok_or(JournalError::Unfit)?;
        let mark = self.look(move |root| root.promise(&place)).await?;
        Ok(Settled { marks: vec![mark] })
    }

    /// The journal of a call, also of one that is going on, up to what is written of it.
    pub async fn read(&self, client: &ClientId, call_id: &str) -> Result<Reading, JournalError> {
        let (sealed, _, subject) = self.open_sealed(client, call_id).await?;
        let key = sealed.key(&subject)?;
        blocking(move || Reading::new(sealed, key)).await
    }

    /// Deletes the content of a call, all that is stored by now but the notice that was said. Gives how many entries
    /// went. A call that is going on is erased by withdrawal, or records on from here.
    pub async fn erase(&self, client: &ClientId, call_id: &str) -> Result<u64, JournalError> {
        let (_, place, subject) = self.open_sealed(client, call_id).await?;
        self.on_writer(move |writer| writer.erase(&place, &subject))
            .await?
    }

    /// Adds entries to the journal of a call that is over, as those of a second pass; content only if none was deleted.
    pub async fn add(
        &self,
        client: &ClientId,
        call_id: &str,
        entries: Vec<Entry>,
    ) -> Result<(), JournalError> {
        let (_, place, subject) = self.open_sealed(client, call_id).await?;
        self.on_writer(move |writer| writer.add(&place, &subject, &entries))
            .await?
    }

    /// Deletes the journal of a call that is over. Its rows are for others to delete.
    pub async fn remove(&self, client: &ClientId, call_id: &str) -> Result<(), JournalError> {
        let place = self.place(client, call_id).await?;
        self.on_writer(move |writer| writer.remove(&place)).await?
    }

    /// Finishes the journals that are marked, as a crash leaves them, and gives their rows to the sink again. Calls that
    /// go on are left alone. What cannot be finished is told and left as it is.
    pub async fn recover(&self) -> Result<Recovery, JournalError> {
        recovery::recover(self).await
    }

    /// Marks every journal of these clients, so that [`Journals::recover`] makes all their rows again, were it stopped and
    /// begun anew. How many there are.
    pub async fn mark_all(&self, clients: &[ClientId]) -> Result<u64, JournalError> {
        let clients = clients.to_vec();
        self.look(move |root| root.mark_all(&clients)).await
    }

    /// The clients that have journals, in order.
    pub async fn clients(&self) -> Result<Vec<ClientId>, JournalError> {
        self.look(Root::clients).await
    }

    /// Whether a call has a journal.
    pub async fn has(&self, client: &ClientId, call_id: &str) -> Result<bool, JournalError> {
        match self.place(client, call_id).await {
            Ok(_) => Ok(true),
            Err(JournalError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns when everything handed over so far is written, or has failed to be.
    pub async fn flush(&self) -> Result<(), JournalError> {
        self.on_writer(|_| ()).await
    }

    /// Writes what was handed over, ends the journals of calls that are still going on, and ends the writing.
    pub async fn close(&self) {
        // If the writer is gone already, that is what is asked for.
        drop(self.on_writer(Writer::stop).await);
        let writer = lock(&self.0.writer).take();
        if let Some(writer) = writer {
            drop(tokio::task::spawn_blocking(move || writer.join()).await);
        }
    }

    /// Looks about in the folder of all journals.
    async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Root) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let root = self.0.root.clone();
        blocking(move || {
            work(&root).map_err(|cause| JournalError::Io {
                path: root.folder().to_owned(),
                cause,
            })
        })
        .await
    }

    async fn place(&self, client: &ClientId, call_id: &str) -> Result<Place, JournalError> {
        let (client, call_id) = (client.clone(), call_id.to_owned());
        let name = (client.clone(), call_id.clone());
        let found = self.look(move |root| root.find(&name.0, &name.1)).await?;
        found.ok_or(JournalError::Missing { client, call_id })
    }

    async fn open_sealed(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<(Sealed, Place, SubjectKeys), JournalError> {
        let place = self.place(client, call_id).await?;
        self.open_place(place).await
    }

    async fn open_place(&self, place: Place) -> Result<(Sealed, Place, SubjectKeys), JournalError> {
        let root = self.0.root.clone();
        let (sealed, place) =
            blocking(move || Ok((Sealed::open(&root.file(&place), &place)?, place))).await?;
        let keys = self.0.vault.client(&place.client).await?;
        let subject = sealed.subject(&keys).await?;
        Ok((sealed, place, subject))
    }

    /// Has something done by the one thread that changes files.
    async fn on_writer<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Writer) -> T + Send + 'static,
    ) -> Result<T, JournalError> {
        let (done, result) = oneshot::channel();
        let order = Order::Task(Box::new(move |writer: &mut Writer| {
            // Whoever asked may have gone.
            drop(done.send(task(writer)));
        }));
        match self.0.orders.send(order) {
            Ok(()) => {}
            Err(TrySendError::Disconnected(_)) => return Err(JournalError::Stopped),
            Err(TrySendError::Full(order)) => {
                let orders = self.0.orders.clone();
                let sent = tokio::task::spawn_blocking(move || orders.send_waiting(order)).await;
                if !sent.unwrap_or(false) {
                    return Err(JournalError::Stopped);
                }
            }
        }
        result.await.map_err(|_| JournalError::Stopped)
    }
}

/// Runs what reads the disk where it holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(JournalError::Io {
            path: std::path::PathBuf::new(),
            cause: std::io::Error::other(error),
        })
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is guarded here is changed by single calls.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
