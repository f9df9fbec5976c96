//! `gumption list`: every workload, a line each.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::catalogue::ALL;

/// As JSON: an array with an object for each workload.
pub fn json() -> Value {
    ALL.iter()
        .map(|workload| {
            let knobs: Vec<Value> = workload
                .knobs()
                .iter()
                .map(|k| json!({"name": k.name, "default": k.default, "min": k.min, "max": k.max, "help": k.help}))
                .collect();
            let variants: Vec<&str> = workload.variants().into_iter().map(|variant| variant.as_str()).collect();
            json!({
                "id": workload.id(),
                "family": workload.family(),
                "mechanism": workload.mechanism(),
                "fix": workload.fix(),
                "cure": workload.cure(),
                "variants": variants,
                "knobs": knobs,
            })
        })
        .collect()
}

/// As a page.
pub fn page() -> String {
    let mut page = String::new();
    for workload in ALL {
        let _ = writeln!(page, "{:<23} {:<11} {}", workload.id(), workload.family(), workload.mechanism());
    }
    let _ = writeln!(page, "\nrun one with `gumption run ID`, then with `--fixed` or `--cured`");
    page
}
