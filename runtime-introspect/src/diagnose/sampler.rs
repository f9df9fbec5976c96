//! The sampler: an OS thread that glances at the scheduler about a thousand times a second.
//!
//! It is not a task and not a machine. It reads the same words that `stats()` reads, sleeps on a clock of its own, and
//! never wakes the runtime; so it sees a runtime that is stuck as well as one that is not. It spends at most a twentieth
//! of a core: when a glance is dear (many processors, many machines) it glances less often.
//!
//! Start one beside a run with [`Sampler::start`], end it with [`Sampler::finish`], and give what comes out to
//! [`diagnose`](super::diagnose).

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gumption_core::stats::SchedulerStats;

use super::fold::Fold;
use super::sample::Sample;
use super::threads;
use super::window::{Evidence, Load};

/// Glances between two looks at the distribution of poll times, which is dearer than the rest.
const UNIT_EVERY: u32 = 64;

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
    /// Starts sampling what `source` returns.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        source: impl Fn() -> SchedulerStats + Send + Sync + 'static,
        sampling: Sampling,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let source = Arc::new(source);
        let thread = std::thread::Builder::new()
            .name("gumption-sampler".into())
            .spawn(move || sample_until(&stopped, &*source, sampling))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Stops sampling and returns what was seen.
    ///
    /// # Panics
    /// If the source panicked.
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
            // A source that panicked has said so on stderr; there is nobody left to tell.
            drop(thread.join());
        }
    }
}

fn sample_until(stopped: &Receiver<()>, source: &dyn Fn() -> SchedulerStats, sampling: Sampling) -> Evidence {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let tick_ns = nanos(sampling.tick);
    let mut fold = Fold::new(nanos(sampling.window), tick_ns, sampling.cores);
    let mut unit_ns = None;
    let begun = Instant::now();
    let mut glances = 0u32;
    loop {
        let before = Instant::now();
        let stats = source();
        let mut sample = Sample::of(nanos(before - begun), &stats);
        for (index, processor) in sample.processors.iter_mut().enumerate() {
            if fold.stands(index, processor) {
                processor.clock = processor.thread.and_then(threads::read);
            }
        }
        fold.push(sample);
        glances += 1;
        if glances.is_multiple_of(UNIT_EVERY) {
            unit_ns = short_poll(&stats).or(unit_ns);
        }
        let rest = sampling.glance.max(before.elapsed() * 20);
        match stopped.recv_timeout(rest) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    unit_ns = short_poll(&source()).or(unit_ns);
    Evidence { windows: fold.finish(), tick_ns, unit_ns: Evidence::unit(unit_ns, tick_ns), load: sampling.load }
}

/// The tenth percentile of all polls so far: short, whatever the few long ones do.
fn short_poll(stats: &SchedulerStats) -> Option<u64> {
    stats.poll_time().quantile(0.1)
}
