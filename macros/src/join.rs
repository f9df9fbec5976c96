//! What `join!` and `try_join!` expand to.
//!
//! ```text
//! {
//!     let mut futures = (maybe_done(FUTURE), maybe_done(FUTURE));
//!     let futures = &mut futures;
//!     let mut first: u32 = 0;
//!     poll_fn(move |cx| { .. poll all, `first` first, which moves on by one; ready when all are done .. }).await
//! }
//! ```
//!
//! The start moves so that each future comes first in turn: one that uses up the whole budget does not keep the others
//! from theirs. With `biased` there is no `first`. `try_join!` returns the first error as soon as it is there.

use crate::branches::{self, Order, Parts, number, span};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

struct Join {
    facade: TokenStream,
    order: Order,
    tries: bool,
    futures: Vec<TokenStream>,
}

/// The expansion.
pub fn expand(input: TokenStream) -> TokenStream {
    match parse(input) {
        Some(join) => join.write(),
        None => branches::malformed(),
    }
}

fn parse(input: TokenStream) -> Option<Join> {
    let mut parts = Parts::new(input);
    let facade = parts.group()?;
    let tries = match parts.word()?.as_str() {
        "join" => false,
        "try_join" => true,
        _ => return None,
    };
    let order = Order::from_word(&parts.word()?)?;
    let (branches, end) = parts.branches();
    let futures = branches.into_iter().map(|mut branch| branch.group()).collect::<Option<_>>()?;
    end.is_none().then_some(Join { facade, order, tries, futures })
}

impl Join {
    fn write(&self) -> TokenStream {
        let Self { facade, futures, .. } = self;
        let n = number(futures.len());
        let (first, next) = match self.order {
            Order::Biased => (TokenStream::new(), TokenStream::new()),
            Order::Fair => (
                quote_spanned! {span()=> let mut first: u32 = 0; },
                quote_spanned! {span()=>
                    let start = first;
                    first = if first + 1 == #n { 0 } else { first + 1 };
                },
            ),
        };
        let branches: Vec<TokenStream> = (0..futures.len()).map(|i| self.branch(i)).collect();
        let visit = self.order.visit(&quote_spanned! {span()=> start }, &branches);
        let outputs = (0..futures.len()).map(|i| self.output(i));
        let mut outputs = quote_spanned! {span()=> (#(#outputs,)*) };
        if self.tries {
            outputs = quote_spanned! {span()=> #facade::macros::support::Result::Ok(#outputs) };
        }
        quote_spanned! {span()=> {
            let mut futures = (#(#facade::macros::support::maybe_done(#futures),)*);
            // The closure has a reference to the futures, and never the futures themselves: they must not move.
            let futures = &mut futures;
            #first
            #facade::macros::support::poll_fn(move |cx| {
                let mut pending = false;
                #next
                #visit
                if pending {
                    return #facade::macros::support::Poll::Pending;
                }
                // An output may have no values.
                #[allow(unreachable_code)]
                {
                    #facade::macros::support::Poll::Ready(#outputs)
                }
            }).await
        }}
    }

    /// The `i`th future, pinned.
    fn future(&self, i: usize) -> TokenStream {
        let (facade, field) = (&self.facade, number(i));
        quote_spanned! {span()=>
            // SAFETY: the futures lie in the frame of the caller, behind a reference; nothing moves them.
            unsafe { #facade::macros::support::Pin::new_unchecked(&mut futures.#field) }
        }
    }

    fn branch(&self, i: usize) -> TokenStream {
        let (facade, future) = (&self.facade, self.future(i));
        if !self.tries {
            return quote_spanned! {span()=> pending |= !#future.poll_done(cx); };
        }
        quote_spanned! {span()=>
            #[allow(unreachable_code)]
            match #future.poll_ok(cx) {
                #facade::macros::support::Poll::Pending => pending = true,
                #facade::macros::support::Poll::Ready(#facade::macros::support::Result::Ok(())) => {}
                #facade::macros::support::Poll::Ready(#facade::macros::support::Result::Err(error)) => {
                    return #facade::macros::support::Poll::Ready(#facade::macros::support::Result::Err(error));
                }
            }
        }
    }

    fn output(&self, i: usize) -> TokenStream {
        let future = self.future(i);
        let take = if self.tries {
            quote! { take_ok }
        } else {
            quote! { take }
        };
        quote_spanned! {span()=> #future.#take() }
    }
}
