//! Metrics of what a runtime waits for beyond its tasks: timers, the driver, blocking, the resources that tasks share.

use crate::metrics::bounds::ERRNOS;
use crate::metrics::family::{Family, Kind, counter, each, gauge, histogram, process, rows, total};
use crate::metrics::process;

pub(super) const FAMILIES: &[Family] = &[
    each(
        "gumption_timers",
        "timers",
        "Timers in the processor's heap, cancelled ones that are not cleaned out yet among them.",
        |p| p.timers_len as u64,
    ),
    counter("gumption_timers_armed", "timers", "Timers set.", |c| c.timers_armed),
    counter("gumption_timers_fired", "timers", "Timers that came due and woke their task.", |c| c.timers_fired),
    counter("gumption_timers_cancelled", "timers", "Timers dropped or reset before they fired.", |c| {
        c.timers_cancelled
    }),
    histogram(
        "gumption_timer_lateness_seconds",
        "How late timers fired, by the clock that the fire went by, which may be half a millisecond behind. All are timed.",
        |stats| stats.timer_lateness(),
    ),
    gauge("gumption_io_sources", "sources", "Sockets and pipes that are registered with the driver.", |view| {
        Some(view.stats.driver.sources)
    }),
    total("gumption_io_sources_registered", "sources", "Sources registered since the start.", |view| {
        Some(view.stats.driver.registered)
    }),
    counter("gumption_io_turns", "turns", "Times the driver was asked for events, sleeping or not.", |c| {
        c.driver_turns
    }),
    counter("gumption_io_events", "events", "Events that the driver brought.", |c| c.io_events)
        .tokio("io_driver_ready_count"),
    counter("gumption_io_events_useful", "events", "Events that woke a task.", |c| c.io_useful),
    total(
        "gumption_io_events_stale",
        "events",
        "Events for a source that had gone when they were looked at.",
        |view| Some(view.stats.driver.stale_events),
    ),
    counter("gumption_io_turn_errors", "turns", "Turns of the driver that ended with an error.", |c| c.driver_errors),
    rows(
        Kind::Counter,
        "gumption_io_errors",
        "errors",
        &["errno"],
        "Errors of system calls on sources, by the system's number; those that sockets have, and all others as `other`.",
        |view, row| {
            let mut others = 0;
            for error in view.stats.driver.errors.iter().filter(|error| error.count > 0) {
                if ERRNOS.contains(&error.errno) {
                    row(&[&error.errno.to_string()], error.count);
                } else {
                    others += error.count;
                }
            }
            if others > 0 {
                row(&["other"], others);
            }
        },
    ),
    histogram(
        "gumption_io_turn_gap_seconds",
        "From the end of one turn of the driver to the beginning of the next.",
        |stats| stats.driver.turn_gap.clone(),
    ),
    gauge(
        "gumption_io_unwatched_seconds",
        "seconds",
        "Time since the last turn of the driver ended; 0 while somebody is in one.",
        |view| Some(view.stats.driver.idle_ns.unwrap_or(0)),
    ),
    counter("gumption_blocking_sections", "sections", "Declared blocking sections entered.", |c| c.blocking_sections)
        .go("/cgo/go-to-c-calls:calls (the nearest)"),
    counter(
        "gumption_processorless_polls",
        "polls",
        "Polls that ended without a processor, because a blocking section came back and found none.",
        |c| c.pless_polls,
    ),
    gauge("gumption_blocking_threads", "threads", "Threads that serve `spawn_blocking`, idle ones included.", |view| {
        Some(view.stats.totals.blocking_pool.threads as u64)
    })
    .tokio("blocking_threads_count"),
    gauge("gumption_blocking_threads_idle", "threads", "Those of them that wait for a closure.", |view| {
        Some(view.stats.totals.blocking_pool.idle as u64)
    })
    .tokio("idle_blocking_threads_count"),
    gauge("gumption_blocking_running", "closures", "Closures of `spawn_blocking` that run.", |view| {
        Some(view.stats.totals.blocking_pool.running as u64)
    }),
    gauge("gumption_blocking_queue_depth", "closures", "Closures that wait for a thread.", |view| {
        Some(view.stats.totals.blocking_pool.queued as u64)
    })
    .tokio("blocking_queue_depth"),
    total("gumption_blocking_submitted", "closures", "Closures given to the pool.", |view| {
        Some(view.stats.totals.blocking_pool.submitted)
    }),
    total(
        "gumption_blocking_completed",
        "closures",
        "Closures that are over: returned, panicked, or dropped unrun.",
        |view| Some(view.stats.totals.blocking_pool.completed),
    ),
    process(
        Kind::Gauge,
        "gumption_resources",
        "resources",
        &["kind"],
        "Locks, channels and the like that exist and that a task has waited for. They belong to no runtime.",
        process::resources,
    ),
    process(
        Kind::Gauge,
        "gumption_resource_waiters",
        "tasks",
        &["kind"],
        "Tasks that wait for one of them now.",
        process::waiters,
    ),
    process(
        Kind::Counter,
        "gumption_resource_waits",
        "waits",
        &["kind"],
        "Waits for them that are over, those for resources that are gone included. Locks, semaphores and channels with room count.",
        process::waits,
    ),
    process(
        Kind::Counter,
        "gumption_resource_wait_seconds",
        "seconds",
        &["kind"],
        "Time that tasks waited in those, by a clock with steps of up to half a millisecond.",
        process::wait_time,
    )
    .go("/sync/mutex/wait/total:seconds"),
];
