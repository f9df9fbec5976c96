//! `#[main]` and `#[test]`: an `async fn` becomes a plain one that blocks on its body.
//!
//! What is written:
//!
//! ```text
//! fn name() -> T {
//!     let body = async { .. };
//!     { use PATH::runtime::Builder; return Builder::new_multi_thread().enable_all().build().expect(..).block_on(body); }
//! }
//! ```
//!
//! The `return` is on purpose: without it a body that ends in a statement and one that ends in an expression would need
//! different code. A test's body goes in behind a `Pin<&mut dyn Future>`, so that a crate with a thousand tests has one
//! `block_on` and not a thousand; a program's does not, because there is one.

use crate::args::{Args, Flavor, UnhandledPanic};
use crate::item::ItemFn;
use crate::kind::Kind;
use crate::path;
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, Error, GenericArgument, Meta, PathArguments, ReturnType, Type};

/// The function, expanded; if something is wrong with it, as well as can be, and the error.
pub fn expand(kind: Kind, multi_thread: bool, args: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => return with_error(item, &error),
    };
    match check(kind, &function).and_then(|()| Args::parse(kind, multi_thread, args)) {
        Ok(args) => write(kind, function, &args),
        Err(error) => with_error(write(kind, function, &Args::after_error()), &error),
    }
}

fn with_error(mut tokens: TokenStream, error: &Error) -> TokenStream {
    tokens.extend(error.to_compile_error());
    tokens
}

fn check(kind: Kind, function: &ItemFn) -> syn::Result<()> {
    let signature = &function.signature;
    match kind {
        Kind::Main if signature.ident == "main" && !signature.inputs.is_empty() => {
            return Err(Error::new_spanned(&signature.ident, "the main function cannot accept arguments"));
        }
        Kind::Test => {
            if let Some(second) = function.attributes.iter().find(|attribute| is_test(attribute)) {
                let message = "second test attribute is supplied, \
                               consider removing or changing the order of your test attributes";
                return Err(Error::new_spanned(second, message));
            }
        }
        Kind::Main => {}
    }
    if signature.asyncness.is_none() {
        let message = "the `async` keyword is missing from the function declaration";
        return Err(Error::new_spanned(signature.fn_token, message));
    }
    Ok(())
}

/// Whether it is the compiler's `#[test]`, as a name or by its path in a prelude.
fn is_test(attribute: &Attribute) -> bool {
    let Meta::Path(path) = &attribute.meta else { return false };
    if path.segments.iter().any(|segment| !segment.arguments.is_none()) {
        return false;
    }
    let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => path.leading_colon.is_none(),
        ["core" | "std", "prelude", _, "test"] => true,
        _ => false,
    }
}

fn write(kind: Kind, mut function: ItemFn, args: &Args) -> TokenStream {
    function.signature.asyncness = None;
    let (start, end) = function.last_statement();
    let runtime = path::path(args.krate.as_ref(), Span::call_site().located_at(start));
    let builder = builder(args, &runtime, start);
    let body = body(kind, &function);
    let attributes = match kind {
        Kind::Main => TokenStream::new(),
        // After the function's own, so that what comes later in line sees it.
        Kind::Test => quote! { #[::core::prelude::v1::test] },
    };
    let import = quote_spanned! {Span::call_site().located_at(start)=> use #runtime::runtime::Builder; };
    let run = quote_spanned! {end=>
        #[allow(clippy::expect_used, clippy::diverging_sub_expression, clippy::needless_return, clippy::unwrap_in_result)]
        {
            #import
            return #builder.expect("Failed building the Runtime").block_on(body);
        }
    };
    function.with(attributes, quote! { #body #run })
}

/// From `Builder` to what may fail.
fn builder(args: &Args, runtime: &TokenStream, span: Span) -> TokenStream {
    let new = match args.flavor {
        Flavor::MultiThread => quote_spanned! {span=> Builder::new_multi_thread() },
        Flavor::CurrentThread | Flavor::Local => quote_spanned! {span=> Builder::new_current_thread() },
    };
    let worker_threads = args.worker_threads.map(|n| quote_spanned! {span=> .worker_threads(#n) });
    let start_paused = args.start_paused.map(|paused| quote_spanned! {span=> .start_paused(#paused) });
    let unhandled_panic = args.unhandled_panic.map(|panic| {
        let panic = match panic {
            UnhandledPanic::Ignore => quote_spanned! {span=> Ignore },
            UnhandledPanic::ShutdownRuntime => quote_spanned! {span=> ShutdownRuntime },
        };
        quote_spanned! {span=> .unhandled_panic(#runtime::runtime::UnhandledPanic::#panic) }
    });
    let name = args.name.as_ref().map(|name| quote_spanned! {span=> .name(#name) });
    let build = match args.flavor {
        Flavor::Local => quote_spanned! {span=> build_local(::core::default::Default::default()) },
        Flavor::MultiThread | Flavor::CurrentThread => quote_spanned! {span=> build() },
    };
    quote_spanned! {span=> #new #worker_threads #start_paused #unhandled_panic #name .enable_all().#build }
}

/// The statement that declares `body`, and makes sure of its type where that can be named.
fn body(kind: Kind, function: &ItemFn) -> TokenStream {
    let block = function.body();
    let (output, named) = match &function.signature.output {
        ReturnType::Default => (quote! { () }, true),
        ReturnType::Type(_, output) => (quote! { #output }, !is_unnamed(output)),
    };
    let never = matches!(&function.signature.output, ReturnType::Type(_, output) if matches!(**output, Type::Never(_)));
    let declared = quote! { let body = async #block; };
    match kind {
        Kind::Test if named => quote! {
            #declared
            let body: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = #output>> = ::core::pin::pin!(body);
        },
        // Never run: a mismatch is reported against the function's type, not against what `block_on` infers.
        Kind::Main if named && !never => quote! {
            #declared
            if false {
                let _: &dyn ::core::future::Future<Output = #output> = &body;
            }
        },
        Kind::Main | Kind::Test => declared,
    }
}

/// Whether `impl Trait` is anywhere in it.
fn is_unnamed(ty: &Type) -> bool {
    match ty {
        Type::ImplTrait(_) => true,
        Type::Array(ty) => is_unnamed(&ty.elem),
        Type::Ptr(ty) => is_unnamed(&ty.elem),
        Type::Reference(ty) => is_unnamed(&ty.elem),
        Type::Slice(ty) => is_unnamed(&ty.elem),
        Type::Tuple(ty) => ty.elems.iter().any(is_unnamed),
        Type::Paren(ty) => is_unnamed(&ty.elem),
        Type::Group(ty) => is_unnamed(&ty.elem),
        Type::Path(ty) => ty.path.segments.last().is_some_and(|segment| match &segment.arguments {
            PathArguments::None => false,
            PathArguments::AngleBracketed(arguments) => arguments.args.iter().any(|argument| match argument {
                GenericArgument::Type(ty) => is_unnamed(ty),
                GenericArgument::AssocType(associated) => is_unnamed(&associated.ty),
                _ => false,
            }),
            PathArguments::Parenthesized(arguments) => {
                arguments.inputs.iter().any(|input| is_unnamed(&input.ty))
                    || matches!(&arguments.output, ReturnType::Type(_, ty) if is_unnamed(ty))
            }
        }),
        _ => false,
    }
}
