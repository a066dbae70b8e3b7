//! Steps 14 and 15: how the file hangs together with builds and sources.

use super::Refusal;
use super::records::{Item, Released};
use crate::admission::MAX_STEPS;
use crate::record::{Build, Dependency, Digest, Subject};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

impl Released<'_> {
    /// Step 14: where in `builds` those are that the update names, and the file is an artifact of one of them.
    pub(super) fn named(&self, sha256: &Digest) -> Result<Vec<usize>, Refusal> {
        let at: BTreeMap<&Digest, usize> = self.builds.iter().enumerate().map(|(at, item)| (&item.id, at)).collect();
        let find = |id: &Digest| at.get(id).copied().ok_or(Refusal::BuildMissing { id: *id });
        let named = self.update.says.builds.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let update = self.update.index();
        let later = named.iter().filter_map(|at| self.builds.get(*at)).find(|item| item.index() > update);
        if let Some(item) = later {
            return Err(Refusal::BuildAfterUpdate { id: item.id, index: item.index(), update });
        }
        let has = |item: &Item<'_, Build>| item.subjects.iter().any(|subject| subject.sha256 == *sha256);
        let made = |at: &usize| self.builds.get(*at).is_some_and(has);
        if named.iter().any(made) { Ok(named) } else { Err(Refusal::NotBuilt { sha256: *sha256, builds: named.len() }) }
    }

    /// Step 15.
    pub(super) fn follow(&self, named: &[usize], by_commit: bool) -> Result<Dependencies, Refusal> {
        let product = &self.update.says.product;
        let edges = self.edges(by_commit);
        let (steps, builds) = (steps(&edges), reached(&edges, named));
        let mut followed = Dependencies { further_inputs: 0, by_commit: Vec::new() };
        let mut sources = BTreeSet::new();
        for (at, ((item, edges), steps)) in self.builds.iter().zip(&edges).zip(&steps).enumerate() {
            if !builds.contains(&at) {
                return Err(item.surplus());
            }
            for at in &edges.sources {
                let Some(source) = self.sources.get(*at) else { continue };
                if !source.says.products.contains(product) {
                    return Err(Refusal::OtherProduct { source_id: source.id, product: product.clone() });
                }
                sources.insert(*at);
            }
            let (have, max) = (steps.ok_or(Refusal::NoSource { build: item.id })?, u64::from(MAX_STEPS));
            if have > max {
                return Err(Refusal::TooManySteps { build: item.id, have, max });
            }
            followed.further_inputs = followed.further_inputs.saturating_add(edges.unmatched);
            followed.by_commit.extend(edges.by_commit.then_some(item.id));
        }
        match self.sources.iter().enumerate().find(|(at, _)| !sources.contains(at)) {
            Some((_, source)) => Err(source.surplus()),
            None => Ok(followed),
        }
    }

    /// Where the dependencies of each build lead.
    fn edges(&self, by_commit: bool) -> Vec<Edges> {
        let sha256s = |subjects: &[Subject]| subjects.iter().map(|subject| subject.sha256).collect::<Vec<_>>();
        let commits = |subjects: &[Subject]| {
            let all = subjects.iter().flat_map(|subject| &subject.digests);
            let named = all.filter(|(name, _)| by_commit && name == "gitCommit");
            named.map(|(_, commit)| commit.clone()).collect::<Vec<_>>()
        };
        let (archives, commits) = (places(&self.sources, sha256s), places(&self.sources, commits));
        let artifacts = places(&self.builds, sha256s);
        let edges_of = |item: &Item<'_, Build>| {
            let (below, mut edges) = (item.index(), Edges::default());
            for Dependency { sha256, git_commit, .. } in &item.says.dependencies {
                let sources = sha256.map(|sha256| archives.lower(&sha256, below)).unwrap_or_default();
                let builds = sha256.map(|sha256| artifacts.lower(&sha256, below)).unwrap_or_default();
                let committed = git_commit.as_ref().map(|commit| commits.lower(commit, below)).unwrap_or_default();
                match (sources.is_empty() && builds.is_empty(), committed.is_empty()) {
                    (true, true) => edges.unmatched = edges.unmatched.saturating_add(1),
                    (true, false) => edges.by_commit = true,
                    (false, _) => {}
                }
                edges.sources.extend(sources.into_iter().chain(committed));
                edges.builds.extend(builds);
            }
            edges
        };
        self.builds.iter().map(edges_of).collect()
    }
}

/// Which items have a digest: the index of each in the log, and where it stands in its list.
pub(super) struct Places<K>(BTreeMap<K, Vec<(u64, usize)>>);

impl<K: Ord> Places<K> {
    /// Where those stand that are below an index.
    pub(super) fn lower(&self, digest: &K, below: u64) -> Vec<usize> {
        let all = self.0.get(digest).into_iter().flatten();
        all.filter(|(index, _)| *index < below).map(|(_, at)| *at).collect()
    }
}

pub(super) fn places<T, K: Ord>(items: &[Item<'_, T>], digests: impl Fn(&[Subject]) -> Vec<K>) -> Places<K> {
    let mut found: BTreeMap<K, Vec<(u64, usize)>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        // Subjects have names of their own, not digests: an item stands once under each.
        for digest in digests(&item.subjects).into_iter().collect::<BTreeSet<_>>() {
            found.entry(digest).or_default().push((item.index(), at));
        }
    }
    Places(found)
}

/// Where the dependencies of a build lead.
#[derive(Default)]
struct Edges {
    sources: BTreeSet<usize>,
    builds: BTreeSet<usize>,
    /// Some source is met by git commit alone.
    by_commit: bool,
    /// Dependencies that meet no record of the bundle.
    unmatched: u64,
}

/// What following the dependencies showed.
pub(super) struct Dependencies {
    /// Those that meet no record of the bundle.
    pub(super) further_inputs: u64,
    /// Builds that name a source by git commit alone.
    pub(super) by_commit: Vec<Digest>,
}

/// The fewest steps from each build to a source. Edges lead to lower indices, so one pass suffices.
fn steps(edges: &[Edges]) -> Vec<Option<u64>> {
    let mut steps: Vec<Option<u64>> = Vec::with_capacity(edges.len());
    for edges in edges {
        let over_builds = edges.builds.iter().filter_map(|at| steps.get(*at).copied().flatten()).min();
        let fewest =
            if edges.sources.is_empty() { over_builds.map(|fewest| fewest.saturating_add(1)) } else { Some(1) };
        steps.push(fewest);
    }
    steps
}

/// Which builds are reached from those named.
fn reached(edges: &[Edges], named: &[usize]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut next = named.to_vec();
    while let Some(at) = next.pop() {
        if reached.insert(at) {
            next.extend(edges.get(at).map(|edges| &edges.builds).into_iter().flatten());
        }
    }
    reached
}
