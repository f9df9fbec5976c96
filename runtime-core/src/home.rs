//! The way from a leaf future to the scheduler of the thread that polls it.
//!
//! A thread that runs tasks, or is inside `block_on` or `enter`, has a [`Home`]: the way from a leaf future to the
//! scheduler. It is set for a scope by [`set_home`] and used through [`with_home`]. Nobody keeps it longer.
//!
//! Invariant: the pointer is valid while it is set: the guard borrows what it points at, and puts the outer one back.

use crate::sync::thread_local;
use crate::texts;
use crate::timer::Home;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

thread_local! {
    static HOME: Cell<Option<*const (dyn Home + 'static)>> = const { Cell::new(None) };
}

/// The current thread belongs to no runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRuntime;

impl fmt::Display for NoRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(texts::NO_RUNTIME)
    }
}

impl std::error::Error for NoRuntime {}

/// Puts the outer home back when dropped.
pub struct HomeGuard<'a> {
    outer: Option<*const (dyn Home + 'static)>,
    _home: PhantomData<&'a dyn Home>,
}

/// Makes `home` the current thread's until the guard is dropped. Guards are dropped in the reverse order.
pub fn set_home<'a>(home: &'a (dyn Home + 'a)) -> HomeGuard<'a> {
    // SAFETY: only the lifetime changes; the guard, which borrows `home`, unsets the pointer before `home` ends.
    let home: &'static (dyn Home + 'static) = unsafe { std::mem::transmute(home) };
    HomeGuard { outer: HOME.with(|cell| cell.replace(Some(home))), _home: PhantomData }
}

impl Drop for HomeGuard<'_> {
    fn drop(&mut self) {
        // Nothing is set while the thread's locals are being destroyed.
        let _ = HOME.try_with(|cell| cell.set(self.outer));
    }
}

/// The current thread has no home from here on, whatever guards there are.
pub(crate) fn leave() {
    // Nothing is set while the thread's locals are being destroyed.
    let _ = HOME.try_with(|cell| cell.set(None));
}

/// Calls `body` with the current thread's home.
#[inline]
pub fn with_home<R>(body: impl FnOnce(&dyn Home) -> R) -> Result<R, NoRuntime> {
    let home = HOME.try_with(Cell::get).ok().flatten().ok_or(NoRuntime)?;
    // SAFETY: set, so its guard lives, so what it points at does; it is this thread that would unset it.
    Ok(body(unsafe { &*home }))
}
