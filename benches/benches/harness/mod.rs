//! Criterion around the catalogue.
//!
//! One criterion iteration is `few` operations of the bench (criterion shows them as elements, so read the throughput),
//! run through the body that the table runs. The runtimes live as long as the group, one after the other, in one
//! process: good for looking at one change closely; for a comparison of peers take the table, where each has a process of its own.
//! A latency bench reports the mean of its samples here; its percentiles are in the table.
//! So is the CPU time of a bench that has it: here it is the wall time.
//!
//! A body that hangs would hang the program, so a watchdog ends it with a message when one call takes a minute.

use std::process::exit;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use gumption_benches::catalogue::{self, Bench};
use gumption_benches::measured::{Measured, Spent};
use gumption_benches::peers::PEERS;
use gumption_benches::subject::Subject;

/// How long one call of a body may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the named benches on every peer that has what they need.
pub(crate) fn compare(criterion: &mut Criterion, names: &[&str]) {
    let workers = thread::available_parallelism().map_or(4, usize::from);
    for name in names {
        let bench = catalogue::find(name).expect("a bench of the catalogue");
        let mut group = criterion.benchmark_group(*name);
        group.sample_size(10).throughput(Throughput::Elements(bench.few));
        for peer in PEERS.iter().filter(|peer| (peer.has)(bench.id)) {
            let subject = (peer.start)(workers).expect("threads to be had");
            group.bench_function(BenchmarkId::from_parameter(peer.name), |bencher| {
                bencher.iter_custom(|iterations| (0..iterations).map(|_| watched(subject.as_ref(), bench)).sum());
            });
        }
        group.finish();
    }
}

fn watched(subject: &dyn Subject, bench: &'static Bench) -> Duration {
    let (done, watched) = channel::<()>();
    let dog = thread::spawn(move || {
        if watched.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{} hangs: no result after {} s", bench.name, LIMIT.as_secs());
            exit(1);
        }
    });
    let total = match subject.measure(bench.id, bench.few) {
        Measured::Total(total) | Measured::Spent(Spent { wall: total, .. }) => total,
        Measured::Each(each) => {
            let samples = u32::try_from(each.len()).unwrap_or(u32::MAX).max(1);
            each.iter().sum::<Duration>() / samples * u32::try_from(bench.few).unwrap_or(u32::MAX)
        }
    };
    drop(done);
    dog.join().expect("the watchdog does not panic");
    total
}
