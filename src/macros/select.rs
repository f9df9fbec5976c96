//! [`select!`](crate::select): waits for several futures and goes on with the first.
//!
//! The macro reads one branch per step of its recursion and turns each into `[(pattern) (future) (condition) (handler)]`; the
//! rest is written by `gumption_macros::select_branches`, whose file shows what. A branch's handler ends at its comma, or
//! at its closing brace if it is a block: that is why there are four rules, and no more.

/// Waits for several futures at once, goes on with the first whose value matches its pattern, and drops the others.
///
/// ```text
/// select! {
///     biased;                                       // optional
///     PATTERN = FUTURE => HANDLER,
///     PATTERN = FUTURE, if CONDITION => HANDLER,    // up to 64 branches
///     else => EXPRESSION,                           // optional
/// }
/// ```
///
/// The value is the handler's, so all handlers have one type. To be used where `.await` may be: the macro awaits. Handlers
/// may `.await`, `break`, `return` and use `?` like any other code there.
///
/// # What happens
///
/// 1. Every condition is evaluated. A branch whose condition is false is *disabled*.
/// 2. Every future's expression is evaluated, of disabled branches too; a disabled one is not polled.
/// 3. The futures that are not disabled are polled, on this task, one after the other, until one is ready.
/// 4. If its value matches its pattern, all futures are dropped, and then the handler runs with what the pattern binds. If
///    not, the branch is disabled, and the others are waited for.
/// 5. When all branches are disabled, the `else` runs.
///
/// All futures run in one task: they can share borrowed data, handlers can take it mutably, and none runs while another
/// computes. To run them in parallel, spawn them and select over the handles.
///
/// # Fairness
///
/// Each poll begins at a random branch, so that one which is always ready does not keep the others from their turn. With
/// `biased;` branches are polled in the order they are written, each time: right where the order means something (a shutdown
/// before more work), cheaper by one random number, and then fairness is yours: what is always ready starves what comes
/// after it.
///
/// Out of [budget](crate::task::coop), the whole `select!` waits for its task's next turn.
///
/// # Cancel safety
///
/// In a loop, the futures that lost are dropped at the end of each round, and with them whatever they had done so far.
/// A future is *cancel safe* if nothing is lost by that: a channel's `recv`, an `accept`, a `read` into a buffer are; `read_exact`,
/// `read_to_end`, `write_all` are not, because what they have read or written so far is forgotten. Where that matters, make the future
/// outside the loop, [pin](crate::pin) it, and select over `&mut future`.
///
/// # Panics
///
/// If all branches are disabled and there is no `else`.
///
/// # Examples
///
/// The first of two:
///
/// ```
/// use gumption::time::{Duration, sleep};
///
/// #[gumption::main]
/// async fn main() {
///     let computed = async { 6 * 7 };
///     let answer = gumption::select! {
///         answer = computed => answer,
///         _ = sleep(Duration::from_secs(60)) => 0,
///     };
///     assert_eq!(answer, 42);
/// }
/// ```
///
/// A future that lives on from round to round, and a branch that is off until there is something to wait for:
///
/// ```
/// use gumption::time::{Duration, interval, sleep};
///
/// #[gumption::main]
/// async fn main() {
///     let work = sleep(Duration::from_millis(5));
///     gumption::pin!(work);
///     let mut ticks = interval(Duration::from_millis(1));
///     let (mut done, mut after) = (false, 0);
///     while after < 3 {
///         gumption::select! {
///             () = &mut work, if !done => done = true,
///             _ = ticks.tick() => after += u32::from(done),
///         }
///     }
/// }
/// ```
///
/// Patterns that may not match, and the end of all:
///
/// ```
/// # #[gumption::main]
/// # async fn main() {
/// async fn half(n: u32) -> Option<u32> {
///     (n % 2 == 0).then_some(n / 2)
/// }
///
/// let found = gumption::select! {
///     Some(n) = half(3) => n,
///     Some(n) = half(8) => n,
///     else => 0,
/// };
/// assert_eq!(found, 4);
/// # }
/// ```
///
/// What comes first wins, always:
///
/// ```
/// # #[gumption::main]
/// # async fn main() {
/// for _ in 0..100 {
///     let first = gumption::select! {
///         biased;
///         n = async { 1 } => n,
///         n = async { 2 } => n,
///     };
///     assert_eq!(first, 1);
/// }
/// # }
/// ```
#[macro_export]
macro_rules! select {
    // All branches are read.
    (@ $order:ident { $($branches:tt)* }) => {
        $crate::macros::support::select_branches!(
            ($crate) $order $($branches)* else (::core::panic!("all branches are disabled and there is no else branch"))
        )
    };
    (@ $order:ident { $($branches:tt)* } else => $else:expr $(,)?) => {
        $crate::macros::support::select_branches!(($crate) $order $($branches)* else ($else))
    };

    // One branch is read: a block with a comma or without, an expression with a comma, or the last.
    (@ $order:ident { $($branches:tt)* }
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block, $($rest:tt)*) => {
        $crate::select!(@ $order { $($branches)* [($pattern) ($future) ($($condition)?) ($handler)] } $($rest)*)
    };
    (@ $order:ident { $($branches:tt)* }
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block $($rest:tt)*) => {
        $crate::select!(@ $order { $($branches)* [($pattern) ($future) ($($condition)?) ($handler)] } $($rest)*)
    };
    (@ $order:ident { $($branches:tt)* }
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr) => {
        $crate::select!(@ $order { $($branches)* [($pattern) ($future) ($($condition)?) ($handler)] })
    };
    (@ $order:ident { $($branches:tt)* }
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr, $($rest:tt)*) => {
        $crate::select!(@ $order { $($branches)* [($pattern) ($future) ($($condition)?) ($handler)] } $($rest)*)
    };

    // What the user wrote.
    ($(biased;)? else => $else:expr $(,)?) => {{ $else }};
    (biased; $pattern:pat = $($rest:tt)*) => { $crate::select!(@ biased {} $pattern = $($rest)*) };
    ($pattern:pat = $($rest:tt)*) => { $crate::select!(@ fair {} $pattern = $($rest)*) };
    () => { ::core::compile_error!("select! requires at least one branch.") };
}
