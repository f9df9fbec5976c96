//! Models of the broadcast channel: every receiver gets every value or is told how many it missed, and nobody is left waiting.
#![cfg(gumption_loom)]

use gumption::sync::broadcast::error::{RecvError, TryRecvError};
use gumption::sync::broadcast::{Receiver, Sender, channel};
use gumption_core::sync::{Arc, thread};
use gumption_loom_tests::bell::bell;
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// A value whose clones are counted, by a checked count.
#[derive(Clone)]
struct Token {
    number: u32,
    _alive: Arc<()>,
}

fn token(number: u32, alive: &Arc<()>) -> Token {
    Token { number, _alive: alive.clone() }
}

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Receives as a task does that polls again only when it was woken: what comes at the first poll, or after the bell, which
/// has rung by the time that `meanwhile` has returned.
fn recv(receiver: &mut Receiver<Token>, meanwhile: impl FnOnce()) -> Result<u32, RecvError> {
    let (bell, waker) = bell();
    let received = {
        let mut future = pin!(receiver.recv());
        let first = poll(future.as_mut(), &waker);
        meanwhile();
        match first {
            Poll::Ready(received) => received,
            Poll::Pending => {
                assert!(bell.has_rung(), "a lost wake");
                match poll(future.as_mut(), &waker) {
                    Poll::Ready(received) => received,
                    Poll::Pending => panic!("woken for nothing"),
                }
            }
        }
    };
    drop(waker);
    assert!(bell.rings() <= 1, "one wait, one wake");
    received.map(|token| token.number)
}

fn send(sender: &Sender<Token>, number: u32, alive: &Arc<()>) -> bool {
    sender.send(token(number, alive)).is_ok()
}

/// A value is sent while its receiver goes to wait: the receiver has it, whole, and is woken if it waits.
#[test]
fn broadcast_send_vs_recv() {
    model(UNBOUNDED, || {
        let alive = Arc::new(());
        let (sender, mut receiver) = channel(1);
        let sending = {
            let (sender, alive) = (sender.clone(), alive.clone());
            thread::spawn(move || assert!(send(&sender, 1, &alive), "there is a receiver"))
        };
        assert_eq!(recv(&mut receiver, || sending.join().expect("the sender does not panic")), Ok(1));
        assert_eq!(receiver.try_recv().map(drop), Err(TryRecvError::Empty));
        assert_eq!(Arc::strong_count(&alive), 1, "the last receiver of a value takes it out");
    });
}

/// Two values are sent into room for one, under a receiver's eyes: it gets them in order, and what it does not get is counted.
#[test]
fn broadcast_send_vs_lag() {
    model(UNBOUNDED, || {
        let alive = Arc::new(());
        let (sender, mut receiver) = channel(1);
        let sending = {
            let alive = alive.clone();
            thread::spawn(move || {
                for number in 0..2 {
                    assert!(send(&sender, number, &alive), "there is a receiver");
                }
            })
        };
        let (mut next, mut empty) = (0, 0);
        let mut sending = Some(sending);
        loop {
            match receiver.try_recv() {
                Ok(token) => {
                    assert_eq!(u64::from(token.number), next, "in order");
                    next += 1;
                }
                Err(TryRecvError::Lagged(missed)) => {
                    assert!(missed > 0, "missed nothing");
                    next += missed;
                }
                Err(TryRecvError::Empty) => {
                    empty += 1;
                    if empty == 2 {
                        sending.take().expect("joined once").join().expect("the sender does not panic");
                    }
                }
                Err(TryRecvError::Closed) => break,
            }
        }
        assert_eq!(next, 2, "every value is received or counted as missed");
        if let Some(sending) = sending {
            sending.join().expect("the sender does not panic");
        }
        assert_eq!(Arc::strong_count(&alive), 1, "what was overwritten is dropped");
    });
}

/// The last sender sends and goes while the receiver goes to wait: it gets the value first, then the end, and is woken for each.
#[test]
fn broadcast_recv_vs_last_sender() {
    model(UNBOUNDED, || {
        let alive = Arc::new(());
        let (sender, mut receiver) = channel(1);
        let last = thread::spawn(move || drop(sender));
        assert_eq!(recv(&mut receiver, || last.join().expect("the sender does not panic")), Err(RecvError::Closed));
        drop(receiver);

        let (sender, mut receiver) = channel(1);
        let last = {
            let alive = alive.clone();
            thread::spawn(move || {
                assert!(send(&sender, 1, &alive), "there is a receiver");
            })
        };
        match receiver.try_recv() {
            Ok(token) => assert_eq!(token.number, 1),
            Err(TryRecvError::Empty) => {
                last.join().expect("the sender does not panic");
                assert_eq!(recv(&mut receiver, || ()), Ok(1));
                assert_eq!(recv(&mut receiver, || ()), Err(RecvError::Closed));
                return;
            }
            Err(error) => panic!("{error}, and the value is lost"),
        }
        last.join().expect("the sender does not panic");
        assert_eq!(recv(&mut receiver, || ()), Err(RecvError::Closed));
    });
}

/// A receiver gives up its wait, or goes, while the sender wakes it: nobody touches its node afterwards, and the other receiver
/// is woken.
#[test]
fn broadcast_recv_dropped_vs_send() {
    model(UNBOUNDED, || {
        let alive = Arc::new(());
        let (sender, mut receiver) = channel(1);
        let mut other = sender.subscribe();
        let sending = {
            let (sender, alive) = (sender.clone(), alive.clone());
            thread::spawn(move || assert!(send(&sender, 1, &alive), "there is a receiver"))
        };
        let (bell, waker) = bell();
        {
            let mut future = Box::pin(receiver.recv());
            let _ = poll(future.as_mut(), &waker).map(|received| assert!(received.is_ok()));
        }
        drop(waker);
        assert!(bell.rings() <= 1);
        drop(receiver);
        assert_eq!(recv(&mut other, || sending.join().expect("the sender does not panic")), Ok(1));
        assert_eq!(Arc::strong_count(&alive), 1, "who goes has seen everything");
    });
}

/// A receiver comes, and another goes, while a value is sent: it counts on those that were there, and is dropped after the last.
#[test]
fn broadcast_subscribe_vs_send() {
    model(UNBOUNDED, || {
        let alive = Arc::new(());
        let (sender, mut first) = channel(1);
        let sending = {
            let (sender, alive) = (sender.clone(), alive.clone());
            thread::spawn(move || assert!(send(&sender, 1, &alive), "there is a receiver"))
        };
        let mut second = sender.subscribe();
        let there = match second.try_recv() {
            Ok(token) => Some(token.number),
            Err(_) => None,
        };
        drop(second);
        sending.join().expect("the sender does not panic");
        assert_eq!(sender.len(), 1, "the first has not seen it");
        assert!(there.is_none_or(|number| number == 1));
        assert_eq!(first.try_recv().map(|token| token.number), Ok(1));
        assert_eq!((sender.len(), Arc::strong_count(&alive)), (0, 1), "the last one has seen it");
    });
}

/// A sender waits for the receivers' end while the last one goes: it is told.
#[test]
fn broadcast_closed_vs_last_receiver() {
    model(UNBOUNDED, || {
        let (sender, receiver) = channel::<Token>(1);
        let last = thread::spawn(move || drop(receiver));
        let (bell, waker) = bell();
        {
            let mut closed = pin!(sender.closed());
            let first = poll(closed.as_mut(), &waker);
            last.join().expect("the receiver does not panic");
            assert!(first.is_ready() || bell.has_rung(), "a lost wake");
            assert!(first.is_ready() || poll(closed.as_mut(), &waker).is_ready());
        }
        drop(waker);
        assert!(bell.rings() <= 1);
    });
}

/// A weak sender asks to be a sender while the last one goes: it is one in time, and its value arrives, or there is an end.
#[test]
fn broadcast_upgrade_vs_last_sender() {
    model(UNBOUNDED, || {
        let alive = Arc::new(());
        let (sender, mut receiver) = channel(1);
        let weak = sender.downgrade();
        let last = thread::spawn(move || drop(sender));
        let upgraded = weak.upgrade().map(|sender| assert!(send(&sender, 1, &alive), "there is a receiver"));
        last.join().expect("the sender does not panic");
        if upgraded.is_some() {
            assert_eq!(receiver.try_recv().map(|token| token.number), Ok(1));
        }
        assert_eq!(receiver.try_recv().map(drop), Err(TryRecvError::Closed));
        assert!(weak.upgrade().is_none(), "closed for good");
    });
}

mutants! {
    broadcast_send_vs_recv: ["broadcast-send-no-wake", "broadcast-enter-no-recheck"];
    broadcast_send_vs_lag: ["broadcast-read-unchecked", "broadcast-closed-no-recheck"];
    broadcast_recv_vs_last_sender: [
        "broadcast-close-no-wake", "broadcast-enter-no-recheck", "broadcast-closed-no-recheck", "broadcast-leave-relaxed",
    ];
    broadcast_recv_dropped_vs_send: ["broadcast-leaves-queued", "broadcast-unqueue-relaxed"];
    broadcast_subscribe_vs_send: ["broadcast-unsubscribe-keeps"];
    broadcast_closed_vs_last_receiver: ["broadcast-enter-no-recheck", "broadcast-unsubscribe-no-wake"];
    broadcast_upgrade_vs_last_sender: ["broadcast-upgrade-closed"];
}
