//! [`Pidfd`], where the system has no descriptors of processes: none can be opened, and `SIGCHLD` tells of each end.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use mio::event::Source;
use mio::{Interest, Registry, Token};

/// A process's descriptor, of which there is none.
#[derive(Debug)]
pub(super) struct Pidfd(Infallible);

impl Pidfd {
    /// Says that the system has no such thing.
    pub(super) fn open(_pid: libc::pid_t) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl AsRawFd for Pidfd {
    fn as_raw_fd(&self) -> RawFd {
        match self.0 {}
    }
}

impl Source for Pidfd {
    fn register(&mut self, _registry: &Registry, _token: Token, _interest: Interest) -> io::Result<()> {
        match self.0 {}
    }
    fn reregister(&mut self, _registry: &Registry, _token: Token, _interest: Interest) -> io::Result<()> {
        match self.0 {}
    }
    fn deregister(&mut self, _registry: &Registry) -> io::Result<()> {
        match self.0 {}
    }
}
