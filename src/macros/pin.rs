//! [`pin!`](crate::pin): pins a value where it is, by its name.
//!
//! The standard library's `pin!` does the work, and no `unsafe` is needed; this one keeps the name.

/// Pins values in the current scope, each under the name that it has.
///
/// A future that is not [`Unpin`] can only be polled, or awaited by reference, where it can no longer move. After `pin!(future)`
/// the name `future` stands for a `Pin<&mut _>` to what it was, until the scope ends. In an `async` block or function
/// that scope may be left and entered again at an `.await`.
///
/// ```text
/// pin!(NAME, NAME, ..);
/// pin! { let NAME = EXPRESSION; .. }
/// ```
///
/// # Examples
///
/// ```
/// async fn count() -> u32 {
///     7
/// }
///
/// #[gumption::main]
/// async fn main() {
///     let future = count();
///     gumption::pin!(future);
///     assert_eq!((&mut future).await, 7);
///
///     gumption::pin! {
///         let one = count();
///         let two = count();
///     }
///     assert_eq!(one.await + two.await, 14);
/// }
/// ```
///
/// A future that outlives the rounds of a loop over [`select!`](crate::select):
///
/// ```
/// use gumption::time::{Duration, interval, sleep};
///
/// #[gumption::main]
/// async fn main() {
///     let deadline = sleep(Duration::from_millis(5));
///     gumption::pin!(deadline);
///     let mut ticks = interval(Duration::from_millis(1));
///     let mut count = 0;
///     loop {
///         gumption::select! {
///             () = &mut deadline => break,
///             _ = ticks.tick() => count += 1,
///         }
///     }
///     assert!(count > 0);
/// }
/// ```
#[macro_export]
macro_rules! pin {
    ($($name:ident),* $(,)?) => { $(
        #[allow(unused_mut)]
        let mut $name = ::core::pin::pin!($name);
    )* };
    ($(let $name:ident = $value:expr;)*) => { $(
        #[allow(unused_mut)]
        let mut $name = ::core::pin::pin!($value);
    )* };
}
