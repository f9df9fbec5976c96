//! Every rule, sick, fixed and at its limits, on windows written by hand; and the controls that each guard is there for.

use super::census::{Census, Class, Crowd, Group, Lock, Orphans, Passed, Pool, Queue, Ring, Stranded, Wide};
use super::rule::RuleState;
use super::thresholds::{Limit, Sense, Thresholds};
use super::window::{Counts, Evidence, Holder, Jam, Load, Stand, Waited, Window};
use super::{Conclusion, Diagnosis, RULES, Rule, diagnose, diagnose_with, rule};

const MS: u64 = 1_000_000;

fn healthy() -> Evidence {
    let window = |index| Window {
        index,
        wall_ns: 150 * MS,
        samples: 150,
        processors: 4,
        cores: 4,
        counts: Counts {
            polls: 4_000,
            spawned: 600,
            steal_attempts: 8_000,
            spin_ns: 10 * MS,
            busy_ns: 200 * MS,
            timers_fired: 300,
            ..Counts::default()
        },
        spawned_by_one: 300,
        live: 40,
        live_mean: 40.0,
        runnable_mean: 3.0,
        runnable_max: 9,
        idle_mean: 1.5,
        spinning_mean: 0.3,
        machines_mean: 6.0,
        timer_half: Some(0.45),
        poll_half_ns: Some(20_000),
        poll_most_ns: Some(30_000),
        census: Some(Census {
            groups: vec![Group { tasks: 20, known: 5, left: 15, entered: 15, ..waiting(Class::Other) }],
            ..Census::default()
        }),
        ..Window::default()
    };
    let windows = (0..12).map(window).collect();
    Evidence { windows, tick_ns: MS, unit_ns: 20_000, empty_ns: 60, load: Load::Constant, rss: 0 }
}

/// Tasks that wait.
fn waiting(class: Class) -> Group {
    Group { site: "src/main.rs:3".to_owned(), class, task: 7, ..Group::default() }
}

fn census(evidence: Evidence, change: impl Fn(usize, &mut Census)) -> Evidence {
    each(evidence, |index, window| change(index, window.census.get_or_insert_default()))
}

/// A group that grows from window to window, and what its tasks do in between.
fn leak(class: Class, limit: Option<(Limit, f64)>) -> Evidence {
    let at = |wanted: Limit, otherwise: f64| limit.filter(|(l, _)| *l == wanted).map_or(otherwise, |(_, value)| value);
    // Slow enough that three windows in a row are nearly as deep as the last.
    let slow = matches!(limit, Some((Limit::LeakDepth, _)));
    let course = Course {
        growth: at(Limit::LeakGrowth, if slow { 2.0 } else { 6.0 }),
        last: 4.0 * at(Limit::LeakDepth, 500.0),
        tau: at(Limit::LeakTau, 1.0),
    };
    census(healthy(), |index, census| {
        let tasks = course.at(index);
        let known = 10_000.0;
        let still = if class == Class::Sleep { 1.0 - at(Limit::LeakTicks, 1.0) } else { 1.0 };
        census.groups = vec![Group {
            tasks: tasks as u64,
            unheld: (tasks * at(Limit::LeakUnheld, 1.0)).round() as u64,
            barren: (tasks * at(Limit::LeakBarren, 1.0)).round() as u64,
            known: known as u64,
            still: (known * at(Limit::LeakStill, still)).round() as u64,
            entered: 1_000,
            left: (1_000.0 * at(Limit::LeakLeft, 0.0)) as u64,
            resource: Some("chan at src/main.rs:2".to_owned()),
            ..waiting(class)
        }];
    })
}

/// A thousand tasks in rings, and so many of them still there.
fn ring(limit: Option<(Limit, f64)>) -> Ring {
    let still = limit.filter(|(l, _)| *l == Limit::RingStill).map_or(1.0, |(_, value)| value);
    Ring {
        tasks: 1_000,
        known: 1_000,
        still: (1_000.0 * still).round() as u64,
        task: Some((7, "src/main.rs:3".to_owned())),
        told: Some("ring task 7 (src/main.rs:3) -> mutex at src/main.rs:2 -> task 7".to_owned()),
    }
}

/// What grows, over the twelve windows of a cell: `growth`-fold over the last eight of them, to `last`.
struct Course {
    growth: f64,
    last: f64,
    tau: f64,
}

impl Course {
    fn at(&self, index: usize) -> f64 {
        let mut x = (index as f64 - 4.0) / 7.0;
        if self.tau < 0.95 && index % 4 == 3 {
            // Pairs out of order: enough of them for the tau that is asked for.
            x -= if self.tau < 0.6 { 0.8 } else { 0.35 };
        }
        if index == 11 {
            x = 1.0;
        }
        (self.last / self.growth * self.growth.powf(x)).round().max(1.0)
    }
}

fn each(mut evidence: Evidence, change: impl Fn(usize, &mut Window)) -> Evidence {
    for (index, window) in evidence.windows.iter_mut().enumerate() {
        change(index, window);
    }
    evidence
}

fn stand(cpu: f64, asleep: f64, stalled: f64) -> Stand {
    let wall = 200.0 * MS as f64;
    Stand {
        task: Some(7),
        machine: Some(0),
        wall_ns: wall as u64,
        cpu_ns: (wall * cpu) as u64,
        asleep_ns: (wall * asleep) as u64,
        stalled_ns: (wall * stalled) as u64,
        ..Stand::default()
    }
}

fn with_stand(stand: &Stand) -> Evidence {
    each(healthy(), |_, window| window.stands = vec![stand.clone()])
}

/// Evidence in which the signal of `limit` in the rule `id` has `value`, and the rule's other signals are clearly sick.
fn cell(id: &str, limit: Option<(Limit, f64)>) -> Evidence {
    let at = |wanted: Limit, otherwise: f64| limit.filter(|(l, _)| *l == wanted).map_or(otherwise, |(_, value)| value);
    match id {
        "runnext-trap" => {
            let mut stuck = stand(0.0, 1.0, 0.0);
            stuck.trapped_ns = (at(Limit::TrapTicks, 150.0) * MS as f64) as u64;
            with_stand(&stuck)
        }
        "driver-captive" => {
            let mut stuck = stand(0.0, 1.0, 0.0);
            stuck.captive_ns = (at(Limit::CaptiveTicks, 150.0) * MS as f64) as u64;
            with_stand(&stuck)
        }
        "netpoll-starvation" => each(healthy(), |_, window| window.unturned_polls = at(Limit::UnturnedPolls, 30_000.0)),
        "timer-starvation" => {
            let mut stuck = stand(1.0, 0.0, 0.0);
            stuck.overdue_ns = (at(Limit::OverdueTicks, 95.0) * MS as f64) as u64;
            with_stand(&stuck)
        }
        "locked-thread" => each(healthy(), |_, window| {
            // 150 ticks a window.
            window.counts.passes = (150.0 * at(Limit::LockedRate, 100.0)).round() as u64;
            window.counts.polls = (window.counts.passes as f64 / at(Limit::LockedPasses, 1.0)) as u64;
            window.locked_by = Some(Holder { task: Some(7), site: Some("src/main.rs:3".to_owned()) });
        }),
        "ffi-pinned" => {
            // A hundred more in each window, on so many processors that three windows in a row are nearly as deep as the last.
            let last = 10_000.0 * at(Limit::PinnedDepth, 25.0);
            // Every second one a little below the one before: a quarter of the pairs of neighbours out of order.
            let dent = if at(Limit::PinnedTau, 1.0) < 0.9 { 110.0 } else { 0.0 };
            let entered = 100.0 / (1.0 - at(Limit::PinnedReturned, 0.0));
            each(healthy(), |index, window| {
                let rise = 100.0 * (11 - index) as f64 + if index % 2 == 1 { dent } else { 0.0 };
                window.processors = 10_000;
                window.blocked = (last - rise) as u64;
                window.blocked_at_one_site = (window.blocked as f64 * at(Limit::PinnedSite, 1.0)) as u64;
                window.blocked_by = Some(Holder { task: Some(7), site: Some("src/main.rs:3".to_owned()) });
                window.counts.blocking_sections = entered.round() as u64;
            })
        }
        "global-queue-starvation" => {
            each(healthy(), |_, window| window.unserved_polls = at(Limit::UnservedPolls, 30_000.0))
        }
        "hog" | "blocking-in-task" => {
            let (ticks, asleep) = match id {
                "hog" => (at(Limit::HogTicks, 200.0), at(Limit::HogAsleep, 0.0)),
                _ => (at(Limit::BlockTicks, 200.0), at(Limit::BlockAsleep, 1.0)),
            };
            // `ticks` is the part that the rule counts: CPU time for a hog, sleep for a blocking call.
            let own = ticks * MS as f64;
            let both = if id == "hog" { own / (1.0 - asleep) } else { own / asleep };
            let slept = both * asleep;
            let stuck = Stand {
                task: Some(7),
                wall_ns: both as u64,
                cpu_ns: (both - slept) as u64,
                asleep_ns: slept.round() as u64,
                stalled_ns: (both * at(Limit::Stalled, 0.9)) as u64,
                ..Stand::default()
            };
            Evidence { unit_ns: (own / at(Limit::PollUnits, 10_000.0)) as u64, ..with_stand(&stuck) }
        }
        "accept-emfile-spin" => each(healthy(), |_, window| {
            // 150 ticks a window.
            window.counts.no_descriptor = (150.0 * at(Limit::NoDescriptorRate, 200.0)).round() as u64;
            window.counts.polls = (window.counts.no_descriptor as f64 / at(Limit::NoDescriptorPolls, 40.0)) as u64;
        }),
        "syscall-storm" => each(healthy(), |_, window| {
            window.machines_mean = 4.0 * at(Limit::StormMachines, 101.0);
            window.blocked_mean = window.machines_mean * at(Limit::StormBlocked, 0.99);
            window.counts.blocking_sections = 1_000;
            window.counts.hand_offs = (1_000.0 * at(Limit::StormHandOffs, 1.0)) as u64;
        }),
        "timer-storm" => each(healthy(), |_, window| {
            window.counts.timers_fired = (4.0 * at(Limit::StormTimers, 5_000.0)) as u64;
            window.timer_half = Some(at(Limit::TimerHalf, 0.01));
            window.runnable_max = (window.counts.timers_fired as f64 * at(Limit::TimerHerd, 0.8)).ceil() as u64;
        }),
        "steal-storm" => each(healthy(), |_, window| {
            window.counts.busy_ns = 100 * MS;
            let spin = at(Limit::SpinShare, 0.95).min(0.999_999);
            window.counts.spin_ns = (100.0 * MS as f64 * spin / (1.0 - spin)) as u64;
            window.counts.steal_attempts = (4_000.0 * at(Limit::Probes, 3_000.0)) as u64;
            window.spinning_mean = 4.0 * at(Limit::Spinners, 7.0);
            window.processors = (4.0 * at(Limit::Oversubscribed, 8.0)).round() as usize;
        }),
        "one-producer" => each(healthy(), |_, window| {
            window.counts.spawned = 40_000;
            window.counts.overflow_tasks = (40_000.0 * at(Limit::Overflow, 0.97)) as u64;
            window.spawned_by_one = (40_000.0 * at(Limit::Producer, 1.0)) as u64;
        }),
        "unbounded-spawn" => {
            // Slow enough that three windows in a row are nearly as deep as the last.
            let slow = matches!(limit, Some((Limit::BacklogDepth, _)));
            let course = Course {
                growth: at(Limit::BacklogGrowth, if slow { 2.0 } else { 6.0 }),
                last: 4.0 * at(Limit::BacklogDepth, 500.0),
                tau: at(Limit::BacklogTau, 1.0),
            };
            each(healthy(), |index, window| {
                window.live = course.at(index) as u64;
                window.live_mean = window.live as f64;
                window.runnable_mean = window.live_mean * at(Limit::BacklogRunnable, 0.99);
            })
        }
        "busy-yield" => each(healthy(), |_, window| {
            // 150 ticks a window.
            window.counts.self_wakes = (150.0 * at(Limit::SelfWakeRate, 1_000.0)) as u64;
            let polls = window.counts.self_wakes as f64 / at(Limit::SelfWakes, 0.999);
            window.counts.polls = polls as u64;
            window.counts.leaf_ready = (polls * at(Limit::UsefulPolls, 0.0)) as u64;
            window.poll_half_ns = Some((60.0 * at(Limit::PollEffort, 2.0)) as u64);
        }),
        "join-fan-in" => each(healthy(), |_, window| {
            window.counts.polls = 4_000;
            // So many of each hundred are in vain, and so many of all for each poll.
            let (waste, crowd) = (at(Limit::LeafWaste, 1_000.0), at(Limit::LeafCrowd, 500.0));
            let vain = 4_000.0 * crowd;
            window.counts.leaf_ready = (vain / (waste - 1.0)) as u64;
            window.counts.leaf_polls = window.counts.leaf_ready + vain as u64;
            let wide = Wide { width: 1_000, task: 7, site: "src/main.rs:3".to_owned() };
            window.census.get_or_insert_default().widest = Some(wide);
        }),
        "blocking-pool-deadlock" => census(healthy(), |_, census| {
            census.pool = Pool {
                running: 100,
                queued: 100,
                waiting: (100.0 * at(Limit::PoolWaits, 1.0)) as u64,
                ended: (100.0 * at(Limit::PoolEnded, 0.0)).round() as u64,
                task: Some((7, "src/main.rs:3".to_owned())),
            };
        }),
        "mutex-convoy" => census(healthy(), |_, census| {
            let owned = 1_000.0 * at(Limit::LockOwned, 1.0);
            census.locks = vec![Lock {
                resource: "mutex at src/main.rs:2".to_owned(),
                glances: 1_000,
                owned: owned as u64,
                waited: (1_000.0 * at(Limit::LockWaited, 1.0)) as u64,
                running: (owned * at(Limit::OwnerRuns, 0.02)).round() as u64,
                looked: owned as u64 - (owned * at(Limit::OwnerRuns, 0.02)).round() as u64,
                runnable: (owned * at(Limit::OwnerQueues, 0.95)).round() as u64,
                owner: Some((7, "src/main.rs:3".to_owned())),
            }];
        }),
        "select-bias" => census(healthy(), |_, census| {
            census.passed = vec![Passed {
                resource: "chan at src/main.rs:2".to_owned(),
                by: at(Limit::PassedBy, 500_000.0) as u64,
                task: Some((7, "src/main.rs:3".to_owned())),
            }];
        }),
        "wake-storm" => each(healthy(), |_, window| {
            window.counts.polls = 100_000;
            window.poll_half_ns = Some((60.0 * at(Limit::HerdEffort, 10.0)) as u64);
            window.poll_most_ns = window.poll_half_ns;
            let woken = 100_000.0 * at(Limit::HerdPolls, 0.9);
            window.census.get_or_insert_default().crowds = vec![Crowd {
                resource: "notify at src/main.rs:2".to_owned(),
                notified: (woken / at(Limit::Herd, 200.0)) as u64,
                woken: woken.round() as u64,
                vain: (woken * at(Limit::HerdVain, 0.99)).round() as u64,
                task: Some((7, "src/main.rs:3".to_owned())),
            }];
        }),
        "timer-never-stopped" => leak(Class::Sleep, limit),
        "staircase-leak" => {
            // Somebody has their handles.
            let held = leak(Class::Other, limit);
            let held = census(held, |_, census| census.groups[0].unheld = 0);
            let tasks = |at: usize| held.windows[at].census.as_ref().map_or(0, |census| census.groups[0].tasks) as f64;
            let step = match limit {
                Some((Limit::StairStep | Limit::StairMost, value)) => value,
                _ => 1.0,
            };
            let risen: Vec<f64> = (1..held.windows.len()).map(|at| tasks(at) - tasks(at - 1)).collect();
            each(held, |at, window| {
                window.counts.ended = at.checked_sub(1).map_or(0, |at| (risen[at].max(0.0) / step).round() as u64);
            })
        }
        "lost-cancel" => leak(Class::Other, limit),
        "chan-never-closed" => leak(Class::Receive, limit),
        "done-channel-hang" => leak(Class::Send, limit),
        "lock-across-await" => each(healthy(), |_, window| {
            let ns = at(Limit::JamTicks, 150.0) * MS as f64;
            let stalled_ns = (ns * at(Limit::JamStalled, 1.0)) as u64;
            window.jam = Some(Jam { futex: 0x7f00, ns: ns as u64, stalled_ns, processors: 4, task: Some(7) });
        }),
        "shutdown-hang" => each(healthy(), |_, window| {
            let holder = Holder { task: Some(7), site: Some("src/main.rs:3".to_owned()) };
            window.ending = Some(Waited { holder, ns: (at(Limit::EndTicks, 500.0) * MS as f64) as u64, remaining: 1 });
        }),
        "sawtooth" => each(healthy(), |_, window| {
            window.exit_half = Some(at(Limit::SawExits, 0.02));
            window.arrival_half = Some(at(Limit::SawArrivals, 0.5));
            window.live_max = (4.0 * at(Limit::SawDepth, 500.0)).round() as u64;
            window.live_min = (window.live_max as f64 / at(Limit::SawSwing, 50.0)) as u64;
            window.live_mean = window.live_max as f64 / 2.0;
            window.runnable_mean = window.live_mean * at(Limit::SawRunnable, 0.02);
        }),
        "rss-high-water" => {
            let first = 10u64 << 20;
            let peak = first as f64 * at(Limit::PeakGain, 10.0);
            let kept = (peak - first as f64) * at(Limit::PeakKept, 1.0);
            let evidence = each(healthy(), |index, window| {
                let burst = index == 0;
                window.rss = if burst { peak as u64 } else { first + kept.round() as u64 };
                window.live_max = if burst { 10_000 } else { (10_000.0 * at(Limit::PeakLive, 0.01)) as u64 };
            });
            Evidence { rss: first, ..evidence }
        }
        "async-deadlock" => census(healthy(), |_, census| census.rings.locks = ring(limit)),
        "futurelock" => census(healthy(), |_, census| census.rings.own = ring(limit)),
        "ref-cycle-leak" => {
            // Slow enough that three windows in a row are nearly as deep as the last.
            let slow = matches!(limit, Some((Limit::RingDepth, _)));
            let course = Course {
                growth: at(Limit::RingGrowth, if slow { 2.0 } else { 6.0 }),
                last: 4.0 * at(Limit::RingDepth, 500.0),
                tau: at(Limit::RingTau, 1.0),
            };
            census(healthy(), |index, census| {
                census.rings.handles = Ring { tasks: course.at(index) as u64, ..ring(limit) };
            })
        }
        "lost-wakeup" => census(healthy(), |_, census| {
            census.stranded = Stranded {
                tasks: 1_000,
                before: (1_000.0 * at(Limit::StrandedBefore, 0.9)) as u64,
                unheld: (1_000.0 * at(Limit::StrandedUnheld, 1.0)) as u64,
                task: Some((7, "src/main.rs:3".to_owned())),
            };
        }),
        "detached-panic" => each(healthy(), |index, window| {
            // All of them in the first window.
            let panicked = 1_000.0 * at(Limit::OrphanPanics, 1.0);
            window.counts.panicked = if index == 0 { panicked as u64 } else { 0 };
            window.census.get_or_insert_default().orphans = Orphans {
                site: "src/main.rs:3".to_owned(),
                tasks: 1_000,
                orphaned: (1_000.0 * at(Limit::OrphanShare, 1.0)) as u64,
                known: 1_000,
                still: (1_000.0 * at(Limit::LeakStill, 1.0)).round() as u64,
                owners: 1_000,
                owner: Some((7, "src/main.rs:5".to_owned())),
                resource: Some("chan at src/main.rs:2".to_owned()),
            };
        }),
        "slow-consumer" => {
            let slow = matches!(limit, Some((Limit::Depth, _)));
            let course = Course {
                growth: at(Limit::DepthGrowth, if slow { 2.0 } else { 6.0 }),
                last: 4.0 * at(Limit::Depth, 500.0),
                tau: at(Limit::DepthTau, 1.0),
            };
            census(healthy(), |index, census| {
                census.queues = vec![Queue {
                    id: 5,
                    resource: "unbounded chan at src/main.rs:2".to_owned(),
                    depth: course.at(index) as u64,
                    sends: (1_000.0 * at(Limit::DepthFlow, 2.0)) as u64,
                    receives: 1_000,
                    task: Some((7, "src/main.rs:3".to_owned())),
                }];
            })
        }
        other => panic!("no cell for {other}"),
    }
}

fn name(diagnosis: &Diagnosis) -> &'static str {
    diagnosis.name()
}

#[test]
fn a_healthy_run_is_healthy_and_names_its_nearest_rules() {
    let diagnosis = diagnose(&healthy());
    assert_eq!(diagnosis.conclusion, Conclusion::Healthy);
    assert!(diagnosis.verdicts.is_empty() && diagnosis.implied.is_empty());
    assert_eq!(diagnosis.nearest.len(), 3);
    let margins: Vec<f64> = diagnosis.nearest.iter().map(|near| near.margin.unwrap_or(f64::INFINITY)).collect();
    assert!(margins.windows(2).all(|pair| pair[0] <= pair[1]), "{margins:?}");
    assert!(diagnosis.nearest.iter().all(|near| near.state == RuleState::Ok));
    assert!(diagnosis.health > 0.0 && diagnosis.health < 1.0);
}

#[test]
fn every_rule_names_its_own_cell_and_nothing_else() {
    for rule in RULES {
        let diagnosis = diagnose(&cell(rule.id, None));
        assert_eq!(name(&diagnosis), rule.id);
        assert_eq!(diagnosis.verdicts.len(), 1, "{diagnosis:?}");
        let verdict = &diagnosis.verdicts[0];
        assert!(verdict.primary && verdict.windows.len() >= 3);
        let signals: Vec<_> = verdict.evidence.iter().map(|signal| signal.signal).collect();
        let limits: Vec<_> = rule.limits.iter().map(|limit| limit.row().signal).collect();
        assert_eq!(signals, limits, "a rule reads its limits in their order");
        for implied in &diagnosis.implied {
            assert!(rule.implies.contains(implied));
        }
    }
}

/// The mutation test: deleting a rule, halving a limit and doubling it must each change some cell's verdict.
#[test]
fn every_rule_and_every_limit_decides_something() {
    for rule in RULES {
        let rest: Vec<&'static Rule> = RULES.iter().copied().filter(|other| other.id != rule.id).collect();
        let without = diagnose_with(&cell(rule.id, None), &rest, &Thresholds::default());
        assert_ne!(name(&without), rule.id);
        for limit in rule.limits.iter().copied() {
            let row = limit.row();
            // A cell just on the sick side and one just on the other.
            let (sick, well) = match row.sense {
                Sense::AtLeast => (row.value * 1.3, row.value * 0.7),
                Sense::AtMost => (row.value * 0.7, row.value * 1.5),
            };
            // Shares end at 1.
            let sick = if row.value < 1.0 { sick.min(1.0) } else { sick };
            let judge = |value: f64, scale: f64| {
                let limits = Thresholds::default().with(limit, row.value * scale);
                let diagnosis = diagnose_with(&cell(rule.id, Some((limit, value))), &[rule], &limits);
                name(&diagnosis) == rule.id
            };
            assert!(judge(sick, 1.0), "{} is not sick with {limit:?} at {sick}", rule.id);
            assert!(!judge(well, 1.0), "{} is sick with {limit:?} at {well}", rule.id);
            let (stricter, laxer) = match row.sense {
                Sense::AtLeast => (2.0, 0.5),
                Sense::AtMost => (0.5, 2.0),
            };
            assert!(!judge(sick, stricter), "{}: {limit:?} could be twice as strict and no cell would notice", rule.id);
            assert!(judge(well, laxer), "{}: {limit:?} could be twice as lax and no cell would notice", rule.id);
        }
    }
}

#[test]
fn every_limit_belongs_to_a_rule_and_has_a_source() {
    for limit in Limit::ALL {
        assert!(RULES.iter().any(|rule| rule.limits.contains(limit)), "{limit:?} decides nothing");
        assert!(limit.row().source.len() > 20, "{limit:?} has no source");
    }
}

#[test]
fn two_windows_are_a_recheck_and_not_a_verdict() {
    let sick = cell("one-producer", None);
    let mut evidence = healthy();
    for at in [2, 3, 6, 7, 10] {
        evidence.windows[at] = sick.windows[at].clone();
    }
    let diagnosis = diagnose(&evidence);
    assert_eq!(diagnosis.conclusion, Conclusion::Healthy);
    let near = &diagnosis.nearest[0];
    assert_eq!((near.pathology, near.state), ("one-producer", RuleState::Recheck));
    evidence.windows[4] = sick.windows[4].clone();
    assert_eq!(name(&diagnose(&evidence)), "one-producer");
}

#[test]
fn too_little_is_insufficient_and_never_a_guess() {
    let mut short = cell("hog", None);
    short.windows.truncate(7);
    assert_eq!(diagnose(&short).conclusion, Conclusion::InsufficientData);

    let quiet = each(cell("one-producer", None), |_, window| window.counts.polls = 10);
    let diagnosis = diagnose(&quiet);
    assert_eq!(diagnosis.conclusion, Conclusion::InsufficientData);
    assert!(diagnosis.missing.unwrap().contains("one-producer would hold, but 120 polls"));

    let unknown = Evidence { load: Load::Unknown, ..cell("unbounded-spawn", None) };
    let diagnosis = diagnose(&unknown);
    assert_eq!(diagnosis.conclusion, Conclusion::InsufficientData);
    assert!(diagnosis.missing.unwrap().contains("offered load is unknown"));

    let nothing = Evidence { windows: Vec::new(), ..healthy() };
    assert_eq!(diagnose(&nothing).conclusion, Conclusion::InsufficientData);
}

#[test]
fn a_stuck_runtime_is_named_although_it_polls_nothing() {
    let stuck = each(cell("hog", None), |_, window| window.counts.polls = 2);
    assert_eq!(name(&diagnose(&stuck)), "hog");
}

#[test]
fn sites_are_named_once_each() {
    let mut diagnosis = diagnose(&cell("hog", None));
    assert_eq!((diagnosis.verdicts[0].tasks.as_slice(), diagnosis.verdicts[0].sites.len()), (&[7][..], 0));
    diagnosis.locate(|task| (task == 7).then(|| "src/main.rs:3".to_owned()));
    assert_eq!(diagnosis.verdicts[0].sites, ["src/main.rs:3"]);
}

#[test]
fn sites_that_were_seen_need_no_asking() {
    for id in ["locked-thread", "ffi-pinned"] {
        let mut diagnosis = diagnose(&cell(id, None));
        diagnosis.locate(|_| None);
        let verdict = &diagnosis.verdicts[0];
        assert_eq!((verdict.tasks.as_slice(), verdict.sites.as_slice()), (&[7][..], &["src/main.rs:3".to_owned()][..]));
    }
}

#[test]
fn a_trap_implies_the_poll_that_holds_it() {
    let mut stuck = stand(0.0, 1.0, 0.9);
    stuck.trapped_ns = 100 * MS;
    let diagnosis = diagnose(&with_stand(&stuck));
    assert_eq!(name(&diagnosis), "runnext-trap");
    assert_eq!((diagnosis.verdicts.len(), diagnosis.implied.as_slice()), (1, &["blocking-in-task"][..]));
}

#[test]
fn a_backlog_behind_a_hog_is_implied() {
    let hog = cell("hog", None);
    let both = each(cell("unbounded-spawn", None), |at, window| window.stands = hog.windows[at].stands.clone());
    let diagnosis = diagnose(&both);
    assert_eq!((name(&diagnosis), diagnosis.implied.as_slice()), ("hog", &["unbounded-spawn"][..]));
}

#[test]
fn a_backlog_that_nobody_looks_at_is_implied() {
    let both = each(cell("unbounded-spawn", None), |_, window| window.unserved_polls = 30_000.0);
    let diagnosis = diagnose(&both);
    assert_eq!((name(&diagnosis), diagnosis.implied.as_slice()), ("global-queue-starvation", &["unbounded-spawn"][..]));
}

#[test]
fn two_diseases_at_once_are_both_named() {
    let producer = cell("one-producer", None);
    let both = each(cell("syscall-storm", None), |at, window| {
        window.counts.spawned = producer.windows[at].counts.spawned;
        window.counts.overflow_tasks = producer.windows[at].counts.overflow_tasks;
        window.spawned_by_one = producer.windows[at].spawned_by_one;
    });
    let names: Vec<_> = diagnose(&both).verdicts.iter().map(|v| (v.pathology, v.primary)).collect();
    assert_eq!(names, [("syscall-storm", true), ("one-producer", false)]);
}

fn stays_healthy(evidence: &Evidence, why: &str) {
    let diagnosis = diagnose(evidence);
    assert_eq!(name(&diagnosis), "healthy", "{why}: {diagnosis:#?}");
}

#[test]
fn controls_that_each_guard_is_there_for() {
    stays_healthy(&with_stand(&stand(1.0, 0.0, 0.0)), "a long poll that nobody waits for");
    stays_healthy(&with_stand(&stand(1.0, 0.0, 0.05)), "a hog beside a spare P");
    stays_healthy(&with_stand(&stand(0.001, 0.0, 0.9)), "a short poll whose thread the kernel kept off the CPU");
    let mut descheduled = stand(0.001, 0.0, 0.9);
    descheduled.trapped_ns = 150 * MS;
    stays_healthy(&with_stand(&descheduled), "a next slot behind a thread that the kernel kept off the CPU");
    let mut short = stand(1.0, 0.0, 0.9);
    (short.wall_ns, short.cpu_ns, short.stalled_ns) = (50_000, 50_000, 50_000);
    let next_to_tiny = Evidence { unit_ns: 300, ..with_stand(&short) };
    stays_healthy(&next_to_tiny, "50 us is long beside 0.3 us and still no hog");
    let slow = Evidence { unit_ns: 5 * MS, ..cell("hog", Some((Limit::HogTicks, 20.0))) };
    stays_healthy(&slow, "a machine on which every poll takes long");
    let resting = each(healthy(), |_, window| {
        window.counts =
            Counts { polls: 200, steal_attempts: 200 * 60, spin_ns: 90 * MS, busy_ns: 4 * MS, ..window.counts };
        window.spinning_mean = 0.6;
    });
    stays_healthy(&resting, "one lingering spinner on a nearly idle runtime");
    let ramp = each(healthy(), |at, window| {
        window.live = 200 + 200 * at.min(4) as u64;
        window.live_mean = window.live as f64;
        window.runnable_mean = window.live_mean * 0.9;
    });
    stays_healthy(&ramp, "a ramp and then a plateau");
    let leak = each(healthy(), |at, window| {
        window.live = 200 + 200 * at as u64;
        window.live_mean = window.live as f64;
    });
    stays_healthy(&leak, "live tasks that wait for something else: a leak, and no backlog");
    let connections = each(healthy(), |at, window| {
        window.live = 2 + at as u64;
        window.live_mean = window.live as f64;
        window.runnable_mean = window.live_mean;
    });
    stays_healthy(&connections, "one more in each window");
    let few = each(healthy(), |_, window| {
        window.counts.timers_fired = 8;
        window.timer_half = Some(0.005);
        window.runnable_max = 8;
    });
    stays_healthy(&few, "eight timers in one turn");
    let sections = each(healthy(), |_, window| {
        window.counts.blocking_sections = 10_000;
        window.machines_mean = 60.0;
        window.blocked_mean = 56.0;
    });
    stays_healthy(&sections, "many short sections that keep their P");
    let mut descheduled = stand(0.001, 0.0, 0.9);
    descheduled.overdue_ns = 150 * MS;
    descheduled.captive_ns = 150 * MS;
    stays_healthy(
        &with_stand(&descheduled),
        "a due timer and a driver behind a thread that the kernel kept off the CPU",
    );
    let window_of_a_program = each(healthy(), |_, window| {
        window.counts.polls = 100;
        window.counts.passes = 18;
    });
    stays_healthy(&window_of_a_program, "a locked task that wakes sixty times a second, and little else");
    let passes = each(healthy(), |_, window| window.counts.passes = 1_000);
    stays_healthy(&passes, "a locked conversation that is a small part of the work");
    let slow = each(cell("ffi-pinned", None), |_, window| window.counts.blocking_sections = 1_000);
    stays_healthy(&slow, "slow calls that come to be more, and return");
    let many_sites = each(cell("ffi-pinned", None), |_, window| window.blocked_at_one_site /= 2);
    stays_healthy(&many_sites, "calls from many places, under a load that begins");
    let few = each(healthy(), |at, window| {
        window.blocked = at as u64;
        window.blocked_at_one_site = at as u64;
        window.counts.blocking_sections = 1;
    });
    stays_healthy(&few, "a dozen long calls on four processors");
    stays_healthy(&each(healthy(), |_, window| window.unserved_polls = 61.0), "a global queue that waits for its turn");
    stays_healthy(&each(healthy(), |_, window| window.unturned_polls = 61.0), "a driver that waits for its turn");
    let rests = each(healthy(), |_, window| {
        window.counts.polls = 300;
        window.counts.no_descriptor = 150;
    });
    stays_healthy(&rests, "an accept loop that rests a millisecond after each failure");
    let forked = each(healthy(), |_, window| {
        window.counts.spawned = 40_000;
        window.counts.overflow_tasks = 24_000;
        window.spawned_by_one = 14_000;
    });
    stays_healthy(&forked, "many producers that overflow");
}

#[test]
fn controls_of_the_rules_on_waiting() {
    let batch = each(cell("busy-yield", None), |_, window| window.poll_half_ns = Some(50_000));
    stays_healthy(&batch, "a batch that yields between pieces of 50 us");
    let polite = each(cell("busy-yield", None), |_, window| window.counts.leaf_ready = window.counts.polls);
    stays_healthy(&polite, "a task that yields between two messages");
    let consumers = each(cell("wake-storm", None), |_, window| window.poll_half_ns = Some(20_000));
    stays_healthy(&consumers, "subscribers that are all woken, and compute");
    let beside = each(cell("wake-storm", None), |_, window| {
        window.counts.polls *= 3;
        window.poll_most_ns = Some(20_000);
    });
    stays_healthy(&beside, "the same beside many short polls of others");
    let receivers = census(cell("wake-storm", None), |_, census| census.crowds[0].vain = 0);
    stays_healthy(&receivers, "subscribers that are all woken, and find something in a channel");
    let now_and_then = each(cell("wake-storm", None), |_, window| window.counts.polls *= 100);
    stays_healthy(&now_and_then, "a herd now and then");
    let over_io = census(cell("mutex-convoy", None), |_, census| census.locks[0].runnable = 0);
    stays_healthy(&over_io, "a lock whose owner waits for something else");
    let few = census(cell("mutex-convoy", None), |_, census| {
        let lock = &mut census.locks[0];
        (lock.glances, lock.owned, lock.waited, lock.running, lock.runnable) = (4, 4, 4, 0, 4);
    });
    stays_healthy(&few, "a lock that was looked at four times");
    let legal = census(cell("blocking-pool-deadlock", None), |_, census| census.pool.waiting = 0);
    stays_healthy(&legal, "a pool at its limit, in the middle of long calls");
    let some_wait = census(cell("blocking-pool-deadlock", None), |_, census| {
        census.pool.waiting = 50;
        census.pool.ended = 50;
    });
    stays_healthy(&some_wait, "closures that wait for closures, and are served");
    for class in [Class::Receive, Class::Send, Class::Sleep, Class::Other] {
        let parked = census(leak(class, None), |_, census| {
            let group = &mut census.groups[0];
            (group.tasks, group.entered) = (10_000, 0);
        });
        stays_healthy(&parked, "ten thousand idle tasks, always the same");
        let slow = census(leak(class, None), |index, census| census.groups[0].left = 150 * index as u64);
        stays_healthy(&slow, "a ramp: tasks that wait for a while, and have begun to leave");
        let unknown = Evidence { load: Load::Unknown, ..leak(class, None) };
        assert_eq!(diagnose(&unknown).conclusion, Conclusion::InsufficientData);
    }
    let ramp = each(cell("staircase-leak", None), |_, window| window.counts.ended = 0);
    stays_healthy(&ramp, "connections that come to be more, and none ends");
    let aside = each(cell("staircase-leak", None), |_, window| window.counts.ended *= 10);
    stays_healthy(&aside, "tasks that come to be more beside many that leave nothing behind");
    let held = census(leak(Class::Other, None), |_, census| census.groups[0].unheld = 0);
    stays_healthy(&held, "tasks that somebody can cancel");
    let awake = census(leak(Class::Other, None), |_, census| census.groups[0].still = 0);
    stays_healthy(&awake, "connections that come to be more, and are used");
    let served = census(leak(Class::Receive, None), |_, census| census.groups[0].barren = 0);
    stays_healthy(&served, "receivers that have something to receive, and wait for a P");
    let orderly = each(healthy(), |_, window| window.ending = Some(Waited { ns: 5 * MS, ..Waited::default() }));
    stays_healthy(&orderly, "a shutdown that waits for one after the other");
    let held = each(cell("lock-across-await", None), |_, window| {
        window.jam = window.jam.take().map(|jam| Jam { stalled_ns: 0, ..jam });
    });
    stays_healthy(&held, "everybody at one lock, and nobody else");
    let bursts = each(cell("sawtooth", None), |_, window| window.arrival_half = Some(0.01));
    stays_healthy(&bursts, "tasks that come in bursts and go in bursts");
    let few = each(cell("sawtooth", None), |_, window| (window.live_max, window.live_min) = (8, 0));
    stays_healthy(&few, "a handful that end together");
    let behind = each(cell("sawtooth", None), |_, window| window.runnable_mean = window.live_mean);
    stays_healthy(&behind, "tasks that stand behind something, and are let go at once");
    let alive = each(cell("rss-high-water", None), |_, window| window.live_max = 10_000);
    stays_healthy(&alive, "memory of tasks that are there");
    let warm = each(cell("rss-high-water", None), |_, window| window.rss = 20 << 20);
    stays_healthy(&warm, "a program that has warmed up");
    let unknown = Evidence { rss: 0, ..cell("rss-high-water", None) };
    stays_healthy(&unknown, "a system that does not tell how much memory is in RAM");
    let moved = census(cell("async-deadlock", None), |_, census| census.rings.locks.still = 0);
    stays_healthy(&moved, "rings that are others in each census");
    let appeared =
        census(cell("futurelock", None), |_, census| (census.rings.own.known, census.rings.own.still) = (0, 0));
    stays_healthy(&appeared, "a lock that was handed to who will come for it");
    let parked = census(cell("lost-wakeup", None), |_, census| census.stranded.unheld = 0);
    stays_healthy(&parked, "tasks that wait for nothing until somebody aborts them");
    let handed_on = each(cell("detached-panic", None), |_, window| window.counts.panicked = 0);
    stays_healthy(&handed_on, "a receiver that is handed from task to task");
    let replaced = census(cell("detached-panic", None), |_, census| census.orphans.orphaned = 0);
    stays_healthy(&replaced, "panics after which somebody receives again");
    let served = census(cell("detached-panic", None), |_, census| census.orphans.still = 0);
    stays_healthy(&served, "tasks that send where nobody is at the moment, and are served");
    let burst = census(cell("slow-consumer", None), |_, census| census.queues[0].receives = 2_000);
    stays_healthy(&burst, "a deep channel that is worked off");
    let level = census(cell("slow-consumer", None), |_, census| census.queues[0].depth = 2_000);
    stays_healthy(&level, "a deep channel that stays as deep as it is");
    let uncounted = each(leak(Class::Other, None), |_, window| window.census = None);
    stays_healthy(&uncounted, "windows without a census");
}

#[test]
fn verdicts_name_resources() {
    for id in [
        "mutex-convoy",
        "select-bias",
        "wake-storm",
        "chan-never-closed",
        "done-channel-hang",
        "ref-cycle-leak",
        "async-deadlock",
        "futurelock",
        "detached-panic",
        "slow-consumer",
    ] {
        let verdict = &diagnose(&cell(id, None)).verdicts[0];
        assert_eq!((verdict.resources.len(), verdict.sites.len(), verdict.tasks.as_slice()), (1, 1, &[7][..]), "{id}");
    }
}

#[test]
fn reports_are_json() {
    let rule = rule("hog").unwrap();
    assert_eq!(rule.id, "hog");
    let json = serde_json::to_value(diagnose(&cell("hog", None))).unwrap();
    assert_eq!(json["conclusion"], "sick");
    assert_eq!(json["verdicts"][0]["pathology"], "hog");
    assert_eq!(json["verdicts"][0]["evidence"][0]["signal"], "poll.cpu/tick");
    assert!(json["verdicts"][0]["evidence"][0]["value"].as_f64().unwrap() >= 10.0);
}
