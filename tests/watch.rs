//! A watched value beside a simple model, with many receivers, and as an observer sees it.
//!
//! Everything but the last test is polled by hand, so that each step's outcome is known.

use gumption::sync::watch::{self, Receiver, Sender};
use gumption::wait::{Kind, WaitReason, find};
use gumption_core::internals::with_current;
use proptest::prelude::*;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

const PLACES: usize = 4;

#[derive(Debug, Clone, Copy)]
enum Step {
    Send(u32),
    Silently(u32),
    Clone(usize, usize),
    Subscribe(usize),
    Drop(usize),
    Update(usize),
    MarkChanged(usize),
    MarkUnchanged(usize),
    Changed(usize),
    WaitFor(usize, u32),
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = || 0..PLACES;
    let step = prop_oneof![
        20 => (0..5_u32).prop_map(Step::Send),
        4 => (0..5_u32).prop_map(Step::Silently),
        4 => (place(), place()).prop_map(|(from, to)| Step::Clone(from, to)),
        4 => place().prop_map(Step::Subscribe),
        6 => place().prop_map(Step::Drop),
        8 => place().prop_map(Step::Update),
        4 => place().prop_map(Step::MarkChanged),
        4 => place().prop_map(Step::MarkUnchanged),
        20 => place().prop_map(Step::Changed),
        10 => (place(), 0..5_u32).prop_map(|(place, value)| Step::WaitFor(place, value)),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 1..80)
}

/// What a receiver has seen: that version, or one that never was.
type Seen = Option<usize>;

#[derive(Default)]
struct Model {
    value: u32,
    version: usize,
    closed: bool,
    seen: [Option<Seen>; PLACES],
}

impl Model {
    fn receivers(&self) -> usize {
        self.seen.iter().flatten().count()
    }

    fn is_unseen(&self, place: usize) -> bool {
        self.seen[place] != Some(Some(self.version))
    }

    fn see(&mut self, place: usize) {
        self.seen[place] = Some(Some(self.version));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_what_the_model_says(steps in steps()) {
        let (sender, first) = watch::channel(0);
        let mut sender = Some(sender);
        let mut receivers: [Option<Receiver<u32>>; PLACES] = [Some(first), None, None, None];
        let mut model = Model::default();
        model.seen[0] = Some(Some(0));
        for step in steps {
            match step {
                Step::Send(value) => {
                    let Some(sender) = &sender else { continue };
                    let sent = sender.send(value);
                    prop_assert_eq!(sent.is_ok(), model.receivers() > 0);
                    if sent.is_ok() {
                        (model.value, model.version) = (value, model.version + 1);
                    }
                }
                Step::Silently(value) => {
                    let Some(sender) = &sender else { continue };
                    let modified = sender.send_if_modified(|old| {
                        *old = value;
                        false
                    });
                    prop_assert!(!modified);
                    model.value = value;
                }
                Step::Clone(from, to) => {
                    receivers[to] = receivers[from].clone();
                    model.seen[to] = model.seen[from];
                }
                Step::Subscribe(place) => {
                    let Some(sender) = &sender else { continue };
                    receivers[place] = Some(sender.subscribe());
                    model.see(place);
                }
                Step::Drop(place) => {
                    receivers[place] = None;
                    model.seen[place] = None;
                }
                Step::Close => {
                    sender = None;
                    model.closed = true;
                }
                Step::Update(place) | Step::MarkChanged(place) | Step::MarkUnchanged(place) | Step::Changed(place)
                | Step::WaitFor(place, _) if receivers[place].is_none() => {}
                Step::Update(place) => {
                    let receiver = receivers[place].as_mut().expect("seen above");
                    let seen = receiver.borrow_and_update();
                    prop_assert_eq!((*seen, seen.has_changed()), (model.value, model.is_unseen(place)));
                    model.see(place);
                }
                Step::MarkChanged(place) => {
                    receivers[place].as_mut().expect("seen above").mark_changed();
                    model.seen[place] = match model.seen[place] {
                        Some(Some(seen)) => Some(seen.checked_sub(1)),
                        // It is still one that never was.
                        other => other,
                    };
                }
                Step::MarkUnchanged(place) => {
                    receivers[place].as_mut().expect("seen above").mark_unchanged();
                    model.see(place);
                }
                Step::Changed(place) => {
                    let receiver = receivers[place].as_mut().expect("seen above");
                    let changed = poll(Box::pin(receiver.changed()).as_mut(), Waker::noop());
                    let expected = match (model.is_unseen(place), model.closed) {
                        (true, _) => Poll::Ready(true),
                        (false, true) => Poll::Ready(false),
                        (false, false) => Poll::Pending,
                    };
                    prop_assert_eq!(changed.map(|changed| changed.is_ok()), expected);
                    model.see(place);
                }
                Step::WaitFor(place, value) => {
                    let receiver = receivers[place].as_mut().expect("seen above");
                    let found = poll(Box::pin(receiver.wait_for(|&other| other == value)).as_mut(), Waker::noop())
                        .map(|found| found.ok().map(|found| (*found, found.has_changed())));
                    let expected = match (model.value == value, model.closed) {
                        (true, _) => Poll::Ready(Some((value, model.is_unseen(place)))),
                        (false, true) => Poll::Ready(None),
                        (false, false) => Poll::Pending,
                    };
                    prop_assert_eq!(found, expected);
                    model.see(place);
                }
            }
            for (place, receiver) in receivers.iter().enumerate() {
                let Some(receiver) = receiver else { continue };
                prop_assert_eq!(*receiver.borrow(), model.value);
                prop_assert_eq!(receiver.borrow().has_changed(), model.is_unseen(place), "{:?}", step);
                let has_changed = (!model.closed).then(|| model.is_unseen(place));
                prop_assert_eq!(receiver.has_changed().ok(), has_changed);
                prop_assert_eq!(receiver.is_closed(), model.closed);
            }
            if let Some(sender) = &sender {
                prop_assert_eq!(sender.receiver_count(), model.receivers());
                prop_assert_eq!(sender.is_closed(), model.receivers() == 0);
            }
        }
    }
}

/// More receivers than there are rooms and wakers in a turn: each is woken once for each version that it waits for.
#[test]
fn a_version_wakes_everybody_once() {
    let (sender, receiver) = watch::channel(0);
    let mut receivers: Vec<_> = (0..500).map(|_| receiver.clone()).collect();
    let flag = Arc::new(Flag::default());
    let waker: Waker = flag.clone().into();
    for round in 1..=3 {
        let mut changes: Vec<_> = receivers.iter_mut().map(|receiver| Box::pin(receiver.changed())).collect();
        for change in &mut changes {
            assert!(poll(change.as_mut(), &waker).is_pending());
            assert!(poll(change.as_mut(), &waker).is_pending());
        }
        // One in ten gives up.
        let mut index = 0;
        changes.retain(|_| {
            index += 1;
            index % 10 != 0
        });
        sender.send_replace(round);
        sender.send_replace(round);
        assert_eq!(flag.wakes(), round * 450);
        for change in &mut changes {
            assert!(matches!(poll(change.as_mut(), &waker), Poll::Ready(Ok(()))));
        }
        drop(changes);
        for receiver in &mut receivers {
            assert_eq!(receiver.borrow().has_changed(), receiver.has_changed().expect("there is a sender"));
            assert_eq!(*receiver.borrow_and_update(), round);
        }
    }
}

#[test]
fn a_panic_while_it_is_changed_leaves_it_usable() {
    let (sender, mut receiver) = watch::channel(1);
    let modify = AssertUnwindSafe(|| {
        sender.send_modify(|value| {
            *value = 2;
            panic!("on purpose");
        })
    });
    assert!(catch_unwind(modify).is_err());
    assert!(!receiver.has_changed().expect("there is a sender"));
    assert_eq!(*receiver.borrow(), 2);
    {
        let mut wait = Box::pin(receiver.wait_for(|_| panic!("on purpose")));
        assert!(catch_unwind(AssertUnwindSafe(|| poll(wait.as_mut(), Waker::noop()).is_ready())).is_err());
    }
    sender.send(3).expect("there is a receiver");
    assert_eq!(*receiver.borrow_and_update(), 3);
}

/// The said reason and resource of the running task, after its future has been polled once.
async fn said<F: Future>(mut future: Pin<&mut F>) -> (WaitReason, u64) {
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(with_current(|task| task.wait()).expect("in a task"))
    })
    .await
}

#[test]
fn an_observer_sees_who_waits_and_how_many_versions_there_were() {
    let runtime = gumption::runtime::Runtime::new().expect("there are threads");
    let task = runtime.spawn(async {
        let sender = Sender::new(0);
        let mut receivers = [sender.subscribe(), sender.subscribe()];
        sender.send_replace(1);
        receivers.iter_mut().for_each(Receiver::mark_unchanged);
        let [first, second] = &mut receivers;
        let mut first = Box::pin(first.changed());
        let (reason, id) = said(first.as_mut()).await;
        assert_eq!(reason, WaitReason::Watch);
        let facts = || find(id).expect("somebody has waited for it");
        assert_eq!((facts().kind, facts().site.file()), (Kind::Watch, file!()));
        assert_eq!(facts().waiters, 1);
        let mut second = Box::pin(second.changed());
        assert!(poll(second.as_mut(), Waker::noop()).is_pending());
        let mut closed = Box::pin(sender.closed());
        assert!(poll(closed.as_mut(), Waker::noop()).is_pending());
        assert_eq!(facts().waiters, 2, "who waits for the end is not one of them");
        drop(second);
        assert_eq!(facts().waiters, 1);
        sender.send_replace(2);
        assert_eq!((facts().waiters, facts().sends), (0, 2));
        first.await.expect("there is a sender");
        drop(receivers);
        closed.await;
        drop(sender);
        assert!(find(id).is_none());
    });
    runtime.block_on(task).expect("it does not panic");
}
