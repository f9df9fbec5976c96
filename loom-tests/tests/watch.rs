//! Models of a watched value: a change meets a wait for it, and the end of either side one for that.
//!
//! The code under test is `gumption::sync::watch`. Senders store a plain number before they send, and who sees the version must
//! see it. Waits are polled by hand, with a [`Bell`](gumption_loom_tests::bell::Bell) each: a receiver has missed a version if
//! in the end there is one that it has not seen, while its bell is silent.
//!
//! Under the checkers there are two rooms, so that two receivers wait in different ones. The main thread waits, spawned ones
//! change and end.
#![cfg(gumption_loom)]

use gumption::sync::watch::{self, Receiver, Sender};
use gumption_core::sync::{Arc, AtomicUsize, Ordering, thread};
use gumption_loom_tests::bell::{Bell, bell};
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Polls once, with a bell.
fn poll<F: Future>(future: Pin<&mut F>) -> (Poll<F::Output>, &'static Bell) {
    let (bell, waker) = bell();
    (future.poll(&mut Context::from_waker(&waker)), bell)
}

fn spawn(body: impl FnOnce() + 'static) -> thread::JoinHandle<()> {
    thread::spawn(body)
}

fn join(thread: thread::JoinHandle<()>) {
    thread.join().expect("the thread does not panic");
}

/// Waits for changes until one has to wait, or until `last` is there. Each is looked for so many times before it is left to the
/// bell. Then `end` runs, in which the others end.
fn follow(receiver: &mut Receiver<usize>, looks: usize, last: usize, end: impl FnOnce()) {
    loop {
        let mut change = Box::pin(receiver.changed());
        let (mut outcome, mut bell) = poll(change.as_mut());
        for _ in 1..looks {
            if outcome.is_pending() {
                (outcome, bell) = poll(change.as_mut());
            }
        }
        match outcome {
            Poll::Ready(changed) => {
                drop(change);
                changed.expect("there is a sender");
                if *receiver.borrow_and_update() == last {
                    return end();
                }
            }
            Poll::Pending => {
                end();
                let rung = bell.has_rung();
                let (now, _) = poll(change.as_mut());
                assert!(rung && now.is_ready(), "a version was missed");
                drop(change);
                assert_eq!(bell.rings(), 1);
                assert_eq!(*receiver.borrow_and_update(), last, "the last version is not seen");
                return;
            }
        }
    }
}

/// A sender, kept alive beside the thread that sends: the model is not of its end.
fn sender() -> (Arc<Sender<usize>>, Receiver<usize>) {
    let (sender, receiver) = watch::channel(0);
    (Arc::new(sender), receiver)
}

/// One change and one receiver: it sees the version, or its bell rings; and with the version it sees what came before.
#[test]
fn watch_send_vs_changed() {
    for looks in [1, 2] {
        model(UNBOUNDED, move || {
            let (sender, mut receiver) = sender();
            let thread = {
                let sender = sender.clone();
                spawn(move || sender.send(1).expect("there is a receiver"))
            };
            follow(&mut receiver, looks, 1, || join(thread));
        });
    }
    model(UNBOUNDED, || {
        let (sender, mut receiver) = sender();
        let news = Arc::new(AtomicUsize::new(0));
        let thread = {
            let (sender, news) = (sender.clone(), news.clone());
            spawn(move || {
                // Ordering: Relaxed; the version publishes it.
                news.store(1, Ordering::Relaxed);
                sender.send(1).expect("there is a receiver");
            })
        };
        let mut change = Box::pin(receiver.changed());
        if poll(change.as_mut()).0.is_ready() {
            // Ordering: Relaxed; see above.
            assert_eq!(news.load(Ordering::Relaxed), 1, "what came before the version is not seen");
        }
        drop(change);
        join(thread);
    });
}

/// Two changes in a row, and a receiver that follows them, which may wait between the two: the last one is not missed.
#[test]
fn watch_never_misses_the_last() {
    model(3, || {
        let (sender, mut receiver) = sender();
        let thread = {
            let sender = sender.clone();
            spawn(move || {
                sender.send(1).expect("there is a receiver");
                sender.send(2).expect("there is a receiver");
            })
        };
        follow(&mut receiver, 2, 2, || join(thread));
    });
}

/// A change while one receiver gives up its wait, and another, in another room, goes on.
#[test]
fn watch_send_vs_cancel() {
    model(3, || {
        let (sender, receiver) = sender();
        let mut receivers = [receiver.clone(), receiver];
        let [gone, stays] = &mut receivers;
        let (mut gone, mut stays) = (Box::pin(gone.changed()), Box::pin(stays.changed()));
        let ((first, gone_bell), (second, bell)) = (poll(gone.as_mut()), poll(stays.as_mut()));
        assert!(first.is_pending() && second.is_pending());
        let thread = {
            let sender = sender.clone();
            spawn(move || sender.send(1).expect("there is a receiver"))
        };
        drop(gone);
        join(thread);
        assert!(bell.has_rung(), "a version was missed");
        assert!(poll(stays.as_mut()).0.is_ready());
        drop(stays);
        assert!(gone_bell.rings() <= 1 && bell.rings() == 1);
        assert!(receivers[0].has_changed().expect("there is a sender"), "it was not marked as seen");
    });
}

/// The last two senders go, and a receiver waits: it learns of the end, once.
#[test]
fn watch_last_sender_vs_changed() {
    model(3, || {
        let (sender, mut receiver) = watch::channel(0);
        let threads = [sender.clone(), sender].map(|sender| spawn(move || drop(sender)));
        let mut change = Box::pin(receiver.changed());
        let (first, bell) = poll(change.as_mut());
        let [(), ()] = threads.map(join);
        match first {
            Poll::Ready(changed) => assert!(changed.is_err(), "nothing was sent"),
            Poll::Pending => {
                assert!(bell.has_rung(), "the end was missed");
                assert!(matches!(poll(change.as_mut()).0, Poll::Ready(Err(_))));
            }
        }
        drop(change);
        assert_eq!(bell.wakers(), 0, "every waker is dropped once");
    });
}

/// The last two receivers go, and a sender waits for that; and what they did before is seen by who sees that they are gone.
#[test]
fn watch_last_receiver_vs_closed() {
    model(3, || {
        let (sender, receiver) = watch::channel(0);
        let news = Arc::new([(); 2].map(|()| AtomicUsize::new(0)));
        let mut number = 0;
        let threads = [receiver.clone(), receiver].map(|receiver| {
            let news = news.clone();
            let which = std::mem::replace(&mut number, 1);
            spawn(move || {
                // Ordering: Relaxed; the receiver's end publishes it.
                news[which].store(1, Ordering::Relaxed);
                drop(receiver);
            })
        });
        let demand_news = || {
            // Ordering: Relaxed; see above.
            let seen: usize = news.iter().map(|news| news.load(Ordering::Relaxed)).sum();
            assert_eq!(seen, 2, "what came before the end is not seen");
        };
        let mut closed = Box::pin(sender.closed());
        let (first, bell) = poll(closed.as_mut());
        let ready = first.is_ready() || sender.is_closed();
        if ready {
            demand_news();
        }
        let [(), ()] = threads.map(join);
        if first.is_pending() {
            assert!(bell.has_rung(), "the end was missed");
            assert!(poll(closed.as_mut()).0.is_ready());
        }
        drop(closed);
        assert_eq!(bell.wakers(), 0, "every waker is dropped once");
    });
}

mutants! {
    watch_send_vs_changed: [
        "watch-bit-not-set", "watch-join-not-looked", "watch-publish-relaxed", "watch-load-relaxed", "watch-join-relaxed",
    ];
    watch_never_misses_the_last: ["watch-bit-cleared-late"];
    watch_send_vs_cancel: ["notify-told-first"];
    watch_last_sender_vs_changed: ["watch-not-closed"];
    watch_last_receiver_vs_closed: ["watch-end-untold", "watch-receivers-relaxed"];
}
