#![doc = include_str!("../state.md")]

use crate::encoding::{decimal, from_hex};
use crate::merkle::Hash;
use crate::record::Digest;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString as _},
    vec::Vec,
};

/// The rules of admission that this crate knows.
pub const RULES: u64 = 1;

/// The most target lines that a channel has, the one of updates without target among them.
pub const MAX_TARGETS: usize = 64;

/// The most bytes that a state entry has.
pub const MAX_STATE_BYTES: usize = 114;

/// The key of the policy.
pub const POLICY_KEY: &str = "policy";

/// What the log knows after a batch: the entry that ends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateEntry {
    /// When the batch was closed. Units: Unix seconds.
    pub time: u64,
    /// The rules of admission.
    pub rules: u64,
    /// The map's root.
    pub root: Hash,
}

/// Why bytes are no state entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StateError {
    /// There are more bytes than a state entry can have.
    #[error("the state entry has {have} bytes, at most 114 are allowed")]
    Length {
        /// Bytes in the entry.
        have: usize,
    },
    /// The bytes are not four lines of UTF-8 that each end in LF.
    #[error("the state entry is not four lines of text")]
    Lines,
    /// A line is not what it must be, counted from 1.
    #[error("line {line} of the state entry is malformed")]
    Line {
        /// The line.
        line: usize,
    },
}

/// Whether an entry of the log is a state entry, well-formed or not: it begins with `glarus/state v`.
pub fn is_state_entry(entry: &[u8]) -> bool {
    entry.starts_with(b"glarus/state v")
}

impl StateEntry {
    /// Reads a state entry of any rules.
    ///
    /// # Errors
    /// [`StateError`], in the order of its variants.
    pub fn parse(entry: &[u8]) -> Result<Self, StateError> {
        if entry.len() > MAX_STATE_BYTES {
            return Err(StateError::Length { have: entry.len() });
        }
        let text = core::str::from_utf8(entry).map_err(|_| StateError::Lines)?;
        let lines: Vec<_> = text.split('\n').collect();
        let [version, time, rules, root, ""] = lines.as_slice() else { return Err(StateError::Lines) };
        if *version != "glarus/state v1" {
            return Err(StateError::Line { line: 1 });
        }
        Ok(Self {
            time: time.strip_prefix("time ").and_then(decimal).ok_or(StateError::Line { line: 2 })?,
            rules: rules.strip_prefix("rules ").and_then(decimal).ok_or(StateError::Line { line: 3 })?,
            root: Hash::from_base64(root).ok_or(StateError::Line { line: 4 })?,
        })
    }

    /// Writes the entry.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { time, rules, root } = self;
        format!("glarus/state v1\ntime {time}\nrules {rules}\n{root}\n").into_bytes()
    }
}

/// The key of the authority in force for a namespace.
pub fn authority_key(namespace: &str) -> String {
    format!("authority {namespace}")
}

/// The key of a product's channel.
pub fn channel_key(product: &str, channel: &str) -> String {
    format!("channel {product} {channel}")
}

/// The key of an update.
pub fn update_key(id: &Digest) -> String {
    format!("update {id}")
}

/// The key of a build.
pub fn build_key(id: &Digest) -> String {
    format!("build {id}")
}

/// The key of a source.
pub fn source_key(id: &Digest) -> String {
    format!("source {id}")
}

/// Why a text is no value of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueError {
    /// The text does not end in LF.
    #[error("the value does not end in a line feed")]
    Unterminated,
    /// A line, counted from 1, does not sort after the one before.
    #[error("line {line} of the value does not sort after the one before")]
    Order {
        /// The line.
        line: usize,
    },
    /// A line, counted from 1, has none of the forms that it can have.
    #[error("line {line} of the value is malformed")]
    Line {
        /// The line.
        line: usize,
    },
    /// A line, counted from 1, is about what an earlier one is about.
    #[error("line {line} of the value repeats what an earlier one is about")]
    Repeated {
        /// The line.
        line: usize,
    },
    /// The line that every such value has is not there.
    #[error("the value lacks the line about its key")]
    Incomplete,
    /// A channel has more targets than it can have.
    #[error("the channel has {have} targets, at most 64 are allowed")]
    Targets {
        /// Target lines in the value.
        have: usize,
    },
    /// A sequence is 0, above the channel's last, or that of two targets.
    #[error("no update can have sequence {sequence}, or two have it; the channel's last is {last}")]
    Sequence {
        /// The sequence.
        sequence: u64,
        /// The channel's last sequence.
        last: u64,
    },
}

/// The words of each line, counted from 1. Each line has one word at least, but a word may be empty.
fn lines(text: &str) -> Result<Vec<(usize, Vec<&str>)>, ValueError> {
    let lines: Vec<_> = text.strip_suffix('\n').ok_or(ValueError::Unterminated)?.split('\n').collect();
    if let Some(at) = lines.windows(2).position(|pair| pair.first() >= pair.last()) {
        return Err(ValueError::Order { line: at.saturating_add(2) });
    }
    Ok((1..).zip(lines.iter().map(|line| line.split(' ').collect())).collect())
}

/// Joins lines in their order.
fn text(mut lines: Vec<String>) -> String {
    lines.sort_unstable();
    lines.iter_mut().for_each(|line| line.push('\n'));
    lines.concat()
}

/// Keeps what a line says, unless one before was about the same.
fn once<K: Ord, V>(map: &mut BTreeMap<K, V>, line: usize, key: K, value: V) -> Result<(), ValueError> {
    if map.insert(key, value).is_some() { Err(ValueError::Repeated { line }) } else { Ok(()) }
}

/// Keeps what the line about the key says, unless one before did.
fn head<T>(slot: &mut Option<T>, line: usize, value: T) -> Result<(), ValueError> {
    if slot.replace(value).is_some() { Err(ValueError::Repeated { line }) } else { Ok(()) }
}

/// The id in a line.
fn read_id(word: &str) -> Option<Digest> {
    from_hex(word).map(Digest)
}

/// The target of a target line: `-` is the empty one.
fn target(word: &str) -> Option<&str> {
    let name = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    if word == "-" {
        return Some("");
    }
    let first = word.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    (first && word.len() <= 64 && word.bytes().all(name)).then_some(word)
}

/// The name of a party, as far as a line needs to know it.
fn party(word: &str) -> Option<&str> {
    let name = word.strip_prefix("https://")?;
    let byte = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    (!name.is_empty() && word.len() <= 255 && name.bytes().all(byte)).then_some(word)
}

/// The authority in force for a namespace: one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuthorityValue {
    /// Its epoch.
    pub epoch: u64,
    /// The record's id.
    pub id: Digest,
    /// The record's index in the log.
    pub index: u64,
}

impl AuthorityValue {
    /// The line's three words.
    fn words(words: &[&str]) -> Option<Self> {
        let [epoch, id, index] = words else { return None };
        Some(Self { epoch: decimal(epoch)?, id: read_id(id)?, index: decimal(index)? })
    }

    fn line(&self) -> String {
        format!("{} {} {}", self.epoch, self.id, self.index)
    }

    /// Reads the value.
    ///
    /// # Errors
    /// [`ValueError`]
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        match lines(text)?.as_slice() {
            [(line, words)] => Self::words(words).ok_or(ValueError::Line { line: *line }),
            _ => Err(ValueError::Line { line: 2 }),
        }
    }

    /// Writes the value.
    pub fn to_text(&self) -> String {
        text([self.line()].into())
    }
}

/// The highest update of a target that is not withdrawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TargetLine {
    /// Its sequence in the channel, from 1.
    pub sequence: u64,
    /// The record's id.
    pub id: Digest,
    /// The record's index in the log.
    pub index: u64,
}

/// A product's channel: the last sequence given, and what is newest for each target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelValue {
    /// The last sequence given, withdrawn or not, from 1.
    pub sequence: u64,
    /// By target, the empty one for updates without a target; at most [`MAX_TARGETS`].
    pub targets: BTreeMap<String, TargetLine>,
}

impl ChannelValue {
    /// The newest update for a target: the higher of its line and that of updates without a target.
    ///
    /// Who asks without target, `""`, meets only the latter.
    pub fn newest(&self, target: &str) -> Option<&TargetLine> {
        let lines = [self.targets.get(target), self.targets.get("")];
        lines.into_iter().flatten().max_by_key(|line| line.sequence)
    }

    /// Reads the value.
    ///
    /// # Errors
    /// [`ValueError`]: line by line, then what the lines say together.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let (mut sequence, mut targets) = (None, BTreeMap::new());
        for (line, words) in lines(text)? {
            let malformed = ValueError::Line { line };
            match words.as_slice() {
                ["sequence", last] => head(&mut sequence, line, decimal(last).ok_or(malformed)?)?,
                ["target", name, rest @ ..] => {
                    let name = target(name).ok_or(malformed)?;
                    let AuthorityValue { epoch: sequence, id, index } = AuthorityValue::words(rest).ok_or(malformed)?;
                    once(&mut targets, line, name.to_string(), TargetLine { sequence, id, index })?;
                }
                _ => return Err(malformed),
            }
        }
        let sequence = sequence.ok_or(ValueError::Incomplete)?;
        if targets.len() > MAX_TARGETS {
            return Err(ValueError::Targets { have: targets.len() });
        }
        if sequence == 0 {
            return Err(ValueError::Sequence { sequence, last: sequence });
        }
        let mut given = BTreeSet::from([0]);
        for line in targets.values() {
            if line.sequence > sequence || !given.insert(line.sequence) {
                return Err(ValueError::Sequence { sequence: line.sequence, last: sequence });
            }
        }
        Ok(Self { sequence, targets })
    }

    /// Writes the value.
    pub fn to_text(&self) -> String {
        let mut lines = Vec::from([format!("sequence {}", self.sequence)]);
        for (target, TargetLine { sequence, id, index }) in &self.targets {
            let target = if target.is_empty() { "-" } else { target };
            lines.push(format!("target {target} {sequence} {id} {index}"));
        }
        text(lines)
    }
}

/// An update: in force, or withdrawn. One line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpdateValue {
    /// It is not withdrawn.
    Live {
        /// The update's index in the log.
        index: u64,
    },
    /// It is withdrawn.
    Withdrawn {
        /// The update's index in the log.
        index: u64,
        /// The id of the withdrawal.
        by: Digest,
    },
}

impl UpdateValue {
    /// Reads the value.
    ///
    /// # Errors
    /// [`ValueError`]
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let lines = lines(text)?;
        let [(_, words)] = lines.as_slice() else { return Err(ValueError::Line { line: 2 }) };
        let value = match words.as_slice() {
            ["live", index] => decimal(index).map(|index| Self::Live { index }),
            ["withdrawn", index, by] => {
                decimal(index).zip(read_id(by)).map(|(index, by)| Self::Withdrawn { index, by })
            }
            _ => None,
        };
        value.ok_or(ValueError::Line { line: 1 })
    }

    /// Writes the value.
    pub fn to_text(&self) -> String {
        match self {
            Self::Live { index } => format!("live {index}\n"),
            Self::Withdrawn { index, by } => format!("withdrawn {index} {by}\n"),
        }
    }
}

/// What a party found when it rebuilt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rebuilt {
    /// The same artifacts.
    Passed,
    /// Other artifacts, or none.
    Failed,
}

impl Rebuilt {
    /// The word in a line: `PASSED` or `FAILED`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
        }
    }

    /// What a word says.
    pub fn from_name(word: &str) -> Option<Self> {
        [Self::Passed, Self::Failed].into_iter().find(|one| one.name() == word)
    }
}

/// What a party found when it reviewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is so.
    Confirmed,
    /// It is not so.
    Contradicted,
}

impl Outcome {
    /// The word in a line: `confirmed` or `contradicted`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Contradicted => "contradicted",
        }
    }

    /// What a word says.
    pub fn from_name(word: &str) -> Option<Self> {
        [Self::Confirmed, Self::Contradicted].into_iter().find(|one| one.name() == word)
    }
}

/// What a party says of a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Claim {
    /// That it examined it.
    Examined,
    /// That it holds it.
    Held,
}

impl Claim {
    /// The word in a line: `examined` or `held`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Examined => "examined",
            Self::Held => "held",
        }
    }

    /// What a word says.
    pub fn from_name(word: &str) -> Option<Self> {
        [Self::Examined, Self::Held].into_iter().find(|one| one.name() == word)
    }
}

/// A party's last word on something, and the record that has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word<T> {
    /// What it says.
    pub says: T,
    /// The record's id.
    pub id: Digest,
    /// The record's index in the log.
    pub index: u64,
}

impl<T> Word<T> {
    /// A line's last three words.
    fn words(words: &[&str], says: impl Fn(&str) -> Option<T>) -> Option<Self> {
        let [word, id, index] = words else { return None };
        Some(Self { says: says(word)?, id: read_id(id)?, index: decimal(index)? })
    }
}

/// A build: where it is, and what the parties that rebuilt it found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuildValue {
    /// The build's index in the log.
    pub index: u64,
    /// Each party's last rebuild.
    pub rebuilds: BTreeMap<String, Word<Rebuilt>>,
}

impl BuildValue {
    /// Reads the value.
    ///
    /// # Errors
    /// [`ValueError`]
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let (mut index, mut rebuilds) = (None, BTreeMap::new());
        for (line, words) in lines(text)? {
            let malformed = ValueError::Line { line };
            match words.as_slice() {
                ["build", at] => head(&mut index, line, decimal(at).ok_or(malformed)?)?,
                [name, rest @ ..] => {
                    let name = party(name).ok_or(malformed)?;
                    let word = Word::words(rest, Rebuilt::from_name).ok_or(malformed)?;
                    once(&mut rebuilds, line, name.to_string(), word)?;
                }
                [] => return Err(malformed),
            }
        }
        Ok(Self { index: index.ok_or(ValueError::Incomplete)?, rebuilds })
    }

    /// Writes the value.
    pub fn to_text(&self) -> String {
        let mut lines = Vec::from([format!("build {}", self.index)]);
        for (party, Word { says, id, index }) in &self.rebuilds {
            lines.push(format!("{party} {} {id} {index}", says.name()));
        }
        text(lines)
    }
}

/// A source: where it is, and what the parties that reviewed it say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceValue {
    /// The source's index in the log.
    pub index: u64,
    /// Each party's last review of each kind.
    pub reviews: BTreeMap<(String, Claim), Word<Outcome>>,
}

impl SourceValue {
    /// Reads the value.
    ///
    /// # Errors
    /// [`ValueError`]
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let (mut index, mut reviews) = (None, BTreeMap::new());
        for (line, words) in lines(text)? {
            let malformed = ValueError::Line { line };
            match words.as_slice() {
                ["source", at] => head(&mut index, line, decimal(at).ok_or(malformed)?)?,
                [name, claim, rest @ ..] => {
                    let about = party(name).map(String::from).zip(Claim::from_name(claim)).ok_or(malformed)?;
                    let word = Word::words(rest, Outcome::from_name).ok_or(malformed)?;
                    once(&mut reviews, line, about, word)?;
                }
                _ => return Err(malformed),
            }
        }
        Ok(Self { index: index.ok_or(ValueError::Incomplete)?, reviews })
    }

    /// Writes the value.
    pub fn to_text(&self) -> String {
        let mut lines = Vec::from([format!("source {}", self.index)]);
        for ((party, claim), Word { says, id, index }) in &self.reviews {
            lines.push(format!("{party} {} {} {id} {index}", claim.name(), says.name()));
        }
        text(lines)
    }
}

/// The log's last policy record, and what the parties that reviewed it say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyValue {
    /// Its epoch.
    pub epoch: u64,
    /// The record's id.
    pub id: Digest,
    /// The record's index in the log.
    pub index: u64,
    /// Each party's last review of this epoch.
    pub reviews: BTreeMap<String, Word<Outcome>>,
}

impl PolicyValue {
    /// Reads the value.
    ///
    /// # Errors
    /// [`ValueError`]
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let (mut own, mut reviews) = (None, BTreeMap::new());
        for (line, words) in lines(text)? {
            let malformed = ValueError::Line { line };
            if let Some(value) = AuthorityValue::words(&words) {
                head(&mut own, line, value)?;
                continue;
            }
            let (name, rest) = words.split_first().ok_or(malformed)?;
            let name = party(name).ok_or(malformed)?;
            let word = Word::words(rest, Outcome::from_name).ok_or(malformed)?;
            once(&mut reviews, line, name.to_string(), word)?;
        }
        let AuthorityValue { epoch, id, index } = own.ok_or(ValueError::Incomplete)?;
        Ok(Self { epoch, id, index, reviews })
    }

    /// Writes the value.
    pub fn to_text(&self) -> String {
        let Self { epoch, id, index, reviews } = self;
        let mut lines = Vec::from([format!("{epoch} {id} {index}")]);
        for (party, Word { says, id, index }) in reviews {
            lines.push(format!("{party} {} {id} {index}", says.name()));
        }
        text(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    /// Writes `A` and `B` as ids, `;` as LF.
    fn full(short: &str) -> String {
        let mut out = String::new();
        for word in short.split_inclusive([' ', ';']) {
            match word {
                "A " | "A;" => out.push_str(A),
                "B " | "B;" => out.push_str(B),
                other => out.push_str(&other[..other.len() - usize::from(other.ends_with([' ', ';']))]),
            }
            out.extend(word.chars().last().filter(|last| [' ', ';'].contains(last)));
        }
        out.replace(';', "\n")
    }

    type Reader = fn(&str) -> Result<String, ValueError>;

    const AUTHORITY: Reader = |text| AuthorityValue::parse(text).map(|value| value.to_text());
    const CHANNEL: Reader = |text| ChannelValue::parse(text).map(|value| value.to_text());
    const UPDATE: Reader = |text| UpdateValue::parse(text).map(|value| value.to_text());
    const BUILD: Reader = |text| BuildValue::parse(text).map(|value| value.to_text());
    const SOURCE: Reader = |text| SourceValue::parse(text).map(|value| value.to_text());
    const POLICY: Reader = |text| PolicyValue::parse(text).map(|value| value.to_text());

    const GOOD: &[(Reader, &str)] = &[
        (AUTHORITY, "0 A 0;"),
        (AUTHORITY, "18446744073709551615 B 18446744073709551615;"),
        (CHANNEL, "sequence 1;"),
        (CHANNEL, "sequence 7;target - 7 A 20;"),
        (
            CHANNEL,
            "sequence 7;target - 1 A 20;target 0 2 B 3;target a 3 A 4;target a-b 4 B 5;target a.b 5 A 6;target ab 6 A 7;",
        ),
        (UPDATE, "live 0;"),
        (UPDATE, "withdrawn 12 A;"),
        (BUILD, "build 5;"),
        (BUILD, "build 5;https://a PASSED A 7;https://a-b.example FAILED B 6;https://a.example PASSED A 9;"),
        (SOURCE, "source 5;"),
        (
            SOURCE,
            "https://a examined contradicted A 7;https://a held confirmed B 8;https://b held confirmed A 9;source 5;",
        ),
        (POLICY, "3 A 9;"),
        (POLICY, "3 A 9;https://a confirmed A 10;https://b contradicted B 11;"),
    ];

    #[test]
    fn values_are_written_as_they_are_read() {
        for (read, short) in GOOD {
            assert_eq!(read(&full(short)).as_deref(), Ok(full(short).as_str()), "{short}");
        }
    }

    /// Every value less one byte, with one byte more, and with one byte changed, is refused or another value.
    #[test]
    fn values_have_one_form() {
        for (read, short) in GOOD {
            let good = full(short).into_bytes();
            let check = |bytes: Vec<u8>| {
                if let Ok(text) = core::str::from_utf8(&bytes)
                    && let Ok(written) = read(text)
                {
                    assert_eq!(written, text);
                }
            };
            for at in 0..good.len() {
                check([&good[..at], &good[at + 1..]].concat());
                for byte in *b" \n\r\t-+0129aAfgz/\0" {
                    check([&good[..at], &[byte], &good[at..]].concat());
                    check([&good[..at], &[byte], &good[at + 1..]].concat());
                }
            }
            for end in 0..good.len() {
                let cut = read(core::str::from_utf8(&good[..end]).unwrap());
                assert_eq!(cut == Err(ValueError::Unterminated), !good[..end].ends_with(b"\n"));
            }
        }
    }

    #[test]
    fn values_refused() {
        use ValueError::*;
        let long = ["a"; 65].concat();
        let cases: &[(Reader, &str, ValueError)] = &[
            (AUTHORITY, "", Unterminated),
            (AUTHORITY, "0 A 0", Unterminated),
            (AUTHORITY, ";", Line { line: 1 }),
            (AUTHORITY, "0 A 0;;", Order { line: 2 }),
            (AUTHORITY, "0 A 0;1 A 1;", Line { line: 2 }),
            (AUTHORITY, "00 A 0;", Line { line: 1 }),
            (AUTHORITY, "0 a 0;", Line { line: 1 }),
            (AUTHORITY, "0  A 0;", Line { line: 1 }),
            (AUTHORITY, "0 A 0 ;", Line { line: 1 }),
            (AUTHORITY, "0 A 18446744073709551616;", Line { line: 1 }),
            (CHANNEL, "target - 1 A 20;", Incomplete),
            (CHANNEL, "sequence 0;", Sequence { sequence: 0, last: 0 }),
            (CHANNEL, "sequence 1;sequence 2;", Repeated { line: 2 }),
            (CHANNEL, "sequence 2;sequence 1;", Order { line: 2 }),
            (CHANNEL, "target - 1 A 20;sequence 1;", Order { line: 2 }),
            (CHANNEL, "sequence 2;target a 1 A 1;target a 1 A 1;", Order { line: 3 }),
            (CHANNEL, "sequence 2;target a 1 A 1;target a 2 A 1;", Repeated { line: 3 }),
            (CHANNEL, "sequence 2;target - 1 A 1;target a 1 B 2;", Sequence { sequence: 1, last: 2 }),
            (CHANNEL, "sequence 2;target a 3 A 1;", Sequence { sequence: 3, last: 2 }),
            (CHANNEL, "sequence 2;target a 0 A 1;", Sequence { sequence: 0, last: 2 }),
            (CHANNEL, "sequence 2;target  1 A 1;", Line { line: 2 }),
            (CHANNEL, "sequence 2;target -a 1 A 1;", Line { line: 2 }),
            (CHANNEL, "sequence 2;target Linux 1 A 1;", Line { line: 2 }),
            (CHANNEL, "sequence 2;target a/b 1 A 1;", Line { line: 2 }),
            (CHANNEL, "sequence 2;target a 1 A;", Line { line: 2 }),
            (CHANNEL, "sequence 2;zebra;", Line { line: 2 }),
            (UPDATE, "live 1;live 2;", Line { line: 2 }),
            (UPDATE, "live;", Line { line: 1 }),
            (UPDATE, "live 1 A;", Line { line: 1 }),
            (UPDATE, "withdrawn 1;", Line { line: 1 }),
            (UPDATE, "Live 1;", Line { line: 1 }),
            (BUILD, "https://a PASSED A 7;", Incomplete),
            (BUILD, "build 1;build 2;", Repeated { line: 2 }),
            (BUILD, "build 1;https://a FAILED A 7;https://a PASSED A 8;", Repeated { line: 3 }),
            (BUILD, "build 1;https://a passed A 7;", Line { line: 2 }),
            (BUILD, "build 1;https:// PASSED A 7;", Line { line: 2 }),
            (BUILD, "build 1;http://a PASSED A 7;", Line { line: 2 }),
            (BUILD, "build 1;https://A PASSED A 7;", Line { line: 2 }),
            (BUILD, "build 1;https://a/b PASSED A 7;", Line { line: 2 }),
            (BUILD, "source 1;", Line { line: 1 }),
            (SOURCE, "build 1;", Line { line: 1 }),
            (SOURCE, "source 1;https://a held confirmed A 7;", Order { line: 2 }),
            (SOURCE, "https://a held confirmed A 7;https://a held contradicted A 7;source 1;", Repeated { line: 2 }),
            (SOURCE, "https://a owned confirmed A 7;source 1;", Line { line: 1 }),
            (SOURCE, "https://a held A 7;source 1;", Line { line: 1 }),
            (SOURCE, "https://a;source 1;", Line { line: 1 }),
            (POLICY, "https://a confirmed A 10;", Incomplete),
            (POLICY, "3 A 9;4 A 10;", Repeated { line: 2 }),
            (POLICY, "3 A 9;https://a held confirmed A 10;", Line { line: 2 }),
        ];
        for (read, short, error) in cases {
            assert_eq!(read(&full(short)), Err(*error), "{short}");
        }
        assert_eq!(CHANNEL(&full(&format!("sequence 2;target {long} 1 A 1;"))), Err(Line { line: 2 }));
        assert_eq!(
            BUILD(&full(&format!("build 2;https://{long}{long}{long}{long} PASSED A 1;"))),
            Err(Line { line: 2 })
        );
    }

    #[test]
    fn a_channel_has_at_most_64_targets() {
        let with = |count: u64| {
            let line = |at| TargetLine { sequence: at + 1, id: Digest([7; 32]), index: at };
            let targets = (0..count).map(|at| (format!("t{at}"), line(at))).collect();
            ChannelValue { sequence: count, targets }
        };
        assert_eq!(ChannelValue::parse(&with(64).to_text()), Ok(with(64)));
        assert_eq!(ChannelValue::parse(&with(65).to_text()), Err(ValueError::Targets { have: 65 }));
    }

    #[test]
    fn the_newest_is_the_higher_of_two_lines() {
        type Lines = &'static [(&'static str, u64)];
        let newest = |lines: Lines, target: &str| {
            let line = |sequence: &u64| TargetLine { sequence: *sequence, id: Digest([7; 32]), index: 9 };
            let targets = lines.iter().map(|(name, sequence)| (name.to_string(), line(sequence))).collect();
            ChannelValue { sequence: 9, targets }.newest(target).map(|line| line.sequence)
        };
        let cases: &[(Lines, &str, Option<u64>)] = &[
            (&[], "", None),
            (&[], "a", None),
            (&[("a", 3)], "", None),
            (&[("a", 3)], "b", None),
            (&[("a", 3)], "a", Some(3)),
            (&[("", 2), ("a", 3)], "", Some(2)),
            (&[("", 2), ("a", 3)], "a", Some(3)),
            (&[("", 2), ("a", 3)], "b", Some(2)),
            (&[("", 4), ("a", 3)], "a", Some(4)),
            (&[("", 4), ("a", 3)], "-", Some(4)),
        ];
        for (lines, target, expect) in cases {
            assert_eq!(newest(lines, target), *expect, "{lines:?} {target:?}");
        }
    }

    #[test]
    fn keys() {
        let id = read_id(A).unwrap();
        assert_eq!(authority_key("pkg:generic/acme/"), "authority pkg:generic/acme/");
        assert_eq!(channel_key("pkg:generic/acme/shield", "beta"), "channel pkg:generic/acme/shield beta");
        assert_eq!(update_key(&id), format!("update {A}"));
        assert_eq!(build_key(&id), format!("build {A}"));
        assert_eq!(source_key(&id), format!("source {A}"));
    }

    const ROOT: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

    #[test]
    fn state_entries() {
        for (time, rules) in [(0, 1), (1_795_430_000, 2), (u64::MAX, u64::MAX)] {
            let state = StateEntry { time, rules, root: Hash([7; 32]) };
            let bytes = state.to_bytes();
            assert!(bytes.len() <= MAX_STATE_BYTES && is_state_entry(&bytes));
            assert_eq!(StateEntry::parse(&bytes), Ok(state));
        }
        assert_eq!(
            StateEntry { time: u64::MAX, rules: u64::MAX, root: Hash([7; 32]) }.to_bytes().len(),
            MAX_STATE_BYTES
        );
        assert!(is_state_entry(b"glarus/state v2\n"));
        assert!(!is_state_entry(b"{\"payload\":\"\"}") && !is_state_entry(b"glarus/state"));
    }

    #[test]
    fn state_entries_refused() {
        use StateError::*;
        let cases: &[(&str, StateError)] = &[
            ("", Lines),
            ("glarus/state v1\n", Lines),
            ("glarus/state v1\ntime 1\nrules 1\nR", Lines),
            ("glarus/state v1\ntime 1\nrules 1\nR\n\n", Lines),
            ("glarus/state v1\ntime 1\nrules 1\n\nR\n", Lines),
            ("glarus/state v1\ntime 1\nrules 1\nR\nR\n", Length { have: 121 }),
            ("glarus/state v2\ntime 1\nrules 1\nR\n", Line { line: 1 }),
            ("glarus/state v1\r\ntime 1\nrules 1\nR\n", Line { line: 1 }),
            ("glarus/state v1\ntime 01\nrules 1\nR\n", Line { line: 2 }),
            ("glarus/state v1\ntime -1\nrules 1\nR\n", Line { line: 2 }),
            ("glarus/state v1\ntime  1\nrules 1\nR\n", Line { line: 2 }),
            ("glarus/state v1\nrules 1\ntime 1\nR\n", Line { line: 2 }),
            ("glarus/state v1\ntime 1\nrules 18446744073709551616\nR\n", Line { line: 3 }),
            ("glarus/state v1\ntime 1\nrules 1 \nR\n", Line { line: 3 }),
            ("glarus/state v1\ntime 1\nrules 1\n R\n", Line { line: 4 }),
            ("glarus/state v1\ntime 1\nrules 1\nBwcH\n", Line { line: 4 }),
        ];
        for (text, error) in cases {
            let text = text.replace('R', ROOT);
            assert_eq!(StateEntry::parse(text.as_bytes()), Err(*error), "{text}");
        }
        assert_eq!(StateEntry::parse(b"glarus/state v1\ntime \xff\n"), Err(Lines));
        assert_eq!(StateEntry::parse(&[b'\n'; 115]), Err(Length { have: 115 }));
    }

    /// Every entry less one byte, with one byte more and with one bit changed.
    #[test]
    fn state_entries_have_one_form() {
        let good = format!("glarus/state v1\ntime 1795430000\nrules 1\n{ROOT}\n").into_bytes();
        let check = |bytes: Vec<u8>| {
            if let Ok(state) = StateEntry::parse(&bytes) {
                assert_eq!(state.to_bytes(), bytes);
            }
        };
        for at in 0..good.len() {
            check([&good[..at], &good[at + 1..]].concat());
            for byte in 0..=255 {
                check([&good[..at], &[byte], &good[at..]].concat());
                check([&good[..at], &[byte], &good[at + 1..]].concat());
            }
            assert!(StateEntry::parse(&good[..at]).is_err());
        }
    }
}
