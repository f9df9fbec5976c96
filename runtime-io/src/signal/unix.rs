//! [`signal`] and [`Signal`]: a listener for one of Unix's signals.
//!
//! A listener is a bell (`bell.rs`) whose read end is registered with the netpoller of the runtime it was made in, and the
//! subscription by which each signal of its kind rings it. Everything about delivery is there and in the parent module's
//! essay; this file is tokio's surface over it.
//!
//! Who waits here waits for `signal`, and the resource is the signal's number.
//!
//! It refuses the signals that nobody can or should handle: `SIGKILL` and `SIGSTOP`, which the kernel does not deliver, and
//! `SIGSEGV`, `SIGILL`, `SIGFPE`, whose handler must not return.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::raw::c_int;
use std::task::{Context, Poll, ready};

use gumption_core::runtime;
use gumption_core::sync::Arc;
use gumption_core::wait::WaitReason;
use mio::unix::pipe;

use super::bell::{Bell, Subscription};
use crate::evented::{Direction, Evented};
use crate::io::Interest;
use crate::sources::{Sources, ended};

/// The kind of signal to listen for.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub struct SignalKind(c_int);

macro_rules! kinds {
    ($($(#[$attribute:meta])* $name:ident = $constant:ident;)+) => {
        impl SignalKind {
            $($(#[$attribute])* pub const fn $name() -> Self { Self(libc::$constant) })+
        }
    };
}

kinds! {
    /// `SIGALRM`: a timer of the system's has expired. Ends the process by default.
    alarm = SIGALRM;
    /// `SIGCHLD`: a child's status has changed. Ignored by default.
    child = SIGCHLD;
    /// `SIGHUP`: the terminal is gone; by custom also: read your configuration again. Ends the process by default.
    hangup = SIGHUP;
    /// `SIGINFO`: somebody asks for a status. Ignored by default.
    #[cfg(any(
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "illumos"
    ))]
    info = SIGINFO;
    /// `SIGINT`: interrupted from the terminal by ctrl-c. Ends the process by default.
    interrupt = SIGINT;
    /// `SIGIO`: a descriptor has become ready. Ignored by default on most systems, ends the process on Linux.
    #[cfg(not(target_os = "haiku"))]
    io = SIGIO;
    /// `SIGPOLL`: a descriptor has become ready. Ignored by default.
    #[cfg(target_os = "haiku")]
    io = SIGPOLL;
    /// `SIGPIPE`: a write to a pipe that has no reader. Ends the process by default; Rust's programs start with it ignored.
    pipe = SIGPIPE;
    /// `SIGQUIT`: end, and leave a core. Ends the process by default.
    quit = SIGQUIT;
    /// `SIGTERM`: the polite request to end. Ends the process by default.
    terminate = SIGTERM;
    /// `SIGUSR1`: the user's own. Ends the process by default.
    user_defined1 = SIGUSR1;
    /// `SIGUSR2`: the user's own, too. Ends the process by default.
    user_defined2 = SIGUSR2;
    /// `SIGWINCH`: the terminal has changed its size. Ignored by default.
    window_change = SIGWINCH;
}

impl SignalKind {
    /// Any signal, by its number. Whether it can be listened for is found out by [`signal`].
    ///
    /// ```
    /// use gumption_io::signal::unix::SignalKind;
    ///
    /// assert_eq!(SignalKind::from_raw(libc::SIGTERM), SignalKind::terminate());
    /// ```
    pub const fn from_raw(signum: c_int) -> Self {
        Self(signum)
    }

    /// The signal's number.
    ///
    /// ```
    /// use gumption_io::signal::unix::SignalKind;
    ///
    /// assert_eq!(SignalKind::interrupt().as_raw_value(), libc::SIGINT);
    /// ```
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }
}

impl From<c_int> for SignalKind {
    fn from(signum: c_int) -> Self {
        Self::from_raw(signum)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> Self {
        kind.as_raw_value()
    }
}

/// A listener for one kind of signal.
///
/// Made by [`signal`]. Any number of listeners may listen for the same signal, in one runtime or in several; each is told.
///
/// # What it promises
///
/// Signals coalesce, in the kernel and here: one [`recv`](Self::recv) stands for *at least* one signal that has come since the
/// listener was made or since the last `recv`. None is lost otherwise: a signal that comes after `recv` has returned
/// makes the next one return.
///
/// # The handler stays
///
/// The first listener for a signal replaces what the system would do with it, **for as long as the process lives**. After a
/// listener for `SIGINT` was made and dropped, ctrl-c does nothing any more: listen for it, or end otherwise.
///
/// # Examples
///
/// ```
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// use gumption_io::signal::unix::{SignalKind, signal};
///
/// # let runtime = Runtime::new()?;
/// # runtime.block_on(async {
/// let mut hangups = signal(SignalKind::hangup())?;
/// # // SAFETY: raises a signal that is handled.
/// # unsafe { libc::raise(libc::SIGHUP) };
/// while hangups.recv().await.is_some() {
///     println!("reading the configuration again");
/// #   break;
/// }
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a listener does nothing unless it is asked"]
pub struct Signal {
    kind: SignalKind,
    reason: WaitReason,
    resource: u64,
    // Dropped in this order: no ring after the pipe's end is gone.
    _subscription: Subscription,
    bell: Arc<Bell>,
    receiver: Evented<pipe::Receiver>,
}

/// Listens for the signal `kind`, from now on, in this runtime.
///
/// # Errors
///
/// For a signal that cannot be listened for (see the module), if the system refuses the handler, if descriptors are
/// exhausted, and if the runtime has ended.
///
/// # Panics
///
/// Outside a runtime.
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    listen(kind, WaitReason::Signal, kind.0 as u64)
}

/// [`signal`] for a task that waits not for the signal but for what it tells of: for `reason`, at `resource`.
#[track_caller]
pub(crate) fn listen(kind: SignalKind, reason: WaitReason, resource: u64) -> io::Result<Signal> {
    let (bell, receiver) = Bell::new()?;
    let receiver = Evented::with_interest(receiver, Interest::READABLE)?.naming(resource);
    let subscription = Subscription::new(kind.0, bell.clone())?;
    Ok(Signal { kind, reason, resource, _subscription: subscription, bell, receiver })
}

impl Signal {
    /// Waits for the next signal.
    ///
    /// Should the runtime that it listens in have ended, the listener moves to the one that it is polled in, and misses
    /// nothing. `None` only if that fails, because it is polled in none for one.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped before it returns takes nothing: the next one is told.
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Self::recv) for a future that is written by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        loop {
            let bell = &self.bell;
            match ready!(self.receiver.poll_io(cx, Direction::Read, self.reason, |receiver| bell.hear(receiver))) {
                Ok(()) => return Poll::Ready(Some(())),
                // A pipe of whose ends we hold both does not fail: its runtime has ended.
                Err(_ended) => match self.move_here() {
                    Ok(true) => return Poll::Ready(Some(())),
                    Ok(false) => {}
                    Err(_) => return Poll::Ready(None),
                },
            }
        }
    }

    /// Listens in the runtime of this thread from now on: whether there was a signal before that.
    fn move_here(&mut self) -> io::Result<bool> {
        if runtime::reactor::<Sources>().is_err() {
            return Err(ended());
        }
        let here = listen(self.kind, self.reason, self.resource)?;
        let before = std::mem::replace(self, here);
        // A signal has rung the one, the other, or both, and is told of once.
        let rung = [&before, self].map(|listener| listener.bell.hear(&listener.receiver).is_ok());
        Ok(rung.contains(&true))
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("kind", &self.kind).finish_non_exhaustive()
    }
}
