//! A pattern, stripped of what it binds by reference or as mutable.
//!
//! `select!` asks of a value behind a shared reference whether a branch's pattern matches it, before it takes the value
//! apart with the same pattern. For the question `ref`, `mut` and `&mut` must go: they would borrow what is only looked at.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Pat;
use syn::parse::Parser;

/// The pattern to ask with. What is not a pattern stays as it is: the compiler says so where the pattern is used.
pub fn to_look_at(pattern: TokenStream) -> TokenStream {
    match Pat::parse_multi_with_leading_vert.parse2(unwrapped(pattern.clone())) {
        Ok(mut parsed) => {
            strip(&mut parsed);
            parsed.into_token_stream()
        }
        Err(_) => pattern,
    }
}

/// Without the invisible parentheses that a declarative macro puts around what it has parsed.
fn unwrapped(tokens: TokenStream) -> TokenStream {
    let mut inside = tokens.clone().into_iter();
    match (inside.next(), inside.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => unwrapped(group.stream()),
        _ => tokens,
    }
}

fn strip(pattern: &mut Pat) {
    match pattern {
        Pat::Ident(name) => {
            name.by_ref = None;
            name.mutability = None;
            if let Some((_, inner)) = &mut name.subpat {
                strip(inner);
            }
        }
        Pat::Reference(reference) => {
            reference.mutability = None;
            strip(&mut reference.pat);
        }
        Pat::Or(or) => or.cases.iter_mut().for_each(strip),
        Pat::Paren(inner) => strip(&mut inner.pat),
        Pat::Slice(slice) => slice.elems.iter_mut().for_each(strip),
        Pat::Struct(fields) => fields.fields.iter_mut().for_each(|field| strip(&mut field.pat)),
        Pat::Tuple(tuple) => tuple.elems.iter_mut().for_each(strip),
        Pat::TupleStruct(tuple) => tuple.elems.iter_mut().for_each(strip),
        Pat::Type(typed) => strip(&mut typed.pat),
        // Nothing else binds, or it is a macro, or syntax that we do not know: left to the compiler.
        _ => {}
    }
}
