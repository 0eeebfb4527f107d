//! The binary `m4c`; everything is in the library beside it.

fn main() -> std::process::ExitCode {
    m4c_cli::main()
}
