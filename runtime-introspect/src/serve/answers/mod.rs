//! What the endpoints answer: a function each, in files by what they look at.
//!
//! An answer is made of what the rooms of this crate know; nothing is found out here. It reads its parameters before it does
//! anything, takes its permit before anything dear, and gives an answer of one shape however many runtimes there are: a
//! list with a row for each.

pub mod judged;
pub mod process;
pub mod profiles;
pub mod scheduler;
pub mod tasks;

use gumption_core::runtime::Handle;
use serde::Serialize;

/// What is said of one runtime.
#[derive(Debug, Serialize)]
pub struct Of<T> {
    /// Its number.
    pub runtime: u64,
    /// Its name.
    pub name: Option<String>,
    /// What is said.
    #[serde(flatten)]
    pub what: T,
}

impl<T> Of<T> {
    fn new(handle: &Handle, what: T) -> Self {
        Self { runtime: handle.id().as_u64(), name: handle.name().map(str::to_owned), what }
    }
}

/// What is said of each.
#[derive(Debug, Serialize)]
pub struct Each<T> {
    /// A row for each runtime.
    pub runtimes: Vec<Of<T>>,
}

impl<T> Each<T> {
    fn of(handles: &[Handle], mut what: impl FnMut(&Handle) -> T) -> Self {
        Self { runtimes: handles.iter().map(|handle| Of::new(handle, what(handle))).collect() }
    }
}
