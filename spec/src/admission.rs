//! Admission: which records the log takes, decided entry by entry from rows that the entries before made.
//!
//! The log is a deterministic state machine. A record names the rows that its judgement needs ([`needs`], [`needs_more`]);
//! whoever holds the rows answers; [`judge`] refuses the record or returns its canonical entry and the [`Row`]s to put.
//! The log, an auditor and a supervisor run the same function over rows of the same bytes, and nothing that it reads lies
//! outside the log, so they cannot disagree.
//!
//! The rules, in order, the first that fails is the refusal (those for kinds that are not logged yet are left out):
//!
//! | rule | refusals | status |
//! |---|---|---|
//! | 1 the record is well-formed (see [`crate::record`]), of a kind that is logged so far, and made for this log | `wrong-log`, after rule 2 `kind-not-supported` | 422 |
//! | 2 it is new; otherwise the answer is the index of the same record | none | 200 |
//! | 3 what it names is logged and of the right kind | `build-not-logged`, `not-a-build` | 422 |
//! | 4 its namespace has an authority in force | `no-authority`, `product-outside-namespace` | 403 |
//! | 5 its signatures meet the role's threshold | `threshold-not-met` | 403 |
//! | 6 digests agree: builds lead to sources, files to builds | `source-not-logged`, `build-does-not-count`, `source-of-other-product`, `file-not-built` | 422 |
//! | 7 an update's sequence is one above the last of its channel | `sequence` | 409 |
//! | 10 a namespace is new and nests in none | `namespace-taken`, `namespace-nests`, and before rule 4 `epoch-not-supported`, `genesis` | 409 |
//!
//! Limits: `too-many-targets` (64 targets a channel), `too-many-products` (1,024 products that a build leads to), `too-large`
//! (an entry of more than 65,535 bytes); status 413. Signatures that do not name their key are tried with
//! [`signatures::MAX_TRIALS`] keys, all together.
//!
//! **A build belongs to no namespace.** It *counts for* namespace N if its signatures meet N's build role and a dependency is
//! a source of N, or an artifact of a build that counts for N. It is admitted if it counts for some N and keeps the signatures
//! of the build keys of each. Candidates are the namespaces of its dependencies' rows, at most 8: those with the most
//! dependencies first, then those whose record of one was logged first, so that strangers who log the same public source
//! cannot crowd a vendor out of its own build.
//!
//! # Rows
//!
//! | family | key | value |
//! |---|---|---|
//! | ids | id | index |
//! | facts | index | kind byte, then what a judge needs of the record ([`Fact`]) |
//! | digests | algorithm byte ‖ length byte ‖ digest ‖ kind byte ‖ namespace | lowest index |
//! | files | SHA-256 ‖ product, NUL, channel, NUL, target, NUL ‖ sequence | index of the update |
//! | namespaces | namespace | 0x00: a proper prefix of a namespace; 0x01 ‖ id ‖ index ‖ payload: the authority in force |
//! | state | a key of the map ([`crate::state`]) | its value |
//!
//! Indices and sequences are 8 bytes, big-endian. A row of `state` is also a leaf of the map.

use crate::authority::Authority;
use crate::record::{
    self, Build, Dependency, Digest, Kind, Predicate, Product, Record, RecordError, Source, Statement, Update,
};
use crate::state::{self, AuthorityValue, BuildValue, ChannelValue, MAX_TARGETS, SourceValue, TargetLine, UpdateValue};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{format, string::String, string::ToString, vec, vec::Vec};

mod fact;
mod rows;
pub mod signatures;

pub use fact::{Counts, Fact};
pub use rows::{Carrier, Corrupt, Family, Look, Row, Rows};
use rows::{NamespaceRow, digest_prefix, index_of};
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

/// Why a record is refused; the caller's fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Rule 1.
    #[error("the record is made for log {have:?}, this is {origin:?}")]
    WrongLog {
        /// The record's `log`.
        have: String,
        /// This log's origin.
        origin: String,
    },
    /// Rule 3.
    #[error("build {0} is not logged; submit it before the update")]
    BuildNotLogged(Digest),
    /// Rule 3.
    #[error("{id} is a record of kind {kind}, an update names builds")]
    NotABuild {
        /// The id named.
        id: Digest,
        /// What it is.
        kind: &'static str,
    },
    /// Rule 4.
    #[error("no namespace with an authority covers {0}")]
    NoAuthority(String),
    /// Rule 4.
    #[error("product {product} is not in namespace {namespace}: all products of a source are of one namespace")]
    ProductOutsideNamespace {
        /// The product.
        product: String,
        /// The namespace of the first product.
        namespace: String,
    },
    /// Rule 5.
    #[error("{have} valid signatures by keys of role {role} of {namespace}, {need} are needed")]
    ThresholdNotMet {
        /// Valid signatures by distinct keys.
        have: u64,
        /// The role's threshold; 1 where the namespace has no such role.
        need: u64,
        /// The role.
        role: &'static str,
        /// The namespace.
        namespace: String,
    },
    /// Rule 6.
    #[error("none of the build's {0} dependencies is a logged source, or an artifact of a build of a logged source")]
    SourceNotLogged(usize),
    /// Rule 6.
    #[error(
        "build {build} does not count for {namespace}: it is not signed by its build keys, or not built from its sources"
    )]
    BuildDoesNotCount {
        /// The build.
        build: Digest,
        /// The update's namespace.
        namespace: String,
    },
    /// Rule 6.
    #[error("build {build} leads to no source that lists {product}")]
    SourceOfOtherProduct {
        /// The build.
        build: Digest,
        /// The update's product.
        product: String,
    },
    /// Rule 6.
    #[error("file {name:?} ({sha256}) is not an artifact of a build that the update names")]
    FileNotBuilt {
        /// The subject's name.
        name: String,
        /// The subject's digest.
        sha256: Digest,
    },
    /// Rule 7.
    #[error("the update has sequence {have}, the next of {product} in channel {channel} is {need}")]
    Sequence {
        /// The record's sequence.
        have: u64,
        /// One above the last.
        need: u64,
        /// The product.
        product: String,
        /// The channel.
        channel: String,
    },
    /// Rule 10.
    #[error("namespace {0} has an authority already")]
    NamespaceTaken(String),
    /// Rule 10.
    #[error("namespace {namespace} nests with {other}")]
    NamespaceNests {
        /// The new namespace.
        namespace: String,
        /// The one that it nests with.
        other: String,
    },
    /// Rule 10: for now authorities stay at epoch 0.
    #[error("the record is epoch {epoch} of {namespace}; this version takes epoch 0 only")]
    EpochNotSupported {
        /// The namespace.
        namespace: String,
        /// The epoch.
        epoch: u64,
    },
    /// Rule 10: entry 0 and only entry 0 is the authority of `*`.
    #[error("entry 0 is the authority record of *, and no other entry is (this is entry {0})")]
    Genesis(u64),
    /// A kind that is not logged yet.
    #[error("records of kind {0} are not logged yet")]
    KindNotSupported(Kind),
    /// A limit.
    #[error("channel {channel} of {product} has {MAX_TARGETS} targets already")]
    TooManyTargets {
        /// The product.
        product: String,
        /// The channel.
        channel: String,
    },
    /// A limit.
    #[error("the build leads to {have} products in {namespace}, at most {MAX_PRODUCTS} are taken")]
    TooManyProducts {
        /// Products.
        have: usize,
        /// The namespace.
        namespace: String,
    },
    /// A limit of the entry.
    #[error(transparent)]
    Entry(RecordError),
}

impl Refusal {
    /// The stable name: the end of `urn:glarus:refusal:<name>`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::WrongLog { .. } => "wrong-log",
            Self::BuildNotLogged(_) => "build-not-logged",
            Self::NotABuild { .. } => "not-a-build",
            Self::NoAuthority(_) => "no-authority",
            Self::ProductOutsideNamespace { .. } => "product-outside-namespace",
            Self::ThresholdNotMet { .. } => "threshold-not-met",
            Self::SourceNotLogged(_) => "source-not-logged",
            Self::BuildDoesNotCount { .. } => "build-does-not-count",
            Self::SourceOfOtherProduct { .. } => "source-of-other-product",
            Self::FileNotBuilt { .. } => "file-not-built",
            Self::Sequence { .. } => "sequence",
            Self::NamespaceTaken(_) => "namespace-taken",
            Self::NamespaceNests { .. } => "namespace-nests",
            Self::EpochNotSupported { .. } => "epoch-not-supported",
            Self::Genesis(_) => "genesis",
            Self::KindNotSupported(_) => "kind-not-supported",
            Self::TooManyTargets { .. } => "too-many-targets",
            Self::TooManyProducts { .. } => "too-many-products",
            Self::Entry(error) => error.name(),
        }
    }

    /// The HTTP status: 403 signer, 409 state, 413 size, 422 reference or digest.
    pub fn status(&self) -> u16 {
        match self {
            Self::NoAuthority(_) | Self::ProductOutsideNamespace { .. } | Self::ThresholdNotMet { .. } => 403,
            Self::Sequence { .. }
            | Self::NamespaceTaken(_)
            | Self::NamespaceNests { .. }
            | Self::EpochNotSupported { .. }
            | Self::Genesis(_) => 409,
            Self::TooManyTargets { .. } | Self::TooManyProducts { .. } => 413,
            Self::Entry(error) => error.status(),
            Self::WrongLog { .. }
            | Self::KindNotSupported(_)
            | Self::BuildNotLogged(_)
            | Self::NotABuild { .. }
            | Self::SourceNotLogged(_)
            | Self::BuildDoesNotCount { .. }
            | Self::SourceOfOtherProduct { .. }
            | Self::FileNotBuilt { .. } => 422,
        }
    }
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

/// The rows that judging the record needs first.
pub fn needs(record: &Record) -> Vec<Look> {
    let mut looks = signatures::needs(record);
    looks.push(Look::id(&record.id));
    match &record.statement.predicate {
        Predicate::Authority(authority) => {
            looks.push(Look::namespace(authority.namespace.as_str()));
            looks.extend(authority.namespace.prefixes().map(Look::namespace));
        }
        Predicate::Source(_) | Predicate::Build(_) => {}
        Predicate::Rebuild(_)
        | Predicate::Withdrawal(_)
        | Predicate::Review(_)
        | Predicate::Policy(_)
        | Predicate::Access(_) => {}
        Predicate::Update(update) => {
            looks.extend(update.builds.iter().map(Look::id));
            looks.push(Look::state(&state::channel_key(update.product.as_str(), &update.channel)));
        }
    }
    looks
}

/// The rows that it needs once the first are answered; after these, no more.
///
/// # Errors
/// [`Corrupt`]: a row cannot be read.
pub fn needs_more(record: &Record, rows: &Rows) -> Result<Vec<Look>, Corrupt> {
    let mut looks = signatures::needs_more(record, rows)?;
    let namespaces = match &record.statement.predicate {
        Predicate::Authority(_) => Vec::new(),
        Predicate::Source(source) => {
            let covering = source.products.first().and_then(|product| rows.covering(product));
            covering.map(String::from).into_iter().collect()
        }
        Predicate::Build(build) => {
            let matches = matches(build, rows)?;
            let candidates = candidates(&matches);
            let tried = matches.iter().filter(|found| candidates.contains(&found.namespace));
            looks.extend(tried.map(|found| Look::fact(found.index)));
            candidates
        }
        Predicate::Update(update) => {
            for id in &update.builds {
                looks.extend(rows.index(&Look::id(id))?.map(Look::fact));
            }
            rows.covering(&update.product).map(String::from).into_iter().collect()
        }
        Predicate::Rebuild(_)
        | Predicate::Withdrawal(_)
        | Predicate::Review(_)
        | Predicate::Policy(_)
        | Predicate::Access(_) => Vec::new(),
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
    // Rule 1. The record was parsed, so it is well-formed and of a known kind.
    if let Some(log) = record.log()
        && log != origin
    {
        return Err(Refusal::WrongLog { have: log.into(), origin: origin.into() }.into());
    }
    // Rule 2.
    if let Some(index) = rows.index(&Look::id(&record.id))? {
        return Ok(Admission::Known { index });
    }
    let at = At { index, record, rows, checked };
    let (signatures, mut out) = match &record.statement.predicate {
        Predicate::Authority(authority) => at.authority(authority)?,
        Predicate::Source(source) => at.source(source)?,
        Predicate::Build(build) => at.build(build)?,
        Predicate::Update(update) => at.update(update)?,
        Predicate::Rebuild(_)
        | Predicate::Withdrawal(_)
        | Predicate::Review(_)
        | Predicate::Policy(_)
        | Predicate::Access(_) => return Err(Refusal::KindNotSupported(record.kind()).into()),
    };
    out.push(Row::id(&record.id, index));
    let signatures: Vec<_> = signatures.into_iter().collect();
    let entry = record.entry(&signatures).map_err(Refusal::Entry)?;
    Ok(Admission::New { entry, rows: out })
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
    fn authority(&self, authority: &Authority) -> Result<(Signatures, Vec<Row>), Stop> {
        let namespace = &authority.namespace;
        let text = namespace.as_str();
        // Rule 10, as far as the record and its index say it.
        if authority.epoch != 0 {
            return Err(Refusal::EpochNotSupported { namespace: text.into(), epoch: authority.epoch }.into());
        }
        if namespace.is_root() != (self.index == 0) {
            return Err(Refusal::Genesis(self.index).into());
        }
        // Rules 4 and 5: genesis is signed by its own root, epoch 0 of any other namespace by the root in force.
        let root = self.governing(|| "*".into())?;
        let signatures = root.signed(&self.signers(core::slice::from_ref(&root)), self.index)?;
        // Rule 10.
        match self.rows.namespace(text)? {
            Some(NamespaceRow::Authority(_)) => return Err(Refusal::NamespaceTaken(text.into()).into()),
            Some(NamespaceRow::Prefix) => {
                let other = format!("a namespace below {text}");
                return Err(Refusal::NamespaceNests { namespace: text.into(), other }.into());
            }
            None => {}
        }
        for prefix in namespace.prefixes() {
            if let Some(NamespaceRow::Authority(_)) = self.rows.namespace(prefix)? {
                return Err(Refusal::NamespaceNests { namespace: text.into(), other: prefix.into() }.into());
            }
        }
        let value = AuthorityValue { epoch: 0, id: self.record.id, index: self.index };
        let mut out = vec![
            self.fact(&Fact::Authority),
            Row::authority(text, &self.record.id, self.index, &self.record.payload),
            Row::state(&state::authority_key(text), &value.to_text()),
        ];
        out.extend(namespace.prefixes().map(Row::prefix));
        Ok((signatures, out))
    }

    fn source(&self, source: &Source) -> Result<(Signatures, Vec<Row>), Stop> {
        // Rules 4 and 5.
        let trusted = self.governing(|| source.products.first().map(ToString::to_string).unwrap_or_default())?;
        let namespace = trusted.namespace();
        if let Some(product) = source.products.iter().find(|product| !product.in_namespace(namespace)) {
            let product = product.as_str().into();
            return Err(Refusal::ProductOutsideNamespace { product, namespace: namespace.into() }.into());
        }
        let signatures = trusted.signed(&self.signers(core::slice::from_ref(&trusted)), self.index)?;
        let value = SourceValue { index: self.index, reviews: BTreeMap::new() };
        let mut out = vec![
            self.fact(&Fact::Source { namespace: namespace.into(), products: source.products.clone() }),
            Row::state(&state::source_key(&self.record.id), &value.to_text()),
        ];
        out.extend(self.digest_rows(namespace));
        Ok((signatures, out))
    }

    fn build(&self, build: &Build) -> Result<(Signatures, Vec<Row>), Stop> {
        let matches = matches(build, self.rows)?;
        let candidates = signatures::trusted(self.record, self.rows)?;
        let signers = self.signers(&candidates);
        let mut signatures = BTreeMap::new();
        let mut counts = Vec::new();
        // What is said if it counts for none: of the candidate with most dependencies, one that signed before one that did not.
        let (mut unsigned, mut unled) = (None, None);
        for candidate in &candidates {
            // Rule 5.
            let by = match candidate.signed(&signers, self.index) {
                Ok(by) => by,
                Err(refusal) => {
                    unsigned.get_or_insert(refusal);
                    continue;
                }
            };
            // Rule 6.
            let namespace = String::from(candidate.namespace());
            let products = self.led_to(&candidate.authority, &matches)?;
            if products.is_empty() {
                unled.get_or_insert(Refusal::SourceNotLogged(build.dependencies.len()));
                continue;
            }
            if products.len() > MAX_PRODUCTS {
                unled.get_or_insert(Refusal::TooManyProducts { have: products.len(), namespace });
                continue;
            }
            signatures.extend(by);
            counts.push(Counts { namespace, products });
        }
        if counts.is_empty() {
            let refusal = unled.or(unsigned);
            return Err(refusal.unwrap_or(Refusal::SourceNotLogged(build.dependencies.len())).into());
        }
        let value = BuildValue { index: self.index, rebuilds: BTreeMap::new() };
        let mut out = vec![Row::state(&state::build_key(&self.record.id), &value.to_text())];
        counts.iter().for_each(|counts| out.extend(self.digest_rows(&counts.namespace)));
        let artifacts: BTreeSet<Digest> = self.record.statement.subjects.iter().map(|subject| subject.sha256).collect();
        out.push(self.fact(&Fact::Build { counts, artifacts: artifacts.into_iter().collect() }));
        Ok((signatures, out))
    }

    /// The products that the build's dependencies lead to in a namespace, with the fewest steps to a source for each.
    fn led_to(&self, authority: &Authority, matches: &[Match]) -> Result<BTreeMap<Product, u8>, Stop> {
        let namespace = authority.namespace.as_str();
        let mut products = BTreeMap::new();
        let mut lead = |product: &Product, steps: u8| {
            if steps <= MAX_STEPS {
                let fewest = products.entry(product.clone()).or_insert(steps);
                *fewest = steps.min(*fewest);
            }
        };
        for found in matches.iter().filter(|found| found.namespace == namespace) {
            if found.by_commit && !authority.allow_git_commit {
                continue;
            }
            match self.rows.fact(found.index)? {
                Fact::Source { products, .. } => products.iter().for_each(|product| lead(product, 1)),
                Fact::Build { counts, .. } => {
                    let of_it = counts.iter().filter(|counts| counts.namespace == namespace);
                    for (product, steps) in of_it.flat_map(|counts| &counts.products) {
                        lead(product, steps.saturating_add(1));
                    }
                }
                Fact::Authority | Fact::Update => return Err(Corrupt::unreadable(&Look::fact(found.index)).into()),
            }
        }
        Ok(products)
    }

    fn update(&self, update: &Update) -> Result<(Signatures, Vec<Row>), Stop> {
        // Rule 3.
        let mut builds = Vec::with_capacity(update.builds.len());
        for id in &update.builds {
            let index = self.rows.index(&Look::id(id))?.ok_or(Refusal::BuildNotLogged(*id))?;
            match self.rows.fact_kind(index)? {
                Kind::Build => builds.push((*id, index)),
                kind => return Err(Refusal::NotABuild { id: *id, kind: kind.name() }.into()),
            }
        }
        // Rules 4 and 5.
        let trusted = self.governing(|| update.product.to_string())?;
        let signatures = trusted.signed(&self.signers(core::slice::from_ref(&trusted)), self.index)?;
        // Rule 6.
        let namespace = trusted.namespace();
        let mut artifacts = BTreeSet::new();
        for (build, index) in builds {
            let Fact::Build { counts, artifacts: made } = self.rows.fact(index)? else {
                return Err(Corrupt::unreadable(&Look::fact(index)).into());
            };
            let mine = counts.iter().find(|counts| counts.namespace == namespace);
            let mine = mine.ok_or_else(|| Refusal::BuildDoesNotCount { build, namespace: namespace.into() })?;
            if !mine.products.contains_key(&update.product) {
                let product = update.product.to_string();
                return Err(Refusal::SourceOfOtherProduct { build, product }.into());
            }
            artifacts.extend(made);
        }
        for subject in &self.record.statement.subjects {
            if !artifacts.contains(&subject.sha256) {
                let name = subject.name.clone();
                return Err(Refusal::FileNotBuilt { name, sha256: subject.sha256 }.into());
            }
        }
        let channel = self.next_in_channel(update)?;
        let mut out = vec![
            self.fact(&Fact::Update),
            Row::state(&state::channel_key(update.product.as_str(), &update.channel), &channel.to_text()),
            Row::state(&state::update_key(&self.record.id), &UpdateValue::Live { index: self.index }.to_text()),
        ];
        out.extend(self.digest_rows(namespace));
        let files: BTreeSet<Digest> = self.record.statement.subjects.iter().map(|subject| subject.sha256).collect();
        out.extend(files.iter().map(|sha256| Row::file(sha256, update, self.index)));
        Ok((signatures, out))
    }

    /// Rule 7, and the channel's value with this update in it.
    fn next_in_channel(&self, update: &Update) -> Result<ChannelValue, Stop> {
        let (product, name) = (update.product.as_str(), &update.channel);
        let look = Look::state(&state::channel_key(product, name));
        let mut channel = match self.rows.state(&look)? {
            Some(text) => ChannelValue::parse(text).map_err(|_| Corrupt::unreadable(&look))?,
            None => ChannelValue { sequence: 0, targets: BTreeMap::new() },
        };
        let need = channel.sequence.saturating_add(1);
        if update.sequence != need {
            let (product, channel) = (product.into(), name.clone());
            return Err(Refusal::Sequence { have: update.sequence, need, product, channel }.into());
        }
        channel.sequence = need;
        let line = TargetLine { sequence: need, id: self.record.id, index: self.index };
        channel.targets.insert(update.target.clone(), line);
        if channel.targets.len() > MAX_TARGETS {
            return Err(Refusal::TooManyTargets { product: product.into(), channel: name.clone() }.into());
        }
        Ok(channel)
    }

    /// Rule 4, where one authority alone governs: the one in force for what `of` names.
    fn governing(&self, of: impl Fn() -> String) -> Result<Trusted, Stop> {
        let trusted = signatures::trusted(self.record, self.rows)?.into_iter().next();
        trusted.ok_or_else(|| Refusal::NoAuthority(of()).into())
    }

    /// The valid signatures by keys that are trusted.
    fn signers(&self, trusted: &[Trusted]) -> Signatures {
        let pae = record::pae(&self.record.payload);
        signatures::signers(&self.record.signatures, trusted, |keyid, key, sig| {
            (self.checked)(keyid, sig).unwrap_or_else(|| key.verify(&pae, sig))
        })
    }

    fn fact(&self, fact: &Fact) -> Row {
        Row::fact(self.index, fact)
    }

    /// The rows that lead from this record's digests to it, except where an earlier record has them.
    fn digest_rows(&self, namespace: &str) -> impl Iterator<Item = Row> {
        let keys =
            digest_prefixes(&self.record.statement).into_iter().map(|prefix| [&prefix, namespace.as_bytes()].concat());
        let new = keys.filter(|key| self.rows.get(Family::Digests, key).is_none());
        new.map(|key| Row { family: Family::Digests, key, value: self.index.to_be_bytes().to_vec() })
    }
}

/// The keys, up to the namespace, of the digest rows that lead to a record.
fn digest_prefixes(statement: &Statement) -> BTreeSet<Vec<u8>> {
    let kind = match statement.predicate.kind() {
        Kind::Authority => return BTreeSet::new(),
        kind => kind,
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

/// The rows that [`leads`] needs once those of [`needs`] for the build's record are answered.
///
/// # Errors
/// [`Corrupt`].
pub fn leads_needs(build: &Build, namespace: &str, rows: &Rows) -> Result<Vec<Look>, Corrupt> {
    let matches = matches(build, rows)?;
    let of_it = matches.iter().filter(|found| found.namespace == namespace);
    Ok(of_it.map(|found| Look::fact(found.index)).chain([Look::namespace(namespace)]).collect())
}

/// The logged records that a build's dependencies name and that lead to a source of the product: what its bundle carries on.
///
/// `index` is the build's: what was logged after it is none of its dependencies. `rows` has the answers to [`needs`] of the
/// build's record, and to [`leads_needs`]; they may be rows of a later log.
///
/// Shapes: indices of sources that list the product, and of builds that lead to one, rising.
///
/// # Errors
/// [`Corrupt`].
pub fn leads(index: u64, build: &Build, namespace: &str, product: &Product, rows: &Rows) -> Result<Vec<u64>, Corrupt> {
    let by_commit = rows.authority(namespace)?.is_some_and(|authority| authority.allow_git_commit);
    let mut indices = BTreeSet::new();
    for found in matches(build, rows)? {
        let counts = found.namespace == namespace && found.index < index && (by_commit || !found.by_commit);
        if counts && rows.fact(found.index)?.leads_to(namespace, product) {
            indices.insert(found.index);
        }
    }
    Ok(indices.into_iter().collect())
}

/// A record in the log that dependencies of a build name.
struct Match {
    namespace: String,
    index: u64,
    /// Named by its git commit alone; counts only where the authority allows that.
    by_commit: bool,
    /// Which dependencies name it.
    dependencies: BTreeSet<usize>,
}

/// The prefixes of digest rows that a dependency can meet: sources and builds by SHA-256, sources by git commit.
fn dependency_keys(dependency: &Dependency) -> Vec<Vec<u8>> {
    let by_hash =
        dependency.sha256.iter().flat_map(|sha256| [Kind::Source, Kind::Build].map(|kind| digest_prefix(sha256, kind)));
    by_hash.chain(dependency.git_commit.iter().map(|commit| rows::git_commit_prefix(commit))).collect()
}

/// All that a build's dependencies meet, once each.
fn matches(build: &Build, rows: &Rows) -> Result<Vec<Match>, Corrupt> {
    let mut found: BTreeMap<(&str, u64), (bool, BTreeSet<usize>)> = BTreeMap::new();
    for (at, dependency) in build.dependencies.iter().enumerate() {
        for prefix in dependency_keys(dependency) {
            let by_commit = rows::is_git_commit(&prefix);
            for (key, value) in rows.under(Family::Digests, &prefix) {
                let corrupt = || Corrupt { family: Family::Digests, key: key.to_vec() };
                let name = key.get(prefix.len()..).and_then(|name| core::str::from_utf8(name).ok());
                let index = index_of(value).ok_or_else(corrupt)?;
                let (weak, named_by) =
                    found.entry((name.ok_or_else(corrupt)?, index)).or_insert((true, BTreeSet::new()));
                *weak = *weak && by_commit;
                named_by.insert(at);
            }
        }
    }
    let matches = found.into_iter().map(|((namespace, index), (by_commit, dependencies))| Match {
        namespace: namespace.into(),
        index,
        by_commit,
        dependencies,
    });
    Ok(matches.collect())
}

/// The namespaces that a build is tried for: those that most dependencies lead to first, of equal ones the one whose record
/// was logged first.
fn candidates(matches: &[Match]) -> Vec<String> {
    let mut ranks: BTreeMap<&str, (BTreeSet<usize>, u64)> = BTreeMap::new();
    for found in matches {
        let (dependencies, first) = ranks.entry(&found.namespace).or_insert((BTreeSet::new(), found.index));
        dependencies.extend(&found.dependencies);
        *first = found.index.min(*first);
    }
    let mut names: Vec<_> =
        ranks.into_iter().map(|(name, (dependencies, first))| (dependencies.len(), first, name)).collect();
    names.sort_by(|(most, first, a), (more, later, b)| more.cmp(most).then(first.cmp(later)).then(a.cmp(b)));
    names.into_iter().take(MAX_CANDIDATES).map(|(_, _, name)| name.into()).collect()
}

#[cfg(test)]
mod tests;
