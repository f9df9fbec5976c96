//! [`join!`](crate::join): waits for several futures, and has all their outputs.

/// Waits for several futures at once until all are done; the value is a tuple of their outputs.
///
/// ```text
/// join!(FUTURE, FUTURE, ..)
/// join!(biased; FUTURE, FUTURE, ..)
/// ```
///
/// To be used where `.await` may be: the macro awaits. All futures run in one task, one at a time: they can share borrowed
/// data, and while one computes the others wait. To run them in parallel, [spawn](crate::spawn) them and join the handles.
///
/// Futures that return [`Result`]s all run to their end, errors or not; [`try_join!`](crate::try_join) stops at the
/// first error.
///
/// # Fairness
///
/// Each time the task runs another future is polled first, in turn, so that one which uses up the task's
/// [budget](crate::task::coop) does not keep the others from making progress. With `biased;` they are polled in the order they
/// are written, each time, and the macro keeps one number less.
///
/// # Examples
///
/// ```
/// use gumption::time::{Duration, sleep};
///
/// async fn after(ms: u64) -> u64 {
///     sleep(Duration::from_millis(ms)).await;
///     ms
/// }
///
/// #[gumption::main]
/// async fn main() {
///     let (one, two) = gumption::join!(after(1), after(2));
///     assert_eq!((one, two), (1, 2));
/// }
/// ```
///
/// In the order in which they are written:
///
/// ```
/// # #[gumption::main]
/// # async fn main() {
/// let log = std::cell::RefCell::new(Vec::new());
/// gumption::join!(
///     biased;
///     async { log.borrow_mut().push("first") },
///     async { log.borrow_mut().push("second") },
/// );
/// assert_eq!(log.into_inner(), ["first", "second"]);
/// # }
/// ```
#[macro_export]
macro_rules! join {
    (biased; $($future:expr),+ $(,)?) => {
        $crate::macros::support::join_branches!(($crate) join biased $([($future)])+)
    };
    ($($future:expr),+ $(,)?) => {
        $crate::macros::support::join_branches!(($crate) join fair $([($future)])+)
    };
    ($(biased;)?) => { async {}.await };
}
