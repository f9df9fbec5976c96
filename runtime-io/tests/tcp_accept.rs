//! Accepting: several at once, cancelled, by hand, with connections that are gone already, and without descriptors.
#![cfg(unix)]

mod both;

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use both::{Result, listener, on_each, poll_once};
use gumption_core::runtime::{Builder, Runtime};
use gumption_core::{spawn, spawn_blocking, yield_now};
use gumption_io::Netpoller;
use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
use gumption_io::net::{TcpListener, TcpStream};

#[test]
fn several_tasks_accept_each_connection_once() {
    on_each(|| async {
        let listener = Arc::new(listener().await?);
        let addr = listener.local_addr()?;
        let acceptors: Vec<_> = (0..4)
            .map(|_| {
                let listener = listener.clone();
                spawn(async move {
                    let mut peers = Vec::new();
                    for _ in 0..16 {
                        peers.push(listener.accept().await?.1);
                    }
                    Result::Ok(peers)
                })
            })
            .collect();
        let mut clients = Vec::new();
        for _ in 0..64 {
            clients.push(TcpStream::connect(addr).await?);
        }
        let mut accepted = Vec::new();
        for acceptor in acceptors {
            accepted.extend(acceptor.await??);
        }
        let mut connected = clients.iter().map(TcpStream::local_addr).collect::<Result<Vec<SocketAddr>>>()?;
        accepted.sort();
        connected.sort();
        assert_eq!(accepted, connected);
        Ok(())
    });
}

#[test]
fn an_accept_that_is_cancelled_loses_no_connection() {
    on_each(|| async {
        let listener = listener().await?;
        let addr = listener.local_addr()?;
        for round in 0..50 {
            assert!(poll_once(listener.accept()).await.is_none());
            let mut cancelled = Box::pin(listener.accept());
            assert!(poll_once(cancelled.as_mut()).await.is_none());
            let client = TcpStream::connect(addr).await?;
            if round % 2 == 0 {
                // Woken, perhaps, and not polled any more.
                yield_now().await;
            }
            drop(cancelled);
            let (_, peer) = listener.accept().await?;
            assert_eq!(peer, client.local_addr()?);
        }
        Ok(())
    });
}

#[test]
fn accepting_by_hand() {
    on_each(|| async {
        let listener = listener().await?;
        let addr = listener.local_addr()?;
        assert!(poll_once(poll_fn(|cx| listener.poll_accept(cx))).await.is_none());
        let client = spawn(async move {
            let mut stream = TcpStream::connect(addr).await?;
            stream.write_all(b"x").await?;
            Result::Ok(stream)
        });
        let (mut server, _) = poll_fn(|cx| listener.poll_accept(cx)).await?;
        assert_eq!(server.read(&mut [0; 2]).await?, 1);
        client.await??;
        Ok(())
    });
}

#[test]
fn what_was_accepted_is_tried_at_once() {
    on_each(|| async {
        let listener = listener().await?;
        let mut client = TcpStream::connect(listener.local_addr()?).await?;
        client.write_all(b"early").await?;
        let (mut server, _) = listener.accept().await?;
        // A busy kernel may still have them on their way.
        while socket2::SockRef::from(&server).peek(&mut [std::mem::MaybeUninit::uninit(); 8]).unwrap_or(0) < 5 {
            yield_now().await;
        }
        let mut buf = [0; 8];
        assert_eq!(poll_once(server.read(&mut buf)).await.expect("the bytes are there")?, 5);
        assert_eq!(poll_once(server.write(b"answer")).await.expect("there is room")?, 6);
        // Nothing more has come: now it waits, and is woken.
        assert!(poll_once(server.read(&mut buf)).await.is_none());
        drop(client);
        assert_eq!(server.read(&mut buf).await.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
        Ok(())
    });
}

#[test]
fn a_connection_that_was_reset_in_the_queue_harms_nobody() {
    on_each(|| async {
        let listener = listener().await?;
        let addr = listener.local_addr()?;
        for _ in 0..5 {
            let gone = TcpStream::connect(addr).await?;
            gone.set_zero_linger()?;
        }
        let client = TcpStream::connect(addr).await?;
        // Linux hands them out all the same, BSDs do not; no accept fails.
        loop {
            let (_, peer) = listener.accept().await?;
            if peer == client.local_addr()? {
                return Ok(());
            }
        }
    });
}

#[test]
fn listeners_come_from_std_and_go_back() {
    on_each(|| async {
        let std = std::net::TcpListener::bind("127.0.0.1:0")?;
        let addr = std.local_addr()?;
        let blocking = TcpListener::from_std(std.try_clone()?).expect_err("it is in blocking mode");
        assert_eq!(blocking.kind(), ErrorKind::InvalidInput);
        std.set_nonblocking(true)?;
        let listener = TcpListener::try_from(std)?;
        assert_eq!(listener.local_addr()?, addr);
        listener.set_ttl(42)?;
        assert_eq!(listener.ttl()?, 42);
        assert!(format!("{listener:?}").contains("127.0.0.1"), "{listener:?}");
        let client = TcpStream::connect(addr).await?;
        assert_eq!(listener.accept().await?.1, client.local_addr()?);

        let std = listener.into_std()?;
        std.set_nonblocking(false)?;
        let accepted = spawn_blocking(move || std.accept());
        let client = TcpStream::connect(addr).await?;
        assert_eq!(accepted.await??.1, client.local_addr()?);
        Ok(())
    });
}

/// All descriptors that the process may still have.
fn exhaust(null: &std::fs::File) -> Vec<std::fs::File> {
    let mut all = Vec::new();
    loop {
        match null.try_clone() {
            Ok(file) => all.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
                return all;
            }
        }
    }
}

/// Accepts as many as there are `clients`, as a loop does that goes on after every error; the errors, and how long they took.
async fn accept_all(
    listener: &TcpListener,
    by_hand: bool,
    clients: usize,
    mut failed: impl FnMut(u32),
) -> (u32, Duration) {
    let (begin, mut errors, mut accepted) = (Instant::now(), 0, Vec::new());
    let mut last = begin;
    while accepted.len() < clients {
        let result = if by_hand { poll_fn(|cx| listener.poll_accept(cx)).await } else { listener.accept().await };
        match result {
            Ok((stream, _)) => accepted.push(stream),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
                errors += 1;
                last = Instant::now();
                failed(errors);
            }
        }
    }
    (errors, last - begin)
}

/// In a process of its own, which has few descriptors.
fn without_descriptors(runtime: Runtime<Netpoller>) {
    const CLIENTS: usize = 3;
    const ERRORS: u32 = 7;
    let null = std::fs::File::open("/dev/null").unwrap();
    for by_hand in [false, true] {
        let before = runtime.stats().driver.errors;
        runtime.block_on(async {
            let listener = listener().await.unwrap();
            let mut clients = Vec::new();
            for _ in 0..CLIENTS {
                clients.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
            }
            let mut all = Some(exhaust(&null));
            let run = accept_all(&listener, by_hand, CLIENTS, |errors| {
                if errors == ERRORS {
                    drop(all.take());
                }
            });
            let (errors, took) = run.await;
            assert_eq!(errors, ERRORS, "with descriptors it accepts");
            // 1 + 2 + ... + 32 ms between seven errors.
            assert!(took >= Duration::from_millis(63), "{errors} errors in {took:?}: it spins");
            drop(clients);
        });
        let count = |errors: &[gumption_core::driver::ErrorCount]| {
            errors.iter().find(|error| error.errno == libc::EMFILE).map_or(0, |error| error.count)
        };
        let after = runtime.stats().driver.errors;
        assert_eq!(count(&after) - count(&before), u64::from(ERRORS), "they are counted");
    }
}

#[test]
fn without_descriptors_it_rests_and_is_counted() {
    const CHILD: &str = "GUMPTION_TEST_FEW_DESCRIPTORS";
    if std::env::var_os(CHILD).is_some() {
        let few = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
        // SAFETY: a system call that reads the struct.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &few) }, 0);
        without_descriptors(Builder::new_current_thread().enable_all().build().unwrap());
        without_descriptors(Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "without_descriptors_it_rests_and_is_counted", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}
