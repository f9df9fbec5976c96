//! tower's middleware: what holds requests back, lets them go, and gives up.

use gumption_compat_check::soon;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::retry::backoff::{Backoff, ExponentialBackoffMaker, MakeBackoff};
use tower::util::rng::HasherRng;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn a_stack_of_layers() {
    let calls = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&calls);
    let inner = service_fn(move |n: u64| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            sleep(Duration::from_secs(if n == 0 { 3600 } else { 1 })).await;
            Ok::<_, BoxError>(n + 1)
        }
    });
    let mut stack = ServiceBuilder::new()
        .buffer(8)
        .concurrency_limit(2)
        .rate_limit(100, Duration::from_secs(1))
        .timeout(Duration::from_secs(10))
        .service(inner);
    let began = Instant::now();
    let mut answers = JoinSet::new();
    for n in 1..=6 {
        answers.spawn(stack.ready().await.unwrap().call(n));
    }
    let answers = soon("all answers", answers.join_all()).await;
    assert_eq!(answers.into_iter().map(Result::unwrap).sum::<u64>(), 27);
    // Two at a time, a second each.
    assert_eq!(began.elapsed().as_secs(), 3);
    let error = soon("a timeout", stack.ready().await.unwrap().call(0)).await.unwrap_err();
    assert!(error.is::<tower::timeout::error::Elapsed>(), "{error:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 7);
}

#[tokio::test(start_paused = true)]
async fn a_backoff_waits() {
    let (shortest, longest) = (Duration::from_secs(1), Duration::from_secs(4));
    let mut backoff = ExponentialBackoffMaker::new(shortest, longest, 0.0, HasherRng::new()).unwrap().make_backoff();
    let began = Instant::now();
    for _ in 0..3 {
        soon("a wait", backoff.next_backoff()).await;
    }
    assert_eq!(began.elapsed().as_secs(), 1 + 2 + 4);
}
