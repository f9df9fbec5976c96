//! Totals, differences, laws, table and JSON of made-up schedulers.

use proptest::prelude::*;

use super::*;
use crate::counters::CountersSnapshot;

/// Two Ps and three Ms at rest: every account is balanced.
fn at_rest() -> SchedulerStats {
    let mut stats = SchedulerStats {
        uptime_ns: 1_000_000_000,
        config: ConfigStats { processors: 2, counters: true, ..ConfigStats::default() },
        ..SchedulerStats::default()
    };
    let mut busy = ProcessorStats {
        id: 0,
        state: ProcessorState::Running,
        machine: Some(0),
        queue_len: 3,
        next_slot: true,
        timers_len: 4,
        ..ProcessorStats::default()
    };
    busy.counters = CountersSnapshot {
        polls: 60,
        spawned_local: 40,
        wakes_local: 21,
        wakes_self: 5,
        completed: 28,
        panicked: 1,
        aborted: 1,
        next_put: 20,
        next_take: 15,
        next_kicked: 3,
        queue_pushes: 30,
        queue_pops: 20,
        overflows: 1,
        overflow_tasks: 4,
        global_pushes: 4,
        timers_armed: 10,
        timers_fired: 5,
        timers_cancelled: 2,
        blocking_sections: 2,
        retakes: 1,
        ..CountersSnapshot::default()
    };
    busy.poll_time.buckets[10] = 8;
    busy.poll_time.sum = 8 * 700;
    busy.poll_time.max = 900;
    let mut idle = ProcessorStats { id: 1, ..ProcessorStats::default() };
    idle.counters = CountersSnapshot {
        polls: 4,
        next_stolen: 1,
        tasks_stolen: 3,
        steal_attempts: 9,
        steal_hits: 2,
        global_pops: 2,
        parks: 4,
        unparks: 1,
        ..CountersSnapshot::default()
    };
    stats.processors = vec![busy, idle];
    stats.off_processor =
        CountersSnapshot { spawned_remote: 2, wakes_remote: 2, unparks: 1, global_pushes: 1, ..Default::default() };
    stats.machines = vec![
        MachineStats { id: 0, state: MachineState::Running, processor: Some(0), task: Some(7), ..Default::default() },
        MachineStats { id: 1, state: MachineState::Parked, ..Default::default() },
        MachineStats { id: 2, state: MachineState::InPoller, ..Default::default() },
    ];
    stats.totals.tasks_live = 12;
    stats.totals.global_queue_len = 3;
    stats.totals.blocking_pool =
        BlockingPoolStats { threads: 1, idle: 0, running: 1, queued: 2, submitted: 9, completed: 6 };
    // 42 spawned, 28 woken and 1 claimed make 71 rights: 64 are spent in polls and 7 tasks are runnable.
    stats.off_processor.claims = 1;
    stats.sum_up();
    stats
}

#[test]
fn totals_are_the_rows_summed_up() {
    let stats = at_rest();
    let totals = &stats.totals;
    assert_eq!((totals.spawned, totals.completed, totals.aborted, totals.panicked), (42, 28, 1, 1));
    assert_eq!(totals.counters.polls, 64);
    assert_eq!(totals.counters.unparks, 2);
    assert_eq!(totals.runnable, 3 + 1 + 3);
    assert_eq!((totals.idle_processors, totals.parked_machines), (1, 1));
    assert_eq!(totals.machines_by_state.sum(), stats.machines.len());
    assert_eq!(totals.machines_by_state.get(MachineState::InPoller), 1);
    let mut again = stats.clone();
    again.sum_up();
    assert_eq!(again.totals.counters, totals.counters, "summing up twice adds nothing");
}

#[test]
fn a_scheduler_at_rest_keeps_every_law() {
    assert_eq!(at_rest().conservation(), []);
    let fresh = SchedulerStats { config: ConfigStats { counters: true, ..Default::default() }, ..Default::default() };
    assert_eq!(fresh.conservation(), []);
}

/// Every law can be broken: for each there is one change to a balanced scheduler that breaks it, and it is named.
#[test]
fn every_law_notices_what_it_is_about() {
    type Change = fn(&mut SchedulerStats);
    let changes: &[(&str, Change)] = &[
        ("every-task-ends-once", |stats| stats.totals.tasks_live += 1),
        ("every-right-to-run-is-spent", |stats| stats.processors[1].counters.wakes_local += 1),
        ("next-slot", |stats| stats.processors[0].next_slot = false),
        ("run-queue", |stats| stats.processors[0].queue_len -= 1),
        ("global-queue", |stats| stats.totals.global_queue_len += 1),
        ("overflow-reaches-the-global-queue", |stats| stats.processors[0].counters.overflow_tasks = 6),
        ("a-park-ends-once", |stats| stats.machines[1].state = MachineState::Spinning),
        ("vain-unparks-are-unparks", |stats| stats.processors[0].counters.unparks_vain = 3),
        ("timers-end-once", |stats| stats.processors[1].counters.timers_fired = 4),
        ("pending-timers-are-in-a-heap", |stats| stats.processors[0].timers_len = 2),
        ("a-hit-is-an-attempt", |stats| stats.processors[1].counters.steal_attempts = 1),
        ("a-hit-takes-a-task", |stats| stats.processors[1].counters.steal_hits = 4),
        ("useful-events-are-events", |stats| stats.processors[0].counters.io_useful = 1),
        ("a-retake-has-its-section", |stats| stats.processors[1].counters.retakes = 2),
        ("progress-is-a-poll", |stats| stats.processors[0].counters.leaf_ready = 1),
        ("a-sample-is-a-poll", |stats| stats.processors[0].poll_time.buckets[3] += 60),
        ("blocking-pool", |stats| stats.totals.blocking_pool.queued = 0),
        ("a-p-has-one-m", |stats| stats.machines[0].processor = None),
    ];
    let named: Vec<_> = changes.iter().map(|(law, _)| *law).collect();
    assert_eq!(named, LAWS.iter().map(|law| law.name).collect::<Vec<_>>(), "a law without a change, or the reverse");
    for (law, change) in changes {
        let mut stats = at_rest();
        change(&mut stats);
        stats.sum_up();
        let breaches = stats.conservation();
        let breach = breaches.iter().find(|breach| breach.law == *law);
        let text = breach.unwrap_or_else(|| panic!("{law} noticed nothing: {breaches:?}")).to_string();
        assert!(text.starts_with(law) && !text.contains('\n'), "{text}");
    }
}

#[test]
fn a_build_that_does_not_count_has_no_breaches() {
    let mut stats = at_rest();
    stats.totals.tasks_live += 1;
    stats.config.counters = false;
    assert_eq!(stats.conservation(), []);
}

#[test]
fn a_window_has_differences_and_rates() {
    let earlier = at_rest();
    let mut later = at_rest();
    later.uptime_ns += 500_000_000;
    later.processors[0].counters.polls += 100;
    later.processors[1].counters.polls += 20;
    later.off_processor.wakes_remote += 6;
    later.totals.machine_limit_hits += 2;
    later.processors[0].poll_time.buckets[4] += 5;
    // A spare P that came in between counts from its beginning.
    let mut spare = ProcessorStats { id: 2, state: ProcessorState::Spare, ..Default::default() };
    spare.counters.polls = 3;
    later.processors.push(spare);
    later.sum_up();
    let delta = later.since(&earlier);
    assert_eq!((delta.window_ns, delta.seconds()), (500_000_000, 0.5));
    let polls: Vec<_> = delta.processors.iter().map(|row| (row.id, row.counters.polls, row.rates.polls)).collect();
    assert_eq!(polls, [(0, 100, 200.0), (1, 20, 40.0), (2, 3, 6.0)]);
    assert_eq!((delta.totals.polls, delta.rates.polls), (123, 246.0));
    assert_eq!((delta.totals.wakes_remote, delta.off_processor.wakes_remote, delta.rates.wakes_remote), (6, 6, 12.0));
    assert_eq!(delta.machine_limit_hits, 2);
    assert_eq!(delta.poll_time.count(), 5);
    let nothing = later.since(&later);
    assert_eq!((nothing.window_ns, nothing.totals), (0, CountersSnapshot::default()));
    assert!(nothing.rates.polls == 0.0);
}

#[test]
fn the_table_has_a_line_for_every_live_p() {
    let mut stats = at_rest();
    stats.processors.push(ProcessorStats { id: 2, state: ProcessorState::Dead, ..Default::default() });
    stats.sum_up();
    let table = stats.to_string();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 7, "{table}");
    assert!(lines[0].starts_with("up 1.00s  2 Ps (1 idle)  3 Ms (1 parked, 0 spinning)  global queue 3"), "{table}");
    assert!(lines[1].contains("12 live, 7 runnable, 42 spawned"), "{table}");
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cells(lines[3])[..9], ["0", "running", "0", "3", "*", "4", "60", "26", "40"], "{table}");
    assert!(lines[3].contains("900ns/900ns/900ns"), "{table}");
    assert_eq!(cells(lines[4])[..3], ["1", "idle", "-"], "{table}");
    assert_eq!(cells(lines[5])[..5], ["all", "3", "1", "4", "64"], "{table}");
    assert_eq!(lines[6], "Ms: 1 running 1 parked 1 in poller", "{table}");
}

#[test]
fn states_survive_the_way_through_a_number() {
    for state in MachineState::ALL {
        assert_eq!(MachineState::from_u8(*state as u8), Some(*state));
    }
    for state in ProcessorState::ALL {
        assert_eq!(ProcessorState::from_u8(*state as u8), Some(*state));
    }
    assert_eq!(MachineState::from_u8(MachineState::ALL.len() as u8), None);
    assert_eq!(ProcessorState::from_u8(ProcessorState::ALL.len() as u8), None);
}

#[test]
fn json_has_the_names_that_the_types_have() {
    let json = serde_json::to_value(at_rest()).unwrap();
    assert_eq!(json["processors"][0]["state"], "running");
    assert_eq!(json["processors"][0]["counters"]["queue_pushes"], 30);
    assert_eq!(json["processors"][0]["poll_time"]["count"], 8);
    assert_eq!(json["processors"][0]["poll_time"]["buckets"][0], serde_json::json!([512, 8]));
    assert_eq!(json["processors"][1]["sched_delay"]["p99_ns"], serde_json::Value::Null);
    assert_eq!(json["machines"][2]["state"], "in_poller");
    assert_eq!(json["totals"]["machines_by_state"]["in_poller"], 1);
    for field in CountersSnapshot::FIELDS {
        assert!(json["totals"]["counters"][field.name].is_u64(), "{} is missing", field.name);
    }
    let delta = serde_json::to_value(at_rest().since(&SchedulerStats::default())).unwrap();
    assert_eq!(delta["rates"]["polls"], 64.0);
}

proptest! {
    /// Windows add up: two in a row are the one that spans both.
    #[test]
    fn consecutive_windows_add_up(a in 0..1_000u64, b in 0..1_000u64, c in 0..1_000u64) {
        let at = |polls: u64, uptime_ns: u64| {
            let mut stats = at_rest();
            stats.uptime_ns = uptime_ns;
            stats.processors[1].counters.polls = polls;
            stats.processors[1].poll_time.buckets[7] = polls;
            stats.sum_up();
            stats
        };
        let (first, second, third) = (at(a, 10), at(a + b, 25), at(a + b + c, 70));
        let (left, right, whole) = (second.since(&first), third.since(&second), third.since(&first));
        prop_assert_eq!(left.totals.plus(&right.totals), whole.totals);
        prop_assert_eq!(left.window_ns + right.window_ns, whole.window_ns);
        let mut merged = left.poll_time.clone();
        merged.merge(&right.poll_time);
        prop_assert_eq!(merged.buckets, whole.poll_time.buckets);
    }
}
