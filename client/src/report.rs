//! Verdicts as people and machines read them.
//!
//! The words are ours and may change; the members of the JSON and the names of refusals do not.

use crate::install::Judged;
use crate::table::{Item, Table, and, clean, grouped};
use crate::time;
use crate::trust::TrustedProduct;
use spec::record::Digest;
use spec::verdict::{Installable, LaterPolicy, Part, Refusal, Todo, UsedSource, Warning, duration};
use std::path::Path;

/// Room for the labels.
const LABEL_WIDTH: usize = 9;

/// What a person reads of a verdict about a file.
pub fn text(file: &Path, product: &TrustedProduct, judged: &Judged) -> String {
    let (headline, mut rows) = match &judged.verdict {
        Ok(installable) => {
            let name = file.file_name().map_or("the file".into(), |name| name.to_string_lossy());
            let mut rows = installable_rows(product, installable);
            // Whoever renamed the file may have put it in the place of another of the same update.
            if name != installable.file.as_str() {
                rows.insert(0, ("named", format!("{} in the update", installable.file)));
            }
            (format!("{name} may be installed"), rows)
        }
        Err(refusal) => {
            let mut rows = refusal.details();
            rows.push(("to do", to_do(file, product, refusal)));
            (format!("REFUSED {}: {refusal}", refusal.name()), rows)
        }
    };
    rows.extend(judged.evidence.iter().map(|path| ("evidence", path.display().to_string())));
    lines(&headline, &rows)
}

/// What a machine reads of it: one JSON object.
pub fn json(file: &Path, judged: &Judged) -> Table {
    let table = Table::new().row("file", file.display().to_string());
    let table = match &judged.verdict {
        Ok(installable) => installable_members(table.row("verdict", "installable"), installable),
        Err(refusal) => {
            let table = table.row("verdict", "refused").row("name", refusal.name()).text("detail", refusal);
            let details = refusal.details().into_iter();
            let details = details.fold(Table::new(), |table, (label, text)| table.row(label, text));
            table.row("todo", refusal.todo().name()).row("details", details)
        }
    };
    let evidence = judged.evidence.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
    if evidence.is_empty() { table } else { table.row("evidence", evidence) }
}

/// A headline, and a label and a text a line.
pub fn lines(headline: &str, rows: &[(&str, String)]) -> String {
    let mut out = format!("{}\n", clean(headline));
    for (label, text) in rows {
        out.push_str(&format!("  {label:<LABEL_WIDTH$}  {}\n", clean(text)));
    }
    out
}

fn installable_rows(product: &TrustedProduct, one: &Installable) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("what", what(one)),
        ("logged", format!("{}, entry {}, by {}", one.origin, grouped(one.index), time::utc(one.logged_by))),
        ("witnessed", witnessed(one)),
        ("built", built(one)),
        ("held", words("held", one.sources.iter().map(|source| source.held.as_slice()), product.trust.held)),
        ("rebuilt", words("PASSED", one.builds.iter().map(|build| build.rebuilt.as_slice()), product.trust.rebuilds)),
        ("withdrawn", format!("no, as of entry {}", grouped(one.state_index))),
    ];
    rows.extend(one.policy.iter().map(|policy| ("policy", policy_words(policy))));
    rows.extend(one.warnings.iter().map(|warning| ("warning", warning_words(warning))));
    rows
}

fn policy_words(policy: &LaterPolicy) -> String {
    let (epoch, index) = (grouped(policy.epoch), grouped(policy.index));
    let confirmed = match policy.confirmed.as_slice() {
        [] => "confirmed by no party that counts".into(),
        parties => format!("confirmed by {}", and(parties)),
    };
    format!("epoch {epoch} is on record, entry {index}, {confirmed}; it was not used")
}

fn what(one: &Installable) -> String {
    let target = if one.target.is_empty() { String::new() } else { format!(", target {}", one.target) };
    let installed = match &one.installed {
        None => "nothing installed".into(),
        Some(installed) if installed.channel == one.channel => format!("installed: {}", grouped(installed.sequence)),
        Some(installed) => format!("installed: {} of channel {}", grouped(installed.sequence), installed.channel),
    };
    let newest = match one.superseded_by() {
        None => "the newest".into(),
        Some(newest) => format!("the newest is {}", grouped(newest.sequence)),
    };
    let (product, version, channel) = (&one.product, &one.version, &one.channel);
    let sequence = grouped(one.sequence);
    format!("{product} {version}, channel {channel}{target}, sequence {sequence} ({installed}), {newest}")
}

fn witnessed(one: &Installable) -> String {
    let names: Vec<String> = one.cosigned.iter().map(|(name, _)| name.to_string()).collect();
    let (have, all) = (names.len(), names.len() + one.not_cosigned.len());
    let (age, limit) = (ago(one.age_s), duration(one.max_age_s));
    format!("{have} of {all}, {} needed: {}, {age} (limit {limit})", one.needed, and(&names))
}

/// The age of the newest quorum, which [`spec::verdict::ago`] tells of two times.
fn ago(age_s: u64) -> String {
    spec::verdict::ago(0, age_s)
}

fn built(one: &Installable) -> String {
    let source = |source: &UsedSource| format!("{}, entry {}", short(&source.id), grouped(source.index));
    let sources: Vec<String> = one.sources.iter().map(source).collect();
    let inputs = match one.further_inputs {
        0 => "no further inputs".into(),
        1 => "1 further input not deposited".into(),
        more => format!("{} further inputs not deposited", grouped(more)),
    };
    format!("from source {}; {inputs}", and(&sources))
}

/// The parties that said it of everything, of which as many are needed.
fn words<'a>(what: &str, each: impl Iterator<Item = &'a [String]>, needed: u64) -> String {
    let common =
        each.map(<[String]>::to_vec).reduce(|all, one| all.into_iter().filter(|name| one.contains(name)).collect());
    let said = if what == "held" { String::new() } else { format!("{what} ") };
    match common.unwrap_or_default().as_slice() {
        [] => format!("by no party ({needed} needed)"),
        parties => format!("{said}by {} ({needed} needed)", and(parties)),
    }
}

/// An id, enough of it to find it again: `5f0c1e...91`.
fn short(id: &Digest) -> String {
    let hex = id.to_string();
    format!("{}...{}", hex.get(..6).unwrap_or_default(), hex.get(62..).unwrap_or_default())
}

fn warning_words(warning: &Warning) -> String {
    match warning {
        Warning::Superseded { newest } => {
            format!("sequence {} is newer, entry {}", grouped(newest.sequence), grouped(newest.index))
        }
        Warning::FreshnessUnconfirmed { age_s } => format!("freshness unconfirmed for {}", duration(*age_s)),
        Warning::StatusRemembered { size } => {
            format!("the bundle's status, of a tree of {}, is older than one seen; that one was judged", grouped(*size))
        }
        Warning::GitCommitAlone { build } => {
            format!("build {} names its source by git commit alone, which is SHA-1", short(build))
        }
        Warning::Contradicted { source, party, claim, by } => {
            let claim = claim.name();
            format!("{party} contradicts that source {} is {claim}, by review {}", short(source), short(by))
        }
    }
}

/// What whoever was refused does next.
fn to_do(file: &Path, product: &TrustedProduct, refusal: &Refusal) -> String {
    let file = file.display();
    let next = match (refusal.todo(), refusal) {
        (_, Refusal::Withdrawn { .. } | Refusal::Superseded { .. } | Refusal::Rollback { .. }) => {
            format!("fetch newer: the newest update of {}, in place of this one", product.trust.product)
        }
        (Todo::FetchNewer, _) if of_the_status(refusal) => format!("fetch newer: glarus bundle --refresh {file}"),
        (Todo::FetchNewer, _) => format!("fetch newer: glarus bundle {file}"),
        (Todo::Retry, Refusal::NotHeld { .. } | Refusal::NotRebuilt { .. }) => {
            format!("try again later, once more parties have spoken: glarus bundle --refresh {file}")
        }
        (Todo::Retry, _) => "try again later: what is missing may still come, from others".into(),
        (Todo::FixConfig, Refusal::ClockBehind { .. }) => "set this machine's clock".into(),
        (Todo::FixConfig, Refusal::UnknownRules { .. }) => "install a newer glarus".into(),
        (Todo::FixConfig, Refusal::NotPinned { of, .. }) => {
            format!("correct the authority pinned for {of} in the trust, unless it is right: then stop and report this")
        }
        (Todo::FixConfig, _) => "correct the trust, the policy or what was asked".into(),
        (Todo::StopAndReport, _) => "stop, and report this to the vendor and to the supervisor".into(),
    };
    format!("{next}. Nothing was installed.")
}

/// Whether a newer status, in the same bundle, can help.
fn of_the_status(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::NotSigned { part, .. } | Refusal::QuorumNotMet { part, .. } | Refusal::TreeTooSmall { part, .. } => {
            *part == Part::Status
        }
        Refusal::StatusOlderThanBundle { .. }
        | Refusal::StatusOlderThanSeen { .. }
        | Refusal::StateNotLast { .. }
        | Refusal::NotProved { .. }
        | Refusal::Stale { .. }
        | Refusal::AuthorityChain { .. }
        | Refusal::BeforeAuthority { .. }
        | Refusal::WordMissing { .. } => true,
        _ => false,
    }
}

fn installable_members(table: Table, one: &Installable) -> Table {
    let cosigned = one.cosigned.iter();
    let cosigned = cosigned.map(|(name, time)| Table::new().text("witness", name).row("time", Item::Time(*time)));
    let builds = one.builds.iter().map(|build| {
        let table = Table::new().text("id", build.id).row("index", build.index).row("builder", build.builder.as_str());
        table.row("rebuilt", build.rebuilt.clone())
    });
    let sources = one.sources.iter().map(|source| {
        let table = Table::new().text("id", source.id).row("index", source.index);
        let table = table.row("version", source.version.as_str()).row("held", source.held.clone());
        table.row("examined", source.examined.clone())
    });
    let installed = one.installed.as_ref().map(|installed| {
        let table = Table::new().row("channel", installed.channel.as_str());
        table.row("sequence", installed.sequence).row("index", installed.index)
    });
    let policy = one.policy.as_ref().map(|policy| {
        let table = Table::new().row("epoch", policy.epoch).text("id", policy.id).row("index", policy.index);
        table.row("confirmed", policy.confirmed.clone())
    });
    table
        .row("name", one.file.as_str())
        .text("sha256", one.sha256)
        .row("manifest", one.manifest.map(|sha256| sha256.to_string()))
        .text("product", &one.product)
        .row("version", one.version.as_str())
        .row("channel", one.channel.as_str())
        .row("target", one.target.as_str())
        .row("sequence", one.sequence)
        .row("installed", installed)
        .row("origin", one.origin.as_str())
        .text("update", one.update)
        .row("index", one.index)
        .row("loggedBy", Item::Time(one.logged_by))
        .row("cosigned", cosigned.collect::<Vec<_>>())
        .row("notCosigned", one.not_cosigned.iter().map(ToString::to_string).collect::<Vec<_>>())
        .row("needed", one.needed)
        .row("time", Item::Time(one.time))
        .row("ageS", one.age_s)
        .row("maxAgeS", one.max_age_s)
        .row("builds", builds.collect::<Vec<_>>())
        .row("sources", sources.collect::<Vec<_>>())
        .row("furtherInputs", one.further_inputs)
        .row("namespace", one.namespace.as_str())
        .text("authority", one.authority)
        .row("epoch", one.epoch)
        .row("stateIndex", one.state_index)
        .row("stateTime", Item::Time(one.state_time))
        .row("policy", policy)
        .row("warnings", one.warnings.iter().map(warning_words).collect::<Vec<_>>())
}
