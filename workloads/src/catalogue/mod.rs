//! The lessons: one pathology a file, each readable from top to bottom.
//!
//! Every file tells the story, draws the picture, says what to look at in the report, why the fix works, and then has the
//! sick and the fixed code side by side. The order below is the order of `gumption list`.

mod accept_emfile_spin;
mod async_deadlock;
mod blocking_in_task;
mod blocking_pool_deadlock;
mod busy_yield;
mod chan_never_closed;
mod control_batch;
mod control_requests;
mod control_waiters;
mod detached_panic;
mod done_channel_hang;
mod driver_captive;
mod ffi_pinned;
mod futurelock;
mod global_queue_starvation;
mod hog;
mod join_fan_in;
mod lagging_receiver;
mod lock_across_await;
mod locked_thread;
mod lost_cancel;
mod lost_wakeup;
mod mutex_convoy;
mod netpoll_starvation;
mod one_producer;
mod ref_cycle_leak;
mod rss_high_water;
mod runnext_trap;
mod sawtooth;
mod select_bias;
mod shutdown_hang;
mod slow_consumer;
mod staircase_leak;
mod steal_storm;
mod syscall_storm;
mod timer_never_stopped;
mod timer_starvation;
mod timer_storm;
mod unbounded_spawn;
mod wake_storm;

use crate::workload::Workload;

/// Every workload; the controls come last.
pub static ALL: &[&dyn Workload] = &[
    &hog::Hog,
    &blocking_in_task::BlockingInTask,
    &runnext_trap::RunnextTrap,
    &global_queue_starvation::GlobalQueueStarvation,
    &netpoll_starvation::NetpollStarvation,
    &driver_captive::DriverCaptive,
    &accept_emfile_spin::AcceptEmfileSpin,
    &timer_starvation::TimerStarvation,
    &locked_thread::LockedThread,
    &ffi_pinned::FfiPinned,
    &one_producer::OneProducer,
    &syscall_storm::SyscallStorm,
    &steal_storm::StealStorm,
    &timer_storm::TimerStorm,
    &unbounded_spawn::UnboundedSpawn,
    &busy_yield::BusyYield,
    &wake_storm::WakeStorm,
    &join_fan_in::JoinFanIn,
    &select_bias::SelectBias,
    &mutex_convoy::MutexConvoy,
    &blocking_pool_deadlock::BlockingPoolDeadlock,
    &lost_cancel::LostCancel,
    &timer_never_stopped::TimerNeverStopped,
    &chan_never_closed::ChanNeverClosed,
    &done_channel_hang::DoneChannelHang,
    &staircase_leak::StaircaseLeak,
    &ref_cycle_leak::RefCycleLeak,
    &lost_wakeup::LostWakeup,
    &detached_panic::DetachedPanic,
    &async_deadlock::AsyncDeadlock,
    &futurelock::Futurelock,
    &lock_across_await::LockAcrossAwait,
    &shutdown_hang::ShutdownHang,
    &slow_consumer::SlowConsumer,
    &lagging_receiver::LaggingReceiver,
    &sawtooth::Sawtooth,
    &rss_high_water::RssHighWater,
    &control_requests::Requests,
    &control_batch::Batch,
    &control_waiters::Waiters,
];

/// The workload called `id`.
///
/// # Errors
/// One line that names the nearest id, or says where to find them all.
pub fn find(id: &str) -> Result<&'static dyn Workload, String> {
    if let Some(workload) = ALL.iter().find(|workload| workload.id() == id) {
        return Ok(*workload);
    }
    let nearest = ALL.iter().map(|workload| workload.id()).min_by_key(|known| distance(id, known));
    let near = nearest.filter(|known| distance(id, known) <= (known.len().max(id.len()) / 2).max(2));
    Err(match near {
        Some(known) => format!("no workload '{id}'; did you mean '{known}'? (`gumption list` shows all)"),
        None => {
            let ids: Vec<&str> = ALL.iter().map(|workload| workload.id()).collect();
            format!("no workload '{id}'; there are {}", ids.join(", "))
        }
    })
}

/// Edits that turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Plan, Variant};

    #[test]
    fn ids_are_unique_and_have_a_rule() {
        for (at, workload) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|other| other.id() != workload.id()));
            assert_eq!(
                gumption::introspect::diagnose::rule(workload.id()).is_some(),
                !workload.is_control(),
                "{}",
                workload.id()
            );
            for line in [Some(workload.mechanism()), workload.fix(), workload.cure()].into_iter().flatten() {
                assert!(line.len() < 140 && !line.contains('\n') && !line.ends_with('.'), "{line}");
            }
        }
    }

    #[test]
    fn every_rule_has_its_workload() {
        for rule in gumption::introspect::diagnose::RULES {
            assert!(find(rule.id).is_ok(), "{}", rule.id);
        }
    }

    #[test]
    fn knobs_have_their_default_in_range_and_refuse_what_is_not() {
        for workload in ALL {
            let mut plan = Plan::new(*workload, Variant::Sick, 4);
            for knob in workload.knobs() {
                assert!((knob.min..=knob.max).contains(&knob.default), "{} {}", workload.id(), knob.name);
                assert!(plan.set(knob.name, &knob.max.to_string()).is_ok());
                assert_eq!(plan.knob(knob.name), knob.max);
                let refused = plan.set(knob.name, "lots").unwrap_err();
                assert!(refused.contains(&knob.min.to_string()) && refused.contains(&knob.max.to_string()));
                assert!(plan.set(knob.name, &(knob.max + 1).to_string()).is_err());
            }
            assert!(plan.set("nonsense", "1").is_err());
        }
    }

    #[test]
    fn a_typo_finds_its_workload() {
        assert!(find("hgo").err().unwrap().contains("'hog'"));
        assert!(find("timerstorm").err().unwrap().contains("'timer-storm'"));
        assert!(find("nonsense").err().unwrap().contains("there are hog, "));
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
