//! The system calls behind on-CPU stacks: who am I, copy memory that may not be there, send one thread a signal, put a
//! handler in its place.
//!
//! The first two are made inside signal handlers: they are bare system calls, and leave `errno` as it was. Linux; elsewhere
//! they say that they cannot.

use std::ffi::{c_int, c_void};

/// A handler of signals, with what the kernel tells it.
pub type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// Why a signal's handler cannot be put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CannotHandle {
    /// The program has a handler of its own for this signal.
    Taken {
        /// The signal.
        signal: c_int,
    },
    /// The kernel refused.
    Refused {
        /// The signal.
        signal: c_int,
        /// What it said.
        error: String,
    },
    /// There are no such signals here.
    Unsupported,
}

impl std::fmt::Display for CannotHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Taken { signal } => {
                write!(f, "the program has a handler of its own for signal {signal}: choose another signal")
            }
            Self::Refused { signal, error } => write!(f, "signal {signal} cannot be handled: {error}"),
            Self::Unsupported => f.write_str("not supported on this platform"),
        }
    }
}

impl std::error::Error for CannotHandle {}

/// Why a thread cannot be sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CannotSend {
    /// It has ended.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    Gone,
    /// The kernel refused.
    Refused,
}

pub use imp::install;
pub(super) use imp::{copy_memory, send};
pub(crate) use imp::{preserving_errno, this_thread};

#[cfg(target_os = "linux")]
mod imp {
    use super::{CannotHandle, CannotSend, Handler};
    use std::ffi::{c_int, c_void};
    use std::io;

    /// The kernel's number of this thread. May be called in a signal handler.
    pub fn this_thread() -> u64 {
        // SAFETY: takes nothing, cannot fail.
        unsafe { libc::syscall(libc::SYS_gettid) as u64 }
    }

    /// Runs what a handler does, and leaves `errno` as the interrupted code had it.
    pub fn preserving_errno<R>(f: impl FnOnce() -> R) -> R {
        // SAFETY: this thread's own.
        let saved = unsafe { *libc::__errno_location() };
        let result = f();
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = saved };
        result
    }

    /// Copies this process' memory from `address` on, as far as it can be read; none if the kernel does not do that at all.
    /// May be called in a signal handler.
    pub fn copy_memory(address: u64, into: &mut [u8]) -> Option<usize> {
        let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
        let remote = libc::iovec { iov_base: address as *mut c_void, iov_len: into.len() };
        // As wide as the kernel reads them: of an `int` behind the sixth argument half the word would be whatever was there.
        let (one, flags): (libc::c_ulong, libc::c_ulong) = (1, 0);
        // SAFETY: writes to `into` and nowhere else; what it reads, it checks.
        let copied =
            unsafe { libc::syscall(libc::SYS_process_vm_readv, libc::getpid(), &local, one, &remote, one, flags) };
        usize::try_from(copied).ok()
    }

    /// Sends `signal` to a thread of this process.
    pub fn send(thread: u64, signal: c_int) -> Result<(), CannotSend> {
        // SAFETY: sends a signal for which the caller has installed a handler.
        if unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread as libc::pid_t, signal) } == 0 {
            return Ok(());
        }
        match io::Error::last_os_error().raw_os_error() {
            Some(libc::ESRCH) => Err(CannotSend::Gone),
            _ => Err(CannotSend::Refused),
        }
    }

    /// Puts `handler` in place for `signal`, if the program has none of its own; again and again, if need be.
    ///
    /// Interrupted system calls go on by themselves (`SA_RESTART`), but for those that never do: `epoll_wait`, `poll`.
    ///
    /// # Errors
    ///
    /// The program has a handler for it; or the kernel refused.
    pub fn install(signal: c_int, handler: Handler) -> Result<(), CannotHandle> {
        let ours = handler as *const () as libc::sighandler_t;
        let refused = || CannotHandle::Refused { signal, error: io::Error::last_os_error().to_string() };
        let free = |action: &libc::sigaction| matches!(action.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN);
        // SAFETY: plain data, for which all zeros are a value.
        let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: asks, and writes to `before`.
        if unsafe { libc::sigaction(signal, std::ptr::null(), &mut before) } != 0 {
            return Err(refused());
        }
        if before.sa_sigaction == ours {
            return Ok(());
        }
        if !free(&before) {
            return Err(CannotHandle::Taken { signal });
        }
        // SAFETY: as above.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = ours;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        // SAFETY: `handler` keeps to what handlers may do; `before` is written to.
        if unsafe { libc::sigaction(signal, &action, &mut before) } != 0 {
            return Err(refused());
        }
        if !free(&before) && before.sa_sigaction != ours {
            // Somebody came between the two calls: theirs again.
            // SAFETY: puts back what was there.
            unsafe { libc::sigaction(signal, &before, std::ptr::null_mut()) };
            return Err(CannotHandle::Taken { signal });
        }
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use super::{CannotHandle, CannotSend, Handler};
    use std::ffi::c_int;

    pub fn this_thread() -> u64 {
        0
    }

    pub fn preserving_errno<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    pub fn copy_memory(_address: u64, _into: &mut [u8]) -> Option<usize> {
        None
    }

    pub fn send(_thread: u64, _signal: c_int) -> Result<(), CannotSend> {
        Err(CannotSend::Refused)
    }

    /// Says that there is no such thing here.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn install(_signal: c_int, _handler: Handler) -> Result<(), CannotHandle> {
        Err(CannotHandle::Unsupported)
    }
}
