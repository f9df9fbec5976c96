//! Models of `gumption::sync::mpsc`: a receiver without a lock, senders behind one, and room that is given back by a store.
//!
//! As in `pipe.rs`, an end does what it can until it must wait and is then left where it stands. It has lost a wake if its bell
//! has not rung although a poll would now be answered. Blocks have two slots, and positions wrap in every model.
#![cfg(gumption_loom)]

use gumption::sync::mpsc::error::{TryRecvError, TrySendError};
use gumption::sync::mpsc::{self, Receiver, UnboundedReceiver};
use gumption_core::Owed;
use gumption_core::internals::Debt;
use gumption_core::sync::{Arc, AtomicUsize, Ordering, fence, thread};
use gumption_loom_tests::bell::{Bell, bell};
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

fn join<R>(thread: thread::JoinHandle<R>) -> R {
    match thread.join() {
        Ok(result) => result,
        Err(_) => panic!("a thread has panicked"),
    }
}

/// A future, polled once.
fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Either kind of receiver.
trait Receive {
    fn receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>>;
}

impl Receive for Receiver<usize> {
    fn receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        self.poll_recv(cx)
    }
}

impl Receive for UnboundedReceiver<usize> {
    fn receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        self.poll_recv(cx)
    }
}

/// Receives until it must wait: then the bell that it left; or until the end.
fn receive(rx: &mut impl Receive, received: &mut Vec<usize>) -> Option<&'static Bell> {
    loop {
        let (bell, waker) = bell();
        match rx.receive(&mut Context::from_waker(&waker)) {
            Poll::Pending => return Some(bell),
            Poll::Ready(None) => return None,
            Poll::Ready(Some(value)) => received.push(value),
        }
    }
}

/// The receiver sleeps although there is something to hear of.
fn demand_heard(rx: &mut impl Receive, bell: &Bell) {
    if !bell.has_rung() {
        assert!(rx.receive(&mut Context::from_waker(Waker::noop())).is_pending(), "the receiver has missed a wake");
    }
}

/// Three values come out in order, each whole, and a receiver that sleeps is woken.
#[test]
fn mpsc_send_vs_receive() {
    model(3, || {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || {
            for value in 0..3 {
                assert!(tx.send(value).is_ok());
            }
            tx
        });
        let mut received = Vec::new();
        let stand = receive(&mut rx, &mut received);
        let tx = join(sender);
        let Some(bell) = stand else { panic!("a channel with a sender has ended") };
        demand_heard(&mut rx, bell);
        drop(tx);
        assert!(receive(&mut rx, &mut received).is_none());
        assert_eq!(received, [0, 1, 2]);
    });
}

/// A full channel: a sender begins to wait while the receiver makes room without looking at the lock.
#[test]
fn mpsc_wait_for_room_vs_receive() {
    model(UNBOUNDED, || {
        let (tx, mut rx) = mpsc::channel(1);
        assert!(tx.try_send(0).is_ok());
        let sender = thread::spawn(move || {
            let mut sending = Box::pin(async move { tx.send(1).await.is_ok() });
            let (bell, waker) = bell();
            let polled = poll(sending.as_mut(), &waker);
            (sending, bell, polled)
        });
        assert_eq!(rx.try_recv(), Ok(0));
        let (mut sending, bell, polled) = join(sender);
        if polled.is_pending() {
            assert!(bell.has_rung(), "the sender sleeps though there is room");
            assert_eq!(poll(sending.as_mut(), Waker::noop()), Poll::Ready(true));
        }
        assert_eq!(rx.try_recv(), Ok(1));
    });
}

/// Two begin to wait while room is made for both: the second relies on the flag of the first.
#[test]
fn mpsc_second_waiter_vs_receive() {
    model(3, || {
        let (tx, mut rx) = mpsc::channel(2);
        assert!(tx.try_send(0).is_ok());
        assert!(tx.try_send(1).is_ok());
        let senders = thread::spawn(move || {
            [2, 3].map(|value| {
                let tx = tx.clone();
                let mut sending = Box::pin(async move { tx.send(value).await.is_ok() });
                let (bell, waker) = bell();
                let polled = poll(sending.as_mut(), &waker);
                (sending, bell, polled)
            })
        });
        assert_eq!(rx.try_recv(), Ok(0));
        assert_eq!(rx.try_recv(), Ok(1));
        for (mut sending, bell, polled) in join(senders) {
            if polled.is_pending() {
                assert!(bell.has_rung(), "a sender sleeps though there is room");
                assert_eq!(poll(sending.as_mut(), Waker::noop()), Poll::Ready(true));
            }
        }
        let mut received = [rx.try_recv(), rx.try_recv()];
        received.sort_by_key(|value| value.unwrap_or(usize::MAX));
        assert_eq!(received, [Ok(2), Ok(3)]);
    });
}

/// A waiter has the first claim on room: nobody who comes later gets it, even between its becoming free and its being given.
#[test]
fn mpsc_newcomer_waits_behind_waiters() {
    model(UNBOUNDED, || {
        let (tx, mut rx) = mpsc::channel(1);
        assert!(tx.try_send(0).is_ok());
        let first = tx.clone();
        let mut sending = Box::pin(async move { first.send(1).await.is_ok() });
        let (_bell, waker) = bell();
        assert!(poll(sending.as_mut(), &waker).is_pending());
        let newcomer = thread::spawn(move || tx.try_send(2));
        assert_eq!(rx.try_recv(), Ok(0));
        assert_eq!(join(newcomer), Err(TrySendError::Full(2)), "a newcomer has overtaken a waiter");
        assert_eq!(poll(sending.as_mut(), Waker::noop()), Poll::Ready(true));
        assert_eq!(rx.try_recv(), Ok(1));
    });
}

/// The receiver closes while one sends and one waits: each value is received, or comes back to who hears of it.
#[test]
fn mpsc_close_vs_send() {
    model(UNBOUNDED, || {
        let (tx, mut rx) = mpsc::channel(1);
        let sender = thread::spawn(move || {
            let sent = tx.try_send(0).is_ok();
            let mut sending = Box::pin(async move { tx.send(1).await });
            let (bell, waker) = bell();
            let polled = poll(sending.as_mut(), &waker);
            (sending, bell, sent, polled)
        });
        rx.close();
        let (mut sending, bell, sent, polled) = join(sender);
        let second = match polled {
            Poll::Ready(result) => result,
            Poll::Pending => {
                assert!(bell.has_rung(), "a sender waits for the room of a closed channel");
                match poll(sending.as_mut(), Waker::noop()) {
                    Poll::Ready(result) => result,
                    Poll::Pending => panic!("a closed channel keeps a sender waiting"),
                }
            }
        };
        let mut received = Vec::new();
        assert!(receive(&mut rx, &mut received).is_none());
        let expected: Vec<_> =
            [(sent, 0), (second.is_ok(), 1)].iter().filter(|(sent, _)| *sent).map(|&(_, v)| v).collect();
        assert_eq!(received, expected, "what was sent is received, and nothing else");
        if let Err(error) = second {
            assert_eq!(error.0, 1, "the value comes back");
        }
    });
}

/// The receiver goes while values are sent and one waits: each value is dropped once, and the waiter is told.
#[test]
fn mpsc_receiver_goes_vs_send() {
    model(3, || {
        // Counted by `std`, which lends no ordering.
        let value = std::sync::Arc::new(());
        let (tx, rx) = mpsc::channel(1);
        let mine = value.clone();
        let sender = thread::spawn(move || {
            let _sent = tx.try_send(mine.clone());
            let mut sending = Box::pin(async move { tx.send(mine).await.is_ok() });
            let (bell, waker) = bell();
            let polled = poll(sending.as_mut(), &waker);
            (sending, bell, polled)
        });
        drop(rx);
        let (sending, bell, polled) = join(sender);
        assert!(polled.is_ready() || bell.has_rung(), "a sender waits for a receiver that has gone");
        drop(sending);
        assert_eq!(std::sync::Arc::strong_count(&value), 1, "a value was leaked");
    });
}

/// The last sender sends and goes: the receiver gets the value and then the end, or is told to look again.
#[test]
fn mpsc_last_sender_vs_receive() {
    model(UNBOUNDED, || {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || {
            assert!(tx.send(7).is_ok());
            drop(tx);
        });
        let mut received = Vec::new();
        let stand = receive(&mut rx, &mut received);
        join(sender);
        match stand {
            Some(bell) => assert!(bell.has_rung(), "the receiver sleeps through the end"),
            None => assert_eq!(received, [7], "the end came before the value"),
        }
    });
}

/// As above, by looking: `Disconnected` is said only behind the last value.
#[test]
fn mpsc_last_sender_vs_try_receive() {
    model(UNBOUNDED, || {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || {
            assert!(tx.send(7).is_ok());
            drop(tx);
        });
        let looked = rx.try_recv();
        assert_ne!(looked, Err(TryRecvError::Disconnected), "the end came before the value");
        join(sender);
        if looked.is_err() {
            assert_eq!(rx.try_recv(), Ok(7));
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// Two wait; the first is dropped while room is made for it: the second gets it.
#[test]
fn mpsc_cancelled_send_hands_its_turn_on() {
    model(UNBOUNDED, || {
        let (tx, mut rx) = mpsc::channel(1);
        assert!(tx.try_send(0).is_ok());
        let waiter = |value| {
            let tx = tx.clone();
            let mut sending = Box::pin(async move { tx.send(value).await.is_ok() });
            let (bell, waker) = bell();
            assert!(poll(sending.as_mut(), &waker).is_pending());
            (sending, bell)
        };
        let ((first, _), (mut second, bell)) = (waiter(1), waiter(2));
        let canceller = thread::spawn(move || drop(first));
        assert_eq!(rx.try_recv(), Ok(0));
        join(canceller);
        assert!(bell.has_rung(), "the turn of a send that was cancelled is lost");
        assert_eq!(poll(second.as_mut(), Waker::noop()), Poll::Ready(true));
        assert_eq!(rx.try_recv(), Ok(2));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "a cancelled send has sent");
    });
}

/// A permit is given back while the receiver closes and waits for the last of them.
#[test]
fn mpsc_last_permit_vs_close() {
    model(UNBOUNDED, || {
        let (tx, mut rx) = mpsc::channel::<usize>(1);
        let Ok(permit) = tx.clone().try_reserve_owned() else { panic!("it is empty") };
        let holder = thread::spawn(move || drop(permit));
        rx.close();
        let stand = receive(&mut rx, &mut Vec::new());
        join(holder);
        if let Some(bell) = stand {
            assert!(bell.has_rung(), "the receiver waits for a permit that has been given back");
        }
        assert!(receive(&mut rx, &mut Vec::new()).is_none());
        drop(tx);
    });
}

/// A weak sender becomes a sender while the last one goes: not after the receiver has seen the end.
#[test]
fn mpsc_upgrade_vs_last_sender() {
    model(UNBOUNDED, || {
        let (tx, mut rx) = mpsc::unbounded_channel::<usize>();
        let weak = tx.downgrade();
        let upgrader = thread::spawn(move || weak.upgrade());
        drop(tx);
        let stand = receive(&mut rx, &mut Vec::new());
        let upgraded = join(upgrader);
        match stand {
            None => assert!(upgraded.is_none(), "a sender came to life behind the end"),
            Some(bell) => {
                drop(upgraded);
                assert!(bell.has_rung(), "the last sender went unheard");
            }
        }
    });
}

/// The receiver leaves a block while a sender looks for one: a block that is used again is nobody else's.
#[test]
fn mpsc_blocks_are_used_again() {
    model(3, || {
        let (tx, mut rx) = mpsc::unbounded_channel();
        for value in 0..4 {
            assert!(tx.send(value).is_ok());
        }
        let receiver = thread::spawn(move || {
            let mut received: Vec<_> = std::iter::from_fn(|| rx.try_recv().ok()).take(3).collect();
            received.extend(rx.try_recv());
            (rx, received)
        });
        assert!(tx.send(4).is_ok());
        assert!(tx.send(5).is_ok());
        let (mut rx, mut received) = join(receiver);
        received.extend(std::iter::from_fn(|| rx.try_recv().ok()));
        assert_eq!(received, [0, 1, 2, 3, 4, 5]);
    });
}

/// A receiver finds its debt still there and relies on it, while sysmon takes it out: what was made last is seen.
#[test]
fn owed_is_settled() {
    fn nothing(_: NonNull<Owed>) {}
    model(UNBOUNDED, || {
        let owed: &'static Owed = Box::leak(Box::new(Owed::new(nothing)));
        let shared = Arc::new((Debt::default(), AtomicUsize::new(0), AtomicUsize::new(0)));
        let settle = |shared: &(Debt, AtomicUsize, AtomicUsize)| {
            if shared.0.take().is_some() {
                let head = shared.1.load(Ordering::Relaxed);
                shared.2.fetch_max(head, Ordering::Relaxed);
            }
        };
        let sysmon = {
            let shared = shared.clone();
            thread::spawn(move || settle(&shared))
        };
        for head in 1..=2 {
            shared.1.store(head, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            assert!(shared.0.leave(NonNull::from(owed), || ()).is_none());
        }
        join(sysmon);
        settle(&shared);
        assert_eq!(shared.2.load(Ordering::Relaxed), 2, "room was made that nobody gave");
    });
}

mutants! {
    mpsc_send_vs_receive: ["chan-publish-relaxed", "chan-publish-early", "chan-push-silent", "chan-sleep-no-look"];
    mpsc_wait_for_room_vs_receive: ["chan-wait-no-fence", "chan-room-no-fence", "chan-admit-silent"];
    mpsc_second_waiter_vs_receive: ["chan-wait-no-fence", "chan-room-no-fence"];
    mpsc_newcomer_waits_behind_waiters: ["chan-newcomer-overtakes"];
    mpsc_close_vs_send: ["chan-close-silent"];
    mpsc_receiver_goes_vs_send: ["chan-close-silent"];
    mpsc_last_sender_vs_receive: ["chan-last-sender-silent"];
    mpsc_last_sender_vs_try_receive: ["chan-last-sender-relaxed"];
    mpsc_cancelled_send_hands_its_turn_on: ["chan-cancel-keeps-room"];
    mpsc_last_permit_vs_close: ["chan-end-silent"];
    mpsc_upgrade_vs_last_sender: ["chan-upgrade-no-cas", "chan-last-sender-silent"];
    mpsc_blocks_are_used_again: ["chan-spare-take-relaxed", "chan-spare-put-relaxed"];
    owed_is_settled: ["owner-debt-no-fence"];
}
