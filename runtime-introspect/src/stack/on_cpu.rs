//! Where a thread is: the stack of a machine that is in a poll, taken while it runs.
//!
//! A thread that computes cannot be asked; it is interrupted. A signal ([`set_signal`]: `SIGURG`, unless told otherwise, which
//! the kernel ignores by default and Go uses for the same) goes to the thread; its handler copies registers and stack into a
//! slot that was set aside for it (`slots`), a few microseconds; and this side, which waits with a deadline,
//! unwinds the copy. Threads are asked together and answer side by side.
//!
//! What the interrupted thread notices: `epoll_wait`, `poll` and the like end with `EINTR`, as any signal makes them; reads,
//! writes and sleeps of the standard library go on. A thread that sleeps is woken for those microseconds. So this is for
//! threads that are in a poll, and nobody is interrupted unless asked for.
//!
//! It refuses to take a signal that the program handles itself, and says so; and it never waits longer than it was told: a
//! thread that the kernel does not run, that blocks the signal, or that has ended, is reported as such.

use std::borrow::Cow;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use std::time::{Duration, Instant};

use gumption_core::task::{Id, with_current};

use super::arch::SUPPORTED;
use super::copied::Copied;
use super::fold;
use super::model::Stack;
use super::os::{self, CannotHandle, CannotSend};
use super::slots::{Asked, Slots};
use super::tree::{Said, Tree};
use super::unwind::{Frames, Unwinder};
use crate::length;

/// Threads that are asked at once; more take their turns.
const TOGETHER: usize = 16;

/// The signal; see [`set_signal`].
static SIGNAL: AtomicI32 = AtomicI32::new(DEFAULT_SIGNAL);
/// The slots, for the handler; null until somebody first asks.
static SLOTS: AtomicPtr<Slots<Copied>> = AtomicPtr::new(std::ptr::null_mut());

/// What the kernel ignores unless somebody handles it.
#[cfg(unix)]
const DEFAULT_SIGNAL: c_int = libc::SIGURG;
#[cfg(not(unix))]
const DEFAULT_SIGNAL: c_int = 0;

/// Why there is no stack of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoStack {
    /// Stacks cannot be unwound on this platform.
    Unsupported,
    /// The signal cannot be had.
    Signal(CannotHandle),
    /// The thread has ended.
    Gone,
    /// It did not answer in time: it is not run, or it blocks the signal.
    Silent,
    /// The kernel lets nobody read the stack.
    Unreadable,
}

impl NoStack {
    /// In words.
    pub fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Unsupported => "stacks cannot be unwound on this platform".into(),
            Self::Signal(why) => why.to_string().into(),
            Self::Gone => "the thread has ended".into(),
            Self::Silent => "the thread did not answer the signal in time".into(),
            Self::Unreadable => "the kernel lets nobody read the stack".into(),
        }
    }
}

impl fmt::Display for NoStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for NoStack {}

/// Which signal interrupts threads from now on; the handler of the one before stays, and does nothing.
///
/// # Errors
///
/// The program has a handler for it, or it is none that can be handled.
pub fn set_signal(signal: c_int) -> Result<(), CannotHandle> {
    os::install(signal, interrupted)?;
    // Ordering: Relaxed; a setting.
    SIGNAL.store(signal, Ordering::Relaxed);
    Ok(())
}

/// The stacks of these threads (by the kernel's numbers, as in `MachineStats::thread_id`), in their order.
///
/// Interrupts for `patience` at most; naming the functions comes on top.
pub fn on_cpu(threads: &[u64], patience: Duration) -> Vec<Result<Stack, NoStack>> {
    running(threads, patience).into_iter().map(|found| found.map(|(stack, _)| stack)).collect()
}

/// [`on_cpu`], each with the task that the thread ran in that moment, if it ran one.
pub(crate) fn running(threads: &[u64], patience: Duration) -> Vec<Result<(Stack, Option<u64>), NoStack>> {
    let told = |Found { frames, task }: Found| {
        let mut tree = Tree::default();
        tree.add(&fold::thread(frames.addresses()), Said::Nothing);
        (tree.finish(), task)
    };
    ask(threads, patience).into_iter().map(|found| found.map(told)).collect()
}

/// The stacks of these threads (by the kernel's numbers), in their order: raw addresses, innermost first.
///
/// Comes back after `patience` at the latest, with what there is.
pub fn frames_of(threads: &[u64], patience: Duration) -> Vec<Result<Frames, NoStack>> {
    ask(threads, patience).into_iter().map(|found| found.map(|found| found.frames)).collect()
}

/// Where a thread was.
struct Found {
    frames: Frames,
    task: Option<u64>,
}

fn ask(threads: &[u64], patience: Duration) -> Vec<Result<Found, NoStack>> {
    let all = |why: NoStack| threads.iter().map(|_| Err(why.clone())).collect();
    let Some(mut unwinder) = Unwinder::new() else { return all(NoStack::Unsupported) };
    // Ordering: Relaxed; a setting.
    let signal = SIGNAL.load(Ordering::Relaxed);
    let slots = slots();
    // Each time: it costs a system call, and the program may have put its own handler there meanwhile.
    if let Err(why) = os::install(signal, interrupted) {
        return all(NoStack::Signal(why));
    }
    let deadline = length::deadline(patience);
    let mut answers: Vec<Result<Found, NoStack>> = all(NoStack::Silent);
    for (threads, answers) in threads.chunks(TOGETHER).zip(answers.chunks_mut(TOGETHER)) {
        interrupt(threads, answers, Interrupt { slots, signal, deadline }, &mut unwinder);
    }
    answers
}

/// How to interrupt.
#[derive(Clone, Copy)]
struct Interrupt {
    slots: &'static Slots<Copied>,
    signal: c_int,
    deadline: Instant,
}

fn interrupt(threads: &[u64], answers: &mut [Result<Found, NoStack>], how: Interrupt, unwinder: &mut Unwinder) {
    let mut open: Vec<(usize, Asked<'_, Copied>)> = Vec::with_capacity(threads.len());
    for (index, &thread) in threads.iter().enumerate() {
        let Some(asked) = until(how.deadline, || how.slots.ask(thread)) else { continue };
        match os::send(thread, how.signal) {
            Ok(()) => open.push((index, asked)),
            Err(CannotSend::Gone) => answers[index] = Err(NoStack::Gone),
            Err(CannotSend::Refused) => answers[index] = Err(NoStack::Silent),
        }
    }
    until(how.deadline, || {
        open = std::mem::take(&mut open)
            .into_iter()
            .filter_map(|(index, asked)| match asked.take(|copied| unwound(copied, unwinder)) {
                Ok(answer) => {
                    answers[index] = answer;
                    None
                }
                Err(asked) => Some((index, asked)),
            })
            .collect();
        open.is_empty().then_some(())
    });
}

fn unwound(copied: &Copied, unwinder: &mut Unwinder) -> Result<Found, NoStack> {
    if !copied.is_readable() {
        return Err(NoStack::Unreadable);
    }
    let mut frames = Frames::default();
    unwinder.record_copy(&copied.registers, copied.bytes(), &mut frames);
    Ok(Found { frames, task: Some(copied.notes[0]).filter(|task| *task != 0) })
}

/// Tries until it succeeds or the deadline has come. A thread that runs answers within microseconds.
fn until<T>(deadline: Instant, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    const SPINS: u32 = 200;
    const NAP: Duration = Duration::from_micros(50);
    for turn in 0_u32.. {
        if let Some(done) = attempt() {
            return Some(done);
        }
        if Instant::now() >= deadline {
            break;
        }
        if turn < SPINS { std::hint::spin_loop() } else { std::thread::sleep(NAP) }
    }
    None
}

fn slots() -> &'static Slots<Copied> {
    static MADE: OnceLock<&'static Slots<Copied>> = OnceLock::new();
    MADE.get_or_init(|| {
        let slots = &*Box::leak(Box::new(Slots::new(TOGETHER, Copied::nothing)));
        // Ordering: Release pairs with the Acquire of the handler.
        SLOTS.store(std::ptr::from_ref(slots).cast_mut(), Ordering::Release);
        slots
    })
}

/// The handler: notes the task, copies, and nothing else.
extern "C" fn interrupted(_signal: c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    os::preserving_errno(|| {
        // Ordering: Acquire pairs with the Release of `slots`.
        let slots = SLOTS.load(Ordering::Acquire);
        // SAFETY: slots are never freed.
        if let Some(slots) = unsafe { slots.as_ref() } {
            let task = with_current(|task| task.id().map_or(0, Id::as_u64)).unwrap_or(0);
            let thread = os::this_thread();
            // SAFETY: the context is the kernel's.
            slots.answer(thread, |copied| unsafe { copied.fill(thread, context, [task, 0]) });
        }
    });
}

/// Whether a stack can be had here at all.
pub fn is_supported() -> bool {
    SUPPORTED
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::stack::symbols;
    use std::hint::black_box;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;

    #[inline(never)]
    fn compute() {
        (0..100_000_u64).for_each(|number| {
            black_box(number);
        });
    }

    fn names(frames: &Frames) -> Vec<String> {
        let functions = frames.addresses().iter().map(|&address| symbols::at(address));
        functions.flat_map(|calls| calls.iter().map(|call| call.function.to_string()).collect::<Vec<_>>()).collect()
    }

    const PATIENCE: Duration = Duration::from_secs(120);

    /// Runs `work` on a thread until `observe` is through with that thread.
    fn beside<R>(work: impl Fn() + Send + 'static, observe: impl FnOnce(u64) -> R) -> R {
        let stop = Arc::new(AtomicBool::new(false));
        let (say, hear) = mpsc::channel();
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                say.send(os::this_thread()).unwrap();
                turns(&stop, &work);
            }
        });
        let result = observe(hear.recv().unwrap());
        stop.store(true, Ordering::Relaxed);
        thread.join().unwrap();
        result
    }

    #[inline(never)]
    fn turns(stop: &AtomicBool, work: &impl Fn()) {
        while !stop.load(Ordering::Relaxed) {
            work();
        }
        black_box(());
    }

    #[test]
    fn a_computing_thread_is_found_where_it_computes() {
        let ended = beside(|| (), |thread| thread);
        beside(compute, |thread| {
            let deadline = Instant::now() + PATIENCE;
            loop {
                assert!(Instant::now() < deadline);
                let mut found = frames_of(&[thread, ended], PATIENCE);
                let names = names(&found.remove(0).unwrap());
                let at = |part: &str| names.iter().position(|name| name.contains(part));
                // It may have been on its way there; and a thread that was joined may be there for a moment.
                if let (Some(inner), Err(NoStack::Gone)) = (at("on_cpu::tests::compute"), &found[0]) {
                    let outer = at("on_cpu::tests::turns");
                    assert!(Some(inner) < outer && outer < at("__rust_begin_short_backtrace"), "{names:#?}");
                    return;
                }
            }
        });
    }

    #[test]
    fn a_thread_may_be_anywhere() {
        let unwinds = || {
            let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(1)));
            assert!(caught.is_err());
        };
        let traces = || assert!(!backtrace::Backtrace::new_unresolved().frames().is_empty());
        let works: [Box<dyn Fn() + Send>; 4] = [
            Box::new(|| drop(black_box(vec![0_u8; black_box(100_000)]))),
            Box::new(|| drop(black_box(format!("{:?}", black_box((1.5_f64, "text")))))),
            Box::new(unwinds),
            Box::new(traces),
        ];
        const SAMPLES: usize = 200;
        for (index, work) in works.into_iter().enumerate() {
            let whole = beside(work, |thread| {
                let one = |_: &usize| {
                    let frames = frames_of(&[thread], PATIENCE).remove(0).unwrap();
                    names(&frames).iter().any(|name| name.contains("on_cpu::tests::turns"))
                };
                (0..SAMPLES).filter(one).count()
            });
            // Some instructions of the unwinder itself have no rule; and the first sample may come before the work.
            assert!(whole * 10 >= SAMPLES * 8, "work {index}: {whole} of {SAMPLES} stacks are whole");
        }
    }

    #[test]
    fn who_gives_up_leaves_no_slot_behind() {
        beside(
            || drop(black_box(vec![0_u8; black_box(100)])),
            |thread| {
                let observers: Vec<_> = (0..4)
                    .map(|index| {
                        std::thread::spawn(move || {
                            for turn in 0..500 {
                                // From no patience at all to more than it takes.
                                let patience = Duration::from_micros(turn % 40 * index);
                                for found in frames_of(&[thread, thread], patience) {
                                    assert!(matches!(found, Ok(_) | Err(NoStack::Silent)), "{found:?}");
                                }
                            }
                        })
                    })
                    .collect();
                observers.into_iter().for_each(|observer| observer.join().unwrap());
                // As many at once as there are slots: each gets one.
                let all = frames_of(&[thread; TOGETHER], PATIENCE);
                assert!(all.iter().all(Result::is_ok), "{all:?}");
            },
        );
    }

    #[test]
    fn a_handler_of_the_program_stays() {
        extern "C" fn own(_: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {}
        let signal = libc::SIGIO;
        os::install(signal, own).unwrap();
        assert_eq!(set_signal(signal), Err(CannotHandle::Taken { signal }));
        os::install(signal, own).expect("it is still there");
        assert!(matches!(set_signal(libc::SIGKILL), Err(CannotHandle::Refused { .. })));
    }
}
