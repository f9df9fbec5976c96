//! The mutex profile of scripted programs: who holds, for how long others wait, and which lock it is.

#[path = "support/profiles.rs"]
mod profiles;

use std::sync::Arc;
use std::time::Duration;

use gumption::introspect::profile::{self, Profile};
use gumption::runtime::{Builder, Runtime};
use gumption::sync::{Mutex, RwLock, Semaphore};
use gumption::task::{labels, yield_now};
use gumption::wait::{Facts, Kind, snapshot};
use gumption_core::resource::coarse_now;
use profiles::{alone, label, of};

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn sampled(program: impl FnOnce()) -> Profile {
    let before = profile::mutex();
    profile::set_mutex_fraction(1);
    program();
    profile::set_mutex_fraction(0);
    profile::mutex().minus(&before)
}

/// Keeps the lock until `others` wait for it, and then for `time`.
async fn keeps_others_waiting(lock: Arc<Mutex<u32>>, others: u64, time: Duration) {
    labels::set("role", "hog");
    let mut guard = lock.lock().await;
    let waiters = || {
        let of_this_test = |facts: &Facts| facts.site.file().ends_with("profile_mutex.rs") && facts.kind == Kind::Mutex;
        snapshot().iter().filter(|facts| of_this_test(facts)).map(|facts| facts.waiters).max().unwrap_or(0)
    };
    while waiters() < others {
        yield_now().await;
    }
    // By the clock that waits are measured with, which goes on while this one yields.
    let end = coarse_now() + time.as_nanos() as u64;
    while coarse_now() < end {
        yield_now().await;
    }
    *guard += 1;
}

async fn is_quick(lock: Arc<Mutex<u32>>) {
    *lock.lock().await += 1;
}

#[test]
fn the_holder_is_named_and_charged_with_what_others_waited() {
    const TIME: Duration = Duration::from_millis(40);
    let _alone = alone();
    let profile = sampled(|| {
        one_thread().block_on(async {
            let lock = Arc::new(Mutex::new(0));
            let hog = gumption::spawn(keeps_others_waiting(lock.clone(), 3, TIME));
            yield_now().await;
            let others: Vec<_> = (0..3).map(|_| gumption::spawn(is_quick(lock.clone()))).collect();
            hog.await.unwrap();
            for other in others {
                other.await.unwrap();
            }
            assert_eq!(*lock.lock().await, 4);
        });
    });
    let text = profile.text("mutex");
    let hog = of(&profile, "keeps_others_waiting");
    assert_eq!(hog.len(), 1, "{text}");
    assert_eq!(hog[0].values[0], 1, "{text}");
    // Three that waited all the time.
    assert!(hog[0].values[1] >= 3 * TIME.as_nanos() as i64, "{text}");
    assert_eq!(label(hog[0], "role"), "hog");
    assert!(label(hog[0], "resource").starts_with("mutex tests/profile_mutex.rs:"), "{text}");
    // The first two of the others are waited for, too, by those behind them.
    let quick = of(&profile, "is_quick");
    assert_eq!(quick.iter().map(|sample| sample.values[0]).sum::<i64>(), 2, "{text}");
    assert_eq!(profile.total(0), 3, "{text}");
}

async fn gives_back(permits: Arc<Semaphore>) {
    let permit = permits.acquire().await.unwrap();
    yield_now().await;
    yield_now().await;
    drop(permit);
}

async fn reads(lock: Arc<RwLock<()>>) {
    let guard = lock.read().await;
    yield_now().await;
    yield_now().await;
    drop(guard);
}

async fn writes(lock: Arc<RwLock<()>>) {
    drop(lock.write().await);
}

#[test]
fn permits_and_read_locks_are_there_with_who_lets_others_go() {
    let _alone = alone();
    let profile = sampled(|| {
        one_thread().block_on(async {
            let permits = Arc::new(Semaphore::new(1));
            let two: Vec<_> = (0..2).map(|_| gumption::spawn(gives_back(permits.clone()))).collect();
            for each in two {
                each.await.unwrap();
            }
            let lock = Arc::new(RwLock::new(()));
            let reader = gumption::spawn(reads(lock.clone()));
            let writer = gumption::spawn(writes(lock));
            reader.await.unwrap();
            writer.await.unwrap();
        });
    });
    let text = profile.text("mutex");
    let permits = of(&profile, "gives_back");
    assert_eq!(permits.iter().map(|sample| sample.values[0]).sum::<i64>(), 1, "{text}");
    assert!(label(permits[0], "resource").starts_with("semaphore "), "{text}");
    assert_eq!(of(&profile, "reads").len(), 1, "{text}");
    assert_eq!(label(of(&profile, "reads")[0], "reason"), "rwlock", "{text}");
    assert_eq!(profile.total(0), 2, "who lets nobody go is not there\n{text}");
}

#[test]
fn who_waits_and_who_holds_name_the_same_lock() {
    let _alone = alone();
    let before = profile::block();
    profile::set_block_rate(1);
    let held = sampled(|| {
        one_thread().block_on(async {
            let lock = Arc::new(Mutex::new(0));
            let hog = gumption::spawn(keeps_others_waiting(lock.clone(), 1, Duration::from_millis(5)));
            yield_now().await;
            gumption::spawn(is_quick(lock)).await.unwrap();
            hog.await.unwrap();
        });
    });
    profile::set_block_rate(0);
    let waited = profile::block().minus(&before);
    let holder = of(&held, "keeps_others_waiting");
    let waiter = of(&waited, "is_quick");
    assert_eq!((holder.len(), waiter.len()), (1, 1), "{}{}", held.text("mutex"), waited.text("block"));
    assert_eq!(label(holder[0], "resource"), label(waiter[0], "resource"));
    assert!(label(waiter[0], "resource").starts_with("mutex tests/profile_mutex.rs:"));
}

#[test]
fn nothing_is_sampled_unless_asked_for() {
    let _alone = alone();
    let before = profile::mutex();
    one_thread().block_on(async {
        let lock = Arc::new(Mutex::new(0));
        let tasks: Vec<_> =
            (0..4).map(|_| gumption::spawn(keeps_others_waiting(lock.clone(), 0, Duration::ZERO))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(profile::mutex().minus(&before).samples.is_empty());
    assert_eq!(profile::mutex_fraction(), 0);
}
