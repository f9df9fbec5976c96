//! What the tests of cancellation share: a future that is dropped after so many polls, and a world that must be clean afterwards.

use gumption_core::time::{Duration, timeout};
use std::future::{Future, poll_fn};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Instant;

pub type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
pub type Builder = gumption_core::runtime::Builder<gumption_io::Netpoller>;

/// Polls `future` up to `polls` times, each after a wake, and drops it; its output, if it came to that.
///
/// 0 drops it unpolled, 1 at its first await point, and so on.
pub async fn up_to<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    // Its box is dropped with this function's frame, which is when it returns.
    let mut future = Box::pin(future);
    let mut left = polls;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn descriptors() -> Vec<String> {
    let mut all: Vec<_> = std::fs::read_dir("/dev/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        // The number behind it is a fresh socket's.
        .map(|target| target.to_string_lossy().split(':').next().unwrap_or_default().to_owned())
        .collect();
    all.sort();
    all
}

/// Runs a test in a runtime of either flavour, alone in the process: it must end, and leave no descriptor behind.
pub fn run<F: Future>(multi_thread: bool, test: F) -> F::Output {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = descriptors();
    let mut builder = if multi_thread { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    let runtime: Runtime = builder.processors(if multi_thread { 2 } else { 1 }).enable_all().build().unwrap();
    let sources = runtime.stats().driver.sources;
    let ended = runtime.block_on(async { timeout(Duration::from_secs(120), test).await });
    let Ok(output) = ended else { panic!("it hangs:\n{}", runtime.stats()) };
    // The last tasks have been told to end.
    let patience = Instant::now() + Duration::from_secs(120);
    let left = || (runtime.stats().totals.tasks_live, runtime.stats().driver.sources);
    while left() != (0, sources) {
        assert!(
            Instant::now() < patience,
            "left behind: {:?} tasks and sources, of which {sources} are the runtime's",
            left()
        );
        runtime.block_on(gumption_core::yield_now());
    }
    drop(runtime);
    assert_eq!(descriptors(), before, "a descriptor is left open");
    output
}
