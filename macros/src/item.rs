//! [`ItemFn`]: a function taken apart as far as the attributes need, and put together again.
//!
//! The body stays a row of tokens: a procedural macro that parses what it does not look at is slow, and fails on syntax
//! that is newer than its parser, or not finished yet in an editor.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{AttrStyle, Attribute, Signature, Visibility, braced, token};

/// A function.
pub struct ItemFn {
    /// Those before it, and those that the body begins with.
    pub attributes: Vec<Attribute>,
    visibility: Visibility,
    /// From its keywords to its where clause.
    pub signature: Signature,
    brace: token::Brace,
    body: TokenStream,
}

impl Parse for ItemFn {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let content;
        let brace = braced!(content in input);
        // The body becomes an expression, which cannot have attributes inside.
        attributes.extend(
            content
                .call(Attribute::parse_inner)?
                .into_iter()
                .map(|attribute| Attribute { style: AttrStyle::Outer, ..attribute }),
        );
        Ok(Self { attributes, visibility, signature, brace, body: content.parse()? })
    }
}

impl ItemFn {
    /// The body, in its braces.
    pub fn body(&self) -> TokenStream {
        let mut group = Group::new(proc_macro2::Delimiter::Brace, self.body.clone());
        group.set_span(self.brace.span.join());
        TokenTree::Group(group).into_token_stream()
    }

    /// Where the last statement begins and ends: the compiler reports there what is wrong with the returned type.
    pub fn last_statement(&self) -> (Span, Span) {
        let tokens: Vec<TokenTree> = self.body.clone().into_iter().collect();
        let Some(last) = tokens.last() else { return (Span::call_site(), Span::call_site()) };
        let semicolon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
        let before = &tokens[..tokens.len() - 1];
        let start = before.iter().rposition(semicolon).map_or(0, |at| at + 1);
        (tokens[start].span(), last.span())
    }

    /// The function with `attributes` after its own and `body` for its body.
    pub fn with(&self, attributes: TokenStream, body: TokenStream) -> TokenStream {
        let Self { attributes: own, visibility, signature, .. } = self;
        let mut tokens = quote! { #(#own)* #attributes #visibility #signature };
        self.brace.surround(&mut tokens, |tokens| tokens.extend(body));
        tokens
    }
}
