//! `syscall-storm`: a thread for every blocking call.
//!
//! **The story.** Four hundred tasks read from a device that answers a thousand times a second. Each read is declared, as it
//! should be: `blocking(|| ..)`. So each time one sleeps, its P is handed to another M, whose task reads and sleeps too, and
//! so on: four hundred threads wait for one device. Nothing is stuck. The memory of their stacks, the scheduler of the
//! operating system and the connection limit of the other side find out first.
//!
//! ```text
//!  P0 ─▶ M1 reads ▕zzz      P0 handed off
//!     ─▶ M2 reads ▕zzz      P0 handed off
//!     ─▶ M3 reads ▕zzz      ...
//!     ─▶ M4 ...  M400       ▕zzz
//!                 ╰──────── all wait for the same device, which serves one at a time
//! ```
//!
//! **What to look at.** `machines/processors`: a hundred Ms for each P. `machines.blocked/machines`: nearly all sit in a
//! blocking section. `hand_offs/blocking_sections`: every section cost a hand-off, so they are long, not many.
//!
//! **Why the fix works.** A permit before the call. Four hundred tasks wait in line as tasks, 64 bytes and a waker each; eight
//! wait as threads, enough to keep the device busy.
//!
//! There is no cure in the scheduler, only a fuse: `max_machines`. Which calls may wait for each other is the program's
//! knowledge.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::task::yield_now;

use crate::support::{Outstanding, Permits, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct SyscallStorm;

impl Workload for SyscallStorm {
    fn id(&self) -> &'static str {
        "syscall-storm"
    }
    fn family(&self) -> &'static str {
        "blocking"
    }
    fn mechanism(&self) -> &'static str {
        "hundreds of declared blocking calls at once: each takes a thread with it"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("a permit is taken before the call, so that tasks wait instead of threads")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "tasks", default: 400, min: 16, max: 2_000, help: "tasks that read" },
            Knob { name: "permits", default: 8, min: 1, max: 64, help: "reads at a time, fixed" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let (device, line) = match pipe() {
            Ok((device, line)) => (Arc::new(device), line),
            Err(error) => return vec![format!("no pipe to read from: {error}")],
        };
        let tasks = run.plan.knob("tasks");
        let permits = run.plan.fixed().then(|| Permits::new(run.plan.knob("permits")));
        let until = run.until;
        let (readers, answers) = (Outstanding::default(), Arc::new(AtomicU64::new(0)));
        for _ in 0..tasks {
            let (device, permits) = (Arc::clone(&device), permits.clone());
            let (guard, answers) = (readers.begin(), Arc::clone(&answers));
            drop(run.handle.spawn(async move {
                while !until.over() {
                    let permit = match &permits {
                        Some(permits) => Some(permits.acquire().await),
                        None => None,
                    };
                    gumption::blocking(|| read_one(&device));
                    answers.fetch_add(1, Ordering::Relaxed);
                    drop(permit);
                    yield_now().await;
                }
                drop(guard);
            }));
        }
        serve(run, line);
        readers.wait();
        vec![format!("{tasks} tasks got {} answers", answers.load(Ordering::Relaxed))]
    }
}

fn read_one(device: &PipeReader) {
    // The device hangs up at the end: no byte is an answer too.
    let mut byte = [0];
    let mut device = device;
    drop(device.read(&mut byte));
}

/// The device: an answer a millisecond, and at the end it hangs up on everybody.
fn serve(run: &Run, mut line: PipeWriter) {
    pace(run.until, Duration::from_millis(1), |_| drop(line.write_all(&[1])));
}
