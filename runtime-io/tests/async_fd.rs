//! `AsyncFd` over pipes, sockets and an eventfd: what is cleared and what stays, who is woken, what cannot be registered.
#![cfg(target_os = "linux")]

mod both;

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use both::{Result, on_each, poll_once};
use gumption_core::{spawn, yield_now};
use gumption_io::io::unix::{AsyncFd, AsyncFdReadyGuard};
use gumption_io::io::{Interest, Ready};

fn watched<T: AsRawFd>(owner: T) -> Result<AsyncFd<T>> {
    // SAFETY: each owner in this file keeps its descriptor open and the same.
    Ok(unsafe { AsyncFd::register(owner) }?)
}

fn pair() -> Result<(AsyncFd<UnixStream>, UnixStream)> {
    let (a, b) = UnixStream::pair()?;
    a.set_nonblocking(true)?;
    b.set_nonblocking(true)?;
    Ok((watched(a)?, b))
}

/// A counter in the kernel: a read takes all of it and waits for more.
fn eventfd() -> Result<File> {
    // SAFETY: takes no pointers; a result that is not negative is a new descriptor.
    let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, new, and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) }.into())
}

fn take(mut counter: &File) -> Result<u64> {
    let mut count = [0; 8];
    counter.read_exact(&mut count)?;
    Ok(u64::from_ne_bytes(count))
}

fn add(mut counter: &File, count: u64) -> Result {
    counter.write_all(&count.to_ne_bytes())
}

#[test]
fn a_counter_of_the_kernel() {
    on_each(|| async {
        const ADDERS: u64 = 8;
        let counter = Arc::new(watched(eventfd()?)?);
        let adders: Vec<_> = (1..=ADDERS)
            .map(|n| {
                let counter = counter.clone();
                spawn(async move {
                    yield_now().await;
                    add(counter.get_ref(), n)
                })
            })
            .collect();
        let mut sum = 0;
        while sum < ADDERS * (ADDERS + 1) / 2 {
            sum += counter.async_io(Interest::READABLE, take).await?;
        }
        assert_eq!(sum, ADDERS * (ADDERS + 1) / 2);
        assert!(poll_once(counter.async_io(Interest::READABLE, take)).await.is_none());
        for adder in adders {
            adder.await??;
        }
        Ok(())
    });
}

#[test]
fn every_waiter_is_woken() {
    on_each(|| async {
        const WAITERS: u64 = 12;
        let counter = Arc::new(watched(eventfd()?)?);
        let waiters: Vec<_> = (0..WAITERS)
            .map(|_| {
                let counter = counter.clone();
                spawn(async move { Result::Ok(counter.readable().await?.ready()) })
            })
            .collect();
        yield_now().await;
        add(counter.get_ref(), 1)?;
        for waiter in waiters {
            assert!(waiter.await??.is_readable());
        }
        Ok(())
    });
}

#[test]
fn what_is_cleared_waits_for_an_event_and_what_is_kept_does_not() {
    on_each(|| async {
        let (a, mut b) = pair()?;
        b.write_all(b"0")?;
        a.readable().await?.retain_ready();
        // Dropped without a word.
        let guard = a.readable().await?;
        drop(guard);
        a.readable().await?.clear_ready();
        assert!(poll_once(a.readable()).await.is_none());
        b.write_all(b"0")?;
        let mut guard = a.readable().await?;
        let nothing = guard.try_io(|_| Err::<(), _>(ErrorKind::WouldBlock.into()));
        assert!(nothing.is_err() && guard.ready().is_empty());
        assert!(poll_once(a.readable()).await.is_none());
        b.write_all(b"0")?;
        let mut guard = a.readable().await?;
        let other = guard.try_io(|_| Err::<(), _>(ErrorKind::InvalidData.into()));
        assert_eq!(other.expect("it did not block").unwrap_err().kind(), ErrorKind::InvalidData);
        assert!(poll_once(a.readable()).await.is_some(), "an error says nothing of readiness");
        Ok(())
    });
}

#[test]
fn clearing_a_part_keeps_the_rest() {
    on_each(|| async {
        let (mut a, mut b) = pair()?;
        b.write_all(b"0")?;
        // Both directions have been seen, so one guard has both.
        let _ = a.readable().await?;
        let _ = a.writable().await?;
        let mut guard = a.ready(Interest::READABLE | Interest::WRITABLE).await?;
        assert_eq!(guard.ready(), Ready::READABLE | Ready::WRITABLE);
        guard.clear_ready_matching(Ready::READABLE);
        assert_eq!(guard.ready(), Ready::WRITABLE);
        assert!(poll_once(a.readable()).await.is_none(), "this part is cleared");
        assert!(poll_once(a.writable()).await.is_some(), "and this one is not");
        // What is not in the guard cannot be cleared by it.
        let mut guard = a.writable_mut().await?;
        guard.clear_ready_matching(Ready::READABLE);
        assert_eq!(guard.ready(), Ready::WRITABLE);
        guard.clear_ready_matching(Ready::WRITABLE);
        assert_eq!(guard.ready(), Ready::EMPTY);
        guard.clear_ready();
        Ok(())
    });
}

#[test]
fn clearing_does_not_take_a_newer_event() {
    on_each(|| async {
        let (a, mut b) = pair()?;
        for _ in 0..20 {
            b.write_all(b"0")?;
            let mut old: AsyncFdReadyGuard<'_, _> = a.readable().await?;
            // Another waiter finds it dry, and waits for the next byte.
            let waits = async { a.async_io(Interest::READABLE, |mut a| a.read(&mut [0; 1])).await };
            assert_eq!(waits.await?, 1);
            a.readable().await?.clear_ready();
            b.write_all(b"1")?;
            let _ = a.readable().await?;
            old.clear_ready();
            assert!(poll_once(a.readable()).await.is_some(), "the byte is there, and the guard was older");
            assert_eq!(a.async_io(Interest::READABLE, |mut a| a.read(&mut [0; 8])).await?, 1);
            a.readable().await?.clear_ready();
        }
        Ok(())
    });
}

#[test]
fn the_last_that_polled_is_woken() {
    on_each(|| async {
        let (a, mut b) = pair()?;
        let flags: [Arc<AtomicBool>; 2] = Default::default();
        struct Flag(Arc<AtomicBool>);
        impl std::task::Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        for flag in &flags {
            let waker = Arc::new(Flag(flag.clone())).into();
            let pending = a.poll_read_ready(&mut Context::from_waker(&waker));
            assert!(matches!(pending, Poll::Pending));
        }
        b.write_all(b"0")?;
        let _ = a.readable().await?;
        while !flags[1].load(Ordering::SeqCst) {
            yield_now().await;
        }
        assert!(!flags[0].load(Ordering::SeqCst));
        Ok(())
    });
}

#[test]
fn the_owner_can_be_used_to_change_it() {
    on_each(|| async {
        let (mut a, mut b) = pair()?;
        assert_eq!(a.async_io_mut(Interest::WRITABLE, |a| a.write(b"hello")).await?, 5);
        assert_eq!(b.read(&mut [0; 16])?, 5);
        let mut guard = a.writable_mut().await?;
        assert_eq!(guard.try_io(|a| a.get_mut().write(b"again")).expect("there is room")?, 5);
        assert_eq!(b.read(&mut [0; 16])?, 5);
        assert_eq!(a.try_io_mut(Interest::READABLE, |_| Ok(())).unwrap_err().kind(), ErrorKind::WouldBlock);
        Ok(())
    });
}

#[test]
fn a_regular_file_is_an_error_and_comes_back() {
    on_each(|| async {
        let mut file = tempfile::tempfile()?;
        file.write_all(b"hello")?;
        // SAFETY: the file keeps its descriptor.
        let error = unsafe { AsyncFd::register(file) }.expect_err("it cannot be polled");
        assert_eq!(error.to_string(), io::Error::from_raw_os_error(libc::EPERM).to_string());
        let (mut file, cause) = error.into_parts();
        assert_eq!(cause.raw_os_error(), Some(libc::EPERM));
        file.write_all(b"it is still open")?;
        Ok(())
    });
}

#[test]
fn a_descriptor_is_deregistered_before_it_is_closed_or_given_back() {
    on_each(|| async {
        let (a, mut b) = pair()?;
        // Taken apart, it is open, and free to be registered again.
        let owner = a.into_inner();
        b.write_all(b"0")?;
        let a = watched(owner)?;
        let _ = a.readable().await?;
        // Dropped, it is deregistered before it is closed: its number is free for the next.
        drop(a);
        for _ in 0..10 {
            let (a, mut b) = pair()?;
            b.write_all(b"0")?;
            let _ = a.readable().await?;
        }
        Ok(())
    });
}

#[test]
fn the_end_is_for_every_waiter() {
    on_each(|| async {
        let (a, b) = pair()?;
        let a = Arc::new(a);
        let waiters: Vec<_> = (0..4)
            .map(|_| {
                let a = a.clone();
                spawn(async move { Result::Ok(a.readable().await?.ready()) })
            })
            .collect();
        yield_now().await;
        drop(b);
        for waiter in waiters {
            assert!(waiter.await??.is_read_closed());
        }
        // A closed half stays closed, whatever is cleared.
        a.readable().await?.clear_ready();
        assert!(a.readable().await?.ready().is_read_closed());
        Ok(())
    });
}
