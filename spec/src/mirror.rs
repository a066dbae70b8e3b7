#![doc = include_str!("../mirror.md")]

use crate::encoding;
use crate::entry_bundle::MAX_ENTRY_BYTES;
use crate::merkle::{Frontier, Hash, TreeHead, leaf_hash};
use crate::proof::MAX_PROOF_HASHES;
use crate::proof::subtree::{self, Subtree, SubtreeConsistencyError};
use crate::tile::WIDTH;
use alloc::{format, string::String, vec::Vec};

/// The content type of an answer 202 or 409.
pub const INFO_CONTENT_TYPE: &str = "text/x.tlog.mirror-info";
/// The most packages that a sender puts in one request: 8,192 entries.
pub const MAX_PACKAGES: usize = 32;
/// How far before the next entry an upload may start: what one request carries.
pub const MAX_EXCESS_ENTRIES: u64 = 8192;
/// The most bytes before the packages.
pub const MAX_UPLOAD_HEAD_BYTES: usize = 2 + 65_535 + 8 + 8 + 2 + 65_535;
/// The most bytes of a package.
pub const MAX_PACKAGE_BYTES: usize = 256 * (2 + MAX_ENTRY_BYTES) + 1 + 32 * MAX_PROOF_HASHES;

/// The longest ticket that an upload can carry, in base64.
const MAX_TICKET_CHARACTERS: usize = 65_535 / 3 * 4;

/// What comes before the packages: which entries of which log, none of it believed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upload {
    /// The log's origin.
    pub origin: String,
    /// The first entry uploaded.
    pub start: u64,
    /// One beyond the last; the size of a pending checkpoint.
    pub end: u64,
    /// What the mirror said to send, or nothing.
    pub ticket: Vec<u8>,
}

/// Why bytes are not the head of an upload.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MalformedUpload {
    /// The origin is not UTF-8.
    #[error("the origin is not UTF-8")]
    Origin,
    /// The start is beyond the end.
    #[error("the upload starts at {start}, beyond its end {end}")]
    StartBeyondEnd {
        /// The start.
        start: u64,
        /// The end.
        end: u64,
    },
}

/// Splits off a two-byte length and so many bytes; `None` if there are fewer.
fn short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

/// Writes a two-byte length and the bytes; `None` if they are more than 65,535.
fn put_short(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    out.extend(u16::try_from(bytes.len()).ok()?.to_be_bytes());
    out.extend(bytes);
    Some(())
}

impl Upload {
    /// Reads the head of a body, and returns it with the bytes after it; `None` if more bytes are needed.
    ///
    /// Of a body that ends there, `None` means 400. With [`MAX_UPLOAD_HEAD_BYTES`] it is never `None`.
    ///
    /// # Errors
    /// [`MalformedUpload`], in the order of its variants.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, &[u8])>, MalformedUpload> {
        let fields = || {
            let (origin, rest) = short(bytes)?;
            let (start, rest) = number(rest)?;
            let (end, rest) = number(rest)?;
            let (ticket, rest) = short(rest)?;
            Some((origin, start, end, ticket, rest))
        };
        let Some((origin, start, end, ticket, rest)) = fields() else { return Ok(None) };
        let origin = core::str::from_utf8(origin).map_err(|_| MalformedUpload::Origin)?.into();
        // SPEC: "`upload_start` MUST be less or equal to `upload_end`."
        if start > end {
            return Err(MalformedUpload::StartBeyondEnd { start, end });
        }
        Ok(Some((Self { origin, start, end, ticket: ticket.into() }, rest)))
    }

    /// Writes the head; `None` if origin or ticket have more than 65,535 bytes.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        put_short(&mut out, self.origin.as_bytes())?;
        out.extend(self.start.to_be_bytes());
        out.extend(self.end.to_be_bytes());
        put_short(&mut out, &self.ticket)?;
        Some(out)
    }

    /// How many packages the whole upload has.
    pub fn count(&self) -> u64 {
        if self.start >= self.end { 0 } else { self.end.div_ceil(WIDTH).saturating_sub(self.start / WIDTH) }
    }

    /// Which entries each package has, in order.
    ///
    /// Shapes: none if nothing is uploaded; all but the first start at a multiple of 256, all but the last end at one.
    pub fn packages(&self) -> impl Iterator<Item = PackageRange> {
        let (start, end, first) = (self.start, self.end, self.start / WIDTH);
        // SPEC: "start = max(upload_start, rounded_start + i * 256)", "end = min(upload_end, rounded_start + (i + 1) * 256)";
        // the proof is of the subtree "[rounded_start + i * 256, end)", a multiple of 256 and no wider than that.
        (0..self.count()).map_while(move |i| {
            let rounded = first.checked_add(i)?.checked_mul(WIDTH)?;
            let subtree = Subtree::new(rounded, rounded.saturating_add(WIDTH).min(end)).ok()?;
            Some(PackageRange { subtree, start: start.max(rounded) })
        })
    }
}

/// Which entries a package has, and in which subtree they are proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PackageRange {
    /// What is proved: from a multiple of 256 to the package's end.
    pub subtree: Subtree,
    /// The first entry in the package; those of the subtree before it the mirror has already.
    pub start: u64,
}

impl PackageRange {
    /// Entries in the package: 1 to 256.
    pub fn entries(&self) -> usize {
        usize::try_from(self.subtree.end().saturating_sub(self.start)).unwrap_or(usize::MAX)
    }
}

/// Entries and the proof of their subtree, none of it believed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Package<'a> {
    /// 1 to 256 entries.
    pub entries: Vec<&'a [u8]>,
    /// The subtree consistency proof.
    pub proof: Vec<Hash>,
}

/// A package that says it has more than [`MAX_PROOF_HASHES`]: it is discarded, and all after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a package has {0} hashes, at most {MAX_PROOF_HASHES} are allowed")]
pub struct TooManyHashes(pub u8);

impl<'a> Package<'a> {
    /// Reads the package of this range, and returns it with the bytes after it; `None` if more bytes are needed.
    ///
    /// With [`MAX_PACKAGE_BYTES`] it is never `None`.
    ///
    /// # Errors
    /// [`TooManyHashes`].
    pub fn parse(bytes: &'a [u8], range: PackageRange) -> Result<Option<(Self, &'a [u8])>, TooManyHashes> {
        let (mut entries, mut rest) = (Vec::new(), bytes);
        while entries.len() < range.entries() {
            let Some((entry, after)) = short(rest) else { return Ok(None) };
            entries.push(entry);
            rest = after;
        }
        let Some((count, after)) = rest.split_first() else { return Ok(None) };
        // SPEC: "`num_hashes`, which MUST be at most 63"
        if usize::from(*count) > MAX_PROOF_HASHES {
            return Err(TooManyHashes(*count));
        }
        let Some((hashes, rest)) = after.split_at_checked(usize::from(*count).saturating_mul(32)) else {
            return Ok(None);
        };
        let proof = hashes.as_chunks().0.iter().copied().map(Hash).collect();
        Ok(Some((Self { entries, proof }, rest)))
    }

    /// Writes the package; `None` if an entry has more than 65,535 bytes, or the proof more than 63 hashes.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for entry in &self.entries {
            put_short(&mut out, entry)?;
        }
        let count = u8::try_from(self.proof.len()).ok().filter(|count| usize::from(*count) <= MAX_PROOF_HASHES)?;
        out.push(count);
        self.proof.iter().for_each(|hash| out.extend(hash.0));
        Some(out)
    }
}

/// What a mirror has of one log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mirror<'a> {
    /// The latest pending checkpoint first, then earlier ones that are still taken; from memory, or from a ticket that the mirror
    /// authenticated. None if the log never sent one.
    pub pending: &'a [TreeHead],
    /// The mirror checkpoint; of size 0 at first.
    pub mirrored: TreeHead,
    /// The next entry.
    pub next: u64,
}

impl Mirror<'_> {
    /// The checkpoint that an upload may end at.
    fn head(&self, end: u64) -> Option<TreeHead> {
        self.pending.iter().copied().chain([self.mirrored]).find(|head| head.size == end)
    }

    /// What to tell the sender with 202 and 409.
    pub fn info(&self, upload: &Upload, ticket: &[u8]) -> MirrorInfo {
        // SPEC: "If the client's `upload_end` value was valid, the first line SHOULD contain `upload_end`. [...] Otherwise, the
        // first line SHOULD be the tree size of the current pending checkpoint."
        let valid = upload.end >= self.mirrored.size && self.head(upload.end).is_some();
        let pending = self.pending.first().unwrap_or(&self.mirrored).size;
        MirrorInfo { size: if valid { upload.end } else { pending }, next: self.next, ticket: ticket.into() }
    }
}

/// Why an upload is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UploadRefusal {
    /// The head is malformed.
    #[error(transparent)]
    Malformed(#[from] MalformedUpload),
    /// The log is not known.
    #[error("log {origin:?} is not known here")]
    UnknownOrigin {
        /// The origin sent.
        origin: String,
    },
    /// The log never sent a checkpoint.
    #[error("there is no pending checkpoint of log {origin:?} yet")]
    NoPending {
        /// The origin sent.
        origin: String,
    },
    /// The end is the size of no known checkpoint.
    #[error("the upload ends at {end}, which is the size of no known checkpoint")]
    UnknownEnd {
        /// The end.
        end: u64,
    },
    /// The end is before the mirror checkpoint.
    #[error("the upload ends at {end}, the mirror checkpoint has size {mirrored}")]
    EndBehind {
        /// The end.
        end: u64,
        /// The mirror checkpoint's size.
        mirrored: u64,
    },
    /// The start leaves a gap.
    #[error("the upload starts at {start}, the next entry is {next}")]
    StartBeyondNext {
        /// The start.
        start: u64,
        /// The next entry.
        next: u64,
    },
    /// Too many entries that the mirror has already.
    #[error("the upload has {excess} entries that are here already, at most {MAX_EXCESS_ENTRIES} may be")]
    Excess {
        /// How many.
        excess: u64,
    },
    /// A package is not of the log.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The body ended before the first package did.
    #[error("no whole package was sent, the upload has {packages}")]
    NothingSaved {
        /// Packages in the whole upload.
        packages: u64,
    },
}

impl UploadRefusal {
    /// The HTTP status. With 409 goes a [`MirrorInfo`].
    pub fn status(&self) -> u16 {
        match self {
            // No known log has such an origin.
            Self::UnknownOrigin { .. } | Self::Malformed(MalformedUpload::Origin) => 404,
            Self::Malformed(_) | Self::NothingSaved { .. } => 400,
            Self::NoPending { .. } | Self::Package(PackageError::Proof(_)) => 422,
            Self::UnknownEnd { .. } | Self::EndBehind { .. } | Self::StartBeyondNext { .. } | Self::Excess { .. } => {
                409
            }
            Self::Package(PackageError::Before { .. }) => 500,
        }
    }

    /// The name, stable, for programs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UnknownOrigin { .. } | Self::Malformed(MalformedUpload::Origin) => "unknown-origin",
            Self::Malformed(_) => "malformed-request",
            Self::NoPending { .. } => "no-pending-checkpoint",
            Self::UnknownEnd { .. } => "unknown-end",
            Self::EndBehind { .. } => "end-behind-mirror",
            Self::StartBeyondNext { .. } => "start-beyond-next",
            Self::Excess { .. } => "excess-entries",
            Self::Package(PackageError::Proof(_)) => "inconsistent",
            Self::Package(PackageError::Before { .. }) => "entries-not-at-hand",
            Self::NothingSaved { .. } => "nothing-saved",
        }
    }
}

/// Decides whether packages of an upload are read at all, and returns the head to prove them against.
///
/// `mirror` is what the mirror has of [`Upload::origin`], `None` if it does not know that log; it may be stale.
///
/// # Errors
/// [`UploadRefusal`], in the order of its variants.
pub fn judge_upload(mirror: Option<&Mirror<'_>>, upload: &Upload) -> Result<TreeHead, UploadRefusal> {
    let Upload { start, end, .. } = *upload;
    // SPEC: "If `log_origin` is not a known log, the mirror MUST respond with a "404 Not Found" HTTP status code."
    let mirror = mirror.ok_or_else(|| UploadRefusal::UnknownOrigin { origin: upload.origin.clone() })?;
    // SPEC: "If the mirror has never received a pending checkpoint signed by the log, the mirror MUST respond with a
    // "422 Unprocessable Entity" HTTP status code."
    if mirror.pending.is_empty() {
        return Err(UploadRefusal::NoPending { origin: upload.origin.clone() });
    }
    // SPEC: "If `upload_end` is neither a known pending checkpoint value nor the mirror checkpoint's tree size, the mirror MUST
    // respond with a "409 Conflict" HTTP status code."
    let head = mirror.head(end).ok_or(UploadRefusal::UnknownEnd { end })?;
    // SPEC: "If `upload_end` is less than the mirror checkpoint's tree size, the mirror MUST respond with a "409 Conflict""
    if end < mirror.mirrored.size {
        return Err(UploadRefusal::EndBehind { end, mirrored: mirror.mirrored.size });
    }
    // SPEC: "If `upload_start` is greater than the mirror's next entry, the mirror MUST respond with a "409 Conflict""
    if start > mirror.next {
        return Err(UploadRefusal::StartBeyondNext { start, next: mirror.next });
    }
    // SPEC: "Let `excess_entries = min(upload_end, next_entry) - upload_start` [...]. If `excess_entries` is too large, the
    // mirror MUST respond with a "409 Conflict" HTTP status code."
    let excess = end.min(mirror.next).saturating_sub(start);
    if excess > MAX_EXCESS_ENTRIES {
        return Err(UploadRefusal::Excess { excess });
    }
    Ok(head)
}

/// Why a package is not saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PackageError {
    /// The mirror handed over another number of hashes than the subtree has before the package: its fault, not the sender's.
    #[error("{have} leaf hashes before the package are at hand, {need} are needed")]
    Before {
        /// Hashes handed over.
        have: usize,
        /// Entries of the subtree before the package.
        need: u64,
    },
    /// The proof fails.
    #[error(transparent)]
    Proof(#[from] SubtreeConsistencyError),
}

/// Proves a package, and returns its entries' leaf hashes: they may be saved now, those that are there already left out.
///
/// `before` are the leaf hashes of the entries from the subtree's start to the package's, which the mirror has; `head` is what
/// [`judge_upload`] returned.
///
/// Cost: the entries hashed, up to 255 node hashes and two for each hash of the proof.
///
/// # Errors
/// [`PackageError`].
pub fn judge_package(
    range: PackageRange,
    before: &[Hash],
    package: &Package<'_>,
    head: &TreeHead,
) -> Result<Vec<Hash>, PackageError> {
    let need = range.start.saturating_sub(range.subtree.start());
    if u64::try_from(before.len()) != Ok(need) {
        return Err(PackageError::Before { have: before.len(), need });
    }
    // SPEC: "it reconstructs the subtree hash based on the received entries and entries already in the log. It then verifies the
    // subtree consistency proof using this hash and the checkpoint at `upload_end`."
    let leaves: Vec<_> = package.entries.iter().map(|entry| leaf_hash(entry)).collect();
    let mut tree = Frontier::default();
    before.iter().chain(&leaves).for_each(|leaf| tree.push(*leaf, |_, _| ()));
    subtree::verify_consistency(range.subtree, &tree.root(), head, &package.proof)?;
    Ok(leaves)
}

/// How an upload ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Some packages are saved, not all: the sender goes on from the next entry.
    Partly,
    /// All packages are saved; the mirror checkpoint has this size already and stays.
    Mirrored,
    /// All packages are saved; the mirror checkpoint becomes that of the upload's end, once all is durable.
    Advances,
}

impl Ended {
    /// The HTTP status. With 202 goes a [`MirrorInfo`], with 200 a cosignature line a key on the mirror checkpoint.
    pub fn status(&self) -> u16 {
        match self {
            Self::Partly => 202,
            Self::Mirrored | Self::Advances => 200,
        }
    }
}

/// Decides how to answer once the body ended, with so many packages proved and saved.
///
/// `mirrored` is the mirror checkpoint's size now. It must still be so when the checkpoint moves: the caller swaps it by
/// compare-and-swap, or of two uploads the shorter could turn the mirror back.
///
/// # Errors
/// [`UploadRefusal::NothingSaved`], [`UploadRefusal::EndBehind`].
pub fn judge_end(upload: &Upload, saved: u64, mirrored: u64) -> Result<Ended, UploadRefusal> {
    let (end, packages) = (upload.end, upload.count());
    // SPEC: "If the canonical sequence is not empty, and no entry package was authenticated and saved before the body ended [...],
    // the mirror MUST respond with a "400 Bad Request" HTTP status code."
    if packages > 0 && saved == 0 {
        return Err(UploadRefusal::NothingSaved { packages });
    }
    // SPEC: "If at least one entry package was authenticated and saved, but the mirror has not yet received all packages
    // covering `[upload_start, upload_end)`, the mirror MUST respond with a "202 Accepted" response"
    if saved < packages {
        return Ok(Ended::Partly);
    }
    // SPEC: "Check if `upload_end` is still greater than or equal to the mirror checkpoint's tree size. [...] If `upload_end` was
    // too small, the mirror MUST respond with a "409 Conflict" HTTP status code"
    if end < mirrored {
        return Err(UploadRefusal::EndBehind { end, mirrored });
    }
    Ok(if end == mirrored { Ended::Mirrored } else { Ended::Advances })
}

/// What a mirror says with 202 and 409.
///
/// Shapes: three lines, each ended by LF: size and next entry in decimal, the ticket in base64, which may be empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MirrorInfo {
    /// The size of a pending checkpoint that an upload may end at.
    pub size: u64,
    /// The next entry.
    pub next: u64,
    /// To be sent back with the next upload; at most 65,535 bytes.
    pub ticket: Vec<u8>,
}

/// Why a text is no [`MirrorInfo`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MirrorInfoError {
    /// Not three lines.
    #[error("a mirror's answer has three lines, each ended by LF")]
    Form,
    /// The first or second line is not a decimal without leading zeroes below 2^64.
    #[error("line {0} is not a decimal without leading zeroes")]
    Number(u8),
    /// A ticket that no upload can carry; it is not decoded.
    #[error("the ticket has {0} characters, the 65535 bytes that an upload takes have {MAX_TICKET_CHARACTERS}")]
    TicketTooLong(usize),
    /// The third line is not standard base64.
    #[error("the ticket is not standard base64")]
    Ticket,
}

impl MirrorInfo {
    /// Reads the body. Writing it again gives the same bytes.
    ///
    /// # Errors
    /// [`MirrorInfoError`], in the order of its variants.
    pub fn parse(body: &[u8]) -> Result<Self, MirrorInfoError> {
        let text = core::str::from_utf8(body).map_err(|_| MirrorInfoError::Form)?;
        let mut lines = text.strip_suffix('\n').ok_or(MirrorInfoError::Form)?.split('\n');
        let (Some(size), Some(next), Some(ticket), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(MirrorInfoError::Form);
        };
        let size = encoding::decimal(size).ok_or(MirrorInfoError::Number(1))?;
        let next = encoding::decimal(next).ok_or(MirrorInfoError::Number(2))?;
        if ticket.len() > MAX_TICKET_CHARACTERS {
            return Err(MirrorInfoError::TicketTooLong(ticket.len()));
        }
        let ticket = encoding::from_base64(ticket).ok_or(MirrorInfoError::Ticket)?;
        Ok(Self { size, next, ticket })
    }

    /// Writes the body.
    pub fn encode(&self) -> String {
        format!("{}\n{}\n{}\n", self.size, self.next, encoding::base64(&self.ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{Node, naive};
    use alloc::vec;

    fn upload(start: u64, end: u64) -> Upload {
        Upload { origin: "example.com/log".into(), start, end, ticket: vec![1, 2, 3] }
    }

    /// The log whose entry `i` is `i` in eight bytes, as [`naive::leaves`] has it.
    struct Log {
        entries: Vec<[u8; 8]>,
        leaves: Vec<Hash>,
    }

    impl Log {
        fn new(size: u64) -> Self {
            Self { entries: (0..size).map(u64::to_be_bytes).collect(), leaves: naive::leaves(size) }
        }

        fn head(&self, size: u64) -> TreeHead {
            TreeHead { size, root: naive::root(&self.leaves[..size as usize]) }
        }

        fn package(&self, range: PackageRange, size: u64) -> Package<'_> {
            let plan = subtree::consistency(range.subtree, size).unwrap();
            let hash = |node: Node| {
                let start = (node.index as usize) << node.level;
                naive::root(&self.leaves[start..start + (1 << node.level)])
            };
            let hashes: Vec<_> = plan.nodes().map(hash).collect();
            let entries = &self.entries[range.start as usize..range.subtree.end() as usize];
            Package {
                entries: entries.iter().map(|entry| entry.as_slice()).collect(),
                proof: plan.assemble(&hashes).unwrap(),
            }
        }

        fn before(&self, range: PackageRange) -> &[Hash] {
            &self.leaves[range.subtree.start() as usize..range.start as usize]
        }
    }

    /// The formulas of the specification, in numbers that cannot overflow: (subtree start, start, end) of each package.
    fn naive_packages(start: u64, end: u64) -> Vec<(u64, u64, u64)> {
        if start == end {
            return Vec::new();
        }
        let (start, end) = (u128::from(start), u128::from(end));
        let (rounded_start, rounded_end) = (start / 256 * 256, end.div_ceil(256) * 256);
        let range = |i| {
            let at = rounded_start + i * 256;
            [at, start.max(at), end.min(at + 256)].map(|number| u64::try_from(number).unwrap())
        };
        (0..(rounded_end - rounded_start) / 256).map(range).map(|[subtree, start, end]| (subtree, start, end)).collect()
    }

    #[test]
    fn packages_are_the_specifications() {
        let check = |start, end| {
            let upload = upload(start, end);
            let packages: Vec<_> = upload.packages().map(|p| (p.subtree.start(), p.start, p.subtree.end())).collect();
            assert_eq!(packages, naive_packages(start, end), "[{start}, {end})");
            assert_eq!(upload.count(), packages.len() as u64);
        };
        let edges = [0, 1, 2, 130, 255, 256, 257, 300, 511, 512, 513, 700, 768, 1000];
        edges.iter().for_each(|start| edges.iter().filter(|end| start <= *end).for_each(|end| check(*start, *end)));
        for start in [u64::MAX - 600, u64::MAX - 256, u64::MAX - 255, u64::MAX - 1, u64::MAX] {
            check(start, u64::MAX);
        }
        assert_eq!(upload(0, u64::MAX).count(), 1 << 56);
        assert_eq!(upload(0, u64::MAX).packages().take(3).count(), 3);
    }

    #[test]
    fn whole_uploads_in_pieces_of_any_length() {
        let log = Log::new(600);
        for (start, end) in [(0, 1), (0, 256), (0, 600), (3, 5), (100, 257), (256, 512), (255, 513), (599, 600), (7, 7)]
        {
            let upload = upload(start, end);
            let packages: Vec<_> = upload.packages().map(|range| (range, log.package(range, end))).collect();
            let mut body = upload.encode().unwrap();
            packages.iter().for_each(|(_, package)| body.extend(package.encode().unwrap()));
            body.extend(b"what is discarded");
            let (parsed, mut rest) = Upload::parse(&body).unwrap().unwrap();
            assert_eq!(parsed, upload);
            let head_bytes = body.len() - rest.len();
            (0..head_bytes).for_each(|cut| assert_eq!(Upload::parse(&body[..cut]), Ok(None)));
            let mut saved = 0;
            for (range, package) in packages {
                let (parsed, after) = Package::parse(rest, range).unwrap().unwrap();
                assert_eq!(parsed, package);
                let bytes = rest.len() - after.len();
                (0..bytes).step_by(7).chain([bytes - 1]).for_each(|cut| {
                    assert_eq!(Package::parse(&rest[..cut], range), Ok(None));
                });
                let leaves = judge_package(range, log.before(range), &parsed, &log.head(end)).unwrap();
                assert_eq!(leaves, &log.leaves[range.start as usize..range.subtree.end() as usize]);
                saved += 1;
                let ended = if saved < upload.count() { Ended::Partly } else { Ended::Advances };
                assert_eq!(judge_end(&upload, saved, 0), Ok(ended));
                rest = after;
            }
            assert_eq!(rest, b"what is discarded");
        }
    }

    #[test]
    fn packages_that_are_refused() {
        let log = Log::new(600);
        let (end, head) = (600, log.head(600));
        let range = upload(300, end).packages().next().unwrap();
        let good = log.package(range, end);
        let bytes = good.encode().unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            if let Ok(Some((package, rest))) = Package::parse(&damaged, range) {
                let error = judge_package(range, log.before(range), &package, &head).unwrap_err();
                assert_eq!(UploadRefusal::from(error).status(), 422, "byte {at}, {} left", rest.len());
            }
        }
        let before = log.before(range);
        for before in [&before[1..], &[], &log.leaves[..45]] {
            let error = PackageError::Before { have: before.len(), need: 44 };
            assert_eq!(judge_package(range, before, &good, &head), Err(error));
            assert_eq!(UploadRefusal::from(error).status(), 500);
        }
        assert!(judge_package(range, &log.leaves[..44], &good, &head).is_err());
        assert!(judge_package(range, before, &good, &log.head(599)).is_err());
        let count = bytes.len() - 1 - 32 * good.proof.len();
        for hashes in [64, 255] {
            let mut many = bytes.clone();
            many[count] = hashes;
            assert_eq!(Package::parse(&many, range), Err(TooManyHashes(hashes)));
        }
        assert_eq!(Package { entries: vec![&[0; 65_536]], proof: vec![] }.encode(), None);
        assert_eq!(Package { entries: vec![], proof: vec![Hash([0; 32]); 64] }.encode(), None);
        let full = upload(0, 256).packages().next().unwrap();
        let most = Package { entries: vec![&[0; 65_535]; 256], proof: vec![Hash([0; 32]); 63] }.encode().unwrap();
        assert_eq!((most.len(), full.entries()), (MAX_PACKAGE_BYTES, 256));
        assert!(Package::parse(&most, full).unwrap().is_some());
    }

    #[test]
    fn heads_that_are_refused() {
        let head = |upload: Upload| upload.encode().unwrap();
        assert_eq!(Upload::parse(&head(upload(2, 1))), Err(MalformedUpload::StartBeyondEnd { start: 2, end: 1 }));
        let mut origin = head(upload(0, 1));
        origin[2] = 0xff;
        assert_eq!(Upload::parse(&origin), Err(MalformedUpload::Origin));
        let refusal = UploadRefusal::from(MalformedUpload::Origin);
        assert_eq!((refusal.status(), refusal.name()), (404, "unknown-origin"));
        assert_eq!(Upload { ticket: vec![0; 65_536], ..upload(0, 1) }.encode(), None);
        let most = Upload { ticket: vec![0; 65_535], origin: "x".repeat(65_535), ..upload(0, 1) };
        assert_eq!(head(most.clone()).len(), MAX_UPLOAD_HEAD_BYTES);
        assert_eq!(Upload::parse(&head(most.clone())), Ok(Some((most, [].as_slice()))));
    }

    /// The table, written again from the specification.
    fn table(mirror: &Mirror<'_>, start: u64, end: u64) -> u16 {
        let known = mirror.pending.iter().any(|head| head.size == end) || end == mirror.mirrored.size;
        match () {
            () if mirror.pending.is_empty() => 422,
            () if !known || end < mirror.mirrored.size || start > mirror.next => 409,
            () if end.min(mirror.next) - start > MAX_EXCESS_ENTRIES => 409,
            () => 200,
        }
    }

    #[test]
    fn the_table_for_small_sizes() {
        let head = |size: u64| TreeHead { size, root: Hash([size as u8; 32]) };
        let mut seen = alloc::collections::BTreeSet::new();
        for pending in [&[][..], &[4], &[6, 4], &[7, 6, 2, 1]] {
            let pending: Vec<_> = pending.iter().copied().map(head).collect();
            for (mirrored, next) in (0..6).flat_map(|mirrored| (mirrored..8).map(move |next| (mirrored, next))) {
                let mirror = Mirror { pending: &pending, mirrored: head(mirrored), next };
                for (start, end) in (0..9).flat_map(|start| (start..9).map(move |end| (start, end))) {
                    let upload = upload(start, end);
                    let result = judge_upload(Some(&mirror), &upload);
                    let status = result.as_ref().map_or_else(UploadRefusal::status, |_| 200);
                    assert_eq!(status, table(&mirror, start, end), "{mirror:?} [{start}, {end}): {result:?}");
                    if let Ok(found) = &result {
                        assert_eq!(*found, head(end));
                    }
                    let info = mirror.info(&upload, b"ticket");
                    let end_is_wrong =
                        matches!(result, Err(UploadRefusal::UnknownEnd { .. } | UploadRefusal::EndBehind { .. }));
                    if !pending.is_empty() {
                        assert_eq!(info.size, if end_is_wrong { pending[0].size } else { end });
                        assert_eq!((info.next, info.ticket.as_slice()), (next, b"ticket".as_slice()));
                    }
                    seen.insert(result.map_or_else(|refusal| refusal.name(), |_| "taken"));
                }
            }
        }
        let all = ["end-behind-mirror", "no-pending-checkpoint", "start-beyond-next", "taken", "unknown-end"];
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
        let unknown = judge_upload(None, &upload(0, 1)).unwrap_err();
        assert_eq!((unknown.status(), unknown.name()), (404, "unknown-origin"));
        let mirror = Mirror { pending: &[head(100_000)], mirrored: head(0), next: 90_000 };
        let most = 90_000 - MAX_EXCESS_ENTRIES;
        assert_eq!(judge_upload(Some(&mirror), &upload(most, 100_000)), Ok(head(100_000)));
        let excess = judge_upload(Some(&mirror), &upload(most - 1, 100_000)).unwrap_err();
        assert_eq!(excess, UploadRefusal::Excess { excess: MAX_EXCESS_ENTRIES + 1 });
        assert_eq!((excess.status(), excess.name()), (409, "excess-entries"));
    }

    #[test]
    fn how_uploads_end() {
        let check = |upload: Upload, saved, mirrored, expect: Result<Ended, UploadRefusal>, status: u16| {
            let result = judge_end(&upload, saved, mirrored);
            assert_eq!(result, expect);
            assert_eq!(result.map_or_else(|refusal| refusal.status(), |ended| ended.status()), status);
        };
        check(upload(0, 600), 0, 0, Err(UploadRefusal::NothingSaved { packages: 3 }), 400);
        check(upload(0, 600), 1, 0, Ok(Ended::Partly), 202);
        check(upload(0, 600), 2, 700, Ok(Ended::Partly), 202);
        check(upload(0, 600), 3, 599, Ok(Ended::Advances), 200);
        check(upload(0, 600), 3, 600, Ok(Ended::Mirrored), 200);
        check(upload(0, 600), 3, 601, Err(UploadRefusal::EndBehind { end: 600, mirrored: 601 }), 409);
        // Nothing to upload: all entries are there, the checkpoint only moves.
        check(upload(600, 600), 0, 500, Ok(Ended::Advances), 200);
        check(upload(600, 600), 0, 600, Ok(Ended::Mirrored), 200);
    }

    #[test]
    fn one_form_an_info() {
        for (size, next, ticket) in [(0, 0, vec![]), (7, 3, vec![0]), (u64::MAX, u64::MAX, vec![9; 65_535])] {
            let info = MirrorInfo { size, next, ticket };
            assert_eq!(MirrorInfo::parse(info.encode().as_bytes()), Ok(info));
        }
        for bad in ["", "\n", "1\n2", "1\n2\n", "1\n2\nAA==", "1\n2\nAA==\n\n", "1\n2\n\n\n"] {
            assert_eq!(MirrorInfo::parse(bad.as_bytes()), Err(MirrorInfoError::Form), "{bad:?}");
        }
        assert_eq!(MirrorInfo::parse(b"1\n2\n\xff\n"), Err(MirrorInfoError::Form));
        for bad in ["", "01", "+1", "1\r", " 1", "18446744073709551616"] {
            assert_eq!(MirrorInfo::parse(format!("{bad}\n2\n\n").as_bytes()), Err(MirrorInfoError::Number(1)));
            assert_eq!(MirrorInfo::parse(format!("1\n{bad}\n\n").as_bytes()), Err(MirrorInfoError::Number(2)));
        }
        for bad in ["A", "AA", "AA=", "AB==", "AA==\r", " "] {
            assert_eq!(MirrorInfo::parse(format!("1\n2\n{bad}\n").as_bytes()), Err(MirrorInfoError::Ticket), "{bad}");
        }
        let long = MirrorInfo { size: 1, next: 2, ticket: vec![0; 65_536] }.encode();
        assert_eq!(MirrorInfo::parse(long.as_bytes()), Err(MirrorInfoError::TicketTooLong(87_384)));
    }
}
