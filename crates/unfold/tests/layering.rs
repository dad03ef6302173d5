//! The layers of the library: each may use only those before it.

use std::fs;
use std::path::{Path, PathBuf};

/// Which modules each layer is made of, and which layers it may use besides its own.
const LAYERS: [(&str, &[&str], &[&str]); 8] = [
    (
        "engine",
        &[
            "shape", "error", "tensor", "tape", "random", "ragged", "files", "tensors", "testkit",
            "flat",
        ],
        &[],
    ),
    ("ops", &["ops"], &["engine"]),
    ("nn", &["nn"], &["engine", "ops"]),
    ("data", &["data"], &["engine"]),
    ("metrics", &["metrics"], &[]),
    (
        "train",
        &["train"],
        &["engine", "ops", "nn", "data", "metrics"],
    ),
    (
        "tasks",
        &["tasks"],
        &["engine", "ops", "nn", "data", "metrics", "train"],
    ),
    (
        "lab",
        &["lab"],
        &["engine", "ops", "nn", "data", "metrics", "train"],
    ),
];

/// The engine's two halves meet in these: the tape runs operations, tensors carry their methods.
const ENGINE_USES_OPS: [&str; 1] = ["tape.rs"];

/// What the crate's root offers to all layers, and the layer it comes from.
const ROOT: [(&str, &str); 11] = [
    ("Error", "engine"),
    ("ErrorKind", "engine"),
    ("Result", "engine"),
    ("Float", "engine"),
    ("Shape", "engine"),
    ("Tensor", "engine"),
    ("Ragged", "engine"),
    ("Key", "engine"),
    ("Gradients", "engine"),
    ("set_threads", "engine"),
    ("threads", "engine"),
];

fn layer_of(module: &str) -> Option<&'static str> {
    let module_of = LAYERS
        .iter()
        .find(|(_, modules, _)| modules.contains(&module));
    let root = ROOT.iter().find(|(name, _)| *name == module);
    module_of.map(|l| l.0).or(root.map(|r| r.1))
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// The first path segments that follow `crate::`, with groups opened: `crate::{a, b::c}`.
fn used(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    // What comes after the tests begin may use anything.
    let code = text.split("#[cfg(test)]").next().unwrap_or(text);
    for (at, _) in code.match_indices("crate::") {
        let line_start = code[..at].rfind('\n').map_or(0, |i| i + 1);
        if code[line_start..at].trim_start().starts_with("//") {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let name = |text: &str| -> String {
            text.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        };
        let Some(group) = rest.strip_prefix('{') else {
            all.push(name(rest));
            continue;
        };
        let mut depth = 0;
        let mut item = String::new();
        for c in group.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    all.push(name(item.trim()));
                    item.clear();
                    continue;
                }
                _ => {}
            }
            item.push(c);
        }
        all.push(name(item.trim()));
    }
    all.retain(|name| !name.is_empty());
    all
}

#[test]
fn every_use_points_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut checked = 0;
    for file in files {
        let inside = file.strip_prefix(&root).unwrap().to_path_buf();
        let first = inside.iter().next().unwrap().to_str().unwrap();
        let module = first.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let own = layer_of(module).unwrap_or_else(|| panic!("{first} belongs to no layer"));
        let allowed = LAYERS.iter().find(|l| l.0 == own).unwrap().2;
        for name in used(&fs::read_to_string(&file).unwrap()) {
            let layer = layer_of(&name)
                .unwrap_or_else(|| panic!("{}: crate::{name} is in no layer", inside.display()));
            let meets = layer == "ops" && ENGINE_USES_OPS.contains(&first);
            assert!(
                layer == own || allowed.contains(&layer) || meets,
                "{}: {own} must not use crate::{name} of {layer}",
                inside.display()
            );
            checked += 1;
        }
    }
    assert!(
        checked > 50,
        "only {checked} uses seen: the test reads nothing"
    );
}

/// The kernels know nothing of tensors, and unsafe code lives in them alone.
#[test]
fn unsafe_code_lives_in_the_kernels_alone() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for name in ["unfold", "cli"] {
        let mut files = Vec::new();
        sources(&crates.join(name).join("src"), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let mut code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let found = code.find(|line| {
                line.split(|c: char| !c.is_alphanumeric())
                    .any(|w| w == "unsafe")
            });
            assert_eq!(found, None, "{}", file.display());
        }
    }
    let manifest = fs::read_to_string(crates.join("kernels/Cargo.toml")).unwrap();
    assert!(
        !manifest.contains("[dependencies]"),
        "the kernels need nothing"
    );
}
