//! A clock that stands: what a test sees that pauses time, on a whole runtime.
//!
//! Nothing here sleeps on a real clock to wait for something, and nothing depends on how fast the machine is: times are
//! compared on the clock that stands. Where a real thread has to do something first, it is waited for.

mod support;

use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Handle, Runtime};
use gumption_core::time::{
    self, Duration, Instant, MissedTickBehavior, Sleep, interval, interval_at, sleep, sleep_until, timeout, timeout_at,
};
use gumption_core::{spawn, spawn_blocking, yield_now};
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use support::{Event, Watchdog, message};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn runtime() -> Runtime {
    Builder::<ThreadDriver>::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Runs `body` in a runtime whose clock stands.
fn paused<T>(body: impl Future<Output = T>) -> T {
    let watchdog = Watchdog::new(std::thread::current().name().unwrap_or_default());
    let runtime = runtime();
    watchdog.watch(runtime.handle());
    runtime.block_on(body)
}

async fn is_ready(sleep: Pin<&mut Sleep>) -> bool {
    let mut sleep = Some(sleep);
    poll_fn(|cx| Poll::Ready(sleep.take().is_some_and(|sleep| sleep.poll(cx).is_ready()))).await
}

#[derive(Default)]
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn it_stands_while_tasks_run_and_time_passes() {
    paused(async {
        let start = Instant::now();
        let process = std::time::Instant::now();
        while process.elapsed() < 2 * MS {
            yield_now().await;
        }
        assert_eq!(Instant::now(), start);
        assert_eq!(spawn(async { Instant::now() }).await.unwrap(), start);
        assert_eq!(spawn_blocking(Instant::now).await.unwrap(), start);
    });
}

#[test]
fn with_nothing_else_to_do_it_jumps_to_the_next_timer() {
    let slept = paused(async {
        let start = Instant::now();
        let mut slept = Vec::new();
        for pause in [Duration::from_nanos(1), Duration::from_micros(999), MS, HOUR, YEAR] {
            sleep(pause).await;
            slept.push(start.elapsed());
        }
        slept
    });
    let mut sum = Duration::ZERO;
    for (slept, pause) in slept.into_iter().zip([Duration::from_nanos(1), Duration::from_micros(999), MS, HOUR, YEAR]) {
        sum += pause;
        assert_eq!(slept, sum, "exactly, to the nanosecond");
    }
}

#[test]
fn timers_fire_in_the_order_of_their_deadlines_each_at_its_time() {
    let fired = paused(async {
        let start = Instant::now();
        let fired = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..500u32)
            .map(|number| {
                let (fired, pause) = (fired.clone(), MS * (number * 7919 % 997));
                spawn(async move {
                    sleep(pause).await;
                    assert_eq!(start.elapsed(), pause);
                    fired.lock().unwrap().push(pause);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        Arc::into_inner(fired).unwrap().into_inner().unwrap()
    });
    assert!(fired.len() == 500 && fired.is_sorted(), "{fired:?}");
}

/// Says which one it was.
struct Saying(u32, Arc<Mutex<Vec<u32>>>);

impl Wake for Saying {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// More timers are due at once than one look at the heap fires.
#[test]
fn an_advance_fires_all_that_is_due_in_order() {
    paused(async {
        let fired = Arc::new(Mutex::new(Vec::new()));
        let naps: Vec<_> = (0..2000u32)
            .map(|number| {
                let pause = number * 7919 % 1999;
                let mut nap = Box::pin(sleep(MS * (1 + pause)));
                let waker = Waker::from(Arc::new(Saying(pause, fired.clone())));
                assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                nap
            })
            .collect();
        let start = Instant::now();
        time::advance(HOUR).await;
        for nap in naps {
            nap.await;
        }
        assert_eq!(start.elapsed(), HOUR, "nothing is left to jump to");
        let fired = fired.lock().unwrap();
        assert!(fired.len() == 2000 && fired.is_sorted(), "{fired:?}");
    });
}

#[test]
fn an_advance_wakes_who_is_due_before_it_returns_and_nobody_else() {
    paused(async {
        let start = Instant::now();
        let (due, later) = (Arc::new(Counting::default()), Arc::new(Counting::default()));
        let mut first = pin!(sleep(2 * MS));
        let mut second = pin!(sleep_until(start + 3 * MS));
        let wakers = [Waker::from(due.clone()), Waker::from(later.clone())];
        assert!(first.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_pending());
        assert!(second.as_mut().poll(&mut Context::from_waker(&wakers[1])).is_pending());
        for _ in 0..8 {
            time::advance(MS / 4).await;
        }
        assert_eq!((due.0.load(Ordering::SeqCst), later.0.load(Ordering::SeqCst)), (1, 0));
        assert!(is_ready(first).await && !second.is_elapsed());
        assert_eq!(start.elapsed(), 2 * MS);
        second.await;
        assert_eq!(start.elapsed(), 3 * MS);
    });
}

#[test]
fn a_cancelled_or_postponed_timer_draws_no_jump() {
    paused(async {
        let start = Instant::now();
        assert_eq!(timeout(HOUR, sleep(MS)).await, Ok(()));
        assert_eq!(start.elapsed(), MS);
        let mut moved = pin!(sleep(MS));
        assert!(!is_ready(moved.as_mut()).await);
        moved.as_mut().reset(start + 2 * HOUR);
        sleep(HOUR).await;
        assert_eq!(start.elapsed(), HOUR + MS);
        assert!(!moved.is_elapsed());
        // With no timer left the clock stands for good: this waits for the other thread, not for the cancelled hour.
        drop(timeout(HOUR, yield_now()).await);
        let until = Instant::now() + HOUR;
        moved.as_mut().reset(until);
        moved.await;
        assert_eq!(Instant::now(), until);
        let (send, receive) = mpsc::channel::<Waker>();
        let sender = std::thread::spawn(move || receive.recv().unwrap().wake());
        let mut woken = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut woken, true) {
                return Poll::Ready(());
            }
            send.send(cx.waker().clone()).unwrap();
            Poll::Pending
        })
        .await;
        sender.join().unwrap();
        assert_eq!(Instant::now(), until);
    });
}

#[test]
fn a_reset_into_the_past_ends_a_sleep_at_once() {
    paused(async {
        let start = Instant::now();
        let counting = Arc::new(Counting::default());
        let mut nap = pin!(sleep(HOUR));
        assert!(nap.as_mut().poll(&mut Context::from_waker(&Waker::from(counting.clone()))).is_pending());
        sleep(MS).await;
        nap.as_mut().reset(start);
        assert_eq!(counting.0.load(Ordering::SeqCst), 1);
        assert!(nap.is_elapsed());
        nap.await;
        assert_eq!(start.elapsed(), MS);
    });
}

#[test]
fn a_closure_that_blocks_holds_the_clock() {
    paused(async {
        let start = Instant::now();
        for round in 0..50 {
            let nap = spawn(sleep(HOUR));
            let done = timeout(MS, spawn_blocking(move || (round, Instant::now()))).await;
            assert_eq!(done.expect("no time passes").unwrap(), (round, start));
            assert_eq!(start.elapsed(), Duration::ZERO);
            nap.abort();
        }
        sleep(HOUR).await;
        assert_eq!(start.elapsed(), HOUR);
    });
}

/// The sleeper is asleep before the closure ends: its end has to wake it, and then the clock goes on.
#[test]
fn the_last_closures_end_lets_it_go_on() {
    paused(async {
        let start = Instant::now();
        let (release, released) = mpsc::channel::<()>();
        let closure = spawn_blocking(move || released.recv().is_ok());
        let second = spawn_blocking(|| ());
        second.await.unwrap();
        let nap = spawn(sleep(HOUR));
        let freed = spawn(async move {
            yield_now().await;
            release.send(()).is_ok()
        });
        nap.await.unwrap();
        assert_eq!(start.elapsed(), HOUR);
        assert!(freed.await.unwrap() && closure.await.unwrap());
    });
}

/// A thread that is not the runtime's arms timers, cancels some and lets go of others, while the clock jumps.
#[test]
fn timers_of_another_thread_fire_none_early_none_never() {
    let watchdog = Watchdog::new("timers of another thread");
    let runtime = runtime();
    watchdog.watch(runtime.handle());
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Arc::new(Event::new());
    let handle = runtime.handle().clone();
    let other = {
        let (stop, begun) = (stop.clone(), begun.clone());
        std::thread::spawn(move || {
            let _entered = handle.enter();
            let mut fired = 0;
            for round in 1..=2000u32 {
                let at = Instant::now() + MS * (round % 7);
                let mut nap = Box::pin(sleep_until(at));
                let counting = Arc::new(Counting::default());
                let waker = Waker::from(counting.clone());
                let armed = nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
                begun.set();
                if !armed || round % 3 == 0 {
                    continue;
                }
                while counting.0.load(Ordering::SeqCst) == 0 {
                    std::thread::yield_now();
                }
                assert!(Instant::now() >= at, "early");
                assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
                fired += 1;
            }
            stop.store(true, Ordering::SeqCst);
            fired
        })
    };
    runtime.block_on(async {
        begun.wait().await;
        while !stop.load(Ordering::SeqCst) {
            sleep(MS).await;
        }
    });
    assert!(other.join().unwrap() > 0);
}

/// Whoever has the runtime's one processor, the other caller's timers count.
#[test]
fn two_threads_share_the_clock() {
    let watchdog = Watchdog::new("two threads share the clock");
    let runtime = runtime();
    watchdog.watch(runtime.handle());
    std::thread::scope(|scope| {
        for pause in [3 * MS, 7 * MS] {
            let runtime = &runtime;
            scope.spawn(move || {
                runtime.block_on(async {
                    for _ in 0..500 {
                        let before = Instant::now();
                        sleep(pause).await;
                        assert!(before.elapsed() >= pause);
                    }
                });
            });
        }
    });
}

#[test]
fn runs_are_the_same() {
    let run = || {
        paused(async {
            let start = Instant::now();
            let log = Arc::new(Mutex::new(Vec::new()));
            let tasks: Vec<_> = (0..20u64)
                .map(|task| {
                    let log = log.clone();
                    spawn(async move {
                        for step in 0..20u64 {
                            sleep(Duration::from_micros((task * 31 + step * 17) % 97)).await;
                            log.lock().unwrap().push((task, step, start.elapsed()));
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            Arc::into_inner(log).unwrap().into_inner().unwrap()
        })
    };
    assert_eq!(run(), run());
}

#[test]
fn paused_later_and_resumed_it_does_not_go_back() {
    let _watchdog = Watchdog::new("paused later and resumed");
    let runtime = Builder::<ThreadDriver>::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        sleep(MS).await;
        time::pause();
        let at = Instant::now();
        assert!(at - start >= MS);
        time::advance(HOUR).await;
        assert_eq!(at.elapsed(), HOUR);
        time::resume();
        let resumed = Instant::now();
        assert!(resumed - at >= HOUR);
        sleep(2 * MS).await;
        assert!(resumed.elapsed() >= 2 * MS, "a timer by a clock that is ahead");
        time::pause();
        sleep(HOUR).await;
        assert!(start.elapsed() > 2 * HOUR);
    });
}

/// The runtime sleeps for a timer that is an hour off when another thread moves its clock.
#[test]
fn another_thread_may_move_the_clock() {
    paused(async {
        let start = Instant::now();
        let nap = spawn(sleep(HOUR));
        // The closure holds the clock until it has moved it itself.
        let moved = spawn_blocking(|| Handle::current().block_on(time::advance(2 * HOUR)));
        nap.await.unwrap();
        moved.await.unwrap();
        assert_eq!(start.elapsed(), 2 * HOUR);
    });
    let _watchdog = Watchdog::new("another thread resumes the clock");
    runtime().block_on(async {
        let nap = spawn(sleep(2 * MS));
        let (done, wait) = mpsc::channel::<()>();
        // The clock is held by the closure; after it resumed it the nap ends by itself.
        let resumed = spawn_blocking(move || {
            time::resume();
            wait.recv().is_err()
        });
        nap.await.unwrap();
        drop(done);
        assert!(resumed.await.unwrap());
    });
}

#[test]
fn clocks_of_two_runtimes_are_apart() {
    let (one, two) = (runtime(), runtime());
    let start = one.block_on(async { Instant::now() });
    let before = two.block_on(async { Instant::now() });
    one.block_on(sleep_for(HOUR));
    assert_eq!(one.block_on(async { Instant::now() }), start + HOUR);
    assert_eq!(two.block_on(async { Instant::now() }), before);
    let outside = Instant::now();
    assert!(outside < start + HOUR, "outside it is the process's clock");
    let guard = one.enter();
    assert_eq!(Instant::now(), start + HOUR);
    drop(guard);
    let going = Builder::<ThreadDriver>::new_current_thread().enable_all().build().unwrap();
    let now = going.block_on(async { Instant::now() });
    assert!(now >= outside && now < start + HOUR, "a clock that was never paused is the process's");
}

async fn sleep_for(duration: Duration) {
    sleep(duration).await;
}

#[test]
fn it_goes_further_than_anybody_lives() {
    paused(async {
        let start = Instant::now();
        for _ in 0..5 {
            sleep(100 * YEAR).await;
        }
        let slept = start.elapsed();
        assert!(slept >= 500 * YEAR && slept < 500 * YEAR + MS, "{slept:?}");
        time::advance(MS).await;
        assert!(start.elapsed() >= 500 * YEAR + MS);
        let again = Instant::now();
        sleep(MS).await;
        assert!(again.elapsed() >= MS && again.elapsed() < 2 * MS);
    });
}

#[test]
fn a_timeout_without_end_never_comes() {
    paused(async {
        let mut never = pin!(timeout(Duration::MAX, pending::<()>()));
        let first = timeout(HOUR, poll_fn(|cx| never.as_mut().poll(cx))).await;
        assert!(first.is_err(), "the hour came first");
        let nap = timeout(Duration::MAX, sleep(YEAR)).await;
        assert_eq!(nap, Ok(()));
    });
}

#[test]
fn timeouts_and_intervals_go_by_the_clock() {
    paused(async {
        let start = Instant::now();
        assert!(timeout(HOUR, pending::<()>()).await.is_err());
        assert_eq!(start.elapsed(), HOUR);
        assert!(timeout_at(start + 2 * HOUR, pending::<()>()).await.is_err());
        assert_eq!(start.elapsed(), 2 * HOUR);
        let mut ticks = interval(10 * MS);
        let first = ticks.tick().await;
        assert_eq!(first, start + 2 * HOUR);
        for tick in 1..5 {
            assert_eq!(ticks.tick().await, first + tick * 10 * MS);
        }
        let mut ticks = interval_at(Instant::now() + HOUR, HOUR);
        ticks.reset_after(MS);
        let now = Instant::now();
        assert_eq!(ticks.tick().await, now + MS);
        ticks.reset_immediately();
        assert_eq!(ticks.tick().await, now + MS);
        ticks.reset_at(now + 5 * MS);
        assert_eq!(ticks.tick().await, now + 5 * MS);
        ticks.reset();
        assert_eq!(ticks.tick().await, now + 5 * MS + HOUR);
    });
}

#[test]
fn ticks_that_were_missed() {
    for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
        let ticks = paused(async move {
            let start = Instant::now();
            let mut ticks = interval(10 * MS);
            ticks.set_missed_tick_behavior(behavior);
            let mut seen = vec![ticks.tick().await - start];
            time::advance(34 * MS).await;
            for _ in 0..5 {
                let tick = ticks.tick().await;
                seen.push(tick - start);
            }
            seen
        });
        let expected = match behavior {
            MissedTickBehavior::Burst => [0, 10, 20, 30, 40, 50],
            MissedTickBehavior::Delay => [0, 10, 44, 54, 64, 74],
            MissedTickBehavior::Skip => [0, 10, 40, 50, 60, 70],
        };
        assert_eq!(ticks, expected.map(|tick| tick * MS), "{behavior:?}");
    }
}

#[test]
fn what_cannot_be_done_says_so() {
    assert_eq!(message(time::pause), "time cannot be frozen from outside the Tokio runtime");
    assert_eq!(message(time::resume), "time cannot be frozen from outside the Tokio runtime");
    let two = "`time::pause()` requires the `current_thread` Tokio runtime.";
    let many = Builder::<ThreadDriver>::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    assert!(message(|| many.block_on(async { time::pause() })).starts_with(two));
    let mut builder = Builder::<ThreadDriver>::new_multi_thread();
    assert!(message(|| drop(builder.start_paused(true).build())).starts_with(two));
    paused(async {
        assert_eq!(message(time::pause), "time is already frozen");
        time::resume();
        assert_eq!(message(time::resume), "time is not frozen");
        let late = message(|| {
            let mut advance = pin!(time::advance(MS));
            let _ready = advance.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        });
        assert_eq!(late, "time is not frozen");
        time::pause();
        let far = message(|| {
            let mut advance = pin!(time::advance(Duration::MAX));
            let _ready = advance.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        });
        assert!(far.contains("overflow"), "{far}");
        sleep(MS).await;
    });
}
