//! A vendor's keys, and the records that it signs with them.

use ed25519_dalek::{Signer as _, SigningKey};
use spec::authority::{Authority, Namespace, PublicKey, Role, RoleName};
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

    /// A source of one product.
    pub fn source(&self, product: &str, archive: &[u8]) -> Signed {
        let products = vec![self.product(product)];
        let source = Source { log: self.origin.clone(), products, version: "1".into(), held_at: Vec::new() };
        let subjects = vec![file("source.tar", archive)];
        sign(&Statement { subjects, predicate: Predicate::Source(source) }, self.key(RoleName::Source))
    }

    /// A build of an artifact from an archive.
    pub fn build(&self, archive: &[u8], artifact: &[u8]) -> Signed {
        let dependency = Dependency { uri: None, sha256: Some(Digest::of(archive)), git_commit: None };
        let (build_type, builder) = ("https://acme.example/make".into(), "https://acme.example/builder".into());
        let build = Build { build_type, builder, dependencies: vec![dependency] };
        let subjects = vec![file("artifact", artifact)];
        sign(&Statement { subjects, predicate: Predicate::Build(build) }, self.key(RoleName::Build))
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
