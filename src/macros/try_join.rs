//! [`try_join!`](crate::try_join): waits for several futures, and stops at the first error.

/// Waits for several futures at once until all are done, or one has failed.
///
/// ```text
/// try_join!(FUTURE, FUTURE, ..)
/// try_join!(biased; FUTURE, FUTURE, ..)
/// ```
///
/// The futures return [`Result`]s with one type of error. The value is `Ok` with a tuple of all values, or the first
/// `Err` as soon as it is there: the other futures are dropped then, wherever they are.
///
/// Everything else is as in [`join!`](crate::join): the macro awaits, all futures run in one task, and with `biased;` they are
/// polled in the order they are written.
///
/// # Examples
///
/// ```
/// use std::num::ParseIntError;
///
/// async fn parse(text: &str) -> Result<u32, ParseIntError> {
///     text.parse()
/// }
///
/// #[gumption::main]
/// async fn main() {
///     assert_eq!(gumption::try_join!(parse("1"), parse("2")), Ok((1, 2)));
///     assert!(gumption::try_join!(parse("1"), parse("one"), std::future::pending::<Result<(), _>>()).is_err());
/// }
/// ```
///
/// Tasks, each of which can panic or fail; the first failure ends the wait, and not the tasks:
///
/// ```
/// use gumption::task::JoinHandle;
/// use std::io;
///
/// async fn flat<T>(task: JoinHandle<io::Result<T>>) -> io::Result<T> {
///     task.await?
/// }
///
/// #[gumption::main]
/// async fn main() {
///     let one = gumption::spawn(async { io::Result::Ok(1) });
///     let two = gumption::spawn(async { io::Result::<u32>::Err(io::ErrorKind::NotFound.into()) });
///     let error = gumption::try_join!(flat(one), flat(two)).unwrap_err();
///     assert_eq!(error.kind(), io::ErrorKind::NotFound);
/// }
/// ```
#[macro_export]
macro_rules! try_join {
    (biased; $($future:expr),+ $(,)?) => {
        $crate::macros::support::join_branches!(($crate) try_join biased $([($future)])+)
    };
    ($($future:expr),+ $(,)?) => {
        $crate::macros::support::join_branches!(($crate) try_join fair $([($future)])+)
    };
    ($(biased;)?) => { async { $crate::macros::support::Result::Ok(()) }.await };
}
