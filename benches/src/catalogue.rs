//! All benches, as data: name, what one operation is, how many, in which unit, and which target.
//!
//! [`BENCHES`] is what the table, criterion and the tests walk. Adding a bench is one [`Id`], one line in [`body`] and
//! one entry here. The targets are ratios against tokio in the same run, but for the two that are promises in
//! milliseconds.

use std::time::Duration;

use crate::body::{blocking, cpu, fork_join, http, latency, spawn, tcp, timers, udp, yields};
use crate::measured::{Measured, Spent};
use crate::net::Net;
use crate::sample::quantile;

/// The benches by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "BENCHES says what each one is")]
pub enum Id {
    SpawnJoinLocal,
    SpawnJoinOne,
    SpawnJoinRemote,
    SpawnJoinRemoteMt,
    SpawnMany,
    ChainedSpawn,
    YieldMany,
    YieldLone,
    PingPong,
    ChannelHop,
    FanIn,
    UnboundedStream,
    OneshotReady,
    OneshotHop,
    Broadcast8,
    WatchHop,
    Watch8,
    NotifyHop,
    MutexContended,
    MutexHeld,
    MutexFree,
    RwlockFree,
    RwlockReaders,
    SemaphoreFree,
    ForkJoinFib,
    TimerArmCancel,
    TimerSleeps,
    TimerSleepsCpu,
    BlockingSection,
    BlockInPlace,
    WakeLatency,
    WakeLatencyCold,
    Orphan,
    BesideHog,
    CpuIdle,
    CpuTicker,
    TcpEcho64,
    TcpEcho512,
    TcpEcho1,
    UdpPingPong,
    HyperHello,
}

/// A bench's body for one peer.
pub enum Body<P> {
    /// Returns the time of all operations together.
    Total(fn(&P, u64) -> Duration),
    /// Returns the latency of each.
    Each(fn(&P, u64) -> Vec<Duration>),
    /// Returns the time of all operations together, wall and CPU.
    Spent(fn(&P, u64) -> Spent),
}

/// The body that belongs to a bench.
#[must_use]
pub fn body<P: Net>(id: Id) -> Body<P> {
    match id {
        Id::SpawnJoinLocal => Body::Total(spawn::join_local),
        Id::SpawnJoinOne => Body::Total(spawn::join_one),
        Id::SpawnJoinRemote => Body::Total(spawn::join_remote),
        Id::SpawnJoinRemoteMt => Body::Total(spawn::join_remote_mt),
        Id::SpawnMany => Body::Total(spawn::many),
        Id::ChainedSpawn => Body::Total(spawn::chained),
        Id::YieldMany => Body::Total(yields::many),
        Id::YieldLone => Body::Total(yields::lone),
        Id::PingPong => Body::Total(P::PRIMITIVES.ping_pong),
        Id::ChannelHop => Body::Total(P::PRIMITIVES.channel_hop),
        Id::FanIn => Body::Total(P::PRIMITIVES.fan_in),
        Id::UnboundedStream => Body::Total(P::PRIMITIVES.unbounded_stream),
        Id::OneshotReady => Body::Total(P::PRIMITIVES.oneshot_ready),
        Id::OneshotHop => Body::Total(P::PRIMITIVES.oneshot_hop),
        Id::Broadcast8 => Body::Total(P::PRIMITIVES.broadcast_8),
        Id::WatchHop => Body::Total(P::PRIMITIVES.watch_hop),
        Id::Watch8 => Body::Total(P::PRIMITIVES.watch_8),
        Id::NotifyHop => Body::Total(P::PRIMITIVES.notify_hop),
        Id::MutexContended => Body::Total(P::PRIMITIVES.mutex_contended),
        Id::MutexHeld => Body::Total(P::PRIMITIVES.mutex_held),
        Id::MutexFree => Body::Total(P::PRIMITIVES.mutex_free),
        Id::RwlockFree => Body::Total(P::PRIMITIVES.rwlock_free),
        Id::RwlockReaders => Body::Total(P::PRIMITIVES.rwlock_readers),
        Id::SemaphoreFree => Body::Total(P::PRIMITIVES.semaphore_free),
        Id::ForkJoinFib => Body::Total(fork_join::fib),
        Id::TimerArmCancel => Body::Total(timers::arm_cancel),
        Id::TimerSleeps => Body::Total(timers::sleeps),
        Id::TimerSleepsCpu => Body::Total(timers::sleeps_cpu),
        Id::BlockingSection => Body::Total(blocking::section),
        Id::BlockInPlace => Body::Total(blocking::in_place),
        Id::WakeLatency => Body::Each(latency::wake),
        Id::WakeLatencyCold => Body::Each(latency::wake_cold),
        Id::Orphan => Body::Each(latency::orphan),
        Id::BesideHog => Body::Each(latency::beside_hog),
        Id::CpuIdle => Body::Total(cpu::idle),
        Id::CpuTicker => Body::Total(cpu::ticker),
        Id::TcpEcho64 => Body::Spent(tcp::echo::<P, 64>),
        Id::TcpEcho512 => Body::Spent(tcp::echo::<P, 512>),
        Id::TcpEcho1 => Body::Spent(tcp::echo::<P, 1>),
        Id::UdpPingPong => Body::Spent(udp::ping_pong),
        Id::HyperHello => Body::Spent(http::hello),
    }
}

/// What Gumption has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Nothing was promised; the row is there to be read.
    None,
    /// tokio's median over ours is at least this.
    Times(f64),
    /// Our median is not above tokio's, but for the 5 % that medians of few rounds wander.
    NoWorse,
    /// Our median is below this, in the row's unit.
    Below(f64),
}

impl Target {
    /// How far below 1 the ratio of two equals may come out.
    const WANDER: f64 = 0.95;

    /// Whether our value meets the target, beside tokio's where it counts. `None` if that cannot be said.
    #[must_use]
    pub fn met(self, ours: f64, tokio: Option<f64>) -> Option<bool> {
        match self {
            Target::None => None,
            Target::Times(factor) => tokio.map(|tokio| tokio / ours >= factor),
            Target::NoWorse => tokio.map(|tokio| tokio / ours >= Self::WANDER),
            Target::Below(limit) => Some(ours < limit),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::None => Ok(()),
            Target::Times(factor) => write!(f, ">= {factor}x"),
            Target::NoWorse => write!(f, "no worse"),
            Target::Below(limit) => write!(f, "< {limit}"),
        }
    }
}

/// Which of a bench's values a row shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shows {
    /// The time per operation.
    PerOp,
    /// The CPU time per operation, where both clocks were read.
    CpuPerOp,
    /// The sample of this rank, 0 to 1, of a latency bench.
    Quantile(f64),
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name; with the bench's, unique.
    pub name: &'static str,
    /// The unit that is printed.
    pub unit: &'static str,
    /// Nanoseconds per printed unit.
    pub scale: f64,
    /// Which of the measured values it shows.
    pub shows: Shows,
    /// What Gumption has to reach.
    pub target: Target,
}

/// One bench.
#[derive(Debug, Clone, Copy)]
pub struct Bench {
    /// Which.
    pub id: Id,
    /// Its name on the command line and in the table.
    pub name: &'static str,
    /// What one operation is.
    pub op: &'static str,
    /// Operations of one round of the table.
    pub ops: u64,
    /// Operations of one round with `--quick`, and of one iteration under criterion.
    pub few: u64,
    /// The lines that it gives in the table.
    pub rows: &'static [Row],
}

impl Bench {
    /// The values of the bench's rows, in their units.
    #[must_use]
    pub fn values(&self, measured: &Measured, ops: u64) -> Vec<f64> {
        let per_op = |time: &Duration| time.as_nanos() as f64 / ops as f64;
        let value = |row: &Row| match (row.shows, measured) {
            (Shows::PerOp, Measured::Total(time) | Measured::Spent(Spent { wall: time, .. })) => per_op(time),
            (Shows::CpuPerOp, Measured::Spent(Spent { cpu, .. })) => per_op(cpu),
            (Shows::Quantile(q), Measured::Each(each)) => {
                let nanoseconds: Vec<f64> = each.iter().map(|sample| sample.as_nanos() as f64).collect();
                quantile(&nanoseconds, q)
            }
            // A row that asks for what its bench does not measure: no number, which the tests find.
            _ => f64::NAN,
        };
        self.rows.iter().map(|row| value(row) / row.scale).collect()
    }
}

/// Finds a bench by name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Bench> {
    BENCHES.iter().find(|bench| bench.name == name)
}

const US: f64 = 1e3;
const MS: f64 = 1e6;

const fn row(name: &'static str, unit: &'static str, scale: f64, shows: Shows, target: Target) -> Row {
    Row { name, unit, scale, shows, target }
}

const fn bench(id: Id, name: &'static str, op: &'static str, (ops, few): (u64, u64), rows: &'static [Row]) -> Bench {
    Bench { id, name, op, ops, few, rows }
}

macro_rules! per_op {
    ($target:expr) => {
        &[row("", "ns", 1.0, PerOp, $target)]
    };
}

/// Wall time with the row's own target; of CPU time no more than tokio takes.
macro_rules! per_op_and_cpu {
    ($target:expr) => {
        &[row("", "ns", 1.0, PerOp, $target), row("cpu", "ns", 1.0, CpuPerOp, NoWorse)]
    };
}

use Shows::{CpuPerOp, PerOp, Quantile};
use Target::{Below, NoWorse, None as Nothing, Times};

/// All benches, in the order of the table.
pub const BENCHES: &[Bench] = &[
    bench(
        Id::SpawnJoinLocal,
        "spawn_join_local",
        "a task spawned by a task and joined, in batches of 1000",
        (1_000_000, 100_000),
        per_op!(Times(1.5)),
    ),
    bench(
        Id::SpawnJoinOne,
        "spawn_join_one",
        "a task spawned and joined before the next is",
        (1_000_000, 50_000),
        per_op!(Times(1.5)),
    ),
    bench(
        Id::SpawnJoinRemote,
        "spawn_join_remote",
        "a task spawned and joined by a thread outside, in batches of 1000",
        (1_000_000, 100_000),
        per_op!(Times(1.5)),
    ),
    bench(
        Id::SpawnJoinRemoteMt,
        "spawn_join_remote_mt",
        "the same from four threads outside",
        (1_000_000, 100_000),
        per_op!(Times(1.5)),
    ),
    bench(
        Id::SpawnMany,
        "spawn_many",
        "a task spawned and detached, all before any is awaited",
        (1_000_000, 100_000),
        per_op!(Times(1.5)),
    ),
    bench(
        Id::ChainedSpawn,
        "chained_spawn",
        "a task that spawns the next and ends",
        (1_000_000, 50_000),
        per_op!(Times(1.8)),
    ),
    bench(
        Id::YieldMany,
        "yield_many",
        "one of 200 tasks yields and has its turn again",
        (10_000_000, 200_000),
        per_op!(Times(1.3)),
    ),
    bench(
        Id::YieldLone,
        "yield_lone",
        "the only task yields, the other workers asleep",
        (1_000_000, 50_000),
        per_op!(Times(4.0)),
    ),
    bench(
        Id::PingPong,
        "ping_pong",
        "one of 1000 pairs spawns its partner, pings it, is ponged (oneshots)",
        (500_000, 20_000),
        per_op!(Times(1.3)),
    ),
    bench(
        Id::ChannelHop,
        "channel_hop",
        "a message of capacity 1 to the other of two tasks",
        (1_000_000, 100_000),
        per_op!(Times(1.3)),
    ),
    bench(
        Id::FanIn,
        "fan_in",
        "a message of 64 tasks into a channel of capacity 128",
        (1_280_000, 64_000),
        per_op!(Times(3.0)),
    ),
    bench(
        Id::UnboundedStream,
        "unbounded_stream",
        "a message from one task to another, channel without a capacity",
        (4_000_000, 100_000),
        per_op!(NoWorse),
    ),
    bench(
        Id::OneshotReady,
        "oneshot_ready",
        "a oneshot made, sent into and awaited, nobody waits",
        (4_000_000, 100_000),
        per_op!(NoWorse),
    ),
    bench(
        Id::OneshotHop,
        "oneshot_hop",
        "a oneshot over a oneshot to the other of two tasks, which waits",
        (1_000_000, 50_000),
        per_op!(NoWorse),
    ),
    bench(Id::Broadcast8, "broadcast_8", "a value broadcast to 8 tasks", (400_000, 20_000), per_op!(NoWorse)),
    bench(
        Id::WatchHop,
        "watch_hop",
        "a change of a watched value, seen by the other of two tasks",
        (1_000_000, 50_000),
        per_op!(NoWorse),
    ),
    bench(Id::Watch8, "watch_8", "a change of a watched value, seen by 8 tasks", (100_000, 10_000), per_op!(NoWorse)),
    bench(
        Id::NotifyHop,
        "notify_hop",
        "a notification of the other of two tasks",
        (1_000_000, 50_000),
        per_op!(NoWorse),
    ),
    bench(
        Id::MutexContended,
        "mutex_contended",
        "one of 64 tasks locks a mutex, adds, unlocks",
        (1_280_000, 64_000),
        per_op!(Times(2.5)),
    ),
    bench(
        Id::MutexHeld,
        "mutex_held",
        "the same with a yield before it unlocks",
        (320_000, 16_000),
        per_op!(Times(2.0)),
    ),
    bench(
        Id::MutexFree,
        "mutex_free",
        "a mutex locked and unlocked by the only task",
        (10_000_000, 200_000),
        per_op!(NoWorse),
    ),
    bench(
        Id::RwlockFree,
        "rwlock_free",
        "a read lock taken and given back by the only task",
        (10_000_000, 200_000),
        per_op!(NoWorse),
    ),
    bench(Id::RwlockReaders, "rwlock_readers", "the same by one of 8 tasks", (4_000_000, 100_000), per_op!(NoWorse)),
    bench(
        Id::SemaphoreFree,
        "semaphore_free",
        "a permit acquired and given back by the only task",
        (10_000_000, 200_000),
        per_op!(NoWorse),
    ),
    bench(
        Id::ForkJoinFib,
        "fork_join_fib",
        "a task of fib(27), cutoff 10",
        (1_000_000, fork_join::TASKS),
        per_op!(Times(1.5)),
    ),
    bench(
        Id::TimerArmCancel,
        "timer_arm_cancel",
        "a sleep of 10 s armed and dropped",
        (500_000, 50_000),
        per_op!(Times(2.0)),
    ),
    bench(
        Id::TimerSleeps,
        "timer_sleeps",
        "one of 100k sleeps of 1 to 50 ms at once, wall time (floor 500)",
        (100_000, 100_000),
        per_op!(Nothing),
    ),
    bench(Id::TimerSleepsCpu, "timer_sleeps_cpu", "the same, CPU time", (100_000, 100_000), per_op!(Nothing)),
    bench(
        Id::BlockingSection,
        "blocking_section",
        "an empty declared blocking section (gumption::blocking, block_in_place, unblock)",
        (100_000, 10_000),
        per_op!(Times(50.0)),
    ),
    bench(Id::BlockInPlace, "block_in_place", "an empty block_in_place", (100_000, 10_000), per_op!(Times(50.0))),
    bench(
        Id::WakeLatency,
        "wake_latency",
        "a sleeping runtime's task is woken from outside every 0.5 ms",
        (2_000, 500),
        &[row("p50", "us", US, Quantile(0.5), NoWorse), row("p99", "us", US, Quantile(0.99), NoWorse)],
    ),
    bench(
        Id::WakeLatencyCold,
        "wake_latency_cold",
        "the same every 5 ms",
        (300, 50),
        &[row("p50", "us", US, Quantile(0.5), NoWorse), row("p99", "us", US, Quantile(0.99), Nothing)],
    ),
    bench(
        Id::Orphan,
        "orphan",
        "A wakes B, then computes 20 ms in the same poll: B's delay",
        (50, 10),
        &[
            row("p50", "ms", MS, Quantile(0.5), Below(1.0)),
            row("p90", "ms", MS, Quantile(0.9), Below(1.0)),
            row("worst", "ms", MS, Quantile(1.0), Nothing),
        ],
    ),
    bench(
        Id::BesideHog,
        "beside_hog",
        "2 ms sleeps beside a task that computes 50 ms per poll and rests 3 ms: lateness",
        (30, 8),
        &[row("p50", "ms", MS, Quantile(0.5), Nothing), row("worst", "ms", MS, Quantile(1.0), Below(4.0))],
    ),
    bench(
        Id::CpuIdle,
        "cpu_idle",
        "CPU time per second with nothing to do",
        (2_000, 500),
        &[row("", "us/s", 1.0, PerOp, NoWorse)],
    ),
    bench(
        Id::CpuTicker,
        "cpu_ticker",
        "CPU time per tick of a 1 kHz ticker",
        (1_000, 300),
        &[row("", "us", US, PerOp, Nothing)],
    ),
    bench(
        Id::TcpEcho64,
        "tcp_echo_64",
        "64 B to a server and back, over one of 64 TCP connections",
        (200_000, 20_000),
        per_op_and_cpu!(Times(1.9)),
    ),
    bench(Id::TcpEcho512, "tcp_echo_512", "the same over one of 512", (300_000, 30_000), per_op_and_cpu!(Times(1.15))),
    bench(
        Id::TcpEcho1,
        "tcp_echo_1",
        "the same over the only one: the round trip",
        (100_000, 10_000),
        per_op_and_cpu!(NoWorse),
    ),
    bench(
        Id::UdpPingPong,
        "udp_ping_pong",
        "a datagram of 64 B to the other of two tasks and back",
        (100_000, 10_000),
        per_op_and_cpu!(NoWorse),
    ),
    bench(
        Id::HyperHello,
        "hyper_hello",
        "a GET answered by hyper over one of 64 kept-alive connections",
        (100_000, 10_000),
        per_op_and_cpu!(Times(1.2)),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::PEERS;

    #[test]
    fn every_bench_runs_on_every_peer() {
        for peer in PEERS {
            let subject = (peer.start)(2).expect("threads to be had");
            for bench in BENCHES.iter().filter(|bench| (peer.has)(bench.id)) {
                let ops = bench.few.min(2);
                let values = bench.values(&subject.measure(bench.id, ops), ops);
                assert_eq!(values.len(), bench.rows.len());
                assert!(values.iter().all(|value| value.is_finite()), "{} on {}: {values:?}", bench.name, peer.name);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for (n, bench) in BENCHES.iter().enumerate() {
            assert!(BENCHES[..n].iter().all(|other| other.name != bench.name && other.id != bench.id));
            assert_eq!(find(bench.name).expect("its own name").id, bench.id);
        }
    }

    #[test]
    fn targets_judge_the_right_way_round() {
        assert_eq!(Times(1.5).met(100.0, Some(150.0)), Some(true));
        assert_eq!(Times(1.5).met(100.0, Some(149.0)), Some(false));
        assert_eq!(NoWorse.met(100.0, Some(96.0)), Some(true));
        assert_eq!(NoWorse.met(100.0, Some(90.0)), Some(false));
        assert_eq!(Below(1.0).met(0.9, None), Some(true));
        assert_eq!(Below(1.0).met(1.0, None), Some(false));
        assert_eq!(Times(1.5).met(1.0, None), None);
        assert_eq!(Nothing.met(1.0, Some(1.0)), None);
    }
}
