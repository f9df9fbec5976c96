//! Channels from many to one: against a queue that does the same, under cancelled waits, and as an observer sees them.

use gumption::runtime::{Builder, Runtime};
use gumption::sync::mpsc::error::{TryRecvError, TrySendError};
use gumption::sync::mpsc::{self, OwnedPermit, Sender};
use gumption::wait::{self, Kind};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).enable_all().build().expect("threads can be started")
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A send that waits, and whether it was woken.
struct Waiting {
    future: Pin<Box<dyn Future<Output = bool>>>,
    flag: Arc<Flag>,
    value: u32,
}

fn start(tx: &Sender<u32>, value: u32) -> Result<bool, Waiting> {
    let tx = tx.clone();
    let mut future: Pin<Box<dyn Future<Output = bool>>> = Box::pin(async move { tx.send(value).await.is_ok() });
    let flag = Arc::<Flag>::default();
    match future.as_mut().poll(&mut Context::from_waker(&flag.clone().into())) {
        Poll::Ready(sent) => Ok(sent),
        Poll::Pending => Err(Waiting { future, flag, value }),
    }
}

#[derive(Debug, Clone)]
enum Step {
    TrySend,
    Send,
    /// Polls the nth waiting send, if it was woken.
    Poll(usize),
    /// Drops the nth waiting send.
    Cancel(usize),
    Receive,
    ReceiveMany(usize),
    Reserve,
    /// Uses a permit.
    Use,
    /// Drops a permit.
    Release,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::TrySend),
        4 => Just(Step::Send),
        4 => (0..4_usize).prop_map(Step::Poll),
        2 => (0..4_usize).prop_map(Step::Cancel),
        6 => Just(Step::Receive),
        2 => (1..70_usize).prop_map(Step::ReceiveMany),
        2 => Just(Step::Reserve),
        2 => Just(Step::Use),
        1 => Just(Step::Release),
        1 => Just(Step::Close),
    ]
}

/// What a channel should be: values, permits, and who waits, of whom the first have been given their room.
#[derive(Default)]
struct Model {
    capacity: usize,
    values: VecDeque<u32>,
    permits: usize,
    granted: usize,
    closed: bool,
}

impl Model {
    fn room(&self) -> usize {
        self.capacity - self.values.len() - self.permits - self.granted
    }

    /// Gives room to waiters in their order.
    fn grant(&mut self, waiting: usize) {
        if !self.closed {
            self.granted = (self.granted + self.room()).min(waiting);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// In one thread, outside a task: every wait, wake and value is where the model says.
    #[test]
    fn it_is_a_bounded_queue_with_a_line(capacity in 1..70_usize, steps in prop::collection::vec(step(), 1..300)) {
        let (tx, mut rx) = mpsc::channel(capacity);
        let mut model = Model { capacity, ..Model::default() };
        // In the order in which they began to wait; the first `model.granted` have been given their room.
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut permits: Vec<OwnedPermit<u32>> = Vec::new();
        let mut value = 0;
        for step in steps {
            value += 1;
            match step {
                Step::TrySend => {
                    let expected = if model.closed {
                        Err(TrySendError::Closed(value))
                    } else if model.room() == 0 || waiting.len() > model.granted {
                        Err(TrySendError::Full(value))
                    } else {
                        model.values.push_back(value);
                        Ok(())
                    };
                    prop_assert_eq!(tx.try_send(value), expected);
                }
                Step::Send => match start(&tx, value) {
                    Ok(sent) => {
                        prop_assert_eq!(sent, !model.closed);
                        if sent {
                            prop_assert!(model.room() > 0 && waiting.len() == model.granted);
                            model.values.push_back(value);
                        }
                    }
                    Err(waits) => {
                        prop_assert!(!model.closed && (model.room() == 0 || waiting.len() > model.granted));
                        waiting.push(waits);
                    }
                },
                Step::Poll(n) if n < waiting.len() => {
                    let polled = waiting[n].future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    if model.closed {
                        prop_assert_eq!(polled, Poll::Ready(false));
                        if n < model.granted {
                            model.granted -= 1;
                        }
                        waiting.remove(n);
                    } else if n < model.granted {
                        prop_assert_eq!(polled, Poll::Ready(true));
                        model.granted -= 1;
                        model.values.push_back(waiting.remove(n).value);
                    } else {
                        prop_assert_eq!(polled, Poll::Pending);
                        // It waits with another waker now: back to one that tells.
                        let waker = waiting[n].flag.clone().into();
                        prop_assert!(waiting[n].future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                    }
                }
                Step::Cancel(n) if n < waiting.len() => {
                    drop(waiting.remove(n));
                    if n < model.granted {
                        model.granted -= 1;
                        model.grant(waiting.len());
                    }
                }
                Step::Receive => {
                    let idle = model.values.is_empty() && model.permits == 0 && model.granted == 0;
                    let expected = match model.values.pop_front() {
                        Some(value) => Ok(value),
                        None if model.closed && idle => Err(TryRecvError::Disconnected),
                        None => Err(TryRecvError::Empty),
                    };
                    prop_assert_eq!(rx.try_recv(), expected);
                    model.grant(waiting.len());
                }
                Step::ReceiveMany(limit) => {
                    let mut received = Vec::new();
                    let polled = rx.poll_recv_many(&mut Context::from_waker(Waker::noop()), &mut received, limit);
                    let count = model.values.len().min(limit);
                    let ended = model.closed && count == 0 && model.permits == 0 && model.granted == 0;
                    let expected = if count > 0 || ended { Poll::Ready(count) } else { Poll::Pending };
                    prop_assert_eq!(polled, expected);
                    prop_assert_eq!(received, model.values.drain(..count).collect::<Vec<_>>());
                    model.grant(waiting.len());
                }
                Step::Reserve => match tx.clone().try_reserve_owned() {
                    Ok(permit) => {
                        prop_assert!(!model.closed && model.room() > 0 && waiting.len() == model.granted);
                        model.permits += 1;
                        permits.push(permit);
                    }
                    Err(TrySendError::Closed(_)) => prop_assert!(model.closed),
                    Err(TrySendError::Full(_)) => prop_assert!(model.room() == 0 || waiting.len() > model.granted),
                },
                Step::Use => {
                    if let Some(permit) = permits.pop() {
                        drop(permit.send(value));
                        model.permits -= 1;
                        model.values.push_back(value);
                    }
                }
                Step::Release => {
                    if let Some(permit) = permits.pop() {
                        drop(permit);
                        model.permits -= 1;
                        model.grant(waiting.len());
                    }
                }
                Step::Close => {
                    rx.close();
                    model.closed = true;
                }
                Step::Poll(_) | Step::Cancel(_) => {}
            }
            prop_assert_eq!(rx.len(), model.values.len());
            prop_assert_eq!(tx.capacity(), if model.granted < waiting.len() && !model.closed { 0 } else { model.room() });
            for (n, waits) in waiting.iter().enumerate() {
                prop_assert_eq!(waits.flag.0.load(Ordering::SeqCst), n < model.granted || model.closed);
            }
        }
    }
}

/// Senders that give up in the middle, by chance, on several threads: what was sent is received once, in order for each.
#[test]
fn cancelled_sends_lose_and_double_nothing() {
    for capacity in [1, 2, 7, 64] {
        let runtime = runtime(4);
        let sent = Arc::new(AtomicU64::new(0));
        let received = runtime.block_on(async {
            let (tx, mut rx) = mpsc::channel::<(usize, u32)>(capacity);
            for sender in 0..16 {
                let (tx, sent) = (tx.clone(), sent.clone());
                gumption::spawn(async move {
                    for value in 0..1_500_u32 {
                        let mut sending = Box::pin(tx.send((sender, value)));
                        // Every third is polled a few times and then given up.
                        let mut patience = if value % 3 == 0 { value % 4 } else { u32::MAX };
                        let done = std::future::poll_fn(|cx| match sending.as_mut().poll(cx) {
                            Poll::Ready(result) => Poll::Ready(Some(result.is_ok())),
                            Poll::Pending if patience == 0 => Poll::Ready(None),
                            Poll::Pending => {
                                patience -= 1;
                                if patience < 4 {
                                    cx.waker().wake_by_ref();
                                }
                                Poll::Pending
                            }
                        })
                        .await;
                        match done {
                            Some(true) => drop(sent.fetch_add(u64::from(value) + 1, Ordering::Relaxed)),
                            Some(false) => unreachable!("the receiver stays to the end"),
                            None => drop(sending),
                        }
                    }
                });
            }
            drop(tx);
            gumption::spawn(async move {
                let (mut sum, mut last) = (0_u64, [None; 16]);
                while let Some((sender, value)) = rx.recv().await {
                    assert!(last[sender].replace(value) < Some(value), "a sender's values came out of order");
                    sum += u64::from(value) + 1;
                }
                sum
            })
            .await
            .expect("it does not panic")
        });
        assert_eq!(received, sent.load(Ordering::Relaxed), "capacity {capacity}");
    }
}

/// The receiver takes one of many and then blocks its thread until a sender that waited has gone on: somebody else has
/// to give the room, because the poll does not end.
#[test]
fn room_is_given_though_the_poll_blocks() {
    for declared in [false, true] {
        let runtime = runtime(2);
        let line = line!() + 1;
        let (tx, mut rx) = mpsc::channel::<u32>(64);
        let waits = move || {
            let ours = |facts: &wait::Facts| facts.site.file() == file!() && facts.site.line() == line;
            wait::snapshot().iter().any(|facts| ours(facts) && facts.waiters == 1)
        };
        let done = runtime.spawn(async move {
            for value in 0..64 {
                tx.send(value).await.expect("the receiver is there");
            }
            let (told, hears) = std::sync::mpsc::channel();
            gumption::spawn(async move {
                tx.send(64).await.expect("the receiver is there");
                told.send(()).expect("the other task waits");
            });
            while !waits() {
                gumption::task::yield_now().await;
            }
            assert_eq!(rx.recv().await, Some(0));
            let wait = || hears.recv().expect("the sender goes on");
            if declared {
                gumption::blocking(wait)
            } else {
                wait()
            }
            rx.len()
        });
        assert_eq!(runtime.block_on(done).expect("it does not panic"), 64);
    }
}

/// What an observer reads of a channel on which both ends have waited.
#[test]
fn an_observer_sees_who_waits_and_how_deep_it_is() {
    let line = line!() + 1;
    let (tx, mut rx) = mpsc::channel::<u32>(2);
    let facts = || wait::snapshot().into_iter().find(|facts| facts.site.file() == file!() && facts.site.line() == line);
    assert!(facts().is_none(), "nobody has waited yet");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(rx.poll_recv(&mut cx).is_pending());
    let seen = facts().expect("somebody waits");
    assert_eq!((seen.kind, seen.waiters, seen.depth, seen.capacity), (Kind::Mpsc, 1, 0, 2));
    assert!(start(&tx, 1).is_ok_and(|sent| sent) && start(&tx, 2).is_ok_and(|sent| sent));
    let (third, fourth) = (start(&tx, 3).err(), start(&tx, 4).err());
    assert!(third.is_some() && fourth.is_some(), "it is full");
    assert_eq!(facts().expect("it is there").waiters, 2);
    assert_eq!(rx.try_recv(), Ok(1));
    let seen = facts().expect("it is there");
    assert_eq!((seen.waiters, seen.depth, seen.sends, seen.receives), (1, 1, 2, 1));
    drop((third, fourth, tx, rx));
    assert!(facts().is_none(), "it has gone");
}
