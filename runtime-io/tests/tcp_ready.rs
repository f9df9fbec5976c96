//! Waiting for readiness and trying without waiting: any number of waiters, false alarms, calls of the caller's own.
#![cfg(unix)]

mod both;

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::sync::Arc;

use both::{on_each, pair, pattern, poll_once};
use gumption_core::{spawn, yield_now};
use gumption_io::io::{AsyncReadExt, AsyncWriteExt, Interest};
use socket2::SockRef;

#[test]
fn nothing_to_read_would_block_and_waits() {
    on_each(|| async {
        let (mut client, server) = pair().await?;
        assert!(poll_once(server.readable()).await.is_none());
        assert!(poll_once(poll_fn(|cx| server.poll_read_ready(cx))).await.is_none());
        let mut buf = [0; 8];
        assert_eq!(server.try_read(&mut buf).expect_err("nothing has come").kind(), ErrorKind::WouldBlock);

        client.write_all(b"hello").await?;
        server.readable().await?;
        assert_eq!(server.try_read(&mut buf)?, 5);
        assert_eq!(&buf[..5], b"hello");
        // It may still be called ready, until a try has found out.
        assert_eq!(server.try_read(&mut buf).expect_err("no more has come").kind(), ErrorKind::WouldBlock);
        assert!(poll_once(server.readable()).await.is_none());

        client.write_all(b"more").await?;
        poll_fn(|cx| server.poll_read_ready(cx)).await?;
        assert_eq!(server.try_read(&mut buf)?, 4);
        Ok(())
    });
}

#[test]
fn all_who_wait_for_one_stream_are_woken() {
    on_each(|| async {
        let (mut client, server) = pair().await?;
        let server = Arc::new(server);
        let mut waiting: Vec<_> = (0..10).map(|_| Box::pin(server.readable())).collect();
        for waiter in &mut waiting {
            assert!(poll_once(waiter.as_mut()).await.is_none());
        }
        // Some give up; the others are woken all the same.
        drop(waiting.remove(7));
        drop(waiting.remove(0));
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let server = server.clone();
                spawn(async move { server.ready(Interest::READABLE).await })
            })
            .collect();
        client.write_all(b"x").await?;
        for waiter in waiting {
            waiter.await?;
        }
        for task in tasks {
            assert!(task.await??.is_readable());
        }
        assert_eq!(server.try_read(&mut [0; 2])?, 1);
        Ok(())
    });
}

#[test]
fn readers_and_writers_wait_apart() {
    on_each(|| async {
        let (client, server) = pair().await?;
        let (client, server) = (Arc::new(client), Arc::new(server));
        let bytes = pattern(1 << 16);
        let mut written = 0;
        // Until the kernel takes no more, and has nothing on its way that makes room again.
        client.writable().await?;
        loop {
            match client.try_write(&bytes) {
                Ok(n) => written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let waits = poll_once(client.writable()).await.is_none();
                    if waits && poll_once(poll_fn(|cx| client.poll_write_ready(cx))).await.is_none() {
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let reader = {
            let client = client.clone();
            spawn(async move { client.readable().await })
        };
        let writer = {
            let client = client.clone();
            spawn(async move { client.writable().await })
        };
        server.writable().await?;
        server.try_write(b"x")?;
        reader.await??;
        assert!(
            poll_once(client.ready(Interest::READABLE | Interest::WRITABLE))
                .await
                .expect("it is readable")?
                .is_readable()
        );

        let mut heard = 0;
        let mut buf = vec![0; 1 << 16];
        while heard < written {
            server.readable().await?;
            match server.try_read(&mut buf) {
                Ok(n) => heard += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        writer.await??;
        assert!(client.try_write(b"y")? == 1);
        Ok(())
    });
}

#[test]
fn the_end_is_ready_for_ever() {
    on_each(|| async {
        let (client, server) = pair().await?;
        drop(client);
        let mut buf = [0; 4];
        for _ in 0..3 {
            let ready = server.ready(Interest::READABLE).await?;
            assert!(ready.is_readable() || ready.is_read_closed(), "{ready:?}");
            assert_eq!(server.try_read(&mut buf)?, 0);
        }
        assert!(server.ready(Interest::READABLE).await?.is_read_closed());
        Ok(())
    });
}

#[test]
fn several_buffers_are_tried_at_once() {
    on_each(|| async {
        let (client, server) = pair().await?;
        client.writable().await?;
        assert_eq!(client.try_write_vectored(&[IoSlice::new(b"he"), IoSlice::new(b""), IoSlice::new(b"llo")])?, 5);
        server.readable().await?;
        let (mut a, mut b) = ([0; 1], [0; 8]);
        assert_eq!(server.try_read_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)])?, 5);
        assert_eq!((&a, &b[..4]), (b"h", &b"ello"[..]));
        assert_eq!(
            server.try_read_vectored(&mut [IoSliceMut::new(&mut a)]).expect_err("no more").kind(),
            ErrorKind::WouldBlock
        );
        Ok(())
    });
}

#[test]
fn a_growing_buffer_is_filled_behind_what_it_has() {
    on_each(|| async {
        let (mut client, server) = pair().await?;
        client.write_all(b"world").await?;
        server.readable().await?;
        let mut buf = Vec::with_capacity(16);
        buf.extend_from_slice(b"hello ");
        assert_eq!(server.try_read_buf(&mut buf)?, 5);
        assert_eq!(buf, b"hello world");
        assert_eq!(server.try_read_buf(&mut buf).expect_err("no more").kind(), ErrorKind::WouldBlock);
        assert_eq!(buf, b"hello world");
        client.shutdown().await?;
        server.readable().await?;
        assert_eq!(server.try_read_buf(&mut buf)?, 0);
        Ok(())
    });
}

#[test]
fn calls_of_the_callers_own_wait_as_ours_do() {
    on_each(|| async {
        let (mut client, server) = pair().await?;
        let blocks = |_: ()| Err::<(), _>(ErrorKind::WouldBlock.into());
        // Not ready: not called.
        let result = server.try_io(Interest::READABLE, || -> std::io::Result<()> { panic!("nothing has come") });
        assert_eq!(result.expect_err("nothing has come").kind(), ErrorKind::WouldBlock);
        // Ready, until it says that it is not.
        server.writable().await?;
        assert!(server.try_io(Interest::WRITABLE, || blocks(())).is_err());
        // It was taken to be writable when it was accepted; the event that says so may come behind that.
        while poll_once(server.writable()).await.is_some() {
            assert!(server.try_io(Interest::WRITABLE, || blocks(())).is_err());
            yield_now().await;
        }

        let (mut calls, mut room) = (0, [std::mem::MaybeUninit::uninit(); 8]);
        let mut call = Box::pin(server.async_io(Interest::READABLE, || {
            calls += 1;
            SockRef::from(&server).recv(&mut room)
        }));
        assert!(poll_once(call.as_mut()).await.is_none());
        client.write_all(b"abc").await?;
        assert_eq!(call.await?, 3);
        assert!(calls >= 1);
        let failed = server.async_io(Interest::READABLE, || Err::<(), _>(ErrorKind::Other.into()));
        client.write_all(b"d").await?;
        assert_eq!(failed.await.expect_err("it is the caller's error").kind(), ErrorKind::Other);
        let mut buf = [0; 4];
        let (mut client, mut server) = (client, server);
        assert_eq!(server.read(&mut buf).await?, 1);
        client.shutdown().await
    });
}
