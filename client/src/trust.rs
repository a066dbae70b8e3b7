//! Trust: the file in which whoever runs a machine says whom it believes, for what.
//!
//! ```toml
//! memory = "memory.json"             # what was seen and installed; beside this file unless named
//!
//! [[product]]
//! purl = "pkg:generic/acme/shield"
//! origin = "log.acme.example/updates"
//! policy = "policy"                  # the log's key, and who must cosign: C2SP's tlog-policy
//! authority = "5f0c1e…"              # id of the authority record of pkg:generic/acme/: 64 hex digits
//! channel = "stable"
//! target = "linux-x86_64"            # none unless named
//! max_age_s = 86_400                 # how old the proof of what is in force may be
//! stale = "refuse"                   # or "upgrade-only": an offline machine may still move to a higher sequence
//! latest = "require"                 # or "warn": older updates may be installed
//! parties = [{ name = "https://rebuild.example.ch", authority = "91ab4b…" }]
//! rebuilds = 0                       # how many parties must have rebuilt each build
//! held = 0                           # how many parties must hold each source
//! no_rebuild = []                    # builders whose builds nobody needs to rebuild
//! allow_git_commit = false           # whether a git commit alone may name a source
//! follow = 0                         # how many parties must confirm a later policy before it is followed
//! policy_epoch = 3                   # of which epoch the policy is, if it is one on record; unknown unless named
//! ```
//!
//! `purl`, `origin`, `policy`, `authority` and `channel` must be there; the others are as above unless named. Files are named
//! from the folder of the trust file. Keys that are not known are refused: a misspelt one would leave out a check.
//!
//! A party counts by its name and its authority: the root of a log signs the first authority of every party, so the name alone
//! says nothing. Each party may be there once, and no more words may be demanded than there are parties. A party's FAILED
//! stops the file, whether rebuilds are demanded or not.

use crate::files::{self, FileError};
use serde::Deserialize;
use spec::authority::{Namespace, NamespaceError};
use spec::policy::{MAX_POLICY_BYTES, Policy, PolicyError};
use spec::record::{Digest, Product, ProductError, is_track_name};
use spec::verdict::{Ask, Latest, Party, Stale, Trust};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The most bytes of a trust file.
const MAX_TRUST_BYTES: usize = 1 << 20;
/// How old a status may be unless the file says: a day.
const MAX_AGE_S: u64 = 86_400;

/// Why a trust file is not used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TrustError {
    /// It, or a file that it names, cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not TOML, or not of the form above.
    #[error("{}: line {line}: {cause}", path.display())]
    Form {
        /// The trust file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        cause: String,
    },
    /// A key that is not known.
    #[error("{}: line {line}: unknown key {key:?}{}", path.display(), nearest.as_ref().map_or(String::new(), |known| format!(", did you mean {known:?}?")))]
    UnknownKey {
        /// The trust file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// A value that cannot be.
    #[error("{}: product {purl}: {why}", path.display())]
    Value {
        /// The trust file.
        path: PathBuf,
        /// The product.
        purl: String,
        /// What is wrong.
        why: WrongValue,
    },
    /// The file has no product, or twice the same.
    #[error("{}: {}", path.display(), match products {
        0 => "no [[product]] table: it trusts nobody for anything".to_string(),
        _ => format!("{products} [[product]] tables for {distinct} products: each product may have one"),
    })]
    Products {
        /// The trust file.
        path: PathBuf,
        /// Tables.
        products: usize,
        /// Distinct products.
        distinct: usize,
    },
    /// The product asked for is not in the file, or none was asked for and there are several.
    #[error("{}: {}; there {} {}", path.display(), asked.as_ref().map_or("--product is needed".into(), |purl| format!("no product {purl}")), if have.len() == 1 { "is" } else { "are" }, have.join(", "))]
    WhichProduct {
        /// The trust file.
        path: PathBuf,
        /// The product asked for.
        asked: Option<String>,
        /// The products of the file.
        have: Vec<String>,
    },
}

/// What is wrong with a value of a product.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WrongValue {
    /// Not a package-url.
    #[error("purl: {0}")]
    Purl(ProductError),
    /// Not an id.
    #[error("{what} = {have:?} is not the id of an authority record, 64 lower-case hex digits")]
    Authority {
        /// Whose.
        what: String,
        /// The text.
        have: String,
    },
    /// Not a policy.
    #[error("policy {}: {cause}", path.display())]
    Policy {
        /// Its file.
        path: PathBuf,
        /// What is wrong in it.
        cause: PolicyError,
    },
    /// Not a channel or target.
    #[error("{what} = {have:?} is not of the form [a-z0-9][a-z0-9._-]{{0,63}}")]
    Track {
        /// `channel` or `target`.
        what: &'static str,
        /// The text.
        have: String,
    },
    /// Not a party.
    #[error("the party {have:?} is not an https:// name: {}", why.map_or("it is another namespace".into(), |why| why.to_string()))]
    Party {
        /// The text.
        have: String,
        /// The rule broken; `None` if it is a namespace of another kind.
        why: Option<NamespaceError>,
    },
    /// More words are demanded than parties are named.
    #[error("{what} = {need}, but {have} parties are named: nothing could be installed")]
    TooFewParties {
        /// The key.
        what: &'static str,
        /// Its value.
        need: u64,
        /// Parties.
        have: usize,
    },
    /// A party that is there twice.
    #[error("the party {have:?} is named twice: it counts once")]
    Repeated {
        /// The party.
        have: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    memory: Option<PathBuf>,
    #[serde(default)]
    product: Vec<ProductTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductTable {
    purl: String,
    origin: String,
    policy: PathBuf,
    authority: String,
    channel: String,
    #[serde(default)]
    target: String,
    #[serde(default = "max_age_s")]
    max_age_s: u64,
    #[serde(default)]
    stale: StaleWord,
    #[serde(default)]
    latest: LatestWord,
    #[serde(default)]
    rebuilds: u64,
    #[serde(default)]
    held: u64,
    #[serde(default)]
    parties: Vec<PartyTable>,
    #[serde(default)]
    no_rebuild: Vec<String>,
    #[serde(default)]
    allow_git_commit: bool,
    #[serde(default)]
    follow: u64,
    policy_epoch: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartyTable {
    name: String,
    authority: String,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum StaleWord {
    #[default]
    Refuse,
    UpgradeOnly,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum LatestWord {
    #[default]
    Require,
    Warn,
}

fn max_age_s() -> u64 {
    MAX_AGE_S
}

/// A trust file as read, with the policies that it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustFile {
    /// The file.
    pub path: PathBuf,
    /// Where what was seen is remembered.
    pub memory: PathBuf,
    /// At least one.
    pub products: Vec<TrustedProduct>,
}

/// What is trusted for one product, and which of its updates are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedProduct {
    /// Whom to believe.
    pub trust: Trust,
    /// The channel that is followed.
    pub channel: String,
    /// The target; empty if there is none.
    pub target: String,
}

impl TrustedProduct {
    /// Asks for a file of this product, whatever its name.
    pub fn ask(&self, sha256: Digest) -> Ask {
        let Self { trust, channel, target } = self;
        let (channel, target) = (channel.clone(), target.clone());
        Ask { sha256, name: None, manifest: None, product: trust.product.clone(), channel, target }
    }
}

impl TrustFile {
    /// Reads a trust file and the policies that it names.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn load(path: &Path) -> Result<Self, TrustError> {
        let bytes = files::read(path, MAX_TRUST_BYTES)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| TrustError::Form {
            path: path.into(),
            line: 1 + bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count(),
            cause: "not UTF-8".into(),
        })?;
        let File { memory, product } = toml::from_str(text).map_err(|error| explain(path, text, &error))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let memory = folder.join(memory.unwrap_or_else(|| "memory.json".into()));
        let products = product.into_iter().map(|table| table.trusted(path)).collect::<Result<Vec<_>, _>>()?;
        let mut distinct: Vec<_> = products.iter().map(|one| &one.trust.product).collect();
        distinct.sort_unstable();
        distinct.dedup();
        if products.is_empty() || distinct.len() < products.len() {
            return Err(TrustError::Products { path: path.into(), products: products.len(), distinct: distinct.len() });
        }
        Ok(Self { path: path.into(), memory, products })
    }

    /// The product asked for; if none is, the only one.
    ///
    /// # Errors
    /// [`TrustError::WhichProduct`].
    pub fn product(&self, purl: Option<&str>) -> Result<&TrustedProduct, TrustError> {
        let found = match (purl, self.products.as_slice()) {
            (None, [one]) => Some(one),
            (None, _) => None,
            (Some(purl), products) => products.iter().find(|one| one.trust.product.as_str() == purl),
        };
        found.ok_or_else(|| TrustError::WhichProduct {
            path: self.path.clone(),
            asked: purl.map(String::from),
            have: self.products.iter().map(|one| one.trust.product.to_string()).collect(),
        })
    }
}

impl ProductTable {
    fn trusted(self, path: &Path) -> Result<TrustedProduct, TrustError> {
        let policy = path.parent().unwrap_or(Path::new("")).join(&self.policy);
        let octets = files::read(&policy, MAX_POLICY_BYTES)?;
        let purl = self.purl.clone();
        self.checked(policy, &octets).map_err(|why| TrustError::Value { path: path.into(), purl, why })
    }

    fn checked(self, policy: PathBuf, octets: &[u8]) -> Result<TrustedProduct, WrongValue> {
        let parties = parties(self.parties)?;
        let demanded = [("rebuilds", self.rebuilds), ("held", self.held), ("follow", self.follow)];
        let have = parties.len();
        let short = |need: &u64| usize::try_from(*need).is_ok_and(|need| need <= have);
        if let Some((what, need)) = demanded.into_iter().find(|(_, need)| !short(need)) {
            return Err(WrongValue::TooFewParties { what, need, have });
        }
        track("channel", &self.channel)?;
        if !self.target.is_empty() {
            track("target", &self.target)?;
        }
        let trust = Trust {
            product: Product::parse(&self.purl).map_err(WrongValue::Purl)?,
            origin: self.origin,
            policy: Policy::parse(octets).map_err(|cause| WrongValue::Policy { path: policy, cause })?,
            authority: id("authority", &self.authority)?,
            max_age_s: self.max_age_s,
            stale: match self.stale {
                StaleWord::Refuse => Stale::Refuse,
                StaleWord::UpgradeOnly => Stale::UpgradeOnly,
            },
            latest: match self.latest {
                LatestWord::Require => Latest::Require,
                LatestWord::Warn => Latest::Warn,
            },
            parties,
            rebuilds: self.rebuilds,
            held: self.held,
            no_rebuild: self.no_rebuild,
            allow_git_commit: self.allow_git_commit,
            follow: self.follow,
            policy_epoch: self.policy_epoch,
        };
        Ok(TrustedProduct { trust, channel: self.channel, target: self.target })
    }
}

impl PartyTable {
    fn checked(self) -> Result<Party, WrongValue> {
        let wrong = |why| WrongValue::Party { have: self.name.clone(), why };
        let namespace = Namespace::parse(&self.name).map_err(|why| wrong(Some(why)))?;
        if !namespace.is_party() {
            return Err(wrong(None));
        }
        let authority = id(&format!("authority of {}", self.name), &self.authority)?;
        Ok(Party { name: self.name, authority })
    }
}

fn parties(tables: Vec<PartyTable>) -> Result<Vec<Party>, WrongValue> {
    let parties = tables.into_iter().map(PartyTable::checked).collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    match parties.iter().find(|party| !names.insert(party.name.as_str())) {
        Some(party) => Err(WrongValue::Repeated { have: party.name.clone() }),
        None => Ok(parties),
    }
}

fn track(what: &'static str, have: &str) -> Result<(), WrongValue> {
    if is_track_name(have) { Ok(()) } else { Err(WrongValue::Track { what, have: have.into() }) }
}

fn id(what: &str, have: &str) -> Result<Digest, WrongValue> {
    Digest::parse(have).ok_or_else(|| WrongValue::Authority { what: what.into(), have: have.into() })
}

fn explain(path: &Path, text: &str, error: &toml::de::Error) -> TrustError {
    let path = path.into();
    let start = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
    // serde's words: "unknown field `a`, expected `b` or `c`", "... expected one of `b`, `c`, `d`".
    let mut quoted = error.message().split('`').skip(1).step_by(2);
    match quoted.next() {
        Some(key) if error.message().starts_with("unknown field") => {
            let nearest = quoted.max_by_key(|known| alike(key, known)).map(String::from);
            TrustError::UnknownKey { path, line, key: key.into(), nearest }
        }
        _ => TrustError::Form { path, line, cause: error.message().into() },
    }
}

/// How many letters two words share in order, less those that they do not share.
fn alike(one: &str, other: &str) -> isize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut row = vec![0; other.len() + 1];
    for a in &one {
        let mut diagonal = 0;
        for (at, b) in other.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if a == b { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    let shared: isize = row.last().copied().unwrap_or(0);
    let all = isize::try_from(one.len() + other.len()).unwrap_or(isize::MAX);
    3 * shared - all
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "log log.example/updates+441a9296+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c\n\
        witness ch-2 witness.example/ch-2+36b96365+BO1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR\nquorum ch-2\n";

    fn product(more: &str) -> String {
        let id = Digest::of(b"authority");
        format!(
            "[[product]]\npurl = \"pkg:generic/acme/shield\"\norigin = \"log.example/updates\"\npolicy = \"policy\"\n\
             authority = \"{id}\"\nchannel = \"stable\"\n{more}\n"
        )
    }

    fn load(text: &str) -> Result<TrustFile, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("policy"), POLICY).unwrap();
        let path = dir.path().join("trust.toml");
        std::fs::write(&path, text).unwrap();
        let here = |error: TrustError| error.to_string().replace(&format!("{}/", dir.path().display()), "");
        let mut trust = TrustFile::load(&path).map_err(here)?;
        trust.memory = trust.memory.strip_prefix(dir.path()).unwrap().into();
        Ok(trust)
    }

    fn party(name: &str) -> String {
        format!("{{ name = \"{name}\", authority = \"{}\" }}", Digest::of(b"c"))
    }

    #[test]
    fn what_is_not_named_is_strict() {
        let trust = load(&product("")).unwrap();
        assert_eq!(trust.memory, Path::new("memory.json"));
        let one = trust.product(None).unwrap();
        assert_eq!((one.channel.as_str(), one.target.as_str(), one.trust.max_age_s), ("stable", "", 86_400));
        assert_eq!((one.trust.stale, one.trust.latest), (Stale::Refuse, Latest::Require));
        assert!(!one.trust.allow_git_commit);
        let demanded = "rebuilds = 1\nheld = 1\nfollow = 1\npolicy_epoch = 3\nno_rebuild = [\"https://b.example\"]";
        let parties = format!("parties = [{}]\n{demanded}", party("https://c.example"));
        let more = format!("{parties}\nstale = \"upgrade-only\"\nlatest = \"warn\"\ntarget = \"linux\"\nmax_age_s = 5");
        let trust = load(&format!("memory = \"seen\"\n{}", product(&more))).unwrap();
        let one = trust.product(Some("pkg:generic/acme/shield")).unwrap();
        assert_eq!((one.trust.stale, one.trust.latest), (Stale::UpgradeOnly, Latest::Warn));
        assert_eq!(
            (trust.memory.as_path(), one.target.as_str(), one.trust.parties.len()),
            (Path::new("seen"), "linux", 1)
        );
        let Trust { rebuilds, held, follow, policy_epoch, no_rebuild, .. } = &one.trust;
        assert_eq!((*rebuilds, *held, *follow, *policy_epoch), (1, 1, 1, Some(3)));
        assert_eq!(no_rebuild, &["https://b.example"]);
    }

    #[test]
    fn each_error_says_where_and_what() {
        let cases = [
            ("polcy = 3".into(), "trust.toml: line 1: unknown key \"polcy\", did you mean \"product\"?"),
            (product("polcy = 3"), "trust.toml: line 7: unknown key \"polcy\", did you mean \"policy\"?"),
            (product("max_age = 3"), "trust.toml: line 7: unknown key \"max_age\", did you mean \"max_age_s\"?"),
            (
                product("allow_git = true"),
                "trust.toml: line 7: unknown key \"allow_git\", did you mean \"allow_git_commit\"?",
            ),
            ("[[product]]".into(), "trust.toml: line 1: missing field `purl`"),
            ("".into(), "trust.toml: no [[product]] table: it trusts nobody for anything"),
            (product(&product("")), "trust.toml: 2 [[product]] tables for 1 products: each product may have one"),
            (
                product("target = \"A\""),
                "trust.toml: product pkg:generic/acme/shield: target = \"A\" is not of the form [a-z0-9][a-z0-9._-]{0,63}",
            ),
            (
                product("held = 1"),
                "trust.toml: product pkg:generic/acme/shield: held = 1, but 0 parties are named: nothing could be installed",
            ),
            (
                product("follow = 2"),
                "trust.toml: product pkg:generic/acme/shield: follow = 2, but 0 parties are named: nothing could be installed",
            ),
            (
                product(&format!("parties = [{0}, {0}]", party("https://c.example"))),
                "trust.toml: product pkg:generic/acme/shield: the party \"https://c.example\" is named twice: it counts once",
            ),
            (
                product(&format!("parties = [{}]", party("pkg:generic/acme/"))),
                "trust.toml: product pkg:generic/acme/shield: the party \"pkg:generic/acme/\" is not an https:// name: it is another namespace",
            ),
            (
                product("stale = \"maybe\""),
                "trust.toml: line 7: unknown variant `maybe`, expected `refuse` or `upgrade-only`",
            ),
            (product("").replace("\"policy\"", "\"none\""), "none: No such file or directory (os error 2)"),
            (
                product("").replace("pkg:generic/acme/shield", "pkg:generic/acme/"),
                "trust.toml: product pkg:generic/acme/: purl: it has an empty segment",
            ),
        ];
        for (text, expect) in cases {
            assert_eq!(load(&text).unwrap_err(), expect);
        }
    }

    #[test]
    fn one_product_is_implied() {
        let two = product(&product("").replace("shield", "sword"));
        let trust = load(&two).unwrap();
        assert!(trust.product(Some("pkg:generic/acme/sword")).is_ok());
        let error = trust.product(None).unwrap_err().to_string();
        assert!(
            error.ends_with("--product is needed; there are pkg:generic/acme/shield, pkg:generic/acme/sword"),
            "{error}"
        );
        let error = trust.product(Some("pkg:a/b")).unwrap_err().to_string();
        assert!(error.contains("no product pkg:a/b; there are"), "{error}");
    }
}
