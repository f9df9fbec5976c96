//! Programs of published libraries on Gumption: what the tests share.
//!
//! Nothing in the tests is written for Gumption. Each file is a program as its libraries' users write it, and runs on the real
//! tokio, too, if the patch is taken out of the manifest; but for `tests/patched.rs`, which makes sure that it is in.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

/// Waits for `future`, and panics rather than wait for ever: a lost wake-up is to be reported as that, by name.
///
/// # Panics
///
/// If it is not done in a minute, which is a thousand times what it takes.
pub async fn soon<F: Future>(what: impl Display, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(60), future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not done in a minute"),
    }
}
