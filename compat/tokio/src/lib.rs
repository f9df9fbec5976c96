//! Gumption under tokio's name.
//!
//! A program says in its manifest
//!
//! ```toml
//! [patch.crates-io]
//! tokio = { path = "path/to/gumption/compat/tokio" }
//! ```
//!
//! and everything in it that depends on tokio, its libraries included, runs on Gumption, without a line changed in any
//! of them. All types are Gumption's own: what one library makes another takes.
//!
//! There is nothing in here: every name is the façade's, under the same path. What Gumption has and tokio has not is there, too
//! (`tokio::introspect`, and methods of `Runtime` and `Handle`); a program that uses it no longer builds without the
//! patch, and can better depend on `gumption` beside it: the two are the same.
//!
//! One thing depends on features, so that a crate which builds with the patch also builds without: with `rt` and without
//! `rt-multi-thread`, `#[main]` and `#[test]` refuse the flavor `multi_thread`.
//!
//! Gumption's feature `hyper` cannot be had together with the patch: hyper depends on tokio, and that would be a circle. It
//! is not needed either: with the patch hyper-util takes Gumption's streams as they are.

pub use gumption::*;

#[cfg(all(feature = "rt", not(feature = "rt-multi-thread")))]
pub use gumption_macros::{main_rt as main, test_rt as test};
