//! Whose code a function is: the program's, a library's, the standard library's, the runtime's, the system's.
//!
//! By its file, where the program has line tables; by the first crate of its name, where it has not. A generic function of a
//! library that was compiled into the program has the library's file and name: the file rule does nearly all the work.
//!
//! Libraries are what cargo has downloaded (`registry/src/`, `git/checkouts/`). The program itself may be such a
//! package, if it was installed: [`package`] tells packages apart, and [`fold`](super::fold) does not fold away the one that has
//! spawned the task. Programs that are not packages of Gumption but live beside it (its examples, its tests) are programs.

use super::model::Frame;

/// Whose code a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The program.
    Program,
    /// A package that cargo has downloaded.
    Library,
    /// core, alloc, std, and what the compiler makes.
    Std,
    /// Gumption.
    Runtime,
    /// C: the C library, the start of the program and of its threads.
    System,
}

impl Origin {
    pub(super) fn of(frame: &Frame) -> Self {
        let function = &*frame.function;
        if crate_of(function).is_some_and(|name| RUNTIME.contains(&name)) {
            return Self::Runtime;
        }
        match frame.file.as_deref() {
            Some(file) if is_std_file(file) => Self::Std,
            Some(file) if is_runtime_file(file) => Self::Runtime,
            Some(file) if package(file).is_some() => Self::Library,
            Some(_) if is_made_by_compiler(function) => Self::Std,
            Some(file) if is_of_c(function) && is_system_file(file) => Self::System,
            Some(_) => Self::Program,
            None => Self::by_name(function),
        }
    }

    fn by_name(function: &str) -> Self {
        match crate_of(function) {
            _ if is_made_by_compiler(function) => Self::Std,
            Some("core" | "alloc" | "std") => Self::Std,
            // A parameter's name: `<F as core::future::future::Future>::poll`.
            Some(name) if function.starts_with('<') && name.len() <= 2 => Self::Std,
            Some(_) => Self::Program,
            None => Self::System,
        }
    }
}

/// The runtime's crates.
const RUNTIME: [&str; 4] = ["gumption", "gumption_core", "gumption_io", "gumption_introspect"];

/// The crate whose a function is, by its path; none if it has none, as C's.
fn crate_of(function: &str) -> Option<&str> {
    let path = function.trim_start_matches(['<', '&', '*', '(', '[']).trim_start_matches("mut ");
    let path = path.trim_start_matches("const ").trim_start_matches("dyn ").trim_start_matches('<');
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let is_path = rest.starts_with("::") || rest.starts_with('[') || function.starts_with('<');
    (is_path && !name.is_empty()).then_some(name)
}

fn is_made_by_compiler(function: &str) -> bool {
    function.starts_with("__rust") || function.starts_with("rust_begin_unwind") || function.contains("::__rust_")
}

/// Whether a file is the standard library's: as it was built, or as rustup installs it.
pub(super) fn is_std_file(file: &str) -> bool {
    file.starts_with("/rustc/") || file.contains("/lib/rustlib/src/rust/library/") || file.starts_with("library/")
}

/// Whether a function has no path, and is no closure that has lost it.
fn is_of_c(function: &str) -> bool {
    crate_of(function).is_none() && !function.starts_with('{')
}

/// Whether a file of C is where distributions build their libraries: debug information for those may be installed.
fn is_system_file(file: &str) -> bool {
    !file.starts_with('/') || file.starts_with("/build/") || file.starts_with("/usr/src/")
}

/// Whether a file is Gumption's, built where this file was.
fn is_runtime_file(file: &str) -> bool {
    /// Of this package; the others are beside it, and the façade is around them.
    const HERE: &str = env!("CARGO_MANIFEST_DIR");
    const ROOMS: [&str; 4] = ["runtime-core/src/", "runtime-io/src/", "runtime-introspect/src/", "src/"];
    let Some(house) = HERE.strip_suffix("runtime-introspect") else { return false };
    let inside = file.strip_prefix(house);
    inside.is_some_and(|inside| ROOMS.iter().any(|room| inside.starts_with(room)))
}

/// The directory of the downloaded package that a file belongs to; none if it does not.
pub(super) fn package(file: &str) -> Option<&str> {
    // registry/src/INDEX/NAME-VERSION/, git/checkouts/NAME-HASH/REVISION/
    let after =
        ["/registry/src/", "/git/checkouts/"].iter().find_map(|mark| file.find(mark).map(|at| at + mark.len()))?;
    let mut parts = file[after..].match_indices('/').map(|(at, _)| after + at);
    parts.next()?;
    parts.next().map(|end| &file[..end])
}

/// The name of the downloaded package that a file belongs to, without its version; none if it does not belong to one.
pub(super) fn package_name(file: &str) -> Option<&str> {
    let path = package(file)?;
    let mut parts = path.rsplit('/');
    let last = parts.next()?;
    // NAME-VERSION, or NAME-HASH/REVISION.
    let directory = if path.contains("/git/checkouts/") { parts.next()? } else { last };
    let is_version = |at: &usize| directory[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    let end = match path.contains("/git/checkouts/") {
        true => directory.rfind('-'),
        false => directory.match_indices('-').map(|(at, _)| at).find(is_version),
    };
    Some(&directory[..end.unwrap_or(directory.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(function: &str, file: Option<&str>) -> Origin {
        Origin::of(&Frame { function: function.into(), file: file.map(Into::into), line: 1 })
    }

    #[test]
    fn by_file() {
        let library = "/home/me/.cargo/registry/src/index.crates.io-1949/hyper-1.6.0/src/server/conn.rs";
        assert_eq!(origin("hyper::server::serve", Some(library)), Origin::Library);
        assert_eq!(package(library), Some("/home/me/.cargo/registry/src/index.crates.io-1949/hyper-1.6.0"));
        assert_eq!(package_name(library), Some("hyper"));
        let git = "/home/me/.cargo/git/checkouts/hyper-util-0123abcd/4567ef/src/lib.rs";
        assert_eq!(package_name(git), Some("hyper-util"));
        assert_eq!(package_name("/home/me/app/src/main.rs"), None);
        assert_eq!(origin("app::serve::{{closure}}", Some("/home/me/app/src/main.rs")), Origin::Program);
        let std = "/rustc/59807616/library/core/src/future/poll_fn.rs";
        assert_eq!(
            origin("<core::future::poll_fn::PollFn<F> as core::future::future::Future>::poll", Some(std)),
            Origin::Std
        );
        let installed = "/root/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/ops/function.rs";
        assert_eq!(origin("call_once<fn(), ()>", Some(installed)), Origin::Std);
        assert_eq!(origin("start_thread", Some("./nptl/pthread_create.c")), Origin::System);
        assert_eq!(origin("hash_block", Some("/home/me/app/native/hash.c")), Origin::Program);
    }

    #[test]
    fn the_runtime_is_where_this_is_and_its_tests_are_programs() {
        let house = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let house = std::fs::canonicalize(house).unwrap();
        let inside = |path: &str| house.join(path).to_string_lossy().into_owned();
        assert_eq!(origin("{closure#0}", Some(&inside("runtime-core/src/worker.rs"))), Origin::Runtime);
        assert_eq!(origin("{async_fn#0}", Some(&inside("src/sync/mutex.rs"))), Origin::Runtime);
        assert_eq!(origin("stacks::outer::{{closure}}", Some(&inside("tests/stacks.rs"))), Origin::Program);
        assert_eq!(origin("{async_fn#0}", Some(&inside("examples/src/bin/x.rs"))), Origin::Program);
    }

    #[test]
    fn by_name_where_there_are_no_files() {
        assert_eq!(origin("app::serve::{{closure}}", None), Origin::Program);
        assert_eq!(origin("<app::Conn as core::future::future::Future>::poll", None), Origin::Program);
        assert_eq!(origin("<&mut F as core::future::future::Future>::poll", None), Origin::Std);
        assert_eq!(origin("core::ops::function::FnOnce::call_once", None), Origin::Std);
        assert_eq!(origin("<alloc::boxed::Box<F,A> as core::future::future::Future>::poll", None), Origin::Std);
        assert_eq!(origin("gumption_core::worker::Worker::run", None), Origin::Runtime);
        assert_eq!(
            origin("<gumption::sync::mutex::Lock<T> as core::future::future::Future>::poll", None),
            Origin::Runtime
        );
        assert_eq!(origin("gumption_workloads::hog::spin", None), Origin::Program);
        assert_eq!(origin("std::sys::backtrace::__rust_begin_short_backtrace", None), Origin::Std);
        for c in ["start_thread", "__libc_start_call_main", "epoll_wait", "main", "0x55d0c0ffee"] {
            assert_eq!(origin(c, None), Origin::System, "{c}");
        }
    }
}
