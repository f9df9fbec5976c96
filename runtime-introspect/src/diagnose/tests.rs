//! Every rule, sick, fixed and at its limits, on windows written by hand.

mod cells;
mod controls;

use super::rule::RuleState;
use super::thresholds::{Limit, Sense, Thresholds};
use super::window::{Evidence, Load, Turns};
use super::{Conclusion, Diagnosis, ENOUGH_WINDOWS, MIN_WINDOWS, RULES, Rule, diagnose, diagnose_with, rule};
use cells::{MS, cell, each, healthy, stand, with_stand};

fn name(diagnosis: &Diagnosis) -> &'static str {
    diagnosis.name()
}

#[test]
fn a_healthy_run_is_healthy_and_names_its_nearest_rules() {
    let diagnosis = diagnose(&healthy());
    assert_eq!(diagnosis.conclusion, Conclusion::Healthy);
    assert!(diagnosis.verdicts.is_empty() && diagnosis.implied.is_empty());
    assert_eq!(diagnosis.nearest.len(), 3);
    let margins: Vec<f64> = diagnosis.nearest.iter().map(|near| near.margin.unwrap_or(f64::INFINITY)).collect();
    assert!(margins.windows(2).all(|pair| pair[0] <= pair[1]), "{margins:?}");
    assert!(diagnosis.nearest.iter().all(|near| near.state == RuleState::Ok));
    assert!(diagnosis.health > 0.0 && diagnosis.health < 1.0);
}

#[test]
fn every_rule_names_its_own_cell_and_nothing_else() {
    for rule in RULES {
        let diagnosis = diagnose(&cell(rule.id, None));
        assert_eq!(name(&diagnosis), rule.id);
        assert_eq!(diagnosis.verdicts.len(), 1, "{diagnosis:?}");
        let verdict = &diagnosis.verdicts[0];
        assert!(verdict.primary && verdict.windows.len() >= 3);
        let signals: Vec<_> = verdict.evidence.iter().map(|signal| signal.signal).collect();
        let limits: Vec<_> = rule.limits.iter().map(|limit| limit.row().signal).collect();
        assert_eq!(signals, limits, "a rule reads its limits in their order");
        for implied in &diagnosis.implied {
            assert!(rule.implies.contains(implied));
        }
    }
}

/// The mutation test: deleting a rule, halving a limit and doubling it must each change some cell's verdict.
#[test]
fn every_rule_and_every_limit_decides_something() {
    for rule in RULES {
        let rest: Vec<&'static Rule> = RULES.iter().copied().filter(|other| other.id != rule.id).collect();
        let without = diagnose_with(&cell(rule.id, None), &rest, &Thresholds::default());
        assert_ne!(name(&without), rule.id);
        for limit in rule.limits.iter().copied() {
            let row = limit.row();
            // A cell just on the sick side and one just on the other.
            let (sick, well) = match row.sense {
                Sense::AtLeast => (row.value * 1.3, row.value * 0.7),
                Sense::AtMost => (row.value * 0.7, row.value * 1.5),
            };
            // Shares end at 1.
            let sick = if row.value < 1.0 { sick.min(1.0) } else { sick };
            let judge = |value: f64, scale: f64| {
                let limits = Thresholds::default().with(limit, row.value * scale);
                let diagnosis = diagnose_with(&cell(rule.id, Some((limit, value))), &[rule], &limits);
                name(&diagnosis) == rule.id
            };
            assert!(judge(sick, 1.0), "{} is not sick with {limit:?} at {sick}", rule.id);
            assert!(!judge(well, 1.0), "{} is sick with {limit:?} at {well}", rule.id);
            let (stricter, laxer) = match row.sense {
                Sense::AtLeast => (2.0, 0.5),
                Sense::AtMost => (0.5, 2.0),
            };
            assert!(!judge(sick, stricter), "{}: {limit:?} could be twice as strict and no cell would notice", rule.id);
            assert!(judge(well, laxer), "{}: {limit:?} could be twice as lax and no cell would notice", rule.id);
        }
    }
}

#[test]
fn every_limit_belongs_to_a_rule_and_has_a_source() {
    for limit in Limit::ALL {
        assert!(RULES.iter().any(|rule| rule.limits.contains(limit)), "{limit:?} decides nothing");
        assert!(limit.row().source.len() > 20, "{limit:?} has no source");
    }
}

#[test]
fn two_windows_are_a_recheck_and_not_a_verdict() {
    let sick = cell("one-producer", None);
    let mut evidence = healthy();
    for at in [2, 3, 6, 7, 10] {
        evidence.windows[at] = sick.windows[at].clone();
    }
    let diagnosis = diagnose(&evidence);
    assert_eq!(diagnosis.conclusion, Conclusion::Healthy);
    let near = &diagnosis.nearest[0];
    assert_eq!((near.pathology, near.state), ("one-producer", RuleState::Recheck));
    evidence.windows[4] = sick.windows[4].clone();
    assert_eq!(name(&diagnose(&evidence)), "one-producer");
}

#[test]
fn too_little_is_insufficient_and_never_a_guess() {
    let mut short = cell("hog", None);
    short.windows.truncate(7);
    assert_eq!(diagnose(&short).conclusion, Conclusion::InsufficientData);

    let quiet = each(cell("one-producer", None), |_, window| window.counts.polls = 10);
    let diagnosis = diagnose(&quiet);
    assert_eq!(diagnosis.conclusion, Conclusion::InsufficientData);
    assert!(diagnosis.missing.unwrap().contains("one-producer would hold, but 120 polls"));

    let unknown = Evidence { load: Load::Unknown, ..cell("unbounded-spawn", None) };
    let diagnosis = diagnose(&unknown);
    assert_eq!(diagnosis.conclusion, Conclusion::InsufficientData);
    assert!(diagnosis.missing.unwrap().contains("offered load is unknown"));

    let mut calm = healthy();
    calm.windows.truncate(ENOUGH_WINDOWS - 1);
    calm.windows[3].turns = Turns { ran_ns: 10 * MS, stood_ns: 90 * MS };
    let diagnosis = diagnose(&calm);
    assert_eq!(diagnosis.conclusion, Conclusion::InsufficientData);
    assert!(diagnosis.missing.unwrap().ends_with("10 needed; the runtime has had 10 % of the CPU that it wanted"));
    let mut brief = cell("hog", None);
    brief.windows.truncate(MIN_WINDOWS);
    assert_eq!(name(&diagnose(&brief)), "hog");

    let nothing = Evidence { windows: Vec::new(), ..healthy() };
    assert_eq!(diagnose(&nothing).conclusion, Conclusion::InsufficientData);
}

#[test]
fn a_stuck_runtime_is_named_although_it_polls_nothing() {
    let stuck = each(cell("hog", None), |_, window| window.counts.polls = 2);
    assert_eq!(name(&diagnose(&stuck)), "hog");
}

#[test]
fn sites_are_named_once_each() {
    let mut diagnosis = diagnose(&cell("hog", None));
    assert_eq!((diagnosis.verdicts[0].tasks.as_slice(), diagnosis.verdicts[0].sites.len()), (&[7][..], 0));
    diagnosis.locate(|task| (task == 7).then(|| "src/main.rs:3".to_owned()));
    assert_eq!(diagnosis.verdicts[0].sites, ["src/main.rs:3"]);
}

#[test]
fn sites_that_were_seen_need_no_asking() {
    for id in ["locked-thread", "ffi-pinned"] {
        let mut diagnosis = diagnose(&cell(id, None));
        diagnosis.locate(|_| None);
        let verdict = &diagnosis.verdicts[0];
        assert_eq!((verdict.tasks.as_slice(), verdict.sites.as_slice()), (&[7][..], &["src/main.rs:3".to_owned()][..]));
    }
}

#[test]
fn a_trap_implies_the_poll_that_holds_it() {
    let mut stuck = stand(0.0, 1.0, 0.9);
    stuck.trapped_ns = 100 * MS;
    let diagnosis = diagnose(&with_stand(&stuck));
    assert_eq!(name(&diagnosis), "runnext-trap");
    assert_eq!((diagnosis.verdicts.len(), diagnosis.implied.as_slice()), (1, &["blocking-in-task"][..]));
}

#[test]
fn a_backlog_behind_a_hog_is_implied() {
    let hog = cell("hog", None);
    let both = each(cell("unbounded-spawn", None), |at, window| window.stands = hog.windows[at].stands.clone());
    let diagnosis = diagnose(&both);
    assert_eq!((name(&diagnosis), diagnosis.implied.as_slice()), ("hog", &["unbounded-spawn"][..]));
}

#[test]
fn a_backlog_that_nobody_looks_at_is_implied() {
    let both = each(cell("unbounded-spawn", None), |_, window| window.unserved_polls = 30_000.0);
    let diagnosis = diagnose(&both);
    assert_eq!((name(&diagnosis), diagnosis.implied.as_slice()), ("global-queue-starvation", &["unbounded-spawn"][..]));
}

#[test]
fn two_diseases_at_once_are_both_named() {
    let producer = cell("one-producer", None);
    let both = each(cell("syscall-storm", None), |at, window| {
        window.counts.spawned = producer.windows[at].counts.spawned;
        window.counts.overflow_tasks = producer.windows[at].counts.overflow_tasks;
        window.spawned_by_one = producer.windows[at].spawned_by_one;
    });
    let names: Vec<_> = diagnose(&both).verdicts.iter().map(|v| (v.pathology, v.primary)).collect();
    assert_eq!(names, [("syscall-storm", true), ("one-producer", false)]);
}

#[test]
fn verdicts_name_resources() {
    for id in [
        "mutex-convoy",
        "select-bias",
        "wake-storm",
        "chan-never-closed",
        "done-channel-hang",
        "ref-cycle-leak",
        "async-deadlock",
        "futurelock",
        "detached-panic",
        "slow-consumer",
        "lagging-receiver",
    ] {
        let verdict = &diagnose(&cell(id, None)).verdicts[0];
        assert_eq!((verdict.resources.len(), verdict.sites.len(), verdict.tasks.as_slice()), (1, 1, &[7][..]), "{id}");
    }
}

#[test]
fn reports_are_json() {
    let rule = rule("hog").unwrap();
    assert_eq!(rule.id, "hog");
    let json = serde_json::to_value(diagnose(&cell("hog", None))).unwrap();
    assert_eq!(json["conclusion"], "sick");
    assert_eq!(json["verdicts"][0]["pathology"], "hog");
    assert_eq!(json["verdicts"][0]["evidence"][0]["signal"], "poll.cpu/tick");
    assert!(json["verdicts"][0]["evidence"][0]["value"].as_f64().unwrap() >= 10.0);
}
