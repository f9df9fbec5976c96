//! `locked-thread`: a conversation across two thread switches.
//!
//! **The story.** A library keeps its context in thread-local state (OpenGL, Tcl, COM), so its owner locks the task that
//! uses it to a thread: `lock_os_thread()` at its top, and then a loop that answers questions. It works. It is also the only
//! task in the program that cannot be run by whoever has a P at hand: its M runs nothing else, and sleeps between two
//! questions. Each question now wakes a thread, gives it a P, and puts the asker's own thread to sleep; each answer does it
//! all again.
//!
//! ```text
//!  client     ask ─┐                        ┌─▶ ask ─┐
//!  M0 (P0)         └─ P0 to M3, sleep       │        └─ P0 to M3, sleep
//!  M3 (locked)        wake, answer, P0 to M0┘           wake, answer, P0 to M0
//!             ╰─ some 10 us, of which the answer took one ─╯
//! ```
//!
//! **What to look at.** `hand_offs.locked/polls`: every second poll in the whole program changes the P's thread.
//! `hand_offs.locked/tick`: and does so all the time. A task that is locked and wakes sixty times a second, as a window's
//! does, has the first and not the second, and hurts nobody.
//!
//! **Why the fix works.** The lock is held around the call that needs the thread, with no await inside. A poll is on one
//! thread from beginning to end anyway, so such a lock costs an entry in a table. Where the state must outlive the poll,
//! hand the locked task a whole batch of questions at a time.
//!
//! There is no cure in the scheduler: that thread, and no other, is what was asked for. That the P is passed together with
//! the task makes it two switches and not four.

use std::time::{Duration, Instant};

use gumption::lock_os_thread;
use gumption::runtime::Builder;

use crate::support::{Lateness, Mailbox, Outstanding, Requests, compute};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct LockedThread;

impl Workload for LockedThread {
    fn id(&self) -> &'static str {
        "locked-thread"
    }
    fn family(&self) -> &'static str {
        "blocking"
    }
    fn mechanism(&self) -> &'static str {
        "a task that is locked to its thread is talked to all the time: each wake is a change of threads"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the lock is held only around the call that needs the thread, and across no await")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[Knob {
            name: "call_us",
            default: 1,
            min: 0,
            max: 100,
            help: "length of the call that needs the thread in us",
        }]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let call = Duration::from_micros(run.plan.knob("call_us"));
        let (fixed, until) = (run.plan.fixed(), run.until);
        let (questions, answers) = (Mailbox::default(), Mailbox::default());
        let (talking, waits) = (Outstanding::default(), Lateness::default());

        let (asked, answer, guard) = (questions.clone(), answers.clone(), talking.begin());
        drop(run.handle.spawn(async move {
            let _thread = (!fixed).then(lock_os_thread);
            while let Some(question) = asked.take().await {
                let thread = fixed.then(lock_os_thread);
                compute(call);
                drop(thread);
                answer.put(Some(question + 1));
            }
            drop(guard);
        }));

        let (seen, guard) = (waits.clone(), talking.begin());
        drop(run.handle.spawn(async move {
            let mut question = 0u64;
            while !until.over() {
                let asked = Instant::now();
                questions.put(Some(question));
                question = answers.take().await.unwrap_or_default();
                seen.record(asked.elapsed());
            }
            questions.put(None);
            drop(guard);
        }));

        let requests = Requests::default();
        requests.offer(run, Duration::from_millis(2), Duration::from_micros(20));
        talking.wait();
        let summary = waits.summary();
        vec![format!("{} questions; the answer took {summary}", summary.count), requests.told()]
    }
}
