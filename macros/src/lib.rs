//! Gumption's procedural macros: `#[main]` and `#[test]`, and what `select!`, `join!` and `try_join!` expand to.
//!
//! Nobody depends on this crate by hand: the façade `gumption` re-exports it, and the package in `compat/tokio` does. What
//! the macros write names the façade by whatever name the compiled crate knows it (`path.rs`).
//!
//! The attributes turn an `async fn` into a plain one that builds a runtime and blocks on the body: [`macro@main`],
//! [`macro@test`]. Their arguments are tokio's (`args.rs`), the function is taken apart no further than they need
//! (`item.rs`), and the expansion (`entry.rs`), one for both (`kind.rs`), puts every span where the user's eyes are: a wrong return type is reported at the
//! last statement, a wrong argument at its value. If anything is wrong the function is written all the same, so that an
//! editor still knows it, with the error beside it.
//!
//! The function-like macros are hidden: `select!` and its kin are declarative macros of the façade, which let the compiler
//! parse patterns and expressions, and hand the parts over in a fixed form (`branches.rs`). Here they become plain code
//! with numbers for fields and bits, which a declarative macro cannot count.
//!
//! Invariant: nothing a user writes is reordered, duplicated or evaluated twice; patterns alone appear twice, once
//! stripped of what they bind (`pattern.rs`).

// `fn main` is what the examples are about.
#![allow(clippy::needless_doctest_main)]

mod args;
mod branches;
mod entry;
mod item;
mod join;
mod kind;
mod path;
mod pattern;
mod select;
#[cfg(test)]
mod tests;

use kind::Kind;
use proc_macro::TokenStream;

/// Makes an `async fn` a plain one that builds a runtime and runs the body on it to its end.
///
/// ```
/// #[gumption::main]
/// async fn main() {
///     println!("hello");
/// }
/// ```
///
/// is
///
/// ```
/// fn main() {
///     gumption::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
///         println!("hello");
///     })
/// }
/// ```
///
/// The body runs on the calling thread, as with `block_on` everywhere: it is not a task. The function may have any name,
/// arguments unless it is `main`, generics, and any return type; only `async` goes away.
///
/// # Arguments
///
/// | argument | what |
/// | --- | --- |
/// | `flavor = "multi_thread"` | tasks run on threads of their own; the default |
/// | `flavor = "current_thread"` | everything runs on the calling thread |
/// | `flavor = "local"` | the same, and tasks need not be `Send`: a `LocalRuntime` |
/// | `worker_threads = 4` | how many processors a `multi_thread` runtime has; default: as many as the machine |
/// | `start_paused = true` | time begins paused; not with `multi_thread` |
/// | `unhandled_panic = "shutdown_runtime"` | what a task's panic does: this, or `"ignore"`; not with `multi_thread` |
/// | `name = "..."` | the runtime's name |
/// | `crate = "..."` | the path of `gumption`, where it is re-exported by another crate |
///
/// Without `crate` the runtime is found under the name by which `Cargo.toml` depends on the package `gumption`, renamed or
/// not, and else as `tokio`.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Kind::Main, true, args.into(), item.into()).into()
}

/// [`macro@main`] for those who ask for tokio's feature `rt` without `rt-multi-thread`: `multi_thread` is refused.
#[proc_macro_attribute]
pub fn main_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Kind::Main, false, args.into(), item.into()).into()
}

/// Makes an `async fn` a test that builds a runtime of its own and runs the body on it.
///
/// ```
/// #[gumption::test]
/// async fn adds() {
///     assert_eq!(gumption::spawn(async { 1 + 1 }).await.unwrap(), 2);
/// }
///
/// #[gumption::test(flavor = "multi_thread", worker_threads = 2)]
/// async fn has_two_processors() {
///     assert_eq!(gumption::spawn(async { 1 + 1 }).await.unwrap(), 2);
/// }
/// ```
///
/// The arguments are those of [`macro@main`]; the flavor is `current_thread` unless another is asked for.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Kind::Test, true, args.into(), item.into()).into()
}

/// [`macro@test`] for those who ask for tokio's feature `rt` without `rt-multi-thread`: `multi_thread` is refused.
#[proc_macro_attribute]
pub fn test_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Kind::Test, false, args.into(), item.into()).into()
}

/// What `select!` ends in.
#[doc(hidden)]
#[proc_macro]
pub fn select_branches(input: TokenStream) -> TokenStream {
    select::expand(input.into()).into()
}

/// What `join!` and `try_join!` end in.
#[doc(hidden)]
#[proc_macro]
pub fn join_branches(input: TokenStream) -> TokenStream {
    join::expand(input.into()).into()
}
