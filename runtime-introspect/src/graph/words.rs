//! Words that several texts of this room and of [`leaks`](crate::leaks) share: how long, and of what.

use std::borrow::Cow;

use gumption_core::resource::Facts;

use crate::dump::ResourceDump;

/// A span of time as one reads it: `340 ns`, `5.2 ms`, `12 s`, `3 m 20 s`, `2 h 5 m`.
pub(crate) fn span(ns: u64) -> String {
    const S: u64 = 1_000_000_000;
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        1_000_000..S => format!("{:.1} ms", ns as f64 / 1e6),
        _ => match ns / S {
            s @ 0..60 => format!("{s} s"),
            s @ 60..3600 => format!("{} m {} s", s / 60, s % 60),
            s => format!("{} h {} m", s / 3600, s / 60 % 60),
        },
    }
}

/// `1 task`, `2 tasks`.
pub(crate) fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// The resource's facts, to keep.
pub(crate) fn resource(facts: &Facts) -> ResourceDump {
    ResourceDump {
        id: facts.id,
        kind: facts.kind.text().to_owned(),
        made_at: facts.site.into(),
        owner: facts.owner,
        holders: facts.holders,
        waiters: facts.waiters,
        depth: facts.depth,
        capacity: facts.capacity,
    }
}

/// `mutex 1025, made at src/db.rs:10`
pub(crate) fn named(resource: &ResourceDump) -> String {
    format!("{} {}, made at {}", resource.kind, resource.id, resource.made_at)
}

/// A type's name without the paths of what it is made of: `Map<Timeout<serve>>`.
pub(crate) fn short_type(name: &str) -> Cow<'_, str> {
    let Some(last) = name.split("::{{closure}}").next() else { return Cow::Borrowed(name) };
    Cow::Borrowed(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_at_a_glance() {
        let told: Vec<String> =
            [340, 5_200, 5_240_000, 12_900_000_000, 200_000_000_000, 7_500_000_000_000].map(span).into();
        assert_eq!(told, ["340 ns", "5.2 µs", "5.2 ms", "12 s", "3 m 20 s", "2 h 5 m"]);
        assert_eq!((count(1, "task"), count(2, "task")), ("1 task".into(), "2 tasks".into()));
    }
}
