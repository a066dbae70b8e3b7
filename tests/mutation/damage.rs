//! Twelve ways to damage a record, and how the log must answer each.
//!
//! The answers stand in tables here: they are what `spec/record.md` and `spec/admission.md` say in prose, not what the code
//! that judges says.

use crate::model::{FORMS, Good, Key, Logged, Model, time_verified};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glarus_tests::random::Random;
use serde_json::{Value, json};
use spec::record::Digest;

/// What is done to a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Damage {
    FieldRemoved,
    DigestChanged,
    WrongKind,
    OthersBuild,
    OthersSource,
    StaleKey,
    DistrustedKey,
    Replayed,
    DuplicateKey,
    SignatureAdded,
    SignatureRemoved,
    SignatureRemade,
}

impl Damage {
    pub(crate) const ALL: [(Self, &str); 12] = [
        (Self::FieldRemoved, "a field removed"),
        (Self::DigestChanged, "a digest changed"),
        (Self::WrongKind, "a reference to a wrong kind"),
        (Self::OthersBuild, "another namespace's build"),
        (Self::OthersSource, "another product's source"),
        (Self::StaleKey, "a stale epoch's key"),
        (Self::DistrustedKey, "a distrusted key"),
        (Self::Replayed, "a replayed sequence"),
        (Self::DuplicateKey, "a duplicate JSON key"),
        (Self::SignatureAdded, "a signature added"),
        (Self::SignatureRemoved, "a signature removed"),
        (Self::SignatureRemade, "a signature re-made"),
    ];
}

/// How the log must answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// Refused: the status and the name.
    Refused(u16, &'static str),
    /// It is the record at this index, whoever signed it now.
    Known(u64),
}

/// A damaged record.
pub(crate) struct Damaged {
    /// Of which form it was, and what was done where.
    pub(crate) what: String,
    pub(crate) body: String,
    /// What it says, damaged or not.
    pub(crate) payload: String,
    pub(crate) answer: Answer,
}

/// A member of a statement, by JSON pointers in which `*` is any member or element, and how the log answers where that member
/// of a record of these forms is damaged.
struct Rule {
    forms: &'static [&'static str],
    at: &'static [&'static str],
    status: u16,
    name: &'static str,
}

const fn rule(forms: &'static [&'static str], at: &'static [&'static str], status: u16, name: &'static str) -> Rule {
    Rule { forms, at, status, name }
}

const AUTHORITIES: &[&str] = &["first-authority", "authority"];
const REVIEWS: &[&str] = &["review", "policy-review"];
/// Their subject is a thing without bytes.
const OF_NAMES: &[&str] = &["first-authority", "authority", "policy-review", "policy", "access"];
const SUBJECT_SHA256: &str = "/subject/*/digest/sha256";
const BUILD_INPUT: &str = "/predicate/buildDefinition/resolvedDependencies/0/digest/sha256";
const BUILD_INPUT_V02: &str = "/predicate/materials/0/digest/sha256";
const REBUILT_BUILD: &str = "/predicate/inputAttestations/0/digest/sha256";

/// What is required, and where something else refuses first what is left without it.
const REMOVED: &[Rule] = &[
    rule(&FORMS, &["/_type", "/subject", "/predicateType", "/predicate"], 400, "missing-field"),
    rule(&FORMS, &["/subject/*/name", "/subject/*/digest", SUBJECT_SHA256], 400, "missing-field"),
    rule(
        AUTHORITIES,
        &[
            "/predicate/log",
            "/predicate/namespace",
            "/predicate/epoch",
            "/predicate/previous",
            "/predicate/keys",
            "/predicate/keys/*/algorithm",
            "/predicate/keys/*/spki",
            "/predicate/roles",
            "/predicate/roles/*/threshold",
            "/predicate/roles/*/keyids",
            "/predicate/distrust",
            "/predicate/distrust/*/keyid",
            "/predicate/distrust/*/fromIndex",
            "/predicate/allowGitCommit",
        ],
        400,
        "missing-field",
    ),
    rule(AUTHORITIES, &["/predicate/keys/*"], 400, "unlisted-key"),
    rule(AUTHORITIES, &["/predicate/roles/authority", "/predicate/roles/root"], 400, "missing-role"),
    rule(
        AUTHORITIES,
        &["/predicate/roles/source", "/predicate/roles/update", "/predicate/roles/rebuild", "/predicate/roles/review"],
        400,
        "unused-key",
    ),
    rule(&["authority"], &["/predicate/distrust/*"], 409, "distrust-dropped"),
    rule(
        &["source"],
        &["/predicate/log", "/predicate/products", "/predicate/version", "/predicate/heldAt"],
        400,
        "missing-field",
    ),
    rule(
        &["build"],
        &[
            "/predicate/buildDefinition",
            "/predicate/buildDefinition/buildType",
            "/predicate/runDetails",
            "/predicate/runDetails/builder",
            "/predicate/runDetails/builder/id",
        ],
        400,
        "missing-field",
    ),
    rule(
        &["build"],
        &[
            "/predicate/buildDefinition/resolvedDependencies",
            "/predicate/buildDefinition/resolvedDependencies/0",
            "/predicate/buildDefinition/resolvedDependencies/0/digest",
            BUILD_INPUT,
        ],
        422,
        "source-not-logged",
    ),
    rule(
        &["build-v0.2"],
        &["/predicate/builder", "/predicate/builder/id", "/predicate/buildType"],
        400,
        "missing-field",
    ),
    rule(
        &["build-v0.2"],
        &["/predicate/materials", "/predicate/materials/0", "/predicate/materials/0/digest", BUILD_INPUT_V02],
        422,
        "source-not-logged",
    ),
    rule(
        &["rebuild"],
        &[
            "/predicate/verifier",
            "/predicate/verifier/id",
            "/predicate/timeVerified",
            "/predicate/policy",
            "/predicate/policy/uri",
            "/predicate/inputAttestations",
            "/predicate/inputAttestations/0/digest",
            REBUILT_BUILD,
            "/predicate/verificationResult",
            "/predicate/rebuilt/*/name",
            "/predicate/rebuilt/*/digest",
        ],
        400,
        "missing-field",
    ),
    rule(&["rebuild"], &["/predicate/inputAttestations/0"], 400, "empty"),
    rule(
        &["update"],
        &[
            "/predicate/log",
            "/predicate/product",
            "/predicate/version",
            "/predicate/channel",
            "/predicate/target",
            "/predicate/sequence",
            "/predicate/builds",
        ],
        400,
        "missing-field",
    ),
    rule(
        &["withdrawal"],
        &["/predicate/log", "/predicate/updates", "/predicate/reason", "/predicate/severity", "/predicate/replacement"],
        400,
        "missing-field",
    ),
    rule(
        REVIEWS,
        &[
            "/predicate/log",
            "/predicate/of",
            "/predicate/party",
            "/predicate/what",
            "/predicate/outcome",
            "/predicate/time",
            "/predicate/centre",
        ],
        400,
        "missing-field",
    ),
    rule(
        &["policy"],
        &["/predicate/log", "/predicate/epoch", "/predicate/previous", "/predicate/policy"],
        400,
        "missing-field",
    ),
    rule(
        &["access"],
        &[
            "/predicate/log",
            "/predicate/namespace",
            "/predicate/store",
            "/predicate/purpose",
            "/predicate/from",
            "/predicate/until",
            "/predicate/commitment",
        ],
        400,
        "missing-field",
    ),
];

/// Members of the envelope, all required but `keyid`.
const REMOVED_OF_ENVELOPE: [&str; 4] = ["/payload", "/payloadType", "/signatures", "/signatures/0/sig"];

/// A digest in the place of another, signed as such: by whoever may.
const CHANGED: &[Rule] = &[
    rule(OF_NAMES, &[SUBJECT_SHA256], 400, "subject"),
    rule(AUTHORITIES, &["/predicate/keys/*"], 400, "keyid"),
    rule(AUTHORITIES, &["/predicate/roles/authority/keyids/0"], 400, "unlisted-key"),
    rule(&["authority", "policy"], &["/predicate/previous"], 409, "previous-not-in-force"),
    rule(&["authority"], &["/predicate/distrust/*/keyid"], 409, "distrust-dropped"),
    rule(&["build"], &[BUILD_INPUT], 422, "source-not-logged"),
    rule(&["build-v0.2"], &[BUILD_INPUT_V02], 422, "source-not-logged"),
    rule(&["rebuild"], &[SUBJECT_SHA256], 422, "subjects-differ"),
    rule(&["rebuild"], &[REBUILT_BUILD], 422, "build-not-logged"),
    rule(&["update"], &[SUBJECT_SHA256], 422, "file-not-built"),
    rule(&["update"], &["/predicate/builds/*"], 422, "build-not-logged"),
    rule(&["withdrawal"], &[SUBJECT_SHA256], 422, "file-not-carried"),
    rule(&["withdrawal"], &["/predicate/updates/*", "/predicate/replacement"], 422, "update-not-logged"),
    rule(&["review"], &[SUBJECT_SHA256], 422, "subjects-differ"),
    rule(REVIEWS, &["/predicate/of"], 422, "reviewed-not-logged"),
];

/// The same under the signatures of the record as it was, where nothing that comes before them is wrong.
const CHANGED_UNSIGNED: &[Rule] = &[
    rule(
        &["source", "build", "build-v0.2", "rebuild", "update", "withdrawal", "review"],
        &[SUBJECT_SHA256],
        403,
        "threshold-not-met",
    ),
    rule(&["access"], &["/predicate/commitment"], 403, "threshold-not-met"),
];

/// What is no digest any more.
const MISWRITTEN: &[Rule] = &[
    rule(&FORMS, &[SUBJECT_SHA256], 400, "digest"),
    rule(&["authority", "policy"], &["/predicate/previous"], 400, "digest"),
    rule(&["build"], &[BUILD_INPUT], 400, "digest"),
    rule(&["build-v0.2"], &[BUILD_INPUT_V02], 400, "digest"),
    rule(&["rebuild"], &[REBUILT_BUILD, "/predicate/rebuilt/*/digest/sha256"], 400, "digest"),
    rule(&["update"], &["/predicate/builds/*"], 400, "digest"),
    rule(&["withdrawal"], &["/predicate/updates/*"], 400, "digest"),
    rule(REVIEWS, &["/predicate/of"], 400, "digest"),
    rule(&["access"], &["/predicate/commitment"], 400, "digest"),
];

/// Whether a kind is another than the one that must be named.
type IsWrong = fn(&str) -> bool;

/// What a record must name is of one kind; named is one of another, which the function tells.
const WRONG_KIND: &[(Rule, IsWrong)] = &[
    (rule(&["update"], &["/predicate/builds/*"], 422, "not-a-build"), |kind| kind != "build"),
    (rule(&["rebuild"], &[REBUILT_BUILD], 422, "not-a-build"), |kind| kind != "build"),
    (rule(&["withdrawal"], &["/predicate/updates/*"], 422, "not-an-update"), |kind| kind != "update"),
    (rule(&["withdrawal"], &["/predicate/replacement"], 422, "not-an-update"), |kind| kind != "update"),
    (rule(&["review"], &["/predicate/of"], 422, "not-a-source"), |kind| kind != "source"),
    (rule(&["policy-review"], &["/predicate/of"], 422, "not-a-policy"), |kind| kind != "policy"),
    (rule(&["authority"], &["/predicate/previous"], 409, "previous-not-in-force"), |kind| kind != "authority"),
    (rule(&["policy"], &["/predicate/previous"], 409, "previous-not-in-force"), |kind| kind != "policy"),
    // A build names files: here the subject of a record whose subject is none.
    (rule(&["build"], &[BUILD_INPUT], 422, "source-not-logged"), is_of_name),
    (rule(&["build-v0.2"], &[BUILD_INPUT_V02], 422, "source-not-logged"), is_of_name),
];

fn is_of_name(kind: &str) -> bool {
    matches!(kind, "authority" | "policy" | "access")
}

/// Keys that stand in objects whose members are read, wherever they stand.
const READ_KEYS: [&str; 12] = [
    "payload",
    "payloadType",
    "signatures",
    "keyid",
    "sig",
    "_type",
    "predicateType",
    "subject",
    "name",
    "digest",
    "sha256",
    "log",
];

/// Damages the record of a form, or one that is logged; `None` where that record cannot be damaged so.
pub(crate) fn damage(how: Damage, good: &Good, model: &Model, random: &mut Random) -> Option<Damaged> {
    let one = One { good, model };
    match how {
        Damage::FieldRemoved => one.field_removed(random),
        Damage::DigestChanged => one.digest_changed(random),
        Damage::WrongKind => one.wrong_kind(random),
        Damage::OthersBuild => one.others_build(random),
        Damage::OthersSource => one.others_source(random),
        Damage::StaleKey => one.stale_key(random),
        Damage::DistrustedKey => one.distrusted_key(random),
        Damage::Replayed => one.replayed(random),
        Damage::DuplicateKey => one.duplicate_key(random),
        // Half of the records whose signatures are damaged are logged already.
        Damage::SignatureAdded | Damage::SignatureRemoved | Damage::SignatureRemade if random.below(2) == 0 => {
            known(how, random.pick(&model.logged)?, random)
        }
        Damage::SignatureAdded => one.signatures_added(random),
        Damage::SignatureRemoved => one.signature_removed(random),
        Damage::SignatureRemade => one.signature_remade(random),
    }
}

/// A record that is to be damaged.
struct One<'a> {
    good: &'a Good,
    model: &'a Model,
}

impl One<'_> {
    /// The record of a damaged statement, signed by whoever may sign the good one.
    fn signed(&self, what: &str, statement: &Value, answer: Answer, random: &mut Random) -> Option<Damaged> {
        self.signed_by(&self.model.signers(self.good), what, &statement.to_string(), answer, random)
    }

    fn signed_by(
        &self,
        keys: &[Key],
        what: &str,
        payload: &str,
        answer: Answer,
        random: &mut Random,
    ) -> Option<Damaged> {
        let body = envelope(payload, &sign(keys, payload, random)).to_string();
        Some(self.damaged(what, body, payload.into(), answer))
    }

    fn damaged(&self, what: &str, body: String, payload: String, answer: Answer) -> Damaged {
        Damaged { what: format!("{} {what}", self.good.form), body, payload, answer }
    }

    /// A rule for this form, a member of this statement that it is about, and what is answered.
    fn choose<'r>(&self, rules: impl IntoIterator<Item = &'r Rule>, random: &mut Random) -> Option<(String, Answer)> {
        let mine: Vec<_> = rules.into_iter().filter(|rule| rule.forms.contains(&self.good.form)).collect();
        let rule = random.pick(&mine)?;
        let at = expand(&self.good.statement, random.pick(rule.at)?, random)?;
        Some((at, Answer::Refused(rule.status, rule.name)))
    }

    fn field_removed(&self, random: &mut Random) -> Option<Damaged> {
        let mut statement = self.good.statement.clone();
        if random.below(8) == 0 {
            let payload = statement.to_string();
            let at = *random.pick(&REMOVED_OF_ENVELOPE)?;
            let mut body = envelope(&payload, &sign(&self.model.signers(self.good), &payload, random));
            remove(&mut body, at)?;
            let answer = Answer::Refused(400, "missing-field");
            return Some(self.damaged(&format!("envelope without {at}"), body.to_string(), payload, answer));
        }
        let (at, answer) = self.choose(REMOVED, random)?;
        remove(&mut statement, &at)?;
        self.signed(&format!("without {at}"), &statement, answer, random)
    }

    fn digest_changed(&self, random: &mut Random) -> Option<Damaged> {
        let mut statement = self.good.statement.clone();
        let another = Digest::of(&random.bits().to_be_bytes()).to_string();
        match random.below(3) {
            0 => {
                let (at, answer) = self.choose(CHANGED_UNSIGNED, random)?;
                let signatures = sign(&self.model.signers(self.good), &statement.to_string(), random);
                *statement.pointer_mut(&at)? = another.into();
                let payload = statement.to_string();
                let body = envelope(&payload, &signatures).to_string();
                Some(self.damaged(&format!("with another {at}, not signed anew"), body, payload, answer))
            }
            1 => {
                let (at, answer) = self.choose(MISWRITTEN, random)?;
                let member = statement.pointer_mut(&at)?;
                *member = miswritten(member.as_str()?, random).into();
                self.signed(&format!("with a miswritten {at}"), &statement, answer, random)
            }
            _ => {
                let (at, answer) = self.choose(CHANGED, random)?;
                replace_digest(&mut statement, &at, another)?;
                self.signed(&format!("with another {at}"), &statement, answer, random)
            }
        }
    }

    fn wrong_kind(&self, random: &mut Random) -> Option<Damaged> {
        let mine: Vec<_> = WRONG_KIND.iter().filter(|(rule, _)| rule.forms.contains(&self.good.form)).collect();
        let (rule, wrong) = random.pick(&mine)?;
        let (at, answer) = self.choose([rule], random)?;
        let others: Vec<_> = self.model.logged.iter().filter(|logged| wrong(kind(logged.form))).collect();
        let other = random.pick(&others)?;
        let named = if kind(self.good.form) == "build" { first_subject(&other.payload) } else { other.id.clone() };
        let mut statement = self.good.statement.clone();
        let member = statement.pointer_mut(&at)?;
        // A policy that follows none names none.
        if member.is_null() && at == "/predicate/previous" {
            return None;
        }
        *member = named.into();
        self.signed(&format!("with a record of {} as {at}", other.form), &statement, answer, random)
    }

    /// An update of a build that counts for another namespace only, or a build of what another namespace built.
    fn others_build(&self, random: &mut Random) -> Option<Damaged> {
        let others: Vec<_> = self.model.builds.iter().filter(|build| build.namespace != self.good.namespace).collect();
        let other = random.pick(&others)?;
        let mut statement = self.good.statement.clone();
        let at = match self.good.form {
            "update" => {
                let builds = statement.pointer_mut("/predicate/builds")?.as_array_mut()?;
                put(builds, other.id.clone().into(), random);
                return self.signed(
                    "of another namespace's build",
                    &statement,
                    refused(422, "build-does-not-count"),
                    random,
                );
            }
            "build" => BUILD_INPUT,
            "build-v0.2" => BUILD_INPUT_V02,
            _ => return None,
        };
        *statement.pointer_mut(at)? = random.pick(&other.artifacts)?.1.clone().into();
        self.signed("of another namespace's artifact", &statement, refused(403, "threshold-not-met"), random)
    }

    /// An update of a build that leads to no source of its product, or a source of another namespace's product too.
    fn others_source(&self, random: &mut Random) -> Option<Damaged> {
        let mut statement = self.good.statement.clone();
        if self.good.form == "source" {
            let others: Vec<_> = self.model.builds.iter().filter(|one| one.namespace != self.good.namespace).collect();
            let other = random.pick(&others)?;
            let product = random.pick(&other.products)?.clone();
            statement.pointer_mut("/predicate/products")?.as_array_mut()?.push(product.into());
            let answer = refused(403, "product-outside-namespace");
            return self.signed("of another namespace's product", &statement, answer, random);
        }
        let product = statement.pointer("/predicate/product")?.as_str()?.to_owned();
        let strange =
            |build: &&crate::model::Build| build.namespace == self.good.namespace && !build.products.contains(&product);
        let others: Vec<_> = self.model.builds.iter().filter(strange).collect();
        let other = random.pick(&others)?.id.clone();
        put(statement.pointer_mut("/predicate/builds")?.as_array_mut()?, other.into(), random);
        self.signed("of another product's build", &statement, refused(422, "source-of-other-product"), random)
    }

    fn stale_key(&self, random: &mut Random) -> Option<Damaged> {
        let stale = self.model.namespaces[self.good.namespace].stale.get(self.good.role)?;
        let mut keys = self.model.signers(self.good);
        let at = random.below(keys.len() as u64) as usize;
        keys[at] = random.pick(stale)?.clone();
        let payload = self.good.statement.to_string();
        self.signed_by(&keys, "by a key of an epoch before", &payload, refused(403, "threshold-not-met"), random)
    }

    fn distrusted_key(&self, random: &mut Random) -> Option<Damaged> {
        let lost = self.model.namespaces[self.good.namespace].lost.get(self.good.role)?;
        let mut keys = self.model.signers(self.good);
        let at = random.below(keys.len() as u64) as usize;
        keys[at] = lost.clone();
        let payload = self.good.statement.to_string();
        self.signed_by(&keys, "by a distrusted key", &payload, refused(403, "threshold-not-met"), random)
    }

    /// A number that was there before: the sequence of an update, an epoch, the time of a party's word.
    fn replayed(&self, random: &mut Random) -> Option<Damaged> {
        let mut statement = self.good.statement.clone();
        let (at, number, name) = match self.good.form {
            "update" => {
                let next = statement.pointer("/predicate/sequence")?.as_u64()?;
                ("/predicate/sequence", 1 + below(next - 1, random)?, "sequence")
            }
            "authority" | "policy" => {
                let next = statement.pointer("/predicate/epoch")?.as_u64()?;
                // Epoch 0 names none before it.
                ("/predicate/epoch", 1 + below(next.checked_sub(1)?, random)?, "epoch-not-next")
            }
            "rebuild" => {
                let time = time_verified(self.model.last_word(self.good)?);
                *statement.pointer_mut("/predicate/timeVerified")? = time.into();
                return self.renumbered(&statement, "/predicate/timeVerified", "time-not-later", random);
            }
            _ => ("/predicate/time", below(self.model.last_word(self.good)? + 1, random)?, "time-not-later"),
        };
        *statement.pointer_mut(at)? = number.into();
        self.renumbered(&statement, at, name, random)
    }

    /// The statement with an earlier number, unless that makes it one that is logged: it would be known.
    fn renumbered(&self, statement: &Value, at: &str, name: &'static str, random: &mut Random) -> Option<Damaged> {
        let payload = statement.to_string();
        if self.model.logged.iter().any(|logged| logged.payload == payload) {
            return None;
        }
        self.signed(&format!("with an earlier {at}"), statement, refused(409, name), random)
    }

    fn duplicate_key(&self, random: &mut Random) -> Option<Damaged> {
        let by_case = random.below(3) == 0;
        let name = if by_case { "case-colliding-keys" } else { "duplicate-key" };
        let payload = self.good.statement.to_string();
        let keys = self.model.signers(self.good);
        if random.below(3) > 0 {
            let (payload, key) = doubled(&payload, by_case, random)?;
            return self.signed_by(&keys, &format!("with {key} twice"), &payload, refused(400, name), random);
        }
        let body = envelope(&payload, &sign(&keys, &payload, random)).to_string();
        let (body, key) = doubled(&body, by_case, random)?;
        Some(self.damaged(&format!("envelope with {key} twice"), body, payload, refused(400, name)))
    }

    /// More signatures than a record has; fewer strangers' only fall away, which the good records show.
    fn signatures_added(&self, random: &mut Random) -> Option<Damaged> {
        let mut keys = self.model.signers(self.good);
        keys.resize_with(17, || Key::new(random));
        self.signed_by(&keys, "with 17 signatures", &self.good.statement.to_string(), refused(400, "limit"), random)
    }

    fn signature_removed(&self, random: &mut Random) -> Option<Damaged> {
        let mut keys = self.model.signers(self.good);
        let answer = match keys.len() {
            1 => refused(400, "empty"),
            _ => refused(403, "threshold-not-met"),
        };
        keys.remove(random.below(keys.len() as u64) as usize);
        self.signed_by(&keys, "without a signature", &self.good.statement.to_string(), answer, random)
    }

    fn signature_remade(&self, random: &mut Random) -> Option<Damaged> {
        let payload = self.good.statement.to_string();
        let keys = self.model.signers(self.good);
        let mut signatures = sign(&keys, &payload, random);
        let at = random.below(signatures.len() as u64) as usize;
        let (keyid, sig) = &mut signatures[at];
        let what = match random.below(3) {
            0 => {
                flip(sig, random);
                "with a flipped bit in a signature"
            }
            1 => {
                *sig = Key::new(random).sign(payload.as_bytes(), random);
                "signed by a stranger in another's name"
            }
            _ => {
                let stranger = Key::new(random);
                (*keyid, *sig) = (stranger.keyid(), keys[at].sign(b"{}", random));
                "with a signature over something else, in a stranger's name"
            }
        };
        let body = envelope(&payload, &signatures).to_string();
        Some(self.damaged(what, body, payload, refused(403, "threshold-not-met")))
    }
}

/// A record that is logged, with other signatures: whatever they are, it is that entry.
fn known(how: Damage, logged: &Logged, random: &mut Random) -> Option<Damaged> {
    let payload = logged.payload.clone();
    let mut signatures = logged.signatures.clone();
    let at = random.below(signatures.len() as u64) as usize;
    match how {
        Damage::SignatureAdded => {
            let key = Key::new(random);
            let mut sig = key.sign(payload.as_bytes(), random);
            if random.below(2) == 0 {
                flip(&mut sig, random);
            }
            signatures.insert(at, (key.keyid(), sig));
        }
        Damage::SignatureRemoved if signatures.len() > 1 => drop(signatures.remove(at)),
        Damage::SignatureRemoved => return None,
        _ => match random.below(3) {
            0 => flip(&mut signatures[at].1, random),
            1 => signatures[at].1 = Key::new(random).sign(payload.as_bytes(), random),
            // By its own key: of ML-DSA-44 the bytes are others each time.
            _ => {
                let key = logged.signers.iter().find(|key| key.keyid() == signatures[at].0)?;
                signatures[at].1 = key.sign(payload.as_bytes(), random);
            }
        },
    }
    let body = envelope(&payload, &signatures).to_string();
    Some(Damaged { what: format!("{} logged", logged.form), body, payload, answer: Answer::Known(logged.index) })
}

fn refused(status: u16, name: &'static str) -> Answer {
    Answer::Refused(status, name)
}

fn below(bound: u64, random: &mut Random) -> Option<u64> {
    (bound > 0).then(|| random.below(bound))
}

/// The kind of a form.
fn kind(form: &str) -> &str {
    match form {
        "first-authority" => "authority",
        "build-v0.2" => "build",
        "policy-review" => "review",
        kind => kind,
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Signatures by keys, sorted by keyid.
pub(crate) fn sign(keys: &[Key], payload: &str, random: &mut Random) -> Vec<(String, Vec<u8>)> {
    let mut signatures: Vec<_> = keys.iter().map(|key| (key.keyid(), key.sign(payload.as_bytes(), random))).collect();
    signatures.sort();
    signatures
}

/// The envelope; where the signatures are sorted, its text is the canonical one, for so do its members sort.
pub(crate) fn envelope(payload: &str, signatures: &[(String, Vec<u8>)]) -> Value {
    let signatures: Vec<_> =
        signatures.iter().map(|(keyid, sig)| json!({ "keyid": keyid, "sig": base64(sig) })).collect();
    json!({ "payload": base64(payload.as_bytes()), "payloadType": "application/vnd.in-toto+json",
        "signatures": signatures })
}

/// The SHA-256 of a payload's first subject.
fn first_subject(payload: &str) -> String {
    let statement: Value = serde_json::from_str(payload).unwrap();
    statement["subject"][0]["digest"]["sha256"].as_str().unwrap().into()
}

/// A pointer with each `*` replaced by a member that is there; `None` if there is none.
fn expand(value: &Value, pattern: &str, random: &mut Random) -> Option<String> {
    let (mut at, mut pointer) = (value, String::new());
    for part in pattern.split('/').skip(1) {
        let part = match at {
            Value::Object(members) if part == "*" => random.pick(&members.keys().collect::<Vec<_>>())?.to_string(),
            Value::Array(values) if part == "*" => below(values.len() as u64, random)?.to_string(),
            _ => part.into(),
        };
        pointer = format!("{pointer}/{part}");
        at = value.pointer(&pointer)?;
    }
    Some(pointer)
}

/// Removes the member or element at a pointer.
fn remove(value: &mut Value, pointer: &str) -> Option<()> {
    let (parent, last) = pointer.rsplit_once('/')?;
    match value.pointer_mut(parent)? {
        Value::Object(members) => members.remove(last).map(drop),
        Value::Array(values) => {
            values.remove(last.parse().ok()?);
            Some(())
        }
        _ => None,
    }
}

/// Puts another digest in the place of one: of a text, or of the name of an object.
fn replace_digest(value: &mut Value, pointer: &str, another: String) -> Option<()> {
    if value.pointer(pointer)?.is_object() {
        let (parent, last) = pointer.rsplit_once('/')?;
        let members = value.pointer_mut(parent)?.as_object_mut()?;
        let member = members.remove(last)?;
        members.insert(another, member);
        return Some(());
    }
    let member = value.pointer_mut(pointer)?;
    // Null is no digest.
    member.as_str()?;
    *member = another.into();
    Some(())
}

/// Adds one to a list, or puts it in the place of another.
fn put(values: &mut Vec<Value>, value: Value, random: &mut Random) {
    let at = random.below(values.len() as u64) as usize;
    if random.below(2) == 0 {
        values[at] = value;
    } else {
        values.insert(at, value);
    }
}

/// Not 64 lower-case hex digits any more.
fn miswritten(digest: &str, random: &mut Random) -> String {
    let capitals = digest.to_uppercase();
    match random.below(3) {
        0 if capitals != digest => capitals,
        1 => format!("{}g", &digest[1..]),
        _ => digest[1..].into(),
    }
}

fn flip(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len() as u64) as usize;
    bytes[at] ^= 1 << random.below(8);
}

/// The text with a key of one of its objects there twice, once perhaps by escapes; or, by case, in another case.
fn doubled(text: &str, by_case: bool, random: &mut Random) -> Option<(String, String)> {
    let keys = text.match_indices("\":").filter_map(|(end, _)| {
        let start = text[..end].rfind('"')?;
        let first = text[..start].ends_with(['{', ',']);
        first.then_some((start, &text[start + 1..end]))
    });
    let keys: Vec<_> = keys.filter(|(_, key)| !by_case || READ_KEYS.contains(key)).collect();
    let (start, key) = *random.pick(&keys)?;
    let letter = key.chars().next()?;
    let again = match (by_case, random.below(2)) {
        (true, _) => key.to_uppercase(),
        (false, 0) => format!("\\u{:04x}{}", u32::from(letter), &key[letter.len_utf8()..]),
        (false, _) => key.into(),
    };
    let value = random.pick(&["null", "0", "\"\"", "[]", "{\"a\":1}"])?;
    Some((format!("{}\"{again}\":{value},{}", &text[..start], &text[start..]), key.into()))
}
