//! The cpu profile: what the process' threads compute, and for which task.
//!
//! While one is taken, each thread gets a signal (`SIGPROF`) for every hundredth of a second of CPU that it uses
//! (`cpu_timers.rs`). Its handler copies registers and stack into a free slot, with the id and the spawn site of the task that runs there,
//! and nothing else; whoever takes the profile comes around every few milliseconds, unwinds the copies, and at the end names the
//! functions. So a sample is a stack of the real machine, the runtime's functions included, with what Go has no idea of: the
//! task.
//!
//! | label | |
//! | --- | --- |
//! | `task`, `spawned_at` | the task, and where it was spawned; `[no task]` if the thread ran none: the scheduler, another thread of the program |
//! | the task's own | trace ids and the like, of tasks that have ended meanwhile, too |
//! | `runtime`, `machine` | whose thread it is, if it is a runtime's, and which |
//! | `thread` | the thread's name |
//!
//! `-tagroot=spawned_at` makes a tree by what was spawned where, `-tagfocus=trace_id=..` shows one request.
//!
//! What is lost is counted, and in a comment: signals that came together, samples for which no slot was free, stacks that were
//! deeper than what is copied. A program that handles `SIGPROF` itself gets no profile, and is told so; once ours is
//! in place it stays, and does nothing while no profile is taken, because a signal may be late.
//!
//! **Cost.** Nothing while none is taken. While one is: a signal of some 10 µs for each sample, that is a thousandth of each
//! thread's time; the unwinding, as much again, is on the thread that takes the profile, which is not in it.

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use gumption_core::task::labels::{self, Set};
use gumption_core::task::{Id, with_current};

use super::cpu_timers::{SUPPORTED, Timers};
use super::frames;
use super::model::{Call, Label, Profile, Sample, ValueKind};
use crate::cost;
use crate::stack::copied::Copied;
use crate::stack::os::{self, CannotHandle};
use crate::stack::slots::Slots;
use crate::stack::unwind::{Frames, Unwinder};

/// Samples a second of CPU: Go's, and everybody's.
const HERTZ: u32 = 100;
/// Samples that may wait to be unwound: as many threads may be hit in [`ROUND`].
const SLOTS: usize = 256;
/// How often they are collected.
const ROUND: Duration = Duration::from_millis(5);
/// How often threads are looked for that have started.
const KEEP_UP: Duration = Duration::from_millis(100);
/// Tasks whose labels are remembered until the end of the profile.
const LABELLED: usize = 1 << 16;

#[cfg(unix)]
const SIGNAL: c_int = libc::SIGPROF;
#[cfg(not(unix))]
const SIGNAL: c_int = 0;

/// The slots, while a profile is taken; null else.
static ACTIVE: AtomicPtr<Slots<Copied>> = AtomicPtr::new(std::ptr::null_mut());
/// Periods that passed without a signal of their own.
static OVERRUN: AtomicU64 = AtomicU64::new(0);
/// Who takes a profile: one at a time, for there is one signal.
static TAKEN: Mutex<()> = Mutex::new(());

/// Why there is no cpu profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CannotProfile {
    /// Somebody else is taking one.
    Busy,
    /// The signal cannot be had.
    Signal(CannotHandle),
    /// The kernel gives no timers, and what it says.
    Timers(String),
    /// There are no threads' CPU clocks, or no unwinder, on this platform.
    Unsupported,
}

impl fmt::Display for CannotProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("a cpu profile is being taken already: try again when it is done"),
            Self::Signal(why) => write!(f, "no cpu profile: {why}"),
            Self::Timers(why) => write!(f, "no cpu profile: the kernel gives no timers: {why}"),
            Self::Unsupported => f.write_str("no cpu profile: not supported on this platform"),
        }
    }
}

impl std::error::Error for CannotProfile {}

/// Takes a cpu profile of all threads but this one, for `time`, during which this thread is at work on it.
///
/// # Errors
///
/// If another one is being taken; if the program handles `SIGPROF` itself; where the platform or the kernel has no way.
pub fn cpu(time: Duration) -> Result<Profile, CannotProfile> {
    cpu_while(time, HERTZ, || true)
}

/// [`cpu`] with another number of samples for each second of CPU, 1 to 1000, for as long as `goes_on` says so, which is asked
/// every few milliseconds: `time` at most.
///
/// # Errors
///
/// As there.
pub fn cpu_while(time: Duration, hertz: u32, goes_on: impl FnMut() -> bool) -> Result<Profile, CannotProfile> {
    let Ok(_taken) = TAKEN.try_lock() else { return Err(CannotProfile::Busy) };
    let _cost = cost::of(cost::Part::Profile);
    let unwinder = Unwinder::new().filter(|_| SUPPORTED).ok_or(CannotProfile::Unsupported)?;
    os::install(SIGNAL, ticked).map_err(CannotProfile::Signal)?;
    let period_ns = i64::from(1_000_000_000 / hertz.clamp(1, 1000));
    let mut collector = Collector::new(unwinder);
    let began = Instant::now();
    let outcome = collector.run(time, period_ns, goes_on);
    let timers = outcome.map_err(|error| CannotProfile::Timers(error.to_string()))?;
    if let (true, Some((_, why))) = (timers.started == 0, &timers.refused) {
        return Err(CannotProfile::Timers(why.clone()));
    }
    Ok(collector.profile(period_ns, began.elapsed(), timers))
}

/// What became of the timers.
struct Ticking {
    started: usize,
    refused: Option<(u64, String)>,
}

/// The slots take samples as long as this is there.
struct Active(&'static Slots<Copied>);

impl Active {
    fn begin() -> Self {
        static MADE: OnceLock<&'static Slots<Copied>> = OnceLock::new();
        let slots = MADE.get_or_init(|| Box::leak(Box::new(Slots::new(SLOTS, Copied::nothing))));
        // What came late for the last profile.
        slots.drain(|_| ());
        // Ordering: Relaxed; a statistic.
        OVERRUN.store(0, Ordering::Relaxed);
        // Ordering: Release pairs with the Acquire of `ticked`.
        ACTIVE.store(std::ptr::from_ref(*slots).cast_mut(), Ordering::Release);
        Self(slots)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        // Ordering: Relaxed; a handler that comes later, or came before, finds slots that are never freed.
        ACTIVE.store(std::ptr::null_mut(), Ordering::Relaxed);
    }
}

/// The beginning of a timer's `siginfo_t`, of which libc names nothing.
#[repr(C)]
struct TimerInfo {
    signal: c_int,
    error: c_int,
    code: c_int,
    _aligned: c_int,
    timer: c_int,
    overrun: c_int,
}

/// What the kernel says that a timer has sent a signal.
const FROM_TIMER: c_int = -2;

/// The handler: notes the task, copies, and nothing else.
extern "C" fn ticked(_signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    os::preserving_errno(|| {
        // Ordering: Acquire pairs with the Release of `Active::begin`.
        let slots = ACTIVE.load(Ordering::Acquire);
        // SAFETY: slots are never freed.
        let Some(slots) = (unsafe { slots.as_ref() }) else { return };
        let task = with_current(|task| {
            [task.id().map_or(0, Id::as_u64), std::ptr::from_ref(task.site()).expose_provenance() as u64]
        });
        // SAFETY: the kernel's, and as long as that on the platforms that have timers.
        let info = unsafe { &*info.cast::<TimerInfo>() };
        if info.code == FROM_TIMER {
            // Ordering: Relaxed; a statistic.
            OVERRUN.fetch_add(u64::try_from(info.overrun).unwrap_or(0), Ordering::Relaxed);
        }
        // SAFETY: the context is the kernel's.
        slots.record(|copied| unsafe { copied.fill(os::this_thread(), context, task.unwrap_or([0; 2])) });
    });
}

/// What samples are the same.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    addresses: Box<[u64]>,
    thread: u64,
    task: u64,
    site: u64,
    cut: bool,
}

/// What is known of a thread.
#[derive(Clone, Default)]
struct Thread {
    name: String,
    /// The runtime's name or number, and the machine's number.
    machine: Option<(String, usize)>,
}

/// Collects the samples of one profile.
struct Collector {
    unwinder: Unwinder,
    places: HashMap<Place, u64>,
    threads: HashMap<u64, Thread>,
    labels: HashMap<u64, Option<Arc<Set>>>,
    missed: u64,
    unreadable: u64,
}

impl Collector {
    fn new(unwinder: Unwinder) -> Self {
        Self {
            unwinder,
            places: HashMap::new(),
            threads: HashMap::new(),
            labels: HashMap::new(),
            missed: 0,
            unreadable: 0,
        }
    }

    fn run(&mut self, time: Duration, period_ns: i64, mut goes_on: impl FnMut() -> bool) -> std::io::Result<Ticking> {
        let _labels = labels::keep();
        let active = Active::begin();
        let missed = active.0.missed();
        let mut timers = Timers::new(SIGNAL, period_ns, os::this_thread());
        let mut ticking = Ticking { started: timers.keep_up()?, refused: None };
        self.look_at_threads();
        let (began, mut looked) = (Instant::now(), Instant::now());
        while let Some(left) = time.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            std::thread::sleep(left.min(ROUND));
            self.collect(active.0);
            if !goes_on() {
                break;
            }
            if looked.elapsed() >= KEEP_UP {
                looked = Instant::now();
                ticking.started = ticking.started.max(timers.keep_up()?);
                self.look_at_threads();
            }
        }
        ticking.refused = timers.refused.take();
        drop(timers);
        self.collect(active.0);
        self.missed = active.0.missed() - missed;
        Ok(ticking)
    }

    fn collect(&mut self, slots: &Slots<Copied>) {
        let mut frames = Frames::default();
        slots.drain(|copied| self.add(copied, &mut frames));
    }

    fn add(&mut self, copied: &Copied, frames: &mut Frames) {
        self.unreadable += u64::from(!copied.is_readable());
        self.unwinder.record_copy(&copied.registers, copied.bytes(), frames);
        let [task, site] = copied.notes;
        if self.labels.len() < LABELLED {
            // Now, while the task is there, or not long gone.
            self.labels.entry(task).or_insert_with(|| Id::from_u64(task).and_then(labels::of));
        }
        let addresses = frames.addresses().into();
        let place = Place { addresses, thread: copied.thread, task, site, cut: frames.is_cut() };
        *self.places.entry(place).or_default() += 1;
    }

    /// Which threads there are, and whose.
    fn look_at_threads(&mut self) {
        for handle in gumption_core::runtime::running() {
            let runtime = handle.name().map_or_else(|| handle.id().to_string(), str::to_owned);
            for machine in handle.stats().machines.iter().filter(|machine| machine.thread_id != 0) {
                let thread = self.threads.entry(machine.thread_id).or_insert_with(|| named(machine.thread_id));
                thread.machine = Some((runtime.clone(), machine.id));
            }
        }
        let seen: Vec<u64> = self.places.keys().map(|place| place.thread).collect();
        for thread in seen {
            self.threads.entry(thread).or_insert_with(|| named(thread));
        }
    }

    fn profile(mut self, period_ns: i64, took: Duration, timers: Ticking) -> Profile {
        self.look_at_threads();
        let mut profile = Profile::new([ValueKind::new("samples", "count"), ValueKind::new("cpu", "nanoseconds")]);
        profile.period = Some((ValueKind::new("cpu", "nanoseconds"), period_ns));
        profile.duration_ns = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX);
        // Ordering: Relaxed; a statistic.
        let overrun = OVERRUN.load(Ordering::Relaxed);
        let cut: u64 = self.places.iter().filter(|(place, _)| place.cut).map(|(_, count)| count).sum();
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                profile.comments.push(format!("{count} {what}"));
            }
        };
        say(self.missed, "samples dropped: no slot was free");
        say(overrun, "samples dropped: the thread's signals came together");
        say(self.unreadable, "samples without a stack: the kernel lets nobody read it");
        say(cut, "samples with a stack that could not be followed to its end");
        if let Some((threads, why)) = timers.refused {
            say(threads, &format!("threads without a timer: {why}"));
        }
        for (place, count) in &self.places {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            let values = vec![count, count.saturating_mul(period_ns)];
            profile.push(Sample { stack: stack(place), values, labels: self.labels_of(place) });
        }
        profile.merge();
        profile
    }

    fn labels_of(&self, place: &Place) -> Vec<Label> {
        let mut all = Vec::new();
        match site(place) {
            Some(site) => {
                all.push(Label::text("task", place.task.to_string()));
                all.push(Label::text("spawned_at", format!("{}:{}", site.file(), site.line())));
            }
            None => all.push(Label::text("spawned_at", "[no task]")),
        }
        let own = self.labels.get(&place.task).and_then(Option::as_deref);
        all.extend(own.into_iter().flat_map(Set::iter).map(|(key, value)| Label::text(key.to_owned(), value)));
        if let Some(thread) = self.threads.get(&place.thread) {
            if !thread.name.is_empty() {
                all.push(Label::text("thread", &*thread.name));
            }
            if let Some((runtime, machine)) = &thread.machine {
                all.push(Label::text("runtime", &**runtime));
                all.push(Label::text("machine", machine.to_string()));
            }
        }
        all
    }
}

/// Where the task of a sample was spawned.
fn site(place: &Place) -> Option<&'static Location<'static>> {
    let site = std::ptr::with_exposed_provenance::<Location<'static>>(place.site as usize);
    // SAFETY: null without a task, else what the handler was given: a reference to a static.
    unsafe { site.as_ref() }
}

fn stack(place: &Place) -> Vec<Call> {
    let mut stack = frames::whole(&place.addresses);
    if place.cut {
        stack.push(Call::named("[cut off]"));
    }
    stack
}

fn named(thread: u64) -> Thread {
    let name = std::fs::read_to_string(format!("/proc/self/task/{thread}/comm"));
    Thread { name: name.map(|name| name.trim_end().to_owned()).unwrap_or_default(), machine: None }
}
