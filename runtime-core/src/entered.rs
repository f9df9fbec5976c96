//! Which runtime this thread is in: what `Handle::current`, `spawn` and `sleep` act on.
//!
//! A machine's thread is in its runtime for its whole life, a thread of the user's inside `block_on` and until an
//! [`EnterGuard`] is dropped. Being *in* a runtime says nothing about owning a processor: that is [`crate::context`].
//!
//! The scheduler is kept alive here, by one reference a thread, so that a leaf never counts references.
//!
//! Guards nest: each puts back what it found, so they are dropped in the reverse order. One that is not says so by a panic
//! and changes nothing: the thread stays in the runtime that it is in, because a leaf's way there ([`crate::home`]) is a
//! pointer, and must not outlive what it points at.

use crate::home;
use crate::scheduler::Scheduler;
use crate::sync::{Arc, thread_local};
use crate::texts;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

/// The runtime of a thread. When the thread ends, so does the leaves' way there, whatever guards there still are.
struct Entered(RefCell<Option<Arc<Scheduler>>>);

impl Drop for Entered {
    fn drop(&mut self) {
        home::leave();
    }
}

thread_local! {
    static ENTERED: Entered = const { Entered(RefCell::new(None)) };
    /// Guards of this thread that have not been dropped.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Leaves the runtime context when dropped. Made by [`Runtime::enter`](crate::runtime::Runtime::enter).
///
/// It borrows the runtime, but does not need it when it is dropped: `shutdown_timeout` may take the runtime before that.
#[must_use = "the context is left when this is dropped"]
pub struct EnterGuard<'a> {
    // The drop is the inner one's, which knows no lifetime.
    _inside: Inside,
    _runtime: PhantomData<&'a Scheduler>,
}

// SAFETY: a shared guard gives access to nothing. It is dropped where it was made, for it is not `Send`.
unsafe impl Sync for EnterGuard<'_> {}

/// The guard itself.
struct Inside {
    /// What to put back; on a thread that is ending, where nothing is, what keeps the scheduler.
    before: Option<Arc<Scheduler>>,
    home: ManuallyDrop<home::HomeGuard<'static>>,
    depth: usize,
    _this_thread: PhantomData<*const ()>,
}

/// Makes `scheduler` the runtime that this thread is in, until the guard is dropped.
pub(crate) fn enter(scheduler: &Arc<Scheduler>) -> EnterGuard<'_> {
    let depth = DEPTH.with(|depth| depth.replace(depth.get() + 1)) + 1;
    let mut ours = Some(scheduler.clone());
    // A thread that is ending has no context any more: a runtime in one of its locals is dropped without.
    let before = ENTERED.try_with(|entered| entered.0.replace(ours.take())).unwrap_or(None);
    // SAFETY: the scheduler lives for as long as it is the home: the thread's context keeps it until it is replaced or the
    // thread ends, and both unset the home first; or the guard does, if there is no context.
    let kept: &'static Scheduler = unsafe { &*Arc::as_ptr(scheduler) };
    let inside = Inside {
        home: ManuallyDrop::new(home::set_home(kept)),
        depth,
        before: before.or(ours),
        _this_thread: PhantomData,
    };
    EnterGuard { _inside: inside, _runtime: PhantomData }
}

impl std::fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}

impl Drop for Inside {
    /// # Panics
    ///
    /// If a guard that was made later is still there. While the thread panics anyway, it says nothing.
    #[track_caller]
    fn drop(&mut self) {
        let before = self.before.take();
        if DEPTH.with(Cell::get) != self.depth {
            // The guards in between are the ones that know what to put back.
            assert!(std::thread::panicking(), "{}", texts::OUT_OF_ORDER);
            return;
        }
        DEPTH.with(|depth| depth.set(self.depth - 1));
        // SAFETY: dropped here and nowhere else.
        unsafe { ManuallyDrop::drop(&mut self.home) };
        // A thread that is ending has no context to restore.
        let left = ENTERED.try_with(|entered| entered.0.replace(before));
        drop(left);
    }
}

/// Whether this thread is ending, and can be in no runtime any more.
pub(crate) fn is_gone() -> bool {
    ENTERED.try_with(|_| ()).is_err()
}

/// The runtime of this thread, if it is in one.
pub(crate) fn current<R>(f: impl FnOnce(Option<&Arc<Scheduler>>) -> R) -> R {
    let mut f = Some(f);
    let mut call = |handle: Option<&Arc<Scheduler>>| f.take().map(|f| f(handle));
    // A thread that is ending is in no runtime.
    match ENTERED.try_with(|entered| call(entered.0.borrow().as_ref())).unwrap_or_else(|_| call(None)) {
        Some(result) => result,
        None => unreachable!("called once"),
    }
}
