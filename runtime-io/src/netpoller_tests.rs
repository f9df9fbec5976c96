//! Turns and unparks against the real kernel. Nothing here has an upper bound in time.

use std::collections::HashSet;
use std::io::Write;
use std::os::fd::AsRawFd;

use mio::Interest;
use mio::unix::pipe;

use super::*;
use gumption_core::policy::EVENTS_BUSY;

fn at_least(driver: &mut Netpoller, limit: Duration) {
    let start = Instant::now();
    let turn = driver.turn(Some(limit)).unwrap();
    assert_eq!(turn, Turn::default());
    assert!(start.elapsed() >= limit, "a turn of {limit:?} ended after {:?}", start.elapsed());
}

#[test]
fn no_timeout_is_early() {
    let mut driver = Netpoller::new().unwrap();
    for limit in [1, 999, 50_000, 300_000, 999_999, 1_000_000, 1_000_001, 2_500_000, 7_000_000] {
        at_least(&mut driver, Duration::from_nanos(limit));
    }
}

#[test]
fn an_unpark_before_the_turn_is_kept_and_ends_one_turn() {
    let mut driver = Netpoller::new().unwrap();
    let unparker = driver.unparker();
    for _ in 0..3 {
        unparker.unpark();
        unparker.unpark();
        let _ = driver.turn(None).unwrap();
        at_least(&mut driver, Duration::from_micros(700));
    }
}

#[test]
fn a_look_consumes_the_unpark_and_does_not_sleep() {
    let mut driver = Netpoller::new().unwrap();
    let _ = driver.turn(Some(Duration::ZERO)).unwrap();
    driver.unparker().unpark();
    let _ = driver.turn(Some(Duration::ZERO)).unwrap();
    at_least(&mut driver, Duration::from_millis(2));
}

#[test]
fn an_unpark_ends_a_turn_that_has_no_limit() {
    let mut driver = Netpoller::new().unwrap();
    for limit in [None, Some(Duration::MAX), Some(Duration::from_secs(3_600))] {
        let unparker = driver.unparker();
        let waker = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(2));
            unparker.unpark();
        });
        let _ = driver.turn(limit).unwrap();
        waker.join().unwrap();
    }
}

#[test]
fn a_timer_left_over_from_an_interrupted_sleep_ends_no_later_one() {
    let mut driver = Netpoller::new().unwrap();
    for later in [Duration::from_millis(4), Duration::from_micros(4_500)] {
        driver.unparker().unpark();
        // Arms the timer and ends at once.
        let _ = driver.turn(Some(Duration::from_micros(1_300))).unwrap();
        at_least(&mut driver, later);
        // The same, with the stale timer expired before the next turn begins.
        driver.unparker().unpark();
        let _ = driver.turn(Some(Duration::from_micros(300))).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        at_least(&mut driver, later);
    }
}

/// Every thread counts one up and unparks; the M in the seat sleeps until it has seen them all. If an unpark were lost
/// while its count was not yet seen, the last turn would never end.
#[test]
fn no_unpark_is_lost_among_many() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    const THREADS: usize = 4;
    const ROUNDS: usize = 2_000;
    let mut driver = Netpoller::new().unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (unparker, done) = (driver.unparker(), done.clone());
            std::thread::spawn(move || {
                for _ in 0..ROUNDS {
                    // Relaxed: what carries the count across is the unpark.
                    done.fetch_add(1, Ordering::Relaxed);
                    unparker.unpark();
                }
            })
        })
        .collect();
    while done.load(Ordering::Relaxed) < THREADS * ROUNDS {
        let _ = driver.turn(None).unwrap();
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn many_unparks_at_once_end_one_turn() {
    let mut driver = Netpoller::new().unwrap();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let unparker = driver.unparker();
            std::thread::spawn(move || (0..100).for_each(|_| unparker.unpark()))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let _ = driver.turn(None).unwrap();
    at_least(&mut driver, Duration::from_millis(2));
}

#[test]
fn the_flag_is_set_exactly_while_an_unpark_is_pending() {
    let mut driver = Netpoller::new().unwrap();
    let wakeup = driver.wakeup.clone();
    let notified = || wakeup.is_pending();
    assert!(!notified());
    wakeup.unpark();
    assert!(notified());
    let _ = driver.turn(None).unwrap();
    assert!(!notified());
    drop(driver);
    // Nobody will ever see it, and nothing breaks.
    wakeup.unpark();
}

/// Readies more pipes than a turn may bring; all come, in portions.
#[test]
fn events_come_in_portions_and_none_is_lost() {
    const PIPES: usize = EVENTS_BUSY * 2 + 5;
    let mut driver = Netpoller::new().unwrap();
    // Nobody looks into a poll without sources, and the pipes below are no sources.
    let (_open, quiet) = pipe::new().unwrap();
    driver.sources.register(quiet.as_raw_fd(), crate::interest::Interest::READABLE).unwrap();
    let mut pipes: Vec<_> = (0..PIPES).map(|_| pipe::new().unwrap()).collect();
    for (number, (sender, receiver)) in pipes.iter_mut().enumerate() {
        driver.poll.registry().register(receiver, Token(number), Interest::READABLE).unwrap();
        sender.write_all(b"x").unwrap();
    }
    let mut tokens = HashSet::new();
    let mut turns = 0;
    while tokens.len() < PIPES {
        let turn = driver.turn(Some(Duration::ZERO)).unwrap();
        assert!((1..=EVENTS_BUSY).contains(&turn.events), "{turn:?} after {} of {PIPES}", tokens.len());
        assert_eq!(turn.useful, 0, "no task waits for these");
        tokens.extend(driver.busy.iter().map(|event| event.token()));
        turns += 1;
    }
    assert!(turns >= 3);
    let turn = driver.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(turn.events, 0, "edge-triggered: a pipe that was reported is not reported again");
}

/// Signals rain on the sleeping thread; its sleeps are neither errors nor early.
#[test]
fn a_signal_ends_no_turn() {
    use std::sync::atomic::{AtomicBool, Ordering};
    extern "C" fn ignore(_signal: libc::c_int) {}
    // SAFETY: all zero is an empty mask, no flags (so that system calls are interrupted) and the handler set next.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = ignore as *const () as libc::sighandler_t;
    // SAFETY: the handler does nothing, which is safe in a signal; the old action is not asked for.
    assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) }, 0);
    // SAFETY: has no preconditions.
    let sleeper = unsafe { libc::pthread_self() };
    let over = Arc::new(AtomicBool::new(false));
    let sender = {
        let over = over.clone();
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                // SAFETY: the sleeper joins this thread before it ends, so its id is valid.
                unsafe { libc::pthread_kill(sleeper, libc::SIGUSR1) };
                std::thread::sleep(Duration::from_micros(100));
            }
        })
    };
    let mut driver = Netpoller::new().unwrap();
    at_least(&mut driver, Duration::from_millis(5));
    at_least(&mut driver, Duration::from_micros(5_300));
    over.store(true, Ordering::Relaxed);
    sender.join().unwrap();
}

/// The timer itself ends a poll that has no timeout of its own, each time it is armed.
#[cfg(target_os = "linux")]
#[test]
fn the_timer_ends_a_poll() {
    let mut driver = Netpoller::new().unwrap();
    for _ in 0..3 {
        let (start, limit) = (Instant::now(), Duration::from_micros(300));
        let _ = driver.deadline.arm(Some(limit)).unwrap();
        // A signal of another test, such as a child's end, may interrupt it; a turn goes on then, and a bare poll does not.
        while let Err(error) = driver.poll.poll(&mut driver.idle, None) {
            assert_eq!(error.kind(), std::io::ErrorKind::Interrupted);
        }
        assert!(start.elapsed() >= limit);
        assert_eq!(driver.idle.iter().map(|event| event.token()).collect::<Vec<_>>(), [DEADLINE]);
    }
}

#[test]
fn who_looks_sees_a_source_that_came_a_moment_ago() {
    let mut driver = Netpoller::new().unwrap();
    let look = |driver: &mut Netpoller| driver.turn(Some(Duration::ZERO)).unwrap().events;
    assert_eq!(look(&mut driver), 0);
    let (mut sender, receiver) = pipe::new().unwrap();
    let key = driver.sources.register(receiver.as_raw_fd(), crate::interest::Interest::READABLE).unwrap();
    sender.write_all(b"x").unwrap();
    assert_eq!(look(&mut driver), 1);
    driver.sources.deregister(receiver.as_raw_fd(), key).unwrap();
    assert_eq!(look(&mut driver), 0);
}
