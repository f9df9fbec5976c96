//! From readings to verdicts: three windows in a row, primary and implied, healthy or not enough data.
//!
//! The one place that decides. It knows no pathology: it runs whatever rules it is given over the evidence.

use serde::Serialize;

use super::rule::{Needs, Reading, Rule, RuleState, Signal};
use super::rules::RULES;
use super::thresholds::Thresholds;
use super::trend;
use super::window::{Evidence, Load, Turns};

/// Windows without which nothing is said.
pub const MIN_WINDOWS: usize = 8;
/// Windows without which `healthy` is not said: with fewer a rule that rests on a trend cannot hold in as many as it must.
pub const ENOUGH_WINDOWS: usize = trend::MIN_POINTS + CONSECUTIVE - 1;
/// Polls without which no rule that divides by counts, and no `healthy`, is said.
pub const MIN_POLLS: u64 = 1_000;
/// Consecutive windows in which a rule must hold.
pub const CONSECUTIVE: usize = 3;

/// One named pathology with its evidence.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Its id.
    pub pathology: &'static str,
    /// Whether it is the first cause found.
    pub primary: bool,
    /// The signals in the middle one of the sick windows.
    pub evidence: Vec<Signal>,
    /// The numbers of the sick windows.
    pub windows: Vec<usize>,
    /// Tasks that the signals point at.
    pub tasks: Vec<u64>,
    /// Where those tasks were spawned, as far as the glances or the caller could tell.
    pub sites: Vec<String>,
    /// Processors that the signals point at.
    pub processors: Vec<usize>,
    /// Resources that the signals point at: what each is, and where it was made.
    pub resources: Vec<String>,
    /// What to do.
    pub suggestion: &'static str,
    /// What would have spoken against it.
    pub counter_signal: &'static str,
}

/// How near a rule came that did not fire.
#[derive(Clone, Debug, Serialize)]
pub struct Near {
    /// The rule.
    pub pathology: &'static str,
    /// Its state.
    pub state: RuleState,
    /// How many times farther its farthest signal would have to go; `None` if it read nothing at all.
    pub margin: Option<f64>,
    /// That signal, in the window where the rule came nearest.
    pub signal: Option<Signal>,
}

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// At least one verdict.
    Sick,
    /// No rule fired, and there was enough to see.
    Healthy,
    /// Too little to say anything.
    InsufficientData,
}

impl Conclusion {
    /// As reports print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Conclusion::Sick => "sick",
            Conclusion::Healthy => "healthy",
            Conclusion::InsufficientData => "insufficient-data",
        }
    }
}

/// The whole answer.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// In one word.
    pub conclusion: Conclusion,
    /// The verdicts, the primary one first.
    pub verdicts: Vec<Verdict>,
    /// Pathologies whose rules hold too, and follow from a verdict.
    pub implied: Vec<&'static str>,
    /// The three rules that came nearest without firing.
    pub nearest: Vec<Near>,
    /// 1 where every rule is infinitely far, 0 where one fired: one less the nearness of the nearest rule.
    pub health: f64,
    /// What was missing, if something was.
    pub missing: Option<String>,
}

impl Diagnosis {
    /// The primary verdict.
    pub fn primary(&self) -> Option<&Verdict> {
        self.verdicts.first()
    }

    /// Names the places where the verdicts' tasks were spawned, for which `site` is asked by task id.
    pub fn locate(&mut self, site: impl Fn(u64) -> Option<String>) {
        for verdict in &mut self.verdicts {
            verdict.sites.extend(verdict.tasks.iter().filter_map(|task| site(*task)));
            verdict.sites.sort_unstable();
            verdict.sites.dedup();
        }
    }

    /// The primary pathology, or `healthy`, or `insufficient-data`.
    pub fn name(&self) -> &'static str {
        self.primary().map_or(self.conclusion.as_str(), |verdict| verdict.pathology)
    }
}

/// Judges `evidence` by the shipped rules and limits.
pub fn diagnose(evidence: &Evidence) -> Diagnosis {
    diagnose_with(evidence, RULES, &Thresholds::default())
}

/// Judges `evidence` by given rules and limits.
pub fn diagnose_with(evidence: &Evidence, rules: &[&'static Rule], limits: &Thresholds) -> Diagnosis {
    let findings: Vec<Finding> = rules.iter().map(|rule| Finding::of(rule, evidence, limits)).collect();
    let mut verdicts: Vec<Verdict> = Vec::new();
    let mut implied = Vec::new();
    let mut covered: Vec<&'static str> = Vec::new();
    for finding in findings.iter().filter(|finding| finding.state == RuleState::Sick) {
        if covered.contains(&finding.rule.id) {
            implied.push(finding.rule.id);
        } else {
            verdicts.push(finding.verdict(verdicts.is_empty()));
        }
        covered.extend(finding.rule.implies);
    }
    let mut near: Vec<&Finding> = findings.iter().filter(|finding| finding.state != RuleState::Sick).collect();
    // One that held in some window comes first, whatever its distance over a row.
    let held = |finding: &Finding| finding.state == RuleState::Recheck;
    near.sort_by(|a, b| held(b).cmp(&held(a)).then(b.closeness.total_cmp(&a.closeness)));
    let missing = if verdicts.is_empty() { missing(evidence, &findings) } else { None };
    let conclusion = match (&missing, verdicts.is_empty()) {
        (_, false) => Conclusion::Sick,
        (Some(_), true) => Conclusion::InsufficientData,
        (None, true) => Conclusion::Healthy,
    };
    let nearness = findings.iter().map(|finding| finding.closeness).fold(0.0, f64::max);
    Diagnosis {
        conclusion,
        implied,
        nearest: near.into_iter().take(3).map(Finding::near).collect(),
        health: if verdicts.is_empty() { 1.0 - nearness } else { 0.0 },
        verdicts,
        missing,
    }
}

fn missing(evidence: &Evidence, findings: &[Finding]) -> Option<String> {
    let (windows, polls) = (evidence.windows.len(), evidence.total().polls);
    if windows < ENOUGH_WINDOWS {
        return Some(format!("{windows} windows seen, {ENOUGH_WINDOWS} needed{}", kept_off(evidence)));
    }
    if let Some(held) = findings.iter().find(|finding| finding.held_back) {
        let why = match held.rule.needs {
            Needs::Load if evidence.load == Load::Unknown => "the offered load is unknown".to_owned(),
            _ => format!("{polls} polls seen, {MIN_POLLS} needed"),
        };
        return Some(format!("{} would hold, but {why}", held.rule.id));
    }
    (polls < MIN_POLLS).then(|| format!("{polls} polls seen, {MIN_POLLS} needed"))
}

/// What of the CPU went to others, if that was most of what the runtime wanted: why so little was seen.
fn kept_off(evidence: &Evidence) -> String {
    let share = evidence.windows.iter().fold(Turns::default(), |sum, window| sum.plus(window.turns)).share();
    if share >= 0.5 {
        return String::new();
    }
    format!("; the runtime has had {:.0} % of the CPU that it wanted", share * 100.0)
}

struct Finding {
    rule: &'static Rule,
    state: RuleState,
    /// The longest run of sick windows.
    sick: Vec<(usize, Reading)>,
    closeness: f64,
    nearest: Option<Reading>,
    /// It would be sick if what it needs were there.
    held_back: bool,
}

impl Finding {
    fn of(rule: &'static Rule, evidence: &Evidence, limits: &Thresholds) -> Self {
        let mut best: Vec<(usize, Reading)> = Vec::new();
        let mut run: Vec<(usize, Reading)> = Vec::new();
        let mut nearest: Option<Reading> = None;
        let mut row: Vec<Reading> = Vec::new();
        for at in 0..evidence.windows.len() {
            let Some(reading) = (rule.read)(evidence, at, limits) else { continue };
            // A rule is as near as the farthest of the windows in a row that it would need.
            row.push(reading.clone());
            if row.len() > CONSECUTIVE {
                row.remove(0);
            }
            let far = row.iter().min_by(|a, b| a.closeness().total_cmp(&b.closeness()));
            if let Some(far) = far.filter(|_| row.len() == CONSECUTIVE)
                && nearest.as_ref().is_none_or(|held| far.closeness() > held.closeness())
            {
                nearest = Some(far.clone());
            }
            if reading.sick() {
                run.push((at, reading));
                if run.len() > best.len() {
                    best.clone_from(&run);
                }
            } else {
                run.clear();
            }
        }
        let allowed = evidence.windows.len() >= MIN_WINDOWS
            && match rule.needs {
                Needs::Windows => true,
                Needs::Polls => evidence.total().polls >= MIN_POLLS,
                Needs::Load => evidence.total().polls >= MIN_POLLS && evidence.load == Load::Constant,
            };
        let lasts = best.len() >= CONSECUTIVE;
        let state = match (lasts, allowed, best.is_empty()) {
            (true, true, _) => RuleState::Sick,
            (_, _, false) => RuleState::Recheck,
            (_, _, true) => RuleState::Ok,
        };
        // A rule that would hold, and lacks what it needs, is near and not there.
        let closeness = match (state, nearest.as_ref().map_or(0.0, Reading::closeness)) {
            (RuleState::Sick, _) => 1.0,
            (_, closeness) => closeness.min(0.99),
        };
        Self { rule, state, sick: best, closeness, nearest, held_back: lasts && !allowed }
    }

    fn verdict(&self, primary: bool) -> Verdict {
        let (_, middle) = &self.sick[self.sick.len() / 2];
        let mut tasks: Vec<u64> = self.sick.iter().filter_map(|(_, reading)| reading.task).collect();
        let mut processors: Vec<usize> = self.sick.iter().filter_map(|(_, reading)| reading.processor).collect();
        tasks.sort_unstable();
        tasks.dedup();
        processors.sort_unstable();
        processors.dedup();
        let mut sites: Vec<String> = self.sick.iter().filter_map(|(_, reading)| reading.site.clone()).collect();
        sites.sort_unstable();
        sites.dedup();
        let mut resources: Vec<String> = self.sick.iter().filter_map(|(_, reading)| reading.resource.clone()).collect();
        resources.sort_unstable();
        resources.dedup();
        Verdict {
            pathology: self.rule.id,
            primary,
            evidence: middle.signals.clone(),
            windows: self.sick.iter().map(|(at, _)| *at).collect(),
            tasks,
            sites,
            processors,
            resources,
            suggestion: self.rule.suggestion,
            counter_signal: self.rule.counter_signal,
        }
    }

    fn near(&self) -> Near {
        let farthest = self
            .nearest
            .as_ref()
            .and_then(|reading| reading.signals.iter().min_by(|a, b| a.closeness().total_cmp(&b.closeness())).cloned());
        let margin = (self.closeness > 0.0).then(|| 1.0 / self.closeness);
        Near { pathology: self.rule.id, state: self.state, margin, signal: farthest }
    }
}
