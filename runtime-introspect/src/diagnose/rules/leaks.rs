//! Rules about tasks that wait for ever, and are more in each window.
//!
//! All have one shape. A group of tasks that were spawned in one place and wait for one class of thing grows from window to
//! window, and those that enter it do not leave. What tells them apart is why: nobody can cancel them, their timers are all
//! that they live on, their channel has no end, or nobody takes what they send. Where none of that is known, what is left is that each thing
//! that ends leaves one more of them behind. The load must be known to be constant: a service
//! that gains users gains waiting tasks too.

use crate::diagnose::census::{Class, Group};
use crate::diagnose::rule::{Needs, Reading, Rule, Signal};
use crate::diagnose::rules::ratio::ratio;
use crate::diagnose::thresholds::{Limit, Thresholds};
use crate::diagnose::trend;
use crate::diagnose::window::Evidence;

/// What every leak is besides.
const FOLLOWS: &[&str] = &["staircase-leak", "rss-high-water"];

/// The limits of a group's [`Course`], and a rule's own.
macro_rules! course {
    ($($own:ident),*) => {
        &[Limit::LeakTau, Limit::LeakGrowth, Limit::LeakLeft, Limit::LeakDepth, $(Limit::$own),*]
    };
}

/// A group over the last windows.
struct Course<'a> {
    /// How many it was at the end of each.
    tasks: Vec<f64>,
    left: f64,
    entered: f64,
    /// As it is now.
    now: &'a Group,
    processors: f64,
}

impl<'a> Course<'a> {
    /// The largest group of one of the classes at the end of window `at` that `fits`, and how it came to that.
    fn of(evidence: &'a Evidence, at: usize, fits: impl Fn(&Group) -> bool) -> Option<Self> {
        let from = (at + 1).checked_sub(trend::MIN_POINTS)?;
        let windows = evidence.windows.get(from..=at)?;
        let last = windows.last()?;
        let now = last.census.as_ref()?.groups.iter().filter(|group| fits(group)).max_by_key(|group| group.tasks)?;
        let mut course = Self { tasks: Vec::new(), left: 0.0, entered: 0.0, now, processors: last.processors as f64 };
        for window in windows {
            let groups = &window.census.as_ref()?.groups;
            let then = groups.iter().find(|group| group.site == now.site && group.class == now.class);
            course.tasks.push(then.map_or(0.0, |group| group.tasks as f64));
            course.left += then.map_or(0.0, |group| group.left as f64);
            course.entered += then.map_or(0.0, |group| group.entered as f64);
        }
        Some(course)
    }

    fn read(&self, limits: &Thresholds, own: &[(Limit, f64)]) -> Option<Reading> {
        let mut signals = vec![
            Signal::new(limits, Limit::LeakTau, trend::tau(&self.tasks)?),
            Signal::new(limits, Limit::LeakGrowth, trend::growth(&self.tasks)?),
            Signal::new(limits, Limit::LeakLeft, ratio(self.left, self.entered)),
            Signal::new(limits, Limit::LeakDepth, ratio(self.now.tasks as f64, self.processors)),
        ];
        signals.extend(own.iter().map(|(limit, value)| Signal::new(limits, *limit, *value)));
        Some(Reading {
            signals,
            task: Some(self.now.task),
            site: Some(self.now.site.clone()),
            resource: self.now.resource.clone(),
            processor: None,
        })
    }

    fn still(&self) -> f64 {
        ratio(self.now.still as f64, self.now.known as f64)
    }

    fn of_all(&self, part: u64) -> f64 {
        ratio(part as f64, self.now.tasks as f64)
    }
}

pub(super) static STAIRCASE_LEAK: Rule = Rule {
    id: "staircase-leak",
    limits: course![LeakStill, StairStep, StairMost],
    needs: Needs::Load,
    implies: &["rss-high-water"],
    read: |evidence, at, limits| {
        let course = Course::of(evidence, at, |group| group.class != Class::Sleep)?;
        let from = (at + 1).checked_sub(trend::MIN_POINTS)?;
        // What came before the first census of the course is not in it.
        let ended: u64 = evidence.windows.get(from + 1..=at)?.iter().map(|window| window.counts.ended).sum();
        let (first, last) = (course.tasks.first()?, course.tasks.last()?);
        let step = ratio(last - first, ended as f64);
        let still = course.still();
        course.read(limits, &[(Limit::LeakStill, still), (Limit::StairStep, step), (Limit::StairMost, step)])
    },
    suggestion: "let what a request begins end with it: a `JoinSet` of its own; and take out of a list of handles what has ended",
    counter_signal: "a request that has ended leaves nothing behind",
};

pub(super) static TIMER_NEVER_STOPPED: Rule = Rule {
    id: "timer-never-stopped",
    limits: course![LeakTicks, LeakUnheld],
    needs: Needs::Load,
    implies: FOLLOWS,
    read: |evidence, at, limits| {
        let course = Course::of(evidence, at, |group| group.class == Class::Sleep)?;
        let ticks = ratio((course.now.known - course.now.still) as f64, course.now.known as f64);
        course.read(limits, &[(Limit::LeakTicks, ticks), (Limit::LeakUnheld, course.of_all(course.now.unheld))])
    },
    suggestion: "tie the timer to what it is for: select on the tick and on the end of the connection, or abort its task when that \
                 is dropped",
    counter_signal: "tasks that tick end as fast as they come",
};

pub(super) static LOST_CANCEL: Rule = Rule {
    id: "lost-cancel",
    limits: course![LeakStill, LeakUnheld],
    needs: Needs::Load,
    implies: FOLLOWS,
    read: |evidence, at, limits| {
        let course = Course::of(evidence, at, |group| matches!(group.class, Class::Sleep | Class::Other))?;
        let still = course.still();
        course.read(limits, &[(Limit::LeakStill, still), (Limit::LeakUnheld, course.of_all(course.now.unheld))])
    },
    suggestion: "let the child end with its parent: put it into a `JoinSet` that the parent owns, or abort its handle when the \
                 parent gives up",
    counter_signal: "somebody holds a handle to each of them",
};

pub(super) static CHAN_NEVER_CLOSED: Rule = Rule {
    id: "chan-never-closed",
    limits: course![LeakStill, LeakBarren],
    needs: Needs::Load,
    implies: FOLLOWS,
    read: |evidence, at, limits| {
        let course = Course::of(evidence, at, |group| group.class == Class::Receive)?;
        let still = course.still();
        course.read(limits, &[(Limit::LeakStill, still), (Limit::LeakBarren, course.of_all(course.now.barren))])
    },
    suggestion: "drop every sender when nothing more will come (look for a clone in a map, in a static, in the receiver itself; a \
                 `WeakSender` does not keep the channel open)",
    counter_signal: "receivers see the end of their channel, and end",
};

pub(super) static DONE_CHANNEL_HANG: Rule = Rule {
    id: "done-channel-hang",
    limits: course![LeakStill, LeakBarren],
    needs: Needs::Load,
    implies: FOLLOWS,
    read: |evidence, at, limits| {
        let course = Course::of(evidence, at, |group| group.class == Class::Send)?;
        let still = course.still();
        course.read(limits, &[(Limit::LeakStill, still), (Limit::LeakBarren, course.of_all(course.now.barren))])
    },
    suggestion: "drop the receiver when nobody will look into it again, so that the send fails; or give the channel room for all \
                 that will ever be sent",
    counter_signal: "somebody receives, or the send is told that nobody will",
};
