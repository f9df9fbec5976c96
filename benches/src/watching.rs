//! Gumption's profiles, switched on for a measurement: what they cost is measured as everything else is.
//!
//! | name | what is on |
//! | --- | --- |
//! | `nothing` | the counters, if they are compiled in: what every user has |
//! | `sampled` | the block and the mutex profile at their default rates |
//! | `all` | both at rate 1: every wait, every release that somebody waited for |
//! | `cpu` | a cpu profile after the other, 100 samples a second of CPU |
//!
//! It is for a process of its own: nothing is switched off again.

/// The names, in the order of the columns.
pub const NAMES: [&str; 4] = ["nothing", "sampled", "all", "cpu"];

/// Switches on what `name` says, for as long as the process lives.
///
/// # Errors
/// If there is no such name, or no Gumption in this build, or the profile cannot be had.
pub fn begin(name: &str) -> Result<(), String> {
    match name {
        "nothing" => Ok(()),
        "sampled" | "all" | "cpu" => imp::begin(name),
        _ => Err(format!("nothing to watch is called {name}; there are {}", NAMES.join(", "))),
    }
}

#[cfg(feature = "gumption")]
mod imp {
    use gumption::introspect::profile;
    use std::time::Duration;

    pub(super) fn begin(name: &str) -> Result<(), String> {
        if name == "cpu" {
            // Once here, so that what is wrong is said before anything is measured.
            profile::cpu(Duration::ZERO).map_err(|why| why.to_string())?;
            std::thread::spawn(|| while profile::cpu(Duration::from_secs(1)).is_ok() {});
            return Ok(());
        }
        let all = name == "all";
        profile::set_block_rate(if all { 1 } else { profile::BLOCK_RATE });
        profile::set_mutex_fraction(if all { 1 } else { profile::MUTEX_FRACTION });
        Ok(())
    }
}

#[cfg(not(feature = "gumption"))]
mod imp {
    pub(super) fn begin(_name: &str) -> Result<(), String> {
        Err("this build has no Gumption in it".to_owned())
    }
}
