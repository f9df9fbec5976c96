//! The static probes: that they are in the program when the feature is on, all of them, once, with their arguments; and not when
//! it is off.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use gumption::runtime::Builder;
use std::collections::BTreeMap;
use std::process::Command;

/// Each probe, and how many arguments it has.
const PROBES: [(&str, usize); 15] = [
    ("blocking__enter", 1),
    ("blocking__exit", 2),
    ("handoff", 1),
    ("io__turn", 1),
    ("park", 1),
    ("poll__end", 3),
    ("poll__start", 5),
    ("retake", 1),
    ("steal", 3),
    ("task__block", 4),
    ("task__exit", 2),
    ("task__spawn", 5),
    ("task__wake", 2),
    ("timer__fire", 2),
    ("unpark", 1),
];

#[test]
fn readelf_lists_the_probes_if_the_feature_is_on() {
    // Whatever is linked in only when it is used.
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { gumption::task::spawn(gumption::task::yield_now()).await.unwrap() });
    let Ok(said) = Command::new("readelf").args(["-n", "-W"]).arg(std::env::current_exe().unwrap()).output() else {
        return eprintln!("there is no readelf here: nothing is tested");
    };
    let said = String::from_utf8_lossy(&said.stdout);
    let mut found = BTreeMap::<&str, Vec<usize>>::new();
    let (mut ours, mut name) = (false, "");
    for line in said.lines().map(str::trim) {
        if let Some((_, provider)) = line.split_once("Provider: ") {
            ours = provider == "gumption";
        } else if let Some(named) = line.strip_prefix("Name: ") {
            name = named;
        } else if let Some(place) = line.strip_prefix("Location: ").filter(|_| ours) {
            let numbers: Vec<_> = place.split(", ").map(|number| number.rsplit("0x").next().unwrap()).collect();
            let numbers = numbers.iter().map(|number| u64::from_str_radix(number, 16).unwrap());
            // One whose function the linker threw away lies next to the beginning of nowhere.
            assert!(numbers.clone().count() == 3 && numbers.clone().all(|number| number > 0x100), "{name}: {line}");
        } else if let Some(arguments) = line.strip_prefix("Arguments: ").filter(|_| ours) {
            found.entry(name).or_default().push(arguments.split(' ').count());
        }
    }
    let wanted: Vec<_> = PROBES.iter().map(|&(name, arguments)| (name, vec![arguments])).collect();
    let wanted = if cfg!(feature = "usdt") { wanted } else { Vec::new() };
    assert_eq!(found.into_iter().collect::<Vec<_>>(), wanted);
}
