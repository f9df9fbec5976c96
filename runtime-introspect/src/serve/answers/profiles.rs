//! The profiles, under Go's paths: gzip'd profile.proto, or text with `debug=1`.
//!
//! `seconds=` of a profile that adds up asks for what is added in that time; of one that is a moment's, for the difference
//! of two moments.

use std::time::{Duration, Instant};

use super::tasks;
use crate::dump::{Level, Shape, Text};
use crate::profile::{self, BLOCK_RATE, CannotProfile, MUTEX_FRACTION, Profile};
use crate::serve::house::Ask;
use crate::serve::response::{Answer, Refusal, Response, Status};

/// The length of a cpu profile, if nobody says: Go's.
const CPU: Duration = Duration::from_secs(30);
/// Samples for each second of CPU, at most.
const MOST_HERTZ: u32 = 1_000;
/// How often it is asked meanwhile whether the client is still there.
const OFTEN: Duration = Duration::from_millis(500);

/// What all tasks are doing. Stacks are what Go's profile of this name is made of, so who asks for it by that name has asked for them.
pub fn goroutine(ask: &Ask<'_>) -> Answer {
    if ask.request.query.word("debug", &["0", "1", "2"])? == "2" {
        if !ask.seconds(Duration::ZERO)?.is_zero() {
            let what = "seconds: tasks are listed as they are now; a difference is counted, with debug=0 or 1";
            return Err(Refusal::new(Status::BadRequest, what));
        }
        let dump = tasks::dump(ask, Level::Tasks, true)?;
        return Ok(Response::text(Text(&dump, Shape::Go).to_string()));
    }
    answer(ask, "goroutine", "goroutine.pb.gz", || Ok(profile::goroutine(&tasks::dump(ask, Level::Groups, true)?)))
}

/// The threads that were made.
pub fn threadcreate(ask: &Ask<'_>) -> Answer {
    answer(ask, "threadcreate", "threadcreate.pb.gz", || Ok(profile::threadcreate(&ask.runtimes()?)))
}

/// How long tasks waited.
pub fn block(ask: &Ask<'_>) -> Answer {
    answer(ask, "block", "block.pb.gz", || Ok(profile::block()))
}

/// Who kept others waiting.
pub fn mutex(ask: &Ask<'_>) -> Answer {
    answer(ask, "mutex", "mutex.pb.gz", || Ok(profile::mutex()))
}

/// Switches the block profile on or off.
pub fn block_rate(ask: &Ask<'_>) -> Answer {
    rate(ask, profile::set_block_rate, "one wait in so many is sampled", BLOCK_RATE)
}

/// Switches the mutex profile on or off.
pub fn mutex_fraction(ask: &Ask<'_>) -> Answer {
    rate(ask, profile::set_mutex_fraction, "one contended release in so many is sampled", MUTEX_FRACTION)
}

fn rate(ask: &Ask<'_>, set: impl Fn(u64) -> u64, meaning: &str, usual: u64) -> Answer {
    let right = format!("a number, of which {meaning}: {usual} is usual, 1 is all, 0 is off");
    let Some(rate) = ask.request.query.read("rate", &right)? else {
        return Err(Refusal::new(Status::BadRequest, format!("rate is missing; right would be {right}")));
    };
    let before = set(rate);
    Ok(Response::text(format!("{meaning}: {rate}; it was {before}\n")))
}

/// What the threads compute.
pub fn cpu(ask: &Ask<'_>) -> Answer {
    let text = ask.request.query.word("debug", &["0", "1"])? == "1";
    let wanted = labels(ask)?;
    let seconds = ask.seconds(CPU)?;
    let hertz = ask.request.query.read("hertz", format_args!("a number from 1 to {MOST_HERTZ}"))?.unwrap_or(100);
    if !(1..=MOST_HERTZ).contains(&hertz) {
        return Err(Refusal::new(Status::BadRequest, format!("hertz: right would be a number from 1 to {MOST_HERTZ}")));
    }
    let _permit = ask.one_window()?;
    let (mut gone, mut asked) = (None, Instant::now());
    // A client that has gone away is not worth the signals.
    let goes_on = || {
        if asked.elapsed() >= OFTEN {
            asked = Instant::now();
            gone = ask.goes_on().err();
        }
        gone.is_none()
    };
    let profile = profile::cpu_while(seconds, hertz, goes_on).map_err(|why| match why {
        CannotProfile::Busy => Refusal::for_now(Status::Unavailable, why.to_string(), 5),
        _ => Refusal::new(Status::NotImplemented, why.to_string()),
    })?;
    match gone {
        Some(refusal) => Err(refusal),
        None => Ok(written(profile, &wanted, text, "cpu", "cpu.pb.gz")),
    }
}

/// The labels that samples must have.
fn labels<'a>(ask: &'a Ask<'_>) -> Result<Vec<(&'a str, &'a str)>, Refusal> {
    let pair = |text: &'a str| {
        let pair = text.split_once([':', '=']).map(|(key, value)| (key.trim(), value.trim()));
        let wrong = || Refusal::new(Status::BadRequest, format!("label={text:?}: right would be tenant:acme"));
        pair.filter(|(key, _)| !key.is_empty()).ok_or_else(wrong)
    };
    ask.request.query.all("label").map(pair).collect()
}

fn written(mut profile: Profile, labels: &[(&str, &str)], text: bool, name: &str, file: &'static str) -> Response {
    for (key, value) in labels {
        profile = profile.only(key, value);
    }
    if text { Response::text(profile.text(name)) } else { Response::file(file, profile.gzip()) }
}

/// Takes a profile, or the difference of two, and writes it as asked.
fn answer(ask: &Ask<'_>, name: &str, file: &'static str, take: impl Fn() -> Result<Profile, Refusal>) -> Answer {
    let text = ask.request.query.word("debug", &["0", "1", "2"])? != "0";
    let wanted = labels(ask)?;
    let seconds = ask.seconds(Duration::ZERO)?;
    let profile = if seconds.is_zero() {
        take()?
    } else {
        let _permit = ask.one_window()?;
        let before = take()?;
        ask.wait(seconds)?;
        take()?.minus(&before)
    };
    Ok(written(profile, &wanted, text, name, file))
}

/// The execution trace.
pub fn trace(_ask: &Ask<'_>) -> Answer {
    let what = "this version of Gumption records no execution trace; /debug/pprof/profile and /debug/tasks?stacks=1 show \
                where tasks run and wait, /debug/diagnose what is wrong";
    Err(Refusal::new(Status::NotImplemented, what))
}
