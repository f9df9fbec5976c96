//! Metrics of the places where runnable tasks wait: run queues, next slots, the global queue.

use crate::metrics::family::{Family, counter, each, gauge};

pub(super) const FAMILIES: &[Family] = &[
    each("gumption_queue_depth", "tasks", "Tasks in the processor's run queue, the next slot apart.", |p| {
        p.queue_len as u64
    })
    .tokio("total_local_queue_depth"),
    each("gumption_next_slot_full", "boolean", "Whether the processor's next slot holds a task.", |p| {
        u64::from(p.next_slot)
    }),
    gauge("gumption_global_queue_depth", "tasks", "Tasks in the global queue.", |view| {
        Some(view.stats.totals.global_queue_len as u64)
    })
    .tokio("global_queue_depth"),
    counter("gumption_queue_pushes", "tasks", "Tasks put into the processor's run queue, from wherever.", |c| {
        c.queue_pushes
    }),
    counter("gumption_queue_pops", "tasks", "Tasks that the owner took out of its run queue, overflow apart.", |c| {
        c.queue_pops
    }),
    counter(
        "gumption_overflows",
        "events",
        "Times the run queue was full and its oldest half went to the global queue.",
        |c| c.overflows,
    ),
    counter("gumption_overflow_tasks", "tasks", "Tasks that overflow took out of the run queue.", |c| c.overflow_tasks)
        .tokio("total_overflow_count"),
    counter("gumption_global_queue_pushes", "tasks", "Tasks put into the global queue.", |c| c.global_pushes),
    counter(
        "gumption_global_queue_pops",
        "tasks",
        "Tasks taken out of the global queue, to be run or for a run queue.",
        |c| c.global_pops,
    ),
    counter("gumption_next_slot_puts", "tasks", "Tasks put into the next slot.", |c| c.next_put),
    counter("gumption_next_slot_takes", "tasks", "Tasks that the owner took from the next slot to run.", |c| {
        c.next_take
    }),
    counter(
        "gumption_next_slot_kicks",
        "tasks",
        "Tasks that left the next slot for a queue: a newer one came, the cap was reached, or the processor was handed off.",
        |c| c.next_kicked,
    ),
    counter(
        "gumption_next_slot_caps",
        "events",
        "Times the cap on runs in a row from the next slot sent its task to the queue's tail.",
        |c| c.next_capped,
    ),
    counter(
        "gumption_next_slot_steals",
        "tasks",
        "Tasks that this processor took from another one's next slot.",
        |c| c.next_stolen,
    ),
];
