//! The verbs that look at another process, through its debug server: `dump`, `diff`, `doctor`, `leaks`.
//!
//! Each fetches a page and prints it: what is judged, is judged there, by the same code that would judge it here. What cannot be
//! had, because nobody listens, or it is not Gumption, or it refuses, is bad input: exit code 2 and one line.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use gumption::introspect::dump::diff::{self, Diff};
use gumption::introspect::dump::{Dump, Filter};
use serde_json::json;

use crate::client::{Client, encoded};

/// Where to look.
#[derive(Debug, Args)]
pub struct Server {
    /// The program's debug address: 127.0.0.1:6060, as in its GUMPTION_DEBUG
    url: String,
    #[command(flatten)]
    access: Access,
}

/// Who looks.
#[derive(Debug, Args)]
pub struct Access {
    /// The server's token (default: GUMPTION_DEBUG_TOKEN)
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// One of several runtimes, by number or name
    #[arg(long, value_name = "RUNTIME")]
    runtime: Option<String>,
}

impl Server {
    fn client(&self) -> Result<Client, String> {
        Client::new(&self.url, self.access.token.clone())
    }
}

impl Access {
    /// A target with these parameters, and the runtime's.
    fn target(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let runtime = self.runtime.as_deref().map(|runtime| ("runtime", runtime));
        let pairs = parameters.iter().copied().chain(runtime);
        let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
    }
}

/// What `gumption dump` is told.
#[derive(Debug, Args)]
pub struct DumpArgs {
    #[command(flatten)]
    server: Server,
    /// 1: groups of tasks that look the same; 2: every task
    #[arg(long, value_name = "LEVEL", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    level: u8,
    /// Stacks, too: what waits is polled once more for it, what runs is interrupted
    #[arg(long)]
    stacks: bool,
    /// JSON, which `gumption diff` reads
    #[arg(long, conflicts_with_all = ["folded", "go"])]
    json: bool,
    /// Folded stacks, for flame graphs
    #[arg(long, conflicts_with = "go")]
    folded: bool,
    /// In Go's words, for tools that read goroutine dumps
    #[arg(long)]
    go: bool,
    /// At most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Only some tasks: label=tenant:acme, state=waiting, reason='chan receive', min-age=5s, site=src/main.rs:40
    #[arg(long = "only", value_name = "KEY=VALUE")]
    only: Vec<String>,
}

/// What `gumption diff` is told.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The earlier dump: a file that `gumption dump --level 2 --json` wrote, or a debug address
    before: String,
    /// The later dump: a file or a debug address
    after: String,
    /// Requests that were served in between: growth is then told for each
    #[arg(long, value_name = "N")]
    requests: Option<f64>,
    /// Waits that are younger are counted, not listed
    #[arg(long, value_name = "S", value_parser = seconds)]
    min_age: Option<Duration>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

/// What `gumption doctor` is told.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    server: Server,
    /// How long the process looks at itself
    #[arg(long, value_name = "S", default_value = "3", value_parser = seconds)]
    seconds: Duration,
    /// The load is constant: what rises, or stays, is then no rising load
    #[arg(long)]
    constant_load: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// What `gumption leaks` is told.
#[derive(Debug, Args)]
pub struct LeaksArgs {
    #[command(flatten)]
    server: Server,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// `gumption dump`: the page.
pub fn dump(args: &DumpArgs) -> Result<String, String> {
    let level = args.level.to_string();
    let format = match (args.json, args.folded, args.go) {
        (true, ..) => "json",
        (_, true, _) => "folded",
        (.., true) => "go",
        _ => "text",
    };
    let limit = args.limit.map(|limit| limit.to_string());
    let mut parameters = vec![("level", level.as_str()), ("format", format)];
    parameters.extend(args.stacks.then_some(("stacks", "1")));
    parameters.extend(limit.as_deref().map(|limit| ("limit", limit)));
    let mut keys = Vec::new();
    for only in &args.only {
        let (key, value) = only.split_once('=').ok_or_else(|| format!("--only {only}: write KEY=VALUE"))?;
        let (key, value) = (key.trim().replace('_', "-"), value.trim());
        // Judged here, too, so that a typing error needs no server.
        if !Filter::default().set(&key, value)? {
            return Err(format!("--only {only}: right would be one of {}", Filter::KEYS.join(", ")));
        }
        keys.push((key.replace('-', "_"), value));
    }
    parameters.extend(keys.iter().map(|(key, value)| (key.as_str(), *value)));
    let page =
        args.server.client()?.get(&args.server.access.target("/debug/tasks", &parameters), Duration::from_secs(30))?;
    Ok(if page.ends_with('\n') { page } else { page + "\n" })
}

/// `gumption diff`: what has changed.
pub fn diff(args: &DiffArgs) -> Result<String, String> {
    let (before, after) = (read(&args.before, &args.access)?, read(&args.after, &args.access)?);
    let mut options = diff::Options::default();
    options.requests = args.requests;
    options.min_age = args.min_age.unwrap_or_default();
    let diff: Diff = diff::diff(&before, &after, &options).map_err(|why| why.to_string())?;
    Ok(if args.json { format!("{}\n", json!(diff)) } else { diff.to_string() })
}

/// A dump out of a file, if there is one of that name, or from a server.
fn read(source: &str, access: &Access) -> Result<Dump, String> {
    let (text, from) = if Path::new(source).exists() {
        let text = std::fs::read_to_string(source).map_err(|error| format!("{source} cannot be read: {error}"))?;
        (text, source.to_owned())
    } else {
        let client = Client::new(source, access.token.clone()).map_err(|_| {
            format!("{source:?} is neither a file nor an address; right would be dump.json or 127.0.0.1:6060")
        })?;
        let target = access.target("/debug/tasks", &[("level", "2"), ("format", "json")]);
        (client.get(&target, Duration::from_secs(30))?, client.base().to_owned())
    };
    Dump::from_json(&text).map_err(|why| format!("{from}: {why}; `gumption dump --level 2 --json` writes one"))
}

/// `gumption doctor`: what is wrong.
pub fn doctor(args: &DoctorArgs) -> Result<String, String> {
    let seconds = args.seconds.as_secs_f64().to_string();
    let load = if args.constant_load { "constant" } else { "unknown" };
    let format = if args.json { "json" } else { "text" };
    let parameters = [("seconds", seconds.as_str()), ("load", load), ("format", format)];
    args.server.client()?.get(&args.server.access.target("/debug/diagnose", &parameters), args.seconds)
}

/// `gumption leaks`: what can never run again.
pub fn leaks(args: &LeaksArgs) -> Result<String, String> {
    let format = if args.json { "json" } else { "text" };
    args.server
        .client()?
        .get(&args.server.access.target("/debug/leaks", &[("format", format)]), Duration::from_secs(30))
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=300.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("a number of seconds from 0 to 300".to_owned()),
    }
}
