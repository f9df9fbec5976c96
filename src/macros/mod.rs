//! The macros: [`select!`](crate::select), [`join!`](crate::join), [`try_join!`](crate::try_join), [`pin!`](crate::pin).
//!
//! Each is a declarative macro, because those know the façade by `$crate` whatever its name is, and let the compiler parse
//! patterns and expressions. What they parsed they hand to a hidden procedural macro of `gumption-macros`, which can count:
//! the code that a user's crate compiles has numbers in it, and no helper macros. All names that the expansions need are in
//! [`support`].
//!
//! The futures of a `select!` or `join!` lie in the caller's frame. Nothing is allocated, and nothing is spawned: they are
//! one task, and run one at a time.
//!
//! Invariant: a future is polled by nobody but its macro, is not polled again once it has been ready, and is dropped
//! before a handler runs.

mod join;
mod maybe_done;
mod pin;
mod select;
mod try_join;

#[doc(hidden)]
pub mod support;
