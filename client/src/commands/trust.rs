//! `glarus trust`: the least that a machine needs to judge updates of a product.

use super::record::product;
use super::{Outcome, audit, authority, say};
use crate::cli::TrustArgs;
use anyhow::{Context as _, bail, ensure};
use glarus::files;
use glarus::table::Table;
use glarus::trust::TrustFile;
use std::path::Path;

pub(crate) fn write(args: &TrustArgs) -> anyhow::Result<Outcome> {
    let (product, file) = (product(&args.product)?, args.authority.display());
    let pinned = authority::read(&args.authority)?;
    let Some(record) = pinned.authority() else { bail!("{file}: is a policy record, not an authority record") };
    let namespace = record.namespace.as_str();
    ensure!(product.in_namespace(namespace), "{file}: is the authority of {namespace}, in which {product} is not");
    audit::policy(&args.policy)?;
    let (policy, id) = (policy_path(args)?, pinned.record.id);
    let text = |name: &str, value: &str| format!("{name} = {}\n", toml::Value::String(value.into()));
    let mut out = String::from(
        "# Whom this machine believes; every key that may stand here: client/src/trust.rs.\n[[product]]\n",
    );
    out += &text("purl", product.as_str());
    out += &text("origin", &record.log);
    out += &text("policy", &policy);
    out += &text("authority", &id.to_string());
    out += &text("channel", &args.channel);
    out += &args.target.as_deref().map_or(String::new(), |target| text("target", target));
    files::create_new(&args.out, out.as_bytes(), 0o644)?;
    // What cannot be read again does not stay.
    if let Err(error) = TrustFile::load(&args.out) {
        std::fs::remove_file(&args.out).with_context(|| args.out.display().to_string())?;
        return Err(error.into());
    }
    let table = Table::new().text("trust", args.out.display()).text("product", &product);
    let table = table.row("origin", record.log.as_str()).row("policy", policy).text("authority", id);
    say(args.output, &table.row("channel", args.channel.as_str()).row("target", args.target.clone()));
    Ok(Outcome::Done)
}

/// The policy's path from the folder of the trust file, by which that is read.
fn policy_path(args: &TrustArgs) -> anyhow::Result<String> {
    let path = match files::folder(&args.out) == Path::new(".") {
        true => args.policy.clone(),
        false => std::path::absolute(&args.policy)?,
    };
    let path = path.to_str().map(String::from);
    path.with_context(|| format!("{}: a path that is not UTF-8 cannot stand in a trust file", args.policy.display()))
}
