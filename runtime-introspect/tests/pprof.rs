//! What `go tool pprof` says of our profiles.
//!
//! The format is Go's, so Go's own tool is the judge: every profile here is written, gzip'd, and given to it. `go` is looked for
//! in `$GUMPTION_GO`, then on the path; where there is none the tests say so and prove nothing. `.ci/pprof` fetches one.

use std::path::PathBuf;
use std::process::Command;

use gumption_introspect::profile::{Call, Label, Line, Profile, Sample, ValueKind};

/// A `go` that runs, if there is one.
fn go() -> Option<PathBuf> {
    let go = std::env::var_os("GUMPTION_GO").map_or_else(|| PathBuf::from("go"), PathBuf::from);
    let runs = Command::new(&go).arg("version").output().is_ok_and(|output| output.status.success());
    if !runs {
        assert!(std::env::var_os("GUMPTION_GO").is_none(), "GUMPTION_GO={} does not run", go.display());
        eprintln!("NOT RUN: there is no go on the path, and GUMPTION_GO names none");
    }
    runs.then_some(go)
}

/// What `go tool pprof OPTIONS` prints of `profile`, if there is a go.
fn pprof(name: &str, profile: &Profile, options: &[&str]) -> Option<String> {
    let go = go()?;
    let file = std::env::temp_dir().join(format!("gumption-{}-{name}.pb.gz", std::process::id()));
    std::fs::write(&file, profile.gzip()).unwrap();
    let output = Command::new(go).args(["tool", "pprof"]).args(options).arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "pprof {options:?}: {err}");
    Some(out.into_owned())
}

fn example() -> Profile {
    let mut profile = Profile::new([ValueKind::new("waits", "count"), ValueKind::new("delay", "nanoseconds")]);
    profile.period = Some((ValueKind::new("waits", "count"), 1));
    profile.comments.push("one wait in 1 is sampled".into());
    let line = |function: &str, file: &str, line| Line { function: function.into(), file: file.into(), line };
    let serve = Call { address: 0x1010, lines: vec![line("app::serve::{{closure}}", "src/main.rs", 40)] };
    let lock = Call {
        address: 0x1020,
        lines: vec![
            line("<app::Db as app::Lock>::lock", "src/db.rs", 9),
            line("app::update::{{closure}}", "src/main.rs", 52),
        ],
    };
    for (stack, values, reason) in [
        (vec![lock, serve.clone()], [3, 5_000_000], "sync.Mutex.Lock"),
        (vec![Call::named("[IO read]"), serve], [120, 90_000_000_000], "IO read"),
    ] {
        let labels = vec![Label::text("reason", reason), Label::number("age", 5_000_000, "nanoseconds")];
        profile.push(Sample { stack, values: values.to_vec(), labels });
    }
    profile
}

#[test]
fn top_knows_the_functions_and_the_unit() {
    let Some(top) = pprof("top", &example(), &["-top", "-nodefraction=0"]) else { return };
    assert!(top.contains("Type: delay"), "{top}");
    assert!(top.contains("90000ms") && top.contains("[IO read]"), "{top}");
    assert!(top.contains("<app::Db as app::Lock>::lock"), "{top}");
    let waits = pprof("top-waits", &example(), &["-top", "-sample_index=waits"]).unwrap();
    assert!(waits.contains("Type: waits") && waits.contains("120"), "{waits}");
}

#[test]
fn raw_has_lines_inlined_frames_and_no_need_for_symbols() {
    let Some(raw) = pprof("raw", &example(), &["-raw"]) else { return };
    for part in [
        "waits/count delay/nanoseconds",
        "src/main.rs:40",
        "src/db.rs:9",
        "[FN][FL][LN][IN]",
        "PeriodType: waits count",
    ] {
        assert!(raw.contains(part), "{part} is missing in\n{raw}");
    }
    assert!(raw.contains("app::update::{{closure}} src/main.rs:52"), "the inlined frame's caller:\n{raw}");
}

#[test]
fn labels_are_tags() {
    let Some(tags) = pprof("tags", &example(), &["-tags"]) else { return };
    assert!(tags.contains("reason:") && tags.contains("sync.Mutex.Lock"), "{tags}");
    assert!(tags.contains("age:") && tags.contains("5ms"), "{tags}");
    let focus = pprof("focus", &example(), &["-top", "-tagfocus=reason=sync.Mutex.Lock"]).unwrap();
    assert!(focus.contains("<app::Db as app::Lock>::lock") && !focus.contains("[IO read]"), "{focus}");
    let traces = pprof("traces", &example(), &["-traces"]).unwrap();
    assert!(traces.contains("app::update::{{closure}}"), "{traces}");
    let comments = pprof("comments", &example(), &["-comments"]).unwrap();
    assert!(comments.contains("one wait in 1 is sampled"), "{comments}");
}

#[test]
fn it_subtracts_as_we_do() {
    let Some(go) = go() else { return };
    let before = example();
    let mut after = example();
    after.time_ns += 1;
    after.samples[0].values = vec![10, 25_000_000];
    let files =
        ["before", "after"].map(|name| std::env::temp_dir().join(format!("gumption-{}-{name}", std::process::id())));
    for (file, profile) in files.iter().zip([&before, &after]) {
        std::fs::write(file, profile.gzip()).unwrap();
    }
    let base = format!("-base={}", files[0].display());
    let output = Command::new(go).args(["tool", "pprof", "-raw", &base]).arg(&files[1]).output().unwrap();
    files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let raw = String::from_utf8_lossy(&output.stdout);
    let ours = after.minus(&before);
    assert_eq!(ours.samples.len(), 1);
    assert_eq!(ours.samples[0].values, [7, 20_000_000]);
    assert!(raw.lines().any(|line| line.trim_start().starts_with("7   20000000:")), "{raw}");
}
