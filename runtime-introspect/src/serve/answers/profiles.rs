//! The profiles, under Go's paths: gzip'd profile.proto, or text with `debug=1`.
//!
//! `seconds=` of a profile that adds up asks for what is added in that time; of one that is a moment's, for the difference
//! of two moments.

use std::time::Duration;

use super::tasks;
use crate::dump::{Level, Shape, Text};
use crate::profile::{self, Profile};
use crate::serve::house::Ask;
use crate::serve::response::{Answer, Refusal, Response, Status};

/// What all tasks are doing.
pub fn goroutine(ask: &Ask<'_>) -> Answer {
    if ask.request.query.word("debug", &["0", "1", "2"])? == "2" {
        let dump = tasks::dump(ask, Level::Tasks)?;
        return Ok(Response::text(Text(&dump, Shape::Go).to_string()));
    }
    answer(ask, "goroutine", "goroutine.pb.gz", || Ok(profile::goroutine(&tasks::dump(ask, Level::Groups)?)))
}

/// The threads that were made.
pub fn threadcreate(ask: &Ask<'_>) -> Answer {
    answer(ask, "threadcreate", "threadcreate.pb.gz", || Ok(profile::threadcreate(&ask.runtimes()?)))
}

/// Takes a profile, or the difference of two, and writes it as asked.
fn answer(ask: &Ask<'_>, name: &str, file: &'static str, take: impl Fn() -> Result<Profile, Refusal>) -> Answer {
    let text = ask.request.query.word("debug", &["0", "1", "2"])? != "0";
    let seconds = ask.seconds(Duration::ZERO)?;
    let profile = if seconds.is_zero() {
        take()?
    } else {
        let _permit = ask.one_window()?;
        let before = take()?;
        ask.wait(seconds)?;
        take()?.minus(&before)
    };
    Ok(if text { Response::text(profile.text(name)) } else { Response::file(file, profile.gzip()) })
}

/// The execution trace.
pub fn trace(_ask: &Ask<'_>) -> Answer {
    let what = "this version of Gumption records no execution trace; /debug/pprof/profile and /debug/tasks?stacks=1 show \
                where tasks run and wait, /debug/diagnose what is wrong";
    Err(Refusal::new(Status::NotImplemented, what))
}
