//! Tasks: dumps, the ring of dumps, and what tasks wait for.

use std::time::Duration;

use gumption_core::resource::{self, Facts};
use serde::Serialize;

use crate::dump::{Dump, Filter, Format, Level, Options};
use crate::ring::{Kept, Lost};
use crate::serve::house::Ask;
use crate::serve::response::{Answer, Refusal, Response, Status};

/// The longest that a dump may take over its costly parts.
const LONGEST: Duration = Duration::from_secs(30);
/// The most rows that a dump may have.
const MOST_ROWS: usize = 1_000_000;

/// What every task is doing.
pub fn tasks(ask: &Ask<'_>) -> Answer {
    let level = match ask.request.query.word("level", &["1", "2"])? {
        "2" => Level::Tasks,
        _ => Level::Groups,
    };
    let name = ask.request.query.one("format")?.unwrap_or("text");
    let format = Format::parse(name).map_err(|wrong| Refusal::new(Status::BadRequest, wrong))?;
    let dump = dump(ask, level, false)?;
    Ok(rendered(format, dump.render(format)))
}

/// A dump of what the request is about, by its parameters; with stacks if it says so, or `stacks` unless it does.
pub fn dump(ask: &Ask<'_>, level: Level, stacks: bool) -> Result<Dump, Refusal> {
    let options = options(ask, stacks)?;
    let handles = ask.runtimes()?;
    let _permit = ask.one_dump()?;
    Ok(Dump::of(&handles, level, &options))
}

/// What of a dump the parameters ask for.
fn options(ask: &Ask<'_>, stacks: bool) -> Result<Options, Refusal> {
    let query = &ask.request.query;
    let bad = |what: String| Refusal::new(Status::BadRequest, what);
    let stacks = query.flag("stacks", stacks)?;
    let mut options = Options { stacks, on_cpu: stacks, ..Options::default() };
    for key in Filter::KEYS {
        let name = key.replace('-', "_");
        for value in query.all(&name) {
            options.filter.set(key, value).map_err(bad)?;
        }
    }
    if let Some(rows) = query.read("limit", format_args!("a number of rows, up to {MOST_ROWS}"))? {
        options.rows =
            Some(rows).filter(|rows| *rows <= MOST_ROWS).ok_or_else(|| bad(format!("limit: at most {MOST_ROWS}")))?;
    }
    if let Some(deadline) = query.duration("deadline")? {
        options.deadline = Some(deadline)
            .filter(|deadline| *deadline <= LONGEST)
            .ok_or_else(|| bad(format!("deadline: at most {LONGEST:?}")))?;
    }
    Ok(options)
}

fn rendered(format: Format, text: String) -> Response {
    match format {
        Format::Json => Response::new("application/json", text),
        Format::Text | Format::Go | Format::Folded => Response::text(text),
    }
}

/// What the ring holds, or one of it.
pub fn ring(ask: &Ask<'_>) -> Answer {
    #[derive(Serialize)]
    struct Held {
        bytes: usize,
        lost: Lost,
        snapshots: Vec<Kept>,
    }
    let query = &ask.request.query;
    let Some(ring) = &ask.house.ring else {
        let what = "no snapshots are kept: set GUMPTION_DEBUG_RING=5s, or call Serving::ring";
        return Err(Refusal::new(Status::NotFound, what));
    };
    let number = query.read("number", "a number of the list")?;
    let at = query.read("at", "milliseconds since 1970")?;
    let found = match (number, at) {
        (Some(number), _) => ring.get(number),
        (None, Some(unix_ms)) => ring.nearest(unix_ms),
        (None, None) => {
            return Response::json(&Held { bytes: ring.bytes(), lost: ring.lost(), snapshots: ring.list() });
        }
    };
    let gone =
        || Refusal::new(Status::NotFound, "there is no such snapshot, or it had to leave; /debug/ring lists them");
    let snapshot = found.ok_or_else(gone)?;
    Ok(rendered(snapshot.kept.format, snapshot.text.to_string()))
}

/// Everything that tasks have waited for.
pub fn resources(ask: &Ask<'_>) -> Answer {
    #[derive(Serialize)]
    struct Resources {
        resources: Vec<Row>,
    }
    let _permit = ask.one_dump()?;
    let mut resources: Vec<Row> = resource::snapshot().iter().map(Row::from).collect();
    resources.sort_by_key(|row| (std::cmp::Reverse(row.waiters), row.id));
    Response::json(&Resources { resources })
}

/// [`Facts`], to be written.
#[derive(Serialize)]
struct Row {
    id: u64,
    kind: &'static str,
    made_at: String,
    owner: Option<u64>,
    holders: u64,
    waiters: u64,
    depth: u64,
    capacity: u64,
    sends: u64,
    receives: u64,
    waits: u64,
    wait_ns: u64,
    holds: u64,
    hold_ns: u64,
}

impl From<&Facts> for Row {
    fn from(facts: &Facts) -> Self {
        Self {
            id: facts.id,
            kind: facts.kind.text(),
            made_at: format!("{}:{}", facts.site.file(), facts.site.line()),
            owner: (facts.owner != 0).then_some(facts.owner),
            holders: facts.holders,
            waiters: facts.waiters,
            depth: facts.depth,
            capacity: facts.capacity,
            sends: facts.sends,
            receives: facts.receives,
            waits: facts.waits,
            wait_ns: facts.wait_ns,
            holds: facts.holds,
            hold_ns: facts.hold_ns,
        }
    }
}
