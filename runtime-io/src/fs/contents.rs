//! A file as a whole, in one closure: the cheap way to do files here.
//!
//! Each function is std's of the same name on the blocking pool. See the [module](super) for what dropping one of these
//! futures means: the operation goes on.

use super::pool::run;
use std::io;
use std::path::Path;

/// Reads a file to its end.
///
/// # Errors
///
/// Those of [`std::fs::read`].
///
/// ```
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("greeting");
/// # Runtime::new()?.block_on(async {
/// use gumption_io::fs;
///
/// fs::write(&path, "hello").await?;
/// assert_eq!(fs::read(&path).await?, b"hello");
/// assert_eq!(fs::read_to_string(&path).await?, "hello");
/// # std::io::Result::Ok(())
/// # })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::read(path)).await
}

/// Reads a file of UTF-8 to its end.
///
/// # Errors
///
/// Those of [`std::fs::read_to_string`]: `InvalidData` if it is not UTF-8.
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::read_to_string(path)).await
}

/// Makes `contents` all that is in a file, which is created if there is none. The contents are copied first.
///
/// # Errors
///
/// Those of [`std::fs::write`].
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    let contents = contents.as_ref().to_owned();
    run(move || std::fs::write(path, contents)).await
}

/// Copies a file's contents and permissions over another's; how many bytes.
///
/// # Errors
///
/// Those of [`std::fs::copy`].
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    run(move || std::fs::copy(from, to)).await
}
