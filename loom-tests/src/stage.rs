//! What models of the composed scheduler share: gates to wait at, and a ledger of the futures that were dropped.
//!
//! Everything here is seen by shuttle, but the ledger: it is the oracle, counts with `std`'s mutex, and orders nothing.

use gumption_core::runtime::Runtime;
use gumption_core::sync::{Arc, Condvar, Mutex, thread};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// How often each future was dropped.
#[derive(Clone, Debug, Default)]
pub struct Ledger(std::sync::Arc<std::sync::Mutex<Vec<u32>>>);

/// Lives in a future, and notes its end.
#[derive(Debug)]
pub struct Token {
    ledger: Ledger,
    index: usize,
}

impl Ledger {
    /// Something to put into a future.
    pub fn token(&self) -> Token {
        let mut drops = self.0.lock().unwrap();
        drops.push(0);
        Token { ledger: self.clone(), index: drops.len() - 1 }
    }

    /// Ends the runtime; then every future has been dropped once, and nothing was lost or invented.
    ///
    /// # Panics
    /// If not.
    pub fn close<D>(&self, runtime: Runtime<D>) {
        let handle = runtime.handle().clone();
        drop(runtime);
        self.check();
        let broken = handle.stats().conservation();
        assert!(broken.is_empty(), "not conserved: {broken:?}");
    }

    /// Every future has been dropped once.
    ///
    /// # Panics
    /// If not.
    pub fn check(&self) {
        let drops = self.0.lock().unwrap();
        assert!(drops.iter().all(|&drops| drops == 1), "futures were dropped this often: {drops:?}");
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.ledger.0.lock().unwrap()[self.index] += 1;
    }
}

/// Opened once; one task waits for it, or a thread.
#[derive(Debug, Default)]
pub struct Gate {
    inner: Mutex<(bool, Option<Waker>)>,
    opened: Condvar,
}

impl Gate {
    /// Shut.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Lets everybody through.
    pub fn open(&self) {
        let waker = {
            let mut inner = self.inner.lock();
            inner.0 = true;
            inner.1.take()
        };
        self.opened.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.inner.lock().0
    }

    /// Blocks the thread.
    pub fn block(&self) {
        let mut inner = self.inner.lock();
        while !inner.0 {
            inner = self.opened.wait(inner);
        }
    }

    /// Waits in a task.
    pub async fn wait(&self) {
        struct Wait<'a>(&'a Gate);
        impl Future for Wait<'_> {
            type Output = ();
            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                let mut inner = self.0.inner.lock();
                if inner.0 {
                    return Poll::Ready(());
                }
                inner.1 = Some(cx.waker().clone());
                Poll::Pending
            }
        }
        Wait(self).await;
    }
}

/// Waits for all of them.
///
/// # Panics
/// If one has.
pub fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    for thread in threads {
        assert!(thread.join().is_ok());
    }
}
