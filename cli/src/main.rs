//! The program `isi`.

use std::process::ExitCode;

fn main() -> ExitCode {
    isi_cli::main(std::env::args_os())
}
