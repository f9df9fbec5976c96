//! How much of the CPU that it could have used the runtime has got.
//!
//! A process that shares its machine gets less done, and its queues grow, without anything being wrong with it. The kernel keeps the
//! account: of each thread, how long it ran, and how long it could have run and stood in line for a CPU behind others
//! (`schedstat`); of the machine, what its hypervisor took away. [`Pressure::turns`] is what came of that from one call to the next. What
//! was got of what was wanted is 1 on a machine of one's own, and a half where there is as much to do besides. It is for sums over
//! several windows: a wait is entered when it is over, and so the shares of single ones are rough.
//!
//! Threads of the runtime stand in line behind one another, too, if it has more processors than there are cores. No rule divides by
//! the share: a backlog on a machine that others have is a backlog. It says why too little was seen to judge.
//!
//! Called by the sampler, once a window. Elsewhere than on Linux nothing is known, and nothing is assumed.

use std::collections::HashMap;

use gumption_core::stats::{MachineState, SchedulerStats};

use super::window::Turns;
use crate::threads;

/// Threads that are asked about: a runtime whose calls block may have hundreds, which all wait for something else.
const ASKED: usize = 64;

/// The accounts at the last call.
#[derive(Debug, Default)]
pub struct Pressure {
    /// Of each thread: how long it had run, and stood in line.
    turns: HashMap<u64, (u64, u64)>,
    machine: Option<(u64, u64)>,
}

impl Pressure {
    /// What the threads which drive tasks have got since the last call; nothing the first time.
    pub fn turns(&mut self, stats: &SchedulerStats) -> Turns {
        let drives = |state| !matches!(state, MachineState::Dead | MachineState::BlockingPool | MachineState::Blocked);
        let driving = stats.machines.iter().filter(|machine| drives(machine.state)).take(ASKED);
        let now: HashMap<u64, (u64, u64)> =
            driving.filter_map(|machine| Some((machine.thread_id, threads::turns(machine.thread_id)?))).collect();
        let machine = threads::stolen();
        let before = std::mem::replace(self, Self { turns: now, machine });
        let mut turns = Turns::default();
        for (thread, (then_ran, then_stood)) in &before.turns {
            if let Some((now_ran, now_stood)) = self.turns.get(thread) {
                turns.ran_ns += now_ran.saturating_sub(*then_ran);
                turns.stood_ns += now_stood.saturating_sub(*then_stood);
            }
        }
        if let (Some((all, stolen)), Some((all_then, stolen_then))) = (self.machine, before.machine) {
            let (all, stolen) = (all.saturating_sub(all_then), stolen.saturating_sub(stolen_then));
            // Of the time that the kernel believes to have given us, the hypervisor took as large a part as of all.
            let taken = (turns.ran_ns as f64 * stolen as f64 / all.max(1) as f64) as u64;
            turns = Turns { ran_ns: turns.ran_ns.saturating_sub(taken), stood_ns: turns.stood_ns + taken };
        }
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumption_core::runtime::Builder;

    #[test]
    fn a_share_is_of_what_was_wanted() {
        let share = |ran_ns, stood_ns| Turns { ran_ns, stood_ns }.share();
        assert_eq!((share(10, 0), share(10, 30), share(0, 5), share(0, 0)), (1.0, 0.25, 0.0, 1.0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_runtime_that_computes_has_got_something() {
        let runtime = Builder::<gumption_core::driver::ThreadDriver>::new_multi_thread().processors(1).build().unwrap();
        let mut pressure = Pressure::default();
        let spin = || {
            runtime.block_on(async {
                gumption_core::spawn(async {
                    let begun = std::time::Instant::now();
                    while begun.elapsed() < std::time::Duration::from_millis(30) {
                        std::hint::spin_loop();
                    }
                })
                .await
                .unwrap();
            });
        };
        spin();
        assert_eq!(pressure.turns(&runtime.handle().stats()), Turns::default());
        let turns = loop {
            spin();
            let turns = pressure.turns(&runtime.handle().stats());
            if turns.ran_ns > 0 {
                break turns;
            }
        };
        let share = turns.share();
        assert!(share > 0.0 && share <= 1.0, "{share}");
    }
}
