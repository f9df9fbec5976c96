//! Broadcasts: every sequence of calls against a simple model, many waiters, values that panic, and what an observer sees.

use gumption::sync::broadcast::error::{RecvError, TryRecvError};
use gumption::sync::broadcast::{self, Receiver};
use gumption::wait::{Kind, snapshot};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    Subscribe,
    Resubscribe(usize),
    Receive(usize),
    Drop(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Send),
        1 => Just(Step::Subscribe),
        1 => (0..4_usize).prop_map(Step::Resubscribe),
        4 => (0..4_usize).prop_map(Step::Receive),
        1 => (0..4_usize).prop_map(Step::Drop),
    ];
    proptest::collection::vec(step, 0..60)
}

/// What a receiver has still to see, all of it: how much of that is lost, follows from the capacity.
type Backlog = VecDeque<u64>;

/// What the model's receiver gets.
fn receive(backlog: &mut Backlog, capacity: usize) -> Result<u64, TryRecvError> {
    match backlog.len().checked_sub(capacity) {
        Some(lost @ 1..) => {
            backlog.drain(..lost);
            Err(TryRecvError::Lagged(lost as u64))
        }
        _ => backlog.pop_front().ok_or(TryRecvError::Empty),
    }
}

proptest! {
    /// Every receiver gets what was sent since it came, in order, or is told how much of it is lost; a value lives as long as somebody
    /// may get it.
    #[test]
    fn it_is_what_its_model_is(steps in steps(), asked in 1..6_usize) {
        let capacity = asked.next_power_of_two();
        let alive = Arc::new(());
        let (sender, first) = broadcast::channel::<(u64, Arc<()>)>(asked);
        let mut receivers: Vec<(Receiver<_>, Backlog)> = vec![(first, Backlog::new())];
        let mut next = 0;
        for step in steps {
            match step {
                Step::Send => {
                    let sent = sender.send((next, alive.clone()));
                    prop_assert_eq!(sent.ok(), (!receivers.is_empty()).then_some(receivers.len()));
                    for (_, backlog) in &mut receivers {
                        backlog.push_back(next);
                    }
                    next += 1;
                }
                Step::Subscribe if receivers.len() < 4 => receivers.push((sender.subscribe(), Backlog::new())),
                Step::Resubscribe(which) if which < receivers.len() && receivers.len() < 4 => {
                    receivers.push((receivers[which].0.resubscribe(), Backlog::new()));
                }
                Step::Receive(which) if which < receivers.len() => {
                    let (receiver, backlog) = &mut receivers[which];
                    prop_assert_eq!(receiver.try_recv().map(|(n, _)| n), receive(backlog, capacity));
                }
                Step::Drop(which) if which < receivers.len() => drop(receivers.swap_remove(which)),
                _ => {}
            }
            let longest = receivers.iter().map(|(_, backlog)| backlog.len()).max().unwrap_or(0).min(capacity);
            prop_assert_eq!(sender.len(), longest);
            prop_assert_eq!(Arc::strong_count(&alive) - 1, longest, "what everybody has seen is dropped");
            prop_assert_eq!((sender.is_empty(), sender.receiver_count()), (longest == 0, receivers.len()));
            for (receiver, backlog) in &receivers {
                prop_assert_eq!((receiver.len(), receiver.is_empty()), (backlog.len(), backlog.is_empty()));
            }
        }
        drop(sender);
        for (receiver, backlog) in &mut receivers {
            prop_assert!(receiver.is_closed());
            loop {
                match (receiver.try_recv().map(|(n, _)| n), receive(backlog, capacity)) {
                    (Err(TryRecvError::Closed), Err(TryRecvError::Empty)) => break,
                    (got, expected) => prop_assert_eq!(got, expected),
                }
            }
        }
        drop(receivers);
        prop_assert_eq!(Arc::strong_count(&alive), 1);
    }
}

/// More than are woken in one turn of the lock: all of them, each once.
#[gumption::test]
async fn everybody_who_waits_is_woken() {
    let (sender, _) = broadcast::channel(2);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let mut receiver = sender.subscribe();
            gumption::spawn(async move { (receiver.recv().await, receiver.recv().await, receiver.recv().await) })
        })
        .collect();
    for n in 1..=2 {
        gumption::task::yield_now().await;
        assert_eq!(sender.send(n).ok(), Some(100));
    }
    drop(sender);
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), (Ok(1), Ok(2), Err(RecvError::Closed)));
    }
}

/// A value whose clone panics is passed over, and costs nobody else anything.
#[test]
fn a_clone_that_panics_is_passed_over() {
    struct Touchy(bool);
    impl Clone for Touchy {
        fn clone(&self) -> Self {
            assert!(!self.0, "a clone's panic");
            Self(false)
        }
    }
    let (sender, mut one) = broadcast::channel(4);
    let mut other = sender.subscribe();
    for touchy in [true, false] {
        assert!(sender.send(Touchy(touchy)).is_ok());
    }
    for receiver in [&mut one, &mut other] {
        assert!(catch_unwind(AssertUnwindSafe(|| receiver.try_recv())).is_err());
        assert!(receiver.try_recv().is_ok());
        assert!(matches!(receiver.try_recv(), Err(TryRecvError::Empty)));
    }
    assert!(sender.is_empty());
}

/// From the first wait on an observer sees it.
#[test]
fn a_wait_makes_it_a_resource() {
    let ((sender, mut receiver), line) = (broadcast::channel::<u32>(3), line!());
    let facts = || {
        let mut all = snapshot().into_iter();
        all.find(|facts| facts.kind == Kind::Broadcast && facts.site.file() == file!() && facts.site.line() == line)
    };
    let mut other = sender.subscribe();
    assert!(sender.send(1).is_ok());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert!(facts().is_none(), "nobody has waited");
    {
        let waiting = pin!(receiver.recv());
        assert!(waiting.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let facts = facts().expect("a wait registers it");
        assert_eq!((facts.capacity, facts.holders, facts.waiters, facts.sends), (4, 2, 1, 1));
        assert!(sender.send(2).is_ok());
    }
    assert_eq!(facts().map(|facts| facts.waiters), Some(0));
    for n in 3..=64 {
        assert!(sender.send(n).is_ok());
    }
    assert_eq!(facts().map(|facts| (facts.sends, facts.depth)), Some((64, 4)));
    assert_eq!(other.try_recv(), Err(TryRecvError::Lagged(60)));
    drop((sender, receiver, other));
    assert!(facts().is_none(), "gone with the channel");
}

/// A value need not be shared between threads to be sent from one to others.
#[test]
fn both_ends_go_wherever_the_value_may_go() {
    fn demand<T: Send + Sync + Unpin>(_: &T) {}
    fn demand_future<T: Send + Sync>(_: &T) {}
    let (sender, mut receiver) = broadcast::channel::<std::cell::Cell<u8>>(1);
    demand(&sender);
    demand(&sender.downgrade());
    demand(&receiver);
    demand_future(&sender.closed());
    demand_future(&receiver.recv());
}
