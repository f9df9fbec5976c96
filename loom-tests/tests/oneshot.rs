//! Models of the oneshot channel: a value is received, handed back or dropped, once, and nobody is left waiting.
#![cfg(gumption_loom)]

use gumption::sync::oneshot::{Receiver, Sender, channel, error::TryRecvError};
use gumption_core::sync::{Arc, UnsafeCell, thread};
use gumption_loom_tests::bell::{Bell, bell};
use gumption_loom_tests::{UNBOUNDED, model, mutants};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A value whose drops are counted, by a checked count, and whose content the checker watches.
struct Token {
    content: UnsafeCell<u32>,
    alive: Arc<()>,
}

// SAFETY: the content is touched by whoever has the token.
unsafe impl Send for Token {}

impl Token {
    fn new(alive: &Arc<()>) -> Self {
        Self { content: UnsafeCell::new(7), alive: alive.clone() }
    }

    /// Touches the content as the only one who has it.
    fn use_up(self) {
        // SAFETY: as said above; if another thread has it too, that is the race the models look for.
        self.content.with_mut(|content| unsafe {
            assert_eq!(*content, 7);
            *content = 0;
        });
        drop(self.alive);
    }
}

fn poll<T>(receiver: &mut Receiver<T>, waker: &Waker) -> Poll<Option<T>> {
    Pin::new(receiver).poll(&mut Context::from_waker(waker)).map(Result::ok)
}

/// Polls as a task does that polls again only when it was woken: what it was told, and whether it was told at the first poll.
fn first_poll(receiver: &mut Receiver<Token>, waker: &Waker) -> Option<Option<Token>> {
    match poll(receiver, waker) {
        Poll::Ready(received) => Some(received),
        Poll::Pending => None,
    }
}

/// The end of a wait: either the poll was ready, or the bell has rung by the time that all threads have ended, and the next one is.
fn finish(first: Option<Option<Token>>, receiver: &mut Receiver<Token>, bell: &Bell, waker: Waker) -> Option<Token> {
    let received = match first {
        Some(received) => received,
        None => {
            assert!(bell.has_rung(), "a lost wake");
            match poll(receiver, &waker) {
                Poll::Ready(received) => received,
                Poll::Pending => panic!("woken for nothing"),
            }
        }
    };
    assert!(receiver.is_terminated());
    drop(waker);
    received
}

/// A value is sent while its receiver registers itself, and registers another waker: it arrives whole, and the wake too.
#[test]
fn oneshot_send_vs_receive() {
    model(UNBOUNDED, || {
        let alive = Arc::new(());
        let (sender, mut receiver) = channel();
        let token = Token::new(&alive);
        let sending = thread::spawn(move || assert!(sender.send(token).is_ok(), "the receiver is there"));
        let ((old, first_waker), (new, waker)) = (bell(), bell());
        let mut first = first_poll(&mut receiver, &first_waker);
        if first.is_none() {
            first = first_poll(&mut receiver, &waker);
        }
        drop(first_waker);
        sending.join().expect("the sender does not panic");
        // Which of the two was woken: the one that waited when the value came.
        let told = if first.is_none() && !new.has_rung() { old } else { new };
        finish(first, &mut receiver, told, waker).expect("it was sent").use_up();
        drop(receiver);
        assert!(old.rings() + new.rings() <= 1, "woken twice");
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

/// The sender goes without sending: the receiver is told.
#[test]
fn oneshot_sender_drop_vs_receive() {
    model(UNBOUNDED, || {
        let (sender, mut receiver) = channel();
        let dropping = thread::spawn(move || drop(sender));
        let (bell, waker) = bell();
        let first = first_poll(&mut receiver, &waker);
        dropping.join().expect("the sender does not panic");
        assert!(finish(first, &mut receiver, bell, waker).is_none());
        assert!(bell.rings() <= 1);
    });
}

/// A value is sent while its receiver waits and then goes: it is handed back, or dropped with the channel.
#[test]
fn oneshot_send_vs_receiver_drop() {
    model(UNBOUNDED, || {
        let alive = Arc::new(());
        let (sender, mut receiver) = channel();
        let token = Token::new(&alive);
        let sending = thread::spawn(move || {
            if let Err(token) = sender.send(token) {
                token.use_up();
            }
        });
        let (bell, waker) = bell();
        if let Some(received) = first_poll(&mut receiver, &waker) {
            received.expect("only a sender that sends is there").use_up();
        }
        drop((receiver, waker));
        sending.join().expect("the sender does not panic");
        assert!(bell.rings() <= 1);
        assert_eq!(Arc::strong_count(&alive), 1, "the value is dropped once");
    });
}

/// The receiver closes and looks, while a value is sent: it has the value, or the sender has it back.
#[test]
fn oneshot_send_vs_close() {
    model(UNBOUNDED, || {
        let alive = Arc::new(());
        let (sender, mut receiver) = channel();
        let token = Token::new(&alive);
        let sending = thread::spawn(move || match sender.send(token) {
            Ok(()) => true,
            Err(token) => {
                token.use_up();
                false
            }
        });
        let (bell, waker) = bell();
        if let Some(received) = first_poll(&mut receiver, &waker) {
            received.expect("only a sender that sends is there").use_up();
            assert!(sending.join().expect("the sender does not panic"));
        } else {
            receiver.close();
            let received = receiver.try_recv();
            let sent = sending.join().expect("the sender does not panic");
            match received {
                Ok(token) => token.use_up(),
                Err(error) => assert_eq!(error, TryRecvError::Closed),
            }
            assert_eq!(bell.has_rung(), sent, "woken if and only if there was something to be woken for");
        }
        drop((receiver, waker));
        assert!(bell.rings() <= 1);
        assert_eq!(Arc::strong_count(&alive), 1, "the value is in one place");
    });
}

fn poll_closed(sender: &mut Sender<Token>, waker: &Waker) -> Poll<()> {
    sender.poll_closed(&mut Context::from_waker(waker))
}

/// A sender waits for the receiver to go, with two wakers one after the other: it is told, and then sends in vain.
#[test]
fn oneshot_closed_vs_receiver_drop() {
    model(UNBOUNDED, || {
        let alive = Arc::new(());
        let (mut sender, receiver) = channel();
        let dropping = thread::spawn(move || drop(receiver));
        let ((old, first_waker), (new, waker)) = (bell(), bell());
        let mut told = poll_closed(&mut sender, &first_waker);
        if told.is_pending() {
            told = poll_closed(&mut sender, &waker);
        }
        dropping.join().expect("the receiver does not panic");
        assert!(told.is_ready() || old.has_rung() || new.has_rung(), "a lost wake");
        assert!(sender.is_closed());
        let Err(token) = sender.send(Token::new(&alive)) else { panic!("sent to nobody") };
        token.use_up();
        drop((first_waker, waker));
        assert!(old.rings() + new.rings() <= 1, "woken twice");
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

/// A sender that has waited for the receiver to go sends, or goes, while the receiver goes: every waker is dropped once.
#[test]
fn oneshot_send_after_closed_vs_receiver_drop() {
    model(UNBOUNDED, || {
        let alive = Arc::new(());
        let (mut sender, mut receiver) = channel();
        let (sender_bell, sender_waker) = bell();
        assert!(poll_closed(&mut sender, &sender_waker).is_pending());
        drop(sender_waker);
        let (receiver_bell, receiver_waker) = bell();
        assert!(poll(&mut receiver, &receiver_waker).is_pending());
        drop(receiver_waker);
        let token = Token::new(&alive);
        let sending = thread::spawn(move || match sender.send(token) {
            Ok(()) => true,
            Err(token) => {
                token.use_up();
                false
            }
        });
        drop(receiver);
        let sent = sending.join().expect("the sender does not panic");
        assert_eq!((sender_bell.rings(), receiver_bell.rings()), if sent { (0, 1) } else { (1, 0) });
        assert_eq!(Arc::strong_count(&alive), 1, "the value is dropped once");
    });
}

mutants! {
    oneshot_send_vs_receive: [
        "oneshot-finish-relaxed", "oneshot-look-relaxed", "oneshot-leave-relaxed", "oneshot-register-relaxed",
        "oneshot-register-no-recheck", "oneshot-gone-early",
    ];
    oneshot_sender_drop_vs_receive: ["oneshot-register-no-recheck"];
    oneshot_send_vs_receiver_drop: ["oneshot-finish-closed", "oneshot-leave-relaxed"];
    oneshot_send_vs_close: ["oneshot-finish-closed"];
    oneshot_closed_vs_receiver_drop: ["oneshot-register-no-recheck", "oneshot-register-relaxed"];
    oneshot_send_after_closed_vs_receiver_drop: ["oneshot-finish-closed", "oneshot-gone-early"];
}
