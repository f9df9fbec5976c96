//! [`Args`]: the arguments of `#[main]` and `#[test]`.
//!
//! Names, values, combinations and refusals are tokio's, so that a message found in a search engine is still the right
//! one. A wrong value is reported at the value, an unknown name at the whole argument, what cannot be combined at the one of
//! the two that should go.

use crate::kind::Kind;
use crate::path;
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use std::fmt::Display;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Lit, Meta, Path, Token};

const EXPECTED: &str = "`flavor`, `worker_threads`, `start_paused`, `crate`, `unhandled_panic`, `name`";

/// What runs the tasks.
#[derive(Clone, Copy, PartialEq)]
pub enum Flavor {
    /// The calling thread.
    CurrentThread,
    /// The calling thread, and they need not be `Send`.
    Local,
    /// Threads of their own.
    MultiThread,
}

/// What a task's panic does to the runtime.
#[derive(Clone, Copy)]
pub enum UnhandledPanic {
    /// Nothing.
    Ignore,
    /// It ends, and `block_on` panics.
    ShutdownRuntime,
}

/// The arguments, checked.
pub struct Args {
    /// The asked one, or the default.
    pub flavor: Flavor,
    /// How many processors.
    pub worker_threads: Option<usize>,
    /// Whether time begins paused.
    pub start_paused: Option<bool>,
    /// What a panic does.
    pub unhandled_panic: Option<UnhandledPanic>,
    /// The runtime's name.
    pub name: Option<String>,
    /// The path of the façade.
    pub krate: Option<Path>,
}

impl Args {
    /// What a function is expanded with whose arguments are wrong: the least that can go wrong besides.
    pub const fn after_error() -> Self {
        Self {
            flavor: Flavor::CurrentThread,
            worker_threads: None,
            start_paused: None,
            unhandled_panic: None,
            name: None,
            krate: None,
        }
    }

    /// Reads them. `multi_thread` says whether that flavor may be had.
    pub fn parse(kind: Kind, multi_thread: bool, tokens: TokenStream) -> syn::Result<Self> {
        let mut given = Given::default();
        for meta in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens)? {
            match meta {
                Meta::NameValue(meta) => given.set(&meta)?,
                Meta::Path(path) => return Err(without_value(kind, &path)?),
                other => return Err(Error::new_spanned(other, "Unknown attribute inside the macro")),
            }
        }
        given.check(kind, multi_thread)
    }
}

/// A value, and where it stands.
type At<T> = Option<(T, Span)>;

/// The arguments as they come.
#[derive(Default)]
struct Given {
    flavor: At<Flavor>,
    worker_threads: At<usize>,
    start_paused: At<bool>,
    unhandled_panic: At<UnhandledPanic>,
    name: At<String>,
    krate: At<Path>,
}

impl Given {
    fn set(&mut self, meta: &syn::MetaNameValue) -> syn::Result<()> {
        let name = ident(&meta.path, meta)?;
        let Expr::Lit(ExprLit { lit, .. }) = &meta.value else {
            return Err(Error::new_spanned(&meta.value, "Must be a literal"));
        };
        match name.as_str() {
            "flavor" => set(&mut self.flavor, lit, &name, |lit, name| flavor(&string(lit, name)?)),
            "worker_threads" => set(&mut self.worker_threads, lit, &name, positive),
            "start_paused" => set(&mut self.start_paused, lit, &name, boolean),
            "unhandled_panic" => {
                set(&mut self.unhandled_panic, lit, &name, |lit, name| unhandled_panic(&string(lit, name)?))
            }
            "name" => set(&mut self.name, lit, &name, string),
            "crate" => set(&mut self.krate, lit, &name, path_in),
            "core_threads" => Err(Error::new_spanned(meta, "Attribute `core_threads` is renamed to `worker_threads`")),
            _ => Err(Error::new_spanned(meta, unknown(&name))),
        }
    }

    fn check(self, kind: Kind, multi_thread: bool) -> syn::Result<Args> {
        let default = match kind {
            Kind::Main => Flavor::MultiThread,
            Kind::Test => Flavor::CurrentThread,
        };
        let flavor = self.flavor.map_or(default, |(flavor, _)| flavor);
        let krate = self.krate.map(|(path, _)| path);
        let requires = |option: &str, flavor: &str, at: Span| {
            let name = path::name(krate.as_ref());
            Err(Error::new(
                at,
                format!(
                    "The `{option}` option requires the `{flavor}` runtime flavor. \
                     Use `#[{name}::{kind}(flavor = \"{flavor}\")]`"
                ),
            ))
        };
        match (flavor, self.worker_threads, self.start_paused, self.unhandled_panic) {
            (Flavor::CurrentThread | Flavor::Local, Some((_, at)), ..) => {
                return requires("worker_threads", "multi_thread", at);
            }
            (Flavor::MultiThread, ..) if !multi_thread => {
                let message = match self.flavor {
                    None => {
                        "The default runtime flavor is `multi_thread`, but the `rt-multi-thread` feature is disabled."
                    }
                    Some(_) => "The runtime flavor `multi_thread` requires the `rt-multi-thread` feature.",
                };
                return Err(Error::new(Span::call_site(), message));
            }
            (Flavor::MultiThread, _, Some((_, at)), _) => return requires("start_paused", "current_thread", at),
            (Flavor::MultiThread, _, _, Some((_, at))) => return requires("unhandled_panic", "current_thread", at),
            _ => {}
        }
        Ok(Args {
            flavor,
            worker_threads: self.worker_threads.map(|(n, _)| n),
            start_paused: self.start_paused.map(|(paused, _)| paused),
            unhandled_panic: self.unhandled_panic.map(|(panic, _)| panic),
            name: self.name.map(|(name, _)| name),
            krate,
        })
    }
}

/// Stores what `read` makes of `lit`, once; what is wrong with it is reported there.
fn set<T>(
    slot: &mut At<T>,
    lit: &Lit,
    name: &str,
    read: impl FnOnce(&Lit, &str) -> Result<T, String>,
) -> syn::Result<()> {
    let span = lit.span();
    if slot.is_some() {
        return Err(Error::new(span, format!("`{name}` set multiple times.")));
    }
    *slot = Some((read(lit, name).map_err(|message| Error::new(span, message))?, span));
    Ok(())
}

fn ident(path: &Path, whole: impl ToTokens) -> syn::Result<String> {
    match path.get_ident() {
        Some(ident) => Ok(ident.to_string().to_lowercase()),
        None => Err(Error::new_spanned(whole, "Must have specified ident")),
    }
}

fn unknown(name: &str) -> String {
    format!("Unknown attribute {name} is specified; expected one of: {EXPECTED}.")
}

fn without_value(kind: Kind, path: &Path) -> syn::Result<Error> {
    let name = ident(path, path)?;
    let flavor =
        |flavor: &str| format!("Set the runtime flavor with #[{}::{kind}(flavor = \"{flavor}\")].", path::name(None));
    let message = match name.as_str() {
        "threaded_scheduler" | "multi_thread" => flavor("multi_thread"),
        "basic_scheduler" | "current_thread" | "single_threaded" => flavor("current_thread"),
        "flavor" | "worker_threads" | "start_paused" | "crate" | "unhandled_panic" | "name" => {
            format!("The `{name}` attribute requires an argument.")
        }
        _ => unknown(&name),
    };
    Ok(Error::new_spanned(path, message))
}

fn flavor(text: &str) -> Result<Flavor, String> {
    match text {
        "current_thread" => Ok(Flavor::CurrentThread),
        "multi_thread" => Ok(Flavor::MultiThread),
        "local" => Ok(Flavor::Local),
        "single_thread" => Err("The single threaded runtime flavor is called `current_thread`.".to_owned()),
        "basic_scheduler" => {
            Err("The `basic_scheduler` runtime flavor has been renamed to `current_thread`.".to_owned())
        }
        "threaded_scheduler" => {
            Err("The `threaded_scheduler` runtime flavor has been renamed to `multi_thread`.".to_owned())
        }
        _ => Err(format!(
            "No such runtime flavor `{text}`. The runtime flavors are `current_thread`, `local`, and `multi_thread`."
        )),
    }
}

fn unhandled_panic(text: &str) -> Result<UnhandledPanic, String> {
    match text {
        "ignore" => Ok(UnhandledPanic::Ignore),
        "shutdown_runtime" => Ok(UnhandledPanic::ShutdownRuntime),
        _ => Err(format!(
            "No such unhandled panic behavior `{text}`. \
             The unhandled panic behaviors are `ignore` and `shutdown_runtime`."
        )),
    }
}

fn cannot(name: &str, kind: &str) -> String {
    format!("Failed to parse value of `{name}` as {kind}.")
}

fn string(lit: &Lit, name: &str) -> Result<String, String> {
    match lit {
        Lit::Str(text) => Ok(text.value()),
        _ => Err(cannot(name, "string")),
    }
}

fn boolean(lit: &Lit, name: &str) -> Result<bool, String> {
    match lit {
        Lit::Bool(value) => Ok(value.value),
        _ => Err(cannot(name, "bool")),
    }
}

fn positive(lit: &Lit, name: &str) -> Result<usize, String> {
    let Lit::Int(number) = lit else { return Err(cannot(name, "integer")) };
    let because = |error: &dyn Display| format!("Failed to parse value of `{name}` as integer: {error}");
    match number.base10_parse() {
        Ok(0) => Err(format!("`{name}` may not be 0.")),
        Ok(number) => Ok(number),
        Err(error) => Err(because(&error)),
    }
}

fn path_in(lit: &Lit, name: &str) -> Result<Path, String> {
    let Lit::Str(text) = lit else { return Err(cannot(name, "path")) };
    text.parse().map_err(|_| format!("Failed to parse value of `{name}` as path: \"{}\"", text.value()))
}
