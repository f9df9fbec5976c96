//! [`UCred`]: which process is on the other side of a Unix socket.
//!
//! The kernel notes user, group and, where it can, process when the connection is made, and nothing that the peer sends can
//! change it: so this is what a local service checks before it trusts its client. The process may have ended since, and
//! its number may belong to another; user and group are the sure part.
//!
//! One small function per family of systems, chosen at compile time; a system without such a call gives `Unsupported` rather
//! than an answer that somebody might trust. Only [`UnixStream::peer_cred`](crate::net::UnixStream::peer_cred) calls it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::{gid_t, pid_t, uid_t};

/// Who a process is: its user, its group, and its number where the system tells it.
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// let (a, _b) = gumption_io::net::UnixStream::pair()?;
/// let peer = a.peer_cred()?;
/// // Both ends are ours.
/// # #[cfg(target_os = "linux")]
/// assert_eq!(peer.pid(), Some(std::process::id() as i32));
/// # Ok(()) }) }
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct UCred {
    pid: Option<pid_t>,
    uid: uid_t,
    gid: gid_t,
}

impl UCred {
    /// The user.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// assert_eq!(a.peer_cred()?.uid(), b.peer_cred()?.uid());
    /// # Ok(()) }) }
    /// ```
    pub fn uid(&self) -> uid_t {
        self.uid
    }

    /// The group.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// assert_eq!(a.peer_cred()?.gid(), b.peer_cred()?.gid());
    /// # Ok(()) }) }
    /// ```
    pub fn gid(&self) -> gid_t {
        self.gid
    }

    /// The process, on Linux, Android, OpenBSD and Apple's systems; elsewhere `None`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, b) = gumption_io::net::UnixStream::pair()?;
    /// assert_eq!(a.peer_cred()?.pid(), b.peer_cred()?.pid());
    /// # Ok(()) }) }
    /// ```
    pub fn pid(&self) -> Option<pid_t> {
        self.pid
    }
}

/// A socket option of type `T`, which all zero bytes are a value of.
///
/// # Safety
///
/// `T` is the plain structure or number that the system documents for the option.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "openbsd", target_vendor = "apple"))]
unsafe fn option<T>(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int) -> io::Result<T> {
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    let mut size = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` is writable for `size` bytes, and the descriptor is open for as long as it is borrowed.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut size) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    if size as usize != size_of::<T>() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the peer's credentials have an unknown form"));
    }
    // SAFETY: zeroed, then written by the system; plain data by the caller's promise.
    Ok(unsafe { value.assume_init() })
}

#[cfg(target_os = "openbsd")]
use libc::sockpeercred as Peer;
#[cfg(any(target_os = "linux", target_os = "android"))]
use libc::ucred as Peer;

/// Who is on the other side of `socket`.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "openbsd"))]
pub(super) fn peer_of(socket: BorrowedFd<'_>) -> io::Result<UCred> {
    // SAFETY: what SO_PEERCRED is documented to fill in, three numbers.
    let peer: Peer = unsafe { option(socket, libc::SOL_SOCKET, libc::SO_PEERCRED) }?;
    Ok(UCred { pid: Some(peer.pid), uid: peer.uid, gid: peer.gid })
}

/// Who is on the other side of `socket`.
#[cfg(target_vendor = "apple")]
pub(super) fn peer_of(socket: BorrowedFd<'_>) -> io::Result<UCred> {
    // SAFETY: what LOCAL_PEEREPID is documented to fill in, a number.
    let pid: libc::pid_t = unsafe { option(socket, libc::SOL_LOCAL, libc::LOCAL_PEEREPID) }?;
    let (uid, gid) = effective_ids(socket)?;
    Ok(UCred { pid: Some(pid), uid, gid })
}

/// Who is on the other side of `socket`.
#[cfg(any(target_os = "freebsd", target_os = "dragonfly", target_os = "netbsd"))]
pub(super) fn peer_of(socket: BorrowedFd<'_>) -> io::Result<UCred> {
    let (uid, gid) = effective_ids(socket)?;
    Ok(UCred { pid: None, uid, gid })
}

/// User and group of the peer.
#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "dragonfly", target_os = "netbsd"))]
fn effective_ids(socket: BorrowedFd<'_>) -> io::Result<(uid_t, gid_t)> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: both are writable, and the descriptor is open for as long as it is borrowed.
    let result = unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut uid, &raw mut gid) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok((uid, gid)) }
}

/// This system does not tell, or not in a way that is known here.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "openbsd",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd"
)))]
pub(super) fn peer_of(_socket: BorrowedFd<'_>) -> io::Result<UCred> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system does not tell who a socket's peer is"))
}
