//! What the guards of this room have in common: each is a pointer to a value, and a lock to let go.
//!
//! A guard that becomes another one (mapped, or a writer that becomes a reader) must not let the lock go on the way: its drop is
//! skipped, and what it held moves on. That is all that happens here, and every guard's traits are written once.

/// `Deref`, `Debug` and `Display` of a guard, by an expression for the pointer to its value.
macro_rules! shared_access {
    ([$($generics:tt)*] $guard:ty, $target:ident, |$this:ident| $pointer:expr) => {
        impl<$($generics)*> std::ops::Deref for $guard {
            type Target = $target;
            #[inline(always)]
            fn deref(&self) -> &$target {
                let $this = self;
                // SAFETY: it holds the lock for as long as it lives, which admits no writer but itself.
                unsafe { &*$pointer }
            }
        }

        impl<$($generics)*> std::fmt::Debug for $guard
        where
            $target: std::fmt::Debug,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($generics)*> std::fmt::Display for $guard
        where
            $target: std::fmt::Display,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&**self, f)
            }
        }
    };
}

/// [`shared_access!`], and `DerefMut`.
macro_rules! exclusive_access {
    ([$($generics:tt)*] $guard:ty, $target:ident, |$this:ident| $pointer:expr) => {
        crate::sync::guards::shared_access!([$($generics)*] $guard, $target, |$this| $pointer);

        impl<$($generics)*> std::ops::DerefMut for $guard {
            #[inline(always)]
            fn deref_mut(&mut self) -> &mut $target {
                let $this = self;
                // SAFETY: it holds the lock for as long as it lives, for itself alone.
                unsafe { &mut *$pointer }
            }
        }
    };
}

pub(super) use {exclusive_access, shared_access};
