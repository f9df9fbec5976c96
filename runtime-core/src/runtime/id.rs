//! What tells one runtime from another: [`Id`], and the index of a processor in its runtime, [`worker_index`].
//!
//! Numbers are dealt in order and never used twice in a process, so they may be kept longer than the runtime; tokio promises
//! less (an id may return when its runtime has gone), and who relies on that is right here, too. Nothing is looked up by
//! them.

use crate::context;
use crate::machine::Machine;
use crate::scheduler::Scheduler;
use crate::sync::{Ordering, StaticU64};
use crate::task;
use std::fmt;
use std::num::NonZeroU64;

/// The number of a runtime, unique in the process for all time.
///
/// ```
/// use gumption_core::runtime::{Handle, Runtime};
///
/// let runtime: Runtime = Runtime::new()?;
/// let inside = runtime.block_on(async { Handle::current().id() });
/// assert_eq!(inside, runtime.handle().id());
/// println!("runtime {inside}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Id(NonZeroU64);

impl Id {
    /// A number that no runtime has had.
    pub(crate) fn next() -> Self {
        static NEXT: StaticU64 = StaticU64::new(1);
        // Ordering: Relaxed; the numbers order nothing.
        match NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)) {
            Some(number) => Self(number),
            None => unreachable!("2^64 runtimes"),
        }
    }

    /// The number itself.
    #[doc(hidden)]
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The index of the processor that this thread runs tasks on: what [`RuntimeMetrics`](super::RuntimeMetrics) calls a worker.
///
/// `None` outside the tasks of a runtime, also inside `block_on` of a multi-thread runtime, inside `spawn_blocking`, and
/// inside a blocking section ([`blocking`](crate::blocking), `block_in_place`), where the processor may be another thread's
/// already. On a current-thread runtime it is `Some(0)` in tasks and in the future of one `block_on`, which stays the same for
/// as long as it lasts, also while another one runs tasks in its place.
///
/// A task may be elsewhere after each `await`. The index is at least
/// [`num_workers`](super::RuntimeMetrics::num_workers) on a spare processor, which stands in for one that is stuck.
///
/// ```
/// use gumption_core::runtime::{Runtime, worker_index};
///
/// let runtime: Runtime = Runtime::new()?;
/// assert_eq!(runtime.block_on(async { worker_index() }), None);
/// let inside = runtime.block_on(async { gumption_core::spawn(async { worker_index() }).await.unwrap() });
/// assert!(inside.is_some());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn worker_index() -> Option<usize> {
    let in_task = task::with_task(|_| ()).is_some();
    context::machine(|machine| {
        let (scheduler, machine) = machine?;
        let index = context::owned(scheduler)?.id;
        (in_task || scheduler.may_start_machines() || scheduler.is_senior(machine)).then_some(index)
    })
}

/// No `block_on` has an index.
pub(crate) const NOBODY: usize = usize::MAX;

impl Scheduler {
    /// Whether this machine, that of a `block_on`, is the one of its runtime that has an index; if none has, it is from here on.
    pub(crate) fn is_senior(&self, machine: &Machine) -> bool {
        // Ordering: Relaxed; it elects one and orders nothing.
        match self.senior.compare_exchange(NOBODY, machine.id, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => true,
            Err(senior) => senior == machine.id,
        }
    }

    /// The machine of a `block_on` is about to go.
    pub(crate) fn resign(&self, machine: &Machine) {
        // Ordering: Relaxed, as above. Before the machine's number is another's.
        let _was_not = self.senior.compare_exchange(machine.id, NOBODY, Ordering::Relaxed, Ordering::Relaxed);
    }
}
