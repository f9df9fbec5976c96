//! Evidence written by hand: a healthy run, and for each rule one that is sick in its way and in no other.
//!
//! [`cell`] is the one place where a rule's signals are turned back into the windows that they are read from. It takes a limit and a
//! value for it, so that the tests can put each signal on either side of its limit while the rule's others stay clearly sick. All
//! of them start from [`healthy`], twelve windows in which no rule comes near.
//!
//! What grows does so along a [`Course`]; what waits for ever is a [`leak`] of some class; a task with a machine to itself is a
//! [`stand`]. A new rule has its cell here, under its id.

use crate::diagnose::census::{
    Census, Class, Crowd, Group, Lag, Lock, Orphans, Passed, Pool, Queue, Ring, Stranded, Wide,
};
use crate::diagnose::thresholds::Limit;
use crate::diagnose::window::{Counts, Evidence, Holder, Jam, Load, Stand, Waited, Window};

pub(super) const MS: u64 = 1_000_000;

pub(super) fn healthy() -> Evidence {
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

pub(super) fn census(evidence: Evidence, change: impl Fn(usize, &mut Census)) -> Evidence {
    each(evidence, |index, window| change(index, window.census.get_or_insert_default()))
}

/// A group that grows from window to window, and what its tasks do in between.
pub(super) fn leak(class: Class, limit: Option<(Limit, f64)>) -> Evidence {
    let at = |wanted: Limit, otherwise: f64| limit.filter(|(l, _)| *l == wanted).map_or(otherwise, |(_, value)| value);
    let course = Course::of(limit, Limit::LeakTau, Limit::LeakGrowth, Limit::LeakDepth);
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
    /// One that is clearly sick but for the one of the three limits that is asked for. Where that is the depth it is slow enough that
    /// three windows in a row are nearly as deep as the last.
    fn of(limit: Option<(Limit, f64)>, tau: Limit, growth: Limit, depth: Limit) -> Self {
        let at = |wanted, otherwise| limit.filter(|(l, _)| *l == wanted).map_or(otherwise, |(_, value)| value);
        let slow = limit.is_some_and(|(l, _)| l == depth);
        Self { growth: at(growth, if slow { 2.0 } else { 6.0 }), last: 4.0 * at(depth, 500.0), tau: at(tau, 1.0) }
    }

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

pub(super) fn each(mut evidence: Evidence, change: impl Fn(usize, &mut Window)) -> Evidence {
    for (index, window) in evidence.windows.iter_mut().enumerate() {
        change(index, window);
    }
    evidence
}

pub(super) fn stand(cpu: f64, asleep: f64, stalled: f64) -> Stand {
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

pub(super) fn with_stand(stand: &Stand) -> Evidence {
    each(healthy(), |_, window| window.stands = vec![stand.clone()])
}

/// Evidence in which the signal of `limit` in the rule `id` has `value`, and the rule's other signals are clearly sick.
pub(super) fn cell(id: &str, limit: Option<(Limit, f64)>) -> Evidence {
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
            let course = Course::of(limit, Limit::BacklogTau, Limit::BacklogGrowth, Limit::BacklogDepth);
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
            let course = Course::of(limit, Limit::RingTau, Limit::RingGrowth, Limit::RingDepth);
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
            let course = Course::of(limit, Limit::DepthTau, Limit::DepthGrowth, Limit::Depth);
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
        "lagging-receiver" => census(healthy(), |_, census| {
            census.lags = vec![Lag {
                resource: "broadcast at src/main.rs:2".to_owned(),
                sends: 10_000,
                lost: (10_000.0 * at(Limit::LagLost, 0.5)) as u64,
                depth: (1_000.0 * at(Limit::LagDepth, 1.0)) as u64,
                capacity: 1_000,
                task: Some((7, "src/main.rs:3".to_owned())),
            }];
        }),
        other => panic!("no cell for {other}"),
    }
}
