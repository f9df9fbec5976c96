//! `driver-captive`: whoever took the events is busy with one of them.
//!
//! **The story.** A waits for a word from the first connection, and then for B's answer; B waits for the second connection.
//! A asks B through an ordinary channel, with its thread. There are plenty of idle Ps that could run B. B is not even
//! runnable: its byte has come, but events are taken from the kernel by one M at a time, and the last one who took some is
//! running A. The other Ms sleep each on its own parker, where no event reaches them.
//!
//! ```text
//!  M0   sat in the driver ─▶ fd 7! ─▶ runs A, which waits for B ···········▶
//!  M1   parked    "M0 has the driver"
//!  M2   parked
//!  fd 8 readable                                nobody asks
//!  B    waits for fd 8
//! ```
//!
//! tokio has this trap (issue 4730), and since lately a switch against it, `enable_eager_driver_handoff`: whoever
//! leaves the driver wakes another to watch it. It is off by default, because each event then costs a thread's wake.
//!
//! **What to look at.** `driver.unwatched/tick`: for a hundred ticks sources were registered, Ps were idle, and nobody sat in
//! the driver or turned it. It is an invariant, and it is broken.
//!
//! **Why the fix works.** A awaits the answer. Its poll ends, its M runs out of work and sits in the driver again.
//!
//! **The cure.** Sysmon sees that nobody has looked for half a millisecond, and looks; B goes to the global queue, and an
//! idle P is woken for it. No event pays for it. The sick variant builds the runtime with `driver_rescue(false)`; `--cured`
//! leaves it on.

use std::io::Write;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use gumption::io::AsyncReadExt;
use gumption::net::TcpStream;
use gumption::runtime::Builder;

use crate::support::{Lateness, Mailbox, Outstanding, loopback};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct DriverCaptive;

impl Workload for DriverCaptive {
    fn id(&self) -> &'static str {
        "driver-captive"
    }
    fn family(&self) -> &'static str {
        "io"
    }
    fn mechanism(&self) -> &'static str {
        "the M that took the last events is stuck in a poll: Ps idle, and nobody watches the driver"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the task awaits the answer instead of holding the P that brought the event")
    }
    fn cure(&self) -> Option<&'static str> {
        Some("sysmon looks for events when nobody has for half a millisecond")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[Knob {
            name: "patience_ms",
            default: 100,
            min: 20,
            max: 1_000,
            help: "how long A waits before it gives up in ms",
        }]
    }
    fn min_processors(&self) -> usize {
        2
    }

    fn shape(&self, plan: &Plan, builder: &mut Builder) {
        if plan.uncured() {
            builder.driver_rescue(false);
        }
    }

    fn drive(&self, run: &Run) -> Vec<String> {
        let pairs = loopback(&run.handle).and_then(|first| Ok((first, loopback(&run.handle)?)));
        let ((mut to_a, mut a), (mut to_b, mut b)) = match pairs {
            Ok(pairs) => pairs,
            Err(error) => return vec![format!("no connections to wait for: {error}")],
        };
        let patience = Duration::from_millis(run.plan.knob("patience_ms"));
        let fixed = run.plan.fixed();
        let (listening, answers) = (Outstanding::default(), Lateness::default());
        let (mailbox, (answer, question), (round, over)) = (Mailbox::default(), channel(), channel());

        let (letters, guard) = (mailbox.clone(), listening.begin());
        drop(run.handle.spawn(async move {
            while heard(&mut b).await {
                letters.put(());
                // Who has gone does not want the answer.
                let _ = answer.send(());
            }
            letters.put(());
            drop(guard);
        }));

        let (seen, guard) = (answers.clone(), listening.begin());
        drop(run.handle.spawn(async move {
            while heard(&mut a).await {
                let asked = Instant::now();
                if fixed {
                    mailbox.take().await;
                } else {
                    // Answers that came too late are answers to nothing.
                    while question.try_recv().is_ok() {}
                    // An error is the trap: B never got to answer.
                    let _ = question.recv_timeout(patience);
                }
                seen.record(asked.elapsed());
                let _ = round.send(());
            }
            drop(guard);
        }));

        while !run.until.over() {
            // The first wakes A. The second comes when A is under way.
            drop(to_a.write_all(&[1]));
            std::thread::sleep(Duration::from_micros(200));
            drop(to_b.write_all(&[1]));
            // The next round begins when all is quiet.
            if over.recv().is_err() {
                break;
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        drop((to_a, to_b));
        listening.wait();
        let summary = answers.summary();
        vec![format!("A asked B {} times; the answer took {summary}", summary.count)]
    }
}

/// Takes everything that has come; false at the end.
async fn heard(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 4096]).await, Ok(1..))
}
