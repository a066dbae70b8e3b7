//! `glarus verify` and `glarus install`.

use super::{Outcome, say, write};
use crate::cli::{InstallArgs, JudgeArgs, VerifyArgs};
use anyhow::Context as _;
use glarus::install::{self, Judged, Staged};
use glarus::memory::MemoryFile;
use glarus::trust::{TrustFile, TrustedProduct};
use glarus::{files, release, report, time};
use spec::bundle::MAX_BUNDLE_BYTES;
use spec::record::manifest::MAX_MANIFEST_BYTES;
use spec::verdict::Ask;
use std::path::{Path, PathBuf};

pub(crate) fn verify(args: VerifyArgs) -> anyhow::Result<Outcome> {
    let JudgeArgs { artifact, trust, product, .. } = &args.judge;
    let trust = TrustFile::load(trust)?;
    let product = trust.product(product.as_deref())?;
    let bundle = read_bundle(&args.judge, args.manifest.as_deref())?;
    let manifest = args.manifest.as_deref().map(|path| files::read(path, MAX_MANIFEST_BYTES)).transpose()?;
    let ask = Ask { manifest, ..product.ask(files::sha256(artifact)?) };
    let judged = match &args.at {
        Some(at) => {
            let at = time::parse(at).with_context(|| {
                format!("--at {at:?} is not a time: Unix seconds, 2026-11-21 or 2026-11-21T09:12:00Z")
            })?;
            install::judge_at(product, &ask, &bundle, at)
        }
        None => install::judge(product, &mut MemoryFile::open(&trust.memory)?, &ask, &bundle, now())?,
    };
    Ok(tell(&args.judge, product, &judged, None))
}

pub(crate) fn install(args: InstallArgs) -> anyhow::Result<Outcome> {
    let JudgeArgs { artifact, trust, product, .. } = &args.judge;
    let trust = TrustFile::load(trust)?;
    let product = trust.product(product.as_deref())?;
    let bundle = read_bundle(&args.judge, None)?;
    // Held to the end: no other installation comes between the verdict and what is remembered of it.
    let mut memory = MemoryFile::open(&trust.memory)?;
    let staged = Staged::new(artifact, &args.to)?;
    let judged = install::judge(product, &mut memory, &staged.ask(product), &bundle, now())?;
    let Ok(installable) = &judged.verdict else {
        return Ok(tell(&args.judge, product, &judged, None));
    };
    let place = staged.commit()?;
    install::remember(product, &mut memory, installable)
        .with_context(|| format!("{} is installed, but that is not remembered; install it again", place.display()))?;
    Ok(tell(&args.judge, product, &judged, Some(place)))
}

fn read_bundle(args: &JudgeArgs, manifest: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let about = manifest.unwrap_or(&args.artifact);
    let path = args.bundle.clone().unwrap_or_else(|| release::bundle_path(about));
    // A missing file is not to be taken for a missing bundle.
    files::must_be_regular(&args.artifact)?;
    // The error of the read itself is the cause that is told.
    let missing = matches!(path.try_exists(), Ok(false));
    let bundle = files::read(&path, MAX_BUNDLE_BYTES);
    if missing {
        let about = about.display();
        return bundle.with_context(|| format!("no bundle to judge by; glarus bundle {about} fetches it"));
    }
    Ok(bundle?)
}

fn now() -> u64 {
    glarus_shell::clock::system_clock()()
}

fn tell(args: &JudgeArgs, product: &TrustedProduct, judged: &Judged, place: Option<PathBuf>) -> Outcome {
    let place = place.map(|place| place.display().to_string());
    if args.output.json {
        let table = report::json(&args.artifact, judged);
        say(
            args.output,
            &match place {
                Some(place) => table.row("place", place),
                None => table,
            },
        );
    } else {
        let text = report::text(&args.artifact, product, judged);
        write(text.as_bytes());
        if let Some(place) = place {
            write(format!("  {:<9}  {}\n", "installed", glarus::table::clean(&place)).as_bytes());
        }
    }
    if judged.verdict.is_ok() { Outcome::Done } else { Outcome::Refused }
}
