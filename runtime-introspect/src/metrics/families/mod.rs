//! Every metric there is, by what it is about.
//!
//! A file a topic, a list a file. To add a metric is to add an entry: its row in the text, in the reference page and in what the
//! dashboards may name follow. An entry says in its help what is counted and what is not, names Go's metric in `runtime/metrics` if
//! there is one that means the same, and the field of tokio-metrics' `RuntimeMetrics` (or `TaskMetrics`).

mod observer;
mod outside;
mod queues;
mod scheduling;
mod tasks;

use super::family::Family;

/// Every metric, in the order of the text.
pub fn families() -> impl Iterator<Item = &'static Family> {
    [observer::FAMILIES, tasks::FAMILIES, scheduling::FAMILIES, queues::FAMILIES, outside::FAMILIES]
        .into_iter()
        .flatten()
}

/// The topics, with their lists: the sections of the reference page.
pub(super) fn topics() -> [(&'static str, &'static [Family]); 5] {
    [
        ("The observed", observer::FAMILIES),
        ("Tasks", tasks::FAMILIES),
        ("Scheduling", scheduling::FAMILIES),
        ("Queues", queues::FAMILIES),
        ("The outside world", outside::FAMILIES),
    ]
}
