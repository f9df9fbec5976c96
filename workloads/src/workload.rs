//! What a workload is.
//!
//! A [`Workload`] has an id (the pathology that its sick variant must be diagnosed with), knobs, a way to shape the
//! runtime, and a way to drive load through it until the time is over. It does not build the runtime, measure, or judge:
//! [`crate::run`] does, alike for all of them, so that two reports differ by what happened and not by how it was seen.
//!
//! | variant | code | scheduler |
//! | --- | --- | --- |
//! | sick | the mistake | the cure for it, if there is one, is switched off with its `Builder` knob |
//! | fixed | the mistake put right | as built |
//! | cured | the mistake | as built |
//!
//! A control has one variant, and every verdict on it is a false alarm.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gumption::runtime::{Builder, Handle, Runtime};

use crate::proof::{Proof, Proven};

/// A bundled workload. See the module.
pub trait Workload: Sync {
    /// The pathology, and the name on the command line.
    fn id(&self) -> &'static str;
    /// The family of pathologies, or `control`.
    fn family(&self) -> &'static str;
    /// What goes wrong, in one line.
    fn mechanism(&self) -> &'static str;
    /// What the fixed variant does instead, in one line; `None` for a control.
    fn fix(&self) -> Option<&'static str>;
    /// What in the scheduler cures it, in one line, if something does.
    fn cure(&self) -> Option<&'static str> {
        None
    }
    /// The numbers that can be changed.
    fn knobs(&self) -> &'static [Knob] {
        &[]
    }
    /// Processors below which there is nothing to show.
    fn min_processors(&self) -> usize {
        1
    }
    /// What `leaks()` can prove of the sick variant.
    fn proof(&self) -> Proof {
        Proof::Nothing
    }
    /// How long a run is, unless another length is asked for: longer where a trend must show, shorter where something stands.
    fn length(&self) -> Duration {
        Duration::from_millis(2_400)
    }
    /// Sets up the runtime: the number of processors is set already.
    fn shape(&self, plan: &Plan, builder: &mut Builder);
    /// Offers the load until the run is over, waits for what it started, and says what the users of it saw.
    fn drive(&self, run: &Run) -> Vec<String>;
}

impl dyn Workload {
    /// Whether it is a healthy control.
    pub fn is_control(&self) -> bool {
        self.fix().is_none()
    }

    /// The variants that there are.
    pub fn variants(&self) -> Vec<Variant> {
        match (self.fix(), self.cure()) {
            (None, _) => vec![Variant::Control],
            (Some(_), None) => vec![Variant::Sick, Variant::Fixed],
            (Some(_), Some(_)) => vec![Variant::Sick, Variant::Fixed, Variant::Cured],
        }
    }

    /// The verdict that a variant must get.
    pub fn expected(&self, variant: Variant) -> &'static str {
        if variant == Variant::Sick { self.id() } else { "healthy" }
    }
}

/// Which of the bodies runs. See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The mistake, with the cure for it switched off.
    Sick,
    /// The mistake put right.
    Fixed,
    /// The mistake under the scheduler as built.
    Cured,
    /// A healthy program.
    Control,
}

impl Variant {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Variant::Sick => "sick",
            Variant::Fixed => "fixed",
            Variant::Cured => "cured",
            Variant::Control => "control",
        }
    }
}

/// A number that can be changed with `-k NAME=VALUE`.
#[derive(Clone, Copy, Debug)]
pub struct Knob {
    /// Its name.
    pub name: &'static str,
    /// Its value if not changed.
    pub default: u64,
    /// Its smallest value.
    pub min: u64,
    /// Its largest value.
    pub max: u64,
    /// What it is, with its unit.
    pub help: &'static str,
}

/// A run as asked for: nothing is missing and everything is in range.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which body.
    pub variant: Variant,
    /// Processors, as asked for; a workload may build more.
    pub processors: usize,
    /// How long the load is offered.
    pub length: Duration,
    /// The seed of everything random in the workload.
    pub seed: u64,
    /// Every knob with its value.
    pub knobs: Vec<(Knob, u64)>,
}

impl Plan {
    /// The default plan for `workload`.
    pub fn new(workload: &dyn Workload, variant: Variant, processors: usize) -> Self {
        Self {
            variant,
            processors,
            length: workload.length(),
            seed: 1,
            knobs: workload.knobs().iter().map(|knob| (*knob, knob.default)).collect(),
        }
    }

    /// Changes a knob.
    ///
    /// # Errors
    /// One line that says what is wrong with the name or the value, and what would be right.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let names: Vec<&str> = self.knobs.iter().map(|(knob, _)| knob.name).collect();
        let Some((knob, slot)) = self.knobs.iter_mut().find(|(knob, _)| knob.name == name) else {
            return Err(match names.as_slice() {
                [] => format!("no knob '{name}': this workload has none"),
                names => format!("no knob '{name}': this workload has {}", names.join(", ")),
            });
        };
        match value.parse::<u64>() {
            Ok(value) if (knob.min..=knob.max).contains(&value) => *slot = value,
            _ => {
                return Err(format!(
                    "knob {name} cannot be '{value}': a whole number from {} to {} ({}; default {})",
                    knob.min, knob.max, knob.help, knob.default
                ));
            }
        }
        Ok(())
    }

    /// The value of a knob.
    ///
    /// # Panics
    /// If the workload asks for a knob that it does not list.
    pub fn knob(&self, name: &str) -> u64 {
        let found = self.knobs.iter().find(|(knob, _)| knob.name == name);
        found.unwrap_or_else(|| panic!("the workload lists no knob {name}")).1
    }

    /// Whether this is the body with the mistake put right.
    pub fn fixed(&self) -> bool {
        self.variant == Variant::Fixed
    }

    /// Whether the scheduler's cure is switched off.
    pub fn uncured(&self) -> bool {
        self.variant == Variant::Sick
    }
}

/// A run in progress, as its workload sees it.
#[derive(Clone, Debug)]
pub struct Run {
    /// What was asked for.
    pub plan: Plan,
    /// The runtime.
    pub handle: Handle,
    /// When the load ends.
    pub until: Until,
    /// The runtime itself, for whoever is to end it.
    pub runtime: Arc<Mutex<Option<Runtime>>>,
    /// What was [proven](crate::proof), if the workload has asked.
    pub proven: Arc<Mutex<Option<Proven>>>,
}

impl Run {
    /// Drops the runtime, and waits for what that waits for.
    pub fn shut_down(&self) {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(runtime);
    }
}

/// The end of a run: cheap to copy into tasks, shared by nobody.
#[derive(Clone, Copy, Debug)]
pub struct Until(pub Instant);

impl Until {
    /// Whether the run is over.
    pub fn over(self) -> bool {
        Instant::now() >= self.0
    }
}
