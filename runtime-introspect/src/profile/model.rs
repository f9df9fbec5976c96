//! [`Profile`]: samples of call stacks with values and labels, as `go tool pprof` thinks of them.
//!
//! The owned form that every profile here is made in, before [`proto`](super::proto) writes it: names and not numbers of names, so
//! that two profiles of one process can be compared, added and subtracted. A cumulative profile that is taken twice and
//! subtracted ([`Profile::minus`]) is what happened in between; that is all that `seconds=` is.
//!
//! It refuses to know where samples come from. Its one rule, which pprof checks: a sample has as many values as the profile has
//! kinds of values, and `push` holds that.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::dump::Frame;

/// What a value counts, and its unit: `delay`, `nanoseconds`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ValueKind {
    /// What.
    pub name: Cow<'static, str>,
    /// In which unit; pprof scales `nanoseconds` and `bytes`, and leaves others alone.
    pub unit: Cow<'static, str>,
}

impl ValueKind {
    /// A kind of values.
    pub const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), unit: Cow::Borrowed(unit) }
    }
}

/// A function, and where in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Line {
    /// Its path.
    pub function: Arc<str>,
    /// The file; empty if unknown.
    pub file: Arc<str>,
    /// The line, from 1; 0 if unknown.
    pub line: u32,
}

/// One frame of a stack: a place in the code, and the functions that are inlined there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Call {
    /// The address of the instruction; 0 for a frame that is none of the machine's.
    pub address: u64,
    /// The functions, the innermost first. At least one.
    pub lines: Vec<Line>,
}

impl Call {
    /// A frame of a name alone, for what has no code: a state, a spawn site.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self { address: 0, lines: vec![Line { function: name.into(), file: "".into(), line: 0 }] }
    }
}

impl From<&Frame> for Line {
    fn from(frame: &Frame) -> Self {
        let file = frame.file.clone().unwrap_or_else(|| "".into());
        Self { function: frame.function.clone(), file, line: frame.line }
    }
}

impl From<&Frame> for Call {
    fn from(frame: &Frame) -> Self {
        Self { address: 0, lines: vec![frame.into()] }
    }
}

/// A label's value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// A text.
    Text(Arc<str>),
    /// A number and its unit, which may be empty.
    Number(i64, Cow<'static, str>),
}

/// What a sample belongs to: `reason` = `chan receive`. pprof filters by it (`-tagfocus`) and lists it (`-tags`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// Its name.
    pub key: Cow<'static, str>,
    /// Its value.
    pub value: Value,
}

impl Label {
    /// A label with a text.
    pub fn text(key: impl Into<Cow<'static, str>>, value: impl Into<Arc<str>>) -> Self {
        Self { key: key.into(), value: Value::Text(value.into()) }
    }

    /// A label with a number.
    pub fn number(key: impl Into<Cow<'static, str>>, value: i64, unit: &'static str) -> Self {
        Self { key: key.into(), value: Value::Number(value, Cow::Borrowed(unit)) }
    }
}

/// One stack, with what was counted there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// The frames, the innermost first.
    pub stack: Vec<Call>,
    /// A value for each of the profile's kinds.
    pub values: Vec<i64>,
    /// The labels. A key may be there twice: pprof takes it for two values.
    pub labels: Vec<Label>,
}

/// A profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// What the samples' values are.
    pub kinds: Vec<ValueKind>,
    /// Which of them pprof shows unless told otherwise.
    pub default_kind: usize,
    /// The samples.
    pub samples: Vec<Sample>,
    /// Between how many of what one sample was taken.
    pub period: Option<(ValueKind, i64)>,
    /// When it was taken: *nanoseconds* since 1970.
    pub time_ns: i64,
    /// *Nanoseconds* that it covers; 0 for one moment, or for all the time since it was switched on.
    pub duration_ns: i64,
    /// What a reader should know; `go tool pprof -comments` prints it.
    pub comments: Vec<String>,
}

impl Profile {
    /// A profile without samples, taken now.
    pub fn new(kinds: impl Into<Vec<ValueKind>>) -> Self {
        let kinds = kinds.into();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self {
            default_kind: kinds.len().saturating_sub(1),
            kinds,
            time_ns: i64::try_from(now.as_nanos()).unwrap_or(i64::MAX),
            ..Self::default()
        }
    }

    /// Adds a sample; one without frames gets one that says so, because pprof leaves out what has none.
    ///
    /// # Panics
    /// If it has another number of values than the profile has kinds.
    pub fn push(&mut self, mut sample: Sample) {
        assert_eq!(sample.values.len(), self.kinds.len(), "a sample has a value of each kind");
        if sample.stack.is_empty() {
            sample.stack.push(Call::named("[no stack]"));
        }
        self.samples.push(sample);
    }

    /// The sum of the values of the kind with this index; 0 if there is no such kind. Sums end at the largest number.
    pub fn total(&self, kind: usize) -> i64 {
        self.samples
            .iter()
            .filter_map(|sample| sample.values.get(kind))
            .fold(0, |sum, value| sum.saturating_add(*value))
    }

    /// Makes one of the samples with the same stack and the same labels.
    pub fn merge(&mut self) {
        let mut merged: Vec<Sample> = Vec::with_capacity(self.samples.len());
        let mut places: HashMap<Key, usize> = HashMap::new();
        for mut sample in self.samples.drain(..) {
            sample.labels.sort();
            match places.entry(key(&sample)) {
                Entry::Occupied(place) => {
                    for (sum, value) in merged[*place.get()].values.iter_mut().zip(&sample.values) {
                        *sum = sum.saturating_add(*value);
                    }
                }
                Entry::Vacant(place) => {
                    place.insert(merged.len());
                    merged.push(sample);
                }
            }
        }
        self.samples = merged;
    }

    /// What was added since `earlier`, an older state of the same profile. Samples to which nothing was added are left out; of a
    /// profile of two moments those that have become fewer, or have gone, are there with what they lost, below zero.
    #[must_use]
    pub fn minus(&self, earlier: &Self) -> Self {
        let (mut now, mut before) = (self.clone(), earlier.clone());
        for sample in &mut before.samples {
            sample.values.iter_mut().for_each(|value| *value = value.saturating_neg());
        }
        now.samples.append(&mut before.samples);
        now.merge();
        now.samples.retain(|sample| sample.values.iter().any(|&value| value != 0));
        now.duration_ns = self.time_ns.saturating_sub(earlier.time_ns).max(0);
        now
    }

    /// Without the samples that lack the label `key` = `value`.
    #[must_use]
    pub fn only(mut self, key: &str, value: &str) -> Self {
        let has = |label: &Label| {
            label.key == key
                && match &label.value {
                    Value::Text(text) => **text == *value,
                    Value::Number(number, _) => number.to_string() == value,
                }
        };
        self.samples.retain(|sample| sample.labels.iter().any(has));
        self
    }
}

/// By what two samples are the same.
type Key = (Vec<Call>, Vec<Label>);

/// The labels are sorted.
fn key(sample: &Sample) -> Key {
    (sample.stack.clone(), sample.labels.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(function: &str, label: &str, values: &[i64]) -> Sample {
        Sample {
            stack: vec![Call::named(function)],
            values: values.to_vec(),
            labels: vec![Label::text("reason", label), Label::number("n", 1, "")],
        }
    }

    fn profile(samples: Vec<Sample>) -> Profile {
        let mut profile = Profile::new([ValueKind::new("waits", "count"), ValueKind::new("delay", "nanoseconds")]);
        samples.into_iter().for_each(|sample| profile.push(sample));
        profile
    }

    #[test]
    fn the_same_stack_and_labels_are_one_sample() {
        let mut labels_turned = sample("a", "x", &[1, 10]);
        labels_turned.labels.reverse();
        let mut merged = profile(vec![
            sample("a", "x", &[2, 20]),
            labels_turned,
            sample("a", "y", &[4, 40]),
            sample("b", "x", &[8, 80]),
        ]);
        merged.merge();
        assert_eq!(merged.samples.iter().map(|s| s.values.clone()).collect::<Vec<_>>(), [[3, 30], [4, 40], [8, 80]]);
        assert_eq!((merged.total(0), merged.total(1)), (15, 150));
    }

    #[test]
    fn a_difference_is_what_was_added() {
        let mut before = profile(vec![sample("a", "x", &[2, 20]), sample("b", "x", &[1, 10])]);
        let mut after =
            profile(vec![sample("c", "x", &[7, 70]), sample("a", "x", &[5, 60]), sample("b", "x", &[1, 10])]);
        (before.time_ns, after.time_ns) = (1_000, 4_000);
        let mut difference = after.minus(&before);
        difference.samples.sort_by_key(|sample| sample.values[0]);
        assert_eq!(difference.samples.len(), 2, "what stood still is left out");
        assert_eq!(difference.samples[0].values, [3, 40]);
        assert_eq!(difference.samples[1].values, [7, 70]);
        assert_eq!(difference.duration_ns, 3_000);
        let back = before.minus(&after);
        let lost: Vec<_> = back.samples.iter().map(|sample| sample.values.clone()).collect();
        assert_eq!((lost.len(), back.total(0), back.duration_ns), (2, -10, 0), "what has gone is missing: {lost:?}");
    }

    #[test]
    fn numbers_of_a_stranger_do_not_overflow() {
        let most = profile(vec![sample("a", "x", &[i64::MAX, i64::MIN]), sample("a", "x", &[i64::MAX, i64::MIN])]);
        let mut merged = most.clone();
        merged.merge();
        assert_eq!(merged.samples[0].values, [i64::MAX, i64::MIN]);
        assert_eq!(most.total(0), i64::MAX);
        let least = profile(vec![sample("a", "x", &[i64::MIN, i64::MIN])]);
        assert_eq!(most.minus(&least).samples[0].values, [i64::MAX, -1]);
        assert!(!Profile { samples: most.samples, ..Profile::default() }.text("of no kinds").is_empty());
    }

    #[test]
    fn a_profile_can_be_cut_down_to_a_label() {
        let cut = profile(vec![sample("a", "x", &[2, 20]), sample("b", "y", &[1, 10])]).only("reason", "y");
        assert_eq!(cut.samples.len(), 1);
        assert_eq!(cut.samples[0].values, [1, 10]);
        assert_eq!(cut.clone().only("n", "1").samples.len(), 1);
        assert_eq!(cut.only("n", "2").samples.len(), 0);
    }

    #[test]
    #[should_panic(expected = "a value of each kind")]
    fn a_sample_with_too_few_values_is_refused() {
        profile(vec![sample("a", "x", &[2])]);
    }
}
