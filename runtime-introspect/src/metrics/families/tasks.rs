//! Metrics of tasks: how many, where from, what they do, how they end, how they are woken and polled.
//!
//! States come from counters and queues' lengths and need no walk. What needs one (by site, by wait) is left out of a scrape
//! when there are too many tasks, and `gumption_tasks_walked` says so.

use crate::metrics::family::{Family, Kind, counter, gauge, histogram, rows};

pub(super) const FAMILIES: &[Family] = &[
    rows(
        Kind::Gauge,
        "gumption_tasks",
        "tasks",
        &["state"],
        "Live tasks by what they do; `blocked` is in a declared blocking section, `waiting` is what is none of the others.",
        |view, row| view.states().iter().for_each(|(state, count)| row(&[state], *count)),
    )
    .go("/sched/goroutines:goroutines, /sched/goroutines/{runnable,running,not-in-go,waiting}:goroutines")
    .tokio("live_tasks_count"),
    rows(
        Kind::Gauge,
        "gumption_tasks_by_site",
        "tasks",
        &["site"],
        "Live tasks by where they were spawned: the largest groups, and all others as `other`. Absent if there are too many to walk.",
        |view, row| {
            if let Some(tasks) = &view.tasks {
                tasks.sites.iter().for_each(|(site, count)| row(&[site], *count));
                row(&["other"], tasks.other_sites);
            }
        },
    ),
    rows(
        Kind::Gauge,
        "gumption_tasks_waiting",
        "tasks",
        &["reason"],
        "Idle tasks by what they said they wait for. Absent if there are too many to walk.",
        |view, row| {
            if let Some(tasks) = &view.tasks {
                tasks.waits.iter().for_each(|(reason, count)| row(&[reason], *count));
            }
        },
    ),
    gauge(
        "gumption_tasks_walked",
        "boolean",
        "Whether this scrape walked the tasks, and so has rows by site and by wait.",
        |view| Some(u64::from(view.tasks.is_some())),
    ),
    rows(
        Kind::Counter,
        "gumption_tasks_spawned",
        "tasks",
        &["origin"],
        "Tasks spawned by a thread that holds a processor (`local`), or by one that holds none (`remote`).",
        |view, row| {
            let counters = &view.stats.totals.counters;
            row(&["local"], counters.spawned_local);
            row(&["remote"], counters.spawned_remote);
        },
    )
    .go("/sched/goroutines-created:goroutines")
    .tokio("TaskMetrics::instrumented_count"),
    rows(
        Kind::Counter,
        "gumption_tasks_finished",
        "tasks",
        &["outcome"],
        "Tasks that are over: returned, panicked, or were aborted (shutdown included).",
        |view, row| {
            let counters = &view.stats.totals.counters;
            row(&["returned"], counters.completed);
            row(&["panicked"], counters.panicked);
            row(&["aborted"], counters.aborted);
        },
    )
    .tokio("TaskMetrics::dropped_count"),
    rows(
        Kind::Counter,
        "gumption_wakes",
        "wakes",
        &["kind"],
        "Wakes by who woke: a thread with a processor (`local`), one without (`remote`), the task while it ran (`self`), the runtime at \
         shutdown and for dumps (`runtime`); and those of a task that was runnable already (`duplicate`).",
        |view, row| {
            let counters = &view.stats.totals.counters;
            row(&["local"], counters.wakes_local);
            row(&["remote"], counters.wakes_remote);
            row(&["self"], counters.wakes_self);
            row(&["runtime"], counters.claims);
            row(&["duplicate"], counters.wakes_duplicate);
        },
    )
    .tokio("total_local_schedule_count, num_remote_schedules (with spawns)"),
    counter("gumption_polls", "polls", "Runs of a task: its future polled once, or found aborted and dropped.", |c| c.polls)
        .tokio("total_polls_count"),
    histogram(
        "gumption_poll_seconds",
        "How long polls lasted; one run in eight is timed, so the count is of samples.",
        |stats| stats.poll_time(),
    )
    .tokio("poll_time_histogram, mean_poll_duration"),
    counter(
        "gumption_busy_seconds",
        "seconds",
        "Time in polls, estimated: each timed poll stands for those since the one before it.",
        |c| c.busy_ns,
    )
    .go("/cpu/classes/user:cpu-seconds")
    .tokio("total_busy_duration (which counts searching, too)"),
    counter(
        "gumption_polls_over_slice",
        "polls",
        "Timed polls (one in eight) that lasted longer than the slice.",
        |c| c.slices_over,
    )
    .tokio("TaskMetrics::total_long_delay_count (of delays)"),
    counter(
        "gumption_long_polls",
        "polls",
        "Polls that sysmon saw last longer than the slice, and recorded with task and site.",
        |c| c.long_polls,
    ),
    counter(
        "gumption_budget_yields",
        "polls",
        "Polls that a leaf ended because the cooperative budget was used up.",
        |c| c.budget_yields,
    )
    .tokio("budget_forced_yield_count"),
    counter(
        "gumption_preempt_requests",
        "requests",
        "Times sysmon asked the running task to yield at its next budget check.",
        |c| c.preempt_requests,
    ),
    counter(
        "gumption_leaf_polls",
        "polls",
        "Polls of the runtime's own primitives (channels, locks, sleeps, sockets) inside tasks.",
        |c| c.leaf_polls,
    ),
    counter("gumption_leaf_ready", "polls", "Those polls of primitives that made progress.", |c| c.leaf_ready),
    counter(
        "gumption_runs_cancelled",
        "runs",
        "Rights to run that were given up without a run, at shutdown.",
        |c| c.cancelled_runs,
    ),
];
