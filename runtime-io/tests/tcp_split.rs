//! The halves of a stream: at once, in two tasks, dropped in either order, put together again.
#![cfg(unix)]

mod both;

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut};

use both::{Result, on_each, pair, pattern, poll_once};
use gumption_core::spawn;
use gumption_io::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};

#[test]
fn borrowed_halves_work_at_once() {
    on_each(|| async {
        let (mut client, server) = pair().await?;
        let echo = spawn(async move {
            let (mut read, mut write) = server.into_split();
            let mut buf = vec![0; 5000];
            loop {
                match read.read(&mut buf).await? {
                    0 => return Result::Ok(()),
                    n => write.write_all(&buf[..n]).await?,
                }
            }
        });
        // More than the kernel keeps: only who reads and writes at once gets through.
        let sent = pattern(8 << 20);
        let mut heard = vec![0; sent.len()];
        {
            let (mut read, mut write) = client.split();
            let (mut reading, mut writing) = (Box::pin(read.read_exact(&mut heard)), Box::pin(write.write_all(&sent)));
            let (mut has_read, mut has_written) = (false, false);
            poll_fn(|cx| {
                if !has_written && let std::task::Poll::Ready(done) = writing.as_mut().poll(cx) {
                    done?;
                    has_written = true;
                }
                if !has_read && let std::task::Poll::Ready(done) = reading.as_mut().poll(cx) {
                    done?;
                    has_read = true;
                }
                if has_read && has_written { std::task::Poll::Ready(Result::Ok(())) } else { std::task::Poll::Pending }
            })
            .await?;
        }
        assert!(heard == sent);
        // The halves are gone and the stream is whole.
        client.write_all(b"x").await?;
        assert_eq!(client.read(&mut [0; 2]).await?, 1);
        client.shutdown().await?;
        echo.await?
    });
}

#[test]
fn owned_halves_go_to_two_tasks() {
    on_each(|| async {
        let (client, mut server) = pair().await?;
        let (mut read, mut write) = client.into_split();
        assert_eq!(read.local_addr()?, write.local_addr()?);
        assert_eq!(read.peer_addr()?, server.local_addr()?);
        assert_eq!(write.peer_addr()?, server.local_addr()?);
        let sent = pattern(3 << 20);
        let expected = sent.clone();
        let writer = spawn(async move {
            write.write_all(&sent).await?;
            // Dropped here: the other side sees the end.
            Result::Ok(())
        });
        let reader = spawn(async move {
            let mut heard = Vec::new();
            read.read_to_end(&mut heard).await?;
            Result::Ok(heard)
        });
        let mut all = Vec::new();
        server.read_to_end(&mut all).await?;
        server.write_all(&all).await?;
        drop(server);
        writer.await??;
        assert!(reader.await?? == expected);
        Ok(())
    });
}

#[test]
fn dropping_the_write_half_ends_one_direction_only() {
    on_each(|| async {
        let (client, mut server) = pair().await?;
        let (mut read, write) = client.into_split();
        drop(write);
        assert_eq!(server.read(&mut [0; 1]).await?, 0);
        server.write_all(b"still here").await?;
        drop(server);
        let mut heard = String::new();
        read.read_to_string(&mut heard).await?;
        assert_eq!(heard, "still here");
        Ok(())
    });
}

#[test]
fn dropping_the_read_half_ends_nothing() {
    on_each(|| async {
        let (client, mut server) = pair().await?;
        let (read, mut write) = client.into_split();
        drop(read);
        server.write_all(b"nobody reads this").await?;
        write.write_all(b"written").await?;
        let mut buf = [0; 7];
        server.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"written");
        Ok(())
    });
}

#[test]
fn a_forgotten_write_half_ends_with_the_read_half() {
    on_each(|| async {
        let (client, mut server) = pair().await?;
        let (mut read, write) = client.into_split();
        write.forget();
        // What comes after it would come after an end, too.
        server.write_all(b"x").await?;
        assert_eq!(read.read(&mut [0; 1]).await?, 1);
        assert!(poll_once(server.read(&mut [0; 1])).await.is_none(), "the direction has ended");
        drop(read);
        assert_eq!(server.read(&mut [0; 1]).await?, 0);
        Ok(())
    });
}

#[test]
fn a_half_that_was_shut_down_is_not_shut_down_again() {
    on_each(|| async {
        let (client, mut server) = pair().await?;
        let (read, mut write) = client.into_split();
        write.shutdown().await?;
        assert_eq!(write.write(b"x").await.expect_err("it has ended").kind(), ErrorKind::BrokenPipe);
        assert_eq!(server.read(&mut [0; 1]).await?, 0);
        let mut client = read.reunite(write).expect("two halves of one");
        server.write_all(b"y").await?;
        assert_eq!(client.read(&mut [0; 1]).await?, 1);
        Ok(())
    });
}

#[test]
fn halves_find_together_again_and_no_others() {
    on_each(|| async {
        let (a, b) = pair().await?;
        let (a_read, a_write) = a.into_split();
        let (b_read, b_write) = b.into_split();
        let error = a_read.reunite(b_write).expect_err("they are of two streams");
        assert_eq!(error.to_string(), "tried to reunite halves that are not from the same socket");
        let (a_read, b_write) = (error.0, error.1);
        let error = a_write.reunite(b_read).expect_err("they are of two streams");
        let (b_read, a_write) = (error.0, error.1);
        let mut a = a_read.reunite(a_write).expect("two halves of one");
        let mut b = b_write.reunite(b_read).expect("two halves of one");
        // Nothing was shut down on the way.
        a.write_all(b"to b").await?;
        b.write_all(b"to a").await?;
        let mut buf = [0; 4];
        a.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"to a");
        b.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"to b");
        Ok(())
    });
}

#[test]
fn halves_do_what_the_stream_does() {
    on_each(|| async {
        let (mut client, server) = pair().await?;
        let (mut read, mut write) = server.into_split();
        assert!(write.is_write_vectored());
        assert!(write.ready(Interest::WRITABLE).await?.is_writable());
        write.writable().await?;
        assert_eq!(write.try_write(b"ab")?, 2);
        assert_eq!(write.try_write_vectored(&[IoSlice::new(b"c"), IoSlice::new(b"d")])?, 2);
        assert_eq!(write.write_vectored(&[IoSlice::new(b"e"), IoSlice::new(b"f")]).await?, 2);
        write.flush().await?;
        assert_eq!(write.as_ref().local_addr()?, write.local_addr()?);
        let (mut back, mut forth) = client.split();
        let mut buf = [0; 6];
        back.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"abcdef");

        assert!(poll_once(read.readable()).await.is_none());
        assert_eq!(read.try_read(&mut buf).expect_err("nothing has come").kind(), ErrorKind::WouldBlock);
        forth.write_all(b"123456").await?;
        assert!(read.ready(Interest::READABLE).await?.is_readable());
        assert_eq!(read.peek(&mut buf[..1]).await?, 1);
        let mut peeked = ReadBuf::new(&mut buf);
        assert!(poll_fn(|cx| read.poll_peek(cx, &mut peeked)).await? >= 1);
        assert_eq!(read.try_read(&mut buf[..1])?, 1);
        assert_eq!(read.try_read_vectored(&mut [IoSliceMut::new(&mut buf[..2])])?, 2);
        let mut rest = Vec::with_capacity(8);
        assert_eq!(read.try_read_buf(&mut rest)?, 3);
        assert_eq!(rest, b"456");
        forth.shutdown().await?;
        assert_eq!(read.read(&mut buf).await?, 0);
        assert_eq!(read.as_ref().peer_addr()?, back.local_addr()?);
        Ok(())
    });
}
