//! [`SocketAddr`]: where a Unix socket is found.
//!
//! A Unix socket has a path in the file system, or on Linux an *abstract* name that is in no directory and goes away with
//! the socket, or, most often, no name at all: the two ends of a pair, and every client that has not bound itself.
//!
//! The type wraps the standard library's and converts to and from it; it is its own type because tokio's is. Paths that
//! begin with a zero byte mean abstract names wherever tokio takes them so: [`from_path`] is that rule. It refuses what the
//! system cannot express: paths longer than about a hundred bytes, and zero bytes elsewhere.

use std::fmt;
use std::io;
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;
use std::path::Path;

/// The address of a Unix socket.
///
/// ```
/// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
/// use gumption_io::net::UnixListener;
///
/// let directory = std::env::temp_dir().join(format!("gumption-doc-address-{}", std::process::id()));
/// std::fs::create_dir_all(&directory)?;
/// let path = directory.join("socket");
/// let listener = UnixListener::bind(&path)?;
/// assert_eq!(listener.local_addr()?.as_pathname(), Some(path.as_path()));
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct SocketAddr(pub(super) net::SocketAddr);

impl SocketAddr {
    /// Whether the socket has no name.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert!(a.local_addr()?.is_unnamed());
    /// # Ok(()) }) }
    /// ```
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The path, if it has one.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let (a, _b) = gumption_io::net::UnixStream::pair()?;
    /// assert_eq!(a.local_addr()?.as_pathname(), None);
    /// # Ok(()) }) }
    /// ```
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_pathname()
    }

    /// The abstract name without its leading zero byte, if it has one.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let name = format!("\0gumption-doc-{}", std::process::id());
    /// let listener = gumption_io::net::UnixListener::bind(&name)?;
    /// assert_eq!(listener.local_addr()?.as_abstract_name(), Some(&name.as_bytes()[1..]));
    /// # Ok(()) }) }
    /// ```
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.0.as_abstract_name()
    }
}

/// The address that a path means: with a zero byte in front an abstract name.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn from_path(path: &Path) -> io::Result<SocketAddr> {
    use std::os::unix::ffi::OsStrExt;

    match path.as_os_str().as_bytes().strip_prefix(b"\0") {
        Some(name) => net::SocketAddr::from_abstract_name(name),
        None => net::SocketAddr::from_pathname(path),
    }
    .map(SocketAddr)
}

/// The address that a path means.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn from_path(path: &Path) -> io::Result<SocketAddr> {
    net::SocketAddr::from_pathname(path).map(SocketAddr)
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<net::SocketAddr> for SocketAddr {
    fn from(address: net::SocketAddr) -> Self {
        Self(address)
    }
}

impl From<SocketAddr> for net::SocketAddr {
    fn from(address: SocketAddr) -> Self {
        address.0
    }
}
