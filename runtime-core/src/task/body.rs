//! [`Body`]: what a task owns besides its record, and the [`Vtable`] through which the untyped record reaches it.
//!
//! One allocation holds the join waker and the *stage*: first the future, then, in the same place, its output. No tag says
//! which: the state word does (not complete: the future, the completer's; complete: the output, the join handle's until
//! it has taken or dropped it). The future never moves between the spawn and its drop.
//!
//! Every function of the vtable runs user code, and none lets a panic out: a poll that panics, a future or an output whose
//! drop panics, all become a [`JoinError`] or, where nobody is left to be told, nothing.
//!
//! [`TaskLayout`] is a static table of sizes and offsets for debuggers and dumps, which find it behind the record's
//! vtable pointer without running anything.
//!
//! Who may call: `runnable.rs` (with the right to run) and `join.rs` (with a complete task). Who frees the memory is in
//! `record.rs`.

use super::{Id, JoinError};
use crate::policy;
use crate::sync::{UnsafeCell, catch, quietly};
use std::alloc::Layout;
use std::future::Future;
use std::mem::{ManuallyDrop, offset_of};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

/// Where the parts of a task's body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct TaskLayout {
    /// Bytes of the body.
    pub size: usize,
    /// Alignment of the body.
    pub align: usize,
    /// Offset of the join waker.
    pub waker_offset: usize,
    /// Offset of the future, and of the output that takes its place.
    pub stage_offset: usize,
    /// Bytes of the future.
    pub future_size: usize,
    /// Bytes of the output, a `Result<T, JoinError>`.
    pub output_size: usize,
}

/// What the runtime can do with a task whose type it does not know.
#[derive(Debug)]
#[repr(C)]
pub struct Vtable {
    /// Where the parts are.
    pub layout: TaskLayout,
    /// The class of memory that the body came from; none for an allocation of its own.
    pub(super) class: Option<u8>,
    /// Whether it is the future of a `block_on`, and no task.
    pub(super) is_main: bool,
    /// The name of the future's type.
    pub type_name: fn() -> &'static str,
    /// Polls the future. On `Ready` and on a panic the future is gone and the output in place.
    pub(super) poll: unsafe fn(NonNull<u8>, &mut Context<'_>, Id) -> Polled,
    /// Drops the future and puts the error in its place. False if the drop panicked.
    pub(super) cancel: unsafe fn(NonNull<u8>, Id) -> bool,
    /// Moves the output to a `Result<T, JoinError>`.
    pub(super) take_output: unsafe fn(NonNull<u8>, *mut u8),
    /// Drops the output.
    pub(super) drop_output: unsafe fn(NonNull<u8>),
    /// An access to everything in the body, which makes a checker see a missing edge before the memory is freed.
    pub(super) touch: unsafe fn(NonNull<u8>),
}

/// What came of a poll.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Polled {
    Pending,
    Returned,
    Panicked,
}

type Output<F> = Result<<F as Future>::Output, JoinError>;

/// The future until it is complete, the output from then on.
union Stage<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Output<F>>,
}

/// The body of a task with the future `F`.
#[repr(C)]
pub(super) struct Body<F: Future> {
    waker: JoinWaker,
    stage: UnsafeCell<Stage<F>>,
}

/// The cell of the join waker: the first thing in every body, whatever the future.
pub(super) struct JoinWaker(UnsafeCell<Option<Waker>>);

impl JoinWaker {
    /// # Safety
    /// The caller has the cell, by the rules of the state word's join flags; `body` is a body.
    pub(super) unsafe fn replace(body: NonNull<u8>, waker: Option<Waker>) -> Option<Waker> {
        // SAFETY: the cell is at offset 0 of every body (asserted below), and the caller's.
        unsafe { body.cast::<Self>().as_ref() }.0.with_mut(|cell| unsafe { std::mem::replace(&mut *cell, waker) })
    }

    /// # Safety
    /// `body` is a body, the cell is shared, and the caller is the join handle.
    pub(super) unsafe fn will_wake(body: NonNull<u8>, waker: &Waker) -> bool {
        // SAFETY: nobody writes a shared cell; the completer may take it only after it said `COMPLETE`, and a `Waker` that
        // it reads out meanwhile stays in place bit for bit.
        unsafe { body.cast::<Self>().as_ref() }
            .0
            .with(|cell| unsafe { (*cell).as_ref().is_some_and(|shared| shared.will_wake(waker)) })
    }

    /// The shared waker, by value, leaving its bits where the join handle may be comparing them.
    ///
    /// # Safety
    /// `body` is a body, and the caller completed the task while the cell was shared.
    pub(super) unsafe fn take_shared(body: NonNull<u8>) -> Option<Waker> {
        // SAFETY: the completer owns the waker from here on; everybody else only ever compares it.
        unsafe { body.cast::<Self>().as_ref() }.0.with(|cell| unsafe { std::ptr::read(cell) })
    }
}

impl<F: Future> Body<F> {
    const WAKER_FIRST: () = assert!(offset_of!(Self, waker) == 0);

    pub(super) const VTABLE: Vtable = Vtable {
        layout: TaskLayout {
            size: size_of::<Self>(),
            align: align_of::<Self>(),
            waker_offset: offset_of!(Self, waker),
            stage_offset: offset_of!(Self, stage),
            future_size: size_of::<F>(),
            output_size: size_of::<Output<F>>(),
        },
        class: policy::memory_class(size_of::<Self>(), align_of::<Self>()),
        is_main: false,
        type_name: std::any::type_name::<F>,
        poll: poll::<F>,
        cancel: cancel::<F>,
        take_output: take_output::<F>,
        drop_output: drop_output::<F>,
        touch: touch::<F>,
    };

    /// The vtable of tasks with the future `F`.
    pub(super) const fn vtable() -> &'static Vtable {
        let () = Self::WAKER_FIRST;
        &Self::VTABLE
    }

    /// Makes a body out of memory.
    ///
    /// # Safety
    /// `memory` is the caller's and fits [`Self::vtable`]'s layout.
    #[inline(always)]
    pub(super) unsafe fn init(memory: NonNull<u8>, future: F) {
        // SAFETY: the caller's promise.
        unsafe {
            memory.cast::<Self>().write(Self {
                waker: JoinWaker(UnsafeCell::new(None)),
                stage: UnsafeCell::new(Stage { future: ManuallyDrop::new(future) }),
            });
        }
    }
}

impl Vtable {
    /// The layout for the allocator.
    pub(super) fn memory(&self) -> Layout {
        // SAFETY: the size and alignment are those of a type.
        unsafe { Layout::from_size_align_unchecked(self.layout.size, self.layout.align) }
    }
}

/// Drops a future whose poll panics while it unwinds, so that what is in it finds its thread panicking, as if the future were
/// on the stack.
struct DropUnwound<'a, F>(&'a mut ManuallyDrop<F>);

impl<F> Drop for DropUnwound<'_, F> {
    fn drop(&mut self) {
        // A second panic has nobody to go to; the first one is reported.
        // SAFETY: the poll panicked, the future is there, and nobody else drops it.
        quietly(|| unsafe { ManuallyDrop::drop(self.0) });
    }
}

/// # Safety
/// `body` is a `Body<F>` that holds its future, and the caller has the right to run.
unsafe fn poll<F: Future>(body: NonNull<u8>, cx: &mut Context<'_>, id: Id) -> Polled {
    // SAFETY: the caller's promise: the stage is ours alone, holds the future, and does not move.
    unsafe { body.cast::<Body<F>>().as_ref() }.stage.with_mut(|stage| {
        // SAFETY: as above: nobody else has the stage.
        let stage = unsafe { &mut *stage };
        let polled = catch(|| {
            // SAFETY: the caller's promise: the stage holds the future.
            let unwound = DropUnwound(unsafe { &mut stage.future });
            // SAFETY: pinned: the future stays in the stage until it is dropped there.
            let future = unsafe { Pin::new_unchecked(&mut **unwound.0) };
            let polled = future.poll(cx);
            // It did not panic.
            std::mem::forget(unwound);
            match polled {
                Poll::Pending => None,
                Poll::Ready(output) => {
                    // SAFETY: the future is dropped once: here, or, if its poll panicked, by the guard.
                    unsafe { ManuallyDrop::drop(&mut stage.future) };
                    Some(output)
                }
            }
        });
        let (output, polled) = match polled {
            Ok(None) => return Polled::Pending,
            Ok(Some(output)) => (Ok(output), Polled::Returned),
            Err(payload) => (Err(JoinError::panic(id, payload)), Polled::Panicked),
        };
        stage.output = ManuallyDrop::new(output);
        polled
    })
}

/// # Safety
/// As [`poll`].
unsafe fn cancel<F: Future>(body: NonNull<u8>, id: Id) -> bool {
    // SAFETY: the caller's promise, as in `poll`.
    unsafe { body.cast::<Body<F>>().as_ref() }.stage.with_mut(|stage| {
        // SAFETY: as above: nobody else has the stage.
        let stage = unsafe { &mut *stage };
        // SAFETY: the future is there, and dropped once.
        let dropped = catch(|| unsafe { ManuallyDrop::drop(&mut stage.future) });
        let clean = dropped.is_ok();
        let error = match dropped {
            Ok(()) => JoinError::cancelled(id),
            Err(payload) => JoinError::panic(id, payload),
        };
        stage.output = ManuallyDrop::new(Err(error));
        clean
    })
}

/// # Safety
/// `body` is a `Body<F>` that holds its output, which is the caller's; `to` is room for it.
unsafe fn take_output<F: Future>(body: NonNull<u8>, to: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { body.cast::<Body<F>>().as_ref() }.stage.with_mut(|stage| unsafe {
        to.cast::<Output<F>>().write(ManuallyDrop::take(&mut (*stage).output));
    });
}

/// # Safety
/// `body` is a `Body<F>` that holds its output, which is the caller's.
unsafe fn drop_output<F: Future>(body: NonNull<u8>) {
    // SAFETY: the caller's promise.
    unsafe { body.cast::<Body<F>>().as_ref() }.stage.with_mut(|stage| {
        // A panic here has nobody to go to.
        // SAFETY: as above, and dropped once.
        quietly(|| unsafe { ManuallyDrop::drop(&mut (*stage).output) });
    });
}

/// # Safety
/// `body` is a `Body<F>` that is the caller's alone.
unsafe fn touch<F: Future>(body: NonNull<u8>) {
    // SAFETY: the caller's promise.
    let body = unsafe { body.cast::<Body<F>>().as_ref() };
    body.waker.0.with_mut(|_| ());
    body.stage.with_mut(|_| ());
}
