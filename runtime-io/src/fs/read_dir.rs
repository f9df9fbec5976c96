//! [`ReadDir`]: a directory's entries, fetched by the batch.
//!
//! One closure fetches up to [`BATCH`] entries, so that a hop to the pool is paid once for many; the first batch comes with the
//! opening. An error ends its batch and is handed out in its place, after the entries before it; whether more follow is up to
//! the operating system.
//!
//! The invariant: entries come in the order in which the directory gives them, none twice, none left out, also if a future of
//! [`next_entry`](ReadDir::next_entry) is dropped while a batch is on its way.

use super::pool::{self, Promise, run};
use gumption_core::task::JoinHandle;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The most entries of one closure: tokio's number.
const BATCH: usize = 32;

/// Opens a directory to read its entries.
///
/// # Errors
///
/// Those of [`std::fs::read_dir`].
///
/// ```
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// # let directory = tempfile::tempdir()?;
/// # std::fs::write(directory.path().join("one"), "")?;
/// # let path = directory.path();
/// # Runtime::new()?.block_on(async {
/// let mut entries = gumption_io::fs::read_dir(path).await?;
/// while let Some(entry) = entries.next_entry().await? {
///     assert_eq!(entry.file_name(), "one");
///     assert!(entry.file_type().await?.is_file());
/// }
/// # std::io::Result::Ok(())
/// # })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let batch = run(move || Ok(Batch::begin(std::fs::read_dir(path)?).fetch())).await?;
    Ok(ReadDir(State::Here(batch)))
}

/// The entries of a directory, without `.` and `..`, in the order in which the directory gives them.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct ReadDir(State);

#[derive(Debug)]
enum State {
    Here(Batch),
    OnItsWay(JoinHandle<Batch>),
    /// A batch was lost, and the directory with it.
    Gone,
}

/// Entries, and where more come from.
#[derive(Debug)]
struct Batch {
    entries: VecDeque<io::Result<DirEntry>>,
    /// `None` at the directory's end.
    more: Option<std::fs::ReadDir>,
}

impl Batch {
    fn begin(directory: std::fs::ReadDir) -> Self {
        Self { entries: VecDeque::with_capacity(BATCH), more: Some(directory) }
    }

    /// Fetches a batch. On the pool.
    fn fetch(mut self) -> Self {
        let Some(directory) = &mut self.more else { return self };
        for _ in 0..BATCH {
            let Some(entry) = directory.next() else {
                self.more = None;
                break;
            };
            let failed = entry.is_err();
            self.entries.push_back(entry.map(DirEntry::new));
            if failed {
                break;
            }
        }
        self
    }
}

impl ReadDir {
    /// The next entry; `None` at the end.
    ///
    /// Cancel safe: an entry that was not returned is returned next time.
    ///
    /// # Errors
    ///
    /// Of the operating system, or the end of the runtime, after which there is no further entry.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// [`next_entry`](Self::next_entry) as a poll; the task of the last call is woken.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            match &mut self.0 {
                State::Here(batch) => {
                    if let Some(entry) = batch.entries.pop_front() {
                        return Poll::Ready(entry.map(Some));
                    }
                    if batch.more.is_none() {
                        return Poll::Ready(Ok(None));
                    }
                    let batch = Batch { entries: std::mem::take(&mut batch.entries), more: batch.more.take() };
                    self.0 = State::Gone;
                    self.0 = State::OnItsWay(pool::start(Promise::None, move || batch.fetch())?);
                }
                State::OnItsWay(handle) => {
                    let fetched = ready!(Pin::new(handle).poll(cx));
                    self.0 = State::Gone;
                    self.0 = State::Here(fetched.map_err(pool::lost)?);
                }
                State::Gone => return Poll::Ready(Ok(None)),
            }
        }
    }
}

/// An entry of a directory.
#[derive(Debug)]
pub struct DirEntry {
    /// Most file systems tell it with the name; asked for on the pool, where it may cost a system call.
    file_type: Option<FileType>,
    std: Arc<std::fs::DirEntry>,
}

impl DirEntry {
    fn new(std: std::fs::DirEntry) -> Self {
        Self { file_type: std.file_type().ok(), std: Arc::new(std) }
    }

    /// Its path: that of the directory as it was opened, and its name.
    pub fn path(&self) -> PathBuf {
        self.std.path()
    }

    /// Its name in the directory.
    pub fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    /// What is known of it, which may be a link itself.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::DirEntry::metadata`].
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let std = self.std.clone();
        run(move || std.metadata()).await
    }

    /// Whether it is a file, a directory, a link or something else; nearly always known without another system call.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::DirEntry::file_type`].
    pub async fn file_type(&self) -> io::Result<FileType> {
        if let Some(file_type) = self.file_type {
            return Ok(file_type);
        }
        let std = self.std.clone();
        run(move || std.file_type()).await
    }

    /// Its inode's number.
    #[cfg(unix)]
    pub fn ino(&self) -> u64 {
        std::os::unix::fs::DirEntryExt::ino(&*self.std)
    }
}
