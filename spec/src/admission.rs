#![doc = include_str!("../admission.md")]

use crate::record::{self, Digest, Kind, Predicate, Record, Statement};
use crate::state::{self, MAX_TARGETS};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{string::String, vec, vec::Vec};
use core::cell::OnceCell;

mod authorities;
mod authority;
mod build;
mod fact;
mod policy;
mod rebuild;
mod refusal;
pub mod replay;
mod review;
mod rows;
pub mod signatures;
mod source;
mod update;
mod withdrawal;

pub use authorities::Authorities;
pub use build::{leads, leads_needs};
pub use fact::{Counts, Fact};
pub use refusal::Refusal;
use rows::digest_prefix;
pub use rows::{Carrier, Corrupt, Family, Look, Row, Rows, Track, about};
use signatures::Trusted;

/// Namespaces that a build is tried for.
pub const MAX_CANDIDATES: usize = 8;
/// Dependency steps from an update's build to a source.
pub const MAX_STEPS: u8 = 8;
/// Products that one build may lead to in one namespace.
pub const MAX_PRODUCTS: usize = 1024;

/// What became of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It is in the log already.
    Known {
        /// Its index.
        index: u64,
    },
    /// It takes the index that it was judged at.
    New {
        /// The canonical bytes that go into the log.
        entry: Vec<u8>,
        /// The rows to put, none of them twice.
        rows: Vec<Row>,
    },
}

/// Why a record has no admission.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Stop {
    /// A rule refuses it; the caller's fault.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A row that was answered cannot be read; the store's fault.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

/// The row that leads from a digest to the first record of a kind in a namespace that has it among its subjects.
///
/// Only sources, builds and updates have such rows; [`Rows::index`] reads them.
pub fn first_of(sha256: &Digest, kind: Kind, namespace: &str) -> Look {
    Look::Point(Family::Digests, [&digest_prefix(sha256, kind), namespace.as_bytes()].concat())
}

/// The rows that judging the record needs first.
pub fn needs(record: &Record) -> Vec<Look> {
    let mut looks = signatures::needs(record);
    looks.push(Look::id(&record.id));
    match &record.statement.predicate {
        Predicate::Authority(authority) => {
            looks.push(Look::namespace(authority.namespace.as_str()));
            looks.extend(authority.namespace.prefixes().map(Look::namespace));
        }
        Predicate::Source(_) | Predicate::Build(_) | Predicate::Access(_) => {}
        Predicate::Rebuild(rebuild) => {
            looks.extend([Look::id(&rebuild.build), Look::state(&state::build_key(&rebuild.build))]);
        }
        Predicate::Update(update) => {
            looks.extend(update.builds.iter().map(Look::id));
            looks.push(Look::state(&state::channel_key(update.product.as_str(), &update.channel)));
            let files = digests(&record.statement);
            looks.extend(files.iter().map(|sha256| Look::withdrawn(sha256, &update.product)));
        }
        Predicate::Withdrawal(withdrawal) => {
            for id in withdrawal.updates.iter().chain(&withdrawal.replacement) {
                looks.extend([Look::id(id), Look::state(&state::update_key(id))]);
            }
        }
        Predicate::Review(review) => looks.extend([Look::id(&review.of), Look::state(&review::key(review))]),
        Predicate::Policy(_) => looks.push(Look::state(state::POLICY_KEY)),
    }
    looks
}

/// The rows that it needs once the first are answered; after these, no more.
///
/// # Errors
/// [`Corrupt`]: a row cannot be read.
pub fn needs_more(record: &Record, rows: &Rows) -> Result<Vec<Look>, Corrupt> {
    let mut looks = Vec::new();
    let namespaces = match &record.statement.predicate {
        Predicate::Authority(_) | Predicate::Policy(_) | Predicate::Access(_) => Vec::new(),
        Predicate::Source(source) => {
            let covering = source.products.first().and_then(|product| rows.covering(product));
            covering.map(String::from).into_iter().collect()
        }
        Predicate::Build(build) => {
            let (more, candidates) = build::needs_more(build, rows)?;
            looks.extend(more);
            candidates
        }
        Predicate::Update(update) => {
            for id in &update.builds {
                looks.extend(rows.index(&Look::id(id))?.map(Look::fact));
            }
            rows.covering(&update.product).map(String::from).into_iter().collect()
        }
        Predicate::Rebuild(rebuild) => {
            looks.extend(rebuild::needs_more(rebuild, rows)?);
            Vec::new()
        }
        Predicate::Withdrawal(withdrawal) => {
            looks.extend(signatures::needs_more(record, rows)?);
            looks.extend(withdrawal::needs_more(withdrawal, &digests(&record.statement), rows)?);
            Vec::new()
        }
        Predicate::Review(review) => {
            looks.extend(review::needs_more(review, rows)?);
            Vec::new()
        }
    };
    // A digest's row is put once, so whether it is there is asked.
    let prefixes = digest_prefixes(&record.statement);
    for namespace in namespaces {
        let key = |prefix: &Vec<u8>| Look::Point(Family::Digests, [prefix, namespace.as_bytes()].concat());
        looks.extend(prefixes.iter().map(key));
    }
    Ok(looks)
}

/// Decides whether the record may be entry `index` of the log `origin`.
///
/// `rows` has the answers to [`needs`] and [`needs_more`], and the rows of all entries below `index`. `checked` may know
/// already whether a key made a signature of this record: see [`signatures::check`], which any core can run before.
///
/// Cost: what `checked` does not know is verified here, at most [`signatures::MAX_CHECKS`] times.
///
/// # Errors
/// [`Stop::Refused`] by the first rule that fails; [`Stop::Corrupt`].
pub fn judge(
    origin: &str,
    index: u64,
    record: &Record,
    rows: &Rows,
    checked: &dyn Fn(&Digest, &[u8]) -> Option<bool>,
) -> Result<Admission, Stop> {
    match decide(origin, index, record, rows, checked)? {
        Decision::Known { index } => Ok(Admission::Known { index }),
        Decision::New { signatures, rows } => Ok(Admission::New { entry: entry(record, signatures)?, rows }),
    }
}

/// What [`judge`] decides, its entry not written yet.
enum Decision {
    /// It is in the log already.
    Known { index: u64 },
    /// It takes the index that it was judged at.
    New { signatures: Signatures, rows: Vec<Row> },
}

fn decide(
    origin: &str,
    index: u64,
    record: &Record,
    rows: &Rows,
    checked: &dyn Fn(&Digest, &[u8]) -> Option<bool>,
) -> Result<Decision, Stop> {
    // Rule 1. The record was parsed, so it is well-formed and of a known kind.
    if let Some(log) = record.log()
        && log != origin
    {
        return Err(Refusal::WrongLog { have: log.into(), origin: origin.into() }.into());
    }
    // Rule 2.
    if let Some(index) = rows.index(&Look::id(&record.id))? {
        return Ok(Decision::Known { index });
    }
    let at = At { index, record, rows, checked };
    let (signatures, rows) = match &record.statement.predicate {
        Predicate::Authority(authority) => at.authority(authority)?,
        Predicate::Source(source) => at.source(source)?,
        Predicate::Build(build) => at.build(build)?,
        Predicate::Rebuild(rebuild) => at.rebuild(rebuild)?,
        Predicate::Update(update) => at.update(update)?,
        Predicate::Withdrawal(withdrawal) => at.withdrawal(withdrawal)?,
        Predicate::Review(review) => at.review(review)?,
        Predicate::Policy(policy) => at.policy(policy)?,
        Predicate::Access(access) => at.access(access)?,
    };
    Ok(Decision::New { signatures, rows })
}

/// The entry of a record with the signatures that count.
fn entry(record: &Record, signatures: Signatures) -> Result<Vec<u8>, Refusal> {
    let signatures: Vec<_> = signatures.into_iter().collect();
    record.entry(&signatures).map_err(Refusal::Entry)
}

type Signatures = BTreeMap<Digest, Vec<u8>>;

/// A record at the index it is judged at, before the rows of all entries below.
struct At<'a> {
    index: u64,
    record: &'a Record,
    rows: &'a Rows,
    checked: &'a dyn Fn(&Digest, &[u8]) -> Option<bool>,
}

impl At<'_> {
    /// Rule 3: where a record is logged that this one names as one of a kind.
    fn logged(&self, id: &Digest, need: Kind) -> Result<u64, Stop> {
        let look = Look::id(id);
        let index = self.rows.index(&look)?.ok_or(Refusal::NotLogged { id: *id, need })?;
        match self.rows.kind(&look)? {
            kind if kind == need => Ok(index),
            have => Err(Refusal::OtherKind { id: *id, have, need }.into()),
        }
    }

    /// Rule 4, where one authority alone governs: the one in force for what `of` names.
    fn governing(&self, of: impl Fn() -> String) -> Result<Trusted, Stop> {
        let trusted = signatures::trusted(self.record, self.rows)?.into_iter().next();
        trusted.ok_or_else(|| Refusal::NoAuthority(of()).into())
    }

    /// Rule 5, where one authority alone governs.
    fn signed(&self, trusted: Trusted) -> Result<Signatures, Refusal> {
        let trusted = [trusted];
        let signers = self.signers(&trusted);
        let [trusted] = trusted;
        trusted.signed(&signers, self.index)
    }

    /// The valid signatures by keys that are trusted.
    fn signers(&self, trusted: &[Trusted]) -> Signatures {
        // Made only where a signature was not checked before.
        let pae = OnceCell::new();
        let pae = || pae.get_or_init(|| record::pae(&self.record.payload));
        signatures::signers(&self.record.signatures, trusted, |keyid, key, sig| {
            (self.checked)(keyid, sig).unwrap_or_else(|| key.verify(pae(), sig))
        })
    }

    /// Rule 6, for records about all subjects of another one: they are the same, whatever they are called here.
    fn same_subjects(&self, of: &Digest, need: &[Digest]) -> Result<(), Refusal> {
        let (have, need) = (digests(&self.record.statement), need.iter().copied().collect());
        match have.symmetric_difference(&need).next() {
            None => Ok(()),
            Some(sha256) => {
                let surplus = have.contains(sha256);
                Err(Refusal::SubjectsDiffer { of: *of, sha256: *sha256, surplus })
            }
        }
    }

    /// Rule 11: what a party says is later than what it said last about the same, in the record at `last`.
    fn later(&self, have: u64, last: Option<u64>) -> Result<(), Stop> {
        let Some(index) = last else { return Ok(()) };
        let last = match self.rows.fact(index)? {
            Fact::Rebuild { time } | Fact::Review { time } => time,
            _ => return Err(Corrupt::unreadable(&Look::fact(index)).into()),
        };
        if have > last { Ok(()) } else { Err(Refusal::TimeNotLater { have, last, index }.into()) }
    }

    /// The rows that every record puts.
    fn own_rows(&self, fact: &Fact) -> Vec<Row> {
        vec![Row::id(&self.record.id, self.index, fact), Row::fact(self.index, fact)]
    }

    /// The rows that lead from this record's digests to it, except where an earlier record has them.
    fn digest_rows(&self, namespace: &str) -> impl Iterator<Item = Row> {
        let keys =
            digest_prefixes(&self.record.statement).into_iter().map(|prefix| [&prefix, namespace.as_bytes()].concat());
        let new = keys.filter(|key| self.rows.get(Family::Digests, key).is_none());
        new.map(|key| Row { family: Family::Digests, key, value: self.index.to_be_bytes().to_vec() })
    }
}

/// The digests of a statement's subjects.
fn digests(statement: &Statement) -> BTreeSet<Digest> {
    statement.subjects.iter().map(|subject| subject.sha256).collect()
}

/// The keys, up to the namespace, of the digest rows that lead to a record: only what others depend on has any.
fn digest_prefixes(statement: &Statement) -> BTreeSet<Vec<u8>> {
    let kind = match statement.predicate.kind() {
        kind @ (Kind::Source | Kind::Build | Kind::Update) => kind,
        _ => return BTreeSet::new(),
    };
    let mut prefixes = BTreeSet::new();
    for subject in &statement.subjects {
        prefixes.insert(digest_prefix(&subject.sha256, kind));
        if kind == Kind::Source {
            let commits = subject.digests.iter().filter(|(algorithm, _)| algorithm == "gitCommit");
            prefixes.extend(commits.map(|(_, commit)| rows::git_commit_prefix(commit)));
        }
    }
    prefixes
}

#[cfg(test)]
mod tests;
