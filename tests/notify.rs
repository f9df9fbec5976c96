//! `Notify` beside a simple model, in batches, under panicking wakers, and as an observer sees it.
//!
//! Everything is polled by hand, so that each step's outcome is known: who is woken, who is ready, whether a permit is left.

use gumption::sync::Notify;
use gumption::sync::futures::{Notified, OwnedNotified};
use gumption::wait::{Kind, WaitReason, find};
use gumption_core::internals::with_current;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Counts wakes.
#[derive(Default)]
struct Flag(AtomicUsize);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Flag {
    fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

const PLACES: usize = 6;

#[derive(Debug, Clone, Copy)]
enum Step {
    Begin(usize),
    /// With one of two wakers.
    Poll(usize, usize),
    Enable(usize),
    Drop(usize),
    One,
    Last,
    All,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = || 0..PLACES;
    let step = prop_oneof![
        3 => place().prop_map(Step::Begin),
        5 => (place(), 0..2_usize).prop_map(|(place, waker)| Step::Poll(place, waker)),
        1 => place().prop_map(Step::Enable),
        2 => place().prop_map(Step::Drop),
        3 => Just(Step::One),
        2 => Just(Step::Last),
        1 => Just(Step::All),
    ];
    prop::collection::vec(step, 1..60)
}

/// What a future must be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Is {
    Nothing,
    Begun {
        all: usize,
    },
    /// `told`: by which step, once it was.
    Waiting {
        told: Option<Told>,
        waker: Option<usize>,
    },
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    One,
    Last,
    All,
}

/// The obvious `Notify`: a queue, a permit, a count of calls for all.
#[derive(Debug)]
struct Model {
    is: [Is; PLACES],
    queue: VecDeque<usize>,
    permit: bool,
    all: usize,
    wakes: [[usize; 2]; PLACES],
}

impl Model {
    fn tell(&mut self, place: usize, by: Told) {
        let Is::Waiting { told, waker } = &mut self.is[place] else { panic!("{place} is queued") };
        *told = Some(by);
        if let Some(waker) = waker.take() {
            self.wakes[place][waker] += 1;
        }
    }

    fn notify(&mut self, by: Told) {
        let place = if by == Told::Last { self.queue.pop_back() } else { self.queue.pop_front() };
        match place {
            Some(place) => self.tell(place, by),
            None => self.permit = true,
        }
    }

    fn notify_all(&mut self) {
        self.all += 1;
        while let Some(place) = self.queue.pop_front() {
            self.tell(place, Told::All);
        }
    }

    /// Whether it is ready; `waker` is what it leaves otherwise.
    fn poll(&mut self, place: usize, waker: Option<usize>) -> bool {
        let ready = match self.is[place] {
            Is::Nothing => return false,
            Is::Begun { all } => all != self.all || std::mem::take(&mut self.permit),
            Is::Waiting { told, .. } => told.is_some(),
            Is::Done => true,
        };
        self.is[place] = match self.is[place] {
            _ if ready => Is::Done,
            Is::Waiting { waker: before, .. } => Is::Waiting { told: None, waker: waker.or(before) },
            _ => {
                self.queue.push_back(place);
                Is::Waiting { told: None, waker }
            }
        };
        ready
    }

    fn drop(&mut self, place: usize) {
        self.queue.retain(|&other| other != place);
        if let Is::Waiting { told: Some(by @ (Told::One | Told::Last)), .. } =
            std::mem::replace(&mut self.is[place], Is::Nothing)
        {
            self.notify(by);
        }
    }
}

enum Either<'a> {
    Borrowed(Pin<Box<Notified<'a>>>),
    Owned(Pin<Box<OwnedNotified>>),
}

impl Either<'_> {
    fn poll(&mut self, waker: &Waker) -> bool {
        match self {
            Self::Borrowed(future) => poll(future.as_mut(), waker).is_ready(),
            Self::Owned(future) => poll(future.as_mut(), waker).is_ready(),
        }
    }

    fn enable(&mut self) -> bool {
        match self {
            Self::Borrowed(future) => future.as_mut().enable(),
            Self::Owned(future) => future.as_mut().enable(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_what_the_model_says(steps in steps()) {
        let notify = Arc::new(Notify::new());
        let flags: [[Arc<Flag>; 2]; PLACES] = Default::default();
        let mut futures: [Option<Either<'_>>; PLACES] = Default::default();
        let mut model = Model {
            is: [Is::Nothing; PLACES],
            queue: VecDeque::new(),
            permit: false,
            all: 0,
            wakes: [[0; 2]; PLACES],
        };
        for step in steps {
            match step {
                Step::Begin(place) => {
                    model.drop(place);
                    model.is[place] = Is::Begun { all: model.all };
                    futures[place] = None;
                    futures[place] = Some(if place % 2 == 0 {
                        Either::Borrowed(Box::pin(notify.notified()))
                    } else {
                        Either::Owned(Box::pin(notify.clone().notified_owned()))
                    });
                }
                Step::Poll(place, waker) => {
                    if let Some(future) = &mut futures[place] {
                        let ready = future.poll(&flags[place][waker].clone().into());
                        prop_assert_eq!(ready, model.poll(place, Some(waker)));
                    }
                }
                Step::Enable(place) => {
                    if let Some(future) = &mut futures[place] {
                        prop_assert_eq!(future.enable(), model.poll(place, None));
                    }
                }
                Step::Drop(place) => {
                    futures[place] = None;
                    model.drop(place);
                }
                Step::One => {
                    notify.notify_one();
                    model.notify(Told::One);
                }
                Step::Last => {
                    notify.notify_last();
                    model.notify(Told::Last);
                }
                Step::All => {
                    notify.notify_waiters();
                    model.notify_all();
                }
            }
            let wakes = flags.each_ref().map(|flags| flags.each_ref().map(|flag| flag.wakes()));
            prop_assert_eq!(wakes, model.wakes, "after {:?}", step);
            let seen = format!("{notify:?}");
            let expected = format!("permit: {}, waiters: {},", model.permit, model.queue.len());
            prop_assert!(seen.contains(&expected), "{} is not {}", seen, expected);
        }
    }
}

/// More than one batch of wakers: the first of them, when woken, looks at the last, drops another and begins a new wait.
#[test]
fn a_signal_to_all_is_one_moment_however_many_there_are() {
    /// What happens when the first one is woken, once.
    struct Meddler(Mutex<Option<Box<dyn FnOnce() + Send>>>);
    impl Wake for Meddler {
        fn wake(self: Arc<Self>) {
            if let Some(meddle) = self.0.lock().expect("no panic").take() {
                meddle();
            }
        }
    }

    let notify = Arc::new(Notify::new());
    let flag = Arc::new(Flag::default());
    let waker: Waker = flag.clone().into();
    let mut futures: Vec<_> = (0..100).map(|_| Box::pin(notify.clone().notified_owned())).collect();
    let meddler = Arc::new(Meddler(Mutex::new(None)));
    assert!(poll(futures[0].as_mut(), &meddler.clone().into()).is_pending());
    for future in &mut futures[1..] {
        assert!(poll(future.as_mut(), &waker).is_pending());
    }
    let (mut last, dropped) = (futures.pop().expect("there are many"), futures.pop());
    let new = Arc::new(Mutex::new(Some(Box::pin(notify.clone().notified_owned()))));
    let begun_before = Arc::new(Mutex::new(Some(Box::pin(notify.clone().notified_owned()))));
    *meddler.0.lock().expect("no panic") = Some(Box::new({
        let (notify, waker, new, before) = (notify.clone(), waker.clone(), new.clone(), begun_before.clone());
        move || {
            assert!(poll(last.as_mut(), &waker).is_ready(), "told, though its turn has not come");
            drop(dropped);
            let mut before = before.lock().expect("no panic");
            assert!(poll(before.as_mut().expect("it is there").as_mut(), &waker).is_ready(), "begun in time");
            let mut future = Box::pin(notify.notified_owned());
            assert!(poll(future.as_mut(), &waker).is_pending(), "begun too late");
            *new.lock().expect("no panic") = Some(future);
        }
    }));
    notify.notify_waiters();
    assert_eq!(flag.wakes(), 97, "all but the meddler, the one that had looked, and the one that was gone");
    for future in &mut futures {
        assert!(poll(future.as_mut(), &waker).is_ready());
    }
    let mut new = new.lock().expect("no panic").take().expect("it is there");
    assert!(poll(new.as_mut(), &waker).is_pending());
    notify.notify_one();
    assert!(poll(new.as_mut(), &waker).is_ready());
}

#[test]
fn a_wakers_panic_costs_nobody_the_signal() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker's panic");
        }
    }

    let notify = Notify::new();
    let flag = Arc::new(Flag::default());
    let mut futures: Vec<_> = (0..100).map(|_| Box::pin(notify.notified())).collect();
    for (index, future) in futures.iter_mut().enumerate() {
        let waker = if index == 7 { Arc::new(Panics).into() } else { flag.clone().into() };
        assert!(poll(future.as_mut(), &waker).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| notify.notify_waiters())).is_err());
    assert_eq!(flag.wakes(), 99);
    for future in &mut futures {
        assert!(poll(future.as_mut(), Waker::noop()).is_ready());
    }
    // And it still works.
    let mut next = pin!(notify.notified());
    assert!(poll(next.as_mut(), &flag.clone().into()).is_pending());
    notify.notify_one();
    assert_eq!(flag.wakes(), 100);
}

/// The said reason and resource of the running task, after its future has been polled once; then it goes on.
async fn said<F: Future>(mut future: Pin<&mut F>) -> (WaitReason, u64) {
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(with_current(|task| task.wait()).expect("in a task"))
    })
    .await
}

#[test]
fn an_observer_sees_who_waits_and_how_often_it_was_notified() {
    let runtime = gumption::runtime::Runtime::new().expect("there are threads");
    let task = runtime.spawn(async {
        let notify = Notify::new();
        notify.notify_one();
        notify.notified().await;
        let mut first = Box::pin(notify.notified());
        let (reason, id) = said(first.as_mut()).await;
        assert_eq!(reason, WaitReason::Notify);
        let facts = || find(id).expect("somebody has waited for it");
        assert_eq!((facts().kind, facts().site.file()), (Kind::Notify, file!()));
        assert_eq!((facts().waiters, facts().sends), (1, 0), "a permit found nobody");
        let mut second = Box::pin(notify.notified());
        assert!(!second.as_mut().enable());
        assert_eq!(facts().waiters, 2);
        notify.notify_one();
        assert_eq!((facts().waiters, facts().sends), (1, 1));
        drop(first);
        assert_eq!((facts().waiters, facts().sends), (0, 2), "handed on");
        second.await;
        let mut third = Box::pin(notify.notified());
        assert!(!third.as_mut().enable());
        drop(third);
        let futures: Vec<_> = (0..3)
            .map(|_| {
                let mut future = Box::pin(notify.notified());
                assert!(!future.as_mut().enable());
                future
            })
            .collect();
        assert_eq!((facts().waiters, facts().sends), (3, 2));
        notify.notify_waiters();
        assert_eq!((facts().waiters, facts().sends), (0, 3));
        drop(futures);
        drop(notify);
        assert!(find(id).is_none());
    });
    runtime.block_on(task).expect("it does not panic");
}
