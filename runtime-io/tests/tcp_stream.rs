//! A connection from its beginning to each of its ends: connecting, bytes both ways, shutdown, reset, a peer that is gone.
#![cfg(unix)]

mod both;

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::Duration;

use both::{Result, listener, on_each, pair, pattern, poll_once};
use gumption_core::runtime::Runtime;
use gumption_core::{spawn, yield_now};
use gumption_io::Netpoller;
use gumption_io::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use gumption_io::net::{TcpListener, TcpSocket, TcpStream};

/// An address that nobody listens at.
fn nobody() -> Result<SocketAddr> {
    std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()
}

#[test]
fn bytes_go_both_ways_and_end() {
    on_each(|| async {
        let listener = listener().await?;
        let addr = listener.local_addr()?;
        let server = spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let mut buf = [0; 1000];
            loop {
                match stream.read(&mut buf).await? {
                    0 => return stream.shutdown().await,
                    n => stream.write_all(&buf[..n]).await?,
                }
            }
        });
        let mut client = TcpStream::connect(addr).await?;
        for round in 0..100 {
            let sent = pattern(1 + round * 7);
            client.write_all(&sent).await?;
            let mut heard = vec![0; sent.len()];
            client.read_exact(&mut heard).await?;
            assert_eq!(heard, sent);
        }
        client.shutdown().await?;
        assert_eq!(client.read(&mut [0; 1]).await?, 0);
        server.await?
    });
}

#[test]
fn many_connections_at_once() {
    on_each(|| async {
        let listener = listener().await?;
        let addr = listener.local_addr()?;
        let server = spawn(async move {
            let mut tasks = Vec::new();
            for _ in 0..64 {
                let (mut stream, _) = listener.accept().await?;
                tasks.push(spawn(async move {
                    let mut all = Vec::new();
                    stream.read_to_end(&mut all).await?;
                    stream.write_all(&all).await
                }));
            }
            for task in tasks {
                task.await??;
            }
            Result::Ok(())
        });
        let clients: Vec<_> = (0..64)
            .map(|i| {
                spawn(async move {
                    let mut stream = TcpStream::connect(addr).await?;
                    let sent = pattern(i * 100);
                    stream.write_all(&sent).await?;
                    stream.shutdown().await?;
                    let mut heard = Vec::new();
                    stream.read_to_end(&mut heard).await?;
                    assert_eq!(heard, sent);
                    Result::Ok(())
                })
            })
            .collect();
        for client in clients {
            client.await??;
        }
        server.await?
    });
}

#[test]
fn a_slow_reader_gets_sixteen_mebibytes() {
    on_each(|| async {
        let (mut client, mut server) = pair().await?;
        let sent = pattern(16 << 20);
        let expected = sent.clone();
        let writer = spawn(async move {
            client.write_all(&sent).await?;
            client.shutdown().await
        });
        let mut heard = Vec::with_capacity(expected.len());
        let mut buf = vec![0; 60_000];
        loop {
            for _ in 0..3 {
                yield_now().await;
            }
            match server.read(&mut buf).await? {
                0 => break,
                n => heard.extend_from_slice(&buf[..n]),
            }
        }
        assert!(heard == expected, "bytes are lost or changed");
        writer.await?
    });
}

#[test]
fn several_buffers_are_written_in_order() {
    on_each(|| async {
        let (mut client, mut server) = pair().await?;
        assert!(client.is_write_vectored());
        let (head, body) = (pattern(10), pattern(100_000));
        let expected = [&head[..], &body, &head].concat();
        let reader = spawn(async move {
            let mut heard = Vec::new();
            server.read_to_end(&mut heard).await?;
            Result::Ok(heard)
        });
        let mut bufs = [IoSlice::new(&head), IoSlice::new(&body), IoSlice::new(&head)];
        let mut left = &mut bufs[..];
        while !left.is_empty() {
            let written = client.write_vectored(left).await?;
            assert!(written > 0);
            IoSlice::advance_slices(&mut left, written);
        }
        drop(client);
        assert_eq!(reader.await??, expected);
        Ok(())
    });
}

#[test]
fn empty_reads_and_writes_mean_nothing() {
    on_each(|| async {
        let (mut client, mut server) = pair().await?;
        assert_eq!(client.write(&[]).await?, 0);
        assert_eq!(client.write_vectored(&[]).await?, 0);
        client.write_all(b"x").await?;
        server.readable().await?;
        assert_eq!(server.read(&mut []).await?, 0);
        // It was not the end, and took nothing.
        let mut buf = [0; 4];
        assert_eq!(server.read(&mut buf).await?, 1);
        assert_eq!(buf[0], b'x');
        Ok(())
    });
}

#[test]
fn a_read_appends_to_what_is_filled() {
    on_each(|| async {
        let (mut client, mut server) = pair().await?;
        client.write_all(b"def").await?;
        server.readable().await?;
        let mut memory = [std::mem::MaybeUninit::uninit(); 8];
        let mut buf = ReadBuf::uninit(&mut memory);
        buf.put_slice(b"abc");
        std::future::poll_fn(|cx| Pin::new(&mut server).poll_read(cx, &mut buf)).await?;
        assert_eq!(buf.filled(), b"abcdef");
        assert_eq!(buf.initialized().len(), 6);
        Ok(())
    });
}

#[test]
fn peeking_takes_nothing() {
    on_each(|| async {
        let (mut client, mut server) = pair().await?;
        assert!(poll_once(server.peek(&mut [0; 4])).await.is_none());
        client.write_all(b"abcd").await?;
        let mut buf = [0; 2];
        for _ in 0..3 {
            assert_eq!(server.peek(&mut buf).await?, 2);
            assert_eq!(&buf, b"ab");
        }
        let mut memory = [std::mem::MaybeUninit::uninit(); 8];
        let mut peeked = ReadBuf::uninit(&mut memory);
        peeked.put_slice(b">");
        assert_eq!(std::future::poll_fn(|cx| server.poll_peek(cx, &mut peeked)).await?, 4);
        assert_eq!(peeked.filled(), b">abcd");
        let mut all = [0; 4];
        server.read_exact(&mut all).await?;
        assert_eq!(&all, b"abcd");
        drop(client);
        assert_eq!(server.peek(&mut buf).await?, 0);
        Ok(())
    });
}

#[test]
fn one_direction_may_end_before_the_other() {
    on_each(|| async {
        let (mut client, mut server) = pair().await?;
        client.write_all(b"question").await?;
        client.shutdown().await?;
        let mut heard = String::new();
        server.read_to_string(&mut heard).await?;
        assert_eq!(heard, "question");
        server.write_all(b"answer").await?;
        drop(server);
        heard.clear();
        client.read_to_string(&mut heard).await?;
        assert_eq!(heard, "answer");
        let written = client.write(b"more").await.expect_err("the direction has ended");
        assert_eq!(written.kind(), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn closing_with_a_linger_of_zero_resets() {
    on_each(|| async {
        let (client, mut server) = pair().await?;
        let waiting = spawn(async move { server.read(&mut [0; 8]).await });
        yield_now().await;
        client.set_zero_linger()?;
        assert_eq!(client.linger()?, Some(Duration::ZERO));
        drop(client);
        let read = waiting.await?.expect_err("it was reset");
        assert_eq!(read.kind(), ErrorKind::ConnectionReset);
        Ok(())
    });
}

#[test]
fn writing_to_a_peer_that_is_gone_fails() {
    on_each(|| async {
        let (mut client, server) = pair().await?;
        drop(server);
        let buf = [0; 1024];
        let error = loop {
            match client.write(&buf).await {
                Ok(_) => yield_now().await,
                Err(error) => break error,
            }
        };
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error:?}");
        Ok(())
    });
}

#[test]
fn a_writer_that_waits_is_told_of_a_reset() {
    on_each(|| async {
        let (mut client, server) = pair().await?;
        let writer = spawn(async move {
            let buf = vec![0; 1 << 20];
            loop {
                if let Err(error) = client.write_all(&buf).await {
                    return error;
                }
            }
        });
        // Let it fill what the kernel keeps for it.
        let mut buf = vec![0; 1 << 16];
        while server.try_read(&mut buf).is_err() {
            server.readable().await?;
        }
        server.set_zero_linger()?;
        drop(server);
        let error = writer.await?;
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error:?}");
        Ok(())
    });
}

#[test]
fn a_refused_connection_says_so_and_is_counted() {
    let runtime = Runtime::<Netpoller>::new().unwrap();
    runtime.block_on(async {
        let error = TcpStream::connect(nobody().unwrap()).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let socket = TcpSocket::new_v4().unwrap();
        let error = socket.connect(nobody().unwrap()).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
    let errors = runtime.stats().driver.errors;
    assert!(errors.iter().any(|error| error.errno == libc::ECONNREFUSED && error.count >= 2), "{errors:?}");
}

#[test]
fn each_address_is_tried_and_the_last_error_returned() {
    on_each(|| async {
        let listener = listener().await?;
        let there = listener.local_addr()?;
        let stream = TcpStream::connect(&[nobody()?, there][..]).await?;
        assert_eq!(stream.peer_addr()?, there);
        let error = TcpStream::connect(&[nobody()?, nobody()?][..]).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let none = TcpStream::connect(&[] as &[SocketAddr]).await.expect_err("there is no address");
        assert_eq!(
            (none.kind(), none.to_string().as_str()),
            (ErrorKind::InvalidInput, "could not resolve to any address")
        );
        let none = TcpListener::bind(&[] as &[SocketAddr]).await.expect_err("there is no address");
        assert_eq!(none.kind(), ErrorKind::InvalidInput);
        let taken = TcpListener::bind(there).await.expect_err("it is taken");
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        Ok(())
    });
}

#[test]
fn names_are_resolved_beside_the_runtime() {
    on_each(|| async {
        let listener = listener().await?;
        let port = listener.local_addr()?.port();
        TcpStream::connect(("localhost", port)).await?;
        TcpStream::connect(format!("localhost:{port}")).await?;
        TcpStream::connect((String::from("127.0.0.1"), port)).await?;
        assert!(gumption_io::net::lookup_host(("localhost", 80)).await?.all(|addr| addr.port() == 80));
        let bad = TcpStream::connect("no port in here").await.expect_err("that is no address");
        assert_eq!(bad.kind(), ErrorKind::InvalidInput);
        // A lookup that nobody waits for any more goes nowhere.
        assert!(poll_once(TcpStream::connect(("localhost", port))).await.is_none_or(|connected| connected.is_ok()));
        Ok(())
    });
}

#[test]
fn streams_come_from_std_and_go_back() {
    on_each(|| async {
        let listener = listener().await?;
        let std = std::net::TcpStream::connect(listener.local_addr()?)?;
        let blocking = TcpStream::from_std(std.try_clone()?).expect_err("it is in blocking mode");
        assert_eq!(blocking.kind(), ErrorKind::InvalidInput);
        std.set_nonblocking(true)?;
        let mut client = TcpStream::try_from(std)?;
        let (mut server, _) = listener.accept().await?;
        client.write_all(b"one").await?;
        let mut buf = [0; 3];
        server.read_exact(&mut buf).await?;

        let fd = client.as_raw_fd();
        let mut client = client.into_std()?;
        assert_eq!(client.as_raw_fd(), fd, "it is the same descriptor");
        client.set_nonblocking(false)?;
        server.write_all(b"two").await?;
        let heard = gumption_core::spawn_blocking(move || {
            let mut buf = [0; 3];
            client.read_exact(&mut buf).map(|()| (buf, client))
        });
        let (heard, mut client) = heard.await??;
        assert_eq!(&heard, b"two");
        client.write_all(b"three")?;
        client.set_nonblocking(true)?;
        let client = TcpStream::from_std(client)?;
        assert_eq!(client.as_fd().as_raw_fd(), fd);
        let mut buf = [0; 5];
        server.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"three");
        Ok(())
    });
}

#[test]
fn a_read_that_is_cancelled_takes_no_byte() {
    on_each(|| async {
        let (mut client, mut server) = pair().await?;
        let sent = pattern(200_000);
        let expected = sent.clone();
        let writer = spawn(async move {
            for piece in sent.chunks(777) {
                client.write_all(piece).await?;
                yield_now().await;
            }
            Result::Ok(())
        });
        let mut heard = Vec::new();
        let mut cancelled = 0;
        loop {
            let mut buf = [0; 500];
            match poll_once(server.read(&mut buf)).await {
                Some(read) => match read? {
                    0 => break,
                    n => heard.extend_from_slice(&buf[..n]),
                },
                None => {
                    cancelled += 1;
                    server.readable().await?;
                }
            }
        }
        assert!(heard == expected, "bytes are lost or doubled, {cancelled} reads were cancelled");
        writer.await?
    });
}

#[test]
fn a_connect_that_is_cancelled_leaves_nothing() {
    on_each(|| async {
        let socket = TcpSocket::new_v4()?;
        socket.bind("127.0.0.1:0".parse().expect("an address"))?;
        let listener = socket.listen(1)?;
        let addr = listener.local_addr()?;
        // More than its queue holds, so that some wait.
        let mut connecting: Vec<_> = (0..8).map(|_| Box::pin(TcpStream::connect(addr))).collect();
        let mut waiting = 0;
        for connecting in &mut connecting {
            waiting += usize::from(poll_once(connecting.as_mut()).await.is_none());
        }
        assert!(waiting > 0);
        // What is left behind is seen when the runtime is at its end.
        drop(connecting);
        Ok(())
    });
}

#[test]
fn options_are_the_sockets_own() {
    on_each(|| async {
        let (client, _server) = pair().await?;
        for on in [true, false] {
            client.set_nodelay(on)?;
            assert_eq!(client.nodelay()?, on);
        }
        client.set_ttl(77)?;
        assert_eq!(client.ttl()?, 77);
        assert!(client.take_error()?.is_none());
        assert_eq!(client.linger()?, None);
        #[allow(deprecated)]
        client.set_linger(Some(Duration::from_secs(3)))?;
        assert_eq!(client.linger()?, Some(Duration::from_secs(3)));
        #[allow(deprecated)]
        client.set_linger(None)?;
        assert!(format!("{client:?}").contains("127.0.0.1"), "{client:?}");
        Ok(())
    });
}

#[test]
fn a_socket_is_set_up_before_it_connects() {
    on_each(|| async {
        let server = TcpSocket::new_v4()?;
        server.set_reuseaddr(true)?;
        server.set_recv_buffer_size(64 << 10)?;
        server.bind("127.0.0.1:0".parse().expect("an address"))?;
        let server = server.listen(16)?;
        let client = TcpSocket::new_v4()?;
        client.set_keepalive(true)?;
        client.set_nodelay(true)?;
        client.bind("127.0.0.1:0".parse().expect("an address"))?;
        let from = client.local_addr()?;
        // SAFETY: the descriptor is the socket's own, handed over.
        let client = unsafe { TcpSocket::from_raw_fd(client.into_raw_fd()) };
        assert!(client.keepalive()?);
        let client = client.connect(server.local_addr()?).await?;
        let (_stream, peer) = server.accept().await?;
        assert_eq!((peer, client.local_addr()?), (from, from));
        assert!(client.nodelay()?);
        Ok(())
    });
}

#[test]
fn a_stream_outlives_its_runtime_and_says_so() {
    let first = Runtime::<Netpoller>::new().unwrap();
    let (mut client, mut server) = first.block_on(pair()).unwrap();
    let listener = first.block_on(listener()).unwrap();
    let second = Runtime::<Netpoller>::new().unwrap();
    second.block_on(async {
        // It may be used from another runtime while its own lives.
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 1);
    });
    let waiting =
        second.spawn(async move { (server.read(&mut [0; 4]).await.map_err(|error| error.to_string()), server) });
    drop(first);
    let (read, mut server) = second.block_on(waiting).unwrap();
    assert!(read.unwrap_err().contains("being shutdown"));
    second.block_on(async {
        let ended = |error: std::io::Error| assert!(error.to_string().contains("being shutdown"), "{error}");
        ended(server.read(&mut [0; 4]).await.unwrap_err());
        ended(server.readable().await.unwrap_err());
        ended(listener.accept().await.unwrap_err());
        ended(listener.accept().await.unwrap_err());
    });
}

#[test]
fn outside_a_runtime_it_says_so() {
    let said = |panic: Box<dyn std::any::Any + Send>| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => other.downcast_ref::<&str>().expect("a panic has a text").to_string(),
    };
    let std = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = std.local_addr().unwrap();
    std.set_nonblocking(true).unwrap();
    let panic = catch_unwind(|| TcpListener::from_std(std)).expect_err("there is no runtime");
    assert!(said(panic).contains("must be called from the context of a Tokio 1.x runtime"));
    let mut connect = pin!(TcpStream::connect(addr));
    let mut cx = Context::from_waker(Waker::noop());
    let panic = catch_unwind(AssertUnwindSafe(|| connect.as_mut().poll(&mut cx).is_ready()));
    assert!(
        said(panic.expect_err("there is no runtime"))
            .contains("must be called from the context of a Tokio 1.x runtime")
    );
}
