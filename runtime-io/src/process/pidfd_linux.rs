//! [`Pidfd`]: a descriptor of a process, which is readable once the process has ended. Linux has it since 5.3.
//!
//! Opened for a child that has not been waited for, so that its number cannot have passed to another process. The
//! descriptor tells of the end and of nothing else: who is told asks with `waitpid`. Where the system refuses to open one,
//! an older kernel or a sandbox, there is `SIGCHLD`.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

/// A process's descriptor.
#[derive(Debug)]
pub(super) struct Pidfd(OwnedFd);

impl Pidfd {
    /// The descriptor of the child `pid`, closed on exec.
    pub(super) fn open(pid: libc::pid_t) -> io::Result<Self> {
        // SAFETY: the call takes two integers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has made this descriptor for us. The kernel's descriptors fit into an int.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd as RawFd) }))
    }
}

impl AsRawFd for Pidfd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Source for Pidfd {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).register(registry, token, interest)
    }
    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).reregister(registry, token, interest)
    }
    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).deregister(registry)
    }
}
