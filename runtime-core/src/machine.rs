//! A machine (M): a thread that runs tasks while it owns a processor, and sleeps when it owns none.
//!
//! This is what others may know of it: its number, where it sleeps, what it was handed while it slept, and what
//! observers ask. What it does is in [`crate::worker`].
//!
//! A machine that is woken finds a [`Gift`]: the processor that it now owns, whether it counts as spinning, and for a
//! machine with a locked task that task. The waker writes the gift before it leaves the token, the sleeper reads it
//! after it took the token; only whoever took the machine off the idle stack (or out of the locked table) may write it.

use crate::parker::Parker;
use crate::stats::MachineState;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Mutex, Ordering};
use crate::task::{Runnable, Task};
use std::ptr::{self, NonNull};
use std::thread::ThreadId;

/// What a woken machine finds.
#[derive(Debug)]
pub struct Gift {
    /// The processor that it now owns.
    pub processor: usize,
    /// Whether it is counted as spinning.
    pub spinning: bool,
    /// The task that is locked to it, if that is why it was woken.
    pub task: Option<Runnable>,
}

/// A thread that runs tasks.
#[derive(Debug)]
pub struct Machine {
    /// Its number, from 0.
    pub id: usize,
    /// Where it sleeps.
    pub parker: Parker,
    gift: Mutex<Option<Gift>>,
    doing: AtomicU32,
    /// The operating system's number of the thread, 0 before it runs.
    thread_id: AtomicU64,
    /// The standard library's number of the thread.
    thread: Mutex<Option<ThreadId>>,
    processor: AtomicUsize,
    /// The task that is locked to it, 0 for none.
    locked: AtomicU64,
    /// The task that it is with although it owns no processor, see `note_held`.
    held: AtomicPtr<Task>,
}

impl Machine {
    /// A machine whose thread has not started yet.
    pub fn new(id: usize) -> Self {
        Self {
            id,
            parker: Parker::new(),
            gift: Mutex::new(None),
            doing: AtomicU32::new(MachineState::Starting as u32),
            thread_id: AtomicU64::new(0),
            thread: Mutex::new(None),
            processor: AtomicUsize::new(usize::MAX),
            locked: AtomicU64::new(0),
            held: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Hands it something; the waker follows with an unpark.
    pub fn give(&self, gift: Gift) {
        let before = self.gift.lock().replace(gift);
        debug_assert!(before.is_none(), "M{} was handed two processors", self.id);
    }

    /// Takes what it was handed: `None` means that it was woken to stop.
    pub fn receive(&self) -> Option<Gift> {
        self.gift.lock().take()
    }

    /// Whether it was handed something that it has not taken yet.
    pub fn has_gift(&self) -> bool {
        self.gift.lock().is_some()
    }

    /// Says what it is doing, for observers.
    #[inline]
    pub fn set_doing(&self, doing: MachineState) {
        // Ordering: Relaxed, for observers; one writer.
        self.doing.store(doing as u32, Ordering::Relaxed);
    }

    /// What it is doing.
    pub fn doing(&self) -> MachineState {
        // Ordering: Relaxed, for observers.
        MachineState::ALL[self.doing.load(Ordering::Relaxed) as usize]
    }

    /// Says which processor it owns, for observers.
    pub fn set_processor(&self, processor: Option<usize>) {
        // Ordering: Relaxed, for observers; one writer.
        self.processor.store(processor.unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// The processor that it owns.
    pub fn processor(&self) -> Option<usize> {
        // Ordering: Relaxed, for observers.
        Some(self.processor.load(Ordering::Relaxed)).filter(|&p| p != usize::MAX)
    }

    /// Says which task is locked to it; 0 for none.
    pub fn set_locked(&self, task: u64) {
        // Ordering: Relaxed; written and read by the machine's own thread, and by observers.
        self.locked.store(task, Ordering::Relaxed);
    }

    /// The task that is locked to it; 0 for none.
    #[inline]
    pub fn locked(&self) -> u64 {
        // Ordering: Relaxed, see `set_locked`.
        self.locked.load(Ordering::Relaxed)
    }

    /// Says which task it is with, for observers, who could not tell once it owns no processor: its own thread says so
    /// when it is locked, and sysmon before it takes the processor of a section. Nobody takes it back: it holds only of a
    /// machine that is locked, or in a section without a processor.
    pub(crate) fn note_held(&self, task: NonNull<Task>) {
        // Ordering: Relaxed, for observers; records are never freed.
        self.held.store(task.as_ptr(), Ordering::Relaxed);
    }

    /// The task that was noted last.
    pub(crate) fn held(&self) -> Option<NonNull<Task>> {
        // Ordering: Relaxed, for observers.
        NonNull::new(self.held.load(Ordering::Relaxed))
    }

    /// Called by its thread at its start.
    pub fn started(&self) {
        // Ordering: Relaxed, for observers.
        self.thread_id.store(os_thread_id(), Ordering::Relaxed);
        *self.thread.lock() = Some(std::thread::current().id());
    }

    /// The standard library's number of its thread; none before that runs.
    pub fn thread(&self) -> Option<ThreadId> {
        *self.thread.lock()
    }

    /// The operating system's number of its thread.
    pub fn thread_id(&self) -> u64 {
        // Ordering: Relaxed, for observers.
        self.thread_id.load(Ordering::Relaxed)
    }
}

/// The operating system's number of this thread; 0 where there is none to be had.
#[cfg(target_os = "linux")]
pub fn os_thread_id() -> u64 {
    // SAFETY: gettid has no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

/// The operating system's number of this thread; 0 where there is none to be had.
#[cfg(not(target_os = "linux"))]
pub fn os_thread_id() -> u64 {
    0
}
