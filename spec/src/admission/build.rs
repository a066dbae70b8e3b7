//! Builds: which namespaces one counts for, and which sources it leads to.

use super::rows::{self, digest_prefix, index_of};
use super::{
    At, Corrupt, Counts, Fact, Family, Look, MAX_CANDIDATES, MAX_PRODUCTS, MAX_STEPS, Refusal, Row, Rows, Signatures,
    Stop, digests, signatures,
};
use crate::authority::Authority;
use crate::record::{Build, Dependency, Kind, Product};
use crate::state::{self, BuildValue};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{string::String, vec, vec::Vec};

/// What the build's dependencies lead to in the namespaces that it is tried for, with the looks of [`signatures::needs_more`];
/// and those namespaces.
pub(super) fn needs_more(build: &Build, rows: &Rows) -> Result<(Vec<Look>, Vec<String>), Corrupt> {
    let matches = matches(build, rows)?;
    let candidates = candidates(&matches);
    let tried = matches.iter().filter(|found| candidates.contains(&found.namespace));
    let authorities = candidates.iter().map(|namespace| Look::namespace(namespace));
    Ok((tried.map(|found| Look::fact(found.index)).chain(authorities).collect(), candidates))
}

impl At<'_> {
    pub(super) fn build(&self, build: &Build) -> Result<(Signatures, Vec<Row>), Stop> {
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
        let artifacts = digests(&self.record.statement).into_iter().collect();
        out.extend(self.own_rows(&Fact::Build { counts, artifacts }));
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
                _ => return Err(Corrupt::unreadable(&Look::fact(found.index)).into()),
            }
        }
        Ok(products)
    }
}

/// The rows that [`leads`] needs once those of [`super::needs`] for the build's record are answered.
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
/// `index` is the build's: what was logged after it is none of its dependencies. `rows` has the answers to [`super::needs`] of the
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
pub(super) struct Match {
    namespace: String,
    index: u64,
    /// Named by its git commit alone; counts only where the authority allows that.
    by_commit: bool,
    /// Which dependencies name it.
    dependencies: BTreeSet<usize>,
}

/// The prefixes of digest rows that a dependency can meet: sources and builds by SHA-256, sources by git commit.
pub(super) fn dependency_keys(dependency: &Dependency) -> Vec<Vec<u8>> {
    let by_hash =
        dependency.sha256.iter().flat_map(|sha256| [Kind::Source, Kind::Build].map(|kind| digest_prefix(sha256, kind)));
    by_hash.chain(dependency.git_commit.iter().map(|commit| rows::git_commit_prefix(commit))).collect()
}

/// All that a build's dependencies meet, once each.
pub(super) fn matches(build: &Build, rows: &Rows) -> Result<Vec<Match>, Corrupt> {
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
pub(super) fn candidates(matches: &[Match]) -> Vec<String> {
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
