//! Folding windows of stats into signals: each signal from windows made by hand.

use super::*;
use crate::diagnose::window::Holder;
use crate::threads::ThreadClock;

const MS: u64 = 1_000_000;

fn busy(task: u64, polls: u64) -> Processor {
    Processor {
        running: true,
        machine: Some(0),
        task: Some(task),
        counts: Counts { polls, ..Counts::default() },
        ..Processor::default()
    }
}

fn glance(ms: u64, processors: Vec<Processor>) -> Sample {
    Sample { at_ns: ms * MS, width: processors.len(), processors, machines: 2, live: 2, ..Sample::default() }
}

#[test]
fn a_window_sums_counters_and_averages_gauges() {
    let mut fold = Fold::new(10 * MS, MS, 4);
    for ms in 0..=20 {
        let mut p = busy(ms, ms * 3);
        p.counts.spawned = ms * 2;
        p.queue = 5;
        fold.push(Sample { spinning: 1, ..glance(ms, vec![p, Processor { idle: true, ..Processor::default() }]) });
    }
    let windows = fold.finish();
    assert_eq!(windows.len(), 2);
    for window in &windows {
        assert_eq!((window.counts.polls, window.counts.spawned, window.spawned_by_one), (30, 20, 20));
        assert_eq!((window.runnable_mean, window.idle_mean, window.spinning_mean), (6.0, 1.0, 1.0));
        assert!(window.stands.is_empty(), "{:?}", window.stands);
    }
}

#[test]
fn a_poll_that_stands_is_followed_across_windows_with_its_clock() {
    let mut fold = Fold::new(10 * MS, MS, 4);
    for ms in 0..=30 {
        let mut p = busy(7, 1);
        p.queue = 3;
        p.clock = (ms > 1).then_some(ThreadClock { cpu_ns: 100 * MS + ms.min(20) * MS, asleep: ms >= 20, futex: None });
        assert_eq!(fold.stands(0, &p), ms > 0);
        fold.push(glance(ms, vec![p]));
    }
    let windows = fold.finish();
    assert_eq!(windows.iter().map(|w| w.stands[0].wall_ns / MS).collect::<Vec<_>>(), [10, 20, 30]);
    let stand = &windows[2].stands[0];
    assert_eq!((stand.task, stand.stalled_ns), (Some(7), 30 * MS));
    assert_eq!((stand.cpu_ns, stand.asleep_ns), (18 * MS, 10 * MS));
}

#[test]
fn sleep_at_a_lock_is_excused_while_a_thread_is_kept_off_the_cpu() {
    let excused = |futex, runs: u64| {
        let mut fold = Fold::new(20 * MS, MS, 4);
        for ms in 0..=20 {
            let clock = |cpu_ns, asleep, futex| (ms > 0).then_some(ThreadClock { cpu_ns, asleep, futex });
            let waits = Processor { clock: clock(0, true, futex), ..busy(7, 1) };
            let owns = Processor { clock: clock(ms * runs, false, None), ..busy(8, 1) };
            fold.push(glance(ms, vec![waits, owns]));
        }
        let stand = fold.finish()[0].stands.iter().find(|stand| stand.task == Some(7)).cloned().unwrap_or_default();
        (stand.asleep_ns / MS, stand.excused_ns / MS)
    };
    assert_eq!(excused(Some(64), 0), (19, 19));
    assert_eq!(excused(Some(64), MS), (19, 0));
    assert_eq!(excused(None, 0), (19, 0));
}

#[test]
fn a_poll_that_ends_starts_anew() {
    let mut fold = Fold::new(30 * MS, MS, 4);
    for ms in 0..=30 {
        fold.push(glance(ms, vec![busy(7, ms / 10)]));
    }
    let walls: Vec<u64> = fold.finish()[0].stands.iter().map(|s| s.wall_ns / MS).collect();
    assert_eq!(walls, [9, 9, 9]);
}

#[test]
fn a_poll_that_goes_on_is_judged_when_it_ends_or_fills_a_window() {
    let mut fold = Fold::new(20 * MS, MS, 4);
    for ms in 0..=80 {
        // One poll from 15 to 70.
        fold.push(glance(ms, vec![busy(7, if ms < 15 { ms } else { 15 + ms / 70 })]));
    }
    let seen: Vec<Vec<u64>> = fold.finish().iter().map(|w| w.stands.iter().map(|s| s.wall_ns / MS).collect()).collect();
    assert_eq!(seen, [vec![], vec![25], vec![45], vec![54]]);
}

#[test]
fn a_unit_is_a_short_poll_if_there_is_one() {
    use crate::diagnose::Evidence;
    assert_eq!(Evidence::unit(Some(20_000), MS), 20_000);
    assert_eq!(Evidence::unit(Some(3 * MS), MS), MS);
    assert_eq!(Evidence::unit(Some(200 * MS), MS), MS / 10);
    assert_eq!(Evidence::unit(None, MS), MS / 10);
}

#[test]
fn work_that_moves_is_not_stalled() {
    let mut fold = Fold::new(10 * MS, MS, 4);
    for ms in 0..=10 {
        // The first stands; the second serves the global queue.
        let sample = glance(ms, vec![busy(7, 1), busy(100 + ms, ms)]);
        fold.push(Sample { global: 4, ..sample });
    }
    let windows = fold.finish();
    assert_eq!(windows[0].stands.iter().map(|s| (s.processor, s.stalled_ns)).collect::<Vec<_>>(), [(0, 0)]);
}

#[test]
fn a_full_next_slot_beside_an_idle_processor_is_a_trap() {
    let mut fold = Fold::new(20 * MS, MS, 4);
    for ms in 0..=20 {
        let stuck = Processor { next_slot: ms != 8, ..busy(7, 1) };
        fold.push(glance(ms, vec![stuck, Processor { idle: true, ..Processor::default() }]));
    }
    assert_eq!(fold.finish()[0].stands[0].trapped_ns, 11 * MS);
}

#[test]
fn a_due_timer_of_a_stuck_processor_beside_an_idle_one_is_overdue() {
    let mut fold = Fold::new(20 * MS, MS, 4);
    for ms in 0..=20 {
        let stuck = Processor { timer_due: ms > 4, ..busy(7, 1) };
        fold.push(glance(ms, vec![stuck, Processor { idle: ms < 16, ..busy(8, ms) }]));
    }
    assert_eq!(fold.finish()[0].stands[0].overdue_ns, 10 * MS);
}

#[test]
fn a_driver_that_nobody_watches_behind_a_stuck_poll_is_captive() {
    let captive = |sources: u64, sitter: bool, turn_at: u64| {
        let mut fold = Fold::new(20 * MS, MS, 4);
        for ms in 0..=20 {
            let mut stuck = busy(7, 1);
            stuck.counts.driver_turns = u64::from(ms >= turn_at);
            let sample = glance(ms, vec![stuck, Processor { idle: true, ..Processor::default() }]);
            fold.push(Sample { sources, driver_taken: sitter, ..sample });
        }
        fold.finish()[0].stands[0].captive_ns / MS
    };
    assert_eq!(captive(1, false, 100), 19);
    assert_eq!(captive(1, false, 14), 12);
    assert_eq!((captive(0, false, 100), captive(1, true, 100)), (0, 0));
}

#[test]
fn polls_are_counted_from_one_turn_of_the_driver_to_the_next() {
    let unturned = |sources: u64, sitter: bool| -> Vec<f64> {
        let mut fold = Fold::new(10 * MS, MS, 4);
        for ms in 0..=30 {
            let mut p = busy(ms, ms * 100);
            // Off a processor, as sysmon's turns are.
            let off_processor = Counts { driver_turns: u64::from(ms >= 25), ..Counts::default() };
            p.counts.driver_turns = 3;
            fold.push(Sample { sources, driver_taken: sitter, off_processor, ..glance(ms, vec![p]) });
        }
        fold.finish().iter().map(|window| window.unturned_polls).collect()
    };
    assert_eq!(unturned(2, false), [1_000.0, 2_000.0, 2_400.0]);
    assert_eq!((unturned(0, false), unturned(2, true)), (vec![0.0; 3], vec![0.0; 3]));
}

#[test]
fn polls_are_counted_from_one_take_of_the_global_queue_to_the_next() {
    let mut fold = Fold::new(10 * MS, MS, 4);
    for ms in 0..=40 {
        // Tasks wait from 5 on; one is taken at 25.
        let p = |polls| {
            let mut p = busy(ms, polls);
            p.counts.global_pops = u64::from(ms >= 25);
            p
        };
        fold.push(Sample { global: u64::from(ms >= 5), ..glance(ms, vec![p(ms * 60), p(ms * 20)]) });
    }
    // 40 polls a glance for each of the two.
    let seen: Vec<f64> = fold.finish().iter().map(|window| window.unserved_polls).collect();
    assert_eq!(seen, [200.0, 600.0, 760.0, 600.0]);
}

#[test]
fn tasks_with_a_machine_of_their_own_are_named_with_their_sites() {
    let mut fold = Fold::new(10 * MS, MS, 4);
    let here = std::panic::Location::caller();
    let there = std::panic::Location::caller();
    for ms in 0..=10 {
        let at = |task, site| Sitting { task: Some(task), site: Some(site) };
        let blocked = vec![at(3, here), at(9, there), at(4, there), Sitting::default()];
        let locked = if ms < 5 { Vec::new() } else { vec![at(5, here)] };
        fold.push(Sample { blocked, locked, ..glance(ms, vec![busy(ms, ms)]) });
    }
    let window = &fold.finish()[0];
    assert_eq!((window.blocked, window.blocked_mean), (4, 4.0));
    assert_eq!(window.blocked_at_one_site, 2);
    assert_eq!(
        window.blocked_by,
        Some(Holder { task: Some(4), site: Some(format!("{}:{}", there.file(), there.line())) })
    );
    assert_eq!(window.locked_by.as_ref().and_then(|holder| holder.task), Some(5));
}

#[test]
fn half_of_the_fires() {
    assert_eq!(half_time(vec![(MS, 0); 10], 10 * MS), None);
    let even = half_time(vec![(MS, 100); 10], 10 * MS).unwrap();
    assert!((even - 0.5).abs() < 1e-9, "{even}");
    let mut storm = vec![(MS, 0); 9];
    storm.push((MS, 1_000));
    assert!((half_time(storm, 10 * MS).unwrap() - 0.05).abs() < 1e-9);
}

#[test]
fn a_stub_of_a_window_is_left_out() {
    let mut fold = Fold::new(10 * MS, MS, 4);
    for ms in 0..=14 {
        fold.push(glance(ms, vec![busy(ms, ms)]));
    }
    assert_eq!(fold.windows().len(), 1);
    assert_eq!(fold.finish().len(), 1);
}

#[test]
fn a_window_with_too_few_glances_goes_on_for_a_while() {
    let lengths = |every: u64| -> Vec<u64> {
        let mut fold = Fold::new(10 * MS, MS, 4).with_glances(8);
        for ms in (0..=120).step_by(every as usize) {
            fold.push(glance(ms, vec![busy(ms, ms)]));
        }
        fold.windows().iter().map(|window| window.wall_ns / MS).collect()
    };
    assert_eq!(lengths(1), [10; 12]);
    assert_eq!(lengths(3), [24; 5]);
    assert_eq!(lengths(20), [40; 3]);
}

/// A processor whose thread sleeps at a futex, in a poll that began at the first millisecond.
fn at_futex(task: u64, futex: u64) -> Processor {
    let clock = Some(ThreadClock { cpu_ns: 0, asleep: true, futex: Some(futex) });
    Processor { clock, ..busy(task, 1) }
}

#[test]
fn all_processors_at_one_futex_are_a_jam() {
    let mut fold = Fold::new(10 * MS, MS, 4);
    for ms in 0..=30 {
        // Two at one lock all the time; the third joins them at 12 and leaves at 24.
        let third = if (12..24).contains(&ms) { at_futex(9, 64) } else { busy(9, ms) };
        let sample = glance(ms, vec![at_futex(7, 64), at_futex(8, 64), third]);
        fold.push(Sample { global: u64::from(ms >= 16), width: 3, ..sample });
    }
    let jams: Vec<_> = fold.finish().into_iter().map(|window| window.jam).collect();
    let seen = |jam: &Option<super::Jam>| jam.as_ref().map(|jam| (jam.ns / MS, jam.stalled_ns / MS, jam.processors));
    assert_eq!(jams.iter().map(seen).collect::<Vec<_>>(), [None, Some((8, 4, 3)), Some((11, 7, 3))]);
    assert_eq!(jams[2].as_ref().and_then(|jam| jam.task), Some(7));
}

#[test]
fn other_futexes_and_a_single_processor_are_no_jam() {
    for processors in [vec![at_futex(7, 64), at_futex(8, 65)], vec![at_futex(7, 64)]] {
        let mut fold = Fold::new(10 * MS, MS, 4);
        for ms in 0..=10 {
            fold.push(Sample { width: processors.len(), ..glance(ms, processors.clone()) });
        }
        assert_eq!(fold.finish()[0].jam, None);
    }
}

#[test]
fn a_shutdown_waits_for_one_after_the_other_or_for_one_only() {
    let mut fold = Fold::new(10 * MS, MS, 4);
    for ms in 0..=30 {
        let left = |task: u64| Sitting { task: Some(task), site: None };
        // The second goes at 15; the first stays.
        let remaining = if ms < 5 {
            vec![]
        } else if ms < 15 {
            vec![left(8), left(7)]
        } else {
            vec![left(7)]
        };
        fold.push(Sample { closing: ms >= 5, remaining, ..glance(ms, vec![]) });
    }
    let waits: Vec<_> = fold.finish().into_iter().filter_map(|window| window.ending).collect();
    let seen: Vec<_> = waits.iter().map(|wait| (wait.holder.task, wait.ns / MS, wait.remaining)).collect();
    assert_eq!(seen, [(Some(7), 5, 2), (Some(7), 15, 1), (Some(7), 25, 1)]);
}

#[test]
fn teeth_are_told_by_their_exits_their_arrivals_and_their_height() {
    let mut fold = Fold::new(20 * MS, MS, 4);
    for ms in 0..=20 {
        let counts = Counts { arrived: 10 * ms, ended: 100 * (ms / 10), ..Counts::default() };
        let live = counts.arrived - counts.ended;
        fold.push(Sample { live, ..glance(ms, vec![Processor { counts, ..Processor::default() }]) });
    }
    let window = fold.finish().remove(0);
    assert_eq!((window.exit_half, window.arrival_half), (Some(0.05), Some(0.5)));
    assert_eq!((window.live_max, window.live_min), (90, 0));
}
