//! [`Profile::text`]: a profile for eyes, as Go's `debug=1` has it.
//!
//! ```text
//! --- block: waits count, delay nanoseconds; 2 stacks
//! 3 15000000 @ 0x55d0d010 0x55d0d188
//! # labels: reason="chan receive" spawned_at="src/main.rs:20"
//! #       0x55d0d010      app::inbox::next        src/inbox.rs:52
//! #       0x55d0d188      app::serve              src/main.rs:40
//! ```
//!
//! A call that stands for something else than code (`[chan receive]`) has no address.
//!
//! The values first, in the order of the headline, the largest of the default kind at the top. Who wants to compute with a profile
//! takes the protobuf.

use std::fmt::{self, Write};

use super::model::{Label, Profile, Sample, Value};

impl Profile {
    /// The profile as text under the headline `title`.
    pub fn text(&self, title: &str) -> String {
        let mut out = String::new();
        // A string takes what it is given.
        let _ = self.write_text(title, &mut out);
        out
    }

    fn write_text(&self, title: &str, out: &mut String) -> fmt::Result {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| format!("{} {}", kind.name, kind.unit)).collect();
        writeln!(out, "--- {title}: {}; {} stacks", kinds.join(", "), self.samples.len())?;
        for comment in &self.comments {
            writeln!(out, "# {comment}")?;
        }
        let mut samples: Vec<&Sample> = self.samples.iter().collect();
        samples.sort_by_key(|sample| std::cmp::Reverse(sample.values.get(self.default_kind).copied()));
        for sample in samples {
            let values: Vec<_> = sample.values.iter().map(i64::to_string).collect();
            write!(out, "{} @", values.join(" "))?;
            for call in sample.stack.iter().filter(|call| call.address != 0) {
                write!(out, " {:#x}", call.address)?;
            }
            writeln!(out)?;
            if !sample.labels.is_empty() {
                let labels: Vec<_> = sample.labels.iter().map(label).collect();
                writeln!(out, "# labels: {}", labels.join(" "))?;
            }
            for call in &sample.stack {
                for line in &call.lines {
                    match call.address {
                        0 => write!(out, "#\t{}", line.function)?,
                        address => write!(out, "#\t{address:#x}\t{}", line.function)?,
                    }
                    if !line.file.is_empty() {
                        write!(out, "\t{}:{}", line.file, line.line)?;
                    }
                    writeln!(out)?;
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

fn label(label: &Label) -> String {
    match &label.value {
        Value::Text(text) => format!("{}={text:?}", label.key),
        Value::Number(number, unit) => format!("{}={number}{unit}", label.key),
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Call, Line, ValueKind};
    use super::*;

    #[test]
    fn the_largest_is_at_the_top() {
        let mut profile = Profile::new([ValueKind::new("waits", "count"), ValueKind::new("delay", "nanoseconds")]);
        let line = Line { function: "app::f".into(), file: "src/a.rs".into(), line: 7 };
        profile.push(Sample { stack: vec![Call::named("[x]")], values: vec![9, 1], labels: vec![] });
        profile.push(Sample {
            stack: vec![Call { address: 16, lines: vec![line] }],
            values: vec![1, 9],
            labels: vec![Label::text("reason", "join"), Label::number("age", 5, "ns")],
        });
        profile.comments.push("two".into());
        let expected = "--- block: waits count, delay nanoseconds; 2 stacks\n# two\n\
            1 9 @ 0x10\n# labels: reason=\"join\" age=5ns\n#\t0x10\tapp::f\tsrc/a.rs:7\n\n\
            9 1 @\n#\t[x]\n\n";
        assert_eq!(profile.text("block"), expected);
    }
}
