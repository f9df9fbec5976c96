//! `detached-panic`: somebody has died, and nobody was told.
//!
//! **The story.** Jobs go through channels to workers. So that a worker can be started again, its receiver is not its own: it is kept
//! beside it, in the queue, for the next one. The workers were spawned, and their handles dropped. One day a job comes that a worker
//! cannot stand. It panics; a line is printed somewhere; nobody awaits it. The channel is not closed, because the receiver is kept.
//! It fills. From then on everybody who has a job waits for room, and everybody whose job is inside waits for an answer.
//!
//! ```text
//!   clients ──▶ [ j j j j j j ]   full          worker  ✝ panicked at job 25
//!     wait           │                             │
//!                    ╰── queue.receiver ◀── kept ──╯   its handle: dropped
//! ```
//!
//! **What to look at.** `receiver.ended/waiting`: the tasks that wait for room do it at channels whose receiving task does not exist any
//! more. `panics/receivers.ended`: for each of those there was a panic. `same.wait/waiting`: none of the waiting tasks has run since the
//! last census. The verdict names the task that received last, and where it was spawned.
//!
//! **Why the fix works.** Somebody awaits the worker's handle. When it says that the worker has panicked, another one takes its place.
//! The job is lost, and its client is told.
//!
//! There is no cure in the scheduler: it caught the panic, and kept it for whoever would ask.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::runtime::{Builder, Handle};
use gumption::sync::{Mutex, mpsc, oneshot};
use gumption::task::JoinHandle;

use crate::proof::Proof;
use crate::support::{Outstanding, Requests, compute, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct DetachedPanic;

/// Room for jobs in a channel.
const ROOM: usize = 16;

struct Job {
    poison: bool,
    answer: oneshot::Sender<u64>,
}

/// A channel, and its receiver, kept for the worker that is there and the one that comes after it.
struct Queue {
    jobs: mpsc::Sender<Job>,
    receiver: Mutex<mpsc::Receiver<Job>>,
}

impl Workload for DetachedPanic {
    fn id(&self) -> &'static str {
        "detached-panic"
    }
    fn family(&self) -> &'static str {
        "leak"
    }
    fn mechanism(&self) -> &'static str {
        "workers panic, nobody awaits their handles, and what they received from is kept: clients wait for the dead"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("each worker's handle is awaited, and another one takes its place when it has panicked")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "queues", default: 4, min: 1, max: 64, help: "channels with a worker each" },
            Knob { name: "jobs", default: 100, min: 20, max: 1_000, help: "jobs a second for each P" },
            Knob {
                name: "poison",
                default: 100,
                min: 20,
                max: 10_000,
                help: "every how many jobs comes one that makes a worker panic",
            },
        ]
    }
    fn length(&self) -> Duration {
        Duration::from_millis(1_600)
    }
    fn proof(&self) -> Proof {
        Proof::Impossible("the receivers are kept, and another task may yet receive")
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let period = Duration::from_secs(1) / (run.plan.knob("jobs") * run.plan.processors as u64) as u32;
        let (count, poison) = (run.plan.knob("queues"), run.plan.knob("poison"));
        let neighbours = Requests::beside(run, Duration::from_micros(500), Duration::from_micros(20));
        let queues: Vec<Arc<Queue>> = (0..count)
            .map(|_| {
                let (jobs, receiver) = mpsc::channel(ROOM);
                Arc::new(Queue { jobs, receiver: Mutex::new(receiver) })
            })
            .collect();
        for queue in &queues {
            let first = work(&run.handle, queue);
            if run.plan.fixed() {
                let (handle, queue) = (run.handle.clone(), Arc::clone(queue));
                drop(run.handle.spawn(async move {
                    let mut worker = first;
                    while worker.await.is_err_and(|error| error.is_panic()) {
                        worker = work(&handle, &queue);
                    }
                }));
            } else {
                // The mistake: nobody will hear of its end.
                drop(first);
            }
        }
        let (clients, answered) = (Outstanding::default(), Arc::new(AtomicU64::new(0)));
        let came = pace(run.until, period, |id| {
            let queue = Arc::clone(&queues[(id % count) as usize]);
            let (answered, guard) = (Arc::clone(&answered), clients.begin());
            // The n-th of each queue.
            let poison = (id / count) % (poison / count).max(1) == (poison / count).saturating_sub(1);
            drop(run.handle.spawn(async move {
                let (answer, answers) = oneshot::channel();
                if queue.jobs.send(Job { poison, answer }).await.is_ok() {
                    answered.fetch_add(u64::from(answers.await.is_ok()), Ordering::Relaxed);
                }
                drop(guard);
            }));
        });
        let left = clients.count();
        // At the end of the run somebody looks, takes out what is inside, and closes the channels.
        clients.wait_while(|| {
            for queue in &queues {
                if let Ok(mut receiver) = queue.receiver.try_lock() {
                    receiver.close();
                    while receiver.try_recv().is_ok() {}
                }
            }
        });
        let answered = answered.load(Ordering::Relaxed);
        vec![format!("{came} clients came, {answered} got an answer; {left} were left at the end"), neighbours.told()]
    }
}

fn work(handle: &Handle, queue: &Arc<Queue>) -> JoinHandle<()> {
    let queue = Arc::clone(queue);
    handle.spawn(async move {
        let mut receiver = queue.receiver.lock().await;
        while let Some(job) = receiver.recv().await {
            compute(Duration::from_micros(50));
            if job.poison {
                // A panic as any other, without a line on stderr.
                resume_unwind(Box::new("a job that this worker cannot stand"));
            }
            // If the client has gone, nobody needs the answer.
            let _ = job.answer.send(1);
        }
    })
}
