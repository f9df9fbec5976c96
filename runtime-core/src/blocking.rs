//! Declared blocking sections: Go's `entersyscall` and `exitsyscall`.
//!
//! [`blocking`] runs a closure that may block the thread. Going in is a store, coming out an exchange, about 9 ns
//! together; the processor stays with the thread unless sysmon sees the section last while somebody could use it.
//! Meanwhile its run queue and timers can be stolen from as always, and its next slot too.
//!
//! | | gives up its processor? | others can take its work? |
//! | --- | --- | --- |
//! | [`blocking`] | if it lasts (about 1 ms), to sysmon | yes, all of it, at once |
//! | `spawn_blocking` | never had one | |
//! | a locked task between polls | yes | yes |
//!
//! Inside a section the thread owns no processor: what it wakes or spawns goes to the global queue. Coming back without
//! its processor it takes any idle one, else it ends the poll that it is in without one: a half-polled future, unlike a
//! goroutine, cannot be put back.
//!
//! Model: `syscall_exit_vs_retake`, `wakes_inside_blocking_section_reach_a_queue` in `loom-tests/tests/ownership.rs`.

use crate::context;
use crate::coop;
use crate::owed::Then;
use crate::probes;
use crate::processor::Processor;
use crate::scheduler::Scheduler;
use crate::status::{Exit, Seen};
use crate::sync::broken;
use std::ptr;

/// Runs `f`, which may block this thread, so that the rest of the runtime does not wait for it.
///
/// Outside a task, inside another section, or on a current-thread runtime, which has nobody else to run its tasks, this
/// just runs `f`. It costs about 9 ns when `f` is short; see the module's essay for what happens when it is not. The
/// cooperative budget does not apply inside.
///
/// ```
/// let n = gumption_core::blocking(|| std::fs::read("/proc/self/stat").map(|bytes| bytes.len()));
/// assert!(n.unwrap() > 0);
/// ```
#[inline]
pub fn blocking<R>(f: impl FnOnce() -> R) -> R {
    let section = Section::enter();
    // Inside, whatever drives futures is not the scheduler: it would not know what to do with a forced yield.
    let result = coop::with_unconstrained(f);
    drop(section);
    result
}

/// A section in progress; leaving it is its drop, so that a panic leaves it too.
struct Section {
    entered: Option<(*const Scheduler, *const Processor, Seen)>,
    _may_block: context::Driving,
}

impl Section {
    #[inline]
    fn enter() -> Self {
        let entered = context::owner(|owner| {
            let (scheduler, p) = owner?;
            if !scheduler.may_start_machines() {
                return None;
            }
            p.counters.blocking_sections.inc();
            probes::blocking_enter(|| [p.id as u64]);
            if !broken("owner-debt-kept-by-section") {
                scheduler.settle(p, Then::GoesOn);
            }
            // The context first: once the word says so the processor may be anybody's.
            context::disown();
            Some((ptr::from_ref(scheduler), ptr::from_ref(p.processor()), p.status.enter_blocking()))
        });
        Self { entered, _may_block: context::set_driving(false) }
    }
}

impl Drop for Section {
    #[inline]
    fn drop(&mut self) {
        let Some((scheduler, processor, seen)) = self.entered else { return };
        // SAFETY: a machine's scheduler, and the processors in it, outlive the machine's thread.
        let (scheduler, processor) = unsafe { (&*scheduler, &*processor) };
        let exit = processor.status.exit_blocking(seen);
        match exit {
            Exit::Kept => {
                context::own(scheduler, processor);
            }
            Exit::Lost => regain(scheduler, processor),
        }
        probes::blocking_exit(|| [processor.id as u64, u64::from(exit == Exit::Kept)]);
    }
}

/// Sysmon has taken the processor: takes an idle one, its own first, or goes on without.
#[cold]
fn regain(scheduler: &Scheduler, lost: &Processor) {
    context::machine(|machine| {
        let Some((_, machine)) = machine else { return };
        machine.set_processor(None);
        if let Some(p) = scheduler.idle.take_processor(Some(lost.id)) {
            scheduler.take_over(&scheduler.processors[p], machine);
        }
    });
}
