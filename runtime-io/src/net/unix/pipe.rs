//! Unix pipes: bytes one way, from a [`Sender`] to a [`Receiver`].
//!
//! ```text
//!  pipe() ---------------------> Sender, Receiver         nameless, within this process and its children
//!  OpenOptions --open_sender---> Sender                   a FIFO, which has a path in the file system
//!              --open_receiver-> Receiver
//!  from_file, from_owned_fd ---> either                   a descriptor from elsewhere
//! ```
//!
//! Reading gives the end of the stream, 0 bytes, when the last sender has gone; writing gives `BrokenPipe` when the last
//! receiver has. A FIFO's ends come and go: with no sender yet, a read says 0 as well, and a sender cannot be opened
//! while nobody has it open for reading (`ENXIO`). On Linux [`read_write`](OpenOptions::read_write) keeps it open at
//! both ends.
//!
//! The file has how to open one, and the checks that a descriptor is a pipe, open in the right direction and non-blocking. It
//! refuses anything else, unless told to trust the caller (`unchecked`). Ends are in `sender.rs` and `receiver.rs`.
//! The invariant of both: bytes enter or leave the pipe only in the poll that reports them.

mod receiver;
mod sender;

pub use receiver::Receiver;
pub use sender::Sender;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Makes a pipe, and gives both of its ends.
///
/// # Errors
///
/// If the process or the system is out of descriptors, or the runtime has ended.
///
/// # Panics
///
/// Outside of a runtime.
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::net::unix::pipe;
///
/// let (sender, receiver) = pipe::pipe()?;
/// sender.writable().await?;
/// sender.try_write(b"hello")?;
/// receiver.readable().await?;
/// assert_eq!(receiver.try_read(&mut [0; 16])?, 5);
/// # Ok(()) }) }
/// ```
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (sender, receiver) = mio::unix::pipe::new()?;
    Ok((Sender::new(sender)?, Receiver::new(receiver)?))
}

/// How to open a FIFO.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use gumption_io::net::unix::pipe;
///
/// // Waits for nobody: a receiver can be opened before there is a sender.
/// let receiver = pipe::OpenOptions::new().open_receiver("/run/commands")?;
/// receiver.readable().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read_write: bool,
    unchecked: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Sender,
    Receiver,
}

impl OpenOptions {
    /// One end only, and nothing but a pipe.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::unix::pipe::OpenOptions;
    ///
    /// let no_pipe = OpenOptions::new().open_receiver("/dev/null").unwrap_err();
    /// assert_eq!(no_pipe.kind(), std::io::ErrorKind::InvalidInput);
    /// # Ok(()) }) }
    /// ```
    pub fn new() -> OpenOptions {
        Self::default()
    }

    /// Opens the FIFO for reading *and* writing, whichever end is asked for. Linux allows it.
    ///
    /// A sender opened so does not fail for want of a receiver, and a receiver never sees the end.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// use gumption_io::net::unix::pipe;
    ///
    /// // Serves one writer after the other, and sees no end in between.
    /// let receiver = pipe::OpenOptions::new().read_write(true).open_receiver("/run/commands")?;
    /// # Ok(()) }
    /// ```
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn read_write(&mut self, value: bool) -> &mut Self {
        self.read_write = value;
        self
    }

    /// Leaves out the check that the file is a FIFO, and saves a system call. What is opened then must be one: anything else
    /// works badly, or not at all.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// use gumption_io::net::unix::pipe;
    ///
    /// let sender = pipe::OpenOptions::new().unchecked(true).open_sender("/run/commands")?;
    /// # Ok(()) }
    /// ```
    pub fn unchecked(&mut self, value: bool) -> &mut Self {
        self.unchecked = value;
        self
    }

    /// Opens a FIFO for reading. It does not wait for a sender.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the file is no FIFO, and what opening a file can give.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::unix::pipe::OpenOptions;
    ///
    /// let nothing = OpenOptions::new().open_receiver("/no/such/fifo").unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::NotFound);
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> io::Result<Receiver> {
        Receiver::from_file_unchecked(self.open(path.as_ref(), End::Receiver)?)
    }

    /// Opens a FIFO for writing.
    ///
    /// # Errors
    ///
    /// `ENXIO` if nobody has it open for reading: wait and try again, or open it with `read_write` where there is that.
    /// `InvalidInput` if the file is no FIFO, and what opening a file can give.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// use gumption_io::net::unix::pipe::OpenOptions;
    ///
    /// let nothing = OpenOptions::new().open_sender("/no/such/fifo").unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::NotFound);
    /// # Ok(()) }) }
    /// ```
    #[track_caller]
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> io::Result<Sender> {
        Sender::from_file_unchecked(self.open(path.as_ref(), End::Sender)?)
    }

    fn open(&self, path: &Path, end: End) -> io::Result<File> {
        let file = std::fs::OpenOptions::new()
            .read(self.read_write || end == End::Receiver)
            .write(self.read_write || end == End::Sender)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        if !self.unchecked {
            must_be_pipe(file.as_fd())?;
        }
        Ok(file)
    }
}

/// A pipe from elsewhere, checked to have `end`, and made non-blocking.
fn adopted(fd: OwnedFd, end: End) -> io::Result<OwnedFd> {
    must_be_pipe(fd.as_fd())?;
    let flags = status_flags(fd.as_fd())?;
    let (mode, otherwise) = match end {
        End::Sender => (libc::O_WRONLY, "not in O_WRONLY or O_RDWR access mode"),
        End::Receiver => (libc::O_RDONLY, "not in O_RDONLY or O_RDWR access mode"),
    };
    let access = flags & libc::O_ACCMODE;
    if access != mode && access != libc::O_RDWR {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, otherwise));
    }
    set_status_flags(fd.as_fd(), flags, flags | libc::O_NONBLOCK)?;
    Ok(fd)
}

/// The descriptor, in blocking mode again.
fn blocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    let flags = status_flags(fd.as_fd())?;
    set_status_flags(fd.as_fd(), flags, flags & !libc::O_NONBLOCK)?;
    Ok(fd)
}

fn must_be_pipe(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: `stat` is writable, and the descriptor is open for as long as it is borrowed.
    if unsafe { libc::fstat(fd.as_raw_fd(), stat.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: plain data, zeroed and then written by the system.
    let mode = unsafe { stat.assume_init() }.st_mode;
    if mode & libc::S_IFMT == libc::S_IFIFO {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a pipe"))
    }
}

fn status_flags(fd: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    // SAFETY: the descriptor is open for as long as it is borrowed; F_GETFL takes no argument.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 { Err(io::Error::last_os_error()) } else { Ok(flags) }
}

fn set_status_flags(fd: BorrowedFd<'_>, old: libc::c_int, new: libc::c_int) -> io::Result<()> {
    if old == new {
        return Ok(());
    }
    // SAFETY: the descriptor is open for as long as it is borrowed; F_SETFL takes a number.
    let result = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, new) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
