//! What `select!` expands to.
//!
//! ```text
//! {
//!     enum Output<T0, T1> { Branch0(T0), Branch1(T1), Disabled }
//!     let mut disabled: u8 = 0;                              // a bit for each branch
//!     if !(CONDITION) { disabled |= 1; }                     // where there is one
//!     let mut output = {
//!         let futures = (FUTURE, FUTURE);                    // temporaries in them live as long as the block
//!         let mut futures = (into_future(futures.0), into_future(futures.1));
//!         let futures = &mut futures;
//!         poll_fn(move |cx| { .. poll those that are not disabled, from a random one on .. }).await
//!     };                                                     // every future is dropped here, before a handler runs
//!     match output { Output::Branch0(PATTERN) => HANDLER, .., Output::Disabled => ELSE }
//! }
//! ```
//!
//! The futures lie in one tuple on the caller's frame, so that the expansion costs a reference, a mask, and nothing else. A
//! branch whose value does not match its pattern is disabled like one whose condition is false; when none is left, the
//! `else` runs.

use crate::branches::{self, Order, Parts, number, numbered, parenthesized, span};
use crate::pattern;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::Error;

struct Branch {
    pattern: TokenStream,
    future: TokenStream,
    /// Nothing, if there is none.
    condition: TokenStream,
    handler: TokenStream,
}

struct Select {
    facade: TokenStream,
    order: Order,
    branches: Vec<Branch>,
    otherwise: TokenStream,
}

/// The expansion.
pub fn expand(input: TokenStream) -> TokenStream {
    let Some(select) = parse(input) else { return branches::malformed() };
    match select.mask() {
        Ok(mask) => select.write(&mask),
        Err(error) => error.to_compile_error(),
    }
}

fn parse(input: TokenStream) -> Option<Select> {
    let mut parts = Parts::new(input);
    let facade = parts.group()?;
    let order = Order::from_word(&parts.word()?)?;
    let (branches, end) = parts.branches();
    let branches = branches.into_iter().map(|mut branch| {
        Some(Branch {
            pattern: branch.group()?,
            future: branch.group()?,
            condition: branch.group()?,
            handler: branch.group()?,
        })
    });
    let branches = branches.collect::<Option<_>>()?;
    let otherwise = parts.group()?;
    (end.as_deref() == Some("else")).then_some(Select { facade, order, branches, otherwise })
}

impl Select {
    /// The type with a bit for each branch.
    fn mask(&self) -> syn::Result<Ident> {
        let bits = match self.branches.len() {
            0..=8 => 8,
            9..=16 => 16,
            17..=32 => 32,
            33..=64 => 64,
            n => {
                let message = format!("`select!` takes up to 64 branches, and here are {n}");
                return Err(Error::new(proc_macro2::Span::call_site(), message));
            }
        };
        Ok(format_ident!("u{bits}", span = span()))
    }

    fn write(&self, mask: &Ident) -> TokenStream {
        let n = self.branches.len();
        let types: Vec<Ident> = (0..n).map(|i| numbered("T", i)).collect();
        let variants: Vec<Ident> = (0..n).map(|i| numbered("Branch", i)).collect();
        let fields = (0..n).map(number);
        let futures = self.branches.iter().map(|branch| &branch.future);
        let conditions = self.branches.iter().enumerate().filter(|(_, branch)| !branch.condition.is_empty());
        let conditions = conditions.map(|(i, branch)| {
            let condition = parenthesized(branch.condition.clone());
            let bit = number(i);
            quote_spanned! {span()=> if !#condition { disabled |= 1 << #bit; } }
        });
        let patterns = self.branches.iter().map(|branch| &branch.pattern);
        let handlers = self.branches.iter().map(|branch| &branch.handler);
        let otherwise = &self.otherwise;
        let facade = &self.facade;
        let poll = self.poll(&variants);
        quote_spanned! {span()=> {
            enum __SelectOutput<#(#types),*> {
                #(#variants(#types),)*
                Disabled,
            }
            #[allow(unused_mut)]
            let mut disabled: #mask = 0;
            #(#conditions)*
            #[allow(unused_mut)]
            let mut output = {
                let futures = (#(#futures,)*);
                let mut futures = (#(#facade::macros::support::IntoFuture::into_future(futures.#fields),)*);
                // The closure has a reference to the futures, and never the futures themselves: they must not move.
                let futures = &mut futures;
                #facade::macros::support::poll_fn(move |cx| { #poll }).await
            };
            match output {
                #(__SelectOutput::#variants(#patterns) => #handlers,)*
                __SelectOutput::Disabled => #otherwise,
                #[allow(unreachable_patterns)]
                _ => ::core::unreachable!("a value matches its pattern once and then no more"),
            }
        }}
    }

    fn poll(&self, variants: &[Ident]) -> TokenStream {
        let facade = &self.facade;
        let n = number(self.branches.len());
        let branches = self.branches.iter().enumerate().map(|(i, branch)| {
            let (field, variant) = (number(i), &variants[i]);
            let looked_at = pattern::to_look_at(branch.pattern.clone());
            quote_spanned! {span()=>
                'branch: {
                    if disabled & 1 << #field != 0 {
                        break 'branch;
                    }
                    // SAFETY: the futures lie in the frame of the caller, behind a reference; nothing moves them.
                    let future = unsafe { #facade::macros::support::Pin::new_unchecked(&mut futures.#field) };
                    // As an arm that leaves, and not as a block that does nothing: an output whose type nothing says is `()`
                    // then, as it is where the future is awaited.
                    let output = match #facade::macros::support::Future::poll(future, cx) {
                        #facade::macros::support::Poll::Ready(output) => output,
                        #facade::macros::support::Poll::Pending => {
                            pending = true;
                            break 'branch;
                        }
                    };
                    #[allow(unreachable_code, unreachable_patterns, unused_variables, unused_mut)]
                    {
                        disabled |= 1 << #field;
                        match &output {
                            #looked_at => {}
                            _ => break 'branch,
                        }
                        return #facade::macros::support::Poll::Ready(__SelectOutput::#variant(output));
                    }
                }
            }
        });
        let start = quote_spanned! {span()=> #facade::macros::support::thread_rng_n(#n) };
        let visit = self.order.visit(&start, &branches.collect::<Vec<_>>());
        quote_spanned! {span()=>
            // Out of budget, the leaves would all refuse, and what is not a leaf would go on alone.
            #facade::macros::support::ready!(#facade::macros::support::poll_budget_available(cx));
            let mut pending = false;
            #visit
            if pending {
                #facade::macros::support::Poll::Pending
            } else {
                #facade::macros::support::Poll::Ready(__SelectOutput::Disabled)
            }
        }
    }
}
