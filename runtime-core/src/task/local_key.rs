//! [`LocalKey`]: a value that goes along with a task, or with any other future, wherever that is polled.
//!
//! A thread-local is the thread's; a future changes threads between its polls. So the value lives in the future
//! ([`TaskLocalFuture`]), and each poll lends it to the thread: it is swapped into a thread-local before and out of it
//! after, also when the poll panics, and also for the future's drop. Code that runs meanwhile finds it through the key,
//! without an argument being passed down to it. Scopes nest: the swap puts the outer value back.
//!
//! A key is made by [`task_local!`](crate::task_local) and by nothing else. A scope costs two moves of the value a poll, and
//! an access costs what one to a thread-local costs. Nothing is inherited: a task that is spawned inside a scope has none.
//!
//! What it refuses to do: to hand out anything but a shared reference, and to open a scope of a key while a closure looks at
//! that key's value. The one invariant: outside all scopes the thread-local is empty. There is one thread and no model.

use pin_project_lite::pin_project;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

/// Declares task-locals: statics of type [`LocalKey`](crate::task::LocalKey).
///
/// Attributes and visibility are as for any static, and one call may declare several. None has a value to begin with.
///
/// ```
/// gumption_core::task_local! {
///     /// Who asked for it.
///     pub static USER: String;
///     static DEPTH: u32;
/// }
///
/// let depth = DEPTH.sync_scope(1, || DEPTH.with(|depth| depth + 1));
/// assert_eq!(depth, 2);
/// assert!(USER.try_with(|_| ()).is_err());
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty; $($rest:tt)*) => {
        $crate::task_local!($(#[$attribute])* $vis static $name: $type);
        $crate::task_local!($($rest)*);
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty) => {
        $(#[$attribute])*
        $vis static $name: $crate::task::LocalKey<$type> = {
            ::std::thread_local! {
                static VALUE: ::std::cell::RefCell<::std::option::Option<$type>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            $crate::task::LocalKey { inner: VALUE }
        };
    };
}

/// The name of a task-local value. Made by [`task_local!`](crate::task_local).
///
/// ```
/// # let runtime = gumption_core::runtime::Builder::<gumption_core::driver::ThreadDriver>::new_current_thread().build()?;
/// gumption_core::task_local! {
///     static REQUEST: u64;
/// }
///
/// async fn handle() -> String {
///     format!("request {}", REQUEST.get())
/// }
///
/// let answer = runtime.block_on(REQUEST.scope(7, handle()));
/// assert_eq!(answer, "request 7");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LocalKey<T: 'static> {
    #[doc(hidden)]
    pub inner: thread::LocalKey<RefCell<Option<T>>>,
}

/// Why a scope could not be opened.
enum Refused {
    Borrowed,
    Destroyed,
}

impl Refused {
    #[track_caller]
    fn panic(&self) -> ! {
        match self {
            Self::Borrowed => {
                panic!("cannot enter a task-local scope while the task-local storage is borrowed");
            }
            Self::Destroyed => {
                panic!("cannot enter a task-local scope during or after destruction of the underlying thread-local");
            }
        }
    }
}

impl<T: 'static> LocalKey<T> {
    /// `future`, for which this key has `value`: at each poll, and when it is dropped.
    ///
    /// The value is dropped together with the returned future, or taken out of it with
    /// [`take_value`](TaskLocalFuture::take_value).
    ///
    /// # Panics
    ///
    /// The returned future panics when it is polled inside a closure of [`with`](Self::with) or
    /// [`try_with`](Self::try_with) of the same key.
    pub fn scope<F>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F>
    where
        F: Future,
    {
        TaskLocalFuture { key: self, value: Some(value), future: Some(future), _pinned: PhantomPinned }
    }

    /// Runs `f`, for which this key has `value`.
    ///
    /// # Panics
    ///
    /// Inside a closure of [`with`](Self::with) or [`try_with`](Self::try_with) of the same key.
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        match self.lend(&mut Some(value), f) {
            Ok(result) => result,
            Err(refused) => refused.panic(),
        }
    }

    /// Runs `f` with `value` in the thread-local, and what was there before in `value`.
    fn lend<R>(&'static self, value: &mut Option<T>, f: impl FnOnce() -> R) -> Result<R, Refused> {
        struct Lent<'a, T: 'static>(&'static LocalKey<T>, &'a mut Option<T>);
        impl<T: 'static> Drop for Lent<'_, T> {
            fn drop(&mut self) {
                // The value stays where it is only if the thread-local went away meanwhile, together with the thread.
                let _swapped = self.0.swap(self.1);
            }
        }
        self.swap(value)?;
        let _lent = Lent(self, value);
        Ok(f())
    }

    fn swap(&'static self, value: &mut Option<T>) -> Result<(), Refused> {
        let swap = |cell: &RefCell<Option<T>>| match cell.try_borrow_mut() {
            Ok(mut current) => {
                std::mem::swap(value, &mut *current);
                Ok(())
            }
            Err(_borrowed) => Err(Refused::Borrowed),
        };
        self.inner.try_with(swap).unwrap_or(Err(Refused::Destroyed))
    }

    /// Calls `f` with the value.
    ///
    /// # Panics
    ///
    /// Outside all scopes of this key.
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(_) => panic!("cannot access a task-local storage value without setting it first"),
        }
    }

    /// Calls `f` with the value.
    ///
    /// # Errors
    ///
    /// Outside all scopes of this key; `f` is not called.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let called = self.inner.try_with(|value| value.borrow().as_ref().map(f));
        called.ok().flatten().ok_or(AccessError(()))
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A clone of the value.
    ///
    /// # Panics
    ///
    /// Outside all scopes of this key.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A clone of the value.
    ///
    /// # Errors
    ///
    /// Outside all scopes of this key.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("LocalKey { .. }")
    }
}

pin_project! {
    /// Future of [`LocalKey::scope`].
    #[must_use = "futures do nothing unless polled"]
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
        #[pin]
        _pinned: PhantomPinned,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut future = this.future;
            if std::mem::needs_drop::<F>() && future.is_some() {
                // Where no scope can be opened the future is dropped without, as a field.
                let _dropped = this.key.lend(this.value, || future.set(None));
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out; none if it was taken already. The future goes on without.
    ///
    /// ```
    /// # let runtime = gumption_core::runtime::Builder::<gumption_core::driver::ThreadDriver>::new_current_thread().build()?;
    /// gumption_core::task_local! {
    ///     static FOUND: std::cell::Cell<u32>;
    /// }
    ///
    /// let found = runtime.block_on(async {
    ///     let mut search = Box::pin(FOUND.scope(Default::default(), async {
    ///         FOUND.with(|found| found.set(found.get() + 1));
    ///     }));
    ///     search.as_mut().await;
    ///     search.as_mut().take_value()
    /// });
    /// assert_eq!(found.map(|found| found.get()), Some(1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut future = this.future;
        let polled = this.key.lend(this.value, || {
            let polled = future.as_mut().as_pin_mut()?.poll(cx);
            if polled.is_ready() {
                // While the scope is open: its drop sees the value, as each poll did.
                future.set(None);
            }
            Some(polled)
        });
        match polled {
            Ok(Some(polled)) => polled,
            Ok(None) => panic!("`TaskLocalFuture` polled after completion"),
            Err(refused) => refused.panic(),
        }
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("TaskLocalFuture");
        match &self.value {
            Some(value) => out.field("value", value),
            None => out.field("value", &format_args!("<missing>")),
        };
        out.finish()
    }
}

/// The key has no value here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("task-local value not set")
    }
}

impl std::error::Error for AccessError {}
