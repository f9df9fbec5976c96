//! Metrics of the runtime as a whole, of its health, and of the process that it is in.

use crate::health;
use crate::metrics::family::{Family, Kind, gauge, process, rows};
use crate::metrics::process;

pub(super) const FAMILIES: &[Family] = &[
    process(
        Kind::Info,
        "gumption_build",
        "none",
        &["version", "counters", "profile"],
        "What was built: Gumption's version, whether it counts (feature `stats`), and with or without debug assertions.",
        process::build,
    ),
    process(
        Kind::Gauge,
        "gumption_process_start_time_seconds",
        "seconds",
        &[],
        "When the process started, since 1970. Absent where the system does not tell.",
        process::started,
    ),
    process(
        Kind::Gauge,
        "gumption_runtimes",
        "runtimes",
        &[],
        "Runtimes of the process, those not shown included.",
        process::runtimes,
    ),
    process(
        Kind::Counter,
        "gumption_introspect_seconds",
        "seconds",
        &["part"],
        "CPU time of who looked: for dumps, captured stacks, leaks, diagnosis, health, profiles, and requests to the debug server.",
        process::introspection,
    ),
    rows(
        Kind::Info,
        "gumption_runtime",
        "none",
        &["id", "flavor", "steal_policy"],
        "What a runtime is: its number, which threads run tasks, how thieves share.",
        |view, row| {
            let config = &view.stats.config;
            let flavor = if config.current_thread { "current_thread" } else { "multi_thread" };
            row(&[&view.id, flavor, config.steal_policy], 1);
        },
    ),
    gauge("gumption_runtime_uptime_seconds", "seconds", "Time since the runtime was built.", |view| {
        Some(view.stats.uptime_ns)
    })
    .tokio("elapsed (of an interval)"),
    gauge("gumption_slice_seconds", "seconds", "How long a poll may last before it counts as long.", |view| {
        Some(view.stats.config.slice_ns)
    }),
    gauge(
        "gumption_health",
        "points",
        "Health from 0 to 100: 100 less the worst penalty. Absent if nobody looks at it.",
        |view| view.health.as_ref().map(|health| u64::from(health.score)),
    ),
    rows(
        Kind::Gauge,
        "gumption_health_penalty",
        "points",
        &["reason"],
        "What each reason takes from the health, from 0 to 100; they are not added up.",
        |view, row| {
            if let Some(health) = &view.health {
                health::REASONS.iter().for_each(|reason| row(&[reason], health.penalty(reason)));
            }
        },
    ),
    gauge(
        "gumption_leaks_proven",
        "tasks",
        "Tasks that are proven never to run again: idle, and nothing is left that could wake them.",
        |view| view.findings.as_ref().map(|found| found.proven_leaks),
    ),
    gauge(
        "gumption_leaks_suspected",
        "tasks",
        "Tasks that are suspected by age and trend; never one that is proven.",
        |view| view.findings.as_ref().map(|found| found.suspected_leaks),
    ),
    gauge("gumption_deadlock_cycles", "cycles", "Cycles of tasks that wait for one another, by exact waits.", |view| {
        view.findings.as_ref().map(|found| found.deadlock_cycles)
    }),
];
