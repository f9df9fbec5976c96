//! tokio's multi-thread runtime.
//!
//! The time driver is on, as nearly every service has it; the io driver has no feature enabled here. The blocking
//! section is `block_in_place`, which hands the worker's core to another thread each time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::Peer;

/// tokio, multi-thread.
pub struct Tokio(Runtime);

/// tokio's join handle, without the error.
pub struct Join<T>(JoinHandle<T>);

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|outcome| outcome.expect("a bench task failed"))
    }
}

impl Peer for Tokio {
    const NAME: &'static str = "tokio";
    const BLOCK_IN_PLACE: bool = true;

    type Join<T: Send + 'static> = Join<T>;

    fn start(workers: usize) -> std::io::Result<Self> {
        Builder::new_multi_thread().worker_threads(workers).enable_all().build().map(Self)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn_from_outside<F>(&self, future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(self.0.spawn(future))
    }

    fn spawn<F>(future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(tokio::spawn(future))
    }

    fn detach<F: Future<Output = ()> + Send + 'static>(future: F) {
        drop(tokio::spawn(future));
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        tokio::time::sleep(duration)
    }

    async fn blocking<R: Send + 'static>(section: impl FnOnce() -> R + Send + 'static) -> R {
        tokio::task::block_in_place(section)
    }

    fn block_in_place<R>(section: impl FnOnce() -> R) -> R {
        tokio::task::block_in_place(section)
    }
}
