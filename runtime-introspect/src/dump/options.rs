//! [`Options`]: what a dump tells of, and how long it may take.
//!
//! Nothing is filtered unless asked, and whatever is left out is counted: [`filtered`](super::RuntimeDump::filtered) what a
//! filter kept away, [`cut`](super::RuntimeDump::cut) what a limit did. A filter is words: [`Filter::set`] takes them as they
//! come in a query (`label=tenant:acme`, `state=waiting`, `reason=chan receive`, `min-age=5s`, `site=src/main.rs:40`), and says
//! of a wrong one what would be right. Several of a kind are alternatives, except labels, which must all be there; different
//! kinds must all hold.
//!
//! Refuses to look at a task: it judges facts that somebody else has read.

use std::time::Duration;

use gumption_core::task::Row;
use gumption_core::wait::WaitReason;

use super::State;
use crate::length;

/// What a dump tells of, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Where tasks that wait do so: each is polled once more, by a waker that shows who takes it. What that may do to a program
    /// is told [there](crate::stack::capture). Off unless asked for.
    pub stacks: bool,
    /// Where machines are that run something: each is interrupted by a signal. Off unless asked for.
    pub on_cpu: bool,
    /// How long what is costly may take, that is, stacks and descriptions of sockets. Tasks that come later are listed without.
    pub deadline: Duration,
    /// *Tasks*, or groups, that are listed at most. Those that run stay, then those that can never run again, then those that have
    /// waited longest; of groups, the largest.
    pub rows: usize,
    /// Which tasks.
    pub filter: Filter,
}

impl Options {
    /// *Tasks* that are listed if nobody says how many: about 5 MB of text.
    pub const ROWS: usize = 20_000;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stacks: false,
            on_cpu: false,
            deadline: Duration::from_secs(2),
            rows: Self::ROWS,
            filter: Filter::default(),
        }
    }
}

/// Which tasks a dump tells of. An empty one: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// Labels that a task must have, all of them.
    pub labels: Vec<(String, String)>,
    /// States, any of them.
    pub states: Vec<State>,
    /// What it waits for, any of them.
    pub reasons: Vec<WaitReason>,
    /// How long it must have been in its state. One of which that is not known is not let through.
    pub min_age: Duration,
    /// Parts of the place where it was spawned, as it is written: `src/main.rs:40`; any of them.
    pub sites: Vec<String>,
}

impl Filter {
    /// What [`set`](Self::set) knows.
    pub const KEYS: &[&str] = &["label", "state", "reason", "min-age", "site"];

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds a condition in words. False if `key` is none of [`KEYS`](Self::KEYS).
    ///
    /// ```
    /// use gumption_introspect::dump::Filter;
    ///
    /// let mut filter = Filter::default();
    /// assert_eq!(filter.set("state", "waiting"), Ok(true));
    /// assert_eq!(filter.set("color", "red"), Ok(false));
    /// assert!(filter.set("min-age", "soon").unwrap_err().contains("5s"));
    /// ```
    ///
    /// # Errors
    ///
    /// What is wrong with `value`, and what would be right.
    pub fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match key {
            "label" => match value.split_once([':', '=']) {
                Some((name, value)) if !name.is_empty() => {
                    self.labels.push((name.trim().to_owned(), value.trim().to_owned()));
                }
                _ => return Err(format!("label: {value:?} is no label; right would be tenant:acme")),
            },
            "state" => match State::ALL.iter().find(|state| state.text() == value) {
                Some(state) => self.states.push(*state),
                None => {
                    let known = State::ALL.map(State::text).join(", ");
                    return Err(format!("state: {value:?} is none; right would be one of {known}"));
                }
            },
            "reason" => match WaitReason::ALL.iter().find(|reason| is_called(**reason, value)) {
                Some(reason) => self.reasons.push(*reason),
                None => {
                    let known: Vec<_> = WaitReason::ALL.iter().map(|reason| reason.text()).collect();
                    return Err(format!("reason: {value:?} is none; right would be one of {}", known.join(", ")));
                }
            },
            "min-age" => match length::parse(value) {
                Some(age) => self.min_age = age,
                None => return Err(format!("min-age: {value:?} is no duration; right would be 250ms, 5s, 3m or 2h")),
            },
            "site" => match value {
                "" => return Err("site: nothing is named; right would be src/main.rs:40, or a part of it".to_owned()),
                site => self.sites.push(site.to_owned()),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether a task's state, reason and age pass.
    pub(super) fn admits(&self, state: State, reason: Option<WaitReason>, in_state_ns: Option<u64>) -> bool {
        (self.states.is_empty() || self.states.contains(&state))
            && (self.reasons.is_empty() || reason.is_some_and(|reason| self.reasons.contains(&reason)))
            && (self.min_age.is_zero() || in_state_ns.is_some_and(|ns| u128::from(ns) >= self.min_age.as_nanos()))
    }

    /// Whether its labels pass.
    pub(super) fn admits_labels(&self, row: &Row) -> bool {
        self.labels.is_empty()
            || row.labels().is_some_and(|set| self.labels.iter().all(|(key, value)| set.get(key) == Some(value)))
    }

    /// Whether the place where it was spawned passes.
    pub(super) fn admits_site(&self, site: &std::panic::Location<'_>) -> bool {
        self.sites.is_empty() || {
            let place = format!("{}:{}:{}", site.file(), site.line(), site.column());
            self.sites.iter().any(|part| place.contains(part.as_str()))
        }
    }
}

fn is_called(reason: WaitReason, name: &str) -> bool {
    let is_same =
        |a: char, b: char| a.eq_ignore_ascii_case(&b) || (matches!(a, ' ' | '.') && matches!(b, '-' | '_' | '+'));
    let text = reason.text();
    text.chars().count() == name.chars().count() && text.chars().zip(name.chars()).all(|(a, b)| is_same(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_can_be_said_in_words() {
        let mut filter = Filter::default();
        assert!(filter.is_empty());
        for (key, value) in [
            ("label", "tenant: acme"),
            ("state", "stranded"),
            ("reason", "sync.Mutex.Lock"),
            ("reason", "chan-receive"),
            ("min-age", "1.5m"),
            ("site", "main.rs:40"),
        ] {
            assert!(Filter::KEYS.contains(&key));
            assert_eq!(filter.set(key, value), Ok(true));
        }
        assert_eq!(filter.labels, [("tenant".to_owned(), "acme".to_owned())]);
        assert_eq!(filter.states, [State::Stranded]);
        assert_eq!(filter.reasons, [WaitReason::Mutex, WaitReason::ChanRecv]);
        assert_eq!(filter.min_age, Duration::from_secs(90));
        assert_eq!(filter.sites, ["main.rs:40"]);
    }

    #[test]
    fn a_wrong_condition_says_what_would_be_right_and_changes_nothing() {
        let mut filter = Filter::default();
        for (key, value, right) in [
            ("label", "acme", "tenant:acme"),
            ("label", ":x", "tenant:acme"),
            ("state", "asleep", "waiting"),
            ("reason", "love", "chan receive"),
            ("min-age", "", "5s"),
            ("min-age", "-1s", "5s"),
            ("min-age", "nans", "5s"),
            ("min-age", "1e300h", "5s"),
            ("min-age", "5é", "5s"),
            ("site", "", "src/main.rs:40"),
        ] {
            let wrong = filter.set(key, value).unwrap_err();
            assert!(wrong.contains(right) && wrong.starts_with(key), "{wrong}");
        }
        assert!(filter.is_empty());
    }

    #[test]
    fn different_kinds_must_all_hold_and_several_of_one_are_alternatives() {
        let mut filter = Filter { states: vec![State::Waiting, State::Running], ..Filter::default() };
        assert!(filter.admits(State::Waiting, None, None));
        assert!(filter.admits(State::Running, None, None));
        assert!(!filter.admits(State::Runnable, None, None));
        filter.reasons = vec![WaitReason::Sleep];
        assert!(filter.admits(State::Waiting, Some(WaitReason::Sleep), None));
        assert!(!filter.admits(State::Waiting, Some(WaitReason::Join), None));
        assert!(!filter.admits(State::Running, None, None));
        filter.min_age = Duration::from_nanos(10);
        assert!(filter.admits(State::Waiting, Some(WaitReason::Sleep), Some(10)));
        assert!(!filter.admits(State::Waiting, Some(WaitReason::Sleep), Some(9)));
        assert!(
            !filter.admits(State::Waiting, Some(WaitReason::Sleep), None),
            "an age that is not known is not assumed"
        );
    }
}
