//! What others know of sysmon: whether it sleeps, how to wake it, and the long polls that it has seen.
//!
//! What it does, and why, is in [`crate::watch`].
//!
//! It sleeps until it is woken once every processor has been idle for a while. Whoever takes a processor out of the idle
//! set wakes it, with the usual pair of fences: either the taker sees it asleep, or it sees that a processor is in use.

use crate::parker::Parker;
use crate::policy;
use crate::sync::{AtomicBool, Mutex, Ordering, fence, thread};
use std::collections::VecDeque;
use std::panic::Location;
use std::time::Duration;

/// A poll that lasted longer than the slice.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LongPoll {
    /// The task.
    pub task: u64,
    /// Where it was spawned.
    pub spawned_at: Option<&'static Location<'static>>,
    /// The processor that it held.
    pub processor: usize,
    /// The operating system's number of the thread; 0 if unknown.
    pub thread_id: u64,
    /// How long it had lasted when it was seen last.
    pub lasted: Duration,
    /// When it was recorded, in ns since the runtime's clock began.
    pub at_ns: u64,
}

/// What others know of sysmon.
#[derive(Debug)]
pub struct Sysmon {
    parker: Parker,
    asleep: AtomicBool,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
    long_polls: Mutex<VecDeque<LongPoll>>,
}

impl Sysmon {
    /// Not started.
    pub fn new() -> Self {
        Self {
            parker: Parker::new(),
            asleep: AtomicBool::new(false),
            thread: Mutex::new(None),
            long_polls: Mutex::new(VecDeque::new()),
        }
    }

    /// A processor has been taken out of the idle set: there is something to watch.
    pub fn processor_taken(&self) {
        // Ordering: SeqCst fence; pairs with the one in `sleep_until_woken`: either we see it asleep, or it sees that
        // not all processors are idle.
        fence(Ordering::SeqCst);
        // Ordering: Relaxed; the fence makes it recent enough.
        if self.asleep.load(Ordering::Relaxed) {
            // Ordering: Relaxed; elects one waker.
            if self.asleep.swap(false, Ordering::Relaxed) {
                self.rouse();
            }
        }
    }

    /// Sysmon itself: says that it is about to sleep until it is woken. `still` asks whether it may.
    pub(crate) fn sleep_until_woken(&self, still: impl FnOnce() -> bool) {
        // Ordering: Relaxed, ordered by the fence below.
        self.asleep.store(true, Ordering::Relaxed);
        // Ordering: SeqCst fence; pairs with the one in `processor_taken`.
        fence(Ordering::SeqCst);
        if still() {
            self.parker.park();
        }
        // Ordering: Relaxed; whoever woke us has cleared it, a closing runtime has not. A rouse that came although we did
        // not sleep leaves a token, which ends the next nap early.
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Sysmon itself: sleeps for `time`, or until it is woken.
    pub(crate) fn nap(&self, time: Duration) {
        let _ = self.parker.park_timeout(time);
    }

    /// Whether it sleeps until it is woken.
    pub fn is_asleep(&self) -> bool {
        // Ordering: Relaxed, for observers.
        self.asleep.load(Ordering::Relaxed)
    }

    fn rouse(&self) {
        // It never sleeps elsewhere.
        let _here = self.parker.unpark();
    }

    /// The polls that lasted longer than the slice, the oldest first.
    pub fn long_polls(&self) -> Vec<LongPoll> {
        self.long_polls.lock().iter().cloned().collect()
    }

    /// Remembers a long poll, or that it has lasted longer still.
    pub(crate) fn record(&self, poll: LongPoll) {
        let mut polls = self.long_polls.lock();
        if let Some(known) = polls.back_mut().filter(|known| known.task == poll.task && known.at_ns == poll.at_ns) {
            *known = poll;
            return;
        }
        if polls.len() == policy::LONG_POLL_RECORDS {
            polls.pop_front();
        }
        polls.push_back(poll);
    }

    /// Its thread runs.
    pub(crate) fn started(&self, thread: thread::JoinHandle<()>) {
        *self.thread.lock() = Some(thread);
    }

    /// Wakes it to see that the runtime is closed, and waits for its thread.
    pub(crate) fn stop(&self) {
        self.rouse();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // Its panic has been printed; the scheduler ends anyway.
            let _panic = thread.join();
        }
    }
}
