//! The `threadcreate` profile: the threads of the runtimes, by why they were made.
//!
//! | why | |
//! | --- | --- |
//! | `[a processor to run]` | a machine, as many as there are processors |
//! | `[a machine that blocks]` | a machine besides those: when it was made, others were in blocking sections or had a task locked to them |
//! | `[spawn_blocking]` | a thread of the blocking pool |
//! | `[sysmon]` | the one that watches |
//!
//! Go's profile of this name tells which call made a thread, and is mostly empty; a runtime knows better why it made one. It
//! counts threads that live, reads what [`Handle::stats`] reads, and refuses to count threads that are not a runtime's.

use gumption_core::runtime::Handle;
use gumption_core::stats::MachineState;

use super::model::{Call, Label, Profile, Sample, ValueKind};

/// The threads of `runtimes`.
pub fn threadcreate(runtimes: &[Handle]) -> Profile {
    let mut profile = Profile::new([ValueKind::new("threadcreate", "count")]);
    profile.period = Some((ValueKind::new("threadcreate", "count"), 1));
    for handle in runtimes {
        let stats = handle.stats();
        let runtime = handle.name().map_or_else(|| handle.id().to_string(), str::to_owned);
        let mut push = |why: &str, state: &str| {
            profile.push(Sample {
                stack: vec![Call::named(why), Call::named(format!("[runtime {runtime}]"))],
                values: vec![1],
                labels: vec![Label::text("runtime", &*runtime), Label::text("state", state)],
            });
        };
        let mut machines = 0;
        for machine in stats.machines.iter().filter(|machine| machine.state != MachineState::Dead) {
            let pooled = matches!(machine.state, MachineState::BlockingPool | MachineState::PoolIdle);
            machines += usize::from(!pooled);
            let why = match pooled {
                true => "[spawn_blocking]",
                false if machines <= stats.config.processors => "[a processor to run]",
                false => "[a machine that blocks]",
            };
            push(why, &machine.state.name().replace('_', " "));
        }
        if stats.config.sysmon {
            push("[sysmon]", if stats.totals.sysmon_asleep { "parked" } else { "running" });
        }
    }
    profile.merge();
    profile
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumption_core::runtime::{Builder, Runtime};
    use std::sync::mpsc;

    fn count(profile: &Profile, why: &str) -> i64 {
        let is_it = |sample: &&Sample| &*sample.stack[0].lines[0].function == why;
        profile.samples.iter().filter(is_it).map(|sample| sample.values[0]).sum()
    }

    #[test]
    fn each_thread_says_why_it_is_there() {
        let runtime: Runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let (in_pool, pool) = mpsc::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        let closure = runtime.spawn_blocking(move || {
            in_pool.send(()).unwrap();
            wait.recv()
        });
        pool.recv().unwrap();
        let profile = threadcreate(&[runtime.handle().clone()]);
        assert_eq!(count(&profile, "[spawn_blocking]"), 1);
        assert_eq!(count(&profile, "[sysmon]"), 1);
        assert!(count(&profile, "[a processor to run]") <= 2);
        assert_eq!(count(&profile, "[a machine that blocks]"), 0);
        assert_eq!(profile.clone().only("state", "blocking pool").total(0), 1);
        go_on.send(()).unwrap();
        runtime.block_on(closure).unwrap().unwrap();
    }
}
