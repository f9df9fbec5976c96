//! SIGQUIT (Ctrl-\ on a terminal) prints what every task of the process is doing to stderr, as it does for a Go program.
//!
//! ```text
//!   any thread, interrupted            a thread of its own
//!   handler: write one byte ──pipe──▶  read ──▶ Dump::of_process ──▶ write(2) ──▶ go on, or abort
//! ```
//!
//! The handler does nothing else, so it may interrupt anything. The thread has no scheduler under it and takes no lock that is held
//! while user code runs, not even the standard library's for stderr: so the dump comes while every processor is hogged, too, and
//! while a hog holds stderr. Several signals while one dump is written are one more dump.
//!
//! It is off until somebody installs it: a program that did nothing keeps the system's action for SIGQUIT, which is to die and
//! leave a core. Who else has asked for SIGQUIT ([`signal`](https://docs.rs/tokio/latest/tokio/signal/unix/) streams among them)
//! gets it still. In the environment it is `GUMPTION_SIGQUIT=continue`, `=abort` or `=off`: see [`Request`].

use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::dump::{Dump, Level, Options};
use crate::stack::os;

/// What the process does when the dump is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// Go on.
    #[default]
    Continue,
    /// Abort: SIGABRT, and with it a core where the system keeps one.
    Abort,
}

/// What a SIGQUIT is to do: [`After`], and what the dump is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// What comes after the dump.
    pub after: After,
    /// What the dump has.
    pub options: Options,
}

impl From<After> for Request {
    fn from(after: After) -> Self {
        Self { after, ..Self::default() }
    }
}

impl Request {
    /// Reads the value of `GUMPTION_SIGQUIT`: `continue` or `abort`, then `stacks` and `on-cpu` if the dump is to have
    /// [them](Options::stacks); none for `off` and for nothing at all.
    ///
    /// ```
    /// use gumption_introspect::sigquit::{After, Request};
    ///
    /// let request = Request::parse("abort,on-cpu").unwrap().unwrap();
    /// assert_eq!((request.after, request.options.on_cpu), (After::Abort, true));
    /// assert_eq!(Request::parse("off"), Ok(None));
    /// assert!(Request::parse("die").unwrap_err().contains("continue"));
    /// ```
    ///
    /// # Errors
    ///
    /// What is wrong, and what would be right.
    pub fn parse(value: &str) -> Result<Option<Self>, String> {
        let wrong = |word: &str| {
            format!(
                "GUMPTION_SIGQUIT: {word:?} in {value:?} is none; right would be off, continue, abort or abort,stacks,on-cpu"
            )
        };
        let mut words = value.split(',').map(str::trim);
        let mut request: Self = match words.next().unwrap_or_default() {
            "" | "off" => return words.next().map_or(Ok(None), |word| Err(wrong(word))),
            "continue" => After::Continue.into(),
            "abort" => After::Abort.into(),
            word => return Err(wrong(word)),
        };
        for word in words {
            match word {
                "stacks" => request.options.stacks = true,
                "on-cpu" => request.options.on_cpu = true,
                word => return Err(wrong(word)),
            }
        }
        Ok(Some(request))
    }
}

/// What the next SIGQUIT does; none before the first [`install`].
static REQUEST: Mutex<Option<Request>> = Mutex::new(None);
/// What became of the handler and the thread, which are made once and stay.
static INSTALLED: OnceLock<Result<(), (io::ErrorKind, String)>> = OnceLock::new();

/// Has SIGQUIT print a dump of all runtimes, and then go on or abort. Called again it changes what the next one does.
///
/// # Errors
///
/// If the system refuses a pipe, a thread or the handler.
pub fn install(request: impl Into<Request>) -> io::Result<()> {
    *REQUEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(request.into());
    let installed = INSTALLED.get_or_init(|| start().map_err(|error| (error.kind(), error.to_string())));
    installed.clone().map_err(|(kind, error)| io::Error::new(kind, format!("SIGQUIT: {error}")))
}

fn start() -> io::Result<()> {
    let (mut reader, writer) = io::pipe()?;
    // A full pipe is as good as a byte in it: nobody waits in a handler.
    // SAFETY: our own descriptor.
    if unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
        return Err(io::Error::last_os_error());
    }
    thread::Builder::new().name("gumption-sigquit".to_owned()).spawn(move || {
        let mut bytes = [0; 64];
        loop {
            match reader.read(&mut bytes) {
                Ok(0) => return,
                Ok(_) => answer(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    })?;
    // SAFETY: the handler only writes to a descriptor, which it owns, and leaves `errno` as it was: it may run at any place.
    let registered = unsafe { signal_hook_registry::register(libc::SIGQUIT, move || ring(writer.as_raw_fd())) };
    registered.map(drop)
}

/// What the handler does.
fn ring(pipe: RawFd) {
    os::preserving_errno(|| {
        // SAFETY: one byte is read from a local.
        let _full_or_written = unsafe { libc::write(pipe, [0u8; 1].as_ptr().cast(), 1) };
    });
}

fn answer() {
    let request = REQUEST.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
    let dump = Dump::of_process(Level::Tasks, &request.options);
    let text = format!("SIGQUIT: {dump}\n");
    // Without a stderr there is nobody to tell, and what comes after is the same.
    let _told = write_all(libc::STDERR_FILENO, text.as_bytes(), Duration::from_secs(10));
    if request.after == After::Abort {
        std::process::abort();
    }
}

/// Writes to a descriptor without the standard library's lock, which a hog may hold, and for so long at most: its reader may
/// be stuck.
fn write_all(fd: RawFd, mut bytes: &[u8], limit: Duration) -> io::Result<()> {
    let until = Instant::now() + limit;
    while !bytes.is_empty() {
        let mut ready = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
        let left = until.saturating_duration_since(Instant::now()).as_millis() as libc::c_int;
        // SAFETY: one `pollfd`, which is ours.
        match unsafe { libc::poll(&mut ready, 1, left) } {
            0 => return Err(io::ErrorKind::TimedOut.into()),
            n if n < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted => {
                return Err(io::Error::last_os_error());
            }
            n if n < 0 => continue,
            _ => {}
        }
        // What a pipe that is ready takes for certain without waiting.
        let some = &bytes[..bytes.len().min(libc::PIPE_BUF)];
        // SAFETY: the bytes are there.
        match unsafe { libc::write(fd, some.as_ptr().cast(), some.len()) } {
            n if n >= 0 => bytes = &bytes[n as usize..],
            _ => {
                let error = io::Error::last_os_error();
                if !matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_one_of_three_words_and_what_the_dump_has() {
        assert_eq!(Request::parse("continue"), Ok(Some(Request::default())));
        assert_eq!(Request::parse(" abort "), Ok(Some(After::Abort.into())));
        for nothing in ["", "off"] {
            assert_eq!(Request::parse(nothing), Ok(None));
        }
        let both = Request::parse("continue, stacks, on-cpu").expect("it is right").expect("it is on");
        assert!(both.options.stacks && both.options.on_cpu);
        for wrong in ["1", "off,stacks", "abort,", "abort,continue"] {
            assert!(Request::parse(wrong).unwrap_err().contains("right would be off, continue, abort"), "{wrong}");
        }
    }

    #[test]
    fn a_reader_that_is_stuck_is_waited_for_in_vain_and_not_for_ever() {
        let (mut reader, writer) = io::pipe().expect("there are pipes");
        let long = vec![b'x'; 1 << 20];
        let stuck = write_all(writer.as_raw_fd(), &long, Duration::from_millis(10));
        assert_eq!(stuck.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        let reading = thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all.len())
        });
        write_all(writer.as_raw_fd(), b"end", Duration::from_secs(60)).expect("it is read now");
        drop(writer);
        assert!(reading.join().expect("it reads").expect("it reads") > 3);
    }
}
