//! Under what name the compiled crate knows the runtime.
//!
//! A user writes `gumption = "..."`, or `tokio = { package = "gumption", ... }`, or has a package named tokio that
//! re-exports us. A procedural macro has no `$crate`, so the name is looked up in the manifest of the crate that is compiled:
//! the first dependency on the package `gumption`, through the workspace's table if the manifest inherits it.
//! `proc-macro-crate` reads it once for each manifest and again only if it changed.
//!
//! Where there is none, the name is `tokio`, and it is a plain name and no path from the root: `use other::tokio` makes it
//! right where a crate re-exports us.

use proc_macro_crate::FoundCrate;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Ident;

/// The path to the façade, in `span`, unless the user gave one.
pub fn path(given: Option<&syn::Path>, span: Span) -> TokenStream {
    if let Some(path) = given {
        return path.to_token_stream();
    }
    match found() {
        Some(name) => {
            let name = Ident::new(&name, span);
            quote_spanned! {span=> ::#name }
        }
        None => Ident::new("tokio", span).into_token_stream(),
    }
}

/// The same, as an error message shows it.
pub fn name(given: Option<&syn::Path>) -> String {
    match given {
        Some(path) => path.to_token_stream().to_string().replace(' ', ""),
        None => found().unwrap_or_else(|| "tokio".to_owned()),
    }
}

/// A manifest that cannot be read, or does not name us, is no error here: then the name is `tokio`, and if that is
/// wrong, too, the compiler says so.
fn found() -> Option<String> {
    match proc_macro_crate::crate_name("gumption").ok()? {
        // The façade's own tests, examples and documentation; its unit tests have `extern crate self as gumption`.
        FoundCrate::Itself => Some("gumption".to_owned()),
        FoundCrate::Name(name) => Some(name),
    }
}
