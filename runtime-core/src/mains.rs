//! [`Mains`]: the futures that `block_on` polls, one for each call that is going on.
//!
//! Go's main is goroutine 1 and in every dump. Here what `main` awaits is polled by the thread that called `block_on`, and is no
//! task: nothing queues it, counts it, tells hooks of it or gives it an id that it can ask for. It has a *record* all the same, of a
//! registry that nobody else uses. So a leaf says what a main waits for as it says it of a task, a waker of it is a task's waker and
//! counted as one, a lock that it has names its owner; and what observers conclude of tasks they conclude of mains for the same reasons.
//!
//! ```text
//!   waker ──▶ state word: the first wake gets the right to run ──▶ submit: leaves it at the Bed, and rings
//!                                                                          │
//!   block_on: polls while it has the right, gives it up, sleeps ◀──────────┘
//! ```
//!
//! A wake gets the right to run and cannot use it, because the future stays on its thread. So it leaves it there: `woken` *is* the right,
//! and the bell behind it (the thread's parker; for a thread that is a machine meanwhile, whatever rouses that) only says that
//! somebody should look. The [`Bed`] is counted by who rings it: as soon as the right is there, `block_on` may return.
//!
//! A call costs its record, its body and an entry in a list of those that are going on: 0.2 µs, once, whatever the future does (a future
//! that is ready at once, beside the machines: 0.26 µs in place of 0.07; on a current-thread runtime, 0.75 in place of 0.57).
//! A poll costs what a task's does and a clock that is read when it ends in a wait, because the thread has no processor whose
//! coarse clock it could use; a wake costs what a task's does.
//!
//! Who may call: `runtime/block_on.rs`, which polls; observers, who list. It refuses to run anything else, and to be asked for captures:
//! the future may borrow, and need not be `Send`.
//!
//! The invariant: a right that was given to a wake is taken from the bed once, before the record is over. Models:
//! `loom-tests/tests/mains.rs`; with machines, `loom-tests/tests/shuttle_mains.rs`.

use crate::machine::{Machine, os_thread_id};
use crate::parker::{Parker, Unparked};
use crate::scheduler::Scheduler;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, UncheckedU64, broken, thread, thread_local, weaken};
use crate::task::{self, Bits, Driven, Outcome, Ran, Registry, Row, Runnable, Sink, Task};
use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::thread::Thread;

/// The futures that are driven by callers of `block_on`.
pub struct Mains {
    registry: Registry,
    going_on: Mutex<Vec<GoingOn>>,
}

#[derive(Clone)]
struct GoingOn {
    record: &'static Task,
    id: u64,
    bed: Arc<Bed>,
}

/// One of them, for observers.
#[derive(Debug)]
pub struct MainRow {
    /// Its record. Who has it is told where tasks are owners.
    pub row: Row,
    /// The name of the thread that polls it.
    pub thread: Option<String>,
    /// The operating system's number of that thread.
    pub thread_id: u64,
    /// Whether it is in a poll.
    pub polled: bool,
}

/// Where the thread that drives a future sleeps, and what it finds there.
pub struct Bed {
    /// The right to run has been left here.
    woken: AtomicBool,
    /// For observers: whether the future is being polled.
    polled: UncheckedU64,
    bell: Bell,
    thread: Thread,
    thread_id: u64,
}

/// How the thread is made to look.
pub enum Bell {
    /// It sleeps here.
    Parker(Parker),
    /// It is this machine meanwhile.
    Machine(Arc<Machine>, Arc<Scheduler>),
}

/// A future that this thread drives.
pub struct Main<'a> {
    mains: &'a Mains,
    record: &'static Task,
    bed: Arc<Bed>,
    /// It was woken while it was polled, or has not been polled yet.
    right: Option<Runnable>,
    done: bool,
    _this_thread: PhantomData<*const ()>,
}

thread_local! {
    static THREAD_ID: Cell<u64> = const { Cell::new(0) };
}

/// The operating system's number of this thread, asked for once.
fn thread_id() -> u64 {
    let known = THREAD_ID.try_with(Cell::get).unwrap_or(0);
    if known != 0 {
        return known;
    }
    let id = os_thread_id();
    // A thread that is ending asks each time.
    let _ = THREAD_ID.try_with(|known| known.set(id));
    id
}

impl Mains {
    /// None yet.
    pub fn new() -> Self {
        let sink = Sink { data: std::ptr::null(), submit };
        // SAFETY: the sink needs no data. A `Main` ends before what it borrows does, its `Mains` among that, and completes its record;
        // the caches are the arena's.
        Self { registry: unsafe { Registry::new(sink) }, going_on: Mutex::new(Vec::new()) }
    }

    /// Says whose they are, for debuggers. Before there are any.
    pub(crate) fn belong_to(&self, scheduler: &Scheduler) {
        let data = std::ptr::from_ref(scheduler).cast();
        // SAFETY: as in `new`; nobody but a debugger looks at the data.
        unsafe { self.registry.set_sink(Sink { data, submit }) };
    }

    /// Begins to drive `future` on this thread: `outcome` is there when it is done. It is to be polled at once.
    pub fn begin<'a, F: Future>(
        &'a self,
        future: Pin<&'a mut F>,
        outcome: &'a mut Option<Outcome<F::Output>>,
        bell: Bell,
        site: &'static Location<'static>,
        now: u64,
    ) -> Main<'a> {
        let bed = Arc::new(Bed {
            woken: AtomicBool::new(false),
            polled: UncheckedU64::new(0),
            bell,
            thread: std::thread::current(),
            thread_id: thread_id(),
        });
        let driver = NonNull::from(&*bed).cast();
        // SAFETY: a `Main` stays on this thread, polls it here, and completes it before `'a` ends. One that is forgotten is never
        // polled again, nor dropped, and its bed is in the list for ever.
        let right = unsafe { self.registry.begin_main(Driven { future, outcome }, driver, site, now) };
        // SAFETY: records are never freed.
        let record: &'static Task = unsafe { NonNull::from(right.task()).as_ref() };
        let id = record.id().map_or(0, |id| id.as_u64());
        self.going_on.lock().push(GoingOn { record, id, bed: bed.clone() });
        Main { mains: self, record, bed, right: Some(right), done: false, _this_thread: PhantomData }
    }

    /// Calls `f` with the state of every record that is in use: for the models.
    pub fn for_each_record(&self, mut f: impl FnMut(Bits)) {
        self.registry.for_each(|record| f(record.bits()));
    }

    /// Calls `f` with each that is going on; those that begin or end meanwhile may be missed.
    pub fn for_each(&self, mut f: impl FnMut(MainRow)) {
        // Not under the lock: `f` is anybody's.
        let going_on: Vec<GoingOn> = self.going_on.lock().clone();
        for GoingOn { record, id, bed } in going_on {
            let Some(row) = record.read().filter(|row| row.id.as_u64() == id && !row.bits.is_complete()) else {
                continue;
            };
            // Ordering: Relaxed; advice.
            let polled = bed.polled.load(Ordering::Relaxed) != 0;
            f(MainRow { row, thread: bed.thread.name().map(str::to_owned), thread_id: bed.thread_id, polled });
        }
    }
}

impl Default for Mains {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Mains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mains").field("going_on", &self.going_on.lock().len()).finish_non_exhaustive()
    }
}

impl Main<'_> {
    /// Whether it can be polled.
    pub fn is_woken(&self) -> bool {
        // Ordering: Relaxed; a hint, the exchange in `take_right` acquires.
        self.right.is_some() || self.bed.woken.load(Ordering::Relaxed)
    }

    /// Whether its future has returned, or panicked.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Sleeps until it may have been woken; on a thread that is no machine.
    pub fn sleep(&self) {
        match &self.bed.bell {
            Bell::Parker(parker) => parker.park(),
            Bell::Machine(..) => unreachable!("a machine sleeps as machines do"),
        }
    }

    fn take_right(&mut self) -> Option<Runnable> {
        let own = self.right.take();
        own.or_else(|| self.bed.take(self.record))
    }

    /// Polls the future, if it was woken; true if it was. `pending` is told if it waits again.
    pub fn poll(&mut self, pending: impl FnOnce(&Task)) -> bool {
        let Some(right) = self.take_right() else { return false };
        // Ordering: Relaxed; for observers.
        self.bed.polled.store(1, Ordering::Relaxed);
        match right.run_main(pending) {
            Ran::Idle => {}
            Ran::Woken(right) => {
                self.right = Some(right);
                self.bed.ring_here();
            }
            Ran::Complete(_) => self.done = true,
        }
        // Ordering: Relaxed, as above.
        self.bed.polled.store(0, Ordering::Relaxed);
        true
    }

    /// Ends the record of a future that is driven no more, and may be on its way to being polled.
    fn give_up(&mut self) {
        loop {
            if let Some(right) = self.take_right().or_else(|| self.record.try_claim()) {
                let _aborted = right.cancel();
                return;
            }
            if broken("main-given-up-at-once") {
                return;
            }
            // A waker has the right and is about to leave it.
            thread::yield_now();
        }
    }
}

impl Drop for Main<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.give_up();
        }
        let mut going_on = self.mains.going_on.lock();
        if let Some(at) = going_on.iter().position(|other| Arc::ptr_eq(&other.bed, &self.bed)) {
            task::remember_main(going_on.swap_remove(at).id);
        }
    }
}

impl fmt::Debug for Main<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Main").field("record", self.record).field("done", &self.done).finish_non_exhaustive()
    }
}

impl Bed {
    /// Takes the right to run `record`, if a wake has left it. By the thread that drives it.
    fn take(&self, record: &'static Task) -> Option<Runnable> {
        // Ordering: Acquire pairs with the Release in `leave`: the waker is done with the record. A swap only when there is something,
        // and one thread takes.
        let taken = self.woken.load(Ordering::Relaxed) && self.woken.swap(false, Ordering::Acquire);
        // SAFETY: the right was left here, and is taken once.
        taken.then(|| unsafe { Runnable::from_raw(NonNull::from(record)) })
    }

    /// Leaves the right to run, and rings.
    fn leave(&self) {
        if broken("main-rung-before-woken") {
            self.ring();
            return self.woken.store(true, Ordering::Release);
        }
        // Ordering: Release pairs with the Acquire in `take`.
        self.woken.store(true, weaken("main-woken-relaxed", Ordering::Release));
        self.ring();
    }

    /// It was woken while its own thread polled it, and no waker has rung. That one looks again, unless it is a machine without a
    /// processor, which goes to sleep and counts on a bell.
    fn ring_here(&self) {
        if matches!(self.bell, Bell::Machine(..)) && !broken("main-unrung-in-its-poll") {
            self.ring();
        }
    }

    fn ring(&self) {
        match &self.bell {
            Bell::Parker(parker) => {
                let here = parker.unpark();
                debug_assert_eq!(here, Unparked::Here, "a thread that blocks on a future sleeps on its own parker");
            }
            Bell::Machine(machine, scheduler) => scheduler.rouse(machine),
        }
    }
}

impl fmt::Debug for Bed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bed").field("thread_id", &self.thread_id).finish_non_exhaustive()
    }
}

/// The sink of mains.
///
/// # Safety
///
/// `right` is of a record that [`Mains::begin`] made.
unsafe fn submit(_: *const (), right: Runnable) {
    // SAFETY: the right to run is here, so the link is ours to read, and the record is not over: its `Main` has the bed.
    let bed: Arc<Bed> = unsafe {
        let Some(bed) = right.task().driver() else { unreachable!("a main has a bed from its beginning") };
        let bed: *const Bed = bed.as_ptr().cast_const().cast();
        Arc::increment_strong_count(bed);
        Arc::from_raw(bed)
    };
    // What is left at the bed is this.
    let _right = right.into_raw();
    bed.leave();
}
