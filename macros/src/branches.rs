//! What the façade's declarative macros hand over, and what all expansions have in common.
//!
//! ```text
//! select_branches!(($crate) biased [(PATTERN) (FUTURE) (CONDITION or nothing) (HANDLER)] .. else (EXPRESSION))
//! join_branches!  (($crate) fair [(FUTURE)] ..)
//! ```
//!
//! The compiler has parsed each part, so what is in parentheses is taken as it is. The first group holds the façade's `$crate`,
//! by which the expansion finds it whatever its name is.
//!
//! Two ways to go through the branches: in the order they are written, as straight code; or from a start that is only known
//! at run time, as a loop over a `match`. Every branch's code is written once in both.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree, token_stream};
use quote::{ToTokens, quote, quote_spanned};

/// A name or a field that user code can neither see nor shadow, where the compiler lets it: a local is resolved where the
/// macro is defined.
pub fn span() -> Span {
    Span::mixed_site()
}

/// The parts of the input, one after the other.
pub struct Parts(token_stream::IntoIter);

impl Parts {
    /// From the beginning.
    pub fn new(input: TokenStream) -> Self {
        Self(input.into_iter())
    }

    /// The next part, without what encloses it.
    pub fn group(&mut self) -> Option<TokenStream> {
        match self.0.next()? {
            TokenTree::Group(group) => Some(group.stream()),
            _ => None,
        }
    }

    /// The next part, if it is a word.
    pub fn word(&mut self) -> Option<String> {
        match self.0.next()? {
            TokenTree::Ident(word) => Some(word.to_string()),
            _ => None,
        }
    }

    /// The parts in brackets from here on, each, and the word that ends them or nothing.
    pub fn branches(&mut self) -> (Vec<Self>, Option<String>) {
        let mut branches = Vec::new();
        for token in self.0.by_ref() {
            match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                    branches.push(Self::new(group.stream()));
                }
                other => return (branches, Some(other.to_string())),
            }
        }
        (branches, None)
    }
}

/// In which order the branches are looked at.
#[derive(Clone, Copy, PartialEq)]
pub enum Order {
    /// As they are written.
    Biased,
    /// As they are written, from a start that moves.
    Fair,
}

impl Order {
    /// From the word for it.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "biased" => Some(Self::Biased),
            "fair" => Some(Self::Fair),
            _ => None,
        }
    }

    /// The code of all branches: in a row, or in a loop that begins with the branch of the number `start`.
    pub fn visit(self, start: &TokenStream, branches: &[TokenStream]) -> TokenStream {
        let n = branches.len();
        let (last, others) = match (self, branches.split_last()) {
            (Self::Fair, Some((last, others))) if n > 1 => (last, others),
            _ => return quote! { #(#branches)* },
        };
        let numbers = (0..n).map(number);
        let numbers = numbers.take(n - 1);
        let n = number(n);
        quote_spanned! {span()=>
            let mut branch: u32 = #start;
            for _ in 0..#n {
                match branch {
                    #(#numbers => { #others })*
                    _ => { #last }
                }
                branch = if branch + 1 == #n { 0 } else { branch + 1 };
            }
        }
    }
}

/// `n`, as a number without a type: a field, a pattern, a shift.
pub fn number(n: usize) -> Literal {
    let mut number = Literal::usize_unsuffixed(n);
    number.set_span(span());
    number
}

/// An expression that a user wrote, safe from what stands before and after it.
pub fn parenthesized(expression: TokenStream) -> TokenStream {
    TokenTree::Group(Group::new(Delimiter::Parenthesis, expression)).into_token_stream()
}

/// `prefix` and `n`, as a name.
pub fn numbered(prefix: &str, n: usize) -> Ident {
    Ident::new(&format!("{prefix}{n}"), span())
}

/// The error for input that the façade's macros never make: somebody calls the hidden macro by hand.
pub fn malformed() -> TokenStream {
    quote! { ::core::compile_error!("this macro is a part of `select!`, `join!` and `try_join!`, and not to be called") }
}
