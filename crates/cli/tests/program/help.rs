//! Every command explains itself.

use crate::desk::Desk;

#[test]
fn every_command_has_help_with_examples() {
    let desk = Desk::new();
    let commands: [&[&str]; 8] = [
        &[],
        &["train", "text"],
        &["eval"],
        &["run"],
        &["show"],
        &["lab", "memory"],
        &["bench"],
        &["completions"],
    ];
    for command in commands {
        for flag in ["-h", "--help"] {
            let said = desk.unfold(&[command, &[flag]].concat()).ended(0);
            assert!(
                said.out.contains("EXAMPLES\n  unfold "),
                "{command:?} {flag}: {}",
                said.out
            );
            let widest = said.out.lines().map(|line| line.chars().count()).max();
            assert!(
                widest <= Some(140),
                "{command:?} {flag}: {widest:?} columns"
            );
        }
    }
}

#[test]
fn the_flags_of_a_training_are_all_explained() {
    let said = Desk::new().unfold(&["train", "text", "--help"]).ended(0);
    for flag in [
        "--recipe",
        "--set",
        "--text-column",
        "--label-column",
        "--out",
        "--resume",
        "--seed",
        "--threads",
        "--json",
        "--quiet",
    ] {
        assert!(said.out.contains(flag), "{flag}: {}", said.out);
    }
}

#[test]
fn no_command_is_a_usage_error() {
    let desk = Desk::new();
    for line in [
        &[][..],
        &["train"],
        &["train", "text"],
        &["eval", "x"],
        &["frobnicate"],
        &["run", "x", "--frob"],
    ] {
        desk.unfold(line).ended(2);
    }
}

#[test]
fn version_and_completions() {
    let desk = Desk::new();
    let said = desk.unfold(&["--version"]).ended(0);
    assert_eq!(said.out, format!("unfold {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = desk.unfold(&["completions", shell]).ended(0);
        assert!(said.out.contains("unfold"), "{shell}");
    }
}
