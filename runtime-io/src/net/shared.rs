//! What all sockets do alike at their edges.
//!
//! Three small things that every socket type needs and none owns: refusing a descriptor in blocking mode at the door
//! ([`check_nonblocking`]), giving a descriptor out again ([`to_owned_fd`]), and the wait reason that goes with an interest
//! ([`reason_for`]). Sockets, pipes and `AsyncFd` call them.
//!
//! A blocking descriptor is an error and not a panic, in every build: one `read` on it would hold a whole processor, and the
//! scheduler could do nothing but to call in a spare.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};

use gumption_core::wait::WaitReason;

use crate::io::Interest;

/// An error if `fd` is in blocking mode. To be asked after it has been registered, so that a missing runtime is noticed first.
pub(crate) fn check_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as it is borrowed; F_GETFL takes no argument.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    if flags & libc::O_NONBLOCK == 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a socket in blocking mode cannot be registered with a runtime: call set_nonblocking(true) first",
        ));
    }
    Ok(())
}

/// The descriptor of something that owns it.
pub(crate) fn to_owned_fd(owner: impl IntoRawFd) -> OwnedFd {
    use std::os::fd::FromRawFd;
    // SAFETY: `into_raw_fd` hands the ownership over, of a descriptor that is open.
    unsafe { OwnedFd::from_raw_fd(owner.into_raw_fd()) }
}

/// What a task says that waits for `interest`.
pub(crate) fn reason_for(interest: Interest) -> WaitReason {
    if interest.is_writable() && !interest.is_readable() { WaitReason::IoWrite } else { WaitReason::IoRead }
}
