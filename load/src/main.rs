//! The load driver's command: see `load/README.md`.

fn main() -> std::process::ExitCode {
    trunkline_load::command()
}
