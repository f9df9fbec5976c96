//! Rules about a source of work that every processor passes by.
//!
//! A processor looks at its own queue first, and elsewhere when that is empty or a count says so. A queue that never
//! empties and a count that never comes round leave what waits elsewhere waiting for ever, though nothing is stuck and
//! every processor is busy. The unit of patience is therefore the poll: how many did each processor do meanwhile. A machine
//! that is ten times slower does ten times fewer of them in the same time, and ten times fewer are asked of it.

use crate::diagnose::rule::{Needs, Reading, Rule, Signal};
use crate::diagnose::thresholds::Limit;

pub(super) static GLOBAL_QUEUE_STARVATION: Rule = Rule {
    id: "global-queue-starvation",
    limits: &[Limit::UnservedPolls],
    needs: Needs::Polls,
    implies: &["unbounded-spawn", "inject-lock-contention"],
    read: |evidence, at, limits| {
        let window = evidence.windows.get(at)?;
        let signals = vec![Signal::new(limits, Limit::UnservedPolls, window.unserved_polls)];
        Some(Reading { signals, ..Reading::default() })
    },
    suggestion: "let the tasks that yield in a loop wait for what they look for, so that queues run empty; keep \
                 `global_interval` near 61 and `global_rescue` on",
    counter_signal: "global_pops: every 61st run of a P takes from the global queue",
};

pub(super) static NETPOLL_STARVATION: Rule = Rule {
    id: "netpoll-starvation",
    limits: &[Limit::UnturnedPolls],
    needs: Needs::Polls,
    implies: &["timer-starvation"],
    read: |evidence, at, limits| {
        let window = evidence.windows.get(at)?;
        let signals = vec![Signal::new(limits, Limit::UnturnedPolls, window.unturned_polls)];
        Some(Reading { signals, ..Reading::default() })
    },
    suggestion: "let the tasks that yield in a loop wait for what they look for, so that Ps run out of work and look for \
                 events; keep `event_interval` near 61 and `driver_rescue` on",
    counter_signal: "driver_turns: every 61st run of a P looks for events",
};
