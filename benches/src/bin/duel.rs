//! `cargo run --release -p isi-benches --bin duel -- --help`

use std::process::ExitCode;

fn main() -> ExitCode {
    isi_benches::duel::main(std::env::args_os())
}
