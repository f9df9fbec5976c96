//! The semaphore beside a model of a few lines: every drawn sequence of requests, polls, releases, cancellations and closings has the
//! same outcome in both, step by step.
//!
//! The model is what the documentation promises, written down as plainly as can be: free permits, and a queue of requests, of which
//! the first gathers what comes. It knows no wakers; that those who are served are woken is asserted beside it.

use gumption::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

#[derive(Clone, Debug)]
enum Step {
    Ask(u32),
    Look(usize),
    Leave(usize),
    Try(u32),
    Return(usize),
    Forget(usize),
    Add(usize),
    ForgetFree(usize),
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..5_u32).prop_map(Step::Ask),
        4 => any::<usize>().prop_map(Step::Look),
        3 => any::<usize>().prop_map(Step::Leave),
        2 => (0..4_u32).prop_map(Step::Try),
        5 => any::<usize>().prop_map(Step::Return),
        1 => any::<usize>().prop_map(Step::Forget),
        3 => (0..4_usize).prop_map(Step::Add),
        1 => (0..4_usize).prop_map(Step::ForgetFree),
        1 => Just(Step::Close),
    ];
    proptest::collection::vec(step, 0..60)
}

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

type Turn = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, gumption::sync::AcquireError>>>>;

/// A request that has been polled and is not over.
struct Waiting {
    id: usize,
    turn: Turn,
    bell: Arc<Bell>,
    wanted: usize,
}

impl Waiting {
    fn look(&mut self) -> Poll<Option<OwnedSemaphorePermit>> {
        let waker = Waker::from(self.bell.clone());
        self.turn.as_mut().poll(&mut Context::from_waker(&waker)).map(Result::ok)
    }
}

/// The model.
#[derive(Default)]
struct Model {
    free: usize,
    closed: bool,
    /// Who waits: id, wanted, gathered. In order.
    queue: VecDeque<(usize, usize, usize)>,
    /// Who has been served, and has not looked.
    served: Vec<usize>,
    /// Who waited when it was closed, and what they had gathered: theirs until they leave.
    closed_out: Vec<(usize, usize)>,
}

impl Model {
    fn give(&mut self, mut permits: usize) {
        while let Some((id, wanted, gathered)) = self.queue.front_mut() {
            let more = permits.min(*wanted - *gathered);
            *gathered += more;
            permits -= more;
            if gathered < wanted {
                return;
            }
            self.served.push(*id);
            self.queue.pop_front();
        }
        self.free += permits;
    }

    /// Ready with permits, ready with an error, or waiting.
    fn ask(&mut self, id: usize, wanted: usize) -> Poll<bool> {
        if self.closed {
            return Poll::Ready(false);
        }
        if self.free >= wanted {
            self.free -= wanted;
            return Poll::Ready(true);
        }
        let gathered = std::mem::take(&mut self.free);
        self.queue.push_back((id, wanted, gathered));
        Poll::Pending
    }

    fn look(&mut self, id: usize, wanted: usize) -> Poll<bool> {
        if self.closed {
            self.leave(id, wanted);
            return Poll::Ready(false);
        }
        match self.served.iter().position(|&served| served == id) {
            Some(at) => {
                self.served.swap_remove(at);
                Poll::Ready(true)
            }
            None => Poll::Pending,
        }
    }

    fn leave(&mut self, id: usize, wanted: usize) {
        if let Some(at) = self.served.iter().position(|&served| served == id) {
            self.served.swap_remove(at);
            self.give(wanted);
        } else if let Some(at) = self.queue.iter().position(|waiter| waiter.0 == id) {
            let (_, _, gathered) = self.queue.remove(at).expect("found");
            self.give(gathered);
        } else if let Some(at) = self.closed_out.iter().position(|waiter| waiter.0 == id) {
            let (_, gathered) = self.closed_out.remove(at);
            self.give(gathered);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.closed_out.extend(self.queue.drain(..).map(|(id, _, gathered)| (id, gathered)));
    }
}

fn run(initial: usize, steps: Vec<Step>) {
    let semaphore = Arc::new(Semaphore::new(initial));
    let mut model = Model { free: initial, ..Model::default() };
    let mut waiting: Vec<Waiting> = Vec::new();
    let mut held: Vec<OwnedSemaphorePermit> = Vec::new();
    /// An element by any number.
    fn pick<T>(from: &mut Vec<T>, which: usize) -> Option<T> {
        if from.is_empty() { None } else { Some(from.swap_remove(which % from.len())) }
    }
    for (id, step) in steps.into_iter().enumerate() {
        match step {
            Step::Ask(wanted) => {
                let turn = Box::pin(semaphore.clone().acquire_many_owned(wanted));
                let mut asks = Waiting { id, turn, bell: Arc::default(), wanted: wanted as usize };
                let (real, expected) = (asks.look(), model.ask(id, wanted as usize));
                assert_eq!(outcome(&real), expected);
                match real {
                    Poll::Ready(permit) => held.extend(permit),
                    Poll::Pending => waiting.push(asks),
                }
            }
            Step::Look(which) => {
                if let Some(mut asks) = pick(&mut waiting, which) {
                    let (real, expected) = (asks.look(), model.look(asks.id, asks.wanted));
                    assert_eq!(outcome(&real), expected);
                    match real {
                        Poll::Ready(permit) => held.extend(permit),
                        Poll::Pending => waiting.push(asks),
                    }
                }
            }
            Step::Leave(which) => {
                if let Some(asks) = pick(&mut waiting, which) {
                    model.leave(asks.id, asks.wanted);
                    drop(asks);
                }
            }
            Step::Try(wanted) => match semaphore.clone().try_acquire_many_owned(wanted) {
                Ok(permit) => {
                    assert!(!model.closed && model.free >= wanted as usize);
                    model.free -= wanted as usize;
                    held.push(permit);
                }
                Err(error) => {
                    let expected = if model.closed { TryAcquireError::Closed } else { TryAcquireError::NoPermits };
                    assert_eq!(error, expected);
                    assert!(model.closed || model.free < wanted as usize);
                }
            },
            Step::Return(which) => {
                if let Some(permit) = pick(&mut held, which) {
                    model.give(permit.num_permits());
                    drop(permit);
                }
            }
            Step::Forget(which) => {
                if let Some(permit) = pick(&mut held, which) {
                    permit.forget();
                }
            }
            Step::Add(permits) => {
                model.give(permits);
                semaphore.add_permits(permits);
            }
            Step::ForgetFree(permits) => {
                let expected = permits.min(model.free);
                model.free -= expected;
                assert_eq!(semaphore.forget_permits(permits), expected);
            }
            Step::Close => {
                model.close();
                semaphore.close();
            }
        }
        assert_eq!(semaphore.available_permits(), model.free);
        assert_eq!(semaphore.is_closed(), model.closed);
        for asks in &waiting {
            let is_told = model.closed || model.served.contains(&asks.id);
            assert_eq!(asks.bell.0.load(Ordering::SeqCst), usize::from(is_told), "who is served is woken, once");
        }
    }
}

/// Whether it is ready, and with permits.
fn outcome(real: &Poll<Option<OwnedSemaphorePermit>>) -> Poll<bool> {
    match real {
        Poll::Ready(permit) => Poll::Ready(permit.is_some()),
        Poll::Pending => Poll::Pending,
    }
}

proptest! {
    #[test]
    fn it_is_as_the_model(initial in 0..4_usize, steps in steps()) {
        run(initial, steps);
    }
}
