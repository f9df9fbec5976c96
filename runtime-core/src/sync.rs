//! The one place that names `std::sync`, loom or shuttle.
//!
//! Every protocol between threads in this crate is written against what this file exports, so that the code that
//! runs is the code that is checked:
//!
//! | build | cfg | what the names mean |
//! | --- | --- | --- |
//! | production | none | `std`, at no cost |
//! | loom | `--cfg gumption_loom` | every interleaving and every stale read of 2 to 3 threads |
//! | shuttle | `--cfg gumption_shuttle` | random and PCT schedules of the composed scheduler, 4 to 10 threads |
//!
//! The cfgs are private names because `RUSTFLAGS` reach every dependency, and `--cfg loom` breaks some of them.
//! No other file may `use std::sync`, and no function body may contain a `cfg`: a difference between the builds is a
//! difference between two `imp` modules below, or a constant in [`crate::policy`].
//!
//! **Mutants.** A model that no mutant can fail proves nothing, so each protocol names the steps that it rests on:
//! [`broken`]`("name")` is `false`, and compiled out, in production; in the checked builds it is true when the
//! environment variable `GUMPTION_MUTANT` has that name, and the code then leaves the step out or weakens its
//! ordering. `loom-tests` runs every model once per mutant and demands a failure.
//!
//! Rules learnt from loom 0.7: SeqCst *accesses* are only AcqRel to it, so the protocols use [`fence`]; it has no
//! usable `thread::park`, so parking is a `Mutex` and a `Condvar` there; loom atomics have no `const fn new`.

#[cfg(gumption_loom)]
mod imp {
    pub use loom::cell::UnsafeCell;
    pub use loom::sync::Arc;
    pub use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence};
    pub(super) use loom::sync::{
        Condvar as RawCondvar, Mutex as RawMutex, MutexGuard as RawGuard, RwLock as RawRwLock,
        RwLockReadGuard as RawReadGuard, RwLockWriteGuard as RawWriteGuard,
    };
    pub use loom::thread;

    /// loom's, which has no `const` initialisers: they run at first use there.
    macro_rules! local_to_thread {
        ($($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty = const { $value:expr };)+) => {
            $(loom::thread_local! { $(#[$attribute])* $vis static $name: $type = $value; })+
        };
        ($($any:tt)*) => {
            loom::thread_local! { $($any)* }
        };
    }
    pub(crate) use local_to_thread as thread_local;

    /// Reads an atomic that only the calling thread ever stores to.
    ///
    /// loom then does not count it as an access, so it does not hide the accesses of others from the exploration, and
    /// reports a store by anybody else as a race: two owners are noticed.
    ///
    /// # Safety
    /// No other thread stores to it meanwhile.
    pub unsafe fn load_own(atomic: &AtomicU32) -> u32 {
        // SAFETY: the caller's promise, which loom checks.
        unsafe { atomic.unsync_load() }
    }

    /// One turn of a spin loop: a scheduling point, because loom explores a spin that never yields for ever.
    pub fn spin_loop() {
        loom::thread::yield_now();
    }
}

#[cfg(gumption_shuttle)]
mod imp {
    use super::Ordering;
    pub use shuttle::sync::Arc;
    pub use shuttle::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence};
    pub(super) use shuttle::sync::{
        Condvar as RawCondvar, Mutex as RawMutex, MutexGuard as RawGuard, RwLock as RawRwLock,
        RwLockReadGuard as RawReadGuard, RwLockWriteGuard as RawWriteGuard,
    };
    pub use shuttle::thread;
    pub(crate) use shuttle::thread_local;

    /// Reads an atomic that only the calling thread ever stores to.
    ///
    /// A relaxed load; loom, which has it too, checks the promise.
    ///
    /// # Safety
    /// No other thread stores to it meanwhile.
    pub unsafe fn load_own(atomic: &AtomicU32) -> u32 {
        atomic.load(Ordering::Relaxed)
    }

    /// One turn of a spin loop: a scheduling point.
    pub fn spin_loop() {
        shuttle::thread::yield_now();
    }

    /// loom's cell for shuttle: a borrow count turns overlapping accesses into a panic.
    ///
    /// The scheduling point inside an access is a dummy atomic load and not a yield, because PCT demotes a thread that
    /// yields and then misses schedules.
    #[derive(Debug)]
    pub struct UnsafeCell<T: ?Sized> {
        borrows: std::sync::atomic::AtomicIsize,
        point: AtomicBool,
        value: std::cell::UnsafeCell<T>,
    }

    impl<T> UnsafeCell<T> {
        /// A cell that holds `value`.
        pub fn new(value: T) -> Self {
            Self {
                borrows: std::sync::atomic::AtomicIsize::new(0),
                point: AtomicBool::new(false),
                value: std::cell::UnsafeCell::new(value),
            }
        }
        /// Calls `f` with the cell for reading.
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            use std::sync::atomic::Ordering::SeqCst;
            assert!(self.borrows.fetch_add(1, SeqCst) >= 0, "a read overlaps a write");
            self.point.load(SeqCst);
            let result = f(self.value.get());
            self.borrows.fetch_sub(1, SeqCst);
            result
        }
        /// Calls `f` with the cell for writing.
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            use std::sync::atomic::Ordering::SeqCst;
            assert_eq!(self.borrows.swap(-1_000, SeqCst), 0, "a write overlaps another access");
            self.point.load(SeqCst);
            let result = f(self.value.get());
            self.borrows.store(0, SeqCst);
            result
        }
    }
}

#[cfg(not(any(gumption_loom, gumption_shuttle)))]
mod imp {
    use super::Ordering;
    pub use std::hint::spin_loop;
    pub use std::sync::Arc;
    pub use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence};
    pub(super) use std::sync::{
        Condvar as RawCondvar, Mutex as RawMutex, MutexGuard as RawGuard, RwLock as RawRwLock,
        RwLockReadGuard as RawReadGuard, RwLockWriteGuard as RawWriteGuard,
    };
    pub use std::thread;
    pub(crate) use std::thread_local;

    /// Reads an atomic that only the calling thread ever stores to.
    ///
    /// A relaxed load; loom, which has it too, checks the promise.
    ///
    /// # Safety
    /// No other thread stores to it meanwhile.
    #[inline(always)]
    pub unsafe fn load_own(atomic: &AtomicU32) -> u32 {
        atomic.load(Ordering::Relaxed)
    }

    /// `std`'s cell with loom's shape: access only through a closure.
    #[derive(Debug)]
    #[repr(transparent)]
    pub struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// A cell that holds `value`.
        #[inline(always)]
        pub const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }
        /// Calls `f` with the cell for reading.
        #[inline(always)]
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }
        /// Calls `f` with the cell for writing.
        #[inline(always)]
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

pub(crate) use imp::thread_local;
pub use imp::{
    Arc, AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, UnsafeCell, fence, load_own, spin_loop, thread,
};
pub use std::sync::atomic::Ordering;

/// A static that is made when it is first used.
pub(crate) use std::sync::LazyLock as Lazy;
/// A mutex in a static, around what outlives every runtime. The checkers do not see it: it orders nothing that they check.
pub(crate) use std::sync::Mutex as StaticMutex;
/// A pointer that the checkers do not see, to what observers read; see [`UncheckedU64`].
pub use std::sync::atomic::AtomicPtr as UncheckedPtr;

/// Declares functions that are `const` in production: the checkers' types have no `const` constructors.
///
/// ```
/// gumption_core::sync::const_unless_checked! {
///     /// Seven, at compile time.
///     pub fn seven() -> u8 { 7 }
/// }
/// const SEVEN: u8 = seven();
/// ```
#[cfg(not(any(gumption_loom, gumption_shuttle)))]
#[doc(hidden)]
#[macro_export]
macro_rules! const_unless_checked {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident $arguments:tt $(-> $result:ty)? $body:block)+) => {
        $($(#[$meta])* $vis const fn $name $arguments $(-> $result)? $body)+
    };
}

/// Declares functions that are `const` in production: the checkers' types have no `const` constructors.
#[cfg(any(gumption_loom, gumption_shuttle))]
#[doc(hidden)]
#[macro_export]
macro_rules! const_unless_checked {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident $arguments:tt $(-> $result:ty)? $body:block)+) => {
        $($(#[$meta])* $vis fn $name $arguments $(-> $result)? $body)+
    };
}
pub use const_unless_checked;

/// A word of a protocol with the kernel, which writes it.
#[cfg(feature = "usdt")]
pub use std::sync::atomic::AtomicU16 as StaticU16;
/// An atomic that the checkers do not see, in no build: for counters, which order nothing and decide nothing.
///
/// A counter that they saw would be a scheduling point, and would multiply the schedules without adding a behaviour.
pub use std::sync::atomic::AtomicU64 as UncheckedU64;
/// A counter in a static, of which no ordering is asked: numbers dealt out, invisible to the checkers.
pub use std::sync::atomic::AtomicU64 as StaticU64;

/// A panic that a model throws on purpose, to be caught by the code under test.
#[derive(Debug)]
pub struct Deliberate;

/// `f`'s result, or what it panicked with.
///
/// Under the checkers a panic is what a failed model looks like, so that only [`Deliberate`] ones are caught there.
#[inline(always)]
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Box<dyn std::any::Any + Send>> {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    match result {
        Err(payload) if crate::policy::CHECKED && !payload.is::<Deliberate>() => std::panic::resume_unwind(payload),
        result => result,
    }
}

/// A mutex without poison: the scheduler runs no user code under a lock, and a panic of its own aborts.
#[derive(Debug, Default)]
pub struct Mutex<T>(imp::RawMutex<T>);

/// A held [`Mutex`].
pub type MutexGuard<'a, T> = imp::RawGuard<'a, T>;

impl<T> Mutex<T> {
    const_unless_checked! {
        /// A free mutex around `value`.
        pub fn new(value: T) -> Self {
            Self(imp::RawMutex::new(value))
        }
    }

    /// Waits for the mutex.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    /// What was in the mutex.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    /// The mutex if nobody holds it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }
}

/// A lock for one writer or many readers, without poison.
#[derive(Debug, Default)]
pub struct RwLock<T>(imp::RawRwLock<T>);

/// An [`RwLock`] held for reading.
pub type RwLockReadGuard<'a, T> = imp::RawReadGuard<'a, T>;

/// An [`RwLock`] held for writing.
pub type RwLockWriteGuard<'a, T> = imp::RawWriteGuard<'a, T>;

impl<T> RwLock<T> {
    const_unless_checked! {
        /// A free lock around `value`.
        pub fn new(value: T) -> Self {
            Self(imp::RawRwLock::new(value))
        }
    }

    /// Waits until nobody writes.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    /// Waits until nobody else has it.
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A condition variable for [`Mutex`]. Under the checkers `wait_timeout` never times out.
#[derive(Debug, Default)]
pub struct Condvar(imp::RawCondvar);

impl Condvar {
    /// A condition variable that nobody waits on.
    pub fn new() -> Self {
        Self(imp::RawCondvar::new())
    }
    /// Releases the mutex, waits, and takes it again.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    /// [`wait`](Self::wait) for at most `limit`.
    pub fn wait_timeout<'a, T>(&self, guard: MutexGuard<'a, T>, limit: std::time::Duration) -> MutexGuard<'a, T> {
        self.0.wait_timeout(guard, limit).unwrap_or_else(std::sync::PoisonError::into_inner).0
    }
    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }
    /// Wakes every waiter.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// Runs `f`, whose panic nobody is left to be told of.
#[inline(always)]
pub(crate) fn quietly(f: impl FnOnce()) {
    if let Err(payload) = catch(f) {
        // The payload is foreign, too: one whose drop panics is given up.
        if let Err(second) = catch(|| drop(payload)) {
            std::mem::forget(second);
        }
    }
}

/// Whether the step called `name` is left out in this run: never in production, where this folds to `false`.
#[cfg(not(any(gumption_loom, gumption_shuttle)))]
#[inline(always)]
pub const fn broken(_name: &'static str) -> bool {
    false
}

/// The environment variable that names the step which [`broken`] leaves out.
#[cfg(any(gumption_loom, gumption_shuttle))]
pub const MUTANT: &str = "GUMPTION_MUTANT";

/// What [`broken`] writes to stderr, with the mutant's name behind it, the first time that it leaves that step out.
#[cfg(any(gumption_loom, gumption_shuttle))]
pub const CONSULTED: &str = "gumption: this run leaves out ";

/// Whether the step called `name` is left out in this run: when `GUMPTION_MUTANT` is `name`.
///
/// The first time it is, it says so on stderr, so that whoever runs a mutant can tell "caught" from "misspelt".
#[cfg(any(gumption_loom, gumption_shuttle))]
pub fn broken(name: &'static str) -> bool {
    use std::io::Write;
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    static SAID: std::sync::Once = std::sync::Once::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var(MUTANT).ok()).as_deref() == Some(name);
    if chosen {
        SAID.call_once(|| {
            // Straight to the descriptor: the test runner would capture `eprintln!`.
            let _ = std::io::stderr().write_all(format!("{CONSULTED}{name}\n").as_bytes());
        });
    }
    chosen
}

/// `ordering`, or `Relaxed` where the mutant `name` is on.
#[inline(always)]
pub fn weaken(name: &'static str, ordering: Ordering) -> Ordering {
    if broken(name) { Ordering::Relaxed } else { ordering }
}
