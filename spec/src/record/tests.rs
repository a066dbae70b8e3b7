use super::*;
use alloc::{string::ToString, vec};

/// `count` texts made by `item`, as a JSON array.
fn array(count: usize, item: impl Fn(usize) -> String) -> String {
    format!("[{}]", (0..count).map(item).collect::<Vec<_>>().join(","))
}

/// The text with the first `from` replaced.
#[track_caller]
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1)
}

/// A tiny generator of numbers, the same ones at every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// Changes one to three bytes of a text: replaced, removed, inserted, or a piece of it copied elsewhere.
    pub(crate) fn mangled(&mut self, text: &[u8]) -> Vec<u8> {
        let mut bytes = text.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] = self.below(256) as u8,
                1 => bytes[at] = text[self.below(text.len())],
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, text[self.below(text.len())]),
                _ => {
                    let from = self.below(text.len());
                    let piece = &text[from..text.len().min(from + self.below(40))];
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
        }
        bytes
    }
}

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const COMMIT: &str = "cccccccccccccccccccccccccccccccccccccccc";

fn statement(predicate_type: &str, predicate: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"shield-7.2.0.pkg","digest":{{"sha256":"{A}","sha512":"00ff","gitCommit":"{COMMIT}"}}}}],"predicateType":"{predicate_type}","predicate":{predicate}}}"#
    )
}

fn source() -> String {
    let predicate = r#"{"log":"log.acme.example/updates","products":["pkg:generic/acme/shield","pkg:generic/acme/sword"],"version":"7.2.0","heldAt":["https://centre.example.ch/acme"]}"#;
    statement("urn:glarus:source:v1", predicate)
}

fn build() -> String {
    let predicate = format!(
        r#"{{"buildDefinition":{{"buildType":"https://acme.example/make","externalParameters":{{}},"resolvedDependencies":[{{"uri":"https://acme.example/shield.tar","digest":{{"sha256":"{B}","gitCommit":"{COMMIT}"}}}},{{"digest":{{"sha256":"{A}"}}}},{{"uri":"pkg:deb/debian/gcc"}}]}},"runDetails":{{"builder":{{"id":"https://acme.example/builder"}}}}}}"#
    );
    statement("https://slsa.dev/provenance/v1", &predicate)
}

fn update() -> String {
    let predicate = format!(
        r#"{{"log":"log.acme.example/updates","product":"pkg:generic/acme/shield","version":"7.2.0","channel":"stable","target":"linux-x86_64","sequence":41,"builds":["{A}","{B}"]}}"#
    );
    statement("urn:glarus:update:v1", &predicate)
}

fn authority() -> String {
    crate::authority::tests::statement_json()
}

const LOG: &str = "log.acme.example/updates";

/// A statement about a thing without bytes.
fn statement_of(name: &str, predicate_type: &str, predicate: &str) -> String {
    let sha256 = Digest::of(name.as_bytes());
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"{name}","digest":{{"sha256":"{sha256}"}}}}],"predicateType":"{predicate_type}","predicate":{predicate}}}"#
    )
}

fn rebuild() -> String {
    let predicate = format!(
        r#"{{"verifier":{{"id":"https://rebuild.example.ch"}},"timeVerified":"2026-11-23T18:20:40Z","resourceUri":"urn:glarus:build:v1:{A}","policy":{{"uri":"urn:glarus:rebuild:v1:{LOG}"}},"inputAttestations":[{{"digest":{{"sha256":"{A}"}}}}],"verificationResult":"PASSED","verifiedLevels":[],"rebuilt":[{{"name":"shield-7.2.0.pkg","digest":{{"sha256":"{B}","gitCommit":"{COMMIT}"}}}}]}}"#
    );
    statement("https://slsa.dev/verification_summary/v1", &predicate)
}

fn withdrawal() -> String {
    let predicate = format!(
        r#"{{"log":"{LOG}","updates":["{A}"],"reason":"deletes what it should guard","severity":"high","replacement":"{B}"}}"#
    );
    statement("urn:glarus:withdrawal:v1", &predicate)
}

fn review() -> String {
    let predicate = format!(
        r#"{{"log":"{LOG}","of":"{A}","party":"https://centre.example.ch","what":"held","outcome":"confirmed","time":1795458040,"centre":"Glarus"}}"#
    );
    statement("urn:glarus:review:v1", &predicate)
}

fn policy() -> String {
    let predicate = format!(r##"{{"log":"{LOG}","epoch":1,"previous":"{A}","policy":"# none yet\nquorum none\n"}}"##);
    statement_of(LOG, "urn:glarus:policy:v1", &predicate)
}

fn access() -> String {
    let predicate = format!(
        r#"{{"log":"{LOG}","namespace":"pkg:generic/acme/","store":"telemetry","purpose":"support case 4711","from":1795458040,"until":1795544440,"commitment":"{A}"}}"#
    );
    statement_of("telemetry", "urn:glarus:access:v1", &predicate)
}

fn payloads() -> [(Kind, String); 9] {
    [
        (Kind::Authority, authority()),
        (Kind::Source, source()),
        (Kind::Build, build()),
        (Kind::Rebuild, rebuild()),
        (Kind::Update, update()),
        (Kind::Withdrawal, withdrawal()),
        (Kind::Review, review()),
        (Kind::Policy, policy()),
        (Kind::Access, access()),
    ]
}

/// A canonical entry around a payload; the signatures are none, but well-formed.
fn entry(payload: &str) -> Vec<u8> {
    envelope(payload.as_bytes(), &[(Digest([1; 32]), vec![7; 64]), (Digest([2; 32]), vec![9; 64])]).unwrap()
}

#[track_caller]
fn refused(payload: &str, name: &str) {
    let error = Statement::parse(payload.as_bytes()).unwrap_err();
    assert_eq!(error.name(), name, "{error}");
    assert_eq!(error.status(), 400);
    // The same in an envelope.
    assert_eq!(Record::parse_entry(&entry(payload)), Err(error));
}

#[test]
fn every_kind() {
    for (kind, payload) in payloads() {
        let statement = Statement::parse(payload.as_bytes()).unwrap();
        assert_eq!(statement.to_json(), payload);
        let record = Record::parse_entry(&entry(&payload)).unwrap();
        assert_eq!((record.kind(), &record.statement), (kind, &statement));
        assert_eq!(record.payload, payload.as_bytes());
        assert_eq!(record.id, Digest::of(&pae(payload.as_bytes())));
        let log = (kind != Kind::Build).then_some("log.acme.example/updates");
        assert_eq!(record.log(), log);
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
        assert_eq!(Kind::from_predicate_type(kind.predicate_type()), Some(kind));
        // The older statement type says the same.
        let older = with(&payload, "Statement/v1", "Statement/v0.1");
        assert_eq!(Statement::parse(older.as_bytes()), Ok(statement));
    }
}

#[test]
fn what_the_fields_say() {
    let statement = |payload: String| Statement::parse(payload.as_bytes()).unwrap();
    let subject = &statement(source()).subjects[0];
    assert_eq!((subject.name.as_str(), subject.sha256.to_string().as_str()), ("shield-7.2.0.pkg", A));
    assert_eq!(subject.digests, [("sha512".into(), "00ff".into()), ("gitCommit".into(), COMMIT.into())]);
    let Predicate::Source(source) = statement(source()).predicate else { panic!() };
    assert_eq!(source.products[1].as_str(), "pkg:generic/acme/sword");
    assert_eq!(source.held_at, ["https://centre.example.ch/acme"]);
    let Predicate::Build(build) = statement(build()).predicate else { panic!() };
    assert_eq!(
        (build.build_type.as_str(), build.builder.as_str()),
        ("https://acme.example/make", "https://acme.example/builder")
    );
    let sha256 = |text| Digest::parse(text);
    let dependency = |uri: Option<&str>, sha256, git_commit: Option<&str>| Dependency {
        uri: uri.map(Into::into),
        sha256,
        git_commit: git_commit.map(Into::into),
    };
    let dependencies = [
        dependency(Some("https://acme.example/shield.tar"), sha256(B), Some(COMMIT)),
        dependency(None, sha256(A), None),
        dependency(Some("pkg:deb/debian/gcc"), None, None),
    ];
    assert_eq!(build.dependencies, dependencies);
    let Predicate::Update(update) = statement(update()).predicate else { panic!() };
    assert_eq!((update.channel.as_str(), update.target.as_str(), update.sequence), ("stable", "linux-x86_64", 41));
    assert_eq!(update.builds, [sha256(A).unwrap(), sha256(B).unwrap()]);
}

/// What other tools write, beyond what ours writes.
#[test]
fn foreign_statements() {
    #[track_caller]
    fn dependencies(json: &str) -> Vec<Dependency> {
        let payload = build();
        let (start, end) =
            (payload.find(r#""resolvedDependencies""#).unwrap(), payload.find(r#"},"runDetails"#).unwrap());
        let payload = [&payload[..start], json, &payload[end..]].concat();
        match Statement::parse(payload.as_bytes()).unwrap().predicate {
            Predicate::Build(build) => build.dependencies,
            _ => panic!(),
        }
    }
    let none = Dependency { uri: None, sha256: None, git_commit: None };
    for absent in [r#""x":1"#, r#""resolvedDependencies":null"#, r#""resolvedDependencies":[]"#] {
        assert_eq!(dependencies(absent), []);
    }
    for nothing in [
        "{}",
        r#"{"uri":"","digest":{}}"#,
        r#"{"uri":null,"digest":null}"#,
        r#"{"digest":{"sha256":null,"gitCommit":""}}"#,
        r#"{"digest":{"sha1":1,"sha512":"UPPER"},"annotations":{"a":1,"A":2}}"#,
    ] {
        assert_eq!(dependencies(&format!(r#""resolvedDependencies":[{nothing}]"#)), core::slice::from_ref(&none));
    }
    // Members that nobody reads may collide by case, but not be there twice.
    let payload = with(&update(), r#""sequence":41"#, r#""sequence":41,"notes":{"a":[1e400,-0],"A":null}"#);
    assert_eq!(Statement::parse(payload.as_bytes()), Statement::parse(update().as_bytes()));
    refused(&with(&payload, r#""A":null"#, r#""a":null"#), "duplicate-key");
    // White space, escapes and another order of members.
    let payload = with(&update(), r#""channel":"stable","#, "");
    let payload = with(&payload, r#""predicate":{"#, "\n \"predicate\" : { \"\\u0063hannel\" : \"st\\u0061ble\" ,");
    assert_eq!(Statement::parse(payload.as_bytes()), Statement::parse(update().as_bytes()));
}

#[test]
fn refused_statements() {
    #[track_caller]
    fn check(payload: String, changes: &[(&str, &str, &str)]) {
        for (from, to, name) in changes {
            refused(&with(&payload, from, to), name);
        }
    }
    for payload in ["", "{", "null x", "\u{feff}{}"] {
        refused(payload, "not-json");
    }
    for payload in ["[]", "null", "1", "\"{}\""] {
        refused(payload, "wrong-type");
    }
    for (_, payload) in payloads() {
        check(
            payload,
            &[
                (r#""_type":"https://in-toto.io/Statement/v1","#, "", "missing-field"),
                ("in-toto.io/Statement/v1", "in-toto.io/Statement/v2", "statement-type"),
                ("https://in-toto.io/Statement/v1", "", "statement-type"),
                (r#""_type":"https://in-toto.io/Statement/v1""#, r#""_type":1"#, "wrong-type"),
                (r#""predicateType":""#, r#""predicateType":"x"#, "unknown-predicate"),
                (r#""predicateType""#, r#""predicate_type""#, "missing-field"),
                (r#""predicate":"#, r#""predicat":"#, "missing-field"),
                (r#""predicate":"#, r#""predicate":[],"predicate":"#, "duplicate-key"),
                (r#""predicate":"#, r#""predicate":[],"x":"#, "wrong-type"),
                (r#""subject":"#, r#""subject":[],"s":"#, "empty"),
                (r#""subject":"#, r#""subject":{},"s":"#, "wrong-type"),
                (r#""subject":"#, r#""subject":null,"s":"#, "wrong-type"),
                (r#""subject":"#, r#""s":"#, "missing-field"),
                (r#""subject":["#, r#""subject":[1,"#, "wrong-type"),
                (r#""subject":[{"name":"#, r#""subject":[{"nam":"#, "missing-field"),
                (r#""subject":[{"name":""#, r#""subject":[{"name":"","n":""#, "empty"),
                (r#""subject":[{"name":""#, r#""subject":[{"name":"\u0000"#, "control-character"),
                (r#""subject":[{"name":""#, r#""subject":[{"name":"\u0085"#, "control-character"),
                (r#""subject":[{"name":""#, r#""subject":[{"name":null,"n":""#, "wrong-type"),
                (r#""digest":{"#, r#""digests":{"#, "missing-field"),
                (r#""digest":{"#, r#""digest":[],"digests":{"#, "wrong-type"),
                (r#""sha256":"#, r#""SHA-256":"#, "missing-field"),
                (r#""sha256":""#, r#""sha256":"0"#, "digest"),
                (r#""sha256":"#, r#""sha256":1,"x":"#, "wrong-type"),
            ],
        );
    }
    check(
        source(),
        &[
            ("aaaaaaaa\"", "aaaaaaaA\"", "digest"),
            ("aaaaaaaa\"", "aaaaaaag\"", "digest"),
            ("ccc\"}", "cc\"}", "digest"),
            ("ccc\"}", "ccC\"}", "digest"),
            (COMMIT, "", "digest"),
            (r#""00ff""#, "1", "wrong-type"),
            (r#""00ff""#, r#""""#, "empty"),
            (r#""sha512""#, r#""""#, "empty"),
            (r#""sha512""#, r#""\n""#, "control-character"),
            (r#""log":"log.acme.example/updates","#, "", "missing-field"),
            ("log.acme.example/updates", "", "empty"),
            ("log.acme.example/updates", "log acme", "log"),
            ("log.acme.example/updates", "log\u{2003}acme", "log"),
            ("log.acme.example/updates", "log+acme", "log"),
            ("log.acme.example/updates", "log\\n", "control-character"),
            (r#""products":["#, r#""products":["x","#, "product"),
            (r#""products":["#, r#""products":[1,"#, "wrong-type"),
            (r#""products":["#, r#""products":[],"p":["#, "empty"),
            (r#""products":["#, r#""products":["pkg:generic/acme/sword","#, "repeated"),
            (r#""products":"#, r#""product":"#, "missing-field"),
            (r#""version":"7.2.0""#, r#""version":"""#, "empty"),
            (r#""version":"7.2.0""#, r#""version":7"#, "wrong-type"),
            (r#""version":"7.2.0","#, "", "missing-field"),
            (r#""heldAt":["#, r#""heldAt":[1,"#, "wrong-type"),
            (r#""heldAt":["#, r#""heldAt":["","#, "empty"),
            (r#""heldAt":["#, r#""heldAt":["https://centre.example.ch/acme","#, "repeated"),
            (r#""heldAt":"#, r#""heldat":"#, "missing-field"),
            (r#""heldAt":"#, r#""heldAt":null,"x":"#, "wrong-type"),
        ],
    );
    check(
        build(),
        &[
            ("provenance/v1", "provenance/v0.2", "missing-field"),
            ("provenance/v1", "provenance/v0.1", "unknown-predicate"),
            ("provenance/v1", "provenance/v1.0", "unknown-predicate"),
            (r#""buildDefinition""#, r#""builddefinition""#, "missing-field"),
            (r#""buildType":"https://acme.example/make","#, "", "missing-field"),
            (r#""buildType":"https://acme.example/make""#, r#""buildType":"""#, "empty"),
            (r#""buildType":"https://acme.example/make""#, r#""buildType":null"#, "wrong-type"),
            (r#""resolvedDependencies":"#, r#""resolvedDependencies":{"a":1},"x":"#, "wrong-type"),
            (r#""resolvedDependencies":["#, r#""resolvedDependencies":[null,"#, "wrong-type"),
            (r#""uri":"https://acme.example/shield.tar""#, r#""uri":1"#, "wrong-type"),
            (r#""uri":""#, r#""uri":"\t"#, "control-character"),
            (r#"shield.tar","digest":"#, r#"shield.tar","digest":7,"d":"#, "wrong-type"),
            (&format!(r#""sha256":"{B}""#), r#""sha256":"b""#, "digest"),
            (&format!(r#""{B}","gitCommit":"{COMMIT}""#), &format!(r#""{B}","gitCommit":"{COMMIT}c""#), "digest"),
            (&format!(r#""{B}","gitCommit":"{COMMIT}""#), &format!(r#""{B}","gitCommit":40"#), "wrong-type"),
            (r#""runDetails""#, r#""rundetails""#, "missing-field"),
            (r#""builder":{"#, r#""builders":{"#, "missing-field"),
            (r#""builder":{"#, r#""builder":"x","b":{"#, "wrong-type"),
            (r#""id":"#, r#""name":"#, "missing-field"),
            (r#""id":""#, r#""id":"","name":""#, "empty"),
        ],
    );
    check(
        update(),
        &[
            ("urn:glarus:update:v1", "urn:glarus:update:v2", "unknown-predicate"),
            ("urn:glarus:update:v1", "urn:glarus:withdrawal:v1", "missing-field"),
            (r#""product":"pkg:generic/acme/shield","#, "", "missing-field"),
            ("pkg:generic/acme/shield", "pkg:generic/acme/shield@7.2.0", "product"),
            ("pkg:generic/acme/shield", "", "product"),
            ("stable", "", "channel"),
            ("stable", "Stable", "channel"),
            ("stable", "-stable", "channel"),
            ("stable", "sta ble", "channel"),
            ("stable", "stablé", "channel"),
            (r#""stable""#, "null", "wrong-type"),
            ("linux-x86_64", "-", "target"),
            ("linux-x86_64", "linux/x86", "target"),
            (r#","target":"linux-x86_64""#, "", "missing-field"),
            (r#""target":"linux-x86_64""#, r#""target":null"#, "wrong-type"),
            (r#""sequence":41"#, r#""sequence":0"#, "sequence"),
            (r#""sequence":41"#, r#""sequence":-1"#, "sequence"),
            (r#""sequence":41"#, r#""sequence":41.0"#, "sequence"),
            (r#""sequence":41"#, r#""sequence":4e1"#, "sequence"),
            (r#""sequence":41"#, r#""sequence":9007199254740992"#, "sequence"),
            (r#""sequence":41"#, r#""sequence":"41""#, "wrong-type"),
            (r#""sequence":41,"#, "", "missing-field"),
            (r#""builds":["#, r#""builds":[],"b":["#, "empty"),
            (r#""builds":["#, r#""builds":[null,"#, "wrong-type"),
            (r#""builds":["#, r#""builds":["","#, "digest"),
            (r#""builds":["#, &format!(r#""builds":["{B}","#), "repeated"),
            (r#""builds":"#, r#""build":"#, "missing-field"),
            (r#""sequence":41"#, r#""\u006cog":"x","sequence":41"#, "duplicate-key"),
        ],
    );
    // Both ends of what is allowed.
    for (from, to) in [
        (r#""sequence":41"#, r#""sequence":1"#),
        (r#""sequence":41"#, r#""sequence":9007199254740991"#),
        ("linux-x86_64", ""),
        ("stable", "0"),
        ("stable", "2026.11_lts-b"),
    ] {
        Statement::parse(with(&update(), from, to).as_bytes()).unwrap();
    }
}

/// In every object whose members are read, a twin of any key that is read, by case, is refused.
#[test]
fn keys_that_differ_by_case() {
    let keys = "_type subject name digest sha256 gitCommit predicateType predicate log products version heldAt \
        buildDefinition buildType resolvedDependencies uri runDetails builder id product channel target sequence builds \
        namespace epoch previous keys algorithm spki roles authority update threshold keyids distrust allowGitCommit";
    for (_, payload) in payloads() {
        for key in keys.split_whitespace() {
            let member = format!(r#""{key}":"#);
            for (at, _) in payload.match_indices(&member) {
                for twin in [key.to_uppercase(), key.replacen('s', "\u{17f}", 1), key.replacen('k', "\u{212a}", 1)] {
                    if twin != key {
                        let payload = [&payload[..at], &format!(r#""{twin}":null,"#), &payload[at..]].concat();
                        refused(&payload, "case-colliding-keys");
                    }
                }
            }
        }
    }
    let envelope = String::from_utf8(entry(&update())).unwrap();
    for (key, twin) in [
        ("payload", "PAYLOAD"),
        ("payloadType", "payloadtype"),
        ("signatures", "ſignatures"),
        ("keyid", "keyId"),
        ("sig", "Sig"),
    ] {
        let envelope = with(&envelope, &format!(r#""{key}":"#), &format!(r#""{twin}":null,"{key}":"#));
        assert_eq!(Record::parse_submission(envelope.as_bytes()).unwrap_err().name(), "case-colliding-keys");
    }
}

#[test]
fn depth() {
    // The statement and the predicate are two of the 32.
    let nested = |depth| {
        with(&update(), r#""version":"#, &format!(r#""x":{}{},"version":"#, "[".repeat(depth), "]".repeat(depth)))
    };
    Statement::parse(nested(30).as_bytes()).unwrap();
    refused(&nested(31), "too-deep");
}

#[test]
fn limits() {
    #[track_caller]
    fn check(what: &str, max: usize, payload: impl Fn(usize) -> String) {
        Statement::parse(payload(max).as_bytes()).unwrap();
        match Statement::parse(payload(max + 1).as_bytes()) {
            Err(RecordError::Limit { what: field, have, max: most }) => {
                assert_eq!((field, have, most), (what, max + 1, max));
            }
            other => panic!("{other:?}"),
        }
    }
    let list = |payload: String, from: &str, items: String| {
        let at = payload.find(from).unwrap() + from.len();
        with(&payload, from, &format!("{},\"ignored\":[", &format!("{}{items}", &payload[at - from.len()..at - 1])))
    };
    let subject = |at| format!(r#"{{"name":"{at}","digest":{{"sha256":"{A}"}}}}"#);
    check("subject", 256, |count| list(update(), r#""subject":["#, array(count, subject)));
    let build_id = |at| format!("\"{}\"", Digest::of(&[at as u8]));
    check("predicate.builds", 64, |count| list(update(), r#""builds":["#, array(count, build_id)));
    check("predicate.products", 64, |count| {
        list(source(), r#""products":["#, array(count, |at| format!(r#""pkg:generic/acme/{at}""#)))
    });
    check("predicate.heldAt", 16, |count| list(source(), r#""heldAt":["#, array(count, |at| format!("\"{at}\""))));
    check("predicate.buildDefinition.resolvedDependencies", 256, |count| {
        list(build(), r#""resolvedDependencies":["#, array(count, |_| "{}".into()))
    });
    let letters = |count| "é".repeat(count / 2) + &"x".repeat(count % 2);
    for payload in [source(), update()] {
        check("predicate.version", 128, |bytes| with(&payload, r#""7.2.0""#, &format!("\"{}\"", letters(bytes))));
        check("subject[].name", 255, |bytes| with(&payload, "shield-7.2.0.pkg", &letters(bytes)));
        check("subject[].digest", 255, |bytes| with(&payload, "sha512", &letters(bytes)));
        check("subject[].digest", 255, |bytes| with(&payload, "00ff", &letters(bytes)));
        check("predicate.log", 255, |bytes| with(&payload, "log.acme.example/updates", &letters(bytes)));
    }
    check("predicate.heldAt[]", 2048, |bytes| with(&source(), "https://centre.example.ch/acme", &letters(bytes)));
    check("resolvedDependencies[].uri", 2048, |bytes| {
        with(&build(), "https://acme.example/shield.tar", &letters(bytes))
    });
    check("predicate.buildDefinition.buildType", 2048, |bytes| {
        with(&build(), "https://acme.example/make", &letters(bytes))
    });
    check("predicate.runDetails.builder.id", 2048, |bytes| {
        with(&build(), "https://acme.example/builder", &letters(bytes))
    });
    for (from, name) in [("stable", "channel"), ("linux-x86_64", "target")] {
        Statement::parse(with(&update(), from, &"x".repeat(64)).as_bytes()).unwrap();
        refused(&with(&update(), from, &"x".repeat(65)), name);
    }
    // Names of subjects are unique; the same bytes may have two names.
    let two = |other: &str| {
        list(update(), r#""subject":["#, format!("[{},{}]", subject(0), with(&subject(0), "\"0\"", other)))
    };
    Statement::parse(two("\"1\"").as_bytes()).unwrap();
    refused(&two("\"0\""), "repeated");
    refused(&two("\"\\u0030\""), "repeated");
}

#[test]
fn products() {
    #[track_caller]
    fn check(text: &str, error: ProductError) {
        assert_eq!(Product::parse(text), Err(error), "{text}");
    }
    for text in [
        "pkg:generic/shield",
        "pkg:generic/acme/shield",
        "pkg:golang/github.com/acme/shield/v2",
        "pkg:npm/%40acme/shield",
        "pkg:a.b-1/A-Z.a_z~0:9",
        "pkg:generic/caf%C3%A9/%F0%9F%98%80",
        "pkg:generic/a%20b%25%2B",
        "pkg:generic/.../..a",
    ] {
        assert_eq!(Product::parse(text).unwrap().as_str(), text);
    }
    for text in ["", "generic/acme", "PKG:generic/acme", "Pkg:generic/acme", " pkg:generic/acme", "pkg"] {
        check(text, ProductError::Scheme);
    }
    for text in ["pkg:", "pkg:/a", "pkg://generic/a", "pkg:Generic/a", "pkg:3d/a", "pkg:a+b/c", "pkg:a%20/b", "pkg:é/a"]
    {
        check(text, ProductError::Type);
    }
    check("pkg:generic", ProductError::NoName);
    for text in ["pkg:generic/", "pkg:generic//a", "pkg:generic/a/", "pkg:generic/a//b"] {
        check(text, ProductError::EmptySegment);
    }
    for text in ["pkg:generic/.", "pkg:generic/a/../b", "pkg:generic/./b"] {
        check(text, ProductError::DotSegment);
    }
    check("pkg:generic/a@1", ProductError::Version);
    check("pkg:npm/@acme/a", ProductError::Version);
    check("pkg:generic/a?os=x", ProductError::Qualifiers);
    check("pkg:generic/a#b", ProductError::Subpath);
    for text in ["%2f", "%", "%4", "%zz", "%%", "%c3%a9", "%C3%a9", "%2E", "%2E%2E", "%61", "%3A", "%7E", "%é"] {
        check(&format!("pkg:generic/{text}"), ProductError::Escape);
    }
    check("pkg:generic/a%2Fb", ProductError::Slash);
    for found in [' ', 'é', '+', '&', '=', '\\', '"', '\u{0}', '\u{7f}', '!', '*'] {
        check(&format!("pkg:generic/a{found}"), ProductError::Character { found });
    }
    for text in ["%FF", "%C3", "%ED%A0%80", "%C0%AF", "%00", "%0A", "%7F", "%C2%85"] {
        check(&format!("pkg:generic/{text}"), ProductError::Text);
    }
    let long = |bytes: usize| format!("pkg:generic/{}", "x".repeat(bytes - 12));
    Product::parse(&long(255)).unwrap();
    check(&long(256), ProductError::Long { have_bytes: 256 });
    for have in [ProductError::Long { have_bytes: 256 }, ProductError::Text, ProductError::Escape] {
        assert!(have.to_string().starts_with("it "));
    }
}

#[test]
fn namespaces_of_products() {
    let product = Product::parse("pkg:golang/github.com/acme/shield").unwrap();
    let prefixes: Vec<_> = product.prefixes().collect();
    assert_eq!(prefixes, ["pkg:golang/", "pkg:golang/github.com/", "pkg:golang/github.com/acme/"]);
    for prefix in prefixes {
        assert!(product.in_namespace(prefix));
    }
    for other in
        ["", "*", "pkg:", "pkg:golang", "pkg:golang/github.com/a", "pkg:golang/github.com/acme", product.as_str()]
    {
        assert!(!product.in_namespace(other), "{other}");
    }
    let deep = Product::parse("pkg:a/b/c/d/e/f/g/h/i/j/k").unwrap();
    assert_eq!(deep.prefixes().last(), Some("pkg:a/b/c/d/e/f/g/h/"));
    assert!(!deep.in_namespace("pkg:a/b/c/d/e/f/g/h/i/"));
}

#[test]
fn pre_authentication_encoding() {
    assert_eq!(pae(b"{}"), b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
    assert_eq!(pae(b""), b"DSSEv1 28 application/vnd.in-toto+json 0 ");
    let id = Digest::of(b"");
    assert_eq!(id.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(Digest::parse(&id.to_string()), Some(id));
    for bad in ["", "e3", &id.to_string().to_uppercase(), &format!("{id} "), &format!("{id}00")] {
        assert_eq!(Digest::parse(bad), None);
    }
}

#[test]
fn submissions() {
    // A subject name whose base64 has characters that the two alphabets differ in.
    let payload = with(&update(), "shield-7.2.0.pkg", "???>>>ÿÿÿ");
    let standard = encoding::base64(payload.as_bytes());
    let url_safe = standard.replace('+', "-").replace('/', "_");
    assert!(standard.contains('+') || standard.contains('/'));
    let want = Record::parse_entry(&entry(&payload)).unwrap();

    let keyid = Digest([3; 32]);
    let submission = |payload: &str, signatures: &str| {
        format!(
            " {{\"signatures\":{signatures},\n\"payloadType\":\"application/vnd.in-toto+json\",\"extra\":{{\"a\":1,\"A\":2}},\"payload\":\"{payload}\"}}\n"
        )
    };
    let one = r#"[{"sig":"/w=="}]"#;
    for text in [&standard, &url_safe] {
        let record = Record::parse_submission(submission(text, one).as_bytes()).unwrap();
        assert_eq!((record.id, &record.payload, &record.statement), (want.id, &want.payload, &want.statement));
    }
    for (signature, keyid, sig) in [
        (r#"{"sig":"/w=="}"#.into(), None, vec![255]),
        (r#"{"sig":"_w=="}"#.into(), None, vec![255]),
        (r#"{"sig":"","keyid":""}"#.into(), None, vec![]),
        (r#"{"sig":"AAAA","keyid":"SHA256:abc","cert":"…"}"#.into(), None, vec![0; 3]),
        (format!(r#"{{"sig":"AAAA","keyid":"{keyid}"}}"#), Some(keyid), vec![0; 3]),
        (format!(r#"{{"sig":"AAAA","keyid":"{}"}}"#, "A".repeat(64)), None, vec![0; 3]),
    ] {
        let record = Record::parse_submission(submission(&standard, &format!("[{signature}]")).as_bytes()).unwrap();
        assert_eq!(record.signatures, [EnvelopeSignature { keyid, sig }]);
    }

    #[track_caller]
    fn check(body: &str, name: &str, status: u16) {
        let error = Record::parse_submission(body.as_bytes()).unwrap_err();
        assert_eq!((error.name(), error.status()), (name, status), "{error}");
    }
    check("", "not-json", 400);
    check("[]", "wrong-type", 400);
    check("{}", "missing-field", 400);
    check(&submission(&standard, "{}"), "wrong-type", 400);
    check(&submission(&standard, "[]"), "empty", 400);
    check(&submission(&standard, "[{}]"), "missing-field", 400);
    check(&submission(&standard, "[1]"), "wrong-type", 400);
    check(&submission(&standard, r#"[{"sig":1}]"#), "wrong-type", 400);
    check(&submission(&standard, r#"[{"sig":"","keyid":1}]"#), "wrong-type", 400);
    for sig in ["A", "AA", "AA=", "/x==", "A A=", "/_8=", "AA==\\n", "AAAA=", "="] {
        check(&submission(&standard, &format!(r#"[{{"sig":"{sig}"}}]"#)), "wrong-base64", 400);
    }
    check(&submission(&format!("{standard}="), one), "wrong-base64", 400);
    check(&submission("", one), "not-json", 400);
    check(&submission("e30=", one), "missing-field", 400);
    let sixteen = array(16, |_| r#"{"sig":""}"#.into());
    Record::parse_submission(submission(&standard, &sixteen).as_bytes()).unwrap();
    check(&submission(&standard, &array(17, |_| r#"{"sig":""}"#.into())), "limit", 400);
    let good = submission(&standard, one);
    check(&good.replace("vnd.in-toto", "vnd.in-tot0"), "payload-type", 400);
    check(&good.replace("\"payloadType\"", "\"type\""), "missing-field", 400);
    check(&good.replace("\"payload\":", "\"payload\":7,\"x\":"), "wrong-type", 400);
    check(&good.replace("\"extra\"", "\"\\u0070ayload\""), "duplicate-key", 400);
    check(&format!("{good}{good}"), "not-json", 400);
    let spaces = |bytes: usize| good.clone() + &" ".repeat(bytes - good.len());
    Record::parse_submission(spaces(MAX_SUBMISSION_BYTES).as_bytes()).unwrap();
    check(&spaces(MAX_SUBMISSION_BYTES + 1), "too-large", 413);
}

#[test]
fn entries() {
    let record = Record::parse_entry(&entry(&update())).unwrap();
    let key = |byte| Digest([byte; 32]);
    let sig = |byte: u8| vec![byte; 64];
    // Sorted, and of each key the first.
    let signatures = [(key(2), sig(2)), (key(1), sig(1)), (key(2), sig(3))];
    let entry = record.entry(&signatures).unwrap();
    assert_eq!(entry, record.entry(&[(key(1), sig(1)), (key(2), sig(2))]).unwrap());
    let text = String::from_utf8(entry.clone()).unwrap();
    assert!(text.starts_with(r#"{"payload":"ey"#) && text.ends_with(r#"=="}]}"#), "{text}");
    let again = Record::parse_entry(&entry).unwrap();
    assert_eq!(again.id, record.id);
    assert_eq!(again.signatures[1], EnvelopeSignature { keyid: Some(key(2)), sig: sig(2) });

    #[track_caller]
    fn check(entry: &str, name: &str) {
        let error = Record::parse_entry(entry.as_bytes()).unwrap_err();
        assert_eq!(error.name(), name, "{entry}");
    }
    let first = format!(r#"{{"keyid":"{}","sig":"{}"}}"#, key(1), encoding::base64(&sig(1)));
    let second = format!(r#"{{"keyid":"{}","sig":"{}"}}"#, key(2), encoding::base64(&sig(2)));
    let both = format!("{first},{second}");
    for (from, to) in [
        ("{\"payload\"", " {\"payload\""),
        ("\"payload\":", "\"payload\": "),
        ("]}", "]}\n"),
        ("]}", "],\"x\":1}"),
        ("payloadType", "payload\\u0054ype"),
        ("in-toto+json", "in-toto\\u002bjson"),
        (&both, &format!("{second},{first}")),
        (&both, &format!("{first},{first}")),
        (&both, &format!("{first},{second},{second}")),
        (&both, &with(&both, &key(1).to_string(), "")),
        (&both, &with(&both, &key(1).to_string(), &key(1).to_string().replace("01", "0A"))),
        (&both, &with(&first, &format!("\"keyid\":\"{}\",", key(1)), "")),
        (&both, &format!(r#"{{"sig":"{}","keyid":"{}"}}"#, encoding::base64(&sig(1)), key(1))),
        (&both, &with(&both, &encoding::base64(&sig(1)), "_w==")),
    ] {
        check(&with(&text, from, to), "not-canonical");
    }
    let (payload_type, payload) = (r#""payloadType":"application/vnd.in-toto+json""#, text.split('"').nth(3).unwrap());
    check(&format!(r#"{{{payload_type},"payload":"{payload}","signatures":[{first}]}}"#), "not-canonical");
    check(&with(&text, &both, ""), "empty");

    // Seventeen keys are too many, sixteen are not.
    let many: Vec<_> = (0..17).map(|byte| (key(byte), sig(byte))).collect();
    Record::parse_entry(&record.entry(&many[..16]).unwrap()).unwrap();
    let error = RecordError::Limit { what: "signatures", have: 17, max: 16 };
    assert_eq!(record.entry(&many), Err(error));
    assert_eq!(record.entry(&[]), Err(RecordError::Empty { field: "signatures" }));
}

#[test]
fn entries_end_at_65_535_bytes() {
    let payload = |bytes: usize| {
        let short = with(&update(), r#""version""#, r#""notes":"","version""#);
        with(&short, r#""notes":""#, &format!(r#""notes":"{}"#, "x".repeat(bytes - short.len())))
    };
    // 1 byte of signature is 4 characters, as are 3 bytes of payload.
    let overhead = PREFIX.len() + MIDDLE.len() + 2 + r#"{"keyid":"","sig":""}"#.len() + 64;
    let most = (MAX_ENTRY_BYTES - overhead) / 4 * 3;
    let signature = |bytes| [(Digest([1; 32]), vec![0; bytes])];
    let entry = envelope(payload(most - 3).as_bytes(), &signature(1)).unwrap();
    assert!((MAX_ENTRY_BYTES - 3..=MAX_ENTRY_BYTES).contains(&entry.len()), "{}", entry.len());
    let record = Record::parse_entry(&entry).unwrap();
    for (payload, signature) in [(payload(most), signature(1)), (payload(most - 3), signature(4))] {
        let error = envelope(payload.as_bytes(), &signature).unwrap_err();
        assert_eq!((error.name(), error.status()), ("too-large", 413));
    }
    assert_eq!(record.entry(&signature(4)).unwrap_err().status(), 413);
    // Refused as a submission too, before any signature is looked at.
    let bare = |payload: String| {
        let payload = encoding::base64(payload.as_bytes());
        let text = format!(r#"{{"payload":"{payload}","payloadType":"{PAYLOAD_TYPE}","signatures":[{{"sig":""}}]}}"#);
        Record::parse_submission(text.as_bytes())
    };
    bare(payload(most)).unwrap();
    assert_eq!(bare(payload(most + 300)).unwrap_err().status(), 413);
    let mut long = entry;
    long.resize(MAX_ENTRY_BYTES + 1, b' ');
    assert_eq!(Record::parse_entry(&long).unwrap_err().status(), 413);
}

#[test]
fn names_are_stable_and_plain() {
    let key = Digest([0; 32]);
    let text = String::from("x");
    let field = "f";
    let json = json::parse(b"[").unwrap_err();
    let authority = crate::authority::AuthorityError::UnusedKey { keyid: key };
    let errors = [
        (RecordError::Json { part: Part::Payload, error: json }, "not-json"),
        (RecordError::CaseCollidingKeys { first: text.clone(), second: text.clone() }, "case-colliding-keys"),
        (RecordError::TooLarge { what: field, have_bytes: 2, max_bytes: 1 }, "too-large"),
        (RecordError::Limit { what: field, have: 2, max: 1 }, "limit"),
        (RecordError::Empty { field }, "empty"),
        (RecordError::MissingField { field }, "missing-field"),
        (RecordError::WrongType { field, expected: "a", have: "b" }, "wrong-type"),
        (RecordError::Integer { field, have: text.clone() }, "integer"),
        (RecordError::ControlCharacter { field, found: '\0' }, "control-character"),
        (RecordError::WrongBase64 { field }, "wrong-base64"),
        (RecordError::Digest { field, have: text.clone(), expected: "64" }, "digest"),
        (RecordError::Repeated { field, item: text.clone() }, "repeated"),
        (RecordError::NotCanonical { at: 0 }, "not-canonical"),
        (RecordError::PayloadType { have: text.clone() }, "payload-type"),
        (RecordError::StatementType { have: text.clone() }, "statement-type"),
        (RecordError::UnknownPredicate { have: text.clone() }, "unknown-predicate"),
        (RecordError::Subject { kind: Kind::Policy, name: text.clone(), sha256: key }, "subject"),
        (RecordError::Log { have: text.clone() }, "log"),
        (RecordError::Product { have: text.clone(), why: ProductError::Type }, "product"),
        (RecordError::Channel { have: text.clone() }, "channel"),
        (RecordError::Target { have: text.clone() }, "target"),
        (RecordError::Sequence { have: text.clone() }, "sequence"),
        (RecordError::Word { field, have: text.clone(), expected: "y" }, "word"),
        (RecordError::Namespace { field, have: text.clone(), expected: "y" }, "namespace"),
        (RecordError::Time { field, have: text.clone() }, "time"),
        (RecordError::Interval { from: 2, until: 1 }, "interval"),
        (RecordError::Previous { epoch: 1 }, "previous"),
        (RecordError::PolicyUri { have: text }, "policy-uri"),
        (RecordError::Replacement { id: key }, "replacement"),
        (RecordError::Policy(crate::policy::Policy::parse(b"x").unwrap_err()), "policy"),
        (RecordError::Authority(authority), "unused-key"),
    ];
    for (error, name) in errors {
        assert_eq!(error.name(), name);
        assert_eq!(error.status(), if name == "too-large" { 413 } else { 400 });
        assert!(!error.to_string().starts_with(char::is_uppercase), "{error}");
    }
}

/// Every entry one byte away is refused or is another record, and its own canonical form; every shorter one is refused.
#[test]
fn mangled_entries() {
    for (kind, payload) in payloads() {
        let entry = entry(&payload);
        let record = Record::parse_entry(&entry).unwrap();
        // Every byte takes every other value in one kind; in the others each bit flips.
        let changes = (1..=255_u8).filter(|change| kind == Kind::Update || change.is_power_of_two());
        let mut other = 0;
        for at in 0..entry.len() {
            for change in changes.clone() {
                let mut mangled = entry.clone();
                mangled[at] ^= change;
                let Ok(found) = Record::parse_entry(&mangled) else { continue };
                assert!(found.id != record.id || found.signatures != record.signatures, "{at}");
                let signatures = found.signatures.iter().map(|one| (one.keyid.unwrap(), one.sig.clone()));
                assert_eq!(found.entry(&signatures.collect::<Vec<_>>()).unwrap(), mangled);
                other += 1;
            }
            assert!(Record::parse_entry(&entry[..at]).is_err());
            assert!(Record::parse_submission(&entry[..at]).is_err());
        }
        assert!(other > 100, "{other}");
    }
}

/// Whatever a statement parses to, writing it and parsing it again gives the same.
#[test]
fn mangled_statements() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for (_, payload) in payloads() {
        let mut accepted = 0;
        for _ in 0..5_000 {
            let mangled = random.mangled(payload.as_bytes());
            let Ok(statement) = Statement::parse(&mangled) else { continue };
            assert_eq!(Statement::parse(statement.to_json().as_bytes()).as_ref(), Ok(&statement));
            accepted += 1;
        }
        assert!(accepted > 50, "{accepted}");
    }
    let entry = entry(&update());
    for _ in 0..5_000 {
        let mangled = random.mangled(&entry);
        let _ = Record::parse_entry(&mangled);
        if let Ok(record) = Record::parse_submission(&mangled) {
            let signatures: Vec<_> =
                record.signatures.iter().filter_map(|one| Some((one.keyid?, one.sig.clone()))).collect();
            if let Ok(entry) = record.entry(&signatures) {
                assert_eq!(Record::parse_entry(&entry).map(|record| record.id), Ok(record.id));
            }
        }
    }
}
