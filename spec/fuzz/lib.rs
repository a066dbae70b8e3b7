//! The targets by name, as each file of `fuzz_targets` calls its own.

// The seeds and chapters are read by `tests/corpus.rs`.
#[allow(dead_code)]
mod targets;

/// Runs the target of a name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = targets::TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("no target {name}")).run)(bytes);
}
