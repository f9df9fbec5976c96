//! Runtimes whose `block_on` is going on, and a look at it.
#![allow(dead_code, reason = "no test needs all of it")]

use super::until::until_some;
use gumption::introspect::Inspect;
use gumption::introspect::dump::{Level, TaskDump};
use gumption::runtime::{Builder, Handle, Runtime};
use std::thread;

pub fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

pub fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

pub fn mains(handle: &Handle) -> Vec<TaskDump> {
    handle.dump(Level::Tasks).mains
}

/// The only main, once it waits for something of this kind.
#[track_caller]
pub fn until_main_waits(handle: &Handle, reason: &str) -> TaskDump {
    until_some(format_args!("a main that waits for {reason}"), || {
        let mains = mains(handle);
        let [main] = &mains[..] else { return None };
        main.wait.as_ref().is_some_and(|wait| wait.reason == reason).then(|| main.clone())
    })
}

/// A named thread that blocks on `future`, which it makes.
pub fn blocks<F: Future>(
    name: &str,
    handle: &Handle,
    make: impl FnOnce() -> F + Send + 'static,
) -> thread::JoinHandle<F::Output>
where
    F::Output: Send + 'static,
{
    let handle = handle.clone();
    thread::Builder::new().name(name.to_owned()).spawn(move || calls(&handle, make())).expect("a thread")
}

fn calls<F: Future>(handle: &Handle, future: F) -> F::Output {
    handle.block_on(future)
}

/// Where that is: the file and the line.
pub const CALLED_AT: (&str, u32) = (file!(), line!() - 4);
