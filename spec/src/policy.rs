#![doc = include_str!("../policy.md")]

use crate::cosignature::{self, Cosigned};
use crate::encoding;
use crate::note::{KeyError, KeyKind, MAX_SIGNATURES, Note, NoteSignature, Vkey};
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::{cmp::Reverse, fmt, ops::RangeInclusive};

/// The most bytes a policy may have: room for the largest keys in as many lines as are read.
pub const MAX_POLICY_BYTES: usize = 1 << 18;
/// The most logs a policy may have.
pub const MAX_LOGS: usize = 32;
/// The most witnesses a policy may have.
pub const MAX_WITNESSES: usize = 32;
/// The most groups a policy may have.
pub const MAX_GROUPS: usize = 32;
/// How far beyond the caller's clock a cosignature's time may be and still count.
pub const MAX_AHEAD_S: u64 = 300;
/// The most lines by one key that are tried, and again as many of those beyond [`MAX_AHEAD_S`].
pub const MAX_TRIES_PER_KEY: usize = 4;

/// The name of a witness or group: octets that mean something in their policy only.
///
/// Shapes: at least one octet, none of them a control character or space. Displayed as UTF-8 with U+FFFD for what is not,
/// and for what terminals might obey; the debug form tells all names apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(pub Vec<u8>);

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&[u8]> for Name {
    fn from(name: &[u8]) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        out.pad(&String::from_utf8_lossy(&self.0).chars().map(shown).collect::<String>())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{}\"", self.0.escape_ascii())
    }
}

/// A log that the policy believes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyLog {
    /// Its key; the key name is its origin.
    pub vkey: Vkey,
    /// Where it is met, if the policy says.
    pub url: Option<String>,
}

/// A witness that the policy knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyWitness {
    /// What the policy calls it.
    pub name: Name,
    /// Its key; the key name tells whose it is.
    pub vkey: Vkey,
    /// Where it is met, if the policy says.
    pub url: Option<String>,
}

/// A group of witnesses and groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyGroup {
    /// What the policy calls it.
    pub name: Name,
    /// How many members must cosign: from 1 to their number.
    pub threshold: usize,
    /// Its members, in the order written.
    pub members: Vec<Member>,
}

/// A witness or a group, by its index in [`Policy::witnesses`] or [`Policy::groups`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Member {
    /// A witness.
    Witness(usize),
    /// A group.
    Group(usize),
}

/// Who must cosign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quorum {
    /// Nobody.
    None,
    /// This witness or group.
    Of(Member),
}

/// Why a file is not a policy, and at which line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyError {
    /// The line, from 1; 0 if the error is the whole file's.
    pub line: usize,
    /// What is wrong there.
    pub kind: PolicyErrorKind,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => self.kind.fmt(out),
            line => write!(out, "line {line}: {}", self.kind),
        }
    }
}

impl core::error::Error for PolicyError {}

/// What is wrong with a line of a policy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PolicyErrorKind {
    /// More than [`MAX_POLICY_BYTES`].
    #[error("the policy has {0} bytes, at most {MAX_POLICY_BYTES} are read")]
    TooLong(usize),
    /// The last line has no LF: the file may have been cut.
    #[error("the last line does not end in LF")]
    NoFinalLf,
    /// A control character other than tab and LF.
    #[error("octet 0x{octet:02x} is a control character{hint}", octet = .0, hint = if *.0 == b'\r' { ": lines end in LF alone, not in CR LF" } else { "" })]
    Octet(u8),
    /// The first item is none of the four.
    #[error("{0:?} is not one of log, witness, group, quorum")]
    Keyword(Name),
    /// Fewer or more items than this line has.
    #[error("the line has {have} items, its form is: {form}")]
    Items {
        /// Items found, the first included.
        have: usize,
        /// The line's form.
        form: &'static str,
    },
    /// Not a vkey.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The vkey is not UTF-8.
    #[error("the vkey is not UTF-8")]
    KeyUtf8,
    /// A log with a witness's key.
    #[error("a log's key is of type 0x01 or 0x06, this is 0x{:02x}", .0.byte())]
    LogKeyKind(KeyKind),
    /// A witness with a log's key.
    #[error("a witness's key is of type 0x04 or 0x06, this is 0x{:02x}", .0.byte())]
    WitnessKeyKind(KeyKind),
    /// A public key that another line of the same kind has.
    #[error("line {line} has the same public key")]
    DuplicateKey {
        /// The line before.
        line: usize,
    },
    /// Another public key under a key name and key ID that a line before has.
    #[error("line {line} has another public key of the same key name and key ID")]
    CollidingKey {
        /// The line before.
        line: usize,
    },
    /// The name `none`.
    #[error("none can be neither the name of a witness or group nor a member")]
    ReservedName,
    /// A name given before.
    #[error("the name {name} is given on line {line}")]
    DuplicateName {
        /// The name.
        name: Name,
        /// The line before.
        line: usize,
    },
    /// A member or quorum that no line before gives.
    #[error("no line before gives the name {0}")]
    UnknownName(Name),
    /// A member that already is one, of this group or another.
    #[error("{name} is a member since line {line}")]
    DuplicateMember {
        /// The member.
        name: Name,
        /// The line where it became one.
        line: usize,
    },
    /// Not `all`, `any` or a decimal.
    #[error("{0} is not a threshold: all, any, or a decimal without sign and leading zeroes")]
    ThresholdForm(Name),
    /// Zero, or more than the group has members.
    #[error("the threshold is {threshold}, the group has {members} members")]
    Threshold {
        /// The threshold.
        threshold: u64,
        /// Members of the group.
        members: usize,
    },
    /// More than [`MAX_LOGS`].
    #[error("more than {MAX_LOGS} logs")]
    TooManyLogs,
    /// More than [`MAX_WITNESSES`].
    #[error("more than {MAX_WITNESSES} witnesses")]
    TooManyWitnesses,
    /// More than [`MAX_GROUPS`].
    #[error("more than {MAX_GROUPS} groups")]
    TooManyGroups,
    /// A second quorum line.
    #[error("the quorum is given on line {line}")]
    SecondQuorum {
        /// The line before.
        line: usize,
    },
    /// No quorum line.
    #[error("the policy has no quorum line")]
    NoQuorum,
}

/// How much a policy bears, in units: see the module's documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Strength {
    /// Units that may be hostile, and still nobody can show two histories.
    pub hostile: u64,
    /// Units that may be absent, and still the policy can be met.
    pub absent: u64,
}

/// Why a policy, though well-formed, is no protection.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckError {
    /// `quorum none`.
    #[error("quorum none: nobody but the log needs to sign")]
    QuorumNone,
    /// A log's key is also a witness's.
    #[error("the log {log:?} and the witness {witness} have the same public key")]
    LogKeyAsWitness {
        /// The log's origin.
        log: String,
        /// The witness.
        witness: Name,
    },
    /// Two units have the same key name: one operator would count twice.
    #[error("{first} and {second} have the same key name {key_name:?} and would count as two: make them one group")]
    OneOperatorTwice {
        /// The key name.
        key_name: String,
        /// A unit with this key name.
        first: Name,
        /// A later unit with this key name.
        second: Name,
    },
    /// Two quorums may have no unit in common.
    #[error("two quorums of {quorum} need have no witness in common: the log alone could show two histories")]
    NoOverlap {
        /// The witness or group that is the quorum.
        quorum: Name,
    },
}

/// A policy: well-formed, but not necessarily any good ([`Policy::check`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<PolicyGroup>,
    quorum: Quorum,
    /// The key IDs of the witnesses in their order, each with its witness's index.
    ids: Vec<(u32, usize)>,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`PolicyError`]: the first line that is wrong, and on it the first thing that is. The file's length and final LF come
    /// before all lines, a missing quorum after them.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let whole = |kind| PolicyError { line: 0, kind };
        if bytes.len() > MAX_POLICY_BYTES {
            return Err(whole(PolicyErrorKind::TooLong(bytes.len())));
        }
        // SPEC: "each line is terminated by ASCII newline".
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            return Err(PolicyError { line: lines.count(), kind: PolicyErrorKind::NoFinalLf });
        }
        let mut parser = Parser::default();
        for (line, octets) in (1..).zip(lines) {
            let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
            parser.line(line, octets).map_err(|kind| PolicyError { line, kind })?;
        }
        // SPEC: "A policy file must include exactly one quorum line."
        let (quorum, _) = parser.quorum.ok_or_else(|| whole(PolicyErrorKind::NoQuorum))?;
        let logs = parser.logs.into_iter().map(|(log, _)| log).collect();
        let witnesses: Vec<_> = parser.witnesses.into_iter().map(|(witness, _)| witness).collect();
        let mut ids: Vec<_> = witnesses.iter().enumerate().map(|(at, witness)| (witness.vkey.id, at)).collect();
        ids.sort_unstable();
        Ok(Self { logs, witnesses, groups: parser.groups, quorum, ids })
    }

    /// The logs, in the order written.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses, in the order written, those that the quorum does not need included.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// The groups, in the order written: members come before the groups that they are in.
    pub fn groups(&self) -> &[PolicyGroup] {
        &self.groups
    }

    /// Who must cosign.
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// What the policy calls a witness or group; `None` if it has no such one.
    pub fn name(&self, member: Member) -> Option<&Name> {
        match member {
            Member::Witness(at) => self.witnesses.get(at).map(|witness| &witness.name),
            Member::Group(at) => self.groups.get(at).map(|group| &group.name),
        }
    }

    /// The units below the quorum, in the order written: see the module's documentation.
    pub fn units(&self) -> Vec<Member> {
        let weights = self.weights();
        let Quorum::Of(top) = self.quorum else { return Vec::new() };
        let (mut units, mut rest) = (Vec::new(), alloc::vec![top]);
        while let Some(member) = rest.pop() {
            let operator = weights.of(member).and_then(|weight| weight.operator);
            match member {
                Member::Group(at) if operator.is_none() => {
                    let members = self.groups.get(at).into_iter().flat_map(|group| group.members.iter().rev());
                    rest.extend(members.copied());
                }
                _ => units.push(member),
            }
        }
        units
    }

    /// The fewest units that meet the policy; 0 for `quorum none`.
    pub fn needed(&self) -> u64 {
        self.top().map_or(0, |weight| weight.need)
    }

    /// Tells how many hostile and absent units the policy bears.
    ///
    /// Spec: design section 9, "Policy".
    ///
    /// # Errors
    /// [`CheckError`], in the order of its variants.
    pub fn check(&self) -> Result<Strength, CheckError> {
        let (Quorum::Of(quorum), Some(top)) = (self.quorum, self.top()) else {
            return Err(CheckError::QuorumNone);
        };
        for witness in &self.witnesses {
            let mut logs = self.logs.iter().map(|log| &log.vkey);
            if let Some(log) = logs.find(|log| log.public() == witness.vkey.public()) {
                return Err(CheckError::LogKeyAsWitness { log: log.name.clone(), witness: witness.name.clone() });
            }
        }
        let weights = self.weights();
        let mut seen: BTreeMap<&str, &Name> = BTreeMap::new();
        for unit in self.units() {
            let operator = weights.of(unit).and_then(|weight| weight.operator);
            let (Some(key_name), Some(second)) = (operator, self.name(unit)) else { continue };
            if let Some(first) = seen.insert(key_name, second) {
                let (first, second) = (first.clone(), second.clone());
                return Err(CheckError::OneOperatorTwice { key_name: key_name.into(), first, second });
            }
        }
        match (top.overlap.checked_sub(1), top.block.checked_sub(1)) {
            (Some(hostile), Some(absent)) => Ok(Strength { hostile, absent }),
            _ => {
                let quorum = self.name(quorum).cloned().unwrap_or_else(|| "none".into());
                Err(CheckError::NoOverlap { quorum })
            }
        }
    }

    /// Tells whether the policy is met when exactly the witnesses cosigned of which `cosigned` says so, by their index.
    ///
    /// `quorum none` is always met.
    pub fn quorum_met(&self, cosigned: impl Fn(usize) -> bool) -> bool {
        let Quorum::Of(top) = self.quorum else { return true };
        let met =
            self.fold(cosigned, |group, members| members.iter().filter(|member| **member).count() >= group.threshold);
        met.of(top).unwrap_or(false)
    }

    /// Verifies the witnesses' lines of a note, as of `now`, or whatever their times if `now` is not given.
    ///
    /// This says nothing about the log's own signature: [`crate::checkpoint::open`] does.
    ///
    /// Units: `now` in Unix seconds.
    ///
    /// Cost: one signature verification for each key with a good line, at most [`MAX_TRIES_PER_KEY`] for each key; lines
    /// beyond [`MAX_AHEAD_S`] are verified, within the same bound again, only when the others do not meet the policy.
    pub fn evaluate(&self, note: &Note, now: Option<u64>) -> Evaluation {
        let limit = now.map_or(u64::MAX, |now| now.saturating_add(MAX_AHEAD_S));
        let mut lines = Lines::of(note, self);
        let times = alloc::vec![None; self.witnesses.len()];
        let mut evaluation = Evaluation { times, later: false, bad: Vec::with_capacity(lines.claims.len()) };
        lines.latest(0..=limit, &mut evaluation.times, &mut evaluation.bad);
        let claimed = lines.claims.iter().any(|(_, time, _)| time.0 > limit);
        if let Some(beyond) = limit.checked_add(1).filter(|_| claimed && !evaluation.met(self)) {
            let mut times = evaluation.times.clone();
            lines.latest(beyond..=u64::MAX, &mut times, &mut evaluation.bad);
            evaluation.later = self.quorum_met(|witness| times.get(witness).is_some_and(Option::is_some));
        }
        evaluation
    }

    /// The witness that a line claims to be by.
    fn claimed(&self, line: &NoteSignature) -> Option<usize> {
        let first = self.ids.partition_point(|(id, _)| *id < line.id);
        let ids = self.ids.iter().skip(first).take_while(|(id, _)| *id == line.id);
        ids.map(|(_, at)| *at).find(|at| self.witnesses.get(*at).is_some_and(|witness| witness.vkey.made(line)))
    }

    /// Works out a value for each witness and, from those of their members, for each group.
    fn fold<T: Copy>(&self, witness: impl Fn(usize) -> T, group: impl Fn(&PolicyGroup, &mut [T]) -> T) -> Folded<T> {
        let witnesses = self.witnesses.len();
        let mut folded = Folded { witnesses, values: Vec::with_capacity(witnesses.saturating_add(self.groups.len())) };
        folded.values.extend((0..witnesses).map(witness));
        let mut members = Vec::with_capacity(witnesses);
        for one in &self.groups {
            members.clear();
            members.extend(one.members.iter().filter_map(|member| folded.of(*member)));
            folded.values.push(group(one, &mut members));
        }
        folded
    }

    fn weights(&self) -> Folded<Weight<'_>> {
        let witness = |at| Weight { operator: self.key_name(at), ..Weight::UNIT };
        self.fold(witness, |group, members| {
            let operator = members.first().and_then(|first| first.operator);
            if operator.is_some() && members.iter().all(|member| member.operator == operator) {
                return Weight { operator, ..Weight::UNIT };
            }
            let (k, n) = (group.threshold, members.len());
            let smallest = |count: usize, part: fn(&Weight<'_>) -> u64| {
                let mut parts: Vec<u64> = members.iter().map(part).collect();
                parts.sort_unstable();
                parts.into_iter().take(count).fold(0, u64::saturating_add)
            };
            Weight {
                operator: None,
                overlap: smallest(k.saturating_mul(2).saturating_sub(n), |member| member.overlap),
                block: smallest(n.saturating_sub(k).saturating_add(1), |member| member.block),
                need: smallest(k, |member| member.need),
            }
        })
    }

    fn top(&self) -> Option<Weight<'_>> {
        match self.quorum {
            Quorum::None => None,
            Quorum::Of(member) => self.weights().of(member),
        }
    }

    fn key_name(&self, witness: usize) -> Option<&str> {
        self.witnesses.get(witness).map(|witness| witness.vkey.name.as_str())
    }
}

/// A value for each witness and each group.
struct Folded<T> {
    /// How many of the values are the witnesses'; the groups' come after them.
    witnesses: usize,
    values: Vec<T>,
}

impl<T: Copy> Folded<T> {
    fn of(&self, member: Member) -> Option<T> {
        let at = match member {
            Member::Witness(at) => at,
            Member::Group(at) => self.witnesses.saturating_add(at),
        };
        self.values.get(at).copied()
    }
}

/// What the formulas give for a witness or group.
#[derive(Clone, Copy)]
struct Weight<'a> {
    /// The key name of all witnesses below, if they have one.
    operator: Option<&'a str>,
    overlap: u64,
    block: u64,
    need: u64,
}

impl Weight<'_> {
    const UNIT: Self = Self { operator: None, overlap: 1, block: 1, need: 1 };
}

/// A file half read.
#[derive(Default)]
struct Parser {
    logs: Vec<(PolicyLog, usize)>,
    witnesses: Vec<(PolicyWitness, usize)>,
    groups: Vec<PolicyGroup>,
    /// Names given so far, and on which line.
    names: BTreeMap<Name, (Member, usize)>,
    /// Members so far, and since which line.
    members: BTreeMap<Member, usize>,
    quorum: Option<(Quorum, usize)>,
}

impl Parser {
    fn line(&mut self, line: usize, octets: &[u8]) -> Result<(), PolicyErrorKind> {
        // SPEC: "The only allowed control characters are tab and newline".
        if let Some(octet) = octets.iter().find(|octet| octet.is_ascii_control() && **octet != b'\t') {
            return Err(PolicyErrorKind::Octet(*octet));
        }
        let items: Vec<&[u8]> =
            octets.split(|octet| matches!(octet, b' ' | b'\t')).filter(|item| !item.is_empty()).collect();
        let Some((keyword, rest)) = items.split_first() else { return Ok(()) };
        let wrong = |form| Err(PolicyErrorKind::Items { have: items.len(), form });
        match (*keyword, rest) {
            (b"log", [vkey]) => self.log(line, vkey, None),
            (b"log", [vkey, url]) => self.log(line, vkey, Some(url)),
            (b"log", _) => wrong("log <vkey> [<url>]"),
            (b"witness", [name, vkey]) => self.witness(line, name, vkey, None),
            (b"witness", [name, vkey, url]) => self.witness(line, name, vkey, Some(url)),
            (b"witness", _) => wrong("witness <name> <vkey> [<url>]"),
            (b"group", [name, threshold, first, others @ ..]) => {
                let members: Vec<&[u8]> = core::iter::once(*first).chain(others.iter().copied()).collect();
                self.group(line, name, threshold, &members)
            }
            (b"group", _) => wrong("group <name> all|any|<k> <member>..."),
            (b"quorum", [name]) => self.quorum(line, name),
            (b"quorum", _) => wrong("quorum <name>|none"),
            (comment, _) if comment.starts_with(b"#") => Ok(()),
            (other, _) => Err(PolicyErrorKind::Keyword(other.into())),
        }
    }

    fn log(&mut self, line: usize, key: &[u8], url: Option<&[u8]>) -> Result<(), PolicyErrorKind> {
        if self.logs.len() == MAX_LOGS {
            return Err(PolicyErrorKind::TooManyLogs);
        }
        let vkey = vkey(key)?;
        if !vkey.kind.signs_as_log() {
            return Err(PolicyErrorKind::LogKeyKind(vkey.kind));
        }
        // SPEC: "Duplicate logs, i.e., multiple log lines with the same public key, are not allowed."
        if let Some((_, line)) = self.logs.iter().find(|(log, _)| log.vkey.public() == vkey.public()) {
            return Err(PolicyErrorKind::DuplicateKey { line: *line });
        }
        self.is_unique(&vkey)?;
        self.logs.push((PolicyLog { vkey, url: url.map(lossy) }, line));
        Ok(())
    }

    fn witness(&mut self, line: usize, name: &[u8], key: &[u8], url: Option<&[u8]>) -> Result<(), PolicyErrorKind> {
        if self.witnesses.len() == MAX_WITNESSES {
            return Err(PolicyErrorKind::TooManyWitnesses);
        }
        let name = self.new_name(name)?;
        let vkey = vkey(key)?;
        if !vkey.kind.signs_as_witness() {
            return Err(PolicyErrorKind::WitnessKeyKind(vkey.kind));
        }
        // SPEC: "Duplicate witnesses, i.e., multiple witness lines with the same public key, are not allowed."
        if let Some((_, line)) = self.witnesses.iter().find(|(witness, _)| witness.vkey.public() == vkey.public()) {
            return Err(PolicyErrorKind::DuplicateKey { line: *line });
        }
        self.is_unique(&vkey)?;
        self.names.insert(name.clone(), (Member::Witness(self.witnesses.len()), line));
        self.witnesses.push((PolicyWitness { name, vkey, url: url.map(lossy) }, line));
        Ok(())
    }

    /// SPEC: signed-note, "The tuple of key name and key ID uniquely identifies the key that performed the signature".
    ///
    /// Else each line by one of them would be a failing line by the other.
    fn is_unique(&self, vkey: &Vkey) -> Result<(), PolicyErrorKind> {
        let logs = self.logs.iter().map(|(log, line)| (&log.vkey, line));
        let witnesses = self.witnesses.iter().map(|(witness, line)| (&witness.vkey, line));
        let collides = |key: &Vkey| key.id == vkey.id && key.name == vkey.name && key.public() != vkey.public();
        match logs.chain(witnesses).find(|(key, _)| collides(key)) {
            Some((_, line)) => Err(PolicyErrorKind::CollidingKey { line: *line }),
            None => Ok(()),
        }
    }

    fn group(&mut self, line: usize, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), PolicyErrorKind> {
        if self.groups.len() == MAX_GROUPS {
            return Err(PolicyErrorKind::TooManyGroups);
        }
        let name = self.new_name(name)?;
        let threshold = parse_threshold(threshold, members.len())?;
        let mut found = Vec::with_capacity(members.len());
        for member in members {
            // SPEC: "it is invalid as a group member."
            if *member == b"none" {
                return Err(PolicyErrorKind::ReservedName);
            }
            let one = self.known(member)?;
            // SPEC: "Each defined name can be listed as a group member at most once."
            if let Some(line) = self.members.insert(one, line) {
                return Err(PolicyErrorKind::DuplicateMember { name: (*member).into(), line });
            }
            found.push(one);
        }
        self.names.insert(name.clone(), (Member::Group(self.groups.len()), line));
        self.groups.push(PolicyGroup { name, threshold, members: found });
        Ok(())
    }

    fn quorum(&mut self, line: usize, name: &[u8]) -> Result<(), PolicyErrorKind> {
        if let Some((_, line)) = self.quorum {
            return Err(PolicyErrorKind::SecondQuorum { line });
        }
        let quorum = if name == b"none" { Quorum::None } else { Quorum::Of(self.known(name)?) };
        self.quorum = Some((quorum, line));
        Ok(())
    }

    fn new_name(&self, name: &[u8]) -> Result<Name, PolicyErrorKind> {
        let name = Name::from(name);
        if name.0 == b"none" {
            return Err(PolicyErrorKind::ReservedName);
        }
        match self.names.get(&name) {
            Some((_, line)) => Err(PolicyErrorKind::DuplicateName { name, line: *line }),
            None => Ok(name),
        }
    }

    fn known(&self, name: &[u8]) -> Result<Member, PolicyErrorKind> {
        let name = Name::from(name);
        match self.names.get(&name) {
            Some((member, _)) => Ok(*member),
            None => Err(PolicyErrorKind::UnknownName(name)),
        }
    }
}

fn vkey(octets: &[u8]) -> Result<Vkey, PolicyErrorKind> {
    let text = core::str::from_utf8(octets).map_err(|_| PolicyErrorKind::KeyUtf8)?;
    Ok(text.parse::<Vkey>()?)
}

fn lossy(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn parse_threshold(octets: &[u8], members: usize) -> Result<usize, PolicyErrorKind> {
    let threshold = match octets {
        b"all" => return Ok(members),
        b"any" => return Ok(1),
        k => core::str::from_utf8(k).ok().and_then(encoding::decimal),
    };
    let threshold = threshold.ok_or_else(|| PolicyErrorKind::ThresholdForm(octets.into()))?;
    // SPEC: "it is required that 1 <= k <= n."
    usize::try_from(threshold)
        .ok()
        .filter(|k| (1..=members).contains(k))
        .ok_or(PolicyErrorKind::Threshold { threshold, members })
}

/// The lines of a note that claim to be by a policy's witnesses.
struct Lines<'a> {
    note: &'a Note,
    policy: &'a Policy,
    /// What each claims: its witness, by the index, and its time; and its own index. In this order a witness's latest comes first.
    claims: Vec<(usize, Reverse<u64>, usize)>,
    cosigned: Cosigned<'a>,
}

impl<'a> Lines<'a> {
    fn of(note: &'a Note, policy: &'a Policy) -> Self {
        // A line too short for a time claims none: it comes last among those of its witness.
        let time = |line: &NoteSignature| line.bytes.first_chunk().map_or(0, |time| u64::from_be_bytes(*time));
        let lines = note.signatures.iter().enumerate().take(MAX_SIGNATURES);
        let mut claims = Vec::with_capacity(lines.len());
        claims.extend(lines.filter_map(|(at, line)| Some((policy.claimed(line)?, Reverse(time(line)), at))));
        claims.sort_unstable();
        Self { note, policy, claims, cosigned: Cosigned::new(&note.text) }
    }

    /// Puts, for each witness that has no time yet, the latest among its lines that verify and whose time is in the range.
    fn latest(&mut self, range: RangeInclusive<u64>, times: &mut [Option<u64>], bad: &mut Vec<BadLine>) {
        for claims in self.claims.chunk_by(|(one, ..), (other, ..)| one == other) {
            let in_range = claims.iter().filter(|(_, time, _)| range.contains(&time.0));
            for (witness, _, line) in in_range.take(MAX_TRIES_PER_KEY).copied() {
                let Some(found @ None) = times.get_mut(witness) else { break };
                let (Some(key), Some(signature)) = (self.policy.witnesses.get(witness), self.note.signatures.get(line))
                else {
                    break;
                };
                match cosignature::signed_at(&mut self.cosigned, signature, &key.vkey) {
                    Ok(Some(time)) => *found = Some(time),
                    Ok(None) | Err(_) => bad.push(BadLine { witness, line }),
                }
            }
        }
    }
}

/// A line that names a witness's key and does not verify.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadLine {
    /// The index of the witness in [`Policy::witnesses`].
    pub witness: usize,
    /// The index of the line in [`Note::signatures`].
    pub line: usize,
}

/// Which witnesses cosigned a note, and when; to be asked with the policy that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evaluation {
    /// For each witness, by its index, the latest time that counts, in Unix seconds.
    pub times: Vec<Option<u64>>,
    /// The policy is not met, but would be if times beyond [`MAX_AHEAD_S`] counted: the caller's clock may be behind.
    pub later: bool,
    /// Lines that were tried and failed. Lines older than one that counts were not tried.
    pub bad: Vec<BadLine>,
}

/// The units of a policy, told apart by whether they cosigned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// Those that cosigned, each with its time in Unix seconds, in the order written.
    pub have: Vec<(Name, u64)>,
    /// Those that did not.
    pub lack: Vec<Name>,
}

impl Evaluation {
    /// Tells whether the cosignatures that count meet the policy.
    pub fn met(&self, policy: &Policy) -> bool {
        policy.quorum_met(|witness| self.witness(witness).is_some())
    }

    /// The largest time such that the cosignatures at or after it alone meet the policy.
    ///
    /// `None` if the policy is not met, and for `quorum none`, which is met at no time in particular.
    pub fn time(&self, policy: &Policy) -> Option<u64> {
        match policy.quorum {
            Quorum::None => None,
            Quorum::Of(top) => self.fold(policy).of(top).flatten(),
        }
    }

    /// Tells which units cosigned and which lack.
    pub fn names(&self, policy: &Policy) -> Names {
        let folded = self.fold(policy);
        let mut names = Names::default();
        for unit in policy.units() {
            let Some(name) = policy.name(unit) else { continue };
            match folded.of(unit).flatten() {
                Some(time) => names.have.push((name.clone(), time)),
                None => names.lack.push(name.clone()),
            }
        }
        names
    }

    fn witness(&self, at: usize) -> Option<u64> {
        self.times.get(at).copied().flatten()
    }

    /// The time of each witness and group: of k of n the k-th latest, where who did not cosign comes last.
    fn fold(&self, policy: &Policy) -> Folded<Option<u64>> {
        policy.fold(
            |witness| self.witness(witness),
            |group, times| {
                times.sort_unstable_by(|a, b| b.cmp(a));
                times.get(group.threshold.saturating_sub(1)).copied().flatten()
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::{NoteSignature, Skey};
    use PolicyErrorKind as Kind;
    use alloc::{
        format,
        string::{String, ToString as _},
        vec,
    };

    const NOW: u64 = 1_795_430_000;
    const TEXT: &str = "log.example/updates\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

    /// Witness `ch-<n>`, or its second key.
    fn witness(n: u8, second: bool) -> Skey {
        let seed = [n + 1 + 100 * u8::from(second); 32];
        Skey::from_seed(&format!("witness.example/ch-{n}"), KeyKind::CosignatureEd25519, seed).unwrap()
    }

    fn log(name: &str, seed: u8) -> Skey {
        Skey::from_seed(name, KeyKind::Ed25519, [seed; 32]).unwrap()
    }

    /// Puts keys where `{L}`, `{1}` and `{1b}` (the second key of witness 1) stand.
    fn expand(text: &str) -> String {
        let mut text = text.replace("{L}", &log("log.example/updates", 1).vkey().to_string());
        for n in (1..=40).filter(|n| text.contains(&format!("{{{n}"))).collect::<Vec<_>>() {
            text = text.replace(&format!("{{{n}}}"), &witness(n, false).vkey().to_string());
            text = text.replace(&format!("{{{n}b}}"), &witness(n, true).vkey().to_string());
        }
        text
    }

    fn policy(text: &str) -> Policy {
        Policy::parse(expand(text).as_bytes()).unwrap()
    }

    /// Witnesses `w1`, `w2`… and the quorum `q` of k of them.
    fn flat(k: usize, n: usize) -> Policy {
        let lines: String = (1..=n).map(|n| format!("witness w{n} {{{n}}}\n")).collect();
        let members: String = (1..=n).map(|n| format!(" w{n}")).collect();
        policy(&format!("log {{L}}\n{lines}group q {k}{members}\nquorum q\n"))
    }

    fn line(n: u8, time: u64) -> NoteSignature {
        cosignature::sign(TEXT, time, &witness(n, false))
    }

    fn note(signatures: Vec<NoteSignature>) -> Note {
        Note { text: TEXT.into(), signatures }
    }

    /// Anyone may write a key ID beside a name of his own, and a later time.
    #[test]
    fn lines_of_another_name() {
        let (policy, own) = (flat(1, 1), line(1, NOW));
        let others = (1..=5).map(|at| NoteSignature { name: "else.example".into(), ..line(1, NOW + at) });
        let note = note(others.chain([own]).collect());
        let expected = Evaluation { times: vec![Some(NOW)], later: false, bad: vec![] };
        assert_eq!(policy.evaluate(&note, None), expected);
    }

    #[test]
    fn two_levels() {
        let policy = policy(
            "\t# comment \u{fffd} \n \t \nlog\t{L}  https://log.example/ \n witness X1 {1}\nwitness X2 {2}\nwitness X3 {3} u\n\
             group X 2 X1 X2 X3\nwitness Y1 {4}\nwitness Y2 {5}\nwitness Y3 {6}\ngroup Y any Y1 Y2 Y3\n\
             group X-and-Y all X Y\nquorum\tX-and-Y\t\n#\n",
        );
        assert_eq!(policy.logs()[0].url.as_deref(), Some("https://log.example/"));
        assert_eq!(policy.logs()[0].vkey, *log("log.example/updates", 1).vkey());
        assert_eq!(policy.witnesses().len(), 6);
        assert_eq!((policy.witnesses()[2].url.as_deref(), &policy.witnesses()[1].url), (Some("u"), &None));
        assert_eq!(policy.groups()[0].threshold, 2);
        assert_eq!(policy.groups()[1].members, [Member::Witness(3), Member::Witness(4), Member::Witness(5)]);
        assert_eq!(policy.groups()[2].members, [Member::Group(0), Member::Group(1)]);
        assert_eq!((policy.quorum(), policy.groups()[2].threshold), (Quorum::Of(Member::Group(2)), 2));
        assert_eq!(policy.name(Member::Group(2)), Some(&"X-and-Y".into()));
        assert_eq!(policy.name(Member::Group(3)), None);
        for (cosigned, met) in [(&[0, 1, 3][..], true), (&[1, 2, 5], true), (&[0, 3, 4, 5], false), (&[0, 1, 2], false)]
        {
            assert_eq!(policy.quorum_met(|at| cosigned.contains(&at)), met, "{cosigned:?}");
        }
        // 2 of 3 shares one, any of 3 none: the sum of both is shared.
        assert_eq!(policy.check(), Ok(Strength { hostile: 0, absent: 1 }));
        assert_eq!((policy.needed(), policy.units().len()), (3, 6));
    }

    #[test]
    fn smallest_policies() {
        let none = Policy::parse(b"quorum none\n").unwrap();
        assert_eq!((none.quorum(), none.logs().len(), none.needed(), none.units()), (Quorum::None, 0, 0, vec![]));
        assert!(none.quorum_met(|_| false));
        assert_eq!(none.check(), Err(CheckError::QuorumNone));
        let evaluation = none.evaluate(&note(vec![]), Some(NOW));
        assert!(evaluation.met(&none) && !evaluation.later);
        assert_eq!(evaluation.time(&none), None);

        // A name may be a keyword, and a member may be the quorum too.
        let one = policy("witness any {1}\ngroup 1 1 any\nquorum any\n");
        assert_eq!(one.quorum(), Quorum::Of(Member::Witness(0)));
        assert_eq!(one.check(), Ok(Strength { hostile: 0, absent: 0 }));
        assert!(one.quorum_met(|_| true) && !one.quorum_met(|_| false));
    }

    #[test]
    fn names_are_octets() {
        let (k, kelvin, broken) = (b"K".as_slice(), "\u{212a}".as_bytes(), b"\x9b\xff\x80".as_slice());
        let mut file = b"# \xfe\xff\n".to_vec();
        for (n, name) in [(1, k), (2, kelvin), (3, broken)] {
            let vkey = witness(n, false).vkey().to_string();
            file.extend([b"witness ", name, b" ", vkey.as_bytes(), b" http://\xff/\n"].concat());
        }
        file.extend([b"group \xc2\x9b 2 ", k, b" ", kelvin, b" ", broken, b"\nquorum \xc2\x9b\n"].concat());
        let policy = Policy::parse(&file).unwrap();
        assert_eq!(policy.witnesses()[2].name, Name(broken.into()));
        assert_eq!(policy.witnesses()[2].url.as_deref(), Some("http://\u{fffd}/"));
        let shown: Vec<String> = policy.witnesses().iter().map(|witness| format!("{}", witness.name)).collect();
        assert_eq!(shown, ["K", "\u{212a}", "\u{fffd}\u{fffd}\u{fffd}"]);
        assert_eq!(format!("{:?}", policy.witnesses()[2].name), r#""\x9b\xff\x80""#);
        // U+009B starts a terminal's control sequences.
        assert_eq!(format!("{}", policy.groups()[0].name), "\u{fffd}");
    }

    #[test]
    fn files_that_are_refused() {
        let items = |have, form| Kind::Items { have, form };
        let log_form = "log <vkey> [<url>]";
        let witness_form = "witness <name> <vkey> [<url>]";
        let group_form = "group <name> all|any|<k> <member>...";
        let threshold = |threshold, members| Kind::Threshold { threshold, members };
        let other_name = log("log.example/other", 1).vkey().to_string();
        let same_key = Vkey::new("w", KeyKind::CosignatureEd25519, witness(1, false).vkey().public()).unwrap();
        for (text, line, kind) in [
            ("", 0, Kind::NoQuorum),
            ("\n", 0, Kind::NoQuorum),
            ("log {L}\nwitness a {1}\n", 0, Kind::NoQuorum),
            ("# quorum none\n", 0, Kind::NoQuorum),
            ("log {L}\nquorum none", 2, Kind::NoFinalLf),
            ("quorum none\n#", 2, Kind::NoFinalLf),
            ("#\r\nquorum none\n", 1, Kind::Octet(b'\r')),
            ("\n# \u{7f}\nquorum none\n", 2, Kind::Octet(0x7f)),
            ("quorum none\n\0\n", 2, Kind::Octet(0)),
            ("quorum\u{b}none\n", 1, Kind::Octet(0xb)),
            ("quorum\u{a0}none\n", 1, Kind::Keyword("quorum\u{a0}none".into())),
            ("Quorum none\n", 1, Kind::Keyword("Quorum".into())),
            ("quorum none # nobody\n", 1, items(4, "quorum <name>|none")),
            ("quorum\n", 1, items(1, "quorum <name>|none")),
            ("quorum none\n\nquorum none\n", 3, Kind::SecondQuorum { line: 1 }),
            ("quorum a\nwitness a {1}\n", 1, Kind::UnknownName("a".into())),
            ("quorum None\n", 1, Kind::UnknownName("None".into())),
            ("log\n", 1, items(1, log_form)),
            ("log {L} a b\n", 1, items(4, log_form)),
            ("log a\n", 1, Kind::Key(KeyError::Form)),
            ("log {1}\n", 1, Kind::LogKeyKind(KeyKind::CosignatureEd25519)),
            ("log n+00000000+BgAA\n", 1, Kind::Key(KeyError::Length { have: 2, need: 1312 })),
            ("log {L}\n\nlog {OTHER}\n", 3, Kind::DuplicateKey { line: 1 }),
            ("witness a\n", 1, items(2, witness_form)),
            ("witness a {1} b c\n", 1, items(5, witness_form)),
            ("witness {1} a\n", 1, Kind::Key(KeyError::Form)),
            ("witness a {L}\n", 1, Kind::WitnessKeyKind(KeyKind::Ed25519)),
            ("witness a n+00000000+BgAA\n", 1, Kind::Key(KeyError::Length { have: 2, need: 1312 })),
            ("witness none {1}\n", 1, Kind::ReservedName),
            ("witness a {1}\nwitness a {2}\n", 2, Kind::DuplicateName { name: "a".into(), line: 1 }),
            ("witness a {1}\nwitness b {SAME}\n", 2, Kind::DuplicateKey { line: 1 }),
            ("witness a {1}\ngroup a any a\n", 2, Kind::DuplicateName { name: "a".into(), line: 1 }),
            ("witness a {1}\ngroup g any a\nwitness g {2}\n", 3, Kind::DuplicateName { name: "g".into(), line: 2 }),
            ("witness a {1}\ngroup none any a\n", 2, Kind::ReservedName),
            ("witness a {1}\ngroup g any none\n", 2, Kind::ReservedName),
            ("group g any\n", 1, items(3, group_form)),
            ("group g any g\n", 1, Kind::UnknownName("g".into())),
            ("group g any a\nwitness a {1}\n", 1, Kind::UnknownName("a".into())),
            ("witness a {1}\ngroup g any a a\n", 2, Kind::DuplicateMember { name: "a".into(), line: 2 }),
            ("witness a {1}\ngroup g any a\n\ngroup h any a\n", 4, Kind::DuplicateMember { name: "a".into(), line: 2 }),
            (
                "witness a {1}\ngroup g any a\ngroup h any g\ngroup i any h g\n",
                4,
                Kind::DuplicateMember { name: "g".into(), line: 3 },
            ),
            ("witness a {1}\ngroup g 0 a\n", 2, threshold(0, 1)),
            ("witness a {1}\ngroup g 2 a\n", 2, threshold(2, 1)),
            ("witness a {1}\ngroup g 18446744073709551615 a\n", 2, threshold(u64::MAX, 1)),
            ("witness a {1}\ngroup g 18446744073709551616 a\n", 2, Kind::ThresholdForm("18446744073709551616".into())),
            ("witness a {1}\ngroup g 01 a\n", 2, Kind::ThresholdForm("01".into())),
            ("witness a {1}\ngroup g +1 a\n", 2, Kind::ThresholdForm("+1".into())),
            ("witness a {1}\ngroup g ALL a\n", 2, Kind::ThresholdForm("ALL".into())),
        ] {
            let text = expand(text).replace("{OTHER}", &other_name).replace("{SAME}", &same_key.to_string());
            assert_eq!(Policy::parse(text.as_bytes()), Err(PolicyError { line, kind }), "{text:?}");
        }
        let refused = Policy::parse(b"quorum none\nlog \xff\n").unwrap_err();
        assert_eq!(refused, PolicyError { line: 2, kind: Kind::KeyUtf8 });
        assert_eq!(refused.to_string(), "line 2: the vkey is not UTF-8");
        assert_eq!(Policy::parse(b"").unwrap_err().to_string(), "the policy has no quorum line");
    }

    #[test]
    fn limits() {
        let of = |logs: usize, witnesses: usize, groups: usize| {
            let mut file = String::new();
            for n in 0..logs {
                file += &format!("log {}\n", log("o", n as u8).vkey());
            }
            for n in 1..=witnesses {
                file += &format!("witness w{n} {}\n", witness(n as u8, false).vkey());
            }
            let last = (1..=groups).fold("w1".to_string(), |below, n| {
                file += &format!("group g{n} all {below}\n");
                format!("g{n}")
            });
            file + &format!("quorum {last}\n")
        };
        let full = Policy::parse(of(32, 32, 32).as_bytes()).unwrap();
        assert_eq!((full.logs().len(), full.witnesses().len(), full.groups().len()), (32, 32, 32));
        // The deepest nesting: the topmost group is one operator, and so the one unit.
        assert_eq!(full.units(), [Member::Group(31)]);
        assert!(full.quorum_met(|at| at == 0) && !full.quorum_met(|at| at != 0));
        for (file, line, kind) in [
            (of(33, 0, 0), 33, Kind::TooManyLogs),
            (of(0, 33, 0), 33, Kind::TooManyWitnesses),
            (of(0, 1, 33), 34, Kind::TooManyGroups),
        ] {
            assert_eq!(Policy::parse(file.as_bytes()), Err(PolicyError { line, kind }));
        }
        let long = |len: usize| format!("quorum none\n#{}\n", "x".repeat(len - 14));
        assert!(Policy::parse(long(MAX_POLICY_BYTES).as_bytes()).is_ok());
        let kind = Kind::TooLong(MAX_POLICY_BYTES + 1);
        assert_eq!(Policy::parse(long(MAX_POLICY_BYTES + 1).as_bytes()), Err(PolicyError { line: 0, kind }));
    }

    #[test]
    fn damaged_files_bring_no_other_key() {
        let file = expand(
            "# c\nlog {L} u\nwitness a {1}\nwitness b {2} u\nwitness c {3}\ngroup x any a b\ngroup y all x c\nquorum y\n",
        );
        let good = Policy::parse(file.as_bytes()).unwrap();
        let keys = |policy: &Policy| -> Vec<Vkey> {
            let witnesses = policy.witnesses().iter().map(|witness| witness.vkey.clone());
            policy.logs().iter().map(|log| log.vkey.clone()).chain(witnesses).collect()
        };
        for at in 0..file.len() {
            assert!(Policy::parse(&file.as_bytes()[..at]).is_err(), "cut at {at}");
            let old = file.as_bytes()[at];
            for new in
                [old ^ 1, old ^ 0x20, old ^ 0x80, b'\n', b'\t', b' ', b'#', b'0', b'1', b'2', b'a', b'+', 0, 0xff]
            {
                let mut damaged = file.clone().into_bytes();
                damaged[at] = new;
                let parsed = Policy::parse(&damaged);
                assert_eq!(parsed, Policy::parse(&damaged));
                if let Ok(policy) = parsed {
                    let known = keys(&good);
                    assert!(keys(&policy).iter().all(|key| known.contains(key)), "{at}: {new:#x}");
                }
            }
        }
    }

    /// The fewest operators that must sign two histories, and the fewest whose absence stops the policy, by trying all.
    fn by_force(policy: &Policy) -> (u64, u64) {
        let mut operators: Vec<&str> = policy.witnesses().iter().map(|witness| witness.vkey.name.as_str()).collect();
        operators.sort_unstable();
        operators.dedup();
        let operator = |at: usize| {
            let name = policy.witnesses()[at].vkey.name.as_str();
            operators.iter().position(|one| *one == name).unwrap()
        };
        let (mut overlap, mut block) = (u64::MAX, u64::MAX);
        // Digit 0: signs the first history; 1: the second; 2: both.
        for case in 0..3_u32.pow(operators.len() as u32) {
            let digit = |at| case / 3_u32.pow(operator(at) as u32) % 3;
            let count =
                |digit| (0..operators.len()).filter(|one| case / 3_u32.pow(*one as u32) % 3 == digit).count() as u64;
            if policy.quorum_met(|at| digit(at) != 1) && policy.quorum_met(|at| digit(at) != 0) {
                overlap = overlap.min(count(2));
            }
            if count(2) == 0 && !policy.quorum_met(|at| digit(at) == 0) {
                block = block.min(count(1));
            }
        }
        (overlap, block)
    }

    fn agrees_with_force(policy: &Policy) {
        let (overlap, block) = by_force(policy);
        match policy.check() {
            Ok(strength) => assert_eq!((strength.hostile + 1, strength.absent + 1), (overlap, block), "{policy:?}"),
            Err(CheckError::NoOverlap { .. }) => assert_eq!(overlap, 0, "{policy:?}"),
            Err(other) => panic!("{other}: {policy:?}"),
        }
    }

    #[test]
    fn every_flat_policy() {
        for n in 1..=6 {
            for k in 1..=n {
                let policy = flat(k, n);
                agrees_with_force(&policy);
                assert_eq!((policy.needed(), policy.units().len()), (k as u64, n));
            }
        }
        assert_eq!(flat(3, 4).check(), Ok(Strength { hostile: 1, absent: 1 }));
        assert_eq!(flat(2, 3).check(), Ok(Strength { hostile: 0, absent: 1 }));
        assert_eq!(flat(1, 1).check(), Ok(Strength { hostile: 0, absent: 0 }));
        assert_eq!(flat(22, 32).check(), Ok(Strength { hostile: 11, absent: 10 }));
        assert_eq!(flat(2, 4).check(), Err(CheckError::NoOverlap { quorum: "q".into() }));
        assert_eq!(flat(1, 2).check(), Err(CheckError::NoOverlap { quorum: "q".into() }));
    }

    /// Small numbers that look random, the same at each run.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % bound
        }
    }

    /// Writes a random subtree of at most `left` operators, some of them with two keys, and returns its name.
    fn subtree(dice: &mut Dice, depth: usize, left: &mut usize, used: &mut u8, file: &mut String) -> String {
        if depth == 0 || *left < 2 || dice.below(4) == 0 {
            *left = left.saturating_sub(1);
            *used += 1;
            let n = *used;
            *file += &format!("witness w{n} {{{n}}}\n");
            if dice.below(3) > 0 {
                return format!("w{n}");
            }
            let k = ["any", "all"][dice.below(2)];
            *file += &format!("witness w{n}b {{{n}b}}\ngroup o{n} {k} w{n} w{n}b\n");
            return format!("o{n}");
        }
        let mut members = vec![];
        for _ in 0..1 + dice.below(4) {
            if *left > 0 {
                members.push(subtree(dice, depth - 1, left, used, file));
            }
        }
        let (k, name) = (1 + dice.below(members.len()), format!("g{}", file.len()));
        *file += &format!("group {name} {k} {}\n", members.join(" "));
        name
    }

    fn random(dice: &mut Dice) -> Policy {
        let (mut file, mut left, mut used) = (String::new(), 6, 0);
        let top = subtree(dice, 3, &mut left, &mut used, &mut file);
        policy(&format!("{file}quorum {top}\n"))
    }

    #[test]
    fn nested_policies() {
        let mut dice = Dice(1);
        let mut accepted = 0;
        for _ in 0..400 {
            let policy = random(&mut dice);
            agrees_with_force(&policy);
            accepted += u32::from(policy.check().is_ok());
        }
        assert!((50..350).contains(&accepted), "{accepted}");
    }

    #[test]
    fn one_operator_counts_once() {
        let two_keys = "witness a {1}\nwitness b {1b}\nwitness c {2}\nwitness d {3}\nwitness e {4}\n";
        let strength = |lines: &str| policy(&format!("{two_keys}{lines}")).check();
        let good = Ok(Strength { hostile: 1, absent: 1 });
        assert_eq!(strength("group o any a b\ngroup q 3 o c d e\nquorum q\n"), good);
        assert_eq!(strength("group o all a b\ngroup q 3 o c d e\nquorum q\n"), good);
        assert_eq!(strength("group n any b\ngroup o any a n\ngroup q 3 o c d e\nquorum q\n"), good);
        assert_eq!(strength("group o any a b\nquorum o\n"), Ok(Strength { hostile: 0, absent: 0 }));
        // A second key that the quorum does not need counts nowhere.
        assert_eq!(strength("group q 3 a c d e\nquorum q\n"), good);
        let twice = |first: &str, second: &str| {
            let key_name = "witness.example/ch-1".into();
            Err(CheckError::OneOperatorTwice { key_name, first: first.into(), second: second.into() })
        };
        assert_eq!(strength("group q all a b c d\nquorum q\n"), twice("a", "b"));
        assert_eq!(strength("group x any a c\ngroup y any b d\ngroup q all x y\nquorum q\n"), twice("a", "b"));
        assert_eq!(strength("group x any b\ngroup q 4 x c d e a\nquorum q\n"), twice("x", "a"));
    }

    #[test]
    fn keys_of_two_algorithms() {
        let large = |name: &str, seed: u8| Skey::from_seed(name, KeyKind::CosignatureMlDsa44, [seed; 32]).unwrap();
        let witnesses: Vec<Skey> = (1..=4).map(|n| large(&format!("witness.example/ch-{n}"), n)).collect();
        let of = |word: &str| {
            let mut file = format!("log {{L}}\nlog {}\n", large("log.example/updates", 9).vkey());
            for (n, key) in (1..).zip(&witnesses) {
                file += &format!("witness ch-{n}/ed25519 {{{n}}}\nwitness ch-{n}/ml-dsa-44 {}\n", key.vkey());
                file += &format!("group ch-{n} {word} ch-{n}/ed25519 ch-{n}/ml-dsa-44\n");
            }
            policy(&format!("{file}group ch 3 ch-1 ch-2 ch-3 ch-4\nquorum ch\n"))
        };
        let small: Vec<_> = (1..=3).map(|n| line(n, NOW)).collect();
        let large: Vec<_> = (1..).zip(&witnesses[..3]).map(|(n, key)| cosignature::sign(TEXT, NOW - n, key)).collect();
        for (word, one_suffices) in [("any", true), ("all", false)] {
            let policy = of(word);
            assert_eq!(policy.check(), Ok(Strength { hostile: 1, absent: 1 }));
            let met = |lines: Vec<NoteSignature>| policy.evaluate(&note(lines), Some(NOW)).met(&policy);
            assert_eq!((met(small.clone()), met(large.clone())), (one_suffices, one_suffices));
            assert!(met([&small[..], &large].concat()));
            assert_eq!(met(vec![small[0].clone(), large[1].clone(), large[2].clone()]), one_suffices);
            // Two keys of one operator are one unit.
            assert!(!met(vec![small[0].clone(), large[0].clone(), large[1].clone()]));
            let mut broken = large.clone();
            broken[2].bytes[2000] ^= 1;
            let evaluation = policy.evaluate(&note(broken), Some(NOW));
            assert!(!evaluation.met(&policy));
            assert_eq!(evaluation.bad, [BadLine { witness: 5, line: 2 }]);
        }
        let time = of("all").evaluate(&note([&small[..], &large].concat()), Some(NOW)).time(&of("all"));
        assert_eq!(time, Some(NOW - 3));
        // A key that signs as the log does not count as a witness.
        let twice = policy(&format!("log {0}\nwitness a {0}\nquorum a\n", witnesses[0].vkey()));
        assert!(matches!(twice.check(), Err(CheckError::LogKeyAsWitness { .. })));
    }

    #[test]
    fn a_logs_key_is_no_witness() {
        let log = log("log.example/updates", 2);
        let policy = policy(&format!("log {{L}}\nlog {}\nwitness a {{2}}\nwitness b {{1}}\nquorum a\n", log.vkey()));
        let witness = "b".into();
        assert_eq!(policy.check(), Err(CheckError::LogKeyAsWitness { log: log.vkey().name.clone(), witness }));
    }

    #[test]
    fn three_of_four() {
        let policy = flat(3, 4);
        let of = |times: &[(u8, u64)]| {
            let lines = times.iter().map(|(n, time)| line(*n, *time)).collect();
            policy.evaluate(&note(lines), Some(NOW))
        };
        let two = of(&[(1, NOW - 9), (3, NOW - 5)]);
        assert_eq!((two.met(&policy), two.time(&policy), two.later), (false, None, false));
        assert_eq!(two.times, [Some(NOW - 9), None, Some(NOW - 5), None]);
        let names = two.names(&policy);
        assert_eq!(names.have, [("w1".into(), NOW - 9), ("w3".into(), NOW - 5)]);
        assert_eq!(names.lack, ["w2".into(), "w4".into()]);
        let three = of(&[(4, NOW - 1), (1, NOW - 9), (3, NOW - 5)]);
        assert_eq!((three.met(&policy), three.time(&policy)), (true, Some(NOW - 9)));
        let four = of(&[(4, NOW - 1), (1, NOW - 9), (3, NOW - 5), (2, NOW - 1000)]);
        assert_eq!((four.met(&policy), four.time(&policy)), (true, Some(NOW - 9)));
        assert_eq!(four.names(&policy).lack, []);
        // Whatever one hostile witness claims, T is not younger than the second youngest honest cosignature.
        let honest = [(1, NOW - 40), (2, NOW - 30), (3, NOW - 20)];
        for (hostile, time) in [
            (1, NOW - 40),
            (NOW - 100, NOW - 40),
            (NOW - 35, NOW - 35),
            (NOW - 25, NOW - 30),
            (NOW, NOW - 30),
            (NOW + 300, NOW - 30),
            (NOW + 301, NOW - 40),
            (u64::MAX >> 1, NOW - 40),
        ] {
            let all = of(&[&honest[..], &[(4, hostile)]].concat());
            assert_eq!((all.met(&policy), all.time(&policy)), (true, Some(time)), "{hostile}");
        }
    }

    #[test]
    fn time_is_the_largest_that_meets_the_policy() {
        let mut dice = Dice(2);
        for _ in 0..300 {
            let policy = random(&mut dice);
            let times =
                policy.witnesses().iter().map(|_| Some(dice.below(9) as u64).filter(|time| *time > 0)).collect();
            let evaluation = Evaluation { times, later: false, bad: vec![] };
            let from = |least| policy.quorum_met(|at| evaluation.times[at].is_some_and(|time| time >= least));
            assert_eq!(evaluation.time(&policy), (1..9).rev().find(|time| from(*time)), "{policy:?} {evaluation:?}");
            assert_eq!(evaluation.met(&policy), from(0));
            let names = evaluation.names(&policy);
            assert_eq!(names.have.len() + names.lack.len(), policy.units().len());
            assert!(!evaluation.met(&policy) || names.have.len() as u64 >= policy.needed());
        }
    }

    #[test]
    fn of_a_keys_lines_the_latest_that_counts() {
        let one = policy("witness a {1}\nquorum a\n");
        let of = |times: &[u64], now| one.evaluate(&note(times.iter().map(|time| line(1, *time)).collect()), now);
        for (times, time, later) in [
            (&[NOW - 5, NOW - 1, NOW - 3][..], Some(NOW - 1), false),
            (&[NOW + 300], Some(NOW + 300), false),
            (&[NOW + 301], None, true),
            (&[NOW + 301, NOW - 7, NOW + 400], Some(NOW - 7), false),
            (&[0], None, false),
            (&[0, 1], Some(1), false),
            (&[1 << 63], None, false),
            (&[], None, false),
        ] {
            let evaluation = of(times, Some(NOW));
            assert_eq!((evaluation.time(&one), evaluation.later), (time, later), "{times:?}");
        }
        assert_eq!(of(&[NOW - 7, NOW + 400], None).time(&one), Some(NOW + 400));
        assert_eq!(of(&[u64::MAX >> 1], Some(u64::MAX)).time(&one), Some(u64::MAX >> 1));
        assert_eq!(of(&[301], Some(0)), Evaluation { times: vec![None], later: true, bad: vec![] });
    }

    #[test]
    fn clock_behind_needs_the_whole_quorum() {
        let policy = flat(3, 4);
        let of = |times: &[u64]| {
            let lines = (1..).zip(times).map(|(n, time)| line(n, *time)).collect();
            policy.evaluate(&note(lines), Some(NOW))
        };
        assert!(of(&[NOW, NOW + 900, NOW + 900]).later);
        assert!(of(&[NOW + 900, NOW + 900, NOW + 900, NOW + 900]).later);
        assert!(!of(&[NOW + 900, NOW + 900]).later);
        assert!(!of(&[NOW, NOW, NOW, NOW + 900]).later);
        assert_eq!(of(&[NOW, NOW + 900, NOW + 900]).times, [Some(NOW), None, None, None]);
    }

    #[test]
    fn failing_lines_do_not_count_and_do_not_stop() {
        let policy = flat(1, 2);
        let broken = |n, time| {
            let mut line = line(n, time);
            *line.bytes.last_mut().unwrap() ^= 1;
            line
        };
        let short = NoteSignature { bytes: vec![1], ..line(1, 5) };
        let foreign = NoteSignature { id: 7, ..line(1, 5) };
        let bad = |witness, line| BadLine { witness, line };
        let of = |lines: Vec<NoteSignature>| policy.evaluate(&note(lines), Some(NOW));

        let evaluation = of(vec![broken(1, 5), line(2, 6), foreign, short.clone()]);
        assert_eq!((evaluation.times, evaluation.bad), (vec![None, Some(6)], vec![bad(0, 0), bad(0, 3)]));
        // A failing line hides no good one, and lines older than a good one are not tried.
        let evaluation = of(vec![line(1, 5), broken(1, 9), broken(1, 2), short]);
        assert_eq!((evaluation.times, evaluation.bad), (vec![Some(5), None], vec![bad(0, 1)]));
        // Nobody pays for more than a few tries.
        let mut lines: Vec<_> = (10..109).map(|time| broken(1, time)).collect();
        lines.push(line(1, 5));
        let evaluation = of(lines);
        assert_eq!((evaluation.times, evaluation.bad.len()), (vec![None, None], MAX_TRIES_PER_KEY));
        // Tries on later lines come on top, and only where they matter.
        let evaluation = of(vec![broken(1, NOW + 900), line(2, NOW + 900), broken(1, 3)]);
        assert!(evaluation.later);
        assert_eq!(evaluation.bad, [bad(0, 2), bad(0, 0)]);
        assert_eq!(of(vec![broken(1, NOW + 900), line(2, 3)]).bad, []);
        // Another text, another log's key.
        let mut other = note(vec![line(1, 5)]);
        other.text = other.text.replace("updates", "other");
        assert_eq!(policy.evaluate(&other, None).times, [None, None]);
    }

    #[test]
    fn units_have_the_groups_name_and_either_keys_time() {
        let policy = policy(
            "witness a {1}\nwitness b {1b}\nwitness c {2}\nwitness d {2b}\n\
             group ch-1 any a b\ngroup ch-2 all c d\ngroup q any ch-2 ch-1\nquorum q\n",
        );
        let names =
            |times: [Option<u64>; 4]| Evaluation { times: times.into(), later: false, bad: vec![] }.names(&policy);
        assert_eq!(names([None, Some(4), Some(5), None]).have, [("ch-1".into(), 4)]);
        assert_eq!(names([None, Some(4), Some(5), None]).lack, ["ch-2".into()]);
        assert_eq!(names([Some(7), Some(4), Some(5), Some(9)]).have, [("ch-2".into(), 5), ("ch-1".into(), 7)]);
    }

    #[test]
    fn thirty_two_witnesses() {
        let policy = flat(22, 32);
        let lines: Vec<_> = (1..=32).map(|n| line(n, NOW - u64::from(n))).collect();
        let evaluation = policy.evaluate(&note(lines.clone()), Some(NOW));
        assert_eq!((evaluation.met(&policy), evaluation.time(&policy)), (true, Some(NOW - 22)));
        let few = policy.evaluate(&note(lines[..21].to_vec()), Some(NOW));
        assert_eq!((few.met(&policy), few.names(&policy).lack.len()), (false, 11));
    }
}
