//! Symbols: from an address to the functions that it is in, by name, file and line, the inlined ones included.
//!
//! Read by the `backtrace` crate from the program's own file, on the thread of whoever asks: an observer's, never a
//! machine's, never while a task is polled. The first address costs the reading of the file's tables (10 ms, 100 ms for a
//! large program with full debug information), the next ones microseconds, and each is asked for once in a process:
//! the answers are kept, as many as the program has places where it waits.
//!
//! What a program was built with decides what there is, and [`quality`] says so:
//!
//! | `debug =` | there is |
//! | --- | --- |
//! | `1`, `"limited"`, `2`, `"full"` | everything |
//! | `"line-tables-only"` | every function with file and line; those that were inlined by their last name only: `{async_fn#0}` |
//! | `0` | the names of functions that were not inlined; no files, no lines |
//! | stripped | nothing but what the dynamic linker needs |
//!
//! What that means for a task that waits for a lock three async functions deep, in a release build with thin LTO:
//!
//! | `debug =` | its stack |
//! | --- | --- |
//! | `1` | `app::outermost` main.rs:61, `app::middle` main.rs:65, `app::innermost` main.rs:69 |
//! | `"line-tables-only"` | `app::outermost` main.rs:61 (by the task's type), `{async fn}` main.rs:65, `{async fn}` main.rs:69 |
//! | `0` | `app::outermost` (by the task's type): the others were inlined into it |
//!
//! What was boxed (`dyn Future`), or is too large to be inlined, has a symbol of its own and is there in all of them. Debug
//! information costs nothing at run time; a small program is 1 MB without, and 7 MB with either kind.

use std::collections::{HashMap, HashSet};
use std::ffi::c_void;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::model::Frame;
use super::origin::Origin;

/// Addresses that are kept at most; beyond, all are forgotten and asked for again.
const KEPT: usize = 1 << 18;

/// What the program's symbols tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Quality {
    /// Nothing has been asked for yet.
    #[default]
    Unknown,
    /// Names, files, lines.
    Full,
    /// The same, but functions that were inlined have lost their paths.
    ShortNames,
    /// Names of functions that were not inlined.
    NoLines,
    /// Addresses.
    Nothing,
}

impl Quality {
    /// What is missing, and how it can be had; none if nothing is.
    pub fn note(self) -> Option<&'static str> {
        match self {
            Self::Unknown | Self::Full => None,
            Self::ShortNames => {
                Some("inlined functions are shown without their paths: build with `debug = 1` to have them")
            }
            Self::NoLines => Some(
                "stacks show only functions that were not inlined, without lines: build with `debug = 1`, or \
                 `debug = \"line-tables-only\"`, to have all",
            ),
            Self::Nothing => Some("the program's symbols were stripped: stacks show addresses"),
        }
    }
}

#[derive(Default)]
struct Symbols {
    known: HashMap<u64, Arc<[Frame]>>,
    texts: HashSet<Arc<str>>,
    seen: Seen,
}

/// What has been seen of functions that are neither the standard library's nor C's, which have tables of their own.
#[derive(Clone, Copy, Default)]
struct Seen {
    asked: bool,
    names: bool,
    lines: bool,
    short_inlined: bool,
    long_inlined: bool,
}

/// Never held while user code runs.
static SYMBOLS: LazyLock<Mutex<Symbols>> = LazyLock::new(Mutex::default);

/// The functions at `address`, the innermost first: what was inlined there, and the function itself. Never empty.
pub fn at(address: u64) -> Arc<[Frame]> {
    SYMBOLS.lock().unwrap_or_else(PoisonError::into_inner).at(address)
}

/// What could be told of the addresses that were asked for so far.
pub fn quality() -> Quality {
    SYMBOLS.lock().unwrap_or_else(PoisonError::into_inner).seen.quality()
}

impl Symbols {
    fn at(&mut self, address: u64) -> Arc<[Frame]> {
        if let Some(known) = self.known.get(&address) {
            return Arc::clone(known);
        }
        if self.known.len() >= KEPT {
            *self = Self { seen: self.seen, ..Self::default() };
        }
        let frames: Arc<[Frame]> = self.look_up(address).into();
        self.known.insert(address, Arc::clone(&frames));
        frames
    }

    fn look_up(&mut self, address: u64) -> Vec<Frame> {
        let mut frames = Vec::new();
        // It takes a return address, and looks at what is before.
        let behind = address.wrapping_add(1) as usize;
        backtrace::resolve(behind as *mut c_void, |symbol| {
            let function = match symbol.name() {
                // The alternative form leaves the hash away.
                Some(name) => self.text(&format!("{name:#}")),
                None => self.text(UNNAMED),
            };
            let file = symbol.filename().map(|file| self.text(&file.to_string_lossy()));
            frames.push(Frame { function, file, line: symbol.lineno().unwrap_or(0) });
        });
        self.seen.note(&frames);
        if frames.is_empty() {
            frames.push(Frame { function: self.text(&format!("{address:#x}")), file: None, line: 0 });
        }
        frames
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&text));
        text
    }
}

/// A function of which the tables have the place and not the name.
const UNNAMED: &str = "?";

impl Seen {
    fn note(&mut self, frames: &[Frame]) {
        self.asked = true;
        for (index, frame) in frames.iter().enumerate() {
            if matches!(Origin::of(frame), Origin::Std | Origin::System) {
                continue;
            }
            self.names |= &*frame.function != UNNAMED;
            self.lines |= frame.file.is_some() && frame.line != 0;
            let inlined = index + 1 < frames.len();
            // `poll<app::serve>` has lost its path, too: what is in brackets are its parameters.
            let long = frame.function.starts_with('<')
                || frame.function.split('<').next().is_some_and(|name| name.contains("::"));
            self.short_inlined |= inlined && !long;
            self.long_inlined |= inlined && long;
        }
    }

    fn quality(self) -> Quality {
        match self {
            Self { asked: false, .. } => Quality::Unknown,
            Self { names: false, .. } => Quality::Nothing,
            Self { lines: false, .. } => Quality::NoLines,
            Self { short_inlined: true, long_inlined: false, .. } => Quality::ShortNames,
            _ => Quality::Full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, file: Option<&str>) -> Frame {
        Frame { function: function.into(), file: file.map(Into::into), line: u32::from(file.is_some()) }
    }

    fn quality_of(frames: &[Frame]) -> Quality {
        let mut seen = Seen::default();
        seen.note(frames);
        seen.quality()
    }

    #[test]
    fn what_is_missing_is_said() {
        let std = frame("core::future::poll_fn", Some("/rustc/0a1b/library/core/src/future/poll_fn.rs"));
        assert_eq!(Seen::default().quality(), Quality::Unknown);
        assert_eq!(quality_of(&[]), Quality::Nothing);
        assert_eq!(quality_of(std::slice::from_ref(&std)), Quality::Nothing, "the standard library has its own tables");
        let c = frame("start_thread", Some("./nptl/pthread_create.c"));
        assert_eq!(quality_of(&[frame("app::serve", None), c]), Quality::NoLines, "C has its own, too");
        let serve = frame("app::serve::{{closure}}", Some("/src/main.rs"));
        for short in ["{async_fn#0}", "poll<app::serve>"] {
            assert_eq!(quality_of(&[frame(short, Some("/src/main.rs")), serve.clone()]), Quality::ShortNames);
        }
        assert_eq!(quality_of(&[std, serve.clone(), serve]), Quality::Full);
        for quality in [Quality::ShortNames, Quality::NoLines, Quality::Nothing] {
            assert!(quality.note().is_some());
        }
    }

    #[test]
    #[inline(never)]
    fn an_address_has_a_function_and_always_the_same() {
        let here = what_is_missing_is_said as *const () as u64;
        let first = at(here);
        assert!(first.last().unwrap().function.contains("what_is_missing_is_said"), "{first:?}");
        assert!(Arc::ptr_eq(&first, &at(here)));
        assert_eq!(&*at(8)[0].function, "0x8", "nothing is there");
    }
}
