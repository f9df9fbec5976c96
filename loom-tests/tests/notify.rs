//! Models of `Notify`: a signal meets a wait that begins, one that is given up, and others like it.
//!
//! The code under test is `gumption::sync::Notify`. Who notifies stores a plain number first, and who has been notified must see
//! it: the signal carries what came before it. Waits are polled by hand, with a [`Bell`](gumption_loom_tests::bell::Bell) each;
//! one that was told nothing while its bell is silent, when everybody has ended, has lost its signal.
//!
//! That the waker and the links of a waiter have one visitor at a time is loom's own check of its cell. The main thread waits,
//! spawned ones notify.
#![cfg(gumption_loom)]

use gumption::sync::Notify;
use gumption::sync::futures::OwnedNotified;
use gumption_core::sync::{Arc, AtomicUsize, Ordering, thread};
use gumption_loom_tests::bell::{Bell, bell};
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

/// What is notified of.
struct Scene {
    /// `std`'s, as owned waits hold it: invisible to loom, and so without an ordering.
    notify: std::sync::Arc<Notify>,
    news: [AtomicUsize; 2],
}

impl Scene {
    fn new() -> Arc<Self> {
        Arc::new(Self { notify: std::sync::Arc::default(), news: [(); 2].map(|()| AtomicUsize::new(0)) })
    }

    fn write(&self, which: usize) {
        // Ordering: Relaxed; the signal publishes it.
        self.news[which].store(1, Ordering::Relaxed);
    }

    /// How many have been written.
    fn read(&self) -> usize {
        // Ordering: Relaxed; the signal has published it.
        self.news.iter().map(|news| news.load(Ordering::Relaxed)).sum()
    }

    fn wait(&self) -> Wait {
        let (bell, waker) = bell();
        Wait { future: Box::pin(self.notify.clone().notified_owned()), bell, waker }
    }

    /// Whether there is a permit; takes it.
    fn has_permit(&self) -> bool {
        self.wait().is_ready()
    }
}

/// A wait, and the bell that it leaves.
struct Wait {
    future: Pin<Box<OwnedNotified>>,
    bell: &'static Bell,
    waker: Waker,
}

impl Wait {
    fn is_ready(&mut self) -> bool {
        self.future.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready()
    }

    /// Everybody has ended: it knows by now, or its bell has rung.
    fn demand(&mut self) {
        let rung = self.bell.has_rung();
        assert!(self.is_ready(), "a signal was lost");
        assert!(rung, "it was told, but not woken");
    }

    fn end(self) {
        let Self { future, bell, waker } = self;
        drop(future);
        drop(waker);
        assert_eq!(bell.wakers(), 0, "every waker is dropped once");
    }
}

fn spawn<R: 'static>(scene: &Arc<Scene>, body: impl FnOnce(&Scene) -> R + 'static) -> thread::JoinHandle<R> {
    let scene = Arc::clone(scene);
    thread::spawn(move || body(&scene))
}

fn join<R>(thread: thread::JoinHandle<R>) -> R {
    match thread.join() {
        Ok(result) => result,
        Err(_) => panic!("a thread has panicked"),
    }
}

/// One signal and one wait, which looks twice: it is told, or finds the permit, or its bell rings.
#[test]
fn notify_one_vs_notified() {
    model(UNBOUNDED, || {
        let scene = Scene::new();
        let notifier = spawn(&scene, |scene| {
            scene.write(0);
            scene.notify.notify_one();
        });
        let mut wait = scene.wait();
        let ready = wait.is_ready() || wait.is_ready();
        if ready {
            assert_eq!(scene.read(), 1, "what came before the signal is not seen");
        }
        join(notifier);
        if !ready {
            wait.demand();
        }
        wait.end();
        assert!(!scene.has_permit(), "one signal is one");
    });
}

/// Two signals, of which the second may find the permit of the first: its taker sees what came before both, or finds another.
#[test]
fn a_permit_stands_for_every_signal() {
    model(3, || {
        let scene = Scene::new();
        let notifiers = [0, 1].map(|which| {
            spawn(&scene, move |scene| {
                scene.write(which);
                scene.notify.notify_one();
            })
        });
        let mut last = None;
        while scene.read() < 2 && last.is_none() {
            let mut wait = scene.wait();
            if !wait.is_ready() {
                last = Some(wait);
            }
        }
        let [(), ()] = notifiers.map(join);
        if let Some(mut wait) = last {
            wait.demand();
            wait.end();
        }
    });
}

/// A signal goes to one of two that wait, and that one is given up: the other has it then. With nobody else it is kept.
#[test]
fn notify_one_vs_cancel() {
    for others in [0, 1] {
        model(3, move || {
            let scene = Scene::new();
            let mut first = scene.wait();
            assert!(!first.is_ready());
            let mut other = (others == 1).then(|| scene.wait());
            assert!(!other.as_mut().is_some_and(Wait::is_ready));
            let notifier = spawn(&scene, |scene| scene.notify.notify_one());
            first.end();
            join(notifier);
            match other {
                Some(mut other) => {
                    other.demand();
                    other.end();
                    assert!(!scene.has_permit(), "one signal is one");
                }
                None => assert!(scene.has_permit(), "a signal was lost"),
            }
        });
    }
}

/// Two signals at a time wake two that wait; if only one does, it is woken, and the other signal is kept.
#[test]
fn two_signals_are_two() {
    for waits in [1, 2] {
        model(3, move || {
            let scene = Scene::new();
            let mut waiting: Vec<_> = (0..waits).map(|_| scene.wait()).collect();
            for wait in &mut waiting {
                assert!(!wait.is_ready());
            }
            let notifier = spawn(&scene, |scene| scene.notify.notify_one());
            scene.notify.notify_last();
            join(notifier);
            for mut wait in waiting {
                wait.demand();
                wait.end();
            }
            assert_eq!(scene.has_permit(), waits == 1, "two signals are two");
        });
    }
}

/// A signal to all and a wait that begins: either it began before, and ends, or it sees what came before the signal.
///
/// Both ways round: who notifies reads the word right before it changes it, and loom would drop the waiter's read otherwise.
#[test]
fn notify_waiters_vs_new_waiter() {
    fn notify(scene: &Scene) {
        scene.write(0);
        scene.notify.notify_waiters();
    }
    /// The wait, if it is not over.
    fn wait(scene: &Scene) -> Option<Wait> {
        let mut wait = scene.wait();
        let known = scene.read() == 1;
        let ready = wait.is_ready() || wait.is_ready();
        assert!(!ready || scene.read() == 1, "what came before the signal is not seen");
        (!known && !ready).then_some(wait)
    }
    for main_notifies in [true, false] {
        model(UNBOUNDED, move || {
            let scene = Scene::new();
            let waits = if main_notifies {
                let waiter = spawn(&scene, wait);
                notify(&scene);
                join(waiter)
            } else {
                let notifier = spawn(&scene, notify);
                let waits = wait(&scene);
                join(notifier);
                waits
            };
            if let Some(mut wait) = waits {
                wait.demand();
                wait.end();
            }
            assert!(!scene.has_permit(), "a signal to all is not kept");
        });
    }
}

/// A signal to all goes on in turns: who is polled between two of them is ready if another was, and one may go.
#[test]
fn notify_waiters_is_one_moment() {
    model(3, || {
        let scene = Scene::new();
        let mut waits = [(); 3].map(|()| scene.wait());
        for wait in &mut waits {
            assert!(!wait.is_ready());
        }
        let notifier = spawn(&scene, |scene| scene.notify.notify_waiters());
        let [mut first, gone, mut last] = waits;
        if first.is_ready() {
            assert!(last.is_ready(), "the signal was to both");
        }
        gone.end();
        join(notifier);
        for mut wait in [first, last] {
            assert!(wait.is_ready(), "a signal was lost");
            wait.end();
        }
        assert!(!scene.has_permit(), "a signal to all is not kept");
    });
}

mutants! {
    notify_one_vs_notified: ["notify-join-no-second-look", "notify-told-relaxed", "notify-told-first"];
    a_permit_stands_for_every_signal: ["notify-second-permit-skipped", "notify-take-relaxed"];
    notify_one_vs_cancel: ["notify-not-handed-on", "notify-no-permit-after-all"];
    two_signals_are_two: ["notify-waiting-stays", "notify-no-permit-after-all"];
    notify_waiters_vs_new_waiter: ["notify-created-relaxed", "notify-generation-kept"];
    notify_waiters_is_one_moment: ["notify-leaving-waits"];
}
