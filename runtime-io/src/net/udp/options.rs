//! A UDP socket's options: broadcast, multicast, time to live, class of service, device.
//!
//! Each is one `getsockopt` or `setsockopt`, and is what the system makes of it: what a socket was not asked for, and what
//! values it takes, differs from system to system. Options for which this type has no method are set with
//! [`socket2::SockRef`], which takes any socket by its descriptor.
//!
//! Nothing here waits, and nothing changes readiness.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::UdpSocket;

impl UdpSocket {
    /// Whether the socket may send to broadcast addresses.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// assert!(!socket.broadcast()?);
    /// # Ok(()) }) }
    /// ```
    pub fn broadcast(&self) -> io::Result<bool> {
        self.io.broadcast()
    }

    /// Lets the socket send to broadcast addresses, or forbids it.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.set_broadcast(true)?;
    /// assert!(socket.broadcast()?);
    /// # Ok(()) }) }
    /// ```
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.io.set_broadcast(on)
    }

    /// Whether IPv4 multicasts sent from here are received on this host, too.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// assert!(socket.multicast_loop_v4()?);
    /// # Ok(()) }) }
    /// ```
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.io.multicast_loop_v4()
    }

    /// Says whether IPv4 multicasts sent from here are received on this host, too.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.set_multicast_loop_v4(false)?;
    /// assert!(!socket.multicast_loop_v4()?);
    /// # Ok(()) }) }
    /// ```
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.io.set_multicast_loop_v4(on)
    }

    /// How many routers an IPv4 multicast passes, the sender's network included.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// assert_eq!(socket.multicast_ttl_v4()?, 1);
    /// # Ok(()) }) }
    /// ```
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.io.multicast_ttl_v4()
    }

    /// Says how many routers an IPv4 multicast passes. 1, the default, is this network only.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.set_multicast_ttl_v4(7)?;
    /// assert_eq!(socket.multicast_ttl_v4()?, 7);
    /// # Ok(()) }) }
    /// ```
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.io.set_multicast_ttl_v4(ttl)
    }

    /// Whether this IPv6 socket receives the multicasts that it sends.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = gumption_io::net::UdpSocket::bind("[::1]:0").await?;
    /// assert!(socket.multicast_loop_v6()?);
    /// # Ok(()) }
    /// ```
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.io.multicast_loop_v6()
    }

    /// Says whether this IPv6 socket receives the multicasts that it sends.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = gumption_io::net::UdpSocket::bind("[::1]:0").await?;
    /// socket.set_multicast_loop_v6(false)?;
    /// # Ok(()) }
    /// ```
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.io.set_multicast_loop_v6(on)
    }

    /// The traffic class of datagrams sent over IPv6.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = gumption_io::net::UdpSocket::bind("[::1]:0").await?;
    /// assert_eq!(socket.tclass_v6()?, 0);
    /// # Ok(()) }
    /// ```
    #[cfg(any(target_vendor = "apple", target_os = "linux", target_os = "android", target_os = "freebsd"))]
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.as_socket().tclass_v6()
    }

    /// Sets the traffic class of datagrams sent over IPv6.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = gumption_io::net::UdpSocket::bind("[::1]:0").await?;
    /// socket.set_tclass_v6(16)?;
    /// # Ok(()) }
    /// ```
    #[cfg(any(target_vendor = "apple", target_os = "linux", target_os = "android", target_os = "freebsd"))]
    pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
        self.as_socket().set_tclass_v6(tclass)
    }

    /// The time to live of datagrams sent from here.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// assert!(socket.ttl()? > 0);
    /// # Ok(()) }) }
    /// ```
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.ttl()
    }

    /// Sets the time to live of datagrams sent from here: how many routers they pass.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.set_ttl(60)?;
    /// assert_eq!(socket.ttl()?, 60);
    /// # Ok(()) }) }
    /// ```
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.set_ttl(ttl)
    }

    /// The type of service of datagrams sent over IPv4.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// assert_eq!(socket.tos_v4()?, 0);
    /// # Ok(()) }) }
    /// ```
    #[cfg(not(any(target_os = "solaris", target_os = "illumos")))]
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.as_socket().tos_v4()
    }

    /// [`tos_v4`](Self::tos_v4), as it was called before.
    #[doc(hidden)]
    #[deprecated(note = "renamed to `tos_v4`: it is about IPv4 only")]
    #[cfg(not(any(target_os = "solaris", target_os = "illumos")))]
    pub fn tos(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// Sets the type of service of datagrams sent over IPv4.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.set_tos_v4(16)?;
    /// assert_eq!(socket.tos_v4()?, 16);
    /// # Ok(()) }) }
    /// ```
    #[cfg(not(any(target_os = "solaris", target_os = "illumos")))]
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.as_socket().set_tos_v4(tos)
    }

    /// [`set_tos_v4`](Self::set_tos_v4), as it was called before.
    #[doc(hidden)]
    #[deprecated(note = "renamed to `set_tos_v4`: it is about IPv4 only")]
    #[cfg(not(any(target_os = "solaris", target_os = "illumos")))]
    pub fn set_tos(&self, tos: u32) -> io::Result<()> {
        self.set_tos_v4(tos)
    }

    /// The device that the socket is bound to, if any: see [`bind_device`](Self::bind_device).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// # #[cfg(target_os = "linux")]
    /// assert_eq!(socket.device()?, None);
    /// # Ok(()) }) }
    /// ```
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.as_socket().device()
    }

    /// Binds the socket to a network device by its name (`SO_BINDTODEVICE`), so that only what comes in there is received;
    /// `None` undoes it.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> { gumption_core::runtime::Runtime::<gumption_io::Netpoller>::new()?.block_on(async {
    /// let socket = gumption_io::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// # #[cfg(target_os = "linux")]
    /// socket.bind_device(None)?;
    /// # Ok(()) }) }
    /// ```
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        self.as_socket().bind_device(interface)
    }

    /// Joins an IPv4 multicast group on the interface with the given address; the unspecified one lets the system choose.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = gumption_io::net::UdpSocket::bind("0.0.0.0:5353").await?;
    /// socket.join_multicast_v4([224, 0, 0, 251].into(), [0, 0, 0, 0].into())?;
    /// # Ok(()) }
    /// ```
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.join_multicast_v4(&multiaddr, &interface)
    }

    /// Joins an IPv6 multicast group on the interface with the given index; 0 lets the system choose.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = gumption_io::net::UdpSocket::bind("[::]:5353").await?;
    /// socket.join_multicast_v6(&"ff02::fb".parse().expect("an address"), 0)?;
    /// # Ok(()) }
    /// ```
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.join_multicast_v6(multiaddr, interface)
    }

    /// Leaves an IPv4 multicast group: undoes [`join_multicast_v4`](Self::join_multicast_v4).
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = gumption_io::net::UdpSocket::bind("0.0.0.0:5353").await?;
    /// socket.join_multicast_v4([224, 0, 0, 251].into(), [0, 0, 0, 0].into())?;
    /// socket.leave_multicast_v4([224, 0, 0, 251].into(), [0, 0, 0, 0].into())?;
    /// # Ok(()) }
    /// ```
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.leave_multicast_v4(&multiaddr, &interface)
    }

    /// Leaves an IPv6 multicast group: undoes [`join_multicast_v6`](Self::join_multicast_v6).
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let socket = gumption_io::net::UdpSocket::bind("[::]:5353").await?;
    /// socket.join_multicast_v6(&"ff02::fb".parse().expect("an address"), 0)?;
    /// socket.leave_multicast_v6(&"ff02::fb".parse().expect("an address"), 0)?;
    /// # Ok(()) }
    /// ```
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.leave_multicast_v6(multiaddr, interface)
    }
}
