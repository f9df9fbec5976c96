//! `join-fan-in`: one waker for two hundred children.
//!
//! **The story.** A request asks two hundred shards and waits for all answers, in one task, by a future that polls each of its
//! children in turn. The answers come one by one. Each wakes the task, because that is whose waker all children have; the task
//! cannot know which of them it was, and asks them all. Two hundred answers, up to two hundred looks each: twenty thousand looks.
//!
//! ```text
//!   answer 117 ──▶ wake ──▶ poll  0 1 2 3 ... 117 ... 198 199
//!                                 ─ ─ ─ ─      ✓       ─   ─
//!   answer 12  ──▶ wake ──▶ poll  0 1 2 ... 12 ...            again
//! ```
//!
//! **What to look at.** `leaf.polls/ready`: a hundred looks at a channel for each answer. `leaf.vain/polls`: they are all made in a
//! few polls of tasks. Where the time goes no list of tasks shows: there is one task, and it is always about to finish.
//!
//! **Why the fix works.** Each child is a task in a `JoinSet`. It has a waker of its own, and who is woken is who is polled.
//! A combinator with a waker for each child (`FuturesUnordered`) does the same inside one task.
//!
//! There is no cure in the scheduler: it does not see the children.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use gumption::runtime::Builder;
use gumption::sync::oneshot;
use gumption::task::{JoinSet, yield_now};

use crate::support::Outstanding;
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct JoinFanIn;

impl Workload for JoinFanIn {
    fn id(&self) -> &'static str {
        "join-fan-in"
    }
    fn family(&self) -> &'static str {
        "wakeup"
    }
    fn mechanism(&self) -> &'static str {
        "one future polls two hundred children under one waker: each answer has all of them polled"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("each child is a task in a JoinSet, with a waker of its own")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "shards", default: 200, min: 100, max: 5_000, help: "children of a request" },
            Knob { name: "requests", default: 1, min: 1, max: 64, help: "requests at a time, for each P" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let shards = run.plan.knob("shards");
        let (fixed, until) = (run.plan.fixed(), run.until);
        let (asking, answered) = (Outstanding::default(), Arc::new(AtomicU64::new(0)));
        for _ in 0..run.plan.knob("requests") * run.plan.processors as u64 {
            let (answered, guard) = (Arc::clone(&answered), asking.begin());
            drop(run.handle.spawn(async move {
                while !until.over() {
                    let (senders, answers): (Vec<_>, Vec<_>) = (0..shards).map(|_| oneshot::channel()).unzip();
                    drop(gumption::spawn(answer(senders)));
                    let sum = if fixed { join_each(answers).await } else { join_all(answers).await };
                    answered.fetch_add(sum, Ordering::Relaxed);
                }
                drop(guard);
            }));
        }
        asking.wait();
        vec![format!("{} shards answered", answered.load(Ordering::Relaxed))]
    }
}

/// The shards: they answer one by one.
async fn answer(senders: Vec<oneshot::Sender<u64>>) {
    for sender in senders {
        // A request that has given up wants no answer.
        let _ = sender.send(1);
        yield_now().await;
    }
}

/// The mistake: whoever answers, all are asked.
async fn join_all(mut answers: Vec<oneshot::Receiver<u64>>) -> u64 {
    let mut sum = 0;
    poll_fn(|cx| {
        answers.retain_mut(|answer| match Pin::new(answer).poll(cx) {
            Poll::Ready(answer) => {
                sum += answer.unwrap_or(0);
                false
            }
            Poll::Pending => true,
        });
        if answers.is_empty() { Poll::Ready(sum) } else { Poll::Pending }
    })
    .await
}

/// The fix: whoever answers wakes the task that waits for it.
async fn join_each(answers: Vec<oneshot::Receiver<u64>>) -> u64 {
    let mut children = JoinSet::new();
    for answer in answers {
        children.spawn(async move { answer.await.unwrap_or(0) });
    }
    let mut sum = 0;
    while let Some(child) = children.join_next().await {
        sum += child.unwrap_or(0);
    }
    sum
}
