//! What is of the process and not of a runtime: the build, the start, the resources that tasks share.
//!
//! A lock or a channel belongs to no runtime, it may join two; so its metrics have no label `runtime`. Rows are by kind, all
//! kinds each time. What no task has ever waited for is not known here.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use gumption_core::resource::{self, Kind, Waits};

use super::family::Rows;
use super::view::RuntimeView;
use crate::cost;

pub(super) fn runtimes(views: &[RuntimeView], row: Rows<'_>) {
    row(&[], views.len() as u64);
}

pub(super) fn build(_: &[RuntimeView], row: Rows<'_>) {
    let counters = if gumption_core::counters::ENABLED { "on" } else { "off" };
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    row(&[env!("CARGO_PKG_VERSION"), counters, profile], 1);
}

pub(super) fn started(_: &[RuntimeView], row: Rows<'_>) {
    static STARTED: OnceLock<Option<u64>> = OnceLock::new();
    if let Some(ns) = STARTED.get_or_init(start) {
        row(&[], *ns);
    }
}

/// The clock that `/proc` goes by.
#[cfg(target_os = "linux")]
const SINCE_BOOT: libc::clockid_t = libc::CLOCK_BOOTTIME;
/// Where there is no such `/proc` nobody gets as far as to ask it.
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// When this process started, in nanoseconds since 1970, to a hundredth of a second.
fn start() -> Option<u64> {
    // The fields are counted from behind the name, which may have spaces and parentheses in it.
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let after_boot: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    // SAFETY: it asks for a number.
    let ticks = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).ok().filter(|ticks| *ticks > 0)?;
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes to `now`.
    if unsafe { libc::clock_gettime(SINCE_BOOT, &raw mut now) } != 0 {
        return None;
    }
    let since_boot = u64::try_from(now.tv_sec).ok()? * 1_000_000_000 + u64::try_from(now.tv_nsec).ok()?;
    let age = since_boot.saturating_sub(after_boot * (1_000_000_000 / ticks));
    let unix = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()?;
    Some((unix - age.min(unix)) / 10_000_000 * 10_000_000)
}

pub(super) fn introspection(_: &[RuntimeView], row: Rows<'_>) {
    cost::spent().for_each(|(part, ns)| row(&[part], ns));
}

pub(super) fn resources(_: &[RuntimeView], row: Rows<'_>) {
    by_kind(row, |_| 1);
}

pub(super) fn waiters(_: &[RuntimeView], row: Rows<'_>) {
    by_kind(row, |facts| facts.waiters);
}

pub(super) fn waits(_: &[RuntimeView], row: Rows<'_>) {
    static SHOWN: Shown = Shown::new();
    SHOWN.rows(|waits| waits.count, row);
}

pub(super) fn wait_time(_: &[RuntimeView], row: Rows<'_>) {
    static SHOWN: Shown = Shown::new();
    SHOWN.rows(|waits| waits.ns, row);
}

/// What was shown last of each kind: a sum may miss a resource that is just going, and a counter must not go back for it.
struct Shown([AtomicU64; Kind::ALL.len()]);

impl Shown {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; Kind::ALL.len()])
    }

    fn rows(&self, number: fn(&Waits) -> u64, row: Rows<'_>) {
        for ((kind, waits), shown) in resource::waits().iter().zip(&self.0) {
            let now = number(waits);
            // Ordering: Relaxed, a number and no message.
            row(&[kind.text()], shown.fetch_max(now, Ordering::Relaxed).max(now));
        }
    }
}

fn by_kind(row: Rows<'_>, number: impl Fn(&resource::Facts) -> u64) {
    let mut sums = vec![0u64; Kind::ALL.len()];
    for facts in resource::snapshot() {
        if let Some(at) = Kind::ALL.iter().position(|kind| *kind == facts.kind) {
            sums[at] = sums[at].saturating_add(number(&facts));
        }
    }
    for (kind, sum) in Kind::ALL.iter().zip(sums) {
        row(&[kind.text()], sum);
    }
}
