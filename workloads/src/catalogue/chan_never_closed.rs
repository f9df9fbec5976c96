//! `chan-never-closed`: a receiver that waits for the end of a channel to which somebody still has a sender.
//!
//! **The story.** Each subscription has a channel and a task that forwards what comes out of it. When the subscriber goes, his
//! sender is dropped, `recv` gives `None`, and the task ends. That is how it was meant. But a clone of each sender went into a map
//! for broadcasts, and nobody takes it out of there. The channel has a sender, so it is open; the sender never sends; the task
//! waits for ever.
//!
//! ```text
//!   subscriber ──▶ tx ─╮
//!      (gone)    ╳     ├──▶ [ empty ] ──▶ rx   forward()   waits: there is a sender, so there may be more
//!   map: id -> tx ─────╯
//! ```
//!
//! **What to look at.** `waiting.tau` and `left/entered`: receivers that come and never go. `same.wait/waiting` and
//! `channel.has.nothing/waiting`: each waits at an empty channel, and has done so since the last census, so nothing was sent. The
//! report says where those channels were made: that is where to begin the search for the sender.
//!
//! **Why the fix works.** The map has `WeakSender`s. They reach the channel as long as somebody else keeps it open, and do not keep
//! it open themselves.
//!
//! There is no cure in the scheduler: an open channel may always bring something.

use std::collections::HashMap;
use std::time::Duration;

use gumption::runtime::Builder;
use gumption::sync::mpsc;

use crate::proof::Proof;
use crate::support::{Outstanding, pace};
use crate::workload::{Knob, Plan, Run, Workload};

pub(super) struct ChanNeverClosed;

/// What the map for broadcasts keeps of a subscription.
#[allow(dead_code, reason = "nothing is broadcast in this story; what matters is who keeps what")]
enum Kept {
    Strong(mpsc::Sender<u64>),
    Weak(mpsc::WeakSender<u64>),
}

impl Workload for ChanNeverClosed {
    fn id(&self) -> &'static str {
        "chan-never-closed"
    }
    fn family(&self) -> &'static str {
        "leak"
    }
    fn mechanism(&self) -> &'static str {
        "a forgotten clone of each sender keeps its channel open, and a task waits at it for ever"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("what is kept beside is a WeakSender, which does not keep the channel open")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob {
                name: "subscriptions",
                default: 250,
                min: 100,
                max: 5_000,
                help: "subscriptions a second for each P",
            },
            Knob { name: "messages", default: 4, min: 1, max: 100, help: "messages of a subscription" },
        ]
    }
    fn proof(&self) -> Proof {
        Proof::Impossible("somebody has a sender, and may yet send")
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let period = Duration::from_secs(1) / (run.plan.knob("subscriptions") * run.plan.processors as u64) as u32;
        let (fixed, messages) = (run.plan.fixed(), run.plan.knob("messages"));
        let forwarding = Outstanding::default();
        let mut map = HashMap::new();
        let came = pace(run.until, period, |id| {
            let (tx, mut rx) = mpsc::channel(8);
            let kept = if fixed { Kept::Weak(tx.downgrade()) } else { Kept::Strong(tx.clone()) };
            map.insert(id, kept);
            let (forwards, subscribed) = (forwarding.begin(), forwarding.begin());
            drop(run.handle.spawn(async move {
                let mut forwarded = 0u64;
                while let Some(message) = rx.recv().await {
                    forwarded += message;
                }
                drop((forwards, forwarded));
            }));
            drop(run.handle.spawn(async move {
                for message in 0..messages {
                    if tx.send(message).await.is_err() {
                        break;
                    }
                }
                // Here the subscriber goes.
                drop((tx, subscribed));
            }));
        });
        let left = forwarding.count();
        drop(map);
        forwarding.wait();
        vec![format!("{came} subscriptions came and went; {left} tasks were left at the end")]
    }
}
