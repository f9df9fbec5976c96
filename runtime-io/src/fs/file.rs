//! [`File`]: an open file.
//!
//! Here is everything but reading, writing and seeking, which are in `file_io.rs`. The operations that take `&self` and depend
//! on what is in flight wait for it in their turn ([`Turns`]); `metadata` and `set_permissions` do not depend on it.
//!
//! A file does not know its path, and closes itself when the last closure that uses it has ended.

use super::lease::Owner;
use super::pool::run;
use super::turns::{Turn, Turns};
use super::work::{Outcome, Work};
use super::{FileTimes, OpenOptions, buffer};
use gumption_core::wait::{WaitReason, blocked_on};
use std::fs::{File as StdFile, Metadata, Permissions};
use std::future::poll_fn;
use std::path::Path;
use std::time::SystemTime;
use std::{fmt, io};

/// An open file, for reading, writing and seeking.
///
/// # What a write promises
///
/// A write is done when the bytes lie in the file's buffer, and a closure on the blocking pool is on its way to hand them to the
/// operating system. Until that has ended, the next operation waits. So:
///
/// - **`flush` waits for the write and tells whether it failed.** An error of a write is the answer of the next write, `flush` or
///   `shutdown`, whichever comes first, and of nothing else: reads, seeks and `sync_all` do not report it and do not lose it.
/// - **Dropping the file loses no byte, but every error.** The closure keeps the file open and runs to its end, later than the
///   drop, and also if the runtime is shut down before it has begun: the shutdown waits for it. Flush before dropping a file,
///   if somebody else is to see the bytes or you an error.
/// - **Cancelling loses no byte either.** A write whose future was dropped has either taken bytes, and then they will be
///   written, or has taken none. A read whose future was dropped leaves what it has read to the next read; a write or a seek
///   instead goes back to where the reader was.
/// - `flush` is not `fsync`: [`sync_all`](Self::sync_all) and [`sync_data`](Self::sync_data) are.
///
/// A seek cannot begin while another operation is in flight: `start_seek` fails then, and the `seek` method waits first.
///
/// ```
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("greeting");
/// # Runtime::new()?.block_on(async {
/// use gumption_io::fs::File;
/// use gumption_io::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
///
/// let mut file = File::create_new(&path).await?;
/// file.write_all(b"hello").await?;
/// file.flush().await?;
/// file.rewind().await?;
/// let mut text = String::new();
/// file.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(())
/// # })?;
/// # std::io::Result::Ok(())
/// ```
///
/// Reads and writes move at most [`max_buf_size`](Self::max_buf_size) bytes at a time.
pub struct File {
    pub(super) std: Owner,
    pub(super) work: Turns<Work>,
    pub(super) max_buf_size: usize,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::open`].
    pub async fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::options().read(true).open(path).await
    }

    /// Opens a file for writing, which is emptied if it exists and made if not.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::create`].
    pub async fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::options().write(true).create(true).truncate(true).open(path).await
    }

    /// Makes a file, for reading and writing; there must be none, which is checked in the same step.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::create_new`].
    pub async fn create_new<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::options().read(true).write(true).create_new(true).open(path).await
    }

    /// The same as [`OpenOptions::new`].
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// An open file of std's. It must not be one that does not block, such as a socket.
    pub fn from_std(std: StdFile) -> Self {
        Self { std: Owner::new(std), work: Turns::new(Work::new()), max_buf_size: buffer::DEFAULT_MAX }
    }

    /// Waits for what is in flight, a write's error of which is kept, and keeps everybody else with a shared file out.
    async fn settled(&self) -> io::Result<Turn<'_, Work>> {
        let turn = self.work.take().await;
        poll_fn(|cx| turn.get().poll_settle(cx)).await?;
        Ok(turn)
    }

    /// Has everything that was written, and the file's metadata, brought to the device.
    ///
    /// It waits for a write in flight, and does not report that one's error: [flush](crate::io::AsyncWrite::poll_flush) does.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::sync_all`].
    pub async fn sync_all(&self) -> io::Result<()> {
        let _turn = self.settled().await?;
        let file = self.std.lease();
        run(move || file.sync_all()).await
    }

    /// Like [`sync_all`](Self::sync_all) with no more metadata than it takes to read the bytes back.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::sync_data`].
    pub async fn sync_data(&self) -> io::Result<()> {
        let _turn = self.settled().await?;
        let file = self.std.lease();
        run(move || file.sync_data()).await
    }

    /// Cuts the file off, or extends it by zeroes. The cursor stays.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::set_len`].
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        let turn = self.settled().await?;
        turn.get().start_set_len(self.std.lease(), size)?;
        match poll_fn(|cx| turn.get().poll_outcome(cx)).await {
            Some(Outcome::Resized(resized)) => resized,
            Some(Outcome::Lost(error)) => Err(error),
            Some(Outcome::Read(_) | Outcome::Written(_) | Outcome::Sought(_)) | None => {
                unreachable!("another operation in a turn that was not its own")
            }
        }
    }

    /// What is known of the file. A write in flight may or may not have happened for it.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::metadata`].
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let file = self.std.lease();
        run(move || file.metadata()).await
    }

    /// Another handle on the same open file: they share one cursor.
    ///
    /// What this handle has read and not handed out yet is behind that cursor; seek first, if it matters.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::try_clone`].
    pub async fn try_clone(&self) -> io::Result<Self> {
        let turn = self.settled().await?;
        let file = self.std.lease();
        let std = run(move || file.try_clone()).await?;
        drop(turn);
        Ok(Self { max_buf_size: self.max_buf_size, ..Self::from_std(std) })
    }

    /// Waits for what is in flight and hands over std's file.
    ///
    /// Its cursor is where the last operation has left it: behind what was read and not handed out yet.
    pub async fn into_std(mut self) -> StdFile {
        loop {
            match self.try_into_std() {
                Ok(file) => return file,
                Err(busy) => self = busy,
            }
            poll_fn(|cx| {
                let alone = self.std.poll_alone(cx);
                if alone.is_pending() {
                    blocked_on(WaitReason::BlockingPool, 0);
                }
                alone
            })
            .await;
        }
    }

    /// Hands over std's file, if nothing is in flight.
    ///
    /// # Errors
    ///
    /// The file itself, if something is.
    #[allow(clippy::result_large_err)]
    pub fn try_into_std(self) -> Result<StdFile, Self> {
        let Self { std, work, max_buf_size } = self;
        std.into_inner().map_err(|std| Self { std, work, max_buf_size })
    }

    /// Changes the file's permissions.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::set_permissions`].
    pub async fn set_permissions(&self, perm: Permissions) -> io::Result<()> {
        let file = self.std.lease();
        run(move || file.set_permissions(perm)).await
    }

    /// Changes the file's timestamps, after what is in flight, which might change them again.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::set_times`].
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        let _turn = self.settled().await?;
        let file = self.std.lease();
        run(move || file.set_times(times.into_std())).await
    }

    /// [`set_times`](Self::set_times) with when it was last written only.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }

    /// The most bytes of one operation on the pool. They lie in memory meanwhile, which the file keeps.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        assert!(max_buf_size > 0, "`max_buf_size` must be greater than 0");
        self.max_buf_size = max_buf_size;
    }

    /// The most bytes of one operation on the pool; 2 MiB unless it was changed.
    pub fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }
}

impl From<StdFile> for File {
    fn from(std: StdFile) -> Self {
        Self::from_std(std)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // tokio's text, path and all: it is compared in the wild.
        f.debug_struct("tokio::fs::File").field("std", &*self.std).finish()
    }
}

#[cfg(unix)]
mod unix {
    use super::{File, StdFile};
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

    impl From<OwnedFd> for File {
        fn from(fd: OwnedFd) -> Self {
            Self::from_std(StdFile::from(fd))
        }
    }

    impl AsRawFd for File {
        fn as_raw_fd(&self) -> RawFd {
            self.std.as_raw_fd()
        }
    }

    impl AsFd for File {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.std.as_fd()
        }
    }

    impl FromRawFd for File {
        unsafe fn from_raw_fd(fd: RawFd) -> Self {
            // SAFETY: the caller's promise is the same.
            Self::from_std(unsafe { StdFile::from_raw_fd(fd) })
        }
    }
}
