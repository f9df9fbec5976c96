//! `netpoll-starvation`: bytes have come, and nobody asks the kernel.
//!
//! **The story.** The service of `global-queue-starvation` once more: tasks look at their devices and yield, every P is busy,
//! no poll is long. This time the question comes over a connection. The kernel has it, and would say so to whoever asks;
//! but a P asks when it has nothing to do, and it always has something to do. The peer waits.
//!
//! ```text
//!  P0       d1 ─▶ d2 ─▶ d3 ─▶ ... ─▶ d1 ─▶   always something to do
//!  P1       d7 ─▶ d8 ─▶ d9 ─▶ ... ─▶ d7 ─▶
//!  driver   fd 7 readable                     ◀─ "any events?" asks nobody
//!  echo     waits for fd 7
//! ```
//!
//! **What to look at.** `polls.without.a.turn/processors`: each P has done thousands of polls, somebody waits for io, and
//! the driver was not asked once. Polls and not time, as for the global queue: a slow machine is not a sick one.
//!
//! **Why the fix works.** The device tasks wait for a timer. Ps run out of work, and on their way to sleep they look at the
//! driver, and one of them sleeps in it.
//!
//! **The cure.** Every 61st run a P looks for events without waiting, which costs it about a microsecond in sixty runs.
//! And sysmon looks when nobody has since its last round, half a millisecond at most. The sick variant builds the runtime
//! with an `event_interval` of `u32::MAX`, `driver_rescue(false)`, and no spare Ps, which would look before they run
//! anything; `--cured` leaves all three as they are.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use gumption::io::{AsyncReadExt, AsyncWriteExt};
use gumption::runtime::Builder;
use gumption::task::yield_now;
use gumption::time::sleep;

use crate::support::{Lateness, Outstanding, compute, loopback};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct NetpollStarvation;

impl Workload for NetpollStarvation {
    fn id(&self) -> &'static str {
        "netpoll-starvation"
    }
    fn family(&self) -> &'static str {
        "io"
    }
    fn mechanism(&self) -> &'static str {
        "tasks that yield in a loop keep every P busy: nobody asks the kernel for events"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the tasks wait for a timer instead of asking again and again")
    }
    fn cure(&self) -> Option<&'static str> {
        Some("every 61st run of a P looks for events, and sysmon looks when nobody has")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "devices", default: 16, min: 2, max: 200, help: "tasks that poll a device, for each P" },
            Knob { name: "look_us", default: 20, min: 1, max: 200, help: "length of one look in us" },
        ]
    }

    fn shape(&self, plan: &Plan, builder: &mut Builder) {
        if plan.uncured() {
            builder.event_interval(u32::MAX).driver_rescue(false).spare_processors(0);
        }
    }

    fn drive(&self, run: &Run) -> Vec<String> {
        let (client, mut server) = match loopback(&run.handle) {
            Ok(both) => both,
            Err(error) => return vec![format!("no connection to ask over: {error}")],
        };
        let devices = run.plan.knob("devices") * run.plan.processors as u64;
        let look = Duration::from_micros(run.plan.knob("look_us"));
        let (fixed, until) = (run.plan.fixed(), run.until);
        let under_way = Outstanding::default();
        let guard = under_way.begin();
        drop(run.handle.spawn(async move {
            let mut bytes = [0; 64];
            // An error ends the conversation as the end of the stream does: the client has gone.
            while let Ok(1..) = server.read(&mut bytes[..1]).await {
                if server.write_all(&bytes[..1]).await.is_err() {
                    break;
                }
            }
            drop(guard);
        }));
        for _ in 0..devices {
            let guard = under_way.begin();
            drop(run.handle.spawn(async move {
                while !until.over() {
                    compute(look);
                    if fixed {
                        sleep(Duration::from_millis(50)).await;
                    } else {
                        yield_now().await;
                    }
                }
                drop(guard);
            }));
        }
        let seen = match ask(run, client) {
            Ok(seen) => seen,
            Err(error) => format!("the connection broke: {error}"),
        };
        under_way.wait();
        vec![seen]
    }
}

/// The client: an OS thread that asks, waits for the answer, and asks again after a millisecond.
fn ask(run: &Run, mut client: TcpStream) -> std::io::Result<String> {
    client.set_read_timeout(Some(Duration::from_millis(50)))?;
    let (waits, mut asked) = (Lateness::default(), None);
    while !run.until.over() {
        let since = match asked {
            Some(since) => since,
            None => {
                client.write_all(&[1])?;
                *asked.insert(Instant::now())
            }
        };
        match client.read(&mut [0]) {
            Ok(0) => break,
            Ok(_) => {
                waits.record(since.elapsed());
                asked = None;
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    client.shutdown(Shutdown::Write)?;
    let summary = waits.summary();
    let open = match asked {
        Some(since) => format!("; one is unanswered since {:.2} s", since.elapsed().as_secs_f64()),
        None => String::new(),
    };
    Ok(format!("{} questions answered; they waited {summary}{open}", summary.count))
}
