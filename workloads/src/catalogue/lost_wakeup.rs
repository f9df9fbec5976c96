//! `lost-wakeup`: a bell with one rope, and two who wait to be called.
//!
//! **The story.** A session is over when its `Closed` says so, and tasks wait for that. Whoever wrote `Closed` gave it a place for a
//! waker, as one does: a task that waits puts its waker there, and `set` wakes it. It had one user, and worked. Then each
//! session got a heartbeat beside its reader, and both wait. The second waker takes the place of the first, which is dropped. When
//! the session is closed, one of them is woken. The other one has no waker anywhere: nothing in the world can make it run.
//!
//! ```text
//!   reader      poll ── waker ──▶ [ place ] ── taken by ──╮        its waker: dropped
//!   heartbeat   poll ── waker ─────────────────────▶ [ place ]
//!   set()                                            wake the one that is there
//! ```
//!
//! It is the kindest of its family. Others lose the wake in a race (it comes between the look at the flag and the waker's being left)
//! or give it to somebody who has gone.
//!
//! **What to look at.** `without.a.waker.before/without.a.waker` and `without.a.handle/without.a.waker`: tasks that wait, of which no
//! waker is left, and to which nobody has a handle. A task's wakers are counted, apart from everything else that refers to it; so this
//! is a proof, of each of them, at once, and needs no second look but for the sake of those who wait for nothing on purpose.
//!
//! **Why the fix works.** `Closed` has a place for each who waits, and wakes all of them. (So has `gumption::sync::Notify`, with
//! less code.)
//!
//! There is no cure in the scheduler: a wake that nobody sends cannot be delivered.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::time::sleep;

use crate::proof::Proof;
use crate::support::{Outstanding, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct LostWakeup;

/// Whether a session is over: the broken primitive, and the sound one.
#[derive(Default)]
struct Closed {
    one_place: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    waits: Vec<Waker>,
}

impl Closed {
    fn set(&self) {
        let waits = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.closed = true;
            std::mem::take(&mut state.waits)
        };
        waits.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Poll::Ready(());
        }
        if self.one_place {
            // The mistake: whoever was here before is not told, ever.
            state.waits.clear();
        }
        state.waits.retain(|waker| !waker.will_wake(cx.waker()));
        state.waits.push(cx.waker().clone());
        Poll::Pending
    }

    async fn wait(&self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

impl Workload for LostWakeup {
    fn id(&self) -> &'static str {
        "lost-wakeup"
    }
    fn family(&self) -> &'static str {
        "leak"
    }
    fn mechanism(&self) -> &'static str {
        "a hand-made primitive has a place for one waker, and two tasks wait there: the first is forgotten"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the primitive keeps a waker for each who waits")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "sessions", default: 250, min: 100, max: 5_000, help: "sessions a second for each P" },
            Knob { name: "life_ms", default: 4, min: 1, max: 50, help: "how long a session lives, in ms" },
        ]
    }
    fn length(&self) -> Duration {
        Duration::from_millis(1_600)
    }
    fn proof(&self) -> Proof {
        Proof::Tasks
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let period = Duration::from_secs(1) / (run.plan.knob("sessions") * run.plan.processors as u64) as u32;
        let life = Duration::from_millis(run.plan.knob("life_ms"));
        let fixed = run.plan.fixed();
        let (sessions, waiting) = (Outstanding::default(), Outstanding::default());
        let came = pace(run.until, period, |_| {
            let closed = Arc::new(Closed { one_place: !fixed, ..Closed::default() });
            for _reader_and_heartbeat in 0..2 {
                let (closed, guard) = (Arc::clone(&closed), waiting.begin());
                drop(run.handle.spawn(async move {
                    closed.wait().await;
                    drop(guard);
                }));
            }
            let guard = sessions.begin();
            drop(run.handle.spawn(async move {
                sleep(life).await;
                closed.set();
                drop(guard);
            }));
        });
        sessions.wait();
        // Whoever was woken comes to his end; the others go with the runtime.
        if fixed {
            waiting.wait();
        } else {
            // One of each session, but where both came too late to wait at all.
            run.prove_tasks(|| waiting.count());
        }
        vec![format!("{came} sessions came and went; {} tasks were left at the end", waiting.count())]
    }
}
