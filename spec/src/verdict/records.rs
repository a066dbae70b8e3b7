//! Steps 1 and 9 to 15: what the records are, where they are, who signed them, and how they hang together.

use super::heads::{included, value};
use super::{Part, Refusal, Trust};
use crate::admission::MAX_STEPS;
use crate::authority::{Authority, RoleName};
use crate::bundle::{Proved, Status};
use crate::merkle::TreeHead;
use crate::record::{
    Build, Dependency, Digest, EnvelopeSignature, Kind, Predicate, Product, Record, Source, Statement, Subject, Update,
    pae,
};
use crate::state::{self, AuthorityValue};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString as _};
use alloc::{boxed::Box, vec::Vec};

/// A record of a kind, and where it stands.
pub(super) struct Item<'a, T> {
    pub(super) proved: &'a Proved,
    pub(super) id: Digest,
    pub(super) subjects: Vec<Subject>,
    pub(super) says: T,
    kind: Kind,
    log: Option<String>,
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

/// What a bundle has: one update, the builds and sources behind it, ascending by index.
pub(super) struct Released<'a> {
    pub(super) update: Item<'a, Update>,
    pub(super) builds: Vec<Item<'a, Build>>,
    pub(super) sources: Vec<Item<'a, Source>>,
}

/// The envelope of a record as read, its predicate apart.
fn read(part: Part, proved: &Proved) -> Result<(Item<'_, ()>, Predicate), Refusal> {
    let record = Record::parse_entry(&proved.entry).map_err(Box::new);
    let record = record.map_err(|error| Refusal::MalformedRecord { part, index: proved.index, error })?;
    let (kind, log) = (record.kind(), record.log().map(String::from));
    let Record { id, payload, statement: Statement { subjects, predicate }, signatures } = record;
    Ok((Item { proved, id, subjects, says: (), kind, log, payload, signatures }, predicate))
}

/// Step 1: the records of a bundle.
pub(super) fn released(records: &[Proved]) -> Result<Released<'_>, Refusal> {
    let (mut updates, mut builds, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    for proved in records {
        match read(Part::Bundle, proved)? {
            (item, Predicate::Update(says)) => updates.push(item.with(says)),
            (item, Predicate::Build(says)) => builds.push(item.with(says)),
            (item, Predicate::Source(says)) => sources.push(item.with(says)),
            (item, _) => return Err(item.surplus(Part::Bundle)),
        }
    }
    let have = updates.len();
    match updates.pop() {
        Some(update) if have == 1 => Ok(Released { update, builds, sources }),
        _ => Err(Refusal::NotOneUpdate { have }),
    }
}

/// Step 1: the records of a status.
pub(super) fn authorities(records: &[Proved]) -> Result<Vec<Item<'_, Authority>>, Refusal> {
    let one = |proved| match read(Part::Status, proved)? {
        (item, Predicate::Authority(says)) => Ok(item.with(says)),
        (item, _) => Err(item.surplus(Part::Status)),
    };
    records.iter().map(one).collect()
}

impl<'a, T> Item<'a, T> {
    fn with<U>(self, says: U) -> Item<'a, U> {
        let Self { proved, id, subjects, kind, log, payload, signatures, .. } = self;
        Item { proved, id, subjects, says, kind, log, payload, signatures }
    }

    fn surplus(&self, part: Part) -> Refusal {
        Refusal::SurplusRecord { part, index: self.proved.index, kind: self.kind }
    }

    /// Step 10: under the head, at the index that the state gives, made for this log.
    fn placed(&self, part: Part, head: &TreeHead, need: u64, origin: &str) -> Result<(), Refusal> {
        let Self { proved, id, kind, log, .. } = self;
        if proved.index != need {
            return Err(Refusal::IndexDiffers { kind: *kind, id: *id, have: proved.index, need });
        }
        included(part, proved, head)?;
        match log {
            Some(have) if have != origin => {
                let (have, need) = (have.clone(), origin.into());
                Err(Refusal::WrongLog { index: proved.index, kind: *kind, have, need })
            }
            _ => Ok(()),
        }
    }

    /// Step 11: signed by the role's keys, each signature verified against the one key that it names.
    fn signed(&self, role: RoleName, governing: &Governing<'_>) -> Result<(), Refusal> {
        let (index, kind, authority) = (self.proved.index, self.kind, governing.authority);
        if index <= governing.index {
            return Err(Refusal::BeforeAuthority { index, kind, authority: governing.index });
        }
        let pae = pae(&self.payload);
        let of_role = |keyid: &Digest| authority.role(role).is_some_and(|role| role.keyids.contains(keyid));
        let mut signers = Vec::new();
        for EnvelopeSignature { keyid, sig } in &self.signatures {
            if let Some(keyid) = keyid.filter(of_role)
                && authority.keys.get(&keyid).is_some_and(|key| key.verify(&pae, sig))
            {
                signers.push((keyid, sig.clone()));
            }
        }
        authority.meets(role, &signers, index).map_err(|threshold| {
            let (namespace, have, need) = (authority.namespace.to_string(), threshold.have, threshold.need);
            Refusal::ThresholdNotMet { index, kind, namespace, have, need }
        })
    }
}

/// The authority in force of the product's namespace.
pub(super) struct Governing<'a> {
    pub(super) authority: &'a Authority,
    pub(super) index: u64,
}

/// Step 2: the namespace that the pin governs. The pin is the id, so what the record says needs no further proof.
pub(super) fn pinned_namespace(
    authorities: &[Item<'_, Authority>],
    pin: &Digest,
    product: &Product,
) -> Result<String, Refusal> {
    let pinned = authorities.iter().find(|item| item.id == *pin);
    let pinned = pinned.ok_or(Refusal::NotPinned { pin: *pin, have: None })?;
    let namespace = pinned.says.namespace.to_string();
    if !product.in_namespace(&namespace) {
        return Err(Refusal::OutsideNamespace { product: product.clone(), namespace });
    }
    Ok(namespace)
}

/// Step 9: the namespace's authority record, included, in force and pinned; all others of the status are of parties.
pub(super) fn chain<'a>(
    authorities: &'a [Item<'_, Authority>],
    status: &Status,
    head: &TreeHead,
    namespace: &str,
    trust: &Trust,
) -> Result<Governing<'a>, Refusal> {
    let in_force = value(status, &state::authority_key(namespace), AuthorityValue::parse)?;
    let AuthorityValue { epoch, id, index } = in_force;
    if epoch > 0 {
        return Err(Refusal::EpochNotSupported { namespace: namespace.into(), epoch });
    }
    if id != trust.authority {
        return Err(Refusal::NotPinned { pin: trust.authority, have: Some(id) });
    }
    let mut governing = None;
    for item in authorities {
        let of = item.says.namespace.as_str();
        if item.id == id {
            item.placed(Part::Status, head, index, &trust.origin)?;
            governing = Some(&item.says);
        } else if item.says.namespace.is_party() && status.key(&state::authority_key(of)).is_some() {
            included(Part::Status, item.proved, head)?;
        } else {
            return Err(item.surplus(Part::Status));
        }
    }
    match governing {
        Some(authority) if authority.namespace.as_str() == namespace => Ok(Governing { authority, index }),
        _ => Err(Refusal::AuthorityChain { namespace: namespace.into(), id, index }),
    }
}

/// What the state says about the bundle's records, in their order.
pub(super) struct Known {
    pub(super) update: state::UpdateValue,
    pub(super) builds: Vec<state::BuildValue>,
    pub(super) sources: Vec<state::SourceValue>,
}

impl Released<'_> {
    /// Reads what the state says about each record.
    pub(super) fn known(&self, status: &Status) -> Result<Known, Refusal> {
        let build = |item: &Item<'_, Build>| value(status, &state::build_key(&item.id), state::BuildValue::parse);
        let source = |item: &Item<'_, Source>| value(status, &state::source_key(&item.id), state::SourceValue::parse);
        Ok(Known {
            update: value(status, &state::update_key(&self.update.id), state::UpdateValue::parse)?,
            builds: self.builds.iter().map(build).collect::<Result<_, _>>()?,
            sources: self.sources.iter().map(source).collect::<Result<_, _>>()?,
        })
    }

    /// Step 10.
    pub(super) fn placed(&self, known: &Known, head: &TreeHead, origin: &str) -> Result<(), Refusal> {
        let (state::UpdateValue::Live { index } | state::UpdateValue::Withdrawn { index, .. }) = known.update;
        self.update.placed(Part::Bundle, head, index, origin)?;
        for (item, known) in self.builds.iter().zip(&known.builds) {
            item.placed(Part::Bundle, head, known.index, origin)?;
        }
        for (item, known) in self.sources.iter().zip(&known.sources) {
            item.placed(Part::Bundle, head, known.index, origin)?;
        }
        Ok(())
    }

    /// Step 11.
    pub(super) fn signed(&self, governing: &Governing<'_>) -> Result<(), Refusal> {
        self.update.signed(RoleName::Update, governing)?;
        self.builds.iter().try_for_each(|item| item.signed(RoleName::Build, governing))?;
        self.sources.iter().try_for_each(|item| item.signed(RoleName::Source, governing))
    }

    /// Step 14: where in `builds` those are that the update names, and the file is an artifact of one of them.
    pub(super) fn named(&self, sha256: &Digest) -> Result<Vec<usize>, Refusal> {
        let at: BTreeMap<&Digest, usize> = self.builds.iter().enumerate().map(|(at, item)| (&item.id, at)).collect();
        let find = |id: &Digest| at.get(id).copied().ok_or(Refusal::BuildMissing { id: *id });
        let named = self.update.says.builds.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let has = |item: &Item<'_, Build>| item.subjects.iter().any(|subject| subject.sha256 == *sha256);
        let made = |at: &usize| self.builds.get(*at).is_some_and(has);
        if named.iter().any(made) { Ok(named) } else { Err(Refusal::NotBuilt { sha256: *sha256, builds: named.len() }) }
    }

    /// Step 15.
    pub(super) fn follow(&self, named: &[usize], by_commit: bool) -> Result<Followed, Refusal> {
        let product = &self.update.says.product;
        let edges = self.edges(by_commit);
        let (steps, builds) = (steps(&edges), reached(&edges, named));
        let mut followed = Followed { further_inputs: 0, by_commit: Vec::new() };
        let mut sources = BTreeSet::new();
        for (at, ((item, edges), steps)) in self.builds.iter().zip(&edges).zip(&steps).enumerate() {
            if !builds.contains(&at) {
                return Err(item.surplus(Part::Bundle));
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
            Some((_, source)) => Err(source.surplus(Part::Bundle)),
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
            let (below, mut edges) = (item.proved.index, Edges::default());
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
            found.entry(digest).or_default().push((item.proved.index, at));
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
pub(super) struct Followed {
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
