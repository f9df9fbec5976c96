//! The `gumption` command line.
//!
//! | exit code | meaning |
//! | --- | --- |
//! | 0 | done; a sick workload that ran and was diagnosed is done too |
//! | 1 | a miss or a false alarm (`verify`), a broken conservation law, or a run that could not be started |
//! | 2 | bad input: one line on stderr says what was wrong and what would be right; also a debug address that cannot be read |
//!
//! Nothing here panics on input, and nothing prints a page of usage in answer to a typo.

use std::ffi::OsString;
use std::io::{Write, stderr};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use gumption::introspect::{Server, Serving};

use crate::catalogue;
use crate::client;
use crate::live::Live;
use crate::remote::{self, DiffArgs, DoctorArgs, DumpArgs, LeaksArgs};
use crate::workload::{Plan, Variant, Workload};
use crate::{list, report, run, tour, verify};

/// Start a scheduler pathology, watch it, see it named with evidence, and see it go away.
///
/// Without a command: the tour, three workloads, sick and then fixed, in less than 20 s.
#[derive(Debug, Parser)]
#[command(name = "gumption", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every workload: id, family, mechanism in one line
    List {
        /// One JSON array
        #[arg(long)]
        json: bool,
    },
    /// Run one workload and diagnose it
    Run(RunArgs),
    /// Run workloads in every variant; count misses, false alarms and wrong proofs
    Verify {
        /// The workloads; all, if none is named
        ids: Vec<String>,
        #[command(flatten)]
        size: Size,
    },
    /// What every task of a running program is doing, from its debug address
    Dump(DumpArgs),
    /// What has changed from one dump to another: new tasks, gone ones, those in the same wait, growth by place
    Diff(DiffArgs),
    /// Diagnose a running program. The program samples itself, a thousand times a second, and judges by the same rules as
    /// `gumption run`: over HTTP nobody could look that often, and two versions of the rules could disagree
    Doctor(DoctorArgs),
    /// Which tasks of a running program can never run again, proven; and which are suspected
    Leaks(LeaksArgs),
}

#[derive(Debug, Args)]
struct Size {
    /// Processors (default: the CPUs that this process may use)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    processors: Option<u16>,
    /// How long load is offered in one run (default 2.4)
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<Duration>,
    /// Seed of what is random in the workload
    #[arg(long, value_name = "K", default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The workload (see `gumption list`)
    id: String,
    /// The mistake put right
    #[arg(long, conflicts_with = "cured")]
    fixed: bool,
    /// The mistake under the whole scheduler, where the scheduler cures it
    #[arg(long)]
    cured: bool,
    #[command(flatten)]
    size: Size,
    /// Change a number of the workload
    #[arg(short = 'k', value_name = "KNOB=VALUE")]
    knobs: Vec<String>,
    /// One JSON object instead of a page
    #[arg(long)]
    json: bool,
    /// Serve the run's inside over HTTP while it lasts: 127.0.0.1:6060
    #[arg(long, value_name = "ADDR")]
    serve: Option<String>,
}

/// What went wrong, in one line.
enum Trouble {
    /// With what was asked for.
    Input(String),
    /// With doing it.
    Doing(String),
}

/// Runs the command.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let done = match Cli::try_parse_from(args) {
        Ok(cli) => execute(cli),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(report::print(&error.render().to_string())),
            _ => Err(Trouble::Input(one_line(&error))),
        },
    };
    let (text, code) = match done {
        Ok(code) => return code,
        Err(Trouble::Input(text)) => (text, 2),
        Err(Trouble::Doing(text)) => (text, 1),
    };
    // A closed stderr leaves the exit code to speak.
    drop(writeln!(stderr(), "gumption: {text}"));
    ExitCode::from(code)
}

fn execute(cli: Cli) -> Result<ExitCode, Trouble> {
    match cli.command {
        None => tour::tour(default_processors()).map_err(Trouble::Doing),
        Some(Command::List { json: true }) => Ok(report::print(&format!("{}\n", list::json()))),
        Some(Command::List { json: false }) => Ok(report::print(&list::page())),
        Some(Command::Run(args)) => run_one(&args),
        Some(Command::Dump(args)) => printed(remote::dump(&args)),
        Some(Command::Diff(args)) => printed(remote::diff(&args)),
        Some(Command::Doctor(args)) => printed(remote::doctor(&args)),
        Some(Command::Leaks(args)) => printed(remote::leaks(&args)),
        Some(Command::Verify { ids, size }) => {
            let found: Result<Vec<_>, String> = ids.iter().map(|id| catalogue::find(id)).collect();
            let workloads = found.map_err(Trouble::Input)?;
            let processors = match size.processors {
                Some(processors) => usize::from(processors),
                None => default_processors(),
            };
            verify::verify(&workloads, processors, size.seconds, size.seed).map_err(Trouble::Doing)
        }
    }
}

/// A page from elsewhere, printed.
fn printed(page: Result<String, String>) -> Result<ExitCode, Trouble> {
    page.map(|page| report::print(&page)).map_err(Trouble::Input)
}

/// The debug server that `--serve` asks for, with the token that the environment has, if it has one.
fn served(address: &str) -> Result<Server, String> {
    let serving = Serving::new();
    let serving = match client::token() {
        Some(token) => serving.token(token),
        None => serving,
    };
    let server =
        serving.bind(address).map_err(|error| format!("--serve {address}: {error}; right would be 127.0.0.1:6060"))?;
    // A closed stderr is no reason to stop.
    drop(writeln!(stderr(), "see http://{}/", server.local_addr()));
    Ok(server)
}

fn run_one(args: &RunArgs) -> Result<ExitCode, Trouble> {
    let workload = catalogue::find(&args.id).map_err(Trouble::Input)?;
    let plan = plan(workload, args).map_err(Trouble::Input)?;
    let _server = args.serve.as_deref().map(served).transpose().map_err(Trouble::Input)?;
    let label = format!("{}, {}", workload.id(), plan.variant.as_str());
    let outcome = run::run(workload, plan.clone(), &Live::new(&label, plan.length, true)).map_err(Trouble::Doing)?;
    let text = if args.json { format!("{}\n", report::json(&outcome)) } else { report::page(&outcome) };
    let printed = report::print(&text);
    Ok(if outcome.breaches.is_empty() { printed } else { ExitCode::FAILURE })
}

fn plan(workload: &'static dyn Workload, args: &RunArgs) -> Result<Plan, String> {
    let id = workload.id();
    let variant = match (args.fixed, args.cured) {
        (false, false) if workload.is_control() => Variant::Control,
        (false, false) => Variant::Sick,
        (true, _) => Variant::Fixed,
        (_, true) => Variant::Cured,
    };
    if !workload.variants().contains(&variant) {
        return Err(match variant {
            Variant::Cured if !workload.is_control() => {
                format!("{id} has no --cured: no scheduler puts that right; use --fixed")
            }
            _ => format!("{id} is a healthy control: it has neither --fixed nor --cured"),
        });
    }
    let least = workload.min_processors();
    let processors = match args.size.processors.map(usize::from) {
        Some(asked) if asked < least => {
            return Err(format!("{id} needs at least {least} processors to show anything, not {asked}"));
        }
        Some(asked) => asked,
        None => default_processors().max(least),
    };
    let mut plan = Plan { seed: args.size.seed, ..Plan::new(workload, variant, processors) };
    plan.length = args.size.seconds.unwrap_or(plan.length);
    for knob in &args.knobs {
        let Some((name, value)) = knob.split_once('=') else {
            return Err(format!("-k {knob}: write KNOB=VALUE"));
        };
        plan.set(name.trim(), value.trim())?;
    }
    Ok(plan)
}

fn default_processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3_600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("a number of seconds from 0.1 to 3600".to_owned()),
    }
}

/// clap's message without its pages: what was wrong, and its tip if it has one.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim);
    let what: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let what = what.join(" ");
    let what = what.strip_prefix("error: ").unwrap_or(&what);
    match lines.find_map(|line| line.strip_prefix("tip: ")) {
        Some(tip) => format!("{what}; {tip}"),
        None => format!("{what}; `gumption --help` shows what there is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn bad_input_is_one_line() {
        for line in [
            "gumption nonsense",
            "gumption run",
            "gumption run hog --nonsense",
            "gumption run hog --processors 0",
            "gumption run hog --processors many",
            "gumption run hog --seconds 0",
            "gumption run hog --fixed --cured",
            "gumption run hog extra",
        ] {
            let error = Cli::try_parse_from(line.split(' ')).err().unwrap_or_else(|| panic!("{line} was understood"));
            let said = one_line(&error);
            assert!(!said.contains('\n') && said.len() > 20 && said.len() < 200, "{line}: {said}");
        }
    }
}
