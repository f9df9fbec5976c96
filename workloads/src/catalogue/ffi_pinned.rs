//! `ffi-pinned`: threads that go in and do not come out.
//!
//! **The story.** Fifty times a second a name is looked up with the C library, in a declared blocking section, as it should
//! be. Today the name server is dead. Each lookup waits; no deadline was set, because there never is one in the example.
//! Nothing is slow: each P that is lost to a lookup is retaken within a millisecond, requests are served as ever. Only
//! there is one thread more every 20 ms, and then one more, until the limit on threads ends the process. (Go caps its
//! resolver at 500 threads since issue 63978.)
//!
//! ```text
//!  machines                                       fixed: a deadline and a permit
//!    │              ▂▄▆█                            │
//!    │          ▂▄▆█████                            │
//!    │      ▂▄▆█████████                            │
//!    │  ▂▄▆█████████████                            │▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂
//!    └──────────────────▶ time                      └──────────────────▶ time
//! ```
//!
//! **What to look at.** `sections.left/entered`: nobody who went in came out. `machines.blocked.tau`: their number only
//! rises. `machines.blocked.at.one.site/blocked`: and all of them went in at one place, which the report names. A
//! `syscall-storm` has as many threads, all at once, and they come back.
//!
//! **Why the fix works.** The call has a deadline of its own, so that it returns; and a permit is taken before it, so that
//! at most a few are in there, whatever the deadline. Who gets no permit is told so at once.
//!
//! There is no cure in the scheduler: nobody can take a thread out of a foreign call. Retaking the P is what keeps the rest
//! of the program alive meanwhile, and `max_machines` is the fuse.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::time::sleep;

use crate::support::{Outstanding, Permits, Requests};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct FfiPinned;

impl Workload for FfiPinned {
    fn id(&self) -> &'static str {
        "ffi-pinned"
    }
    fn family(&self) -> &'static str {
        "blocking"
    }
    fn mechanism(&self) -> &'static str {
        "foreign calls that never return: each keeps its thread, and threads only ever come"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the call has a deadline, and a permit is taken before it")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "every_ms", default: 20, min: 5, max: 100, help: "time between two lookups in ms" },
            Knob { name: "permits", default: 4, min: 1, max: 64, help: "lookups at a time, fixed" },
            Knob { name: "deadline_ms", default: 50, min: 1, max: 1_000, help: "longest lookup in ms, fixed" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        // The name server: it is there, and says nothing until it hangs up at the end.
        let (resolver, server) = match UnixStream::pair() {
            Ok((resolver, server)) => (Arc::new(resolver), server),
            Err(error) => return vec![format!("no socket to ask through: {error}")],
        };
        let (fixed, until) = (run.plan.fixed(), run.until);
        let deadline = fixed.then(|| Duration::from_millis(run.plan.knob("deadline_ms")));
        if let Err(error) = resolver.set_read_timeout(deadline) {
            return vec![format!("no deadline for lookups: {error}")];
        }
        let every = Duration::from_millis(run.plan.knob("every_ms"));
        let permits = fixed.then(|| Permits::new(run.plan.knob("permits")));
        let lookups = Outstanding::default();
        let (asked, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));

        let (lines, counts, guard) = (lookups.clone(), (Arc::clone(&asked), Arc::clone(&refused)), lookups.begin());
        drop(run.handle.spawn(async move {
            while !until.over() {
                let permit = permits.as_ref().map(Permits::try_acquire);
                match permit {
                    Some(None) => drop(counts.1.fetch_add(1, Ordering::Relaxed)),
                    permit => {
                        counts.0.fetch_add(1, Ordering::Relaxed);
                        let (resolver, guard) = (Arc::clone(&resolver), lines.begin());
                        drop(gumption::spawn(async move {
                            gumption::blocking(|| look_up(&resolver));
                            drop((permit, guard));
                        }));
                    }
                }
                sleep(every).await;
            }
            drop(guard);
        }));
        let requests = Requests::default();
        requests.offer(run, Duration::from_millis(1), Duration::from_micros(20));
        drop(server);
        lookups.wait();
        let (asked, refused) = (asked.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
        vec![format!("{asked} names looked up, {refused} refused"), requests.told()]
    }
}

/// The foreign function.
fn look_up(mut resolver: &UnixStream) {
    // No answer is what this is about, with and without a deadline.
    drop(resolver.read(&mut [0]));
}
