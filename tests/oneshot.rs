//! Oneshots: every sequence of calls against a simple model, and what an observer sees.

use gumption::sync::oneshot::{self, error::TryRecvError};
use gumption::wait::{Kind, snapshot};
use proptest::prelude::*;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

/// A waker that counts.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    DropSender,
    PollClosed(usize),
    Close,
    TryRecv,
    Poll(usize),
    DropReceiver,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Send),
        Just(Step::DropSender),
        (0..2_usize).prop_map(Step::PollClosed),
        Just(Step::Close),
        Just(Step::TryRecv),
        (0..2_usize).prop_map(Step::Poll),
        Just(Step::DropReceiver),
    ];
    proptest::collection::vec(step, 0..10)
}

/// What a channel is, in plain words.
#[derive(Default)]
struct Model {
    value: bool,
    sender_gone: bool,
    closed: bool,
    /// Which bell waits for the value, and which for the end.
    receiving: Option<usize>,
    closing: Option<usize>,
    rings: [usize; 2],
}

impl Model {
    fn ring(&mut self, bell: Option<usize>) {
        if let Some(bell) = bell {
            self.rings[bell] += 1;
        }
    }

    fn finish(&mut self, value: bool) {
        self.sender_gone = true;
        self.closing = None;
        if !self.closed {
            self.value = value;
            let receiving = self.receiving.take();
            self.ring(receiving);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        if !self.sender_gone {
            self.receiving = None;
            let closing = self.closing.take();
            self.ring(closing);
        }
    }

    /// What a look shows; `None` is that there may be something later.
    fn look(&mut self) -> Option<Result<(), ()>> {
        match () {
            () if std::mem::take(&mut self.value) => Some(Ok(())),
            () if self.sender_gone || self.closed => Some(Err(())),
            () => None,
        }
    }
}

proptest! {
    /// The value is in one place, every wake comes once, and nothing is left over.
    #[test]
    fn it_is_what_its_model_is(steps in steps()) {
        let value = Arc::new(());
        let bells = [Arc::new(Bell::default()), Arc::new(Bell::default())];
        let wakers: [Waker; 2] = std::array::from_fn(|bell| bells[bell].clone().into());
        let (sender, receiver) = oneshot::channel::<Arc<()>>();
        let (mut sender, mut receiver) = (Some(sender), Some(receiver));
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Send => if let Some(sender) = sender.take() {
                    prop_assert_eq!(sender.send(value.clone()).is_ok(), !model.closed);
                    model.finish(true);
                },
                Step::DropSender => if sender.take().is_some() {
                    model.finish(false);
                },
                Step::PollClosed(bell) => if let Some(sender) = &mut sender {
                    let told = sender.poll_closed(&mut Context::from_waker(&wakers[bell])).is_ready();
                    prop_assert_eq!(told, model.closed);
                    model.closing = (!told).then_some(bell);
                },
                Step::Close => if let Some(receiver) = &mut receiver {
                    receiver.close();
                    if !receiver.is_terminated() {
                        model.close();
                    }
                },
                Step::TryRecv => if let Some(receiver) = receiver.as_mut().filter(|receiver| !receiver.is_terminated()) {
                    let expected = model.look();
                    prop_assert_eq!(receiver.try_recv().map(drop), match expected {
                        Some(Ok(())) => Ok(()),
                        Some(Err(())) => Err(TryRecvError::Closed),
                        None => Err(TryRecvError::Empty),
                    });
                    prop_assert_eq!(receiver.is_terminated(), expected.is_some());
                    if expected.is_some() && !model.closed {
                        // The end has gone, as with a drop.
                        model.close();
                    }
                },
                Step::Poll(bell) => if let Some(receiver) = receiver.as_mut().filter(|receiver| !receiver.is_terminated()) {
                    let expected = model.look();
                    let polled = Pin::new(receiver).poll(&mut Context::from_waker(&wakers[bell]));
                    prop_assert_eq!(polled.map(|received| received.map(drop).map_err(drop)), match expected {
                        Some(result) => Poll::Ready(result),
                        None => Poll::Pending,
                    });
                    if expected.is_none() {
                        model.receiving = Some(bell);
                    }
                },
                Step::DropReceiver => if let Some(receiver) = receiver.take() {
                    let gone = receiver.is_terminated();
                    drop(receiver);
                    if !gone {
                        model.value = false;
                        model.close();
                    }
                },
            }
            if let Some(receiver) = receiver.as_ref().filter(|receiver| !receiver.is_terminated()) {
                prop_assert_eq!(receiver.is_empty(), !model.value);
            }
            if let Some(sender) = &sender {
                prop_assert_eq!(sender.is_closed(), model.closed);
            }
            let rings: Vec<_> = bells.iter().map(|bell| bell.0.load(SeqCst)).collect();
            prop_assert_eq!(rings, model.rings);
        }
        drop((sender, receiver, wakers));
        prop_assert_eq!(Arc::strong_count(&value), 1);
        for bell in &bells {
            prop_assert_eq!(Arc::strong_count(bell), 1, "no waker is left");
        }
    }
}

/// One that nobody waits for has no record; one that is awaited has, with the place where it was made, until it is gone.
#[test]
fn a_wait_makes_it_a_resource() {
    let here = |line: u32| {
        move || {
            snapshot()
                .into_iter()
                .any(|facts| facts.kind == Kind::Oneshot && facts.site.file() == file!() && facts.site.line() == line)
        }
    };
    let ((sender, mut receiver), seen) = (oneshot::channel(), here(line!()));
    assert!(!seen(), "nobody has waited");
    assert!(Pin::new(&mut receiver).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(seen());
    assert_eq!(sender.send(1), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(1));
    assert!(!seen(), "both ends are gone");
}

/// A thread that waits is woken by a sender elsewhere, many times over.
#[test]
fn threads_wait_for_each_other() {
    for n in 0..200 {
        let (sender, receiver) = oneshot::channel();
        let thread = std::thread::spawn(move || receiver.blocking_recv());
        assert_eq!(sender.send(n), Ok(()));
        assert_eq!(thread.join().expect("no panic"), Ok(n));
    }
}

/// A value need not be shared between threads to be sent from one to another.
#[test]
fn both_ends_go_wherever_the_value_may_go() {
    fn demand<T: Send + Sync + Unpin>(_: &T) {}
    fn demand_future<T: Send + Sync>(_: &T) {}
    let (mut sender, receiver) = oneshot::channel::<std::cell::Cell<u8>>();
    demand(&sender);
    demand(&receiver);
    demand_future(&sender.closed());
}
