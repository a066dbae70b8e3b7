//! A vendor's keys, and the records that it signs with them.

use ed25519_dalek::{Signer as _, SigningKey};
use spec::authority::{Algorithm, Authority, Namespace, PublicKey, Role, RoleName, SecretKey};
use spec::record::{
    self, Build, Dependency, Digest, Predicate, Product, Record, Severity, Source, Statement, Subject, Update,
    Withdrawal,
};
use std::collections::BTreeMap;

/// A record key.
#[derive(Clone)]
pub struct Key(SigningKey);

impl Key {
    /// A key that is the same in every run.
    pub fn from_seed(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::from_ed25519(self.0.verifying_key().to_bytes()).unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// Signs a payload as a record.
    pub fn sign(&self, payload: &[u8]) -> (Digest, Vec<u8>) {
        (self.public().keyid(), self.0.sign(&record::pae(payload)).to_vec())
    }
}

/// A vendor: its log, its namespace, and one key for each of root, authority, source, build, update and withdraw.
pub struct Vendor {
    /// The log's origin.
    pub origin: String,
    /// The namespace.
    pub namespace: String,
    /// The root of the log.
    pub root: Key,
    /// Keys by role.
    pub keys: BTreeMap<RoleName, Key>,
}

/// Keys that nobody has the secret half of: any bytes of the length are a key of ML-DSA-44.
fn large_keys(number: u64) -> impl Iterator<Item = PublicKey> {
    let form = SecretKey::from_seed(Algorithm::MlDsa44, &[1; 32]).map(|key| key.public().spki()).unwrap_or_default();
    (0..24_u64).filter_map(move |at| {
        let mut spki = form.clone();
        for (block, bytes) in (0_u64..).zip(spki[22..].chunks_mut(32)) {
            let random = Digest::of(&[number, at, block].map(u64::to_be_bytes).concat());
            bytes.copy_from_slice(&random.0[..bytes.len()]);
        }
        PublicKey::from_spki(Algorithm::MlDsa44, &spki).ok()
    })
}

/// What [`Vendor::wide_build`] builds.
pub fn wide_artifact(number: usize) -> Vec<u8> {
    format!("wide artifact {number}").into_bytes()
}

/// A finished envelope and the id of its record.
#[derive(Clone)]
pub struct Signed {
    /// The canonical envelope.
    pub envelope: Vec<u8>,
    /// The record's id.
    pub id: Digest,
}

impl Vendor {
    /// A vendor of `pkg:generic/acme/` for a log.
    pub fn new(origin: &str) -> Self {
        use RoleName::{Authority, Build, Source, Update, Withdraw};
        let roles = [Authority, Source, Build, Update, Withdraw];
        let keys = roles.into_iter().zip(10..).map(|(role, seed)| (role, Key::from_seed(seed))).collect();
        Self { origin: origin.into(), namespace: "pkg:generic/acme/".into(), root: Key::from_seed(1), keys }
    }

    /// The key of a role.
    ///
    /// # Panics
    /// If a vendor has none.
    pub fn key(&self, role: RoleName) -> &Key {
        &self.keys[&role]
    }

    /// A product of this vendor.
    pub fn product(&self, name: &str) -> Product {
        Product::parse(&format!("{}{name}", self.namespace)).unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn authority_of(&self, namespace: &str, roles: BTreeMap<RoleName, Key>) -> Statement {
        let keys = roles.values().map(|key| (key.public().keyid(), key.public())).collect();
        let role = |key: &Key| Role { threshold: 1, keyids: vec![key.public().keyid()] };
        let roles = roles.iter().map(|(name, key)| (*name, role(key))).collect();
        let namespace = Namespace::parse(namespace).unwrap_or_else(|error| unreachable!("{error}"));
        let log = self.origin.clone();
        let (epoch, previous, distrust, allow_git_commit) = (0, None, Vec::new(), false);
        Authority { log, namespace, epoch, previous, keys, roles, distrust, allow_git_commit }.into_statement()
    }

    /// The genesis record.
    pub fn genesis(&self) -> Signed {
        let roles = [(RoleName::Root, self.root.clone())].into();
        sign(&self.authority_of("*", roles), &self.root)
    }

    /// Epoch 0 of the vendor's namespace.
    pub fn authority(&self) -> Signed {
        sign(&self.authority_of(&self.namespace, self.keys.clone()), &self.root)
    }

    /// Epoch 0 of the vendor's namespace once more, by other keys.
    pub fn authority_again(&self) -> Signed {
        let roles = [(RoleName::Authority, Key::from_seed(77))].into();
        sign(&self.authority_of(&self.namespace, roles), &self.root)
    }

    /// An authority of another namespace, with as many keys of ML-DSA-44 as an entry has room for.
    pub fn large_authority(&self, number: u64, epoch: u64) -> Signed {
        let own = self.key(RoleName::Authority);
        let keys = large_keys(number).chain([own.public()]).map(|key| (key.keyid(), key));
        let keys: BTreeMap<_, _> = keys.collect();
        let role = |keyids| Role { threshold: 1, keyids };
        let build = role(keys.keys().copied().collect());
        let roles = [(RoleName::Authority, role(vec![own.public().keyid()])), (RoleName::Build, build)].into();
        let namespace = Namespace::parse(&format!("pkg:generic/vendor-{number}/"));
        let namespace = namespace.unwrap_or_else(|error| unreachable!("{error}"));
        let previous = epoch.checked_sub(1).map(|before| self.large_authority(number, before).id);
        let (log, distrust, allow_git_commit) = (self.origin.clone(), Vec::new(), false);
        let authority = Authority { log, namespace, epoch, previous, keys, roles, distrust, allow_git_commit };
        sign(&authority.into_statement(), if epoch == 0 { &self.root } else { own })
    }

    /// A source of one product.
    pub fn source(&self, product: &str, archive: &[u8]) -> Signed {
        let products = vec![self.product(product)];
        let source = Source { log: self.origin.clone(), products, version: "1".into(), held_at: Vec::new() };
        let subjects = vec![file("source.tar", archive)];
        sign(&Statement { subjects, predicate: Predicate::Source(source) }, self.key(RoleName::Source))
    }

    /// A build of an artifact from an archive.
    pub fn build(&self, archive: &[u8], artifact: &[u8]) -> Signed {
        self.build_of([archive], artifact)
    }

    /// A build of an artifact from some inputs.
    pub fn build_of(&self, inputs: impl IntoIterator<Item = impl AsRef<[u8]>>, artifact: &[u8]) -> Signed {
        let of = |input: &[u8]| Dependency { uri: None, sha256: Some(Digest::of(input)), git_commit: None };
        let dependencies = inputs.into_iter().map(|input| of(input.as_ref())).collect();
        let (build_type, builder) = ("https://acme.example/make".into(), "https://acme.example/builder".into());
        let build = Build { build_type, builder, dependencies };
        let subjects = vec![file("artifact", artifact)];
        sign(&Statement { subjects, predicate: Predicate::Build(build) }, self.key(RoleName::Build))
    }

    /// A source of as many products as one may have, with long names.
    pub fn wide_source(&self, number: usize) -> Signed {
        let products = (0..64).map(|at| self.product(&format!("{:0>180}", number * 64 + at))).collect();
        let source = Source { log: self.origin.clone(), products, version: "1".into(), held_at: Vec::new() };
        let subjects = vec![file("source.tar", format!("wide source {number}").as_bytes())];
        sign(&Statement { subjects, predicate: Predicate::Source(source) }, self.key(RoleName::Source))
    }

    /// A build of the first 16 wide sources, which have as many products as a build may lead to; its artifact is [`wide_artifact`].
    pub fn wide_build(&self, number: usize) -> Signed {
        self.build_of((0..16).map(|source| format!("wide source {source}")), &wide_artifact(number))
    }

    /// The update that an update record says.
    pub fn update_statement(&self, product: &str, sequence: u64, builds: &[Digest], artifact: &[u8]) -> Statement {
        let update = Update {
            log: self.origin.clone(),
            product: self.product(product),
            version: format!("1.{sequence}"),
            channel: "stable".into(),
            target: String::new(),
            sequence,
            builds: builds.to_vec(),
        };
        Statement { subjects: vec![file("artifact", artifact)], predicate: Predicate::Update(update) }
    }

    /// An update that ships an artifact.
    pub fn update(&self, product: &str, sequence: u64, builds: &[Digest], artifact: &[u8]) -> Signed {
        sign(&self.update_statement(product, sequence, builds, artifact), self.key(RoleName::Update))
    }
}

impl Vendor {
    /// A withdrawal of updates and of an artifact that they carry.
    pub fn withdrawal(&self, updates: &[Digest], artifact: &[u8]) -> Signed {
        let (log, reason, severity) = (self.origin.clone(), "it deletes files".into(), Severity::High);
        let withdrawal = Withdrawal { log, updates: updates.to_vec(), reason, severity, replacement: None };
        let subjects = vec![file("artifact", artifact)];
        sign(&Statement { subjects, predicate: Predicate::Withdrawal(withdrawal) }, self.key(RoleName::Withdraw))
    }
}

/// A subject with these bytes.
pub fn file(name: &str, bytes: &[u8]) -> Subject {
    Subject { name: name.into(), sha256: Digest::of(bytes), digests: Vec::new() }
}

/// Signs a statement.
pub fn sign(statement: &Statement, key: &Key) -> Signed {
    let payload = statement.to_json().into_bytes();
    let envelope = record::envelope(&payload, &[key.sign(&payload)]).unwrap_or_else(|error| unreachable!("{error}"));
    let id = Record::parse_submission(&envelope).unwrap_or_else(|error| unreachable!("{error}")).id;
    Signed { envelope, id }
}
