//! `lock-across-await`: a lock of threads in the hands of a task.
//!
//! **The story.** A cache is behind a lock, the kind that blocks the thread. A task finds that its entry is old, and asks for a new one:
//! it awaits the answer, with the guard in its hand. Others want the cache meanwhile. Each blocks its thread, and with it its P. Then the
//! answer is there. The task is woken, it can run, it would let the lock go at once; but every P is at the lock. The compiler forbids
//! this with the standard library's guard, which is not `Send`. It does not with other locks, in local sets, and behind `unsafe`.
//!
//! ```text
//!   P0   ▐ lock ✓ ── ask ─▶ (gone)      P1   ▐ lock ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  asleep in the kernel
//!   P0   ▐ lock ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒      P2   ▐ lock ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
//!                                 ▲
//!   queue  [ who has the lock, the neighbours, everybody ]     waits for a P
//! ```
//!
//! **What to look at.** `all.asleep.at.one.futex/tick`: every P is in a poll whose thread sleeps in the kernel, all of them at one address,
//! that of the lock. `jam.stalled/jam`: there is work, and nobody takes it; who has the lock is among it, or somebody would have let them
//! go. That is more than blocking calls: those end by themselves.
//!
//! **What is not seen.** A lock is told by the address at which its waiters sleep: `std`'s, and all that wait at a futex of the lock's
//! own, as condition variables and pthread's locks do. parking_lot's waiters each sleep at an address of their own: that they
//! sleep is seen, and not that it is for one lock, and the verdict is `blocking-in-task`, with the tasks and where they were
//! spawned. Who waits for a spin lock does not sleep at all, and is a `hog`. And with one P there is nobody to compare with.
//!
//! **Why the fix works.** A lock that is kept over an await must be one that can be waited for: its waiters give their P back, and the
//! one who has it finds one. (Better yet: ask without the lock, and take it for the change.)
//!
//! There is no cure in the scheduler. Spare Ps are started for those that are stuck, and the next tasks that they run want the lock, too.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::time::sleep;

use crate::proof::Proof;
use crate::support::{Outstanding, Requests};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct LockAcrossAwait;

/// A lock that blocks the thread, and whose guard may be kept over an await.
#[derive(Clone, Default)]
struct Lock(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Default)]
struct State {
    locked: bool,
    /// The run is over, and nobody waits any more; no real lock does this.
    over: bool,
}

struct Guard(Lock);

impl Lock {
    fn lock(&self) -> Guard {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = |state: &mut State| state.locked && !state.over;
        let mut state = self.0.free.wait_while(state, wait).unwrap_or_else(PoisonError::into_inner);
        state.locked = true;
        Guard(self.clone())
    }

    fn end(&self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        self.0.free.notify_all();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Shared { state, free } = &*self.0.0;
        state.lock().unwrap_or_else(PoisonError::into_inner).locked = false;
        free.notify_one();
    }
}

impl Workload for LockAcrossAwait {
    fn id(&self) -> &'static str {
        "lock-across-await"
    }
    fn family(&self) -> &'static str {
        "deadlock"
    }
    fn mechanism(&self) -> &'static str {
        "a task awaits with a thread's lock in hand; all Ps block at that lock, and the task that has it finds none to run on"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the lock is one that tasks wait for, so that its waiters give their P back")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "tasks", default: 6, min: 4, max: 64, help: "tasks that want the cache, for each P" },
            Knob { name: "ask_ms", default: 5, min: 1, max: 50, help: "how long an answer takes, in ms" },
        ]
    }
    fn min_processors(&self) -> usize {
        2
    }
    fn length(&self) -> Duration {
        Duration::from_millis(1_600)
    }
    fn proof(&self) -> Proof {
        Proof::Impossible("a lock of threads does not say who has it")
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let ask = Duration::from_millis(run.plan.knob("ask_ms"));
        let (fixed, until) = (run.plan.fixed(), run.until);
        let neighbours = Requests::beside(run, Duration::from_micros(500), Duration::from_micros(20));
        let working = Outstanding::default();
        let (cache, waited_for) = (Lock::default(), Arc::new(gumption::sync::Mutex::new(())));
        for _ in 0..run.plan.knob("tasks") * run.plan.processors as u64 {
            let (cache, waited_for, guard) = (cache.clone(), Arc::clone(&waited_for), working.begin());
            drop(run.handle.spawn(async move {
                while !until.over() {
                    if fixed {
                        let entry = waited_for.lock().await;
                        sleep(ask).await;
                        drop(entry);
                    } else {
                        let entry = cache.lock();
                        sleep(ask).await;
                        drop(entry);
                    }
                    sleep(ask).await;
                }
                drop(guard);
            }));
        }
        std::thread::sleep(until.0.saturating_duration_since(std::time::Instant::now()));
        cache.end();
        working.wait();
        vec![neighbours.told()]
    }
}
