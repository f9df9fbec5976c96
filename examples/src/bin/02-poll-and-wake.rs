//! Lesson 2: poll and wake. A future by hand, and the states that its task goes through.
//!
//! A future does nothing by itself. It is *polled*: asked whether it is done. One that is not keeps the *waker* that came
//! with the poll, answers `Pending`, and its task leaves the processor. Whoever later has what it waits for calls the
//! waker, and that puts the task back into a queue. That is all; there is nothing else that would ever look at it.
//!
//! The future here waits for a letter. After each step the runtime is asked, through `stats()`, where its task is:
//!
//! ```text
//! new ▸ runnable ▸ running ▸ waiting{chan receive} ▸ runnable ▸ running ▸ dead
//! ```
//!
//! Before it answers `Pending` the future also says what it waits for (`blocked_on`). It need not, but a dump of a
//! thousand tasks is worth reading only if they do.

use gumption::runtime::{Builder, Handle};
use gumption::stats::SchedulerStats;
use gumption::task::yield_now;
use gumption::wait::{WaitReason, blocked_on};
use gumption_examples::Lesson;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

const STATES: [&str; 5] = ["new", "runnable", "running", "waiting", "dead"];

/// What sender and receiver share.
#[derive(Default)]
struct Letterbox {
    letter: Option<&'static str>,
    reader: Option<Waker>,
    /// The states that the task was seen in, in order.
    seen: Vec<&'static str>,
}

type Shared = Arc<Mutex<Letterbox>>;

/// Waits for a letter.
struct Receive {
    from: Shared,
    /// The mistake of this lesson: `Pending` without keeping the waker.
    forgets_the_waker: bool,
}

impl Future for Receive {
    type Output = &'static str;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'static str> {
        look(&self.from);
        let mut letterbox = self.from.lock().expect("nobody panics");
        if let Some(letter) = letterbox.letter.take() {
            return Poll::Ready(letter);
        }
        if !self.forgets_the_waker {
            letterbox.reader = Some(cx.waker().clone());
        }
        blocked_on(WaitReason::ChanRecv, Arc::as_ptr(&self.from) as u64);
        Poll::Pending
    }
}

fn send(to: &Shared, letter: &'static str) {
    let reader = {
        let mut letterbox = to.lock().expect("nobody panics");
        letterbox.letter = Some(letter);
        letterbox.reader.take()
    };
    // Outside the lock: the wake may run the reader at once, on another machine.
    if let Some(reader) = reader {
        reader.wake();
    }
}

/// Where the only task is. That it is the only one is what makes the totals tell.
fn state(stats: &SchedulerStats) -> &'static str {
    let totals = &stats.totals;
    match totals.tasks_live {
        0 if totals.spawned == 0 => "new",
        0 => "dead",
        _ if stats.processors.iter().any(|p| p.task.is_some()) => "running",
        _ if totals.runnable > 0 => "runnable",
        _ => "waiting",
    }
}

/// Asks the runtime where the task is, notes it, and draws the strip.
fn look(letterbox: &Shared) {
    let stats = Handle::current().stats();
    let now = state(&stats);
    letterbox.lock().expect("nobody panics").seen.push(now);
    let strip: Vec<String> =
        STATES.iter().map(|&s| if s == now { format!("[{s}]") } else { format!(" {s} ") }).collect();
    let counters = &stats.totals.counters;
    println!(
        "{}   polls {} wakes {}{}",
        strip.join("▸"),
        counters.polls,
        counters.wakes_local + counters.wakes_remote,
        if now == "waiting" { format!("  {{{}}}", WaitReason::ChanRecv) } else { String::new() },
    );
}

/// Lets the task run until the runtime says that it does not.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
        if state(&Handle::current().stats()) != "running" && Handle::current().stats().totals.runnable == 0 {
            return;
        }
    }
}

fn main() -> std::io::Result<ExitCode> {
    let mut lesson = Lesson::begin("Lesson 2: poll and wake", false);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let letterbox = Shared::default();
    runtime.block_on(async {
        look(&letterbox);
        let receive = Receive { from: letterbox.clone(), forgets_the_waker: lesson.is_broken() };
        let _detached = gumption::spawn(receive);
        look(&letterbox);
        settle().await;
        look(&letterbox);
        println!("    the letter is sent");
        send(&letterbox, "hello");
        look(&letterbox);
        settle().await;
        look(&letterbox);
    });

    let stats = runtime.stats();
    let counters = &stats.totals.counters;
    let seen = letterbox.lock().expect("nobody panics").seen.join(" ▸ ");
    println!("\nself-check");
    let taught = "new ▸ runnable ▸ running ▸ waiting ▸ runnable ▸ running ▸ dead";
    lesson.check("states", seen, taught.to_owned());
    lesson.check("polls", counters.polls, 2);
    lesson.check("wakes that made it runnable", counters.wakes_local + counters.wakes_remote, 1);
    lesson.check("tasks that returned", stats.totals.completed, 1);
    lesson.check("tasks still there", stats.totals.tasks_live, 0);
    Ok(lesson.end(
        "run it with -- --break: the future answers Pending and forgets the waker.",
        "the letter lies in the box, the task lives, nothing is runnable, and nobody holds a waker: it is waiting\n            \
         for what can *never* come. Why can the scheduler not help? (It never asks a waiting task.)",
        "store cx.waker().clone() before you answer Pending, under the lock that the sender takes.",
    ))
}
