use super::*;
use crate::state::Rebuilt;
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
            (r#""sequence":41"#, r#""sequence":0"#, "not-a-sequence"),
            (r#""sequence":41"#, r#""sequence":-1"#, "not-a-sequence"),
            (r#""sequence":41"#, r#""sequence":41.0"#, "not-a-sequence"),
            (r#""sequence":41"#, r#""sequence":4e1"#, "not-a-sequence"),
            (r#""sequence":41"#, r#""sequence":9007199254740992"#, "not-a-sequence"),
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
    check(
        rebuild(),
        &[
            (r#""verifier":{"#, r#""verifiers":{"#, "missing-field"),
            (r#""verifier":{"#, r#""verifier":"x","v":{"#, "wrong-type"),
            (r#""verifier":{"id""#, r#""verifier":{"ID""#, "missing-field"),
            ("https://rebuild.example.ch", "https://rebuild.example.ch/", "namespace"),
            ("https://rebuild.example.ch", "https://Rebuild.example.ch", "namespace"),
            ("https://rebuild.example.ch", "http://rebuild.example.ch", "namespace"),
            ("https://rebuild.example.ch", "pkg:generic/acme/", "namespace"),
            ("https://rebuild.example.ch", "*", "namespace"),
            (r#""timeVerified""#, r#""timeverified""#, "missing-field"),
            (r#""2026-11-23T18:20:40Z""#, "1795458040", "wrong-type"),
            ("2026-11-23T18:20:40Z", "2026-11-23T18:20:40+00:00", "time"),
            ("2026-11-23T18:20:40Z", "2026-11-31T18:20:40Z", "time"),
            ("2026-11-23T18:20:40Z", "2026-11-23 18:20:40Z", "time"),
            (r#""policy":{"#, r#""policies":{"#, "missing-field"),
            (r#""policy":{"uri""#, r#""policy":{"url""#, "missing-field"),
            ("urn:glarus:rebuild:v1:log", "urn:glarus:rebuild:v2:log", "policy-uri"),
            ("urn:glarus:rebuild:v1:log", "https://slsa.dev/policy:log", "policy-uri"),
            ("urn:glarus:rebuild:v1:log.acme.example/updates", "urn:glarus:rebuild:v1:", "empty"),
            ("urn:glarus:rebuild:v1:log", "urn:glarus:rebuild:v1:log ", "log"),
            ("urn:glarus:rebuild:v1:log", "urn:glarus:rebuild:v1:log+", "log"),
            (r#""inputAttestations":["#, r#""inputAttestations":[],"i":["#, "empty"),
            (r#""inputAttestations":["#, r#""inputAttestations":[{},"#, "limit"),
            (r#""inputAttestations":["#, r#""inputattestations":["#, "missing-field"),
            (r#""inputAttestations":[{"#, r#""inputAttestations":[7],"i":[{"#, "wrong-type"),
            (r#""inputAttestations":[{"digest""#, r#""inputAttestations":[{"uri""#, "missing-field"),
            (&format!(r#"[{{"digest":{{"sha256":"{A}"}}}}]"#), r#"[{"digest":{"sha1":"00"}}]"#, "missing-field"),
            (&format!(r#"[{{"digest":{{"sha256":"{A}"}}}}]"#), r#"[{"digest":{"sha256":"00"}}]"#, "digest"),
            ("PASSED", "passed", "word"),
            ("PASSED", "", "word"),
            (r#""verificationResult""#, r#""result""#, "missing-field"),
            (r#""rebuilt":["#, r#""rebuilt":null,"r":["#, "wrong-type"),
            (r#""rebuilt":["#, r#""rebuilt":[null,"#, "wrong-type"),
            (r#""rebuilt":["#, r#""rebuilt":[{"name":"x","digest":{}},"#, "missing-field"),
            (
                r#""rebuilt":["#,
                &format!(r#""rebuilt":[{{"name":"shield-7.2.0.pkg","digest":{{"sha256":"{A}"}}}},"#),
                "repeated",
            ),
        ],
    );
    check(
        withdrawal(),
        &[
            (r#""log":"#, r#""lo":"#, "missing-field"),
            (r#""updates":["#, r#""updates":[],"u":["#, "empty"),
            (r#""updates":["#, &format!(r#""updates":["{A}","#), "repeated"),
            (r#""updates":["#, r#""updates":["x","#, "digest"),
            (r#""updates":["#, r#""updates":[1,"#, "wrong-type"),
            (r#""updates":"#, r#""update":"#, "missing-field"),
            ("deletes what it should guard", "", "empty"),
            ("deletes what", r"deletes\nwhat", "control-character"),
            (r#""reason":"#, r#""reason":null,"r":"#, "wrong-type"),
            (r#""reason":"#, r#""r":"#, "missing-field"),
            (r#""high""#, r#""High""#, "word"),
            (r#""high""#, r#""none""#, "word"),
            (r#""high""#, "3", "wrong-type"),
            (r#""severity":"#, r#""s":"#, "missing-field"),
            (r#","replacement":"#, r#","r":"#, "missing-field"),
            (&format!("\"{B}\""), "\"\"", "digest"),
            (&format!("\"{B}\""), "0", "wrong-type"),
            (B, A, "replacement"),
        ],
    );
    check(
        review(),
        &[
            (r#""log":"#, r#""lo":"#, "missing-field"),
            (r#""of":"#, r#""f":"#, "missing-field"),
            (r#""of":"a"#, r#""of":""#, "digest"),
            (r#""of":"#, r#""of":null,"f":"#, "wrong-type"),
            ("https://centre.example.ch", "centre.example.ch", "namespace"),
            (r#""party":"#, r#""p":"#, "missing-field"),
            (r#""held""#, r#""Held""#, "word"),
            (r#""held""#, r#""holds""#, "word"),
            (r#""held""#, r#""policy""#, "subject"),
            (r#""what":"#, r#""w":"#, "missing-field"),
            ("confirmed", "denied", "word"),
            (r#""outcome":"#, r#""o":"#, "missing-field"),
            ("1795458040", "1795458040.5", "integer"),
            ("1795458040", "-1", "integer"),
            ("1795458040", "\"2026-11-23T18:20:40Z\"", "wrong-type"),
            (r#""time":"#, r#""t":"#, "missing-field"),
            (r#""Glarus""#, r#""""#, "empty"),
            (r#""centre":"#, r#""center":"#, "missing-field"),
        ],
    );
    check(
        policy(),
        &[
            (r#""predicate":{"log":"log."#, r#""predicate":{"log":"other."#, "subject"),
            (r#""name":"log."#, r#""name":"other."#, "subject"),
            (r#""epoch":1"#, r#""epoch":0"#, "previous"),
            (r#""epoch":1"#, r#""epoch":1e0"#, "integer"),
            (r#""epoch":1,"#, "", "missing-field"),
            (&format!("\"{A}\""), "null", "previous"),
            (A, "x", "digest"),
            (r#""previous":"#, r#""p":"#, "missing-field"),
            (r"quorum none\n", "quorum none", "policy"),
            (r"quorum none\n", "", "policy"),
            (r"quorum none\n", r"quorum some\n", "policy"),
            (r"quorum none\n", r"quorum none\r\n", "policy"),
            (r#""policy":"#, r#""policy":null,"p":"#, "wrong-type"),
            (r#""policy":"#, r#""p":"#, "missing-field"),
        ],
    );
    check(
        access(),
        &[
            (r#""log":"#, r#""lo":"#, "missing-field"),
            ("pkg:generic/acme/", "pkg:generic/acme", "namespace"),
            ("pkg:generic/acme/", "https://acme.example", "namespace"),
            ("pkg:generic/acme/", "*", "namespace"),
            (r#""namespace":"#, r#""n":"#, "missing-field"),
            (r#""store":"telemetry""#, r#""store":"telemetrie""#, "subject"),
            (r#""store":"telemetry""#, r#""store":"""#, "empty"),
            (r#""store":"#, r#""s":"#, "missing-field"),
            ("support case 4711", "", "empty"),
            (r#""purpose":"#, r#""p":"#, "missing-field"),
            ("1795458040", "1795544441", "interval"),
            ("1795544440", "1795458039", "interval"),
            (r#""from":"#, r#""since":"#, "missing-field"),
            (r#""until":"#, r#""to":"#, "missing-field"),
            (r#""until":1795544440"#, r#""until":null"#, "wrong-type"),
            (r#""commitment":"a"#, r#""commitment":"A"#, "digest"),
            (r#""commitment":"#, r#""c":"#, "missing-field"),
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
    let rebuilt =
        format!(r#","rebuilt":[{{"name":"shield-7.2.0.pkg","digest":{{"sha256":"{B}","gitCommit":"{COMMIT}"}}}}]"#);
    for (payload, from, to) in [
        (rebuild(), "PASSED", "FAILED"),
        (rebuild(), rebuilt.as_str(), ""),
        (rebuild(), rebuilt.as_str(), r#","rebuilt":[]"#),
        (rebuild(), ":40Z", ":40.123456789Z"),
        (withdrawal(), &format!("\"{B}\""), "null"),
        (withdrawal(), "high", "low"),
        (withdrawal(), "high", "medium"),
        (withdrawal(), "high", "critical"),
        (review(), "held", "examined"),
        (review(), "confirmed", "contradicted"),
        (review(), "1795458040", "0"),
        (access(), "1795544440", "1795458040"),
    ] {
        let payload = with(&payload, from, to);
        let statement = Statement::parse(payload.as_bytes()).unwrap();
        assert_eq!(Statement::parse(statement.to_json().as_bytes()), Ok(statement));
    }
}

/// A review of a policy is about the log; what it says is read as such.
#[test]
fn reviews_of_policies() {
    let predicate = review();
    let predicate =
        predicate.split_once(r#""predicate":"#).unwrap().1.strip_suffix('}').unwrap().replace("held", "policy");
    let payload = statement_of(LOG, "urn:glarus:review:v1", &predicate);
    let statement = Statement::parse(payload.as_bytes()).unwrap();
    assert_eq!(statement.to_json(), payload);
    let Predicate::Review(review) = statement.predicate else { panic!() };
    assert_eq!((review.what, review.party.as_str()), (What::Policy, "https://centre.example.ch"));
    for what in What::ALL {
        assert_eq!(What::from_name(what.name()), Some(what));
    }
    for severity in Severity::ALL {
        assert_eq!(Severity::from_name(severity.name()), Some(severity));
    }
}

/// Provenance and verification summaries in the shapes that hosted tools write.
#[test]
fn hosted_generators() {
    let uri = "git+https://git.example/acme/shield@refs/tags/v7.2.0";
    let material = |digest: &str| {
        let older = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2","subject":[{{"name":"shield-7.2.0.pkg","digest":{{"sha256":"{A}"}}}}],"predicate":{{"builder":{{"id":"https://ci.example/generator"}},"buildType":"https://ci.example/generic@v1","invocation":{{"configSource":{{"uri":"{uri}","digest":{{"sha1":"{COMMIT}"}},"entryPoint":"release.yml"}},"parameters":{{}},"environment":{{"actor":"a","Actor":1}}}},"buildConfig":{{"version":1,"steps":[]}},"metadata":{{"buildInvocationID":"1-1","buildStartedOn":null,"completeness":{{"parameters":true}},"reproducible":false}},"materials":[{{"uri":"{uri}","digest":{digest}}}]}}}}"#
        );
        let newer = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"shield-7.2.0.pkg","digest":{{"sha256":"{A}"}}}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{{"buildDefinition":{{"buildType":"https://ci.example/generic@v1","externalParameters":{{"workflow":{{"ref":"refs/tags/v7.2.0"}}}},"internalParameters":{{"event":{{"name":"push"}}}},"resolvedDependencies":[{{"uri":"{uri}","digest":{digest}}}]}},"runDetails":{{"builder":{{"id":"https://ci.example/generator","version":{{}}}},"metadata":{{"invocationId":"https://ci.example/runs/1"}}}}}}}}"#
        );
        [older, newer]
    };
    let expected = |git_commit: Option<&str>, sha256| {
        let dependency = Dependency { uri: Some(uri.into()), sha256, git_commit: git_commit.map(Into::into) };
        let (build_type, builder) = ("https://ci.example/generic@v1".into(), "https://ci.example/generator".into());
        Predicate::Build(Build { build_type, builder, dependencies: vec![dependency] })
    };
    let other = COMMIT.replace('c', "d");
    let sha256 = Digest::parse(B);
    for (digest, want) in [
        (format!(r#"{{"sha1":"{COMMIT}"}}"#), expected(Some(COMMIT), None)),
        (format!(r#"{{"gitCommit":"{COMMIT}"}}"#), expected(Some(COMMIT), None)),
        (format!(r#"{{"sha1":"{other}","gitCommit":"{COMMIT}"}}"#), expected(Some(COMMIT), None)),
        (format!(r#"{{"sha1":"{COMMIT}","gitCommit":""}}"#), expected(Some(COMMIT), None)),
        (format!(r#"{{"sha1":"{COMMIT}","sha256":"{B}"}}"#), expected(Some(COMMIT), sha256)),
        (r#"{"sha1":""}"#.into(), expected(None, None)),
        ("null".into(), expected(None, None)),
    ] {
        for payload in material(&digest) {
            let statement = Statement::parse(payload.as_bytes()).unwrap();
            assert_eq!(statement.predicate, want, "{payload}");
            assert_eq!(Statement::parse(statement.to_json().as_bytes()), Ok(statement));
            // Of what is no git repository it is a file's SHA-1.
            let file = payload.replace("git+https", "https");
            let Predicate::Build(build) = Statement::parse(file.as_bytes()).unwrap().predicate else { panic!() };
            assert_eq!(build.dependencies[0].git_commit.is_some(), digest.contains(r#""gitCommit":"c"#));
        }
    }
    for bad in [r#"{"sha1":"00"}"#, r#"{"sha1":"CC"}"#] {
        material(bad).iter().for_each(|payload| refused(payload, "digest"));
    }
    material(r#"{"sha1":1}"#).iter().for_each(|payload| refused(payload, "wrong-type"));
    let [older, _] = material(&format!(r#"{{"sha1":"{COMMIT}"}}"#));
    for (from, to, name) in [
        (r#""builder":{"#, r#""builders":{"#, "missing-field"),
        (r#""builder":{"id":"#, r#""builder":{"ID":"#, "missing-field"),
        (r#""builder":"#, r#""Builder":1,"builder":"#, "case-colliding-keys"),
        (r#""buildType":"https://ci.example/generic@v1","#, "", "missing-field"),
        (r#""buildType":"https://ci.example/generic@v1""#, r#""buildType":"""#, "empty"),
        (r#""materials":["#, r#""materials":[7,"#, "wrong-type"),
        (r#""materials":["#, r#""materials":"x","m":["#, "wrong-type"),
        (r#""materials":[{"#, r#""materials":[{"URI":1,"#, "case-colliding-keys"),
    ] {
        refused(&with(&older, from, to), name);
    }
    for none in [r#""materials":null,"m":["#, r#""materials":[],"m":["#, r#""m":["#] {
        let payload = with(&older, r#""materials":["#, none);
        let Predicate::Build(build) = Statement::parse(payload.as_bytes()).unwrap().predicate else { panic!() };
        assert_eq!(build.dependencies, []);
    }

    let summary = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"shield-7.2.0.pkg","digest":{{"sha256":"{A}"}}}}],"predicateType":"https://slsa.dev/verification_summary/v1","predicate":{{"verifier":{{"id":"https://rebuild.example.ch","version":{{"rebuilder":"1.2"}}}},"timeVerified":"2026-11-23T18:20:40.25Z","resourceUri":"https://dl.example/shield-7.2.0.pkg","policy":{{"uri":"urn:glarus:rebuild:v1:{LOG}","digest":{{"sha256":"{B}"}}}},"inputAttestations":[{{"uri":"https://dl.example/provenance.intoto.jsonl","digest":{{"sha256":"{B}"}}}}],"verificationResult":"FAILED","verifiedLevels":["FAILED"],"dependencyLevels":{{"SLSA_BUILD_LEVEL_3":1}},"slsaVersion":"1.0"}}}}"#
    );
    let Predicate::Rebuild(rebuild) = Statement::parse(summary.as_bytes()).unwrap().predicate else { panic!() };
    assert_eq!((rebuild.log.as_str(), rebuild.party.as_str()), (LOG, "https://rebuild.example.ch"));
    assert_eq!(
        (rebuild.build.to_string().as_str(), rebuild.outcome, rebuild.time),
        (B, Rebuilt::Failed, 1_795_458_040)
    );
    assert_eq!(rebuild.rebuilt, []);
}

/// Every example of `record.md` is a statement, and there is one of each kind.
#[test]
fn the_examples_of_the_chapter() {
    let chapter = include_str!("../../record.md");
    let mut kinds = Vec::new();
    for block in chapter.split("```json\n").skip(1) {
        let payload = block.split("```").next().unwrap();
        let statement = Statement::parse(payload.as_bytes()).unwrap_or_else(|error| panic!("{error}: {payload}"));
        assert_eq!(Statement::parse(statement.to_json().as_bytes()).as_ref(), Ok(&statement));
        assert!(statement.predicate.log().is_none_or(|log| log == LOG));
        kinds.push(statement.predicate.kind());
    }
    // Provenance has two versions.
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Build).count(), 2);
    kinds.dedup();
    assert_eq!(kinds, Kind::ALL);
    for kind in Kind::ALL {
        assert!(
            chapter.contains(&format!("\n## {kind}\n"))
                && chapter.contains(&format!("| [{kind}](#{kind}) | `{}`", kind.predicate_type()))
        );
    }
}

/// In every object whose members are read, a twin of any key that is read, by case, is refused.
#[test]
fn keys_that_differ_by_case() {
    let keys = "_type subject name digest sha256 gitCommit predicateType predicate log products version heldAt \
        buildDefinition buildType resolvedDependencies uri runDetails builder id product channel target sequence builds \
        verifier timeVerified policy inputAttestations verificationResult rebuilt updates reason severity replacement of \
        party what outcome time centre store purpose from until commitment \
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
    check("predicate.updates", 64, |count| list(withdrawal(), r#""updates":["#, array(count, build_id)));
    check("predicate.reason", 1024, |bytes| with(&withdrawal(), "deletes what it should guard", &letters(bytes)));
    check("predicate.purpose", 1024, |bytes| with(&access(), "support case 4711", &letters(bytes)));
    check("predicate.centre", 255, |bytes| with(&review(), r#""Glarus""#, &format!("\"{}\"", letters(bytes))));
    check("predicate.rebuilt", 256, |count| list(rebuild(), r#""rebuilt":["#, array(count, subject)));
    check("predicate.rebuilt[].name", 255, |bytes| {
        with(
            &rebuild(),
            r#""rebuilt":[{"name":"shield-7.2.0.pkg""#,
            &format!(r#""rebuilt":[{{"name":"{}""#, letters(bytes)),
        )
    });
    check("predicate.policy.uri", 255, |bytes| with(&rebuild(), LOG, &letters(bytes)));
    check("predicate.store", 255, |bytes| {
        let predicate = access()
            .split_once(r#""predicate":"#)
            .unwrap()
            .1
            .replace(r#""telemetry""#, &format!("\"{}\"", letters(bytes)));
        statement_of(&letters(bytes.min(255)), "urn:glarus:access:v1", predicate.strip_suffix('}').unwrap())
    });
    check("predicate.materials", 256, |count| {
        statement(
            "https://slsa.dev/provenance/v0.2",
            &format!(r#"{{"builder":{{"id":"x"}},"buildType":"x","materials":{}}}"#, array(count, |_| "{}".into())),
        )
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

/// A Sigstore bundle, as keyless signing writes it, around an envelope.
fn sigstore_bundle(version: &str, envelope: &str) -> String {
    format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle{version}","verificationMaterial":{{"certificate":{{"rawBytes":"AAAA"}},"tlogEntries":[{{"logIndex":"1","kindVersion":{{"kind":"dsse","version":"0.0.1"}}}}],"timestampVerificationData":{{}}}},"dsseEnvelope":{envelope}}}"#
    )
}

#[test]
fn sigstore_bundles() {
    let payload = encoding::base64(update().as_bytes());
    let envelope = format!(
        r#"{{"payload":"{payload}","payloadType":"application/vnd.in-toto+json","signatures":[{{"sig":"MAA=","keyid":""}}]}}"#
    );
    let want = Record::parse_submission(envelope.as_bytes()).unwrap();
    assert_eq!(want.signatures, [EnvelopeSignature { keyid: None, sig: vec![0x30, 0] }]);
    for version in [".v0.3+json", "+json;version=0.1", "+json;version=0.2"] {
        let bundle = sigstore_bundle(version, &envelope);
        assert_eq!(Record::parse_submission(bundle.as_bytes()).as_ref(), Ok(&want));
        assert!(Record::parse_entry(bundle.as_bytes()).is_err());
    }
    let entry = String::from_utf8(entry(&update())).unwrap();
    let error = Record::parse_entry(sigstore_bundle(".v0.3+json", &entry).as_bytes()).unwrap_err();
    assert_eq!(error.name(), "not-canonical");

    let good = sigstore_bundle(".v0.3+json", &envelope);
    for (from, to, name) in [
        ("dsseEnvelope", "messageSignature", "missing-field"),
        ("\"dsseEnvelope\":{", "\"dsseEnvelope\":7,\"d\":{", "wrong-type"),
        ("\"dsseEnvelope\":", "\"DSSEEnvelope\":7,\"dsseEnvelope\":", "case-colliding-keys"),
        ("\"payload\":", "\"PAYLOAD\":7,\"payload\":", "case-colliding-keys"),
        ("vnd.dev.sigstore", "vnd.dev.other", "missing-field"),
        ("mediaType", "mediatype", "missing-field"),
    ] {
        let error = Record::parse_submission(with(&good, from, to).as_bytes()).unwrap_err();
        assert_eq!(error.name(), name, "{from} {to}");
    }
    // An envelope with a media type of its own is an envelope.
    let typed = with(&envelope, "{", r#"{"mediaType":"application/vnd.dsse.envelope.v1+json","#);
    assert_eq!(Record::parse_submission(typed.as_bytes()), Ok(want));
}

#[test]
fn submissions_of_a_file() {
    let one = String::from_utf8(entry(&update())).unwrap();
    let other = sigstore_bundle(".v0.3+json", &String::from_utf8(entry(&build())).unwrap());
    let pretty = one.replace(',', ",\n  ").replace('{', "{\n");
    #[track_caller]
    fn check(file: &str, want: &[&str]) {
        let found = super::submissions(file.as_bytes()).unwrap();
        assert_eq!(found, want.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
        assert!(found.iter().all(|found| Record::parse_submission(found).is_ok()));
    }
    check(&one, &[&one]);
    check(&format!("{one}\n"), &[&one]);
    check(&format!("{one}\n{other}\n"), &[&one, &other]);
    check(&format!("\n{one}\r\n \n\n{other}"), &[&format!("{one}\r"), &other]);
    check(&pretty, &[&pretty]);
    check(&format!("\n{pretty}\n"), &[&format!("\n{pretty}\n")]);
    let error = |file: &[u8]| super::submissions(file).unwrap_err();
    assert_eq!(error(b""), RecordError::Empty { field: "the file" });
    assert_eq!(error(b" \n\r\n"), RecordError::Empty { field: "the file" });
    let lines = "{}\n".repeat(MAX_SUBMISSIONS);
    assert_eq!(super::submissions(lines.as_bytes()).unwrap().len(), MAX_SUBMISSIONS);
    assert_eq!(error(format!("{lines}{{}}").as_bytes()).name(), "limit");
    let long = format!("{{{}}}", " ".repeat(MAX_SUBMISSION_BYTES));
    for file in [long.clone(), format!("{{}}\n{long}\n"), long.replace(' ', "\n"), "x".repeat(MAX_SUBMISSION_BYTES + 1)]
    {
        assert_eq!(error(file.as_bytes()).status(), 413);
    }
    // What is no object is for the parser to refuse, as one.
    for file in ["[]\n{}", "x\n{}\n", "{\n}\n"] {
        assert_eq!(super::submissions(file.as_bytes()).unwrap(), [file.as_bytes()]);
    }
}

/// Entries are taken apart without a reader of JSON. What that one reads as a submission, and what is then written again, says
/// the same of whether bytes are an entry, and of what.
#[test]
fn an_entry_is_a_submission_in_its_one_form() {
    let by_json = |bytes: &[u8]| {
        let record = Record::parse_submission(bytes).ok()?;
        let signatures = record.signatures.iter().map(|one| Some((one.keyid?, one.sig.clone())));
        let again = record.entry(&signatures.collect::<Option<Vec<_>>>()?).ok()?;
        (again == bytes).then_some(record)
    };
    let record = Record::parse_entry(&entry(&update())).unwrap();
    let signature = |number: u8| (Digest([number; 32]), vec![number; usize::from(number) % 7]);
    let mut random = Random(11);
    let mut taken = 0;
    for count in [1, 2, 3, 16] {
        let one = record.entry(&(0..count).map(signature).collect::<Vec<_>>()).unwrap();
        assert_eq!(Record::parse_entry(&one).ok(), by_json(&one));
        for round in 0..10_000 {
            // Half of the changes are behind the payload.
            let from = if round % 2 == 0 { 0 } else { one.len() - usize::from(count) * 90 - 80 };
            let bytes = [&one[..from], &random.mangled(&one[from..])].concat();
            let read = Record::parse_entry(&bytes).ok();
            assert_eq!(read, by_json(&bytes), "{}", String::from_utf8_lossy(&bytes));
            taken += usize::from(read.is_some());
        }
    }
    assert!(taken > 100, "{taken} of the changed ones are entries");
    for (from, to) in [
        (r#","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":""#, ""),
        (r#""}]}"#, r#""}]} "#),
        (r#""}]}"#, r#""},]}"#),
        (r#""}]}"#, r#""}]}}"#),
        (r#""keyid":""#, r#""keyid": ""#),
        (r#"/vnd"#, r#"\/vnd"#),
    ] {
        let bytes = with(core::str::from_utf8(&entry(&update())).unwrap(), from, to).into_bytes();
        assert_eq!((Record::parse_entry(&bytes).ok(), by_json(&bytes)), (None, None), "{from}");
    }
    // Without any signature, as the payload's own end and the end of all.
    let none = [PREFIX, &crate::encoding::base64(&record.payload), END].concat();
    assert!(Record::parse_entry(none.as_bytes()).is_err());
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
        (RecordError::Sequence { have: text.clone() }, "not-a-sequence"),
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
