//! What `getsockopt` and `setsockopt` say about a [`TcpStream`]: one system call each, nothing kept here.
//!
//! Lingering is the one that can hurt: `SO_LINGER` with a time makes the last close of a socket wait, in the kernel, on
//! whatever thread drops the stream, non-blocking or not. So [`set_linger`](TcpStream::set_linger) is deprecated here as it is in
//! tokio, and [`set_zero_linger`](TcpStream::set_zero_linger), which waits for nothing, stands beside it.
//!
//! A [`TcpSocket`](crate::net::TcpSocket) sets more, before there is a connection.

use std::io;
use std::time::Duration;

use socket2::SockRef;

use super::TcpStream;

impl TcpStream {
    /// What went wrong on the socket since this was last asked (`SO_ERROR`).
    ///
    /// ```
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert!(stream.take_error()?.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// ```
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert!(!stream.nodelay()?);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.nodelay()
    }

    /// Sends small writes at once, instead of waiting for an acknowledgement of what went before (`TCP_NODELAY`): for whoever
    /// writes a message in one piece and waits for the answer.
    ///
    /// ```
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.set_nodelay(true)?;
    /// assert!(stream.nodelay()?);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.set_nodelay(nodelay)
    }

    /// Whether what comes is acknowledged at once (`TCP_QUICKACK`). The kernel changes it by itself.
    ///
    /// ```
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// println!("{}", stream.quickack()?);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia", target_os = "cygwin"))]
    pub fn quickack(&self) -> io::Result<bool> {
        SockRef::from(&*self.io).tcp_quickack()
    }

    /// Acknowledges at once, or late, what comes next (`TCP_QUICKACK`). Not for good: the kernel goes its own way again after a
    /// while.
    ///
    /// ```
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.set_quickack(true)?;
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia", target_os = "cygwin"))]
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        SockRef::from(&*self.io).set_tcp_quickack(quickack)
    }

    /// How long closing waits for what is still to be sent (`SO_LINGER`).
    ///
    /// ```
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert_eq!(stream.linger()?, None);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(&*self.io).linger()
    }

    /// Has closing wait for what is still to be sent (`SO_LINGER`).
    ///
    /// **It blocks the thread that drops the stream**, for as long as this says. To send all and know that it has arrived, shut down
    /// and read until the end; to reset, use [`set_zero_linger`](Self::set_zero_linger).
    ///
    /// ```
    /// # #![allow(deprecated)]
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.set_linger(None)?;
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[deprecated = "`SO_LINGER` blocks the thread that drops the stream"]
    pub fn set_linger(&self, dur: Option<Duration>) -> io::Result<()> {
        SockRef::from(&*self.io).set_linger(dur)
    }

    /// Has closing reset the connection and throw away what is still to be sent (`SO_LINGER` of 0): the other side reads
    /// `ConnectionReset`.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.set_zero_linger()?;
    /// assert_eq!(stream.linger()?, Some(Duration::ZERO));
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_zero_linger(&self) -> io::Result<()> {
        SockRef::from(&*self.io).set_linger(Some(Duration::ZERO))
    }

    /// How many hops a packet may take (`IP_TTL`).
    ///
    /// ```
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert!(stream.ttl()? > 0);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.ttl()
    }

    /// How many hops a packet may take (`IP_TTL`).
    ///
    /// ```
    /// # use gumption_io::net::{TcpListener, TcpStream};
    /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
    /// # Runtime::new()?.block_on(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.set_ttl(123)?;
    /// assert_eq!(stream.ttl()?, 123);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.set_ttl(ttl)
    }
}
