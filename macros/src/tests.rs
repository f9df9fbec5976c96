//! What the attributes refuse, in which words, and at which token; and that the function is there all the same.

use crate::entry::expand;
use crate::kind::Kind;
use proc_macro2::{TokenStream, TokenTree};

const MAIN: &str = "async fn main() {}";
const UNKNOWN: &str =
    "; expected one of: `flavor`, `worker_threads`, `start_paused`, `crate`, `unhandled_panic`, `name`.";

fn tokens(text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The message of the error in an expansion, and the token it stands at.
fn error(expansion: TokenStream) -> Option<(String, String)> {
    let tokens: Vec<TokenTree> = expansion.into_iter().collect();
    let at = tokens.iter().position(|token| matches!(token, TokenTree::Ident(name) if name == "compile_error"))?;
    let message = tokens.iter().skip(at).find_map(|token| match token {
        TokenTree::Group(group) => syn::parse2::<syn::LitStr>(group.stream()).ok(),
        _ => None,
    })?;
    Some((message.value(), tokens[at].span().source_text().unwrap_or_default()))
}

#[track_caller]
fn refused(kind: Kind, args: &str, item: &str, message: &str, at: &str) {
    let expansion = expand(kind, true, tokens(args), tokens(item));
    assert!(expansion.to_string().contains("fn "), "an editor needs the function: {expansion}");
    assert_eq!(error(expansion), Some((message.to_owned(), at.to_owned())), "{args}");
}

#[track_caller]
fn accepted(kind: Kind, args: &str, item: &str, builder: &str) {
    let expansion = expand(kind, true, tokens(args), tokens(item));
    assert_eq!(error(expansion.clone()), None);
    let text = expansion.to_string().replace(' ', "");
    assert!(text.contains(&builder.replace(' ', "")), "{builder} is not in {text}");
}

#[test]
fn arguments_become_a_builder() {
    accepted(Kind::Main, "", MAIN, "Builder::new_multi_thread().enable_all().build()");
    accepted(Kind::Test, "", MAIN, "Builder::new_current_thread().enable_all().build()");
    accepted(Kind::Main, "worker_threads = 3", MAIN, "Builder::new_multi_thread().worker_threads(3usize).enable_all()");
    accepted(Kind::Test, "start_paused = true", MAIN, "Builder::new_current_thread().start_paused(true).enable_all()");
    accepted(Kind::Main, "flavor = \"local\"", MAIN, ".build_local(::core::default::Default::default())");
    accepted(Kind::Test, "name = \"seven\"", MAIN, ".name(\"seven\")");
    let panic = "flavor = \"current_thread\", unhandled_panic = \"shutdown_runtime\"";
    accepted(Kind::Main, panic, MAIN, ".unhandled_panic(::gumption::runtime::UnhandledPanic::ShutdownRuntime)");
    accepted(Kind::Main, "crate = \"a::b\"", MAIN, "use a::b::runtime::Builder;");
    accepted(Kind::Main, "", MAIN, "use ::gumption::runtime::Builder;");
}

#[test]
fn functions_keep_all_but_async() {
    let item = "#[doc = \"d\"] pub(crate) unsafe fn f<'a, T: Send>(x: &'a T) -> &'a T where T: Sync";
    let given = item.replace("unsafe fn", "async unsafe fn") + " { #![allow(unused)] x }";
    let expected = item.replace("pub(crate)", "#[allow(unused)] pub(crate)");
    accepted(Kind::Main, "", &given, &tokens(&expected).to_string());
    accepted(Kind::Test, "", "async fn t() {}", "#[::core::prelude::v1::test] fn t()");
}

#[test]
fn functions_that_cannot_be() {
    refused(Kind::Main, "", "fn main() {}", "the `async` keyword is missing from the function declaration", "fn");
    refused(Kind::Test, "", "fn t() {}", "the `async` keyword is missing from the function declaration", "fn");
    refused(Kind::Main, "", "async fn main(n: u32) {}", "the main function cannot accept arguments", "main");
    let second = "second test attribute is supplied, consider removing or changing the order of your test attributes";
    refused(Kind::Test, "", "#[test] async fn t() {}", second, "#");
    refused(Kind::Test, "", "#[std::prelude::v1::test] async fn t() {}", second, "#");
    accepted(Kind::Test, "", "#[other::test] async fn t() {}", "fn t()");
    accepted(Kind::Main, "", "#[test] async fn t() {}", "fn t()");
}

#[test]
fn values_that_cannot_be() {
    let refused = |args, message, at| refused(Kind::Main, args, MAIN, message, at);
    refused("worker_threads = 0", "`worker_threads` may not be 0.", "0");
    refused("worker_threads = \"4\"", "Failed to parse value of `worker_threads` as integer.", "\"4\"");
    refused(
        "worker_threads = -1",
        "Failed to parse value of `worker_threads` as integer: invalid digit found in string",
        "-1",
    );
    refused("worker_threads = 1 + 1", "Must be a literal", "1");
    refused("flavor = 4", "Failed to parse value of `flavor` as string.", "4");
    refused("start_paused = 1", "Failed to parse value of `start_paused` as bool.", "1");
    refused("crate = 4", "Failed to parse value of `crate` as path.", "4");
    refused("crate = \"a b\"", "Failed to parse value of `crate` as path: \"a b\"", "\"a b\"");
    refused("flavor = \"local\", flavor = \"local\"", "`flavor` set multiple times.", "\"local\"");
    refused(
        "flavor = \"foo\"",
        "No such runtime flavor `foo`. The runtime flavors are `current_thread`, `local`, and `multi_thread`.",
        "\"foo\"",
    );
    refused(
        "flavor = \"basic_scheduler\"",
        "The `basic_scheduler` runtime flavor has been renamed to `current_thread`.",
        "\"basic_scheduler\"",
    );
    refused(
        "flavor = \"local\", unhandled_panic = \"foo\"",
        "No such unhandled panic behavior `foo`. The unhandled panic behaviors are `ignore` and `shutdown_runtime`.",
        "\"foo\"",
    );
}

#[test]
fn arguments_that_cannot_be() {
    let refused = |args, message: &str, at| refused(Kind::Main, args, MAIN, message, at);
    refused("foo = 1", &format!("Unknown attribute foo is specified{UNKNOWN}"), "foo");
    refused("foo", &format!("Unknown attribute foo is specified{UNKNOWN}"), "foo");
    refused("flavor", "The `flavor` attribute requires an argument.", "flavor");
    refused("foo::bar", "Must have specified ident", "foo");
    refused("foo(bar)", "Unknown attribute inside the macro", "foo");
    refused("core_threads = 1", "Attribute `core_threads` is renamed to `worker_threads`", "core_threads");
    refused(
        "multi_thread",
        "Set the runtime flavor with #[gumption::main(flavor = \"multi_thread\")].",
        "multi_thread",
    );
}

#[test]
fn arguments_that_cannot_be_together() {
    let requires = |option: &str, kind: Kind, flavor: &str| {
        format!(
            "The `{option}` option requires the `{flavor}` runtime flavor. Use `#[gumption::{kind}(flavor = \"{flavor}\")]`"
        )
    };
    let threads = |kind| requires("worker_threads", kind, "multi_thread");
    refused(Kind::Test, "worker_threads = 4", MAIN, &threads(Kind::Test), "4");
    refused(Kind::Main, "flavor = \"local\", worker_threads = 4", MAIN, &threads(Kind::Main), "4");
    refused(Kind::Main, "start_paused = true", MAIN, &requires("start_paused", Kind::Main, "current_thread"), "true");
    refused(
        Kind::Main,
        "unhandled_panic = \"ignore\"",
        MAIN,
        &requires("unhandled_panic", Kind::Main, "current_thread"),
        "\"ignore\"",
    );
}

#[test]
fn without_the_feature_there_is_no_multi_thread() {
    let refusal = |kind, args| error(expand(kind, false, tokens(args), tokens(MAIN))).map(|(message, _)| message);
    let default = "The default runtime flavor is `multi_thread`, but the `rt-multi-thread` feature is disabled.";
    assert_eq!(refusal(Kind::Main, ""), Some(default.to_owned()));
    let asked = "The runtime flavor `multi_thread` requires the `rt-multi-thread` feature.";
    assert_eq!(refusal(Kind::Test, "flavor = \"multi_thread\""), Some(asked.to_owned()));
    assert_eq!(refusal(Kind::Test, ""), None);
    assert_eq!(refusal(Kind::Main, "flavor = \"current_thread\""), None);
}

#[test]
fn what_is_no_function_stays_with_an_error() {
    let expansion = expand(Kind::Main, true, TokenStream::new(), tokens("struct Main;"));
    assert!(expansion.to_string().starts_with("struct Main"));
    assert!(error(expansion).is_some());
}

#[test]
fn patterns_lose_what_borrows_and_nothing_else() {
    let text = |tokens: TokenStream| tokens.to_string().replace(' ', "");
    let same = |given, left| assert_eq!(text(crate::pattern::to_look_at(tokens(given))), text(tokens(left)));
    same("mut x", "x");
    same("ref mut x @ Some(ref y)", "x @ Some(y)");
    same("&mut (ref a, [mut b, .., c], S { mut d, e: ref f, .. })", "&(a, [b, .., c], S { d, e: f, .. })");
    same("Ok(mut n) | Err(n)", "Ok(n) | Err(n)");
    same("A::B | 0..=9 | \"s\" | _", "A::B | 0..=9 | \"s\" | _");
    same("not a pattern", "not a pattern");
}

#[test]
fn hidden_macros_refuse_what_select_and_join_do_not_write() {
    let branches = |n: usize| format!("(c) fair {} else (e)", "[(p) (f) () (h)]".repeat(n));
    let message = |input: &str| error(crate::select::expand(tokens(input))).map(|(message, _)| message);
    assert!(message("nonsense").is_some_and(|message| message.contains("not to be called")));
    let too_many = syn::parse2::<syn::Macro>(crate::select::expand(tokens(&branches(65))));
    assert!(too_many.is_ok_and(|error| error.tokens.to_string().contains("up to 64 branches, and here are 65")));
    for (n, mask) in [(1, "u8"), (8, "u8"), (9, "u16"), (17, "u32"), (33, "u64"), (64, "u64")] {
        let expansion = crate::select::expand(tokens(&branches(n))).to_string();
        assert!(expansion.contains(&format!("disabled : {mask} = 0")), "{n}: {expansion}");
    }
    assert!(crate::join::expand(tokens("(c) neither fair")).to_string().contains("compile_error"));
}
