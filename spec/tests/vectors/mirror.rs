//! The mirror protocol: uploads, package by package, and the answer of three lines.

use super::format::{C2SP, Vector, base64};
use super::keys::{ORIGIN, leaf};
use super::tree::{Tree, other};
use spec::merkle::{Hash, TreeHead};
use spec::mirror::{
    self as protocol, Ended, MalformedUpload, Mirror, MirrorInfo, MirrorInfoError, Package, PackageRange, Upload,
    UploadRefusal,
};

pub fn run(vector: &Vector) -> String {
    match vector.get("format") {
        "add-entries" => add_entries(vector),
        "mirror-info" => MirrorInfo::parse(&vector.body).map_or_else(|error| info_error(&error), |_| "accept").into(),
        other => panic!("{}: format {other}", vector.name),
    }
}

pub fn accepts(vector: &Vector, text: &[u8]) -> Option<Vec<u8>> {
    let info = vector.get("format") == "mirror-info";
    info.then(|| MirrorInfo::parse(text).ok().map(|info| info.encode().into_bytes())).flatten()
}

fn info_error(error: &MirrorInfoError) -> &'static str {
    match error {
        MirrorInfoError::Form => "mirror-info-form",
        MirrorInfoError::Number(_) => "number",
        MirrorInfoError::TicketTooLong(_) => "ticket-too-long",
        MirrorInfoError::Ticket => "ticket",
    }
}

/// A size and a root, with a space between.
fn head(text: &str) -> TreeHead {
    let (size, root) = text.split_once(' ').unwrap();
    TreeHead { size: size.parse().unwrap(), root: Hash::from_base64(root).unwrap() }
}

/// What a mirror does with a request, step by step, and where it stops.
fn add_entries(vector: &Vector) -> String {
    let pending: Vec<_> = vector.all("pending").map(head).collect();
    let mirrored = head(vector.get("mirrored"));
    let mirror = Mirror { pending: &pending, mirrored, next: vector.number("next-entry") };
    let parsed = Upload::parse(&vector.body);
    let (status, expect, info) = match parsed {
        Ok(Some((upload, rest))) => {
            let at_end = vector.find("mirrored-at-end").map_or(mirrored, head);
            let judged = judge(vector, &mirror, &upload, rest, at_end.size);
            let status = judged.as_ref().map_or_else(|(refusal, _)| refusal.status(), |(ended, _)| ended.status());
            let (expect, next) = match judged {
                Ok((_, next)) => ("accept", next),
                Err((refusal, next)) => (refusal.name(), next),
            };
            let after = Mirror { pending: &pending, mirrored: at_end, next };
            (status, expect, Some(after.info(&upload, b"a ticket").encode()))
        }
        Ok(None) => (400, "malformed-request", None),
        Err(malformed) => {
            let reason = match malformed {
                MalformedUpload::Origin => None,
                MalformedUpload::StartBeyondEnd { .. } => Some("start-beyond-end"),
            };
            assert_eq!(vector.find("reason"), reason, "{}", vector.name);
            let refusal = UploadRefusal::from(malformed);
            (refusal.status(), refusal.name(), None)
        }
    };
    assert_eq!(vector.number("status"), u64::from(status), "{}", vector.name);
    if [202, 409].contains(&status) {
        assert_eq!(vector.get("content-type"), protocol::INFO_CONTENT_TYPE);
        assert_eq!(vector.base64("answer-base64"), info.unwrap().as_bytes(), "{}", vector.name);
    }
    expect.into()
}

/// Judges the head, each package and the end; also returns the next entry as it is then.
fn judge(
    vector: &Vector,
    mirror: &Mirror<'_>,
    upload: &Upload,
    mut rest: &[u8],
    mirrored_at_end: u64,
) -> Result<(Ended, u64), (UploadRefusal, u64)> {
    let (mut saved, mut next) = (0, mirror.next);
    let known = upload.origin == vector.get("origin");
    let head = protocol::judge_upload(known.then_some(mirror), upload).map_err(|refusal| (refusal, next))?;
    for range in upload.packages() {
        let Ok(Some((package, after))) = Package::parse(rest, range) else { break };
        let before: Vec<_> = (range.subtree.start()..range.start).map(leaf).collect();
        protocol::judge_package(range, &before, &package, &head).map_err(|error| (error.into(), next))?;
        (saved, rest, next) = (saved + 1, after, next.max(range.subtree.end()));
    }
    protocol::judge_end(upload, saved, mirrored_at_end).map(|ended| (ended, next)).map_err(|refusal| (refusal, next))
}

pub fn make() -> Vec<Vector> {
    let log = Log { tree: Tree::new(600) };
    [log.accepted(), log.refused(), infos()].concat()
}

struct Log {
    tree: Tree,
}

fn upload(start: u64, end: u64) -> Upload {
    Upload { origin: ORIGIN.into(), start, end, ticket: Vec::new() }
}

fn encoded(upload: &Upload) -> Vec<u8> {
    upload.encode().unwrap()
}

fn head_text(head: &TreeHead) -> String {
    format!("{} {}", head.size, head.root)
}

impl Log {
    /// A package as bytes; `change` may change it before it is written.
    fn package(&self, range: PackageRange, size: u64, change: impl Fn(&mut Vec<String>, &mut Vec<Hash>)) -> Vec<u8> {
        let mut entries: Vec<_> = (range.start..range.subtree.end()).map(|n| format!("entry {n}")).collect();
        let mut proof = self.tree.subtree_consistency(range.subtree, size);
        change(&mut entries, &mut proof);
        let entries = entries.iter().map(|entry| entry.as_bytes()).collect();
        Package { entries, proof }.encode().unwrap()
    }

    /// The first so many packages of an upload.
    fn packages(&self, upload: &Upload, count: usize) -> Vec<u8> {
        upload.packages().take(count).flat_map(|range| self.package(range, upload.end, |_, _| ())).collect()
    }

    fn whole(&self, upload: &Upload) -> Vec<u8> {
        [encoded(upload), self.packages(upload, usize::MAX)].concat()
    }

    fn with(&self, vector: Vector, status: u16, pending: &[u64], mirrored: u64, next: u64) -> Vector {
        let pending = pending.iter().map(|size| head_text(&self.tree.head(*size)));
        let vector = vector.with("status", status).with("format", "add-entries").with("origin", ORIGIN);
        let vector = vector.with_all("pending", pending).with("mirrored", head_text(&self.tree.head(mirrored)));
        vector.with("next-entry", next)
    }

    fn accepted(&self) -> Vec<Vector> {
        let one = |name: &str, state: (u16, &[u64], u64, u64), comment: &str, body: Vec<u8>| {
            let vector = Vector::accept(name, &format!("{C2SP}tlog-mirror.md#add-entries"), comment, body);
            self.with(vector, state.0, state.1, state.2, state.3)
        };
        let (all, inside) = (upload(0, 600), upload(300, 600));
        let first = self.package(all.packages().next().unwrap(), 600, |_, _| ());
        let second = self.packages(&all, 2).split_off(first.len());
        let with_ticket = Upload { ticket: b"a ticket".to_vec(), ..upload(0, 3) };
        vec![
            one(
                "whole-upload",
                (200, &[3], 0, 0),
                "Once all packages are validated, the mirror responds with 200 and its cosignatures.",
                self.whole(&upload(0, 3)),
            ),
            one(
                "three-packages",
                (200, &[600], 0, 0),
                "Packages are cut at multiples of 256, here [0, 256), [256, 512) and [512, 600).",
                self.whole(&all),
            ),
            one(
                "start-inside-package",
                (200, &[600], 0, 300),
                "The subtree of the first package starts at the multiple of 256 below the upload's start.",
                self.whole(&inside),
            ),
            one(
                "with-ticket",
                (200, &[3], 0, 0),
                "The ticket is an opaque value from the mirror, or the empty string.",
                self.whole(&with_ticket),
            ),
            one(
                "older-pending-checkpoint",
                (200, &[600, 300], 0, 256),
                "The upload's end MUST be the size of the pending checkpoint or of a previously valid one.",
                self.whole(&upload(256, 300)),
            ),
            one(
                "entries-there-already",
                (200, &[300], 0, 280),
                "The mirror skips entries that it has already, if they are not too many.",
                self.whole(&upload(256, 300)),
            ),
            one(
                "mirror-checkpoint-again",
                (200, &[600], 300, 300),
                "The upload's end may be the mirror checkpoint's size.",
                self.whole(&upload(256, 300)),
            ),
            one(
                "nothing-to-upload",
                (200, &[300], 0, 300),
                "If start and end are equal the canonical sequence is empty, and only the checkpoint moves.",
                encoded(&upload(300, 300)),
            ),
            one(
                "surplus-bytes",
                (200, &[3], 0, 0),
                "The mirror discards bytes after the last package.",
                [self.whole(&upload(0, 3)), b"surplus".to_vec()].concat(),
            ),
            partly(
                one(
                    "first-package-of-three",
                    (202, &[600], 0, 0),
                    "The request MUST contain a prefix of the packages, and for a strict one the status is 202.",
                    [encoded(&all), first.clone()].concat(),
                ),
                (600, 256),
            ),
            partly(
                one(
                    "second-package-cut",
                    (202, &[600], 0, 0),
                    "The mirror discards the bytes of a package that is cut short, and keeps those before it.",
                    [encoded(&all), first.clone(), second[..1000].to_vec()].concat(),
                ),
                (600, 256),
            ),
            partly(
                one(
                    "second-package-sixty-four-hashes",
                    (202, &[600], 0, 0),
                    "A package that says more than 63 hashes is discarded, and all after it.",
                    [encoded(&all), first, sixty_four(&second)].concat(),
                ),
                (600, 256),
            ),
        ]
    }

    fn refused(&self) -> Vec<Vector> {
        let one = |name: &str, expect: &str, state: (u16, &[u64], u64, u64), comment: &str, body: Vec<u8>| {
            let spec = format!("{C2SP}tlog-mirror.md#add-entries");
            let vector = Vector::refuse(name, "whole-upload", expect, &spec, comment, body);
            self.with(vector, state.0, state.1, state.2, state.3)
        };
        let start: (u16, &[u64], u64, u64) = (400, &[3], 0, 0);
        let small = upload(0, 3);
        let (range, whole) = (small.packages().next().unwrap(), self.whole(&small));
        let changed = |change: &dyn Fn(&mut Vec<String>, &mut Vec<Hash>)| {
            [encoded(&small), self.package(range, 3, change)].concat()
        };
        let wide = upload(256, 300);
        let wide_range = wide.packages().next().unwrap();
        let proof = |name: &str, comment: &str, change: &dyn Fn(&mut Vec<String>, &mut Vec<Hash>)| {
            let body = [encoded(&wide), self.package(wide_range, 300, change)].concat();
            one(name, "inconsistent", (422, &[300], 0, 256), comment, body)
        };
        let mut not_utf8 = whole.clone();
        not_utf8[2] = 0xff;
        let foreign = Upload { origin: "other.example/log".into(), ..small.clone() };
        let second_wrong = {
            let all = upload(0, 512);
            let mut ranges = all.packages();
            let (first, second) = (ranges.next().unwrap(), ranges.next().unwrap());
            let wrong = self.package(second, 512, |entries, _| entries[0] = "other".into());
            [encoded(&all), self.package(first, 512, |_, _| ()), wrong].concat()
        };
        let far = {
            let comment = "If too many entries are there already, 8,193 here, the mirror MUST respond with 409.";
            let spec = format!("{C2SP}tlog-mirror.md#add-entries");
            let body = encoded(&upload(0, 10_000));
            let vector = Vector::refuse("excess-entries", "whole-upload", "excess-entries", &spec, comment, body);
            let vector = vector.with("status", 409).with("format", "add-entries").with("origin", ORIGIN);
            let pending = TreeHead { size: 10_000, root: other(7) };
            let vector = vector.with("pending", head_text(&pending)).with("mirrored", head_text(&self.tree.head(0)));
            partly(vector.with("next-entry", 8193), (10_000, 8193))
        };
        vec![
            one(
                "header-cut",
                "malformed-request",
                start,
                "If the body ends before a package is saved, the header malformed included, the status is 400.",
                encoded(&small)[..20].to_vec(),
            ),
            one("empty-request", "malformed-request", start, "The body MUST start with the header.", Vec::new()),
            one(
                "start-beyond-end",
                "malformed-request",
                start,
                "The upload's start MUST be less or equal to its end.",
                encoded(&upload(3, 2)),
            )
            .with("reason", "start-beyond-end"),
            one(
                "package-cut",
                "nothing-saved",
                start,
                "If the first package is truncated, the status is 400.",
                whole[..whole.len() - 1].to_vec(),
            ),
            one("no-package", "nothing-saved", start, "If no package is sent, the status is 400.", encoded(&small)),
            one(
                "sixty-four-hashes",
                "nothing-saved",
                (400, &[300], 0, 256),
                "The number of hashes MUST be at most 63.",
                [encoded(&wide), sixty_four(&self.package(wide_range, 300, |_, _| ()))].concat(),
            ),
            one(
                "unknown-origin",
                "unknown-origin",
                (404, &[3], 0, 0),
                "If the origin is not a known log, the mirror MUST respond with 404.",
                self.whole(&foreign),
            ),
            one(
                "origin-not-utf-8",
                "unknown-origin",
                (404, &[3], 0, 0),
                "No known log has an origin that is not UTF-8.",
                not_utf8,
            ),
            one(
                "no-pending-checkpoint",
                "no-pending-checkpoint",
                (422, &[], 0, 0),
                "If the mirror never received a pending checkpoint signed by the log, the status MUST be 422.",
                whole.clone(),
            ),
            partly(
                one(
                    "unknown-end",
                    "unknown-end",
                    (409, &[7], 0, 0),
                    "If the end is the size of no known checkpoint, the mirror MUST respond with 409.",
                    whole.clone(),
                ),
                (7, 0),
            ),
            partly(
                one(
                    "end-behind-mirror-checkpoint",
                    "end-behind-mirror",
                    (409, &[600, 3], 7, 7),
                    "If the end is less than the mirror checkpoint's size, the mirror MUST respond with 409.",
                    whole.clone(),
                ),
                (600, 7),
            ),
            partly(
                one(
                    "start-beyond-next-entry",
                    "start-beyond-next",
                    (409, &[600], 0, 255),
                    "If the start is greater than the next entry, the mirror MUST respond with 409.",
                    self.whole(&upload(256, 600)),
                ),
                (600, 255),
            ),
            far,
            one(
                "entry-changed",
                "inconsistent",
                (422, &[3], 0, 0),
                "The mirror MUST authenticate the entries, and MUST respond with 422 if that fails.",
                changed(&|entries, _| entries[1] = "another entry".into()),
            ),
            one(
                "entries-swapped",
                "inconsistent",
                (422, &[3], 0, 0),
                "Entries are authenticated in their order.",
                changed(&|entries, _| entries.swap(0, 1)),
            ),
            proof("proof-other-hash", "If the proof fails, the mirror MUST respond with 422.", &|_, proof| {
                proof[0] = other(7);
            }),
            proof("proof-short", "A proof with a hash too few fails.", &|_, proof| _ = proof.pop()),
            proof("proof-surplus", "A proof with a hash too many fails.", &|_, proof| proof.push(other(7))),
            one(
                "second-package-changed",
                "inconsistent",
                (422, &[512], 0, 0),
                "If a later package fails, the mirror MUST respond with 422 too, and keeps those before it.",
                second_wrong,
            ),
            partly(
                one(
                    "mirror-checkpoint-moved",
                    "end-behind-mirror",
                    (409, &[600, 3], 0, 0),
                    "If the mirror checkpoint went past the end meanwhile, it MUST NOT be rewound, and the status is 409.",
                    whole,
                )
                .with("mirrored-at-end", head_text(&self.tree.head(600))),
                (600, 3),
            ),
        ]
    }
}

/// The package with 64 hashes, and saying so. Its entries are text, so the last byte that counts the hashes after it is found.
fn sixty_four(package: &[u8]) -> Vec<u8> {
    let at = |hashes: usize| package.len().checked_sub(32 * hashes + 1);
    let hashes = (0..=8).find(|n| at(*n).is_some_and(|at| usize::from(package[at]) == *n)).unwrap();
    let entries = &package[..at(hashes).unwrap()];
    [entries, &[64], &[7; 64 * 32]].concat()
}

/// Adds the answer of 202 or 409: a size, the next entry and a ticket.
fn partly(vector: Vector, (size, next): (u64, u64)) -> Vector {
    let answer = format!("{size}\n{next}\n{}\n", base64(b"a ticket"));
    vector.with("content-type", "text/x.tlog.mirror-info").with("answer-base64", base64(answer.as_bytes()))
}

fn infos() -> Vec<Vector> {
    let spec = format!("{C2SP}tlog-mirror.md#processing");
    let accept = |name: &str, comment: &str, body: &str| {
        Vector::accept(name, &spec, comment, body).with("format", "mirror-info")
    };
    let refuse = |name: &str, expect: &str, comment: &str, body: &str| {
        Vector::refuse(name, "info", expect, &spec, comment, body).with("format", "mirror-info")
    };
    let three = "The body consists of three lines, each followed by a newline";
    let decimal = "Tree size and next entry are decimals without sign and leading zeroes";
    let opaque = "The ticket is encoded in base64, that of RFC 4648 section 4";
    vec![
        accept("info", "Tree size, next entry and ticket.", "600\n256\nYSB0aWNrZXQ=\n"),
        accept("info-no-ticket", "The ticket may have zero length.", "600\n256\n\n"),
        accept("info-zero", "Zero is written 0.", "0\n0\n\n"),
        refuse("info-empty", "mirror-info-form", &format!("{three}."), ""),
        refuse("info-two-lines", "mirror-info-form", &format!("{three}."), "600\n256\n"),
        refuse("info-four-lines", "mirror-info-form", &format!("{three}."), "600\n256\nYSB0aWNrZXQ=\n\n"),
        refuse("info-no-final-newline", "mirror-info-form", &format!("{three}."), "600\n256\nYSB0aWNrZXQ="),
        refuse("info-crlf", "number", &format!("{three}, U+000A alone."), "600\r\n256\r\nYSB0aWNrZXQ=\r\n"),
        refuse("info-size-leading-zero", "number", &format!("{decimal}."), "0600\n256\nYSB0aWNrZXQ=\n"),
        refuse("info-size-empty", "number", &format!("{decimal}."), "\n256\nYSB0aWNrZXQ=\n"),
        refuse(
            "info-size-beyond-2-64",
            "number",
            "2^64 + 600 is not 600.",
            "18446744073709552216\n256\nYSB0aWNrZXQ=\n",
        ),
        refuse("info-next-plus", "number", &format!("{decimal}."), "600\n+256\nYSB0aWNrZXQ=\n"),
        refuse("info-ticket-without-padding", "ticket", &format!("{opaque} with padding."), "600\n256\nYSB0aWNrZXQ\n"),
        refuse(
            "info-ticket-trailing-bits",
            "ticket",
            &format!("{opaque}, unused bits zero."),
            "600\n256\nYSB0aWNrZXR=\n",
        ),
        refuse("info-ticket-url-safe", "ticket", &format!("{opaque}, not that for URLs."), "600\n256\n_w==\n"),
    ]
}
