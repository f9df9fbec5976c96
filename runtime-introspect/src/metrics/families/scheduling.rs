//! Metrics of the scheduler at work: latency, processors, machines, searching, stealing, sleeping, the watchdog.

use gumption_core::stats::{MachineState, ProcessorState};

use crate::metrics::bounds::PROCESSOR_ROWS;
use crate::metrics::family::{Family, Kind, counter, gauge, histogram, rows, total};

pub(super) const FAMILIES: &[Family] = &[
    histogram(
        "gumption_sched_latency_seconds",
        "From when a task became runnable until it ran; one run in eight is timed, so the count is of samples.",
        |stats| stats.sched_delay(),
    )
    .go("/sched/latencies:seconds")
    .tokio("TaskMetrics::mean_scheduled_duration"),
    gauge("gumption_processors_limit", "processors", "Processors (P) that run tasks at most, spares apart.", |view| {
        Some(view.stats.config.processors as u64)
    })
    .go("/sched/gomaxprocs:threads")
    .tokio("workers_count"),
    rows(
        Kind::Gauge,
        "gumption_processors",
        "processors",
        &["state"],
        "Processors (P) by what they do; `spare` stands in for one that is stuck in a poll, `dead` is a spare that is not needed.",
        |view, row| {
            for &state in ProcessorState::ALL {
                let count = view.stats.processors.iter().filter(|each| each.state == state).count();
                row(&[state.name()], count as u64);
            }
        },
    ),
    rows(
        Kind::Gauge,
        "gumption_current_poll_seconds",
        "seconds",
        &["processor"],
        "How long the poll in progress had lasted when sysmon last looked; 0 between polls and for one that it has not seen twice. \
         The row `other` has the longest.",
        |view, row| {
            let all = &view.stats.processors;
            let (shown, others) = all.split_at(all.len().min(PROCESSOR_ROWS));
            for each in shown {
                row(&[&each.id.to_string()], each.current_poll_ns.unwrap_or(0));
            }
            if !others.is_empty() {
                row(&["other"], others.iter().filter_map(|each| each.current_poll_ns).max().unwrap_or(0));
            }
        },
    ),
    rows(
        Kind::Gauge,
        "gumption_machines",
        "threads",
        &["state"],
        "Machines (M), which are threads, by what they do; those of the blocking pool are among them.",
        |view, row| {
            let counts = &view.stats.totals.machines_by_state;
            for &state in MachineState::ALL {
                row(&[state.name()], counts.get(state) as u64);
            }
        },
    )
    .go("/sched/threads/total:threads"),
    gauge("gumption_machines_limit", "threads", "Machines that there may be, the blocking pool's apart.", |view| {
        Some(view.stats.config.max_machines as u64)
    }),
    total(
        "gumption_machine_limit_hits",
        "events",
        "Times that one more machine was wanted and the limit forbade it.",
        |view| Some(view.stats.totals.machine_limit_hits),
    ),
    counter(
        "gumption_ticks",
        "rounds",
        "Rounds of the scheduling loop that took a task other than from the next slot (Go's schedtick).",
        |c| c.ticks,
    ),
    counter(
        "gumption_steal_attempts",
        "attempts",
        "Other processors' queues looked into for work, and not passed over for a hint.",
        |c| c.steal_attempts,
    ),
    counter("gumption_steals", "operations", "Attempts that took at least one task from a run queue.", |c| {
        c.steal_hits
    })
    .tokio("total_steal_operations"),
    counter("gumption_stolen_tasks", "tasks", "Tasks taken out of other processors' run queues.", |c| c.tasks_stolen)
        .tokio("total_steal_count"),
    counter("gumption_sweeps", "rounds", "Rounds over all other processors in search of work.", |c| c.sweeps),
    counter(
        "gumption_spins",
        "events",
        "Times a machine that held the processor began to search for work (spinning).",
        |c| c.spins,
    ),
    counter("gumption_spin_seconds", "seconds", "Time spent searching, whether it found work or not.", |c| c.spin_ns)
        .go("/cpu/classes/idle:cpu-seconds (a part of it)"),
    counter("gumption_parks", "events", "Times a machine gave the processor up and went to sleep.", |c| c.parks)
        .tokio("total_park_count"),
    counter("gumption_unparks", "events", "Sleeping machines woken by the machine of the processor.", |c| c.unparks),
    counter(
        "gumption_unparks_noop",
        "events",
        "Machines that were woken, took the processor, and found nothing to run.",
        |c| c.unparks_vain,
    )
    .tokio("total_noop_count"),
    counter(
        "gumption_reclaims",
        "events",
        "Times a machine took itself off the list of sleepers because work, events or timers came.",
        |c| c.reclaims,
    ),
    counter(
        "gumption_retakes",
        "events",
        "Times sysmon took the processor from a machine in a blocking section.",
        |c| c.retakes,
    ),
    counter("gumption_hand_offs", "events", "Times a machine gave the processor to another before it blocked.", |c| {
        c.hand_offs
    }),
    counter(
        "gumption_spare_starts",
        "events",
        "Times a spare processor was started because this one was stuck in a poll.",
        |c| c.spare_starts,
    ),
    gauge(
        "gumption_sysmon_asleep",
        "boolean",
        "Whether the watchdog sleeps until it is woken, because all is idle.",
        |view| Some(u64::from(view.stats.totals.sysmon_asleep)),
    ),
];
