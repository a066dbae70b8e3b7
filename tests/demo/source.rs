//! The release: an archive of this repository at HEAD, and the client built from that archive.

use crate::stage::Stage;
use anyhow::{Context as _, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is released; paths are those in the demonstration's folder.
pub(crate) struct Release {
    /// The commit that the archive was made of.
    pub(crate) commit: String,
    /// The archive.
    pub(crate) archive: String,
    /// The client as it was built.
    pub(crate) plain: String,
    /// The client without its symbols.
    pub(crate) stripped: String,
}

/// Archives HEAD, unpacks it, builds it and strips the client.
pub(crate) fn make(stage: &Stage) -> anyhow::Result<Release> {
    let commit = output(Command::new("git").args(["rev-parse", "HEAD"]))?.trim().to_owned();
    let dirty = output(Command::new("git").args(["status", "--porcelain"]))?;
    if !dirty.is_empty() {
        stage.done("this checkout has changes that are not committed; the archive is of HEAD, without them");
    }
    let name = format!("glarus-{}", commit.get(..12).unwrap_or(&commit));
    let (archive, folder) = (format!("source/{name}.tar"), stage.path("source"));
    std::fs::create_dir_all(&folder)?;
    let prefix = format!("--prefix={name}/");
    output(Command::new("git").args(["archive", "--format=tar", &prefix, "-o"]).arg(stage.path(&archive)).arg("HEAD"))?;
    // Unpacked with the time of now: cargo compares times, and must not take an older build for this one.
    output(Command::new("tar").arg("-xmf").arg(stage.path(&archive)).arg("-C").arg(&folder))?;
    stage.done(&format!("commit {commit}: {archive}"));

    let built = build(stage, &folder.join(name))?;
    std::fs::create_dir_all(stage.path("release"))?;
    let (plain, stripped): (String, String) = ("release/glarus".into(), "release/glarus-stripped".into());
    std::fs::copy(built.join("debug/glarus"), stage.path(&plain))?;
    output(Command::new("strip").arg("-o").arg(stage.path(&stripped)).arg(stage.path(&plain)))?;
    stage.done(&format!("built from that archive: {plain} and {stripped}"));
    Ok(Release { commit, archive, plain, stripped })
}

/// Takes three files instead: an archive, and two that count as built from it.
pub(crate) fn take(stage: &Stage, files: &[PathBuf]) -> anyhow::Result<Release> {
    let [archive, plain, stripped] = files else { bail!("three files are needed, {} are given", files.len()) };
    let place = |folder: &str, file: &Path| -> anyhow::Result<String> {
        std::fs::create_dir_all(stage.path(folder))?;
        let name = file.file_name().and_then(|name| name.to_str()).context("a file name")?;
        let to = format!("{folder}/{name}");
        std::fs::copy(file, stage.path(&to))?;
        Ok(to)
    };
    let (archive, plain, stripped) = (place("source", archive)?, place("release", plain)?, place("release", stripped)?);
    Ok(Release { commit: "0".repeat(40), archive, plain, stripped })
}

/// Builds an unpacked archive in a target folder of its own, which starts with what this build made of other people's
/// packages (RocksDB takes minutes). A shared one would mix the two: cargo tells checkouts apart by times alone.
fn build(stage: &Stage, source: &Path) -> anyhow::Result<PathBuf> {
    let target = std::path::absolute(stage.path("target"))?;
    let own = std::env::current_exe()?;
    let made = own.parent().context("a program is in a folder")?;
    if !target.join("debug").exists() {
        std::fs::create_dir_all(target.join("debug"))?;
        for part in [".fingerprint", "build", "deps"] {
            output(Command::new("cp").args(["-a", "--reflink=auto"]).arg(made.join(part)).arg(target.join("debug")))?;
        }
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--workspace"]).current_dir(source).env("CARGO_TARGET_DIR", &target);
    ensure!(cargo.status().context("starting cargo")?.success(), "the archive does not build");
    Ok(target)
}

/// Runs a command that must succeed, and returns what it printed.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
