//! The profiles, under Go's paths.

use crate::serve::house::Ask;
use crate::serve::response::{Answer, Refusal, Status};

/// The execution trace.
pub fn trace(_ask: &Ask<'_>) -> Answer {
    let what = "this version of Gumption records no execution trace; /debug/pprof/profile and /debug/tasks?stacks=1 show \
                where tasks run and wait, /debug/diagnose what is wrong";
    Err(Refusal::new(Status::NotImplemented, what))
}
