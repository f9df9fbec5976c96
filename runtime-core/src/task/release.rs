//! What a task leaves: a reference given up, the record and the body given back to who makes tasks.
//!
//! A record goes when the last reference to it does, wakers included; a body may go before, as soon as nothing in it is alive and
//! nobody will look at it again. Both go to the caches of the thread that finds it so, if it has some for their arena, else to the
//! arena itself.
//!
//! Called by whoever gives a reference up: handles, wakers, runs that end. What ends the record's life for its readers is
//! [`Task::end_life`]; this file refuses to touch the words themselves. The invariant: given back once, by the one whose transition of the
//! state word said that it was the last.
//!
//! Models: `loom-tests/tests/task.rs`, `record_migrates_between_processors` in `loom-tests/tests/registry.rs`.

use super::arena::{Arena, arena_of};
use super::body::Vtable;
use super::memory::Caches;
use super::record::Task;
use super::state::Dropped;
use super::{labels, local, names};
use crate::policy;
use std::ptr::NonNull;

impl Task {
    /// Gives a reference up.
    ///
    /// # Safety
    /// The caller has one.
    #[inline(always)]
    pub(super) unsafe fn drop_ref(this: NonNull<Self>) {
        // SAFETY: the caller's promise.
        let dropped = unsafe { this.as_ref() }.state.drop_ref();
        // SAFETY: what was dropped is what `release_if_last` asks for.
        unsafe { Self::release_if_last(this, dropped) };
    }

    /// Frees the record if that is what giving up a reference calls for.
    ///
    /// # Safety
    /// `dropped` came from this task.
    #[inline(always)]
    pub(super) unsafe fn release_if_last(this: NonNull<Self>, dropped: Dropped) {
        match dropped {
            Dropped::Shared => {}
            // SAFETY: nobody else has a reference.
            Dropped::Last => unsafe { Self::release(this) },
        }
    }

    /// Frees the record, and the body if it is still there.
    ///
    /// # Safety
    /// The task is complete, its output gone, and nobody has a reference or a waker.
    pub(super) unsafe fn release(this: NonNull<Self>) {
        // SAFETY: the record is the caller's.
        let task = unsafe { this.as_ref() };
        let vtable = task.vtable();
        let bits = task.state.peek();
        if bits.is_named() {
            names::forget(task.id_of_live());
        }
        if bits.is_labelled() {
            labels::forget(task.id_of_live());
        }
        // SAFETY: as above.
        let body = unsafe { task.end_life() };
        with_caches(arena_of(this), |caches| {
            if let Some(body) = body {
                // SAFETY: nothing in the body is alive.
                unsafe { give_body(caches, body, vtable) };
            }
            // SAFETY: the record is free and the caller's.
            unsafe { caches.give_record(this) };
        });
    }

    /// Frees the body of a task that may still be referenced.
    ///
    /// # Safety
    /// Nothing in the body is alive and nobody will look at it again.
    #[inline(always)]
    pub(super) unsafe fn free_body(this: NonNull<Self>) {
        // SAFETY: the body is the caller's alone.
        let task = unsafe { this.as_ref() };
        // SAFETY: as above.
        if let Some(body) = unsafe { task.take_body() } {
            // SAFETY: as above.
            with_caches(arena_of(this), |caches| unsafe { give_body(caches, body, task.vtable()) });
        }
    }
}

/// # Safety
/// `body` is a body of `vtable`'s layout in which nothing is alive, and the caller's alone.
#[inline(always)]
unsafe fn give_body(caches: &mut Caches, body: NonNull<u8>, vtable: &Vtable) {
    if policy::CHECKED {
        // SAFETY: the caller's promise.
        unsafe { (vtable.touch)(body) };
    }
    // SAFETY: the caller's promise.
    unsafe { caches.give_body(body, vtable.class, vtable.memory()) };
}

/// Lends `f` this thread's caches, or those of threads without a processor.
#[inline(always)]
fn with_caches<R>(arena: NonNull<Arena>, f: impl FnOnce(&mut Caches) -> R) -> R {
    if let Some(mut caches) = local::caches() {
        // SAFETY: a thread's local caches are its own, and no borrow of them ever nests (`memory.rs`).
        let caches = unsafe { caches.as_mut() };
        if caches.serve(arena) {
            return f(caches);
        }
    }
    if let Some(mut caches) = local::set_caches() {
        // SAFETY: as above.
        let caches = unsafe { caches.as_mut() };
        if caches.serve(arena) {
            return f(caches);
        }
    }
    // SAFETY: an arena is alive while one of its records is.
    unsafe { arena.as_ref() }.with_remote(f)
}
