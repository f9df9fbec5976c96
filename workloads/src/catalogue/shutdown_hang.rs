//! `shutdown-hang`: a runtime that is to end, and somebody who has not heard of it.
//!
//! **The story.** A closure on the blocking pool reads lines from a pipe. It is the only one, it costs a thread, nobody thinks of
//! it. The service is told to stop. It stops: no more requests, all tasks dropped. The runtime is dropped last, and waits for its threads.
//! One of them reads from a pipe into which nobody writes. The service has stopped, and does not end; after half a minute
//! somebody sends it a signal that it cannot catch.
//!
//! ```text
//!   main        drop(runtime) ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
//!   tasks       dropped ✓
//!   pool        read(pipe) ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
//! ```
//!
//! With `-k task=1` it is a task that computes and never yields: a poll cannot be interrupted either.
//!
//! **What to look at.** `shutdown.waits.for.one/tick`: the runtime is being ended, and has waited for one and the same closure, or poll,
//! for that long. The verdict names it, and where it was spawned.
//!
//! **Why the fix works.** What may last is told to end first: the pipe is closed, the flag is set. Then the runtime is dropped.
//! Where that cannot be, `shutdown_timeout` waits so long and no longer, and leaves the thread behind.
//!
//! There is no cure in the scheduler: it may not take a thread out of what it is doing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gumption::runtime::Builder;

use crate::support::{Requests, compute};
use crate::workload::{Knob, Plan, Run, Until, Workload};

pub(super) struct ShutdownHang;

impl Workload for ShutdownHang {
    fn id(&self) -> &'static str {
        "shutdown-hang"
    }
    fn family(&self) -> &'static str {
        "shutdown"
    }
    fn mechanism(&self) -> &'static str {
        "the runtime is dropped, and waits for a closure that reads from a pipe into which nobody writes any more"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the pipe is closed before the runtime is dropped, so that the read ends")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[Knob {
            name: "task",
            default: 0,
            min: 0,
            max: 1,
            help: "1: a task that never yields, in place of the closure",
        }]
    }
    fn length(&self) -> Duration {
        Duration::from_millis(1_600)
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let (pipe, lines) = mpsc::channel::<String>();
        let stop = Arc::new(AtomicBool::new(false));
        if run.plan.knob("task") == 1 {
            let stop = Arc::clone(&stop);
            drop(run.handle.spawn(async move {
                // Ordering: Relaxed; a flag and nothing behind it.
                while !stop.load(Ordering::Relaxed) {
                    compute(Duration::from_micros(50));
                }
            }));
        } else {
            drop(run.handle.spawn_blocking(move || lines.iter().map(|line| line.len()).sum::<usize>()));
        }
        // The service serves for half of the time, and is told to stop.
        let serves = Run { until: Until(run.until.0 - run.plan.length / 2), ..run.clone() };
        let requests = Requests::default();
        requests.offer(&serves, Duration::from_micros(150), Duration::from_micros(20));
        let told = requests.told();

        let end = move || {
            // Ordering: Relaxed; see above.
            stop.store(true, Ordering::Relaxed);
            drop(pipe);
        };
        let begun = Instant::now();
        if run.plan.fixed() {
            end();
            run.shut_down();
        } else {
            // In life nobody does this: somebody comes and kills the process.
            let until = run.until;
            let comes = std::thread::spawn(move || {
                std::thread::sleep(until.0.saturating_duration_since(Instant::now()));
                end();
            });
            run.shut_down();
            drop(comes.join());
        }
        let took = begun.elapsed().as_secs_f64() / run.plan.length.as_secs_f64();
        vec![told, format!("to end took {took:.2} of the length of the run")]
    }
}
