//! What the tests of whole runtimes share: a watchdog, a flag that tasks and threads wait for, waiting for rest,
//! and counting what is dropped.
//!
//! Nothing here depends on how fast the machine is: waits are for something to happen, and the watchdog's limit is so
//! generous that only a hang reaches it. A hang prints the runtime's schedtrace with every detail and aborts, because
//! threads that hang cannot be unwound.

#![allow(dead_code)]

use gumption_core::runtime::Handle;
use gumption_core::schedtrace;
use std::fmt::Debug;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// After which a test is taken to hang.
const LIMIT: Duration = Duration::from_secs(240);

/// What a test multiplies its steps by: `GUMPTION_STRESS`, 1 by default.
pub fn stress() -> usize {
    std::env::var("GUMPTION_STRESS").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Aborts the process if it is not dropped in time.
pub struct Watchdog {
    handles: Arc<Mutex<Vec<Handle>>>,
    end: Option<mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watchdog {
    /// Watches `what`.
    pub fn new(what: impl Debug) -> Self {
        let handles = Arc::new(Mutex::new(Vec::<Handle>::new()));
        let watched = handles.clone();
        let what = format!("{what:?}");
        let (end, ended) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            if ended.recv_timeout(LIMIT) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            // Not by `eprintln!`: the test harness would keep it from us.
            let mut out = std::io::stderr();
            let _ = writeln!(out, "hangs: {what}");
            for handle in watched.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                let stats = handle.stats();
                let _ = writeln!(out, "{}\n{stats}\n{stats:?}", schedtrace::line(&stats, true, None));
            }
            std::process::abort();
        });
        Self { handles, end: Some(end), thread: Some(thread) }
    }

    /// Also prints what `handle` has to say.
    pub fn watch(&self, handle: &Handle) {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).push(handle.clone());
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watchdog's thread does not panic");
        }
    }
}

/// Something that happens once. Threads spin for it, tasks wait for it with wakers of all kinds.
#[derive(Default)]
pub struct Event {
    set: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Event {
    pub const fn new() -> Self {
        Self { set: AtomicBool::new(false), waiting: Mutex::new(Vec::new()) }
    }

    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    /// It happens. `how` chooses among the ways to use a waker.
    pub fn set_by(&self, how: u8) {
        self.set.store(true, Ordering::Release);
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for waker in waiting {
            match how % 4 {
                0 => waker.wake(),
                1 => waker.wake_by_ref(),
                2 => {
                    let copies: Vec<_> = (0..3).map(|_| waker.clone()).collect();
                    copies.into_iter().for_each(Waker::wake);
                }
                _ => {
                    // From a thread that has never heard of the runtime.
                    std::thread::spawn(move || waker.wake()).join().expect("a wake does not panic");
                }
            }
        }
    }

    pub fn set(&self) {
        self.set_by(0);
    }

    pub async fn wait(&self) {
        WaitFor(self).await;
    }

    /// Keeps the processor until it happens.
    pub fn spin(&self) {
        while !self.is_set() {
            std::hint::spin_loop();
            std::thread::yield_now();
        }
    }
}

struct WaitFor<'a>(&'a Event);

impl Future for WaitFor<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.is_set() {
            return Poll::Ready(());
        }
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(cx.waker().clone());
        // Set meanwhile: the setter may have emptied the list before we came.
        if self.0.is_set() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Waits until `runtime` is at rest, and fails if a conservation law does not hold there.
pub fn at_rest(handle: &Handle) {
    let mut breaches = Vec::new();
    for _ in 0..4_000 {
        breaches = handle.stats().conservation();
        if breaches.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{breaches:#?}\n{}", handle.stats());
}

/// Waits until `done`, looking now and then; the watchdog bounds it.
pub fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What a panic said.
pub fn message(panicking: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(panicking)).expect_err("it should have panicked");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&str>().map(|text| (*text).to_owned()).unwrap_or_default(),
    }
}

/// Counts what it has made, and what of that was dropped.
#[derive(Clone, Default)]
pub struct Tally {
    pub made: Arc<AtomicUsize>,
    pub dropped: Arc<AtomicUsize>,
}

/// One of those that a [`Tally`] has made.
pub struct Counted(Arc<AtomicUsize>);

impl Tally {
    pub fn one(&self) -> Counted {
        self.made.fetch_add(1, Ordering::Relaxed);
        Counted(self.dropped.clone())
    }

    pub fn assert_even(&self) {
        assert_eq!(self.made.load(Ordering::Relaxed), self.dropped.load(Ordering::Relaxed), "made and dropped");
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
