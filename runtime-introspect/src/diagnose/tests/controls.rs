//! The controls that each guard of a rule is there for: runs that look sick in all ways but one, and are not.
//!
//! Each is a [cell](super::cells) with the one thing changed that makes it a normal program. Who takes a signal out of a rule, or
//! moves a limit, learns here what would be called sick then.

use super::cells::{MS, cell, census, each, healthy, leak, stand, with_stand};
use crate::diagnose::census::Class;
use crate::diagnose::thresholds::Limit;
use crate::diagnose::window::{Counts, Evidence, Jam, Load, Stand, Waited};
use crate::diagnose::{Conclusion, diagnose};

fn stays_healthy(evidence: &Evidence, why: &str) {
    let diagnosis = diagnose(evidence);
    assert_eq!(diagnosis.name(), "healthy", "{why}: {diagnosis:#?}");
}

#[test]
fn controls_that_each_guard_is_there_for() {
    stays_healthy(&with_stand(&stand(1.0, 0.0, 0.0)), "a long poll that nobody waits for");
    stays_healthy(&with_stand(&stand(1.0, 0.0, 0.05)), "a hog beside a spare P");
    stays_healthy(&with_stand(&stand(0.001, 0.0, 0.9)), "a short poll whose thread the kernel kept off the CPU");
    let mut descheduled = stand(0.001, 0.0, 0.9);
    descheduled.trapped_ns = 150 * MS;
    stays_healthy(&with_stand(&descheduled), "a next slot behind a thread that the kernel kept off the CPU");
    let behind = Stand { excused_ns: 195 * MS, ..stand(0.0, 1.0, 0.9) };
    stays_healthy(&with_stand(&behind), "who waits for a lock whose owner the kernel keeps off the CPU");
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
    let missed = census(cell("lagging-receiver", None), |_, census| census.lags[0].depth = 30);
    stays_healthy(&missed, "a receiver that misses some of each burst, and catches up");
    let spared = census(cell("lagging-receiver", None), |_, census| census.lags[0].lost = 100);
    stays_healthy(&spared, "a receiver that is behind and loses hardly anything");
    let uncounted = each(leak(Class::Other, None), |_, window| window.census = None);
    stays_healthy(&uncounted, "windows without a census");
}
