//! What a descriptor is, in words: for who looks at a runtime and finds a task that waits for `fd 7`.
//!
//! A task says what it waits for with a number and nothing else ([`gumption_core::wait`]), because that costs two stores. The
//! words are made here, **at the time of the question**, by asking the system what the descriptor is: so a socket that nobody
//! asks about pays nothing, and one that is asked about pays a few system calls.
//!
//! ```text
//!   getsockopt(SO_TYPE) --not a socket--> fstat: a pipe? --no--> /proc/self/fd/N (Linux)
//!        | stream or datagram
//!        v
//!   getsockname, getpeername, SO_ACCEPTCONN
//!        |
//!        v
//!   tcp 127.0.0.1:4000 -> 10.0.0.1:5555      tcp listener 127.0.0.1:4000     udp 127.0.0.1:53
//!   unix /run/x.sock     unix -> /run/x.sock     unix listener /run/x.sock     unix (unnamed)     pipe
//! ```
//!
//! Anybody may call, from any thread, with any number. What it refuses: to touch the descriptor's state (no read, no option
//! is set, `SO_ERROR` is left where it is), and to guess: a number that is no open descriptor has no description.
//!
//! What the answer is worth: between what the task said and the question the descriptor may have been closed and its number
//! given to another. Who needs certainty looks at the task again afterwards.

use std::io;
use std::os::fd::RawFd;

use gumption_core::wait::WaitReason;
use socket2::SockAddr;

/// What a descriptor of this process is; `None` if it is not open.
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// let listener = gumption_io::net::TcpListener::bind("127.0.0.1:0").await?;
/// let text = gumption_io::describe::describe(std::os::fd::AsRawFd::as_raw_fd(&listener));
/// assert_eq!(text, Some(format!("tcp listener {}", listener.local_addr()?)));
/// # Ok(()) }) }
/// ```
pub fn describe(fd: RawFd) -> Option<String> {
    match option(fd, libc::SO_TYPE) {
        Some(kind) => socket(fd, kind).or_else(|| link(fd)),
        None => match is_pipe(fd)? {
            true => Some(pipe(link(fd))),
            false => link(fd),
        },
    }
}

/// What a task waits for, given the reason and the resource that it named: `IO read fd 7 tcp 127.0.0.1:4000`.
///
/// A resource that is a number of something is shown; one that is an address is not.
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::describe::waits_for;
/// use gumption_core::wait::WaitReason;
///
/// assert_eq!(waits_for(WaitReason::Sleep, 0), "sleep");
/// let (receiver, _sender) = std::io::pipe()?;
/// let fd = std::os::fd::AsRawFd::as_raw_fd(&receiver);
/// assert_eq!(waits_for(WaitReason::IoRead, fd as u64), format!("IO read fd {fd} pipe"));
/// # Ok(()) }) }
/// ```
pub fn waits_for(reason: WaitReason, resource: u64) -> String {
    use WaitReason::{IoAccept, IoConnect, IoRead, IoWrite, Join, Process, Select, Signal};

    match reason {
        IoRead | IoWrite | IoAccept | IoConnect => {
            let what = RawFd::try_from(resource).ok().and_then(describe);
            format!("{reason} fd {resource} {}", what.as_deref().unwrap_or("(not open)"))
        }
        Join => format!("{reason} task {resource}"),
        Signal | Process => format!("{reason} {resource}"),
        Select => format!("{reason} of {resource}"),
        _ => reason.to_string(),
    }
}

/// A socket's description, if its kind and family are known here.
fn socket(fd: RawFd, kind: libc::c_int) -> Option<String> {
    let local = name(fd, libc::getsockname).ok()?;
    let peer = name(fd, libc::getpeername).ok();
    let listens = option(fd, libc::SO_ACCEPTCONN).is_some_and(|listens| listens != 0);
    let unix = local.is_unix();
    let what = match (kind, unix, local.as_socket().is_some()) {
        (libc::SOCK_STREAM, true, _) => "unix",
        (libc::SOCK_DGRAM, true, _) => "unix datagram",
        (libc::SOCK_SEQPACKET, true, _) => "unix seqpacket",
        (libc::SOCK_STREAM, _, true) => "tcp",
        (libc::SOCK_DGRAM, _, true) => "udp",
        (libc::SOCK_RAW, _, true) => "raw",
        _ => return None,
    };
    let (local, peer) = (address(&local), peer.as_ref().and_then(address));
    Some(match (local, peer) {
        (Some(local), _) if listens => format!("{what} listener {local}"),
        // The name of a Unix server's sockets is the server's; its clients mostly have none.
        (Some(local), Some(peer)) if !unix || local != peer => format!("{what} {local} -> {peer}"),
        (Some(local), _) => format!("{what} {local}"),
        (None, Some(peer)) => format!("{what} -> {peer}"),
        (None, None) => format!("{what} (unnamed)"),
    })
}

/// An address in words, unless it has none.
fn address(address: &SockAddr) -> Option<String> {
    if let Some(ip) = address.as_socket() {
        return Some(ip.to_string());
    }
    if let Some(path) = address.as_pathname() {
        return Some(path.display().to_string());
    }
    // As Linux's tools write it.
    address.as_abstract_namespace().map(|name| format!("@{}", name.escape_ascii()))
}

/// A pipe's description: with its path, if it has one.
fn pipe(link: Option<String>) -> String {
    match link {
        Some(path) if path.starts_with('/') => format!("pipe {path}"),
        _ => "pipe".to_owned(),
    }
}

/// What `/proc` says that a descriptor is.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn link(fd: RawFd) -> Option<String> {
    let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    Some(link.display().to_string())
}

/// Nobody says what a descriptor is.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn link(_fd: RawFd) -> Option<String> {
    None
}

/// Whether a descriptor is a pipe; `None` if it is not open.
fn is_pipe(fd: RawFd) -> Option<bool> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: `stat` is writable; a number that is no open descriptor is an error.
    if unsafe { libc::fstat(fd, stat.as_mut_ptr()) } < 0 {
        return None;
    }
    // SAFETY: plain data, zeroed and then written by the system.
    Some(unsafe { stat.assume_init() }.st_mode & libc::S_IFMT == libc::S_IFIFO)
}

/// An option of a socket that is one number; `None` if it is no socket.
fn option(fd: RawFd, name: libc::c_int) -> Option<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `value` is writable for `size` bytes; a number that is no socket is an error.
    let result = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut size) };
    (result == 0).then_some(value)
}

type Name = unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

/// One of a socket's two addresses.
fn name(fd: RawFd, of: Name) -> io::Result<SockAddr> {
    // SAFETY: the call writes an address and its length, or fails; both places are valid.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| match of(fd, storage.cast(), length) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        })
    }?;
    Ok(address)
}
