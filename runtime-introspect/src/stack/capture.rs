//! Captures: where tasks wait, asked of many of them, on a thread of its own, with a deadline.
//!
//! A task that waits has no stack. It is polled once more, by a waker that shows who takes it; see [`capture`] in the core for
//! why that is no more than a poll for no reason. What user code does in that poll it may take its time for: it may compute, it
//! may take a lock of the standard library that somebody holds for ever. So the polls happen on a thread named
//! `gumption-capture`, and who asks waits for it until the deadline and then takes what there is. A thread that does not come
//! back is left alone and counted ([`abandoned`]); while it is away no other capture of that runtime begins, so that it stays
//! the only one.
//!
//! ```text
//!   who asks                         gumption-capture
//!   capture_all ── rows ───────────▶ poll, record addresses      for each task
//!      │ waits, at most as told  ◀── what was seen
//!      └ names, folds, merges        (gone)
//! ```
//!
//! What a program may notice, and why this is off unless asked for: futures that count their polls count one more; `select!`
//! without `biased` draws another random number; a leaf that has just become ready makes its task go on, on this thread, to
//! its next wait; code that looks at its thread's name or has initialised thread-locals for machines sees another thread.
//! None of that is counted as a poll of the task.
//!
//! A task that runs, is queued, is tied to a thread or ends meanwhile has no stack, and [`NotCaptured`] says which it is.
//! FuturesUnordered and its like poll only children that were woken: such a task shows where it waits for *them*.
//!
//! [`capture`]: gumption_core::runtime::Handle::capture

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gumption_core::Captured;
use gumption_core::runtime::{Handle, Id};
use gumption_core::task::Row;

use super::fold::{self, Home, Step, Way};
use super::model::Stack;
use super::witness::{self, Recorder, Seen};
use crate::cost;
use crate::length;

/// *Bytes* of a capture thread's stack: a machine's, and more, because futures are nested as deep here as there. The kernel
/// gives what is used.
const STACK: usize = 8 << 20;

/// Why there is no stack of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotCaptured {
    /// It runs, or is queued.
    Busy,
    /// It ended, before or in the capture.
    Ended,
    /// It may be polled on one thread only.
    Tied,
    /// Its runtime shuts down.
    Closing,
    /// It waits, but nothing in it took the waker: a future that does not look at it again, or a broken one.
    Unseen,
    /// The deadline came first.
    Late,
    /// Its poll did not come back before the deadline.
    Hangs,
    /// Another capture of this runtime is under way.
    Occupied {
        /// The task in whose poll it is; 0 between two.
        task: u64,
    },
    /// Stacks cannot be unwound on this platform.
    Unsupported,
    /// There was no thread to be had.
    NoThread,
}

impl NotCaptured {
    /// In words.
    pub fn text(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Busy => "it runs or is queued",
            Self::Ended => "it has ended",
            Self::Tied => "it may be polled on its own thread only",
            Self::Closing => "its runtime shuts down",
            Self::Unseen => "nothing in it took the waker",
            Self::Late => "the deadline came first",
            Self::Hangs => "its poll did not come back before the deadline",
            Self::Occupied { task: 0 } => "another capture of this runtime is under way",
            Self::Occupied { task } => {
                return format!("another capture of this runtime is under way, in the poll of task {task}").into();
            }
            Self::Unsupported => "stacks cannot be unwound on this platform",
            Self::NoThread => "no thread could be started for it",
        })
    }
}

impl fmt::Display for NotCaptured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for NotCaptured {}

/// Where the tasks of `rows` wait, by their ids: each is there.
///
/// Comes back after `patience` at the latest, but for naming functions: that takes milliseconds, and a second of the first
/// time in a large program.
pub fn capture_all(handle: &Handle, rows: &[Row], patience: Duration) -> HashMap<u64, Result<Stack, NotCaptured>> {
    let deadline = length::deadline(patience);
    let none = |why: NotCaptured| rows.iter().map(|row| (row.id.as_u64(), Err(why.clone()))).collect();
    if rows.is_empty() {
        return HashMap::new();
    }
    let batch = match Batch::begin(handle, rows, deadline) {
        Ok(batch) => batch,
        Err(why) => return none(why),
    };
    let progress = batch.finish(deadline);
    drop(batch);
    let mut ways = Ways { stacks: &progress.stacks, known: HashMap::new() };
    let mut outcomes = progress.outcomes.into_iter();
    let under_way = progress.under_way;
    rows.iter()
        .map(|row| {
            let result = match outcomes.next() {
                Some((captured, seen)) => result_of(captured, &seen, row, &mut ways),
                None if under_way == Some(row.id.as_u64()) => Err(NotCaptured::Hangs),
                None => Err(progress.failed.clone().unwrap_or(NotCaptured::Late)),
            };
            (row.id.as_u64(), result)
        })
        .collect()
}

/// Capture threads that are in a task's poll although nobody waits for them any more.
pub fn abandoned() -> usize {
    let under_way = lock(&UNDER_WAY);
    under_way.values().filter(|batch| lock(&batch.progress).given_up).count()
}

fn result_of(captured: Captured, seen: &Seen, row: &Row, ways: &mut Ways<'_>) -> Result<Stack, NotCaptured> {
    match captured {
        Captured::Waits | Captured::Woken => {
            ways.learn(seen, row);
            let stack = witness::told(seen, |stack| ways.way(stack, row), |stack| ways.packages(stack, row));
            stack.ok_or(NotCaptured::Unseen)
        }
        Captured::Ended | Captured::Gone => Err(NotCaptured::Ended),
        Captured::Busy => Err(NotCaptured::Busy),
        Captured::Tied => Err(NotCaptured::Tied),
        Captured::Closing => Err(NotCaptured::Closing),
    }
}

/// What a folded way depends on: the number of the stack, and by their addresses the spawn site and the type of the task.
type Key = (u32, usize, usize);

/// The folded ways of stacks, each folded once for each place where tasks are spawned.
struct Ways<'a> {
    stacks: &'a [Box<[u64]>],
    known: HashMap<Key, Way>,
}

impl Ways<'_> {
    fn key(stack: u32, row: &Row) -> Key {
        (stack, std::ptr::from_ref(row.site).addr(), std::ptr::from_ref(row.vtable).addr())
    }

    fn learn(&mut self, seen: &Seen, row: &Row) {
        for event in &seen.events {
            self.known.entry(Self::key(event.stack, row)).or_insert_with(|| {
                let home = Home { spawned_in: row.site.file(), type_name: row.type_name() };
                fold::task(&self.stacks[event.stack as usize], home)
            });
        }
    }

    fn way(&self, stack: u32, row: &Row) -> &[Step] {
        self.known.get(&Self::key(stack, row)).map_or(&[], |way| &way.steps)
    }

    fn packages(&self, stack: u32, row: &Row) -> Option<Arc<str>> {
        self.known.get(&Self::key(stack, row))?.packages.clone()
    }
}

/// The captures that are under way, by their runtimes' numbers.
static UNDER_WAY: LazyLock<Mutex<HashMap<Id, Arc<Batch>>>> = LazyLock::new(Mutex::default);

/// Locks of this file are never held while user code runs, and nobody panics with one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A capture of some tasks of a runtime.
#[derive(Default)]
struct Batch {
    progress: Mutex<Progress>,
    ended: Condvar,
}

/// How far it has come.
#[derive(Default)]
struct Progress {
    /// Of the rows, from the first on.
    outcomes: Vec<(Captured, Seen)>,
    /// By number.
    stacks: Vec<Box<[u64]>>,
    /// The task that is being polled.
    under_way: Option<u64>,
    /// Why the rest was not begun.
    failed: Option<NotCaptured>,
    /// The thread is through.
    over: bool,
    /// Nobody waits any more.
    given_up: bool,
}

impl Batch {
    /// Starts, as soon as no other capture of this runtime is under way.
    fn begin(handle: &Handle, rows: &[Row], deadline: Instant) -> Result<Arc<Self>, NotCaptured> {
        let runtime = handle.id();
        let batch = Arc::new(Self::default());
        loop {
            let other = {
                let mut under_way = lock(&UNDER_WAY);
                match under_way.get(&runtime) {
                    Some(other) => Arc::clone(other),
                    None => {
                        under_way.insert(runtime, Arc::clone(&batch));
                        break;
                    }
                }
            };
            let progress = other.wait(deadline);
            if !progress.over {
                return Err(NotCaptured::Occupied { task: progress.under_way.unwrap_or(0) });
            }
        }
        let (handle, rows) = (handle.clone(), rows.to_vec());
        let thread = std::thread::Builder::new().name("gumption-capture".into()).stack_size(STACK);
        let started = thread.spawn({
            let over = Over { runtime, batch: Arc::clone(&batch) };
            move || over.batch.run(&handle, &rows)
        });
        match started {
            Ok(_) => Ok(batch),
            // What the thread was to have has been dropped, `over` with it.
            Err(_) => Err(NotCaptured::NoThread),
        }
    }

    /// Until it is through, or the deadline has come.
    fn wait(&self, deadline: Instant) -> MutexGuard<'_, Progress> {
        let mut progress = lock(&self.progress);
        while !progress.over {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            progress = self.ended.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        progress
    }

    /// What there is when it is through, or when the deadline has come; then nobody waits any more.
    fn finish(&self, deadline: Instant) -> Progress {
        let mut progress = self.wait(deadline);
        let under_way = progress.under_way;
        let taken = std::mem::take(&mut *progress);
        (progress.given_up, progress.under_way, progress.over) = (true, under_way, taken.over);
        taken
    }

    /// On the capture thread.
    #[inline(never)]
    fn run(&self, handle: &Handle, rows: &[Row]) {
        let _cost = cost::of(cost::Part::Capture);
        let Some(mut recorder) = Recorder::of_this_thread() else {
            lock(&self.progress).failed = Some(NotCaptured::Unsupported);
            return;
        };
        for row in rows {
            {
                let mut progress = lock(&self.progress);
                if progress.given_up {
                    return;
                }
                progress.under_way = Some(row.id.as_u64());
            }
            let captured = handle.capture(row, &mut recorder);
            let (seen, fresh) = recorder.take();
            let mut progress = lock(&self.progress);
            progress.under_way = None;
            if !progress.given_up {
                progress.outcomes.push((captured, seen));
                progress.stacks.extend(fresh);
            }
        }
    }
}

/// A capture thread, until it is through in whatever way.
struct Over {
    runtime: Id,
    batch: Arc<Batch>,
}

impl Drop for Over {
    fn drop(&mut self) {
        lock(&UNDER_WAY).remove(&self.runtime);
        lock(&self.batch.progress).over = true;
        self.batch.ended.notify_all();
    }
}
