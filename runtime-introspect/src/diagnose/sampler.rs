//! The sampler: an OS thread that glances at the scheduler about a thousand times a second.
//!
//! It is not a task and not a machine. It reads the same words that `stats()` reads, once a window takes a
//! [census](super::census), sleeps on a clock of its own, and never wakes the runtime; so it sees a runtime that is stuck as well as one that is not. It spends at most a twentieth
//! of a core: when a glance is dear (many processors, many machines) it glances less often.
//!
//! Start one beside a run with [`Sampler::start`], end it with [`Sampler::finish`], and give what comes out to
//! [`diagnose`](super::diagnose).

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gumption_core::histogram::HistogramSnapshot;
use gumption_core::runtime::Handle;
use gumption_core::stats::SchedulerStats;

use super::census::Taker;
use super::fold::{Fold, LookedUp, Memory};
use super::pressure::Pressure;
use super::sample::Sample;
use super::window::{Evidence, Load};
use crate::cost;
use crate::threads;

/// Glances between two looks at the distribution of poll times, which is dearer than the rest.
const UNIT_EVERY: u32 = 64;
/// Glances that a window has at least: a share of a tenth is three of them.
const LEAST_GLANCES: u32 = 32;
/// Empty polls that are timed to learn what one costs.
const EMPTY_POLLS: u32 = 2_000;

/// How to sample.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// Length of a window.
    pub window: Duration,
    /// Time between two glances, if they are cheap.
    pub glance: Duration,
    /// The watchdog's tick: sysmon's period while a processor is busy.
    pub tick: Duration,
    /// CPUs that the process may use.
    pub cores: usize,
    /// What is known of the offered load.
    pub load: Load,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            window: Duration::from_millis(150),
            glance: Duration::from_micros(700),
            tick: Duration::from_millis(1),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            load: Load::Unknown,
        }
    }
}

/// A running sampler. Dropping it stops the thread and throws the windows away.
#[derive(Debug)]
pub struct Sampler {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Evidence>>,
}

impl Sampler {
    /// Starts sampling the runtime of `handle`.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(handle: Handle, sampling: Sampling) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("gumption-sampler".into())
            .spawn(move || sample_until(&stopped, &handle, sampling))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Stops sampling and returns what was seen.
    ///
    /// # Panics
    /// If its thread panicked.
    pub fn finish(mut self) -> Evidence {
        drop(self.stop.take());
        let thread = self.thread.take().expect("only finish and drop take the thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so on stderr; there is nobody left to tell.
            drop(thread.join());
        }
    }
}

fn sample_until(stopped: &Receiver<()>, handle: &Handle, sampling: Sampling) -> Evidence {
    let _cost = cost::of(cost::Part::Sample);
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let tick_ns = nanos(sampling.tick);
    let mut fold = Fold::new(nanos(sampling.window), tick_ns, sampling.cores).with_glances(LEAST_GLANCES);
    let mut unit_ns = None;
    let empty_ns = empty_poll();
    let (mut taker, mut pressure) = (Taker::default(), Pressure::default());
    let mut polls = HistogramSnapshot::default();
    let begun = Instant::now();
    let mut glances = 0u32;
    let rss = threads::resident();
    loop {
        let before = Instant::now();
        let cpu_before = threads::own_cpu();
        let stats = handle.stats();
        let mut sample = Sample::of(nanos(before - begun), &stats);
        for (index, processor) in sample.processors.iter_mut().enumerate() {
            if fold.stands(index, processor) {
                processor.clock = processor.thread.and_then(threads::read);
            }
        }
        let looked = taker.glance(handle, &stats);
        let whole = fold.windows().len();
        fold.push(sample);
        // What it cost, by the CPU's clock: while others have the CPU, glancing less would make it worse.
        let glanced = match (cpu_before, threads::own_cpu()) {
            (Some(then), Some(now)) => now.saturating_sub(then),
            _ => before.elapsed(),
        };
        let glanced = glanced.saturating_sub(looked);
        // The first census only learns what there was before the first window.
        if glances == 0 || fold.windows().len() > whole {
            let census = taker.take(handle, &stats);
            let now = stats.poll_time();
            let within = now.since(&polls);
            polls = now;
            let kept = stats.totals.task_memory.records + stats.totals.task_memory.free;
            let memory = Memory { rss: threads::resident().unwrap_or_default(), kept };
            fold.complete(LookedUp {
                census,
                poll_half_ns: within.quantile(0.5),
                poll_most_ns: within.quantile(0.875),
                turns: pressure.turns(&stats),
                memory,
            });
        }
        glances += 1;
        if glances.is_multiple_of(UNIT_EVERY) {
            unit_ns = short_poll(&stats).or(unit_ns);
        }
        let rest = sampling.glance.max(glanced * 20);
        match stopped.recv_timeout(rest) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    unit_ns = short_poll(&handle.stats()).or(unit_ns);
    Evidence {
        windows: fold.finish(),
        tick_ns,
        unit_ns: Evidence::unit(unit_ns, tick_ns),
        empty_ns,
        load: sampling.load,
        rss: rss.unwrap_or_default(),
    }
}

/// What a poll costs here that does nothing but wake itself, between two looks at the clock as a timed poll is: the best of
/// many, so that what else the machine does meanwhile does not count.
fn empty_poll() -> u64 {
    struct Count(AtomicU64);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            // Ordering: AcqRel, as a task's state word; nobody reads it.
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
    let waker = Waker::from(Arc::new(Count(AtomicU64::new(0))));
    let mut context = Context::from_waker(&waker);
    let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::Pending
    }));
    let mut timed = || {
        let begun = Instant::now();
        let polled = future.as_mut().poll(&mut context);
        let took = begun.elapsed();
        debug_assert!(polled.is_pending());
        took
    };
    let best = (0..EMPTY_POLLS).map(|_| timed()).min();
    best.map_or(1, |best| u64::try_from(best.as_nanos()).unwrap_or(u64::MAX)).max(1)
}

/// The tenth percentile of all polls so far: short, whatever the few long ones do.
fn short_poll(stats: &SchedulerStats) -> Option<u64> {
    stats.poll_time().quantile(0.1)
}
