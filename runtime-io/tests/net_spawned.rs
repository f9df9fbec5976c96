//! What resolves an address can be spawned: its future is `Send`, whatever names the address and whatever it borrows.
//!
//! That is for the compiler to say, and it says it only where a future is handed to `spawn`, or comes from a function of a
//! trait that promises `Send`: a future that is awaited where it was made, as in the doc examples, is never asked.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use gumption_core::runtime::Runtime;
use gumption_io::Netpoller;
use gumption_io::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn in_a_task<T: Send + 'static>(task: impl Future<Output = io::Result<T>> + Send + 'static) -> io::Result<T> {
    let runtime = Runtime::<Netpoller>::new()?;
    let handle = runtime.spawn(task);
    runtime.block_on(handle)?
}

/// As a trait of somebody else's says it: the future is `Send` for every lifetime of what it borrows.
trait Connects {
    fn connects(&self, to: impl ToSocketAddrs + Send) -> impl Future<Output = io::Result<SocketAddr>> + Send;
}

struct Datagrams;

impl Connects for Datagrams {
    async fn connects(&self, to: impl ToSocketAddrs + Send) -> io::Result<SocketAddr> {
        let socket = UdpSocket::bind(ANY).await?;
        socket.connect(to).await?;
        socket.peer_addr()
    }
}

struct Streams;

impl Connects for Streams {
    async fn connects(&self, to: impl ToSocketAddrs + Send) -> io::Result<SocketAddr> {
        TcpStream::connect(to).await?.peer_addr()
    }
}

#[test]
fn datagram_sockets_connect_in_a_task() -> io::Result<()> {
    in_a_task(async {
        let (one, other) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind(&[ANY.into()][..]).await?);
        let (here, there) = (one.local_addr()?, other.local_addr()?);
        assert_eq!(Datagrams.connects((String::from("127.0.0.1"), there.port())).await?, there);
        one.connect(there).await?;
        other.connect(format!("127.0.0.1:{}", here.port())).await?;
        one.send(b"ping").await?;
        let mut buf = [0; 8];
        assert_eq!(other.recv(&mut buf).await?, 4);
        assert_eq!(buf[..4], *b"ping");
        Ok(())
    })
}

#[test]
fn streams_connect_in_a_task() -> io::Result<()> {
    in_a_task(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        assert_eq!(Streams.connects(("127.0.0.1", address.port())).await?, address);
        assert_eq!(Streams.connects(&[address][..]).await?, address);
        Ok(())
    })
}

#[test]
fn no_address_is_an_error() -> io::Result<()> {
    in_a_task(async {
        let none: &[SocketAddr] = &[];
        let refused = [
            TcpStream::connect(none).await.map(drop),
            TcpListener::bind(none).await.map(drop),
            UdpSocket::bind(none).await.map(drop),
            UdpSocket::bind(ANY).await?.connect(none).await,
        ];
        for outcome in refused {
            assert_eq!(outcome.map_err(|error| error.kind()), Err(io::ErrorKind::InvalidInput));
        }
        Ok(())
    })
}
