//! What the sources, the models and `README.md` say about each other must agree. Runs in every build; checks text only.
//!
//! A mutant that no model lists is a step that nobody has shown to matter, and a model that the table does not list is
//! one that nobody knows of. (That a listed mutant exists is shown when it runs: the harness demands that the code asks
//! for its name.)

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The sources under a directory beside this package's manifest, as one text.
fn text(dir: &str) -> String {
    let mut files = Vec::new();
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut files);
    files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Whether a literal can be a mutant's name: words with dashes, the family first.
fn is_name(literal: &str) -> bool {
    literal.contains('-') && literal.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn family(name: &str) -> &str {
    name.split('-').next().unwrap_or(name)
}

/// The names that `source` asks for, where they are written in the call.
fn asked_for(source: &str) -> BTreeSet<&str> {
    let calls = ["broken(", "weaken("].into_iter().flat_map(|call| source.split(call).skip(1));
    let names = calls.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
    names.filter(|name| is_name(name)).collect()
}

/// The string literals in `source` that are names of these families: a name may be handed on before it is asked for.
fn of_families<'a>(source: &'a str, families: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let literals = code.flat_map(|line| line.split('"').skip(1).step_by(2));
    literals.filter(|literal| is_name(literal) && families.contains(family(literal))).collect()
}

/// The models named on the left in `mutants!` blocks.
fn models(source: &str) -> BTreeSet<&str> {
    let blocks = source.split("\nmutants! {").skip(1).filter_map(|rest| rest.split("\n}").next());
    let entries = blocks.flat_map(|block| block.split(';'));
    entries.filter_map(|entry| entry.split_once(": [")).map(|(model, _)| model.trim()).collect()
}

#[test]
fn every_mutant_is_listed_by_a_model() {
    let sources = text("../runtime-core/src") + &text("../runtime-io/src") + &text("../src");
    // Words with dashes are common in what observers say: only what is asked for in so many words counts there.
    let (observers, tests) = (text("../runtime-introspect/src"), text("tests"));
    let asked: BTreeSet<_> = asked_for(&sources).into_iter().chain(asked_for(&observers)).collect();
    let families: BTreeSet<_> = asked.iter().map(|name| family(name)).collect();
    let mut in_code = of_families(&sources, &families);
    in_code.extend(&asked);
    let listed = of_families(&tests, &families);
    assert!(in_code.len() > 200 && families.len() > 20, "the search has gone blind: {in_code:?}");
    let unlisted: Vec<_> = in_code.difference(&listed).collect();
    assert!(unlisted.is_empty(), "no model lists these mutants: {unlisted:?}");
}

#[test]
fn every_model_is_in_the_table() {
    let tests = text("tests");
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let models = models(&tests);
    assert!(models.len() > 10, "the search has gone blind: {models:?}");
    let missing: Vec<_> = models.iter().filter(|model| !readme.contains(&format!("`{model}`"))).collect();
    assert!(missing.is_empty(), "README.md lists none of these models: {missing:?}");
}

#[test]
fn the_map_points_at_models_that_exist() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = std::fs::read_to_string(here.join("../ARCHITECTURE.md")).unwrap();
    // | family | `invariant` | what it says | `file.rs`, `file.rs` |
    let table = map.split("<!-- invariants -->").nth(1).and_then(|rest| rest.split("<!-- end -->").next()).unwrap();
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with('|') && line.contains(".rs`")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let (model, files) = (cells[2].trim_matches('`'), cells[4]);
        for file in files.split(", ").map(|file| file.trim_matches('`')) {
            let source = std::fs::read_to_string(here.join("tests").join(file)).unwrap();
            assert!(source.contains(&format!("fn {model}()")), "{file} has no model {model}");
        }
        rows += 1;
    }
    assert!(rows > 20, "the search has gone blind: {rows} rows");
}
