//! UDP between sockets of this process: whole datagrams, any number of waiters, nothing lost by who gives up.
#![cfg(unix)]

mod both;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use both::{Result, on_each, poll_once};
use gumption_core::{spawn, yield_now};
use gumption_io::io::{Interest, ReadBuf};
use gumption_io::net::UdpSocket;

async fn bound() -> Result<UdpSocket> {
    UdpSocket::bind("127.0.0.1:0").await
}

/// Two sockets, connected to each other.
async fn connected() -> Result<(UdpSocket, UdpSocket)> {
    let (a, b) = (bound().await?, bound().await?);
    a.connect(b.local_addr()?).await?;
    b.connect(a.local_addr()?).await?;
    Ok((a, b))
}

#[test]
fn datagrams_go_there_and_back() {
    on_each(|| async {
        let server = bound().await?;
        let addr = server.local_addr()?;
        let echo = spawn(async move {
            let mut buf = [0; 2000];
            loop {
                let (n, from) = server.recv_from(&mut buf).await?;
                if n == 0 {
                    return Result::Ok(());
                }
                assert_eq!(server.send_to(&buf[..n], from).await?, n);
            }
        });
        let client = bound().await?;
        client.connect(addr).await?;
        assert_eq!(client.peer_addr()?, addr);
        let mut buf = [0; 2000];
        for len in [1, 7, 100, 1400] {
            let sent = both::pattern(len);
            assert_eq!(client.send(&sent).await?, len);
            assert_eq!(client.recv(&mut buf).await?, len);
            assert_eq!(buf[..len], sent);
        }
        // An empty datagram is one, too.
        assert_eq!(client.send(&[]).await?, 0);
        echo.await?
    });
}

#[test]
fn a_datagram_is_cut_off_and_not_split() {
    on_each(|| async {
        let (a, b) = connected().await?;
        a.send(b"first and long").await?;
        a.send(b"second").await?;
        let mut buf = [0; 5];
        assert_eq!((b.recv(&mut buf).await?, &buf), (5, b"first"));
        assert_eq!((b.recv(&mut buf).await?, &buf), (5, b"secon"));
        Ok(())
    });
}

#[test]
fn each_waiter_gets_one() {
    on_each(|| async {
        const WAITERS: u8 = 20;
        let (a, b) = connected().await?;
        let b = Arc::new(b);
        let waiters: Vec<_> = (0..WAITERS)
            .map(|_| {
                let b = b.clone();
                spawn(async move {
                    let mut byte = [0];
                    b.recv(&mut byte).await.map(|_| byte[0])
                })
            })
            .collect();
        for byte in 0..WAITERS {
            a.send(&[byte]).await?;
            yield_now().await;
        }
        let mut heard = BTreeSet::new();
        for waiter in waiters {
            heard.insert(waiter.await??);
        }
        assert_eq!(heard, (0..WAITERS).collect());
        Ok(())
    });
}

#[test]
fn who_gives_up_takes_nothing_along() {
    on_each(|| async {
        let (a, b) = connected().await?;
        for round in 0..50 {
            let mut lost = [0; 4];
            assert!(poll_once(b.recv(&mut lost)).await.is_none());
            {
                // One more that waits when the datagram comes, and is dropped after it was woken.
                let mut waits = std::pin::pin!(b.recv(&mut lost));
                assert!(poll_once(waits.as_mut()).await.is_none());
                a.send(&[round]).await?;
                yield_now().await;
            }
            let mut byte = [0; 4];
            assert_eq!(b.recv(&mut byte).await?, 1);
            assert_eq!(byte[0], round);
        }
        Ok(())
    });
}

#[test]
fn a_waiter_that_was_woken_and_dropped_leaves_the_datagram_to_the_other() {
    on_each(|| async {
        let (a, b) = connected().await?;
        let b = Arc::new(b);
        for round in 0..50 {
            let other = {
                let b = b.clone();
                spawn(async move {
                    let mut byte = [0];
                    b.recv(&mut byte).await.map(|_| byte[0])
                })
            };
            let mut byte = [0];
            {
                let mut waits = std::pin::pin!(b.recv(&mut byte));
                assert!(poll_once(waits.as_mut()).await.is_none());
                yield_now().await;
                a.send(&[round]).await?;
            }
            assert_eq!(other.await??, round);
        }
        Ok(())
    });
}

#[test]
fn a_peek_leaves_the_datagram() {
    on_each(|| async {
        let (a, b) = connected().await?;
        let from = a.local_addr()?;
        a.send(b"hello").await?;
        let mut buf = [0; 16];
        assert_eq!(b.peek_sender().await?, from);
        assert_eq!(b.peek(&mut buf).await?, 5);
        assert_eq!(b.peek_from(&mut buf[..2]).await?, (2, from));
        assert_eq!(b.try_peek(&mut buf)?, 5);
        assert_eq!(b.try_peek_from(&mut buf)?, (5, from));
        assert_eq!(b.try_peek_sender()?, from);
        assert_eq!(b.recv_from(&mut buf).await?, (5, from));
        assert_eq!(b.try_peek(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        Ok(())
    });
}

#[test]
fn buffers_grow_by_what_came() {
    on_each(|| async {
        let (a, b) = connected().await?;
        let from = a.local_addr()?;
        let mut heard = Vec::with_capacity(64);
        a.send(b"one").await?;
        assert_eq!(b.recv_buf(&mut heard).await?, 3);
        a.send(b"two").await?;
        assert_eq!(b.recv_buf_from(&mut heard).await?, (3, from));
        a.send(b"six").await?;
        b.readable().await?;
        assert_eq!(b.try_recv_buf(&mut heard)?, 3);
        assert_eq!(b.try_recv_buf(&mut heard).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(heard, b"onetwosix");

        a.send(b"ten").await?;
        let mut room = [std::mem::MaybeUninit::uninit(); 8];
        let mut buf = ReadBuf::uninit(&mut room);
        buf.put_slice(b">");
        assert_eq!(std::future::poll_fn(|cx| b.poll_recv_from(cx, &mut buf)).await?, from);
        assert_eq!(buf.filled(), b">ten");
        Ok(())
    });
}

#[test]
fn a_closed_port_is_told_to_who_is_connected_to_it() {
    on_each(|| async {
        let nobody = bound().await?.local_addr()?;
        let socket = bound().await?;
        socket.connect(nobody).await?;
        socket.send(b"anybody?").await?;
        let refused = socket.recv(&mut [0; 16]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        // It is told once, and the socket goes on.
        assert!(socket.take_error()?.is_none());
        let other = bound().await?;
        socket.connect(other.local_addr()?).await?;
        socket.send(b"you?").await?;
        assert_eq!(other.recv(&mut [0; 16]).await?, 4);
        Ok(())
    });
}

#[test]
fn a_try_clears_what_would_block_and_an_event_brings_it_back() {
    on_each(|| async {
        let (a, b) = connected().await?;
        a.send(b"x").await?;
        b.readable().await?;
        let would_block = b.try_io(Interest::READABLE, || Err::<(), _>(ErrorKind::WouldBlock.into()));
        assert_eq!(would_block.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(poll_once(b.readable()).await.is_none(), "it was cleared");
        a.send(b"y").await?;
        b.readable().await?;
        let mut byte = [0];
        assert_eq!((b.try_recv(&mut byte)?, &byte), (1, b"x"));
        assert_eq!((b.try_recv(&mut byte)?, &byte), (1, b"y"));
        Ok(())
    });
}

#[test]
fn to_std_and_back() {
    on_each(|| async {
        let socket = bound().await?;
        let (fd, addr) = (socket.as_raw_fd(), socket.local_addr()?);
        let socket = socket.into_std()?;
        assert_eq!((socket.as_raw_fd(), socket.local_addr()?), (fd, addr));
        socket.set_nonblocking(false)?;
        let blocking = UdpSocket::from_std(socket.try_clone()?).unwrap_err();
        assert_eq!(blocking.kind(), ErrorKind::InvalidInput);
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::try_from(socket)?;
        socket.send_to(b"x", addr).await?;
        assert_eq!(socket.recv(&mut [0; 4]).await?, 1);
        Ok(())
    });
}

#[test]
fn what_nobody_can_bind_or_send_to_is_an_error() {
    on_each(|| async {
        let taken = bound().await?;
        assert_eq!(UdpSocket::bind(taken.local_addr()?).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        let none: &[std::net::SocketAddr] = &[];
        assert_eq!(UdpSocket::bind(none).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(taken.connect(none).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(taken.send_to(b"x", none).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(taken.send_to(&[0; 70_000], taken.local_addr()?).await.is_err());
        assert!(taken.send(b"x").await.is_err(), "it is not connected");
        Ok(())
    });
}

#[test]
fn outside_a_runtime_it_says_so() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_nonblocking(true).expect("a socket");
    let panic = catch_unwind(AssertUnwindSafe(|| UdpSocket::from_std(socket))).expect_err("it panics");
    let text = panic.downcast_ref::<String>().expect("a message");
    assert!(text.contains("runtime"), "{text}");
}
