//! `cmd/*.trycmd`: what hil prints, word by word. `TRYCMD=overwrite cargo test -p hil --test cli` rewrites them.

#[test]
fn help_and_diagnostics() {
    trycmd::TestCases::new()
        .env("NO_COLOR", "1")
        .case("tests/cli/cmd/*.trycmd");
}
