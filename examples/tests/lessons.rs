//! Runs every lesson, whole and broken: the self-check holds for the former and fails where it should for the latter.

use std::process::{Command, Output, Stdio};

fn run(lesson: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        Command::new(lesson).args(arguments).stdin(Stdio::null()).output().expect("the lesson starts");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

/// The lesson teaches what it says, and notices when its load-bearing part is missing: in `noticed`, and nowhere else.
fn holds_and_breaks(lesson: &str, picture: &[&str], noticed: &[&str]) {
    let (code, output) = run(lesson, &[]);
    assert_eq!(code, Some(0), "{output}");
    for line in picture {
        assert!(output.contains(line), "no {line:?} in\n{output}");
    }
    for part in ["break it", "explain it", "fix it", "self-check: "] {
        assert!(output.contains(part), "no {part:?} in\n{output}");
    }

    let (code, output) = run(lesson, &["--break"]);
    assert_eq!(code, Some(1), "{output}");
    let failed: Vec<&str> = output.lines().filter(|line| line.trim_start().starts_with("FAILED")).collect();
    assert_eq!(failed.len(), noticed.len(), "{output}");
    for (line, what) in failed.iter().zip(noticed) {
        assert!(line.contains(what), "{line:?} does not speak of {what:?}");
    }

    let (code, output) = run(lesson, &["--brake"]);
    assert_eq!(code, Some(2), "{output}");
    assert!(output.contains("--brake") && output.contains("--break"), "{output}");
}

#[test]
fn one_p_one_m() {
    holds_and_breaks(
        env!("CARGO_BIN_EXE_01-one-p-one-m"),
        &["P0 run:[G1] next:– lq:[G2 G3 G4", "P0 run:[G2] next:– lq:[G3 G4 G1", "self-check: 7 of 7 hold"],
        &["did not foresee"],
    );
}

#[test]
fn poll_and_wake() {
    holds_and_breaks(
        env!("CARGO_BIN_EXE_02-poll-and-wake"),
        &["[waiting]▸ dead    polls 1 wakes 0  {chan receive}", "▸[dead]   polls 2 wakes 1", "self-check: 5 of 5 hold"],
        &["states", "polls", "wakes", "returned", "still there"],
    );
}

#[test]
fn next_slot() {
    holds_and_breaks(
        env!("CARGO_BIN_EXE_03-next-slot"),
        &["crowd  ABC ABC ABC", "rally  ›   ‹›‹›   ‹›‹›", "self-check: 5 of 5 hold"],
        &["strokes while the crowd waits"],
    );
}
