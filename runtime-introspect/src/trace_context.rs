//! W3C trace context: a request's identity across processes, kept in the labels of the task that serves it.
//!
//! A service that gets `traceparent: 00-4bf9...-00f0...-01` with a request calls [`adopt`] in that request's task. From then on
//! the task, and every task that it spawns, has the labels `trace_id`, `span_id` and `trace_flags`: dumps say so, and profiles can
//! be filtered by it. What goes on to the next service is [`TraceParent::child`] of [`current`], and the `tracestate` header
//! unchanged ([`current_state`]).
//!
//! ```
//! use gumption_introspect::trace_context::{self, TraceParent};
//! use gumption_core::task::labels;
//! # let runtime = gumption_core::runtime::Runtime::<gumption_core::driver::ThreadDriver>::new()?;
//! # runtime.block_on(runtime.spawn(async {
//! let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
//! trace_context::adopt(Some(header), None);
//! assert_eq!(labels::get("trace_id").as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
//! let to_the_next_service = trace_context::current().unwrap().child().to_string();
//! assert!(to_the_next_service.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
//! # })).unwrap();
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Where one task serves many requests, as HTTP servers do for a connection, [`request`] gives the labels back when the request is
//! answered.
//!
//! Parsing is as strict as the recommendation: what it calls invalid is an error here, and [`adopt`] begins a new trace then, as
//! it demands. Of flags those that it defines are passed on: *sampled*, and *random* of its second level. A `tracestate` that breaks the
//! rules is dropped, and the `traceparent` beside it stays.
//!
//! This file makes numbers and text; it knows no HTTP and sends nothing.

use gumption_core::task::labels;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::str::FromStr;
use std::sync::Arc;

const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;
/// Members that a `tracestate` may have. Whoever sends more, and be it a megabyte, is refused at the next one.
const MEMBERS: usize = 32;

/// A `traceparent`: which trace, which span of it, and whether somebody records it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

/// Why a `traceparent` or a `tracestate` is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

impl TraceParent {
    /// A trace that begins here.
    pub fn begin(sampled: bool) -> Self {
        let trace = u128::from(random()) << 64 | u128::from(random());
        Self { trace, span: random(), flags: RANDOM | if sampled { SAMPLED } else { 0 } }
    }

    /// Another span of the same trace: for a request that goes out.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span: random(), ..*self }
    }

    /// The trace's id, in 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The span's id, in 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span)
    }

    /// Whether somebody records the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    fn from_parts(trace: &str, span: &str, flags: &str) -> Result<Self, Malformed> {
        let trace = hex(trace, 32).ok_or(Malformed("the trace id is not 32 digits of 0-9a-f"))?;
        let span = hex(span, 16).ok_or(Malformed("the parent id is not 16 digits of 0-9a-f"))?;
        let flags = hex(flags, 2).ok_or(Malformed("the flags are not two digits of 0-9a-f"))?;
        if trace == 0 || span == 0 {
            return Err(Malformed("the trace id and the parent id must not be all zero"));
        }
        // What these bits mean is known; the others are to be sent on as 0.
        Ok(Self { trace, span: span as u64, flags: flags as u8 & (SAMPLED | RANDOM) })
    }
}

impl FromStr for TraceParent {
    type Err = Malformed;

    fn from_str(header: &str) -> Result<Self, Malformed> {
        let mut parts = header.splitn(5, '-');
        let mut next = || parts.next().unwrap_or_default();
        let version = hex(next(), 2).ok_or(Malformed("the version is not two digits of 0-9a-f"))?;
        if version == 0xff {
            return Err(Malformed("version ff is forbidden"));
        }
        let parent = Self::from_parts(next(), next(), next())?;
        // A later version may go on after another dash; this one must not.
        if version == 0 && parts.next().is_some() {
            return Err(Malformed("there is something after the flags"));
        }
        Ok(parent)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// A number in exactly so many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let all = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if all { u128::from_str_radix(text, 16).ok() } else { None }
}

/// A number that is not 0. The standard library's hash keys come from the operating system's randomness, and no two are alike.
fn random() -> u64 {
    loop {
        let number = RandomState::new().build_hasher().finish();
        if number != 0 {
            return number;
        }
    }
}

/// Checks a `tracestate`, which is to be passed on as it is.
///
/// # Errors
///
/// If it breaks the rules: at most 32 members, keys and values of the allowed characters and lengths, no key twice.
pub fn check_state(header: &str) -> Result<(), Malformed> {
    let mut keys = Vec::new();
    for member in header.split(',').map(|member| member.trim_matches([' ', '\t'])) {
        // Empty members are allowed.
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=').ok_or(Malformed("a member has no `=`"))?;
        if !is_key(key) {
            return Err(Malformed("a key is not of lower-case letters, digits, and _-*/, with at most one @"));
        }
        let printable = value.bytes().all(|byte| matches!(byte, 0x20..=0x7e if byte != b'='));
        if value.is_empty() || value.len() > 256 || !printable {
            return Err(Malformed("a value is not 1 to 256 printable characters without , and ="));
        }
        if keys.contains(&key) {
            return Err(Malformed("a key comes twice"));
        }
        if keys.len() == MEMBERS {
            return Err(Malformed("there are more than 32 members"));
        }
        keys.push(key);
    }
    Ok(())
}

fn is_key(key: &str) -> bool {
    let part = |part: &str, longest: usize, digit_first: bool| {
        let first = part.bytes().next();
        let begins = first.is_some_and(|first| first.is_ascii_lowercase() || digit_first && first.is_ascii_digit());
        let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
        begins && part.len() <= longest && part.bytes().all(allowed)
    };
    match key.split_once('@') {
        Some((tenant, system)) => part(tenant, 241, true) && part(system, 14, false),
        // The second level lets a simple key begin with a digit, too.
        None => part(key, 256, true),
    }
}

/// Takes over the trace that a request came with, or begins one if it came with none, or with none that is valid: in the labels
/// of the running task, which the tasks inherit that it spawns from now on. The span is a new one, this service's own.
///
/// Outside a task there are no labels; what is returned is valid all the same.
pub fn adopt(traceparent: Option<&str>, tracestate: Option<&str>) -> TraceParent {
    let (ours, state) = continued(traceparent, tracestate);
    set(&ours, state);
    ours
}

/// [`adopt`] until the guard is dropped: what the task's labels were before is put back. For a request that is one of many in a
/// task.
pub fn request(traceparent: Option<&str>, tracestate: Option<&str>) -> Request {
    let (span, state) = continued(traceparent, tracestate);
    // Inside a request with a state one without has an empty one.
    let state = state.or_else(|| current_state().map(|_| "")).map(|state| ("tracestate", state.to_owned()));
    Request { span, labels: labels::scope_all(labels_of(&span).into_iter().chain(state)) }
}

/// A request's span, and its labels while this lives.
#[derive(Debug)]
#[must_use = "the labels go when this is dropped"]
pub struct Request {
    span: TraceParent,
    #[expect(dead_code, reason = "held for its drop")]
    labels: labels::Scope,
}

impl Request {
    /// This service's span.
    pub fn span(&self) -> TraceParent {
        self.span
    }
}

/// The span that goes on where a request came from, and the state to pass on.
fn continued<'a>(traceparent: Option<&str>, tracestate: Option<&'a str>) -> (TraceParent, Option<&'a str>) {
    let came = traceparent.and_then(|header| header.trim_matches([' ', '\t']).parse::<TraceParent>().ok());
    let ours = came.map_or_else(|| TraceParent::begin(false), |parent| parent.child());
    // Whoever's state it is, it belongs to the trace that it came with.
    (ours, tracestate.filter(|state| came.is_some() && check_state(state).is_ok()))
}

fn labels_of(span: &TraceParent) -> [(&'static str, String); 3] {
    [("trace_id", span.trace_id()), ("span_id", span.span_id()), ("trace_flags", format!("{:02x}", span.flags))]
}

/// Makes `span` the running task's, by its labels. False outside a task.
pub fn set(span: &TraceParent, tracestate: Option<&str>) -> bool {
    match tracestate {
        Some(state) => labels::set("tracestate", state),
        None => labels::remove("tracestate"),
    };
    labels::set_all(labels_of(span))
}

/// The running task's span, by its labels: its own, or that of the task that spawned it.
pub fn current() -> Option<TraceParent> {
    let labels = labels::current()?;
    TraceParent::from_parts(labels.get("trace_id")?, labels.get("span_id")?, labels.get("trace_flags")?).ok()
}

/// The `tracestate` that goes with it.
pub fn current_state() -> Option<Arc<str>> {
    labels::get("tracestate").filter(|state| !state.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumption_core::driver::ThreadDriver;
    use gumption_core::runtime::Runtime;
    use gumption_core::spawn;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_header_is_read_and_written() {
        let parent: TraceParent = HEADER.parse().unwrap();
        assert_eq!(parent.to_string(), HEADER);
        assert_eq!(parent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.span_id(), "00f067aa0ba902b7");
        assert!(parent.is_sampled());
        let child = parent.child();
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_ne!(child.span_id(), parent.span_id());
        assert!(child.is_sampled());
    }

    #[test]
    fn later_versions_are_read_as_this_one_and_their_flags_are_not_passed_on() {
        for (header, written) in [
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", HEADER),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be", HEADER),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fd", HEADER),
        ] {
            assert_eq!(header.parse::<TraceParent>().unwrap().to_string(), written, "{header}");
        }
    }

    /// The cases of the W3C's own test suite, and some more.
    #[test]
    fn malformed_headers_are_refused() {
        for header in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47366-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473.-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0.-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert!(header.parse::<TraceParent>().is_err(), "{header}");
        }
    }

    #[test]
    fn states_are_checked() {
        let long_key = "z".repeat(257);
        let many: Vec<_> = (0..33).map(|n| format!("k{n}=1")).collect();
        for good in ["", "foo=1", "foo=1,bar=2", "foo=1 \t , \t bar=2, ,", "fw529a3039@dt=x", "a-_*/z=1 !~", "1a@foo=1"]
        {
            assert_eq!(check_state(good), Ok(()), "{good}");
        }
        assert_eq!(check_state(&many[..32].join(",")), Ok(()));
        for bad in [
            "foo",
            "=1",
            "foo=",
            "foo=1=2",
            "Foo=1",
            "foo@=1",
            "foo@1a=1",
            "@foo=1",
            "a@b@c=1",
            "foo=1,foo=2",
            "f o=1",
            "foo=é",
        ] {
            assert!(check_state(bad).is_err(), "{bad}");
        }
        assert!(check_state(&format!("{long_key}=1")).is_err());
        assert!(check_state(&format!("foo={}", "v".repeat(257))).is_err());
        assert!(check_state(&many.join(",")).is_err());
    }

    #[test]
    fn a_request_hands_its_trace_on_to_what_it_spawns() {
        let runtime = Runtime::<ThreadDriver>::new().unwrap();
        let (ours, inherited, state, other) = runtime.block_on(async {
            let request = spawn(async {
                let ours = adopt(Some(HEADER), Some("vendor=1"));
                let spawned = spawn(async { (current(), current_state()) }).await.unwrap();
                (ours, spawned.0, spawned.1)
            });
            let (ours, inherited, state) = request.await.unwrap();
            let other = spawn(async {
                adopt(Some(HEADER), Some("vendor=1"));
                // The next request on the same connection's task came without, or with rubbish.
                let begun = adopt(Some("rubbish"), Some("vendor=1"));
                (begun, current(), current_state())
            });
            (ours, inherited, state, other.await.unwrap())
        });
        assert_eq!((ours.trace_id(), inherited), ("4bf92f3577b34da6a3ce929d0e0e4736".into(), Some(ours)));
        assert_ne!(ours.span_id(), "00f067aa0ba902b7", "a span of its own");
        assert_eq!(state.as_deref(), Some("vendor=1"));
        assert_ne!(other.0.trace_id(), ours.trace_id());
        assert_eq!((other.1, other.2), (Some(other.0), None));
        assert_eq!(current(), None);
    }

    #[test]
    fn a_request_of_many_in_a_task_gives_the_labels_back() {
        let runtime = Runtime::<ThreadDriver>::new().unwrap();
        runtime
            .block_on(runtime.spawn(async {
                labels::set("tenant", "acme");
                let outer = request(Some(HEADER), Some("vendor=1"));
                assert_eq!((current(), current_state().as_deref()), (Some(outer.span()), Some("vendor=1")));
                let inner = request(None, None);
                assert_eq!((current(), current_state()), (Some(inner.span()), None));
                assert_ne!(inner.span().trace_id(), outer.span().trace_id());
                drop(inner);
                assert_eq!((current(), current_state().as_deref()), (Some(outer.span()), Some("vendor=1")));
                drop(outer);
                assert_eq!(labels::current().unwrap().to_string(), r#"tenant="acme""#);
            }))
            .unwrap();
    }
}
