//! Unix sockets: connecting, accepting, credentials, halves, streams that fill up, datagrams that do.
#![cfg(unix)]

mod both;

use std::io::ErrorKind;
use std::net::Shutdown;
use std::sync::Arc;

use both::{Result, on_each, pattern, poll_once};
use gumption_core::time::timeout;
use gumption_core::{spawn, yield_now};
use gumption_io::io::{AsyncReadExt, AsyncWriteExt, Interest, ReadBuf};
use gumption_io::net::{UnixDatagram, UnixListener, UnixSocket, UnixStream};

#[test]
fn a_connection_by_path() {
    on_each(|| async {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path)?;
        assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        let server = spawn(async move {
            let (mut stream, client) = listener.accept().await?;
            assert!(client.is_unnamed());
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).await?;
            stream.write_all(&heard).await?;
            Result::Ok(stream)
        });
        let mut client = UnixStream::connect(&path).await?;
        assert_eq!(client.peer_addr()?.as_pathname(), Some(path.as_path()));
        client.write_all(b"hello").await?;
        client.shutdown().await?;
        let server = server.await??;
        assert_eq!(server.local_addr()?.as_pathname(), Some(path.as_path()));
        drop(server);
        let mut heard = String::new();
        client.read_to_string(&mut heard).await?;
        assert_eq!(heard, "hello");

        let gone = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::ConnectionRefused, "the file is there, and nobody listens");
        std::fs::remove_file(&path)?;
        assert_eq!(UnixStream::connect(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
        Ok(())
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_by_abstract_name() {
    on_each(|| async {
        // Unique: the descriptor's number and the process's.
        let unique = UnixSocket::new_stream()?;
        let name = format!("\0gumption-{}-{}", std::process::id(), std::os::fd::AsRawFd::as_raw_fd(&unique));
        let listener = UnixListener::bind(&name)?;
        assert_eq!(listener.local_addr()?.as_abstract_name(), Some(&name.as_bytes()[1..]));
        let client = UnixStream::connect(&name).await?;
        let (server, _) = listener.accept().await?;
        assert_eq!(client.peer_addr()?.as_abstract_name(), server.local_addr()?.as_abstract_name());
        Ok(())
    });
}

#[test]
fn the_peer_is_who_it_is() {
    on_each(|| async {
        let (a, b) = UnixStream::pair()?;
        let (peer, same) = (a.peer_cred()?, b.peer_cred()?);
        assert_eq!(peer, same);
        // SAFETY: these have no preconditions.
        let own = unsafe { (libc::geteuid(), libc::getegid()) };
        assert_eq!((peer.uid(), peer.gid()), own);
        if cfg!(target_os = "linux") {
            assert_eq!(peer.pid(), Some(std::process::id() as i32));
        }
        Ok(())
    });
}

#[test]
fn each_acceptor_gets_one_and_who_gives_up_takes_none() {
    on_each(|| async {
        const ACCEPTORS: usize = 8;
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("socket");
        let listener = Arc::new(UnixListener::bind(&path)?);
        let acceptors: Vec<_> = (0..ACCEPTORS)
            .map(|_| {
                let listener = listener.clone();
                spawn(async move { listener.accept().await })
            })
            .collect();
        yield_now().await;
        assert!(poll_once(listener.accept()).await.is_none());
        let mut clients = Vec::new();
        for _ in 0..ACCEPTORS {
            clients.push(UnixStream::connect(&path).await?);
        }
        for acceptor in acceptors {
            acceptor.await??;
        }
        // Nobody is left over.
        assert!(poll_once(listener.accept()).await.is_none());
        Ok(())
    });
}

#[test]
fn more_than_fits_waits_for_the_reader() {
    on_each(|| async {
        let (mut a, mut b) = UnixStream::pair()?;
        let sent = pattern(4 << 20);
        let writer = {
            let sent = sent.clone();
            spawn(async move {
                a.write_all(&sent).await?;
                a.shutdown().await
            })
        };
        let mut heard = Vec::new();
        let mut piece = vec![0; 10_000];
        loop {
            match b.read(&mut piece).await? {
                0 => break,
                n => heard.extend_from_slice(&piece[..n]),
            }
        }
        writer.await??;
        assert!(heard == sent);
        Ok(())
    });
}

#[test]
fn a_write_that_is_given_up_is_not_repeated() {
    on_each(|| async {
        let (mut a, mut b) = UnixStream::pair()?;
        let piece = pattern(8192);
        let mut accepted = 0;
        // Full, so the next write has to wait; dropping it must not have written anything.
        loop {
            match a.try_write(&piece) {
                Ok(n) => accepted += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        for _ in 0..10 {
            assert!(poll_once(a.write(b"never")).await.is_none());
        }
        drop(a);
        let mut heard = Vec::new();
        b.read_to_end(&mut heard).await?;
        assert_eq!(heard.len(), accepted);
        Ok(())
    });
}

#[test]
fn the_end_and_the_broken_pipe() {
    on_each(|| async {
        let (mut a, b) = UnixStream::pair()?;
        drop(b);
        assert!(a.ready(Interest::READABLE).await?.is_read_closed());
        assert_eq!(a.read(&mut [0; 4]).await?, 0);
        assert_eq!(a.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        // There is nothing left to shut down, which is no error.
        a.shutdown().await
    });
}

#[test]
fn halves_work_apart_and_come_together() {
    on_each(|| async {
        let (a, b) = UnixStream::pair()?;
        let ((mut read_a, mut write_a), (mut read_b, mut write_b)) = (a.into_split(), b.into_split());
        let echo = spawn(async move {
            let mut heard = Vec::new();
            read_b.read_to_end(&mut heard).await?;
            write_b.write_all(&heard).await?;
            Result::Ok((read_b, write_b))
        });
        write_a.write_all(b"hello").await?;
        write_a.shutdown().await?;
        let mut heard = [0; 5];
        read_a.read_exact(&mut heard).await?;
        assert_eq!(&heard, b"hello");
        let (read_b, write_b) = echo.await??;
        let mixed = read_a.reunite(write_b).expect_err("of two streams");
        assert!(mixed.to_string().contains("not from the same socket"));
        let (read_a, write_b) = (mixed.0, mixed.1);
        let mut b = write_b.reunite(read_b).expect("of one stream");
        let mut a = read_a.reunite(write_a).expect("of one stream");
        // The reunion has not shut anything down: b can still write.
        b.write_all(b"more").await?;
        a.read_exact(&mut heard[..4]).await?;
        assert_eq!(&heard[..4], b"more");
        let (mut reading, mut writing) = b.split();
        writing.shutdown().await?;
        assert_eq!(reading.read(&mut [0; 4]).await?, 0);
        Ok(())
    });
}

#[test]
fn dropping_a_writing_half_ends_the_stream_and_forgetting_it_does_not() {
    on_each(|| async {
        let (a, mut b) = UnixStream::pair()?;
        let (read_a, write_a) = a.into_split();
        drop(write_a);
        assert_eq!(b.read(&mut [0; 4]).await?, 0);
        drop(read_a);

        let (c, mut d) = UnixStream::pair()?;
        let (read_c, write_c) = c.into_split();
        write_c.forget();
        assert!(poll_once(d.read(&mut [0; 4])).await.is_none());
        drop(read_c);
        assert_eq!(d.read(&mut [0; 4]).await?, 0);
        Ok(())
    });
}

#[test]
fn datagrams_with_addresses() {
    on_each(|| async {
        let directory = tempfile::tempdir()?;
        let (server_path, client_path) = (directory.path().join("server"), directory.path().join("client"));
        let (server, client) = (UnixDatagram::bind(&server_path)?, UnixDatagram::bind(&client_path)?);
        client.send_to(b"question", &server_path).await?;
        let mut buf = [0; 16];
        let (n, from) = server.recv_from(&mut buf).await?;
        assert_eq!((&buf[..n], from.as_pathname()), (&b"question"[..], Some(client_path.as_path())));
        server.send_to(b"answer", from.as_pathname().expect("it is bound")).await?;
        let mut heard = Vec::with_capacity(16);
        let (n, from) = client.recv_buf_from(&mut heard).await?;
        assert_eq!((n, from.as_pathname()), (6, Some(server_path.as_path())));

        let nameless = UnixDatagram::unbound()?;
        nameless.connect(&server_path)?;
        nameless.send(b"").await?;
        let (n, from) = server.recv_buf_from(&mut heard).await?;
        assert!(n == 0 && from.is_unnamed());
        let nobody = nameless.send_to(b"x", directory.path().join("nobody")).await.unwrap_err();
        assert_eq!(nobody.kind(), ErrorKind::NotFound);
        drop(server);
        assert_eq!(nameless.send(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        Ok(())
    });
}

#[test]
fn a_full_receiver_makes_the_sender_wait() {
    on_each(|| async {
        let (a, b) = UnixDatagram::pair()?;
        let mut queued = 0_u32;
        loop {
            match a.try_send(&queued.to_be_bytes()) {
                Ok(_) => queued += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        assert!(queued > 0);
        assert!(poll_once(a.send(b"never")).await.is_none());
        let sender = spawn(async move { a.send(&u32::MAX.to_be_bytes()).await });
        yield_now().await;
        let mut number = [0; 8];
        for expected in (0..queued).chain([u32::MAX]) {
            assert_eq!(b.recv(&mut number).await?, 4);
            assert_eq!(number[..4], expected.to_be_bytes());
        }
        assert_eq!(sender.await??, 4);
        Ok(())
    });
}

#[test]
fn a_shutdown_wakes_who_receives() {
    on_each(|| async {
        let (a, _b) = UnixDatagram::pair()?;
        let a = Arc::new(a);
        let receiver = {
            let a = a.clone();
            spawn(async move { a.recv(&mut [0; 4]).await })
        };
        yield_now().await;
        a.shutdown(Shutdown::Both)?;
        assert_eq!(receiver.await??, 0);
        assert_eq!(a.send(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn a_socket_of_one_kind_does_not_become_another() {
    on_each(|| async {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("socket");
        assert!(UnixSocket::new_datagram()?.listen(1).is_err());
        assert!(UnixSocket::new_datagram()?.connect(&path).await.is_err());
        assert!(UnixSocket::new_stream()?.datagram().is_err());
        let socket = UnixSocket::new_stream()?;
        socket.bind(&path)?;
        let listener = socket.listen(16)?;
        let client_path = directory.path().join("client");
        let client = UnixSocket::new_stream()?;
        client.bind(&client_path)?;
        let _client = client.connect(&path).await?;
        let (_server, from) = listener.accept().await?;
        assert_eq!(from.as_pathname(), Some(client_path.as_path()));
        Ok(())
    });
}

#[test]
fn to_std_and_back() {
    on_each(|| async {
        let (a, b) = UnixStream::pair()?;
        let a = a.into_std()?;
        a.set_nonblocking(false)?;
        assert_eq!(UnixStream::from_std(a.try_clone()?).unwrap_err().kind(), ErrorKind::InvalidInput);
        a.set_nonblocking(true)?;
        let mut a = UnixStream::try_from(a)?;
        let mut b = UnixStream::try_from(b.into_std()?)?;
        a.write_all(b"hello").await?;
        b.read_exact(&mut [0; 5]).await?;
        assert!(UnixDatagram::from_std(std::os::unix::net::UnixDatagram::unbound()?).is_err());
        Ok(())
    });
}

/// Shut down behind our back, the socket is readable for ever and has nothing to read: who waits gets nowhere, and keeps
/// nobody from getting on.
#[cfg(target_os = "linux")]
#[test]
fn a_call_in_vain_lets_others_run() {
    on_each(|| async {
        let limit = std::time::Duration::from_millis(5);
        let (a, _b) = UnixDatagram::pair()?;
        socket2::SockRef::from(&a).shutdown(Shutdown::Both)?;
        assert!(timeout(limit, a.recv(&mut [0; 4])).await.is_err());
        let mut room = [0; 4];
        let mut buf = ReadBuf::new(&mut room);
        assert!(timeout(limit, std::future::poll_fn(|cx| a.poll_recv(cx, &mut buf))).await.is_err());
        Ok(())
    });
}
