//! Folding glances into windows.
//!
//! Pure: samples in, windows out, no clock and no thread, so a whole run can be tested with samples written by hand. Two
//! things need more than sums. A poll that stands is tracked from glance to glance, across the edges of windows, as long
//! as the same processor is in the same poll of the same task on the same machine. And the fires of timers are kept
//! interval by interval until the window closes, to find the shortest time that half of them took.
//!
//! Whatever a glance misses makes a stand shorter and a burst longer, so a late sampler hides sickness rather than
//! inventing it.

use std::collections::HashMap;
use std::panic::Location;

use super::census::Census;
use super::sample::{Processor, Sample, Sitting};
use super::window::{Counts, Jam, Stand, Turns, Waited, Window};
use crate::threads::{KEPT_OFF, ThreadClock};

/// Stands shorter than this many ticks are not kept.
const KEEP_TICKS: u64 = 2;
/// At most so many stands a window, the longest.
const KEEP_STANDS: usize = 64;
/// A window lasts at most so many times its length, however few glances there are.
const STRETCH: u64 = 4;

/// The fold. See the module.
#[derive(Debug)]
pub struct Fold {
    window_ns: u64,
    tick_ns: u64,
    cores: usize,
    /// Glances that a window must have.
    least: u32,
    last: Option<Sample>,
    open: Vec<Option<Open>>,
    /// Polls since the last take from the global queue, if tasks have waited there ever since.
    unserved: u64,
    /// Polls since the last turn of the driver, if sources have been registered and nobody has sat there ever since.
    unturned: u64,
    /// The jam in progress, and since when.
    jam: Option<(u64, Jam)>,
    /// Whom the end of the runtime waits for, and since when.
    ending: Option<(u64, Sitting)>,
    now: Gather,
    done: Vec<Window>,
}

/// A stand in progress.
#[derive(Clone, Debug)]
struct Open {
    since_ns: u64,
    polls: u64,
    clock: Option<ThreadClock>,
    trapped: Lasting,
    overdue: Lasting,
    captive: Lasting,
    stand: Stand,
}

/// How long something has lasted, and how long at most.
#[derive(Clone, Copy, Debug, Default)]
struct Lasting {
    since: Option<u64>,
    longest_ns: u64,
}

/// What a process and a runtime hold in memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// *Bytes* that the process has in RAM; 0 if that is not known.
    pub rss: u64,
    /// *Bytes* of task records, and of task memory that the runtime keeps.
    pub kept: u64,
}

/// What is looked up at the end of a window.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// Who waits for what.
    pub census: Census,
    /// As in [`Window`].
    pub poll_half_ns: Option<u64>,
    /// As in [`Window`].
    pub poll_most_ns: Option<u64>,
    /// As in [`Window`].
    pub turns: Turns,
    /// Memory.
    pub memory: Memory,
}

/// What one glance saw around a stand.
#[derive(Clone, Copy, Debug)]
struct Around {
    at_ns: u64,
    gap: u64,
    /// Work waits that this processor, or any, would have to take.
    waits: bool,
    any_idle: bool,
    /// Sources are registered, and nobody sits in the driver or has turned it.
    unattended: bool,
    /// The kernel keeps a thread off the CPU that is in a poll.
    kept_off: bool,
}

/// The window in the making.
#[derive(Debug, Default)]
struct Gather {
    started_ns: u64,
    samples: u32,
    counts: Counts,
    spawned_by_one: u64,
    live: f64,
    runnable: f64,
    idle: f64,
    spinning: f64,
    machines: f64,
    blocked: f64,
    runnable_max: u64,
    unserved: u64,
    unturned: u64,
    fires: Vec<(u64, u64)>,
    exits: Vec<(u64, u64)>,
    arrivals: Vec<(u64, u64)>,
    live_max: u64,
    live_min: Option<u64>,
    jam: Option<Jam>,
    stands: Vec<Stand>,
}

impl Fold {
    /// A fold into windows of `window_ns`, for a scheduler whose watchdog ticks every `tick_ns` on `cores` CPUs.
    pub fn new(window_ns: u64, tick_ns: u64, cores: usize) -> Self {
        Self {
            window_ns,
            tick_ns,
            cores,
            least: 1,
            last: None,
            open: Vec::new(),
            unserved: 0,
            unturned: 0,
            jam: None,
            ending: None,
            now: Gather::default(),
            done: Vec::new(),
        }
    }

    /// Windows of at least so many glances: one that has fewer when its time is over goes on, for a few times its length at most. Who
    /// glances seldom, because others have the CPU, so has fewer windows and not poorer ones.
    #[must_use]
    pub fn with_glances(mut self, least: u32) -> Self {
        self.least = least;
        self
    }

    /// Whether processor `index` was in a poll at the last glance that it was in before: worth asking the kernel about.
    pub fn stands(&self, index: usize, processor: &Processor) -> bool {
        self.open.get(index).and_then(Option::as_ref).is_some_and(|open| open.goes_on(processor))
    }

    /// Takes in the next glance.
    pub fn push(&mut self, sample: Sample) {
        let Some(last) = self.last.take() else {
            self.now.started_ns = sample.at_ns;
            self.open = sample.processors.iter().enumerate().map(|(id, p)| Open::begin(id, p, sample.at_ns)).collect();
            self.last = Some(sample);
            return;
        };
        let gap = sample.at_ns.saturating_sub(last.at_ns);
        self.gauges(&sample);
        self.flows(&sample, &last, gap);
        self.follow(&sample, &last, gap);
        self.watch_jam(&sample, &last, gap);
        self.watch_end(&sample);
        let lasts = sample.at_ns.saturating_sub(self.now.started_ns);
        let rich = self.now.samples >= self.least || lasts >= STRETCH * self.window_ns;
        if lasts >= self.window_ns && rich {
            self.close(&sample);
        }
        self.last = Some(sample);
    }

    /// The whole windows so far.
    pub fn windows(&self) -> &[Window] {
        &self.done
    }

    /// Adds to the last whole window what was looked up at its end.
    pub fn complete(&mut self, looked: LookedUp) {
        if let Some(window) = self.done.last_mut() {
            (window.rss, window.kept) = (looked.memory.rss, looked.memory.kept);
            window.census = Some(looked.census);
            window.poll_half_ns = looked.poll_half_ns;
            window.poll_most_ns = looked.poll_most_ns;
            window.turns = looked.turns;
        }
    }

    /// The windows; a last piece shorter than half a window is left out.
    pub fn finish(mut self) -> Vec<Window> {
        if let Some(last) = self.last.take()
            && last.at_ns.saturating_sub(self.now.started_ns) * 2 >= self.window_ns
            && self.now.samples >= self.least / 2
        {
            self.close(&last);
        }
        self.done
    }

    fn gauges(&mut self, sample: &Sample) {
        let now = &mut self.now;
        let waiting = sample.waiting();
        now.samples += 1;
        now.live += sample.live as f64;
        now.runnable += (waiting + sample.running()) as f64;
        now.idle += sample.processors.iter().filter(|p| p.idle).count() as f64;
        now.spinning += sample.spinning as f64;
        now.machines += sample.machines as f64;
        now.blocked += sample.blocked.len() as f64;
        now.runnable_max = now.runnable_max.max(waiting);
        now.live_max = now.live_max.max(sample.live);
        now.live_min = Some(now.live_min.map_or(sample.live, |least| least.min(sample.live)));
    }

    fn flows(&mut self, sample: &Sample, last: &Sample, gap: u64) {
        let mut sum = sample.off_processor.since(&last.off_processor);
        let mut most_spawned = 0;
        for (index, processor) in sample.processors.iter().enumerate() {
            let before = last.processors.get(index).map_or_else(Counts::default, |p| p.counts);
            let delta = processor.counts.since(&before);
            most_spawned = most_spawned.max(delta.spawned);
            sum = sum.plus(&delta);
        }
        self.now.counts = self.now.counts.plus(&sum);
        self.now.spawned_by_one += most_spawned;
        self.now.fires.push((gap, sum.timers_fired));
        self.now.exits.push((gap, sum.ended));
        self.now.arrivals.push((gap, sum.arrived));
        let unserved = sample.global > 0 && last.global > 0 && sum.global_pops == 0;
        self.unserved = if unserved { self.unserved + sum.polls } else { 0 };
        self.now.unserved = self.now.unserved.max(self.unserved);
        let unturned = unattended(sample, last) && sum.driver_turns == 0;
        self.unturned = if unturned { self.unturned + sum.polls } else { 0 };
        self.now.unturned = self.now.unturned.max(self.unturned);
    }

    fn follow(&mut self, sample: &Sample, last: &Sample, gap: u64) {
        // Processors can be added by a run: a spare one.
        self.open.resize_with(sample.processors.len(), || None);
        let any_idle = sample.processors.iter().any(|p| p.idle);
        let nobody_polled = sample.polls() == last.polls();
        let turns = |sample: &Sample| {
            let on = sample.processors.iter().map(|p| p.counts.driver_turns).sum::<u64>();
            on + sample.off_processor.driver_turns
        };
        let unattended = unattended(sample, last) && turns(sample) == turns(last);
        let global_waits = sample.global > 0 && last.global > 0 && nobody_polled && !any_idle;
        let kept_off = self
            .open
            .iter()
            .flatten()
            .zip(&sample.processors)
            .any(|(open, processor)| open.is_kept_off(processor, gap));
        for (index, processor) in sample.processors.iter().enumerate() {
            match &mut self.open[index] {
                Some(open) if open.goes_on(processor) => {
                    let before = last.processors.get(index).map_or(0, |p| p.queue);
                    let own_waits = before > 0 && processor.queue >= before;
                    let waits = own_waits || global_waits;
                    open.extend(processor, Around { at_ns: sample.at_ns, gap, waits, any_idle, unattended, kept_off });
                }
                ended => {
                    let begun = Open::begin(index, processor, sample.at_ns);
                    if let Some(open) = std::mem::replace(ended, begun) {
                        self.now.stands.extend(open.worth_keeping(self.tick_ns));
                    }
                }
            }
        }
    }

    /// Whether all processors that have a machine sleep at one futex.
    fn watch_jam(&mut self, sample: &Sample, last: &Sample, gap: u64) {
        let running: Vec<&Processor> = sample.processors.iter().filter(|p| p.running).collect();
        let at = |p: &Processor| p.clock.filter(|clock| clock.asleep).and_then(|clock| clock.futex);
        let futex = running.first().and_then(|p| at(p));
        // One thread at a futex is any blocking call.
        let all = running.len() >= 2 && running.len() >= sample.width && running.iter().all(|p| at(p) == futex);
        let Some(futex) = futex.filter(|_| all) else {
            self.jam = None;
            return;
        };
        let fresh = || (sample.at_ns, Jam { futex, ..Jam::default() });
        let (since, jam) = match self.jam.take() {
            Some((since, mut jam)) if jam.futex == futex => {
                let nobody_polled = sample.polls() == last.polls();
                let waits = sample.waiting() > 0 && last.waiting() > 0 && nobody_polled;
                jam.stalled_ns += if waits { gap } else { 0 };
                (since, jam)
            }
            _ => fresh(),
        };
        let processors = running.len() as u64;
        let task = running.iter().filter_map(|p| p.task).min();
        let jam = Jam { ns: sample.at_ns.saturating_sub(since), processors, task, ..jam };
        if self.now.jam.as_ref().is_none_or(|longest| longest.ns <= jam.ns) {
            self.now.jam = Some(jam.clone());
        }
        self.jam = Some((since, jam));
    }

    /// Whom a runtime that ends waits for: the same one as at the last glance, as long as that one is there.
    fn watch_end(&mut self, sample: &Sample) {
        let stays = |held: &Sitting| sample.remaining.iter().any(|sitting| sitting.task == held.task);
        self.ending = match self.ending.take() {
            Some((since, held)) if stays(&held) => Some((since, held)),
            _ => sample.remaining.iter().min_by_key(|sitting| sitting.task).map(|sitting| (sample.at_ns, *sitting)),
        };
    }

    fn close(&mut self, sample: &Sample) {
        let mut now = std::mem::take(&mut self.now);
        // A stand that began within this window and goes on is the next window's: its shares are those of its beginning.
        let settled = self.open.iter().flatten().filter(|open| open.since_ns <= now.started_ns);
        now.stands.extend(settled.filter_map(|open| open.worth_keeping(self.tick_ns)));
        now.stands.sort_by_key(|stand| std::cmp::Reverse(stand.wall_ns));
        now.stands.truncate(KEEP_STANDS);
        let wall_ns = sample.at_ns.saturating_sub(now.started_ns);
        let mean = |sum: f64| sum / f64::from(now.samples.max(1));
        let each = |polls: u64| polls as f64 / sample.width.max(1) as f64;
        let crowd = crowd(&sample.blocked);
        self.done.push(Window {
            index: self.done.len(),
            wall_ns,
            samples: now.samples,
            processors: sample.width,
            cores: self.cores,
            counts: now.counts,
            spawned_by_one: now.spawned_by_one,
            live: sample.live,
            live_mean: mean(now.live),
            runnable_mean: mean(now.runnable),
            live_max: now.live_max,
            live_min: now.live_min.unwrap_or_default(),
            runnable_max: now.runnable_max,
            idle_mean: mean(now.idle),
            spinning_mean: mean(now.spinning),
            machines_mean: mean(now.machines),
            blocked_mean: mean(now.blocked),
            blocked: sample.blocked.len() as u64,
            blocked_at_one_site: crowd.len() as u64,
            blocked_by: crowd.iter().min_by_key(|sitting| sitting.task).map(Sitting::holder),
            locked_by: sample.locked.first().map(Sitting::holder),
            unserved_polls: each(now.unserved),
            unturned_polls: each(now.unturned),
            timer_half: half_time(now.fires, wall_ns),
            exit_half: half_time(now.exits, wall_ns),
            arrival_half: half_time(now.arrivals, wall_ns),
            jam: now.jam,
            ending: self.ending.as_ref().map(|(since, sitting)| Waited {
                holder: sitting.holder(),
                ns: sample.at_ns.saturating_sub(*since),
                remaining: sample.remaining.len() as u64,
            }),
            rss: 0,
            kept: 0,
            stands: now.stands,
            poll_half_ns: None,
            poll_most_ns: None,
            turns: Turns::default(),
            census: None,
        });
        self.now.started_ns = sample.at_ns;
    }
}

impl Open {
    fn begin(index: usize, processor: &Processor, at_ns: u64) -> Option<Self> {
        (processor.running && processor.task.is_some()).then(|| Self {
            since_ns: at_ns,
            polls: processor.counts.polls,
            clock: None,
            trapped: Lasting::default(),
            overdue: Lasting::default(),
            captive: Lasting::default(),
            stand: Stand { processor: index, machine: processor.machine, task: processor.task, ..Stand::default() },
        })
    }

    fn goes_on(&self, processor: &Processor) -> bool {
        processor.running
            && processor.task == self.stand.task
            && processor.machine == self.stand.machine
            && processor.counts.polls == self.polls
    }

    /// Whether its thread neither ran nor slept since the last glance, as far as that is known: of a poll that was seen twice it is
    /// not known yet.
    fn is_kept_off(&self, processor: &Processor, gap: u64) -> bool {
        let Some(clock) = processor.clock.filter(|clock| !clock.asleep && self.goes_on(processor)) else {
            return false;
        };
        let ran = self.clock.map_or(0, |before| clock.cpu_ns.saturating_sub(before.cpu_ns));
        ran * KEPT_OFF < gap
    }

    fn extend(&mut self, processor: &Processor, around: Around) {
        let Around { at_ns, gap, any_idle, .. } = around;
        let stand = &mut self.stand;
        stand.wall_ns = at_ns.saturating_sub(self.since_ns);
        if around.waits {
            stand.stalled_ns += gap;
        }
        stand.trapped_ns = self.trapped.see(processor.next_slot && any_idle, at_ns);
        stand.overdue_ns = self.overdue.see(processor.timer_due && any_idle, at_ns);
        stand.captive_ns = self.captive.see(around.unattended && any_idle, at_ns);
        // The first reading comes one glance late, and time before it counts for neither. Asleep at both ends of a gap is
        // asleep in between, but for the CPU time that the clock shows.
        match (self.clock, processor.clock) {
            (Some(before), Some(clock)) => {
                let ran = clock.cpu_ns.saturating_sub(before.cpu_ns);
                stand.cpu_ns += ran;
                if before.asleep && clock.asleep {
                    let slept = gap.saturating_sub(ran);
                    stand.asleep_ns += slept;
                    if around.kept_off && clock.futex.is_some() {
                        stand.excused_ns += slept;
                    }
                }
            }
            (None, None) => stand.cpu_ns = stand.wall_ns,
            (None, Some(_)) => stand.cpu_ns = 0,
            (Some(_), None) => {}
        }
        self.clock = processor.clock.or(self.clock);
    }

    fn worth_keeping(&self, tick_ns: u64) -> Option<Stand> {
        (self.stand.wall_ns >= KEEP_TICKS * tick_ns).then(|| self.stand.clone())
    }
}

impl Lasting {
    /// Takes in whether it was so at `at_ns`; the longest time so far.
    fn see(&mut self, so: bool, at_ns: u64) -> u64 {
        self.since = so.then(|| self.since.unwrap_or(at_ns));
        let lasted = self.since.map_or(0, |since| at_ns.saturating_sub(since));
        self.longest_ns = self.longest_ns.max(lasted);
        self.longest_ns
    }
}

/// Whether sources were registered and nobody sat in the driver, at both ends of a gap.
fn unattended(sample: &Sample, last: &Sample) -> bool {
    [sample, last].iter().all(|glance| glance.sources > 0 && !glance.driver_taken)
}

/// Those that were spawned at the same place as most of them.
fn crowd(all: &[Sitting]) -> Vec<Sitting> {
    let mut sites: HashMap<&Location<'_>, Vec<Sitting>> = HashMap::new();
    for sitting in all {
        if let Some(site) = sitting.site {
            sites.entry(site).or_default().push(*sitting);
        }
    }
    sites.into_values().max_by_key(Vec::len).unwrap_or_default()
}

/// The smallest share of `wall_ns` in which half of the events happened, from (length, events) of each interval.
fn half_time(mut fires: Vec<(u64, u64)>, wall_ns: u64) -> Option<f64> {
    let total: u64 = fires.iter().map(|(_, count)| count).sum();
    if total == 0 || wall_ns == 0 {
        return None;
    }
    let rate = |(gap, count): &(u64, u64)| *count as f64 / (*gap).max(1) as f64;
    fires.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
    let mut left = total as f64 / 2.0;
    let mut time = 0.0;
    for (gap, count) in fires {
        let count = count as f64;
        if count >= left {
            time += gap as f64 * left / count;
            break;
        }
        left -= count;
        time += gap as f64;
    }
    Some(time / wall_ns as f64)
}

#[cfg(test)]
mod tests;
