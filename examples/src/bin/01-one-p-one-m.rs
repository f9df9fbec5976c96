//! Lesson 1: one processor, one machine. Four tasks take turns; nothing runs beside anything.
//!
//! A *processor* (P) is the right to run tasks, with a run queue of its own. A *machine* (M) is a thread that has a P. Here
//! is one of each: `block_on` on a current-thread runtime makes this very thread the M. Four tasks (G1 to G4) run three
//! times each, and between two runs they yield, which sends them to the queue's tail.
//!
//! A queue of our own, the *book*, says who should come next. Before each dispatch the picture is drawn from the book, and
//! the runtime is asked, through `stats()`, whether it agrees. Try to say the next line before you press Enter.
//!
//! All four tasks are under way at the same time: that is *concurrency*. Never do two run at once: that would be
//! *parallelism*, and takes a second P.

use gumption::runtime::{Builder, Handle};
use gumption::task::yield_now;
use gumption_examples::{Lesson, step};
use std::collections::{BTreeSet, VecDeque};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

const TASKS: usize = 4;
const RUNS: usize = 3;

/// What the lesson believes, and how often the runtime disagreed.
#[derive(Default)]
struct Book {
    queue: VecDeque<usize>,
    dispatches: usize,
    surprises: usize,
    most_alive: u64,
    threads: BTreeSet<String>,
}

impl Book {
    /// G`g` has begun to run: draws the picture and compares it with what the runtime says.
    fn dispatched(&mut self, g: usize, thread: ThreadId) {
        let stats = Handle::current().stats();
        let p = &stats.processors[0];
        let expected = self.queue.front().copied();
        self.queue.retain(|&queued| queued != g);
        let agrees = expected == Some(g) && p.queue_len == self.queue.len() && !p.next_slot;
        self.surprises += usize::from(!agrees);
        self.dispatches += 1;
        self.most_alive = self.most_alive.max(stats.totals.tasks_live);
        self.threads.insert(format!("{thread:?}"));

        let queue: Vec<String> = self.queue.iter().map(|g| format!("G{g}")).collect();
        let next = if p.next_slot { "*" } else { "–" };
        print!("{:>3}.  P0 run:[G{g}] next:{next} lq:[{:<11}]", self.dispatches, queue.join(" "));
        println!(
            "   stats(): {} queued, {} live{}",
            p.queue_len,
            stats.totals.tasks_live,
            if agrees { String::new() } else { format!("   <- the book said G{}", expected.unwrap_or_default()) }
        );
    }
}

async fn task(g: usize, book: Arc<Mutex<Book>>, stepping: bool) {
    for run in 1..=RUNS {
        book.lock().expect("no task panics").dispatched(g, std::thread::current().id());
        step(stepping);
        if run < RUNS {
            // Back to the tail: the book says so before the runtime does it.
            book.lock().expect("no task panics").queue.push_back(g);
            yield_now().await;
        }
    }
}

fn main() -> std::io::Result<ExitCode> {
    let mut lesson = Lesson::begin("Lesson 1: one P, one M", true);
    // The next slot is lesson 3's business. With it the newest task would run first.
    let next_slot_cap = if lesson.is_broken() { 3 } else { 0 };
    let runtime = Builder::new_current_thread().next_slot_cap(next_slot_cap).enable_all().build()?;

    let book = Arc::new(Mutex::new(Book::default()));
    let stepping = lesson.is_stepping();
    runtime.block_on(async {
        // Now this thread has the P, so what it spawns goes to the P's own queue.
        yield_now().await;
        let mut tasks = Vec::new();
        for g in 1..=TASKS {
            book.lock().expect("no task panics").queue.push_back(g);
            tasks.push(gumption::spawn(task(g, book.clone(), stepping)));
        }
        for task in tasks {
            task.await.expect("no task panics");
        }
    });

    let stats = runtime.stats();
    let book = book.lock().expect("no task panics");
    println!("\nself-check");
    lesson.check("dispatches that the book did not foresee", book.surprises, 0);
    lesson.check("runs, as the runtime counts them", stats.totals.counters.polls, (TASKS * RUNS) as u64);
    lesson.check("tasks that ended", stats.totals.completed, TASKS as u64);
    lesson.check("tasks alive at the same time (concurrency)", book.most_alive, TASKS as u64);
    lesson.check("threads that ran them (parallelism)", book.threads.len(), 1);
    lesson.check("tasks stolen: there is nobody to steal", stats.totals.counters.tasks_stolen, 0);
    lesson.check("conservation laws broken", stats.conservation().len(), 0);
    Ok(lesson.end(
        "run it with -- --break: the next slot is on, as it is by default.",
        "who runs first now, and why only the first dispatch is a surprise? (A spawn fills the slot and kicks the\n            \
         one before it to the queue; a yield goes to the tail, slot or not.)",
        "Builder::next_slot_cap(0), or a book that has a slot, too.",
    ))
}
