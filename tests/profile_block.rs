//! The block profile of scripted programs: with a rate of 1 each wait is in it, once, where it was.

#[path = "support/profiles.rs"]
mod profiles;

use std::time::Duration;

use gumption::introspect::profile::{self, Profile};
use gumption::runtime::{Builder, Runtime};
use gumption::sync::{self, mpsc, oneshot};
use gumption::task::labels;
use gumption::time::{sleep, timeout};
use profiles::{alone, label, of};

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// One whose clock stands while there is anything to run: no sleep is over before it is begun, however long that takes.
fn one_thread_out_of_time() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// What `program` adds to the block profile at this rate.
fn sampled(rate: u64, program: impl FnOnce()) -> Profile {
    let before = profile::block();
    profile::set_block_rate(rate);
    program();
    profile::set_block_rate(0);
    profile::block().minus(&before)
}

/// Waits for `reason` in a function whose name has `function` in it: how many, how long.
fn waits(profile: &Profile, reason: &str, function: &str) -> (i64, i64) {
    let there = of(profile, function).into_iter().filter(|sample| label(sample, "reason") == reason);
    there.fold((0, 0), |sum, sample| (sum.0 + sample.values[0], sum.1 + sample.values[1]))
}

async fn serves(mut requests: mpsc::Receiver<oneshot::Sender<()>>) -> u32 {
    let mut served = 0;
    while let Some(answer) = requests.recv().await {
        served += u32::from(answer.send(()).is_ok());
    }
    served
}

async fn asks(server: mpsc::Sender<oneshot::Sender<()>>, times: u32) {
    for _ in 0..times {
        let (answer, asked) = oneshot::channel();
        server.send(answer).await.unwrap();
        asked.await.unwrap();
    }
}

/// One task that serves and one that asks it, on one thread: who waits when is certain.
fn dialogue(times: u32) {
    one_thread().block_on(async {
        let (ask, requests) = mpsc::channel(1);
        let server = gumption::spawn(serves(requests));
        let client = gumption::spawn(asks(ask, times));
        gumption::spawn(async move {
            client.await.unwrap();
            assert_eq!(server.await.unwrap(), times);
        })
        .await
        .unwrap();
    });
}

#[test]
fn each_wait_is_counted_once() {
    let _alone = alone();
    let profile = sampled(1, || dialogue(50));
    // The last one waits for a request that does not come.
    assert_eq!(waits(&profile, "chan receive", "serves").0, 51, "{}", profile.text("block"));
    assert_eq!(waits(&profile, "chan receive", "asks").0, 50, "{}", profile.text("block"));
    let joins = waits(&profile, "join", "dialogue").0;
    assert!((1..=2).contains(&joins), "{}", profile.text("block"));
    assert_eq!(profile.total(0), 101 + joins, "{}", profile.text("block"));
    assert!(profile.samples.iter().all(|sample| label(sample, "spawned_at").contains("profile_block.rs:")));
    let channels = profile.samples.iter().filter(|sample| label(sample, "reason") == "chan receive");
    assert!(channels.clone().all(|sample| !label(sample, "resource").is_empty()), "{}", profile.text("block"));
    assert!(channels.clone().any(|sample| label(sample, "resource").starts_with("chan tests/profile_block.rs:")));
    assert!(profile.comments.is_empty() || !profile.comments[0].contains("too many"));
}

#[test]
fn nothing_is_sampled_unless_asked_for() {
    let _alone = alone();
    let before = profile::block();
    dialogue(50);
    assert!(profile::block().minus(&before).samples.is_empty());
    assert_eq!(profile::block_rate(), 0);
}

#[test]
fn a_sample_stands_for_the_waits_that_were_left_out() {
    let _alone = alone();
    let profile = sampled(10, || dialogue(20_000));
    let total = profile.total(0);
    // About 40 000 waits in 4 000 samples, whose number spreads by about 40: this is ten times that.
    assert!((36_000..=44_000).contains(&total), "{total} waits");
    assert!(profile.samples.iter().all(|sample| sample.values[0] % 10 == 0));
}

#[test]
fn the_delay_is_how_long_it_lasted() {
    let _alone = alone();
    const NAP: Duration = Duration::from_millis(20);
    let profile = sampled(1, || {
        one_thread_out_of_time().block_on(async {
            let lock = std::sync::Arc::new(sync::Mutex::new(()));
            let held = lock.clone().lock_owned().await;
            let waits = gumption::spawn(async move {
                let _guard = lock.lock().await;
            });
            gumption::spawn(async move {
                sleep(NAP).await;
                // For those who measure time goes on.
                std::thread::sleep(NAP);
                drop(held);
            })
            .await
            .unwrap();
            waits.await.unwrap();
        });
    });
    let (count, delay) = waits(&profile, "sync.Mutex.Lock", "the_delay_is_how_long_it_lasted");
    assert_eq!(count, 1, "{}", profile.text("block"));
    assert!(delay >= NAP.as_nanos() as i64 / 2, "{delay} ns");
    assert_eq!(waits(&profile, "sleep", "the_delay").0, 1);
    assert!(profile.total(1) >= delay + waits(&profile, "sleep", "the_delay").1);
}

async fn waits_for_two(one: oneshot::Receiver<()>, other: oneshot::Receiver<()>) {
    gumption::select! {
        got = one => got.unwrap(),
        got = other => got.unwrap(),
    }
}

async fn waits_with_a_limit(one: oneshot::Receiver<()>) {
    timeout(Duration::from_secs(600), one).await.unwrap().unwrap();
}

#[test]
fn a_select_is_where_its_branches_part_and_a_timeout_is_no_reason() {
    let _alone = alone();
    let profile = sampled(1, || {
        one_thread().block_on(async {
            let (send, one) = oneshot::channel();
            let (_other_send, other) = oneshot::channel();
            let (limited_send, limited) = oneshot::channel();
            let both = gumption::spawn(waits_for_two(one, other));
            let limited = gumption::spawn(waits_with_a_limit(limited));
            gumption::task::yield_now().await;
            send.send(()).unwrap();
            limited_send.send(()).unwrap();
            both.await.unwrap();
            limited.await.unwrap();
        });
    });
    assert_eq!(waits(&profile, "select", "waits_for_two").0, 1, "{}", profile.text("block"));
    assert_eq!(waits(&profile, "chan receive", "waits_with_a_limit").0, 1, "{}", profile.text("block"));
    assert_eq!(profile.total(0), 2, "{}", profile.text("block"));
}

#[test]
fn labels_of_the_task_are_labels_of_its_waits() {
    let _alone = alone();
    let profile = sampled(1, || {
        one_thread_out_of_time().block_on(async {
            for trace in ["a1", "b2"] {
                let request = gumption::spawn(async move {
                    labels::set("trace_id", trace);
                    gumption::spawn(sleep(Duration::from_millis(1))).await.unwrap();
                });
                request.await.unwrap();
            }
        });
    });
    let one = profile.clone().only("trace_id", "a1");
    assert_eq!((one.total(0), profile.total(0)), (2, 4), "{}", profile.text("block"));
    assert_eq!(one.samples.iter().filter(|sample| label(sample, "reason") == "sleep").count(), 1);
}

/// Asks a sleep, which says that it would wait, and does not wait for it.
async fn asks_and_leaves() {
    let mut nap = std::pin::pin!(sleep(Duration::from_secs(600)));
    let asked = std::future::poll_fn(|cx| std::task::Poll::Ready(nap.as_mut().poll(cx).is_pending())).await;
    assert!(asked);
}

#[test]
fn a_wait_that_is_aborted_has_ended_and_what_was_none_is_none() {
    let _alone = alone();
    let profile = sampled(1, || {
        one_thread().block_on(async {
            gumption::spawn(asks_and_leaves()).await.unwrap();
            let sleeps = gumption::spawn(sleep(Duration::from_secs(600)));
            gumption::task::yield_now().await;
            sleeps.abort();
            sleeps.await.unwrap_err();
        });
    });
    assert_eq!((waits(&profile, "sleep", "").0, profile.total(0)), (1, 1), "{}", profile.text("block"));
}
