//! The `gumption` command. Everything is in the library; this file is its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    gumption_workloads::cli::main(std::env::args_os())
}
