//! What each reason is caused by, and only that one; what a well runtime looks like; how the score follows.

use gumption_core::runtime::{Builder, Runtime};
use gumption_core::stats::{ConfigStats, MachineState, MachineStats, ProcessorState, ProcessorStats, SchedulerStats};

use super::thresholds::ROWS;
use super::*;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// A runtime of four processors that was built at `n` seconds, with 10 000 tasks that wait and a service's work in each second.
fn well(n: u64) -> SchedulerStats {
    let mut stats = SchedulerStats {
        uptime_ns: n * SECOND,
        config: ConfigStats {
            processors: 4,
            slice_ns: 10 * MS,
            counters: true,
            sysmon: true,
            ..ConfigStats::default()
        },
        ..SchedulerStats::default()
    };
    for id in 0..4 {
        let mut row = ProcessorStats { id, ..ProcessorStats::default() };
        let counted = &mut row.counters;
        counted.polls = 50_000 * n;
        counted.leaf_polls = 80_000 * n;
        counted.leaf_ready = 50_000 * n;
        counted.spawned_local = 2_500 + 5_000 * n;
        counted.completed = 5_000 * n;
        counted.wakes_self = 1_000 * n;
        counted.unparks = 5_000 * n;
        counted.unparks_vain = 1_000 * n;
        counted.busy_ns = SECOND / 2 * n;
        counted.spin_ns = SECOND / 10 * n;
        counted.timers_fired = 1_000 * n;
        // Polls of 2 µs, delays of 60 µs, timers 250 µs late: the 99th of a hundred is four times that.
        (row.poll_time.buckets[11], row.poll_time.max) = (6_250 * n, 2_000);
        (row.sched_delay.buckets[16], row.sched_delay.buckets[18]) = (6_200 * n, 100 * n);
        row.sched_delay.max = 200_000;
        (row.timer_lateness.buckets[18], row.timer_lateness.buckets[20]) = (980 * n, 20 * n);
        row.timer_lateness.max = MS;
        stats.processors.push(row);
    }
    stats.driver.sources = 5_000;
    stats.totals.tasks_live = 10_000;
    stats.sum_up();
    stats
}

/// A monitor that has seen `windows` windows, each as `change` makes it.
fn watched(windows: u64, change: impl Fn(u64, &mut SchedulerStats, &mut Findings)) -> Monitor {
    let mut monitor = Monitor::default();
    for n in 1..=windows + 1 {
        let (mut stats, mut found) = (well(n), Findings::default());
        change(n, &mut stats, &mut found);
        stats.sum_up();
        monitor.observe(&stats, &found);
    }
    monitor
}

fn names(health: &Health) -> Vec<&str> {
    health.reasons.iter().map(|each| each.reason.as_ref()).collect()
}

/// That `change` brings this reason and no other, and the whole of its weight.
fn brings(reason: &str, change: impl Fn(u64, &mut SchedulerStats, &mut Findings)) {
    let monitor = watched(if reason == "leak-growth" { 70 } else { 5 }, change);
    let health = monitor.health();
    assert_eq!(names(health), [reason], "{health}");
    let row = ROWS.iter().find(|row| row.reason == reason).expect("a reason of the table");
    let weight = (row.range)(&Thresholds::default()).weight;
    assert_eq!(f64::from(health.score), 100.0 - weight, "{health}");
    assert_eq!(health.penalty(reason) as f64, weight);
    let seen = &health.reasons[0];
    assert!(seen.value >= seen.sick && seen.sick > seen.threshold, "{health}");
    assert_eq!(seen.signal, row.signal);
    COVERED.lock().expect("no test fails in there").insert(row.reason);
}

static COVERED: std::sync::Mutex<std::collections::BTreeSet<&str>> =
    std::sync::Mutex::new(std::collections::BTreeSet::new());

#[test]
fn a_service_under_load_is_at_a_hundred() {
    let monitor = watched(10, |_, _, _| {});
    assert_eq!((monitor.health().score, names(monitor.health())), (100, vec![]), "{}", monitor.health());
    assert!(monitor.health().settled && monitor.health().windows == 10);
}

#[test]
fn many_tasks_that_wait_are_no_reason() {
    let monitor = watched(5, |n, stats, _| {
        *stats = SchedulerStats { uptime_ns: n * SECOND, ..at_rest() };
        let counted = &mut stats.processors[1].counters;
        (counted.spawned_local, counted.polls, counted.global_pushes, counted.global_pops) =
            (50_000, 50_000, 50_000, 50_000);
        stats.totals.tasks_live = 50_000;
    });
    assert_eq!(names(monitor.health()), [""; 0], "{}", monitor.health());
}

#[test]
fn a_computation_that_yields_is_no_reason() {
    // Pieces of 200 µs, each ends by a yield; nothing is done at leaves.
    let monitor = watched(5, |n, stats, _| {
        for row in &mut stats.processors {
            (row.counters.polls, row.counters.wakes_self, row.counters.leaf_ready) = (5_000 * n, 5_000 * n, 0);
            row.counters.unparks_vain = 0;
            row.poll_time.buckets = [0; 64];
            (row.poll_time.buckets[18], row.poll_time.max) = (625 * n, 200_000);
        }
    });
    assert_eq!(names(monitor.health()), [""; 0], "{}", monitor.health());
}

/// All in one test, so that it can say that no reason was left out.
#[test]
fn each_reason_has_its_cause_and_no_other() {
    brings("deadlocks", |_, _, found| found.deadlock_cycles = 1);
    brings("proven-leaks", |_, _, found| found.proven_leaks = 20);
    brings("leak-growth", |n, stats, found| {
        // All that is spawned, and looked for each fifteenth window.
        found.suspected_leaks = 20_000 * (n / 15 * 15);
        stats.totals.tasks_live += 20_000 * n;
    });
    brings("unserved", |n, stats, _| {
        *stats = SchedulerStats { uptime_ns: n * SECOND, ..well(1) };
        stats.totals.global_queue_len = 2;
        stats.processors[1].state = ProcessorState::Running;
    });
    brings("stuck-polls", |_, stats, _| {
        for row in &mut stats.processors {
            (row.state, row.current_poll_ns) = (ProcessorState::Running, Some(150 * MS));
        }
    });
    brings("sched-latency", |n, stats, _| {
        for row in &mut stats.processors {
            // Nine in a hundred waited for an eighth of a second.
            (row.sched_delay.buckets[27], row.sched_delay.max) = (600 * n, 120 * MS);
        }
    });
    brings("backlog", |_, stats, _| {
        stats.processors.iter_mut().for_each(|row| row.state = ProcessorState::Running);
        stats.totals.global_queue_len = 250_000;
    });
    brings("blocking-pool", |n, stats, _| {
        let pool = &mut stats.totals.blocking_pool;
        (pool.threads, pool.running, pool.queued, pool.completed) = (512, 512, 1_000, 100 * n);
    });
    brings("timer-lateness", |n, stats, _| {
        for row in &mut stats.processors {
            (row.timer_lateness.buckets[27], row.timer_lateness.max) = (100 * n, 120 * MS);
        }
    });
    brings("io-unwatched", |_, stats, _| stats.driver.idle_ns = Some(150 * MS));
    brings("machine-limit", |n, stats, _| stats.totals.machine_limit_hits = n);
    brings("spinning", |n, stats, _| {
        stats.processors.iter_mut().for_each(|row| row.counters.spin_ns = SECOND * 19 / 20 * n);
    });
    brings("self-wakes", |n, stats, _| {
        for row in &mut stats.processors {
            (row.counters.wakes_self, row.counters.leaf_ready) = (50_000 * n, 100 * n);
        }
    });
    brings("noop-unparks", |n, stats, _| {
        for row in &mut stats.processors {
            (row.counters.unparks, row.counters.unparks_vain) = (60_000 * n, 55_000 * n);
        }
    });
    brings("broken-laws", |n, stats, _| {
        *stats = SchedulerStats { uptime_ns: n * SECOND, ..at_rest() };
        stats.processors[0].counters.next_put += 1;
    });
    let covered = COVERED.lock().expect("no test fails in there");
    let missing: Vec<_> = REASONS.iter().filter(|reason| !covered.contains(*reason)).collect();
    assert!(missing.is_empty(), "no cause is tested for {missing:?}");
}

/// Two processors that have done something and have come to rest; every account is balanced.
fn at_rest() -> SchedulerStats {
    let mut stats = SchedulerStats {
        config: ConfigStats { processors: 2, slice_ns: 10 * MS, counters: true, ..ConfigStats::default() },
        processors: (0..2).map(|id| ProcessorStats { id, ..ProcessorStats::default() }).collect(),
        machines: vec![MachineStats { state: MachineState::Parked, ..MachineStats::default() }],
        ..SchedulerStats::default()
    };
    let counted = &mut stats.processors[0].counters;
    (counted.spawned_local, counted.completed, counted.polls) = (5, 5, 5);
    (counted.next_put, counted.next_take, counted.parks) = (5, 5, 1);
    stats.sum_up();
    assert_eq!(stats.conservation(), [], "balanced");
    stats
}

#[test]
fn laws_are_looked_at_only_at_rest() {
    let rest = watched(5, |n, stats, _| *stats = SchedulerStats { uptime_ns: n * SECOND, ..at_rest() });
    assert_eq!(rest.health().score, 100, "{}", rest.health());
    let broken = |n: u64| {
        let mut stats = SchedulerStats { uptime_ns: n * SECOND, ..at_rest() };
        stats.processors[0].counters.next_put += 1;
        stats
    };
    for (what, change) in [
        ("one that runs", (|stats| stats.processors[1].state = ProcessorState::Running) as fn(&mut SchedulerStats)),
        ("one that searches", |stats| stats.totals.spinning = 1),
        ("one in a section", |stats| stats.machines[0].state = MachineState::Blocked),
        ("one that was counted meanwhile", |stats| {
            let at = stats.uptime_ns;
            stats.processors[1].counters.sweeps = at;
        }),
    ] {
        let monitor = watched(5, |n, stats, _| {
            *stats = broken(n);
            change(stats);
        });
        assert_eq!(monitor.health().score, 100, "{what}: {}", monitor.health());
    }
}

#[test]
fn one_bad_window_is_no_reason_and_one_good_one_no_cure() {
    let stuck = |range: std::ops::Range<u64>| {
        move |n: u64, stats: &mut SchedulerStats, _: &mut Findings| {
            if range.contains(&n) {
                for row in &mut stats.processors {
                    (row.state, row.current_poll_ns) = (ProcessorState::Running, Some(150 * MS));
                }
            }
        }
    };
    let score = |windows, range| watched(windows, stuck(range)).health().score;
    assert_eq!(score(5, 5..7), 100, "two windows are not three");
    assert_eq!(score(6, 5..8), 10, "three are");
    assert_eq!(score(8, 5..8), 10, "two good ones are not three");
    assert_eq!(score(9, 5..8), 100, "three are");
}

#[test]
fn a_few_calls_that_yield_to_themselves_are_no_reason() {
    // 1500 polls a second, all of them by their own wake: a storm of nothing.
    let monitor = watched(5, |n, stats, _| {
        for row in &mut stats.processors {
            (row.counters.polls, row.counters.wakes_self, row.counters.leaf_ready) = (375 * n, 375 * n, 0);
            row.counters.unparks_vain = 0;
        }
    });
    assert_eq!(names(monitor.health()), [""; 0], "{}", monitor.health());
}

#[test]
fn a_poll_counts_by_how_long_it_lasts() {
    let score = |ms: u64| {
        let monitor = watched(5, |_, stats, _| {
            (stats.processors[2].state, stats.processors[2].current_poll_ns) = (ProcessorState::Running, Some(ms * MS));
        });
        monitor.health().score
    };
    assert_eq!([9, 10, 55, 100, 10_000].map(score), [100, 100, 88, 77, 77], "one of four");
    let section = watched(5, |_, stats, _| {
        (stats.processors[2].state, stats.processors[2].current_poll_ns) = (ProcessorState::Blocked, Some(SECOND));
    });
    assert_eq!(section.health().score, 100, "a declared section is none");
}

#[test]
fn leaks_that_stay_do_not_grow() {
    let score = |leaked: fn(u64) -> u64| {
        let monitor = watched(100, |n, _, found| found.suspected_leaks = leaked(n));
        monitor.health().penalty("leak-growth")
    };
    assert_eq!(score(|_| 500_000), 0, "from the beginning");
    assert_eq!(score(|n| if n < 90 { 0 } else { 500_000 }), 0, "a burst");
    assert_eq!(score(|n| 10_000 * (n % 30)), 0, "they come and go");
    assert_eq!(score(|n| 5_000 * n), 40, "one in four of those that are spawned");
    assert_eq!(score(|n| 10 * n), 0, "one in two thousand");
}

#[test]
fn the_evidence_is_of_a_window_that_the_penalty_is_taken_from() {
    let waits = |n: u64| [0, 0, 0, 0, 400, 600, 500, 900, 0][n as usize];
    let monitor = watched(7, |n, stats, _| stats.driver.idle_ns = Some(waits(n) * MS / 10));
    let seen = &monitor.health().reasons[0];
    assert_eq!(
        (seen.value, seen.penalty.round()),
        (5.0, 27.0),
        "the least of 6, 5 and 9 slices, four ninths of 60 points"
    );
}

#[test]
fn a_proof_counts_at_once_and_ends_at_once() {
    let mut monitor = Monitor::default();
    let cycle = Findings { deadlock_cycles: 1, ..Findings::default() };
    assert_eq!(monitor.observe(&well(1), &cycle).score, 20, "at the first look");
    let soon = SchedulerStats { uptime_ns: SECOND + 1, ..well(1) };
    assert_eq!(monitor.observe(&soon, &Findings::default()).score, 100, "in the middle of a window");
    assert_eq!(monitor.health().windows, 0);
    let three = Findings { proven_leaks: 3, ..cycle };
    let health = monitor.observe(&well(2), &three);
    assert_eq!(
        (health.score, names(health)),
        (20, vec!["deadlocks", "proven-leaks"]),
        "the worst counts, all are named"
    );
    assert_eq!(health.penalty("proven-leaks"), 9);
}

#[test]
fn looks_in_between_change_nothing() {
    let stuck = |at: u64| {
        let mut stats = SchedulerStats { uptime_ns: at, ..well(1) };
        stats.processors.iter_mut().for_each(|row| {
            (row.state, row.current_poll_ns) = (ProcessorState::Running, Some(150 * MS));
        });
        stats
    };
    let mut monitor = Monitor::default();
    for look in 0..100 {
        monitor.observe(&stuck(SECOND + look), &Findings::default());
    }
    assert_eq!((monitor.health().score, monitor.health().windows), (100, 0));
    monitor.observe(&well(9), &Findings::default());
    assert_eq!(monitor.health().windows, 1);
    monitor.observe(&well(3), &Findings::default());
    assert_eq!(monitor.health().windows, 0, "an older snapshot is of another runtime: from the beginning");
}

#[test]
fn the_score_stays_between_its_ends_and_only_falls_with_what_is_bad() {
    let thresholds = Thresholds::default();
    for row in ROWS {
        let range = (row.range)(&thresholds);
        assert!(range.weight > 0.0 && range.weight <= 100.0 && range.sick > range.well, "{}", row.reason);
        let mut before = 0.0;
        for step in 0..=200 {
            let severity = range.severity(range.well + (range.sick - range.well) * f64::from(step - 50) / 100.0);
            assert!((0.0..=1.0).contains(&severity) && severity >= before, "{}", row.reason);
            before = severity;
        }
        assert_eq!((range.severity(range.well), before), (0.0, 1.0));
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!((0.0..=1.0).contains(&range.severity(odd)));
        }
    }
}

#[test]
fn thresholds_can_be_tuned() {
    let mut thresholds = Thresholds::default();
    thresholds.stuck_polls.weight = 5.0;
    let mut monitor = Monitor::new(thresholds, std::time::Duration::from_millis(100));
    for n in 1..=4 {
        let mut stats = SchedulerStats { uptime_ns: n * 100 * MS, ..well(0) };
        stats.processors.iter_mut().for_each(|row| {
            (row.state, row.current_poll_ns) = (ProcessorState::Running, Some(150 * MS));
        });
        monitor.observe(&stats, &Findings::default());
    }
    assert_eq!(monitor.health().score, 95, "{}", monitor.health());
}

#[test]
fn it_is_the_same_read_back_from_json() {
    let monitor = watched(5, |n, stats, found| {
        found.proven_leaks = 7;
        let pool = &mut stats.totals.blocking_pool;
        (pool.threads, pool.running, pool.queued, pool.completed) = (1, 1, 1_000, 0);
        stats.totals.machine_limit_hits = n;
    });
    let health = monitor.health();
    assert_eq!(names(health), ["blocking-pool", "machine-limit", "proven-leaks"]);
    let text = serde_json::to_string(health).expect("all finite");
    assert_eq!(&serde_json::from_str::<Health>(&text).expect("what was written"), health);
    assert!(health.to_string().starts_with("20: blocking-pool takes 80 (blocking.queued/completed = "), "{health}");
}

#[test]
fn a_runtime_of_parked_tasks_is_at_a_hundred() {
    let runtime: Runtime = Builder::new_multi_thread().worker_threads(2).build().expect("two threads");
    for _ in 0..10_000 {
        runtime.spawn(std::future::pending::<()>());
    }
    let mut monitors = Monitors::default();
    let mut monitor = Monitor::new(Thresholds::default(), std::time::Duration::from_nanos(1));
    let begun = std::time::Instant::now();
    // From when all of them wait on, and the last poll is over: on a busy machine that one may be a long one.
    let is_over = |stats: &SchedulerStats| {
        stats.totals.counters.polls >= 10_000 && stats.processors.iter().all(|row| row.current_poll_ns.is_none())
    };
    while !is_over(&runtime.handle().stats()) || !is_over(&runtime.handle().stats()) {
        assert!(begun.elapsed().as_secs() < 120);
        std::thread::yield_now();
    }
    for _ in 0..10 {
        monitor.observe(&runtime.handle().stats(), &Findings::default());
    }
    assert_eq!((monitor.health().score, monitor.health().windows), (100, 9), "{}", monitor.health());
    assert_eq!(monitors.look(runtime.handle(), &Findings::default()).score, 100);
}
