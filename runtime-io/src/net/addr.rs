//! [`ToSocketAddrs`]: what a socket may be told to connect or bind to; [`lookup_host`], which asks directly.
//!
//! Most are addresses already: those answer at once, on this thread, and so do strings that are written as one. Anything else
//! is a name, and the system's resolver blocks: it is asked on the blocking pool, and the task that waits says so
//! (`blocking pool`, with the closure's id). Dropping the wait does not stop the resolver, which finishes for nobody.
//!
//! The trait is sealed, as tokio's is: its one method hands out a future that no other crate can name, so that it may
//! change when traits can have better ones. Sockets of this crate call [`to_socket_addrs`].
//!
//! Nothing here caches, retries, or sorts: order is the resolver's, and who connects tries one after the other.

use std::future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use gumption_core::spawn_blocking;

use sealed::{MaybeReady, OneOrMore};

/// What can be turned into socket addresses, if need be by the system's resolver.
///
/// Implemented for addresses, for pairs of a host and a port, for slices of addresses, and for strings such as
/// `"127.0.0.1:80"` and `"example.org:80"`. Addresses are ready at once; names are resolved on the blocking pool.
///
/// It is sealed. To resolve something directly, use [`lookup_host`].
///
/// ```
/// use gumption_io::net::{TcpListener, TcpStream};
///
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// # Runtime::new()?.block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let port = listener.local_addr()?.port();
/// TcpStream::connect(("127.0.0.1", port)).await?;
/// TcpStream::connect(listener.local_addr()?).await?;
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait ToSocketAddrs: sealed::ToSocketAddrsPriv {}

/// Resolves `host`, a name and a port, to addresses, of which there may be none.
///
/// The system's resolver is asked, on the blocking pool. Who needs more (time limits, other records) uses a library for it.
///
/// ```
/// use gumption_io::net::lookup_host;
///
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// # Runtime::new()?.block_on(async {
/// for addr in lookup_host("localhost:3000").await? {
///     assert!(addr.ip().is_loopback());
///     assert_eq!(addr.port(), 3000);
/// }
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
///
/// Outside a runtime, if `host` is a name.
pub async fn lookup_host<T>(host: T) -> io::Result<impl Iterator<Item = SocketAddr>>
where
    T: ToSocketAddrs,
{
    to_socket_addrs(host).await
}

/// The addresses of `arg`, for the sockets of this crate.
pub(crate) fn to_socket_addrs<T>(arg: T) -> T::Future
where
    T: ToSocketAddrs,
{
    arg.to_socket_addrs(sealed::Internal)
}

/// Calls `f` with each address of `addr` until one succeeds. Not for an `f` that waits: an async closure makes a future
/// that the compiler cannot tell to be `Send` when it borrows, and that nobody could spawn.
///
/// # Errors
///
/// The last one, or that there is no address.
pub(crate) async fn try_each<A, R>(addr: A, mut f: impl FnMut(SocketAddr) -> io::Result<R>) -> io::Result<R>
where
    A: ToSocketAddrs,
{
    let mut last = None;
    for addr in to_socket_addrs(addr).await? {
        match f(addr) {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_address))
}

/// The error of whoever has tried all addresses and had none.
pub(crate) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any address")
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

impl<T> sealed::ToSocketAddrsPriv for &T
where
    T: sealed::ToSocketAddrsPriv + ?Sized,
{
    type Iter = T::Iter;
    type Future = T::Future;

    fn to_socket_addrs(&self, internal: sealed::Internal) -> Self::Future {
        (**self).to_socket_addrs(internal)
    }
}

/// Types that are an address.
macro_rules! one_address {
    ($($name:ty),+) => {$(
        impl ToSocketAddrs for $name {}

        impl sealed::ToSocketAddrsPriv for $name {
            type Iter = std::option::IntoIter<SocketAddr>;
            type Future = future::Ready<io::Result<Self::Iter>>;

            fn to_socket_addrs(&self, _: sealed::Internal) -> Self::Future {
                future::ready(Ok(Some(SocketAddr::from(*self)).into_iter()))
            }
        }
    )+};
}

one_address!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToSocketAddrs for &[SocketAddr] {}

impl sealed::ToSocketAddrsPriv for &[SocketAddr] {
    type Iter = std::vec::IntoIter<SocketAddr>;
    type Future = future::Ready<io::Result<Self::Iter>>;

    fn to_socket_addrs(&self, _: sealed::Internal) -> Self::Future {
        future::ready(Ok(Vec::from(*self).into_iter()))
    }
}

impl ToSocketAddrs for str {}

impl sealed::ToSocketAddrsPriv for str {
    type Iter = OneOrMore;
    type Future = MaybeReady;

    fn to_socket_addrs(&self, _: sealed::Internal) -> Self::Future {
        if let Ok(addr) = self.parse::<SocketAddr>() {
            return MaybeReady::one(addr);
        }
        let name = self.to_owned();
        MaybeReady::resolving(spawn_blocking(move || std::net::ToSocketAddrs::to_socket_addrs(&name)))
    }
}

impl ToSocketAddrs for (&str, u16) {}

impl sealed::ToSocketAddrsPriv for (&str, u16) {
    type Iter = OneOrMore;
    type Future = MaybeReady;

    fn to_socket_addrs(&self, _: sealed::Internal) -> Self::Future {
        let (host, port) = *self;
        if let Ok(ip) = host.parse::<IpAddr>() {
            return MaybeReady::one(SocketAddr::new(ip, port));
        }
        let host = host.to_owned();
        MaybeReady::resolving(spawn_blocking(move || std::net::ToSocketAddrs::to_socket_addrs(&(&*host, port))))
    }
}

impl ToSocketAddrs for (String, u16) {}

impl sealed::ToSocketAddrsPriv for (String, u16) {
    type Iter = OneOrMore;
    type Future = MaybeReady;

    fn to_socket_addrs(&self, internal: sealed::Internal) -> Self::Future {
        (&*self.0, self.1).to_socket_addrs(internal)
    }
}

impl ToSocketAddrs for String {}

impl sealed::ToSocketAddrsPriv for String {
    type Iter = OneOrMore;
    type Future = MaybeReady;

    fn to_socket_addrs(&self, internal: sealed::Internal) -> Self::Future {
        self[..].to_socket_addrs(internal)
    }
}

/// What only this crate can name.
pub(crate) mod sealed {
    use gumption_core::task::JoinHandle;
    use gumption_core::wait::{WaitReason, blocked_on};
    use std::future::Future;
    use std::io;
    use std::net::SocketAddr;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    #[doc(hidden)]
    pub trait ToSocketAddrsPriv {
        type Iter: Iterator<Item = SocketAddr> + Send + 'static;
        type Future: Future<Output = io::Result<Self::Iter>> + Send + 'static;

        fn to_socket_addrs(&self, internal: Internal) -> Self::Future;
    }

    /// Who has one is in this crate.
    #[doc(hidden)]
    #[derive(Debug)]
    pub struct Internal;

    type Resolved = std::vec::IntoIter<SocketAddr>;

    /// An address that is there already, or the resolver's answer.
    #[doc(hidden)]
    #[derive(Debug)]
    pub struct MaybeReady(State);

    #[derive(Debug)]
    enum State {
        Ready(Option<SocketAddr>),
        Resolving(JoinHandle<io::Result<Resolved>>),
    }

    #[doc(hidden)]
    #[derive(Debug)]
    pub enum OneOrMore {
        One(std::option::IntoIter<SocketAddr>),
        More(Resolved),
    }

    impl MaybeReady {
        pub(super) fn one(addr: SocketAddr) -> Self {
            Self(State::Ready(Some(addr)))
        }

        pub(super) fn resolving(answer: JoinHandle<io::Result<Resolved>>) -> Self {
            Self(State::Resolving(answer))
        }
    }

    impl Future for MaybeReady {
        type Output = io::Result<OneOrMore>;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            match &mut self.0 {
                State::Ready(addr) => Poll::Ready(Ok(OneOrMore::One(addr.take().into_iter()))),
                State::Resolving(answer) => {
                    if !answer.is_finished() {
                        // Wakes at once if it has finished since.
                        answer.set_join_waker(cx.waker());
                        blocked_on(WaitReason::BlockingPool, answer.id().as_u64());
                        return Poll::Pending;
                    }
                    let resolved = ready!(Pin::new(answer).poll(cx))?;
                    Poll::Ready(resolved.map(OneOrMore::More))
                }
            }
        }
    }

    impl Iterator for OneOrMore {
        type Item = SocketAddr;

        fn next(&mut self) -> Option<Self::Item> {
            match self {
                OneOrMore::One(addr) => addr.next(),
                OneOrMore::More(addrs) => addrs.next(),
            }
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            match self {
                OneOrMore::One(addr) => addr.size_hint(),
                OneOrMore::More(addrs) => addrs.size_hint(),
            }
        }
    }
}
